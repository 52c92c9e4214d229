from datetime import datetime
from uuid import UUID

from apps.core.ids import new_id
from apps.core.money import Money
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.payments.rules import Channel, ChargeBearer, PaymentProduct
from apps.payments.services import (
    PaymentOrder,
    authorise_payment,
    initiate_payment,
    send_payment_code,
    start_payment_authorisation,
)
from apps.sca.models import Challenge
from apps.sca.services import Proof, check_code, recompute_code
from apps.tpp.models import App
from tests.factories.accounts import FOREIGN_IBAN, NOW


def received_payment(
    psu: PSU,
    *,
    amount_minor: int = 2_500,
    creditor_iban: str = FOREIGN_IBAN,
    app: App | None = None,
    product: PaymentProduct = PaymentProduct.SEPA_CREDIT_TRANSFERS,
    creditor_agent: str = "",
    charge_bearer: ChargeBearer | None = None,
    now: datetime = NOW,
) -> PaymentInitiation:
    """An order that waits for its customer."""
    order = PaymentOrder(
        debtor_account=psu.account,
        creditor_name="Möbelhaus Kern GmbH",
        creditor_iban=creditor_iban,
        instructed_amount=Money(amount_minor, "EUR"),
        remittance_information_unstructured="Order 88-2041",
        payment_product=product,
        creditor_agent=creditor_agent,
        charge_bearer=charge_bearer,
    )
    payment, _ = initiate_payment(
        channel=Channel.XS2A if app else Channel.PORTAL,
        order=order,
        psu=psu,
        app=app,
        request_id=str(new_id()),
        now=now,
    )
    return payment


def challenged_payment(psu: PSU, **fields: object) -> tuple[PaymentInitiation, UUID, UUID]:
    """An order whose code is on its way: payment, authorisation id, challenge id."""
    payment = received_payment(psu, **fields)
    authorisation = start_payment_authorisation(payment_id=payment.pk, now=NOW)
    challenge_id = send_payment_code(
        payment_id=payment.pk, authorisation_id=authorisation.pk, psu=psu, hide_limit=False, now=NOW
    )
    return payment, authorisation.pk, challenge_id


def right_code(challenge_id: UUID) -> str:
    """The code that the customer's phone got."""
    return recompute_code(challenge=Challenge.objects.get(pk=challenge_id))


def wrong_code(challenge_id: UUID) -> str:
    """A code that is not the one."""
    return str((int(right_code(challenge_id)) + 1) % 10**6).zfill(6)


def proof_for(challenge_id: UUID, *, now: datetime = NOW) -> Proof:
    """What the right code proves."""
    return check_code(challenge_id=challenge_id, code=right_code(challenge_id), now=now)


def authorised_payment(psu: PSU, **fields: object) -> PaymentInitiation:
    """An order that the engine has yet to execute (ACTC)."""
    payment, authorisation_id, challenge_id = challenged_payment(psu, **fields)
    return authorise_payment(
        payment_id=payment.pk,
        authorisation_id=authorisation_id,
        psu=psu,
        proof=proof_for(challenge_id),
        now=NOW,
    )
