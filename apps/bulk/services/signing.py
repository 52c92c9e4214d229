"""Signed once by each who must: one code over the account, the number, the total and every payee (RTS art. 5(3)(b))."""

import hmac
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from apps.accounts.queries import count_signatures_needed, is_holder
from apps.audit.services import record_event
from apps.bulk.models import PaymentBatch, PaymentFile, ShownPayments
from apps.bulk.queries import (
    count_items_by_name_match,
    get_largest_amount,
    get_payment_file_for_psu,
    hash_items,
    list_batches,
)
from apps.bulk.rules import SIGNABLE_STATUSES, BatchStatus, FileStatus
from apps.bulk.services.status import (
    PaymentFileStatusInvalid,
    change_file_status,
    is_stale,
    lock_payment_file,
)
from apps.bulk.showing import choose_payments, shown_parts
from apps.core.clock import bank_date
from apps.identity.models import PSU
from apps.notifications.services import enqueue_message
from apps.payments.limits import check_limits
from apps.payments.rules import Channel
from apps.payments.scheduling import has_to_wait, latest_due_request
from apps.payments.services import DebtorAccountNotYours, SignedAlready
from apps.risk.queries import get_assessment_of
from apps.risk.rules import Subject
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.queries import list_signatures, signers_of
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType
from apps.sca.services import Proof

START_TASK = "engine.start_batch"
ENGINE_QUEUE = "engine"


def payment_file_snapshot(*, file: PaymentFile, authorisation_id: UUID | None = None) -> dict[str, Any]:
    """What the customer's code for a file is made over, and what he is shown: total, number, accounts, a hash over
    every payee and amount, and the payments that were chosen for him to look at (RTS art. 5(3)(b): linked to the total
    and to the payees). The last are those of ``authorisation_id``, as they stand now."""
    shown = shown_parts(authorisation_ids=[authorisation_id] if authorisation_id else [])
    return _common_snapshot(file) | shown.get(authorisation_id, {})  # type: ignore[arg-type]


def _common_snapshot(file: PaymentFile) -> dict[str, Any]:
    """What all who sign a file sign alike."""
    return {
        "file_id": str(file.pk),
        "message_identification": file.message_identification,
        "number_of_transactions": file.number_of_transactions,
        "total_minor": file.total_minor,
        "currency": file.currency,
        "items_sha256": bytes(file.items_sha256 or b"").hex(),
        "batches": [
            {
                "debtor_iban": batch.debtor_iban,
                "number_of_transactions": batch.number_of_transactions,
                "total_minor": batch.total_minor,
                "batch_booking": batch.batch_booking,
                "requested_execution_date": batch.requested_execution_date.isoformat()
                if batch.requested_execution_date
                else "",
                # He signs what he was told of the payees, or that he wanted none of it (SEPA Regulation art. 5c(6)).
                "checks_payees": batch.checks_payees,
            }
            for batch in list_batches(file_id=file.pk)
        ],
        "name_matches": count_items_by_name_match(file_id=file.pk),
        "created_at": file.created_at.isoformat(),
    }


@transaction.atomic
def start_payment_file_authorisation(*, file_id: UUID, psu: PSU, now: datetime) -> SCAAuthorisation:
    """Open an authorisation for a file that waits for its customer, or for the second who must sign.

    :raises apps.bulk.queries.PaymentFileUnknown: not his.
    :raises PaymentFileStatusInvalid: it does not wait for him.
    :raises apps.payments.services.SignedAlready: by him; it is another who must sign.
    """
    _lock_waiting(file_id=file_id, psu=psu, now=now)
    return sca.open_authorisation(subject_type=SubjectType.BULK, subject_id=file_id, psu=psu, now=now)


