"""The customer's word: what he is shown and signs, his code, and the release to the engine (RTS art. 5)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.queries import count_signatures_needed
from apps.identity.models import PSU
from apps.payments.exemption_models import PaymentExemption
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
    SignedAlready,
    change_status,
    lock_payment,
    may_sign,
    promise_execution,
    takes_signatures,
)
from apps.payments.standing_order_evidence import list_signers_of_series
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.policy import exemption_policy
from apps.sca.queries import Signature, list_exempted, list_signatures, signers_of
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType
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
def start_payment_authorisation(
    *, payment_id: UUID, psu: PSU | None = None, now: datetime
) -> SCAAuthorisation:
    """Open an authorisation for a payment that waits for its customer, or for the second who must sign. ``psu`` is who
    signs, if that is known; the first signature is the one's whom the order names.

    :raises PaymentStatusInvalid: authorised already, refused or cancelled.
    :raises SignedAlready: by this customer; it is another who must sign.
    :raises CreditorNotConfirmed: its TPP has to have the payee confirmed first.
    """
    payment = lock_payment(payment_id)
    _check_takes_signatures(payment, now=now)
    if waits_for_confirmation(payment):
        raise CreditorNotConfirmed(payment.creditor_name_match)
    if not payment.is_partly_signed:
        psu = payment.psu
    elif psu is not None:
        _check_may_sign(payment, psu=psu)
    return sca.open_authorisation(subject_type=SubjectType.PAYMENT, subject_id=payment.pk, psu=psu, now=now)


def send_payment_code(
    *,
    payment_id: UUID,
    authorisation_id: UUID,
    psu: PSU | None,
    hide_limit: bool = True,
    is_ahead: bool = False,
    method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
    now: datetime,
) -> UUID:
    """Send the code for a payment (``psu`` None: a decoy that looks the same); returns the challenge's id.

    ``is_ahead``: at the payment's initiation, before its customer has come to the page (S0-41). A customer who may not
    pay from the debtor account gets a decoy: no code for another's money (S0-40). So does who has signed already.

    :raises PaymentStatusInvalid: the payment no longer waits.
    :raises apps.sca.services.TooManyCodes: only with ``hide_limit=False``.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    payment = get_payment(payment_id=payment_id)
    _check_takes_signatures(payment, now=now)
    if psu is not None and not may_sign(payment, psu=psu):
        psu = None
    return sca.issue_challenge(
        user=psu.user if psu else None,
        purpose=Purpose.PAYMENT,
        snapshot=payment_snapshot(payment=payment),
        authorisation_id=authorisation_id,
        hide_limit=hide_limit,
        is_ahead=is_ahead,
        method=method,
        now=now,
    )


