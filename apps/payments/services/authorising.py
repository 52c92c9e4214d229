"""The customer's word: what he is shown and signs, his code, and the release to the engine (RTS art. 5)."""

import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.core.canonical import canonical_hash
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.payments.products import goes_later
from apps.payments.queries import get_payment
from apps.payments.rules import (
    TransactionStatus,
)
from apps.payments.scheduling import (
    canonical_day,
)
from apps.payments.services.orders import CreditorNotConfirmed, DebtorAccountNotYours, waits_for_confirmation
from apps.payments.services.status import (
    PaymentStatusInvalid,
    change_status,
    is_payers,
    is_stale,
    lock_payment,
    promise_execution,
)
from apps.payments.standing_order_evidence import is_covered_by_standing_order
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.rules import Purpose, SubjectType
from apps.sca.services import Proof


def payment_snapshot(*, payment: PaymentInitiation) -> dict[str, Any]:
    """What the customer's code for a payment is made over, and what he is shown (RTS art. 5(1))."""
    snapshot = {
        "payment_id": str(payment.pk),
        "payment_product": payment.payment_product,
        "debtor_iban": payment.debtor_iban,
        "creditor_name": payment.creditor_name,
        "creditor_iban": payment.creditor_iban,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "creditor_agent": payment.creditor_agent,
        "charge_bearer": payment.charge_bearer,
        "fee_minor": payment.fee_minor,
        "remittance_information_unstructured": payment.remittance_information_unstructured,
        "requested_execution_date": canonical_day(payment.requested_execution_date),
        "created_at": payment.created_at.isoformat(),
        "tpp_name": payment.app.tpp.legal_name if payment.app else "",
    }
    if payment.creditor_name_checked_at is not None:
        # He signs what he was told of the payee, too (IPR art. 5c). Older orders were signed without it.
        snapshot |= {
            "creditor_name_match": payment.creditor_name_match,
            "matched_creditor_name": payment.matched_creditor_name,
        }
    return snapshot


@transaction.atomic
def start_payment_authorisation(*, payment_id: UUID, now: datetime) -> SCAAuthorisation:
    """Open an authorisation for a payment that waits for its customer.

    :raises PaymentStatusInvalid: authorised already, refused or cancelled.
    :raises CreditorNotConfirmed: its TPP has to have the payee confirmed first.
    """
    payment = lock_payment(payment_id)
    if payment.transaction_status != TransactionStatus.RCVD or is_stale(payment, now=now):
        raise PaymentStatusInvalid(payment.transaction_status)
    if waits_for_confirmation(payment):
        raise CreditorNotConfirmed(payment.creditor_name_match)
    return sca.open_authorisation(
        subject_type=SubjectType.PAYMENT, subject_id=payment.pk, psu=payment.psu, now=now
    )


