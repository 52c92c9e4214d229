"""The authorisation sub-resource of consents and payments, from opened to final."""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from apps.audit.services import record_event
from apps.core.errors import DomainError
from apps.identity.models import PSU
from apps.sca.models import AuthenticationState, Challenge, SCAAuthorisation
from apps.sca.rules import (
    FINAL_STATUSES,
    ChallengeStatus,
    SCAStatus,
    SubjectType,
    elements_of,
    may_change_status,
)


class AuthorisationOver(DomainError):
    """The authorisation is finalised, failed or expired; nothing can be done with it."""

    code = "authorisation_over"


@transaction.atomic
def open_authorisation(
    *, subject_type: SubjectType, subject_id: UUID, psu: PSU | None = None, now: datetime
) -> SCAAuthorisation:
    """Start an authorisation of a consent or payment; it ends unused after ``SCA_AUTHORISATION_TTL_SECONDS``."""
    authorisation = SCAAuthorisation.objects.create(
        subject_type=subject_type,
        subject_id=subject_id,
        psu=psu,
        sca_status=SCAStatus.PSU_IDENTIFIED if psu else SCAStatus.RECEIVED,
        created_at=now,
        expires_at=now + timedelta(seconds=settings.SCA_AUTHORISATION_TTL_SECONDS),
    )
    _record_authorisation(authorisation, event="sca.authorisation.opened", now=now)
    return authorisation


@transaction.atomic
def note_psu_authenticated(*, authorisation_id: UUID, psu: PSU, now: datetime) -> SCAAuthorisation:
    """Note who is authorising, once his knowledge element was right.

    :raises AuthorisationOver: final or expired.
    """
    authorisation = _lock_open_authorisation(authorisation_id=authorisation_id, now=now)
    authorisation.psu = psu
    if may_change_status(current=authorisation.sca_status, new=SCAStatus.PSU_AUTHENTICATED):
        authorisation.sca_status = SCAStatus.PSU_AUTHENTICATED
    authorisation.save(update_fields=["psu", "sca_status"])
    return authorisation


@transaction.atomic
def finalise_authorisation(
    *, authorisation_id: UUID, psu: PSU, snapshot_hash: bytes, now: datetime
) -> SCAAuthorisation:
    """Close an authorisation after a challenge of it was answered; method and elements are on record.

    :raises AuthorisationOver: final or expired, never answered, or the log-in was frozen after the answer.
    """
    authorisation = _lock_open_authorisation(authorisation_id=authorisation_id, now=now)
    _check_not_frozen(authorisation_id, psu=psu)
    answered = Challenge.objects.filter(
        authorisation=authorisation, user_id=psu.user_id, status=ChallengeStatus.USED
    ).order_by("-used_at")
    challenge = answered.only("method", "verified_by").first()
    if challenge is None:
        raise AuthorisationOver(f"{authorisation_id} was never answered")
    authorisation.psu = psu
    authorisation.sca_status = SCAStatus.FINALISED
    authorisation.finalised_at = now
    authorisation.method = challenge.method
    proved = elements_of(method=challenge.method, is_user_verified=challenge.verified_by_id is not None)
    authorisation.elements = [element.value for element in proved]
    authorisation.snapshot_hash = snapshot_hash
    authorisation.save()
    _record_authorisation(authorisation, event="sca.authorisation.finalised", now=now)
    return authorisation


@transaction.atomic
def exempt_authorisation(
    *, authorisation_id: UUID, psu: PSU, snapshot_hash: bytes, now: datetime
) -> SCAAuthorisation:
    """End an authorisation without a code, by an exemption that the caller has decided and stored before (RTS chapter
    III). It stays bound to what was shown, and is no signature.

    :raises AuthorisationOver: final or expired, a code was asked for already, or the log-in is frozen.
    """
    authorisation = _lock_open_authorisation(authorisation_id=authorisation_id, now=now)
    if not may_change_status(current=authorisation.sca_status, new=SCAStatus.EXEMPTED):
        raise AuthorisationOver(f"{authorisation_id}: {authorisation.sca_status}")
    _check_not_frozen(authorisation_id, psu=psu)
    authorisation.psu = psu
    authorisation.sca_status = SCAStatus.EXEMPTED
    authorisation.finalised_at = now
    authorisation.snapshot_hash = snapshot_hash
    authorisation.save()
    _record_authorisation(authorisation, event="sca.authorisation.exempted", now=now)
    return authorisation


