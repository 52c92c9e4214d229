from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.models import PaymentAccount
from apps.core.canonical import canonical_hash
from apps.core.ids import new_id
from apps.core.money import Money
from apps.core.names.rules import NameMatch
from apps.identity.models import PSU
from apps.notifications.services import Promise, enqueue_messages
from apps.payments.models import PaymentInitiation
from apps.payments.rules import Channel, ChargeBearer, PaymentProduct, TransactionStatus
from apps.payments.services import (
    ENGINE_QUEUE,
    EXECUTE_TASK,
    PaymentOrder,
    authorise_payment,
    initiate_payment,
    payment_snapshot,
    send_payment_code,
    start_payment_authorisation,
)
from apps.risk.facts import UNKNOWN_ORIGIN, Origin
from apps.sca.models import Challenge, SCAAuthorisation
from apps.sca.rules import AuthenticationMethod, Purpose, SCAStatus, SubjectType
from apps.sca.services import Proof, check_code, recompute_code
from apps.tpp.models import App
from tests.factories.accounts import FOREIGN_IBAN, NOW
from tests.factories.risk import assess_together


def received_payment(
    psu: PSU,
    *,
    amount_minor: int = 2_500,
    creditor_iban: str = FOREIGN_IBAN,
    creditor_name: str = "Möbelhaus Kern GmbH",
    app: App | None = None,
    product: PaymentProduct = PaymentProduct.SEPA_CREDIT_TRANSFERS,
    creditor_agent: str = "",
    charge_bearer: ChargeBearer | None = None,
    account: PaymentAccount | None = None,
    requested_execution_date: date | None = None,
    origin: Origin = UNKNOWN_ORIGIN,
    now: datetime = NOW,
) -> PaymentInitiation:
    """An order that waits for its customer."""
    order = PaymentOrder(
        debtor_account=account or psu.account,
        creditor_name=creditor_name,
        creditor_iban=creditor_iban,
        instructed_amount=Money(amount_minor, "EUR"),
        remittance_information_unstructured="Order 88-2041",
        payment_product=product,
        creditor_agent=creditor_agent,
        charge_bearer=charge_bearer,
        requested_execution_date=requested_execution_date,
    )
    payment, _ = initiate_payment(
        channel=Channel.XS2A if app else Channel.PORTAL,
        order=order,
        psu=psu,
        app=app,
        request_id=str(new_id()),
        origin=origin,
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


def signed_payments(
    orders: Sequence[tuple[PSU, str, int]],
    *,
    now: datetime = NOW,
    delay_seconds: int = 0,
    request_ids_begin: str = "",
    **fields: Any,
) -> list[PaymentInitiation]:
    """Many orders (customer, payee's IBAN, amount) as they are after their customers' codes; no code is sent.

    The engine finds what it finds after a code: a finalised authorisation over exactly this, and a message.
    """
    payments = [
        PaymentInitiation(
            **{
                "channel": Channel.PORTAL,
                "psu": psu,
                "debtor_account": psu.account,
                "debtor_iban": psu.account.iban,
                "creditor_name": "Möbelhaus Kern GmbH",
                "creditor_iban": creditor_iban,
                "creditor_name_match": NameMatch.NOAP,
                "amount_minor": amount_minor,
                "currency": "EUR",
                "transaction_status": TransactionStatus.ACTC,
                "request_id": request_ids_begin + new_id().hex[: 36 - len(request_ids_begin)],
                "request_hash": b"",
                "released_at": now,
                "authorised_at": now,
                "authorisation_id": new_id(),
                "created_at": now,
                "status_changed_at": now,
                **fields,
            }
        )
        for psu, creditor_iban, amount_minor in orders
    ]
    assess_together(payments, now=now)
    PaymentInitiation.objects.bulk_create(payments)
    SCAAuthorisation.objects.bulk_create(
        SCAAuthorisation(
            id=payment.authorisation_id,
            subject_type=SubjectType.PAYMENT,
            subject_id=payment.pk,
            psu=payment.psu,
            sca_status=SCAStatus.FINALISED,
            method=AuthenticationMethod.SMS_OTP,
            created_at=now,
            expires_at=now,
            finalised_at=now,
            elements=["knowledge", "possession"],
            snapshot_hash=canonical_hash(
                {"purpose": Purpose.PAYMENT.value, **payment_snapshot(payment=payment)}
            ),
        )
        for payment in payments
    )
    with transaction.atomic():
        enqueue_messages(
            [
                Promise(
                    EXECUTE_TASK,
                    {"payment_id": str(payment.pk)},
                    effect_key=f"execute:{payment.pk}",
                    queue=ENGINE_QUEUE,
                    correlation_id=f"call-{payment.pk}",
                    delay_seconds=delay_seconds,
                )
                for payment in payments
            ]
        )
    return payments


def code_to_sign(payment: PaymentInitiation, psu: PSU, *, now: datetime = NOW) -> tuple[UUID, Proof]:
    """The right code of one who is to sign this payment: his authorisation's id and what the code proves."""
    authorisation = start_payment_authorisation(payment_id=payment.pk, psu=psu, now=now)
    challenge_id = send_payment_code(
        payment_id=payment.pk, authorisation_id=authorisation.pk, psu=psu, hide_limit=False, now=now
    )
    return authorisation.pk, proof_for(challenge_id, now=now)


def sign_payment(payment: PaymentInitiation, psu: PSU, *, now: datetime = NOW) -> PaymentInitiation:
    """One of several signs it, with his own code."""
    authorisation_id, proof = code_to_sign(payment, psu, now=now)
    return authorise_payment(
        payment_id=payment.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=now
    )
