"""What another has signed and waits for this customer's signature."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext

from apps.bulk.queries import list_payment_files_to_sign
from apps.payments.queries import list_payments_to_sign
from apps.payments.standing_orders import list_standing_orders_to_sign

if TYPE_CHECKING:
    from apps.portal.guard import Visit


@dataclass(frozen=True, slots=True)
class ToSign:
    """One row of the list: where it leads, who is paid and how much; ``note`` says what it is and who has signed."""

    url: str
    title: str
    note: str
    amount_minor: int
    currency: str


def list_to_sign(visit: "Visit") -> list[ToSign]:
    """All of it, for the overview."""
    return [*payments_to_sign(visit), *files_to_sign(visit), *standing_orders_to_sign(visit)]


def payments_to_sign(visit: "Visit") -> list[ToSign]:
    return [
        ToSign(
            reverse("portal:payment", args=[payment.pk]),
            payment.creditor_name,
            gettext("Transfer, signed by %(name)s") % {"name": payment.payer.full_name},
            payment.amount_minor,
            payment.currency,
        )
        for payment in list_payments_to_sign(psu_id=visit.psu.pk)
    ]


def files_to_sign(visit: "Visit") -> list[ToSign]:
    return [
        ToSign(
            reverse("portal:bulk-file", args=[file.pk]),
            file.file_name,
            gettext("File of payments, signed by %(name)s") % {"name": file.psu.full_name},
            file.total_minor or 0,
            file.currency,
        )
        for file in list_payment_files_to_sign(psu_id=visit.psu.pk)
    ]


def standing_orders_to_sign(visit: "Visit") -> list[ToSign]:
    return [
        ToSign(
            reverse("portal:standing-order", args=[order.pk]),
            order.creditor_name,
            gettext("Standing order, signed by %(name)s") % {"name": order.payer.full_name},
            order.amount_minor,
            order.currency,
        )
        for order in list_standing_orders_to_sign(psu_id=visit.psu.pk)
    ]