def send_payment_code(
    *,
    payment_id: UUID,
    authorisation_id: UUID,
    psu: PSU | None,
    hide_limit: bool = True,
    is_ahead: bool = False,
    now: datetime,
) -> UUID:
    """Send the code for a payment (``psu`` None: a decoy that looks the same); returns the challenge's id.

    ``is_ahead``: at the payment's initiation, before its customer has come to the page (S0-41). A customer who may not
    pay from the debtor account gets a decoy: no code for another's money (S0-40).

    :raises PaymentStatusInvalid: the payment no longer waits.
    :raises apps.sca.services.TooManyCodes: only with ``hide_limit=False``.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    payment = get_payment(payment_id=payment_id)
    if payment.transaction_status != TransactionStatus.RCVD or is_stale(payment, now=now):
        raise PaymentStatusInvalid(payment.transaction_status)
    if psu is not None and not is_payers(payment, psu=psu):
        psu = None
    return sca.send_code(
        user=psu.user if psu else None,
        purpose=Purpose.PAYMENT,
        snapshot=payment_snapshot(payment=payment),
        authorisation_id=authorisation_id,
        hide_limit=hide_limit,
        is_ahead=is_ahead,
        now=now,
    )


def authorise_payment(
    *, payment_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> PaymentInitiation:
    """Release a payment by the customer's code: status ``ACTC``, and the promise that the engine books it.

    One for a later day, or for a rail that is closed now, stays ``ACTC`` without that promise until
    :func:`apps.payments.services.release_due_payments` makes it.

    The code must have been made for this payment as it stands now: amount, currency, payee's name and IBAN and
    payment id (RTS art. 5). Spending the code, the new status, the audit event and the message to the engine are one
    transaction.

    :raises apps.sca.services.DynamicLinkBroken: the code belongs to other data; it is void now.
    :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
    :raises PaymentStatusInvalid: the payment no longer waits.
    :raises DebtorAccountNotYours: the customer lost his right on the account.
    """
    broken = False
    with transaction.atomic():
        payment = lock_payment(payment_id)
        if payment.transaction_status != TransactionStatus.RCVD or is_stale(payment, now=now):
            raise PaymentStatusInvalid(payment.transaction_status)
        if not is_payers(payment, psu=psu):
            raise DebtorAccountNotYours(str(psu.pk))
        broken = (
            proof.authorisation_id != authorisation_id
            or proof.user_id != psu.user_id
            or not sca.is_proof_of(
                proof=proof, purpose=Purpose.PAYMENT, snapshot=payment_snapshot(payment=payment)
            )
        )
        if not broken:
            sca.consume_proof(proof=proof, now=now)
            sca.finalise_authorisation(
                authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
            )
            payment.psu, payment.authorised_at, payment.authorisation_id = psu, now, authorisation_id
            if not goes_later(payment.payment_product, requested=payment.requested_execution_date, now=now):
                payment.released_at = now
                promise_execution(payment, effect_key=f"execute:{payment.pk}")
            change_status(payment, status=TransactionStatus.ACTC, actor_type="psu", actor_id=psu.pk, now=now)
    if broken:
        sca.void_challenge(challenge_id=proof.challenge_id, reason="payment differs", now=now)
        raise sca.DynamicLinkBroken(str(payment_id))
    return payment


def check_authorised_as_is(*, payment: PaymentInitiation) -> bool:
    """Whether the customer's finalised authorisation covers the payment exactly as it stands (RTS art. 5(1)(c)).

    The engine asks before it takes funds: not the message it got, and not the status column alone, decides. An
    execution of a standing order is covered by the authorisation of its series (RTS art. 14).
    """
    return payment.pk in list_authorised_as_is(payments=[payment])


def list_authorised_as_is(*, payments: Iterable[PaymentInitiation]) -> set[UUID]:
    """The ids of those payments that :func:`check_authorised_as_is` holds for, in one query but for standing orders."""
    payments = list(payments)
    authorisations = SCAAuthorisation.objects.filter(sca_status="finalised").in_bulk(
        [payment.authorisation_id for payment in payments if payment.authorisation_id is not None]
    )
    covered: set[UUID] = set()
    for payment in payments:
        if payment.standing_order_id is not None:
            is_covered = is_covered_by_standing_order(payment=payment)
        else:
            found = authorisations.get(payment.authorisation_id) if payment.authorisation_id else None
            is_covered = found is not None and _is_signed_by(payment, authorisation=found)
        if is_covered:
            covered.add(payment.pk)
    return covered


def _is_signed_by(payment: PaymentInitiation, *, authorisation: SCAAuthorisation) -> bool:
    if authorisation.subject_id != payment.pk or payment.psu_id is None:
        return False
    if authorisation.psu_id != payment.psu_id or authorisation.snapshot_hash is None:
        return False
    snapshot = {"purpose": Purpose.PAYMENT.value, **payment_snapshot(payment=payment)}
    return hmac.compare_digest(canonical_hash(snapshot), bytes(authorisation.snapshot_hash))