def authorise_payment(
    *, payment_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> PaymentInitiation:
    """Sign a payment by the customer's code: status ``ACTC``, and the promise that the engine books it; or ``PATC``, if
    he may sign only together with another and is the first.

    One for a later day, or for a rail that is closed now, stays ``ACTC`` without that promise until
    :func:`apps.payments.services.release_due_payments` makes it.

    The code must have been made for this payment as it stands now: amount, currency, payee's name and IBAN and
    payment id (RTS art. 5). Spending the code, the new status, the audit event and the message to the engine are one
    transaction.

    :raises apps.sca.services.DynamicLinkBroken: the code belongs to other data; it is void now.
    :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
    :raises PaymentStatusInvalid: the payment no longer waits, or is not what the first has signed.
    :raises SignedAlready: by this customer; it is another who must sign.
    :raises DebtorAccountNotYours: the customer lost his right on the account.
    """
    broken = False
    with transaction.atomic():
        payment = lock_payment(payment_id)
        _check_takes_signatures(payment, now=now)
        _check_may_sign(payment, psu=psu)
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
            if not payment.is_partly_signed:
                payment.psu = psu
                payment.signatures_needed = count_signatures_needed(
                    psu_id=psu.pk, ibans=[payment.debtor_iban]
                )
            _note_signature(payment, authorisation_id=authorisation_id, psu=psu, now=now)
    if broken:
        sca.void_challenge(challenge_id=proof.challenge_id, reason="payment differs", now=now)
        raise sca.DynamicLinkBroken(str(payment_id))
    return payment


def _note_signature(payment: PaymentInitiation, *, authorisation_id: UUID, psu: PSU, now: datetime) -> None:
    """What a signature that was just given leads to. Of a payment that changed after the first was given there would be
    one signature again, and no way leads from ``PATC`` to ``PATC``."""
    signatures = list_signatures(subject_type=SubjectType.PAYMENT, subject_ids=[payment.pk])[payment.pk]
    if len(_signers(payment, signatures)) < payment.signatures_needed:
        change_status(
            payment,
            status=TransactionStatus.PATC,
            actor_type="psu",
            actor_id=psu.pk,
            now=now,
            data=_risk_of(payment),
        )
        return
    release_payment(payment, authorisation_id=authorisation_id, psu=psu, now=now)


def release_payment(payment: PaymentInitiation, *, authorisation_id: UUID, psu: PSU, now: datetime) -> None:
    """What a locked payment comes to once all who must have authorised it, or an exemption holds: ``ACTC``, and the
    promise that the engine books it, unless it goes later."""
    payment.authorised_at, payment.authorisation_id = now, authorisation_id
    if not goes_later(payment.payment_product, requested=payment.requested_execution_date, now=now):
        payment.released_at = now
        promise_execution(payment, effect_key=f"execute:{payment.pk}")
    change_status(
        payment,
        status=TransactionStatus.ACTC,
        actor_type="psu",
        actor_id=psu.pk,
        now=now,
        data=_risk_of(payment),
    )


def _risk_of(payment: PaymentInitiation) -> dict[str, Any]:
    """What monitoring made of it stands with each approval (S3-31)."""
    return {
        "risk_level": payment.risk_assessment.level,
        "risk_score": payment.risk_assessment.score,
        "risk_assessment": str(payment.risk_assessment_id),
    }


def check_authorised_as_is(*, payment: PaymentInitiation) -> bool:
    """Whether the finalised authorisations of all who must sign cover the payment exactly as it stands (RTS art.
    5(1)(c)).

    The engine asks before it takes funds: not the message it got, and not the status column alone, decides. An
    execution of a standing order is covered by the authorisations of its series (RTS art. 14). What went out without a
    code is covered by its exempted authorisation and the record of the exemption, both of exactly this payment.
    """
    return payment.pk in list_authorised_as_is(payments=[payment])


def list_authorised_as_is(*, payments: Iterable[PaymentInitiation]) -> dict[UUID, frozenset[UUID]]:
    """Who has signed, for each of the payments that :func:`check_authorised_as_is` holds for: in one query but for
    standing orders and for what no signature covers."""
    payments = list(payments)
    signatures = list_signatures(
        subject_type=SubjectType.PAYMENT,
        subject_ids=[payment.pk for payment in payments if payment.standing_order_id is None],
    )
    covered: dict[UUID, frozenset[UUID]] = {}
    for payment in payments:
        if payment.standing_order_id is not None:
            signers = list_signers_of_series(payment=payment)
        else:
            signers = _signers(payment, signatures.get(payment.pk, []))
        if (
            payment.psu_id in signers
            and payment.authorisation_id in signers.values()
            and len(signers) >= payment.signatures_needed
        ):
            covered[payment.pk] = frozenset(signers)
    if uncovered := [payment for payment in payments if payment.pk not in covered]:
        covered |= _list_exempted_as_is(uncovered)
    return covered


def _list_exempted_as_is(payments: Sequence[PaymentInitiation]) -> dict[UUID, frozenset[UUID]]:
    """Who pays, for each of the payments that an exemption covers as it stands: one payer, one authorisation that ended
    as exempted, the record of the decision, and the same hash in both and of the payment. A bank that uses no exemption
    books none, whatever the rows say (S3-7)."""
    articles = exemption_policy().articles
    if not articles:
        return {}
    ids = [payment.pk for payment in payments]
    records = {
        record.payment_id: record
        for record in PaymentExemption.objects.filter(payment__in=ids, article__in=articles)
    }
    exempted = list_exempted(subject_type=SubjectType.PAYMENT, subject_ids=list(records)) if records else {}
    covered: dict[UUID, frozenset[UUID]] = {}
    for payment in payments:
        record = records.get(payment.pk)
        if record is None or payment.standing_order_id is not None or payment.signatures_needed != 1:
            continue
        snapshot = payment_snapshot(payment=payment)
        for one in exempted.get(payment.pk, []):
            if (
                one.authorisation_id == payment.authorisation_id == record.authorisation_id
                and one.psu_id == payment.psu_id == record.psu_id
                and one.snapshot_hash == bytes(record.snapshot_hash)
                and one.covers(purpose=Purpose.PAYMENT, snapshot=snapshot)
            ):
                covered[payment.pk] = frozenset({one.psu_id})
    return covered


def _signers(payment: PaymentInitiation, signatures: Iterable[Signature]) -> dict[UUID, UUID]:
    return signers_of(signatures, purpose=Purpose.PAYMENT, snapshot=payment_snapshot(payment=payment))


def _check_takes_signatures(payment: PaymentInitiation, *, now: datetime) -> None:
    if not takes_signatures(payment, now=now):
        raise PaymentStatusInvalid(payment.transaction_status)


def _check_may_sign(payment: PaymentInitiation, *, psu: PSU) -> None:
    if payment.is_partly_signed and payment.psu_id == psu.pk:
        raise SignedAlready(str(psu.pk))
    if not may_sign(payment, psu=psu):
        raise DebtorAccountNotYours(str(psu.pk))
