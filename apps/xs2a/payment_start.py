"""Starting the authorisation of a payment: the same at its initiation and on its own path."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from apps.payments.services import send_payment_code, start_payment_authorisation
from apps.sca.queries import get_authorisation

if TYPE_CHECKING:
    from apps.payments.models import PaymentInitiation
    from apps.sca.models import SCAAuthorisation


@transaction.atomic
def start_authorisation(*, payment: "PaymentInitiation", now: datetime) -> "SCAAuthorisation":
    """Open an authorisation; a customer known by his ID token gets the code at once (S0-41). Who signs as the second is
    not known before he comes to the page.

    :raises apps.payments.services.PaymentStatusInvalid: the payment does not wait.
    """
    authorisation = start_payment_authorisation(payment_id=payment.pk, now=now)
    if payment.psu is None or payment.is_partly_signed:
        return authorisation
    # A limit on codes stays hidden: the TPP must not learn how often its customer asks for codes.
    send_payment_code(
        payment_id=payment.pk,
        authorisation_id=authorisation.pk,
        psu=payment.psu,
        hide_limit=True,
        is_ahead=True,
        now=now,
    )
    return get_authorisation(authorisation_id=authorisation.pk)