def send_payment_file_code(
    *,
    file_id: UUID,
    authorisation_id: UUID,
    psu: PSU,
    method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
    now: datetime,
) -> UUID:
    """Send the code for a file; returns the challenge's id.

    :raises apps.bulk.queries.PaymentFileUnknown: not his.
    :raises PaymentFileStatusInvalid: it does not wait for him.
    :raises apps.payments.limits.LimitExceeded: it is more than he lets go out.
    :raises apps.sca.services.TooManyCodes: none was sent.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    file = get_payment_file_for_psu(psu_id=psu.pk, file_id=file_id)
    _check_waits(file, psu=psu, now=now)
    if file.psu_id == psu.pk:  # It counts against the limits of the one whose file it is.
        _check_limits(file, psu=psu, now=now)
    with transaction.atomic():
        # Once for each who signs: whoever could have others drawn at will would do so until nothing bad is shown.
        if not ShownPayments.objects.filter(pk=authorisation_id).exists():
            strategy, payments = choose_payments(file=file, psu=psu)
            ShownPayments.objects.create(pk=authorisation_id, file=file, strategy=strategy, payments=payments)
        return sca.issue_challenge(
            user=psu.user,
            purpose=Purpose.BULK,
            snapshot=payment_file_snapshot(file=file, authorisation_id=authorisation_id),
            authorisation_id=authorisation_id,
            hide_limit=False,
            method=method,
            now=now,
        )


def authorise_payment_file(
    *, file_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> PaymentFile:
    """Sign a file by the customer's code: status ``ACTC``; what is due today is promised to the engine, the rest waits
    for :func:`release_due_batches`. Or ``PATC``, if on one of the accounts he may sign only together with another and
    is the first.

    The code must have been made for this file as it stands now, to the last payee. Of two signatures at once one finds
    the other's.

    :raises apps.bulk.queries.PaymentFileUnknown: not his.
    :raises PaymentFileStatusInvalid: it no longer waits, or is not what the first has signed.
    :raises apps.payments.services.SignedAlready: by him; it is another who must sign.
    :raises apps.payments.services.DebtorAccountNotYours: he lost his right on one of the accounts.
    :raises apps.sca.services.DynamicLinkBroken: the code belongs to other data; it is void now.
    :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
    """
    broken = False
    with transaction.atomic():
        file = _lock_waiting(file_id=file_id, psu=psu, now=now)
        batches = list(list_batches(file_id=file.pk))
        if not all(is_holder(psu_id=psu.pk, iban=batch.debtor_iban) for batch in batches):
            raise DebtorAccountNotYours(str(psu.pk))
        broken = (
            proof.authorisation_id != authorisation_id
            or proof.user_id != psu.user_id
            or not hmac.compare_digest(hash_items(file_id=file.pk), bytes(file.items_sha256 or b""))
            or not sca.is_proof_of(
                proof=proof,
                purpose=Purpose.BULK,
                snapshot=payment_file_snapshot(file=file, authorisation_id=authorisation_id),
            )
        )
        if not broken:
            sca.consume_proof(proof=proof, now=now)
            sca.finalise_authorisation(
                authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
            )
            if not file.is_partly_signed:
                file.signatures_needed = count_signatures_needed(
                    psu_id=psu.pk, ibans=[batch.debtor_iban for batch in batches]
                )
            _note_signature(file, batches, authorisation_id=authorisation_id, psu=psu, now=now)
    if broken:
        sca.void_challenge(challenge_id=proof.challenge_id, reason="file differs", now=now)
        raise sca.DynamicLinkBroken(str(file_id))
    return file


def _note_signature(
    file: PaymentFile, batches: list[PaymentBatch], *, authorisation_id: UUID, psu: PSU, now: datetime
) -> None:
    """What a signature that was just given leads to; no way leads from ``PATC`` to ``PATC``."""
    assessed = get_assessment_of(subject=Subject.FILE, subject_id=file.pk)
    # With each approval stands what monitoring made of it (S3-31).
    risk = {"risk_level": assessed.level, "risk_score": assessed.score} if assessed else {}
    if len(list_signers_of_file(file=file)) < file.signatures_needed:
        change_file_status(
            file, status=FileStatus.PATC, actor_type="psu", actor_id=psu.pk, now=now, data=risk
        )
        return
    file.authorised_at, file.authorisation_id = now, authorisation_id
    change_file_status(file, status=FileStatus.ACTC, actor_type="psu", actor_id=psu.pk, now=now, data=risk)
    for batch in batches:
        if not has_to_wait(batch.requested_execution_date, today=bank_date(now), is_instant=False):
            _release(batch, now=now)


def list_signers_of_file(*, file: PaymentFile) -> dict[UUID, UUID]:
    """The different people who have signed exactly this, each with his authorisation."""
    given = list_signatures(subject_type=SubjectType.BULK, subject_ids=[file.pk])[file.pk]
    common = _common_snapshot(file)
    shown = shown_parts(authorisation_ids=[one.authorisation_id for one in given])
    # The same file for all, each with the payments that he was shown.
    return {
        psu_id: authorisation_id
        for one in given
        for psu_id, authorisation_id in signers_of(
            [one], purpose=Purpose.BULK, snapshot=common | shown.get(one.authorisation_id, {})
        ).items()
    }


def release_due_batches(*, now: datetime, limit: int = 500) -> int:
    """Hand to the engine the groups that waited for today, or for an earlier day that was missed; returns how many.

    Each in a transaction of its own; a second runner at the same time passes over what the first has in hand.
    """
    due = PaymentBatch.objects.filter(
        status=BatchStatus.PDNG,
        released_at=None,
        file__status__in=[FileStatus.ACTC, FileStatus.ACSP],
        requested_execution_date__lte=latest_due_request(today=bank_date(now), is_instant=False),
    ).order_by("requested_execution_date")
    released = 0
    for file_id, batch_id in list(due.values_list("file_id", "pk")[:limit]):
        with transaction.atomic():
            lock_payment_file(file_id=file_id)  # As whoever takes it back does.
            batch = (
                due.select_for_update(of=("self",), skip_locked=True, no_key=True).filter(pk=batch_id).first()
            )
            if batch is None:
                continue
            _release(batch, now=now)
        released += 1
    return released


def _release(batch: PaymentBatch, *, now: datetime) -> None:
    batch.released_at = now
    batch.save(update_fields=["released_at"])
    enqueue_message(
        topic=START_TASK,
        payload={"batch_id": str(batch.pk)},
        # The day is part of the key: a release that the engine gave back (hold_back_batch) can be made anew.
        effect_key=f"bulk-start:{batch.pk}:{bank_date(now)}",
        queue=ENGINE_QUEUE,
    )
    record_event(
        event="bulk.batch.released",
        object_type="payment_file",
        object_id=batch.file_id,
        actor_type="system",
        at=now,
        data={"batch": batch.number},
    )


def _lock_waiting(*, file_id: UUID, psu: PSU, now: datetime) -> PaymentFile:
    file = lock_payment_file(file_id=file_id, psu_id=psu.pk)
    _check_waits(file, psu=psu, now=now)
    return file


def _check_waits(file: PaymentFile, *, psu: PSU, now: datetime) -> None:
    if file.is_partly_signed and file.psu_id == psu.pk:
        raise SignedAlready(str(psu.pk))
    if file.status not in SIGNABLE_STATUSES or is_stale(file, now=now):
        raise PaymentFileStatusInvalid(file.status)


def _check_limits(file: PaymentFile, *, psu: PSU, now: datetime) -> None:
    """Each payment against the limit per payment; what goes out today, as one, against those per day."""
    today = 0
    for batch in list_batches(file_id=file.pk):
        is_for_today = not has_to_wait(batch.requested_execution_date, today=bank_date(now), is_instant=False)
        today += batch.total_minor if is_for_today else 0
        check_limits(
            psu_id=psu.pk,
            amount_minor=today if is_for_today else batch.total_minor,
            largest_minor=get_largest_amount(batch_id=batch.pk),
            channel=Channel.PORTAL,
            is_for_today=is_for_today,
            now=now,
        )
