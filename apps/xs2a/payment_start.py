"""Starting the authorisation of a payment: the same at its initiation and on its own path."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from apps.sca.policy import may_sign_by_text_message
from apps.sca.queries import get_authorisation

if TYPE_CHECKING:
    from apps.payments.kinds import InitiationKind
    from apps.payments.models import AnyInitiation
    from apps.sca.models import SCAAuthorisation


@transaction.atomic
def start_authorisation(
    *, kind: "InitiationKind", payment: "AnyInitiation", now: datetime
) -> "SCAAuthorisation":
    """Open an authorisation; a customer known by his ID token gets the code at once (S0-41), unless
    the amount is above what a text message may sign. Who signs as the second is
    not known before he comes to the page.

    :raises apps.payments.services.PaymentStatusInvalid: the payment does not wait.
    """
    authorisation = kind.start_authorisation(order_id=payment.pk, now=now)
    if payment.psu is None or payment.is_partly_signed:
        return authorisation
    if not may_sign_by_text_message(kind.snapshot(payment)):
        # The page asks for a passkey, the app or a token (S1-25).
        return authorisation
    # A limit on codes stays hidden: the TPP must not learn how often its customer asks for codes.
    kind.send_code(
        order_id=payment.pk, authorisation_id=authorisation.pk, psu=payment.psu, is_ahead=True, now=now
    )
    return get_authorisation(authorisation_id=authorisation.pk)