@transaction.atomic
def note_code_accepted(
    *, authorisation_id: UUID, psu: PSU, snapshot_hash: bytes, now: datetime
) -> SCAAuthorisation:
    """The code was right and a confirmation is still to be given (scaStatus ``unconfirmed``; consents, S0-26).

    :raises AuthorisationOver: final or expired.
    """
    authorisation = _lock_open_authorisation(authorisation_id=authorisation_id, now=now)
    authorisation.psu = psu
    authorisation.sca_status = SCAStatus.UNCONFIRMED
    authorisation.snapshot_hash = snapshot_hash
    authorisation.save(update_fields=["psu", "sca_status", "snapshot_hash"])
    return authorisation


@transaction.atomic
def fail_authorisation(*, authorisation_id: UUID, reason: str, now: datetime) -> None:
    """End an authorisation without success; its open code is void. A final one stays as it is."""
    authorisation = SCAAuthorisation.objects.select_for_update().get(pk=authorisation_id)
    if not authorisation.is_open:
        return
    authorisation.sca_status = SCAStatus.FAILED
    authorisation.save(update_fields=["sca_status"])
    Challenge.objects.filter(authorisation=authorisation, status=ChallengeStatus.OPEN).update(
        status=ChallengeStatus.VOIDED
    )
    _record_authorisation(authorisation, event="sca.authorisation.failed", now=now, reason=reason)


def fail_authorisations_of(
    *, subject_type: SubjectType, subject_id: UUID, reason: str, now: datetime
) -> None:
    """End every open authorisation of a consent or payment that came to its end."""
    open_ids = (
        SCAAuthorisation.objects.filter(subject_type=subject_type, subject_id=subject_id)
        .exclude(sca_status__in=FINAL_STATUSES)
        .values_list("pk", flat=True)
    )
    for authorisation_id in list(open_ids):
        fail_authorisation(authorisation_id=authorisation_id, reason=reason, now=now)


def expire_authorisations(*, now: datetime) -> int:
    """Fail what was left lying; returns how many."""
    due = list(
        SCAAuthorisation.objects.filter(expires_at__lte=now)
        .exclude(sca_status__in=FINAL_STATUSES)
        .values_list("pk", flat=True)[:500]
    )
    for authorisation_id in due:
        fail_authorisation(authorisation_id=authorisation_id, reason="expired", now=now)
    return len(due)


def _check_not_frozen(authorisation_id: UUID, *, psu: PSU) -> None:
    """Under a lock: a freeze waits for this to end, and then finds what it has brought about."""
    state = AuthenticationState.objects.select_for_update(no_key=True).filter(user_id=psu.user_id).first()
    if state is not None and state.frozen_at is not None:
        raise AuthorisationOver(str(authorisation_id))


def _lock_open_authorisation(*, authorisation_id: UUID, now: datetime) -> SCAAuthorisation:
    authorisation = SCAAuthorisation.objects.select_for_update().get(pk=authorisation_id)
    if not authorisation.is_open or authorisation.expires_at <= now:
        raise AuthorisationOver(str(authorisation_id))
    return authorisation


def _record_authorisation(
    authorisation: SCAAuthorisation, *, event: str, now: datetime, reason: str = ""
) -> None:
    record_event(
        event=event,
        object_type=authorisation.subject_type,
        object_id=authorisation.subject_id,
        actor_type="psu" if authorisation.psu_id else "anonymous",
        actor_id=authorisation.psu_id or "",
        at=now,
        data={
            "authorisation": authorisation.pk,
            "status": authorisation.sca_status,
            "method": authorisation.method,
            "elements": authorisation.elements,
            "snapshot_sha256": bytes(authorisation.snapshot_hash).hex()
            if authorisation.snapshot_hash
            else "",
            **({"reason": reason} if reason else {}),
        },
    )
