import hmac
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction

from apps.accounts.queries import AccountUnknown, list_accounts_by_ibans
from apps.audit.services import record_event
from apps.consents.models import Consent, ConsentAccess, ConsentAccount
from apps.consents.queries import (
    ConsentUnknown,
    get_consent,
    is_usable_at,
    list_account_choices,
    wanted_ibans,
)
from apps.consents.rules import (
    COUNTING_WINDOW,
    UNAUTHORISED_LIFE,
    AccessKind,
    ConsentModel,
    ConsentStatus,
    RequestedAccess,
    capped_valid_until,
    is_past_validity,
    may_change_status,
)
from apps.core.clock import bank_date
from apps.core.errors import DomainError, InvalidInput
from apps.identity.models import PSU
from apps.sca import services as sca
from apps.sca.models import SCAAuthorisation
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType
from apps.sca.services import Proof
from apps.tpp.models import App


class ConsentNotValid(DomainError):
    """The consent is not valid: not authorised, refused, revoked or ended."""

    code = "consent_not_valid"


class ConsentExpired(DomainError):
    """The consent's last day is over."""

    code = "consent_expired"


class AccessNotGranted(DomainError):
    """The consent does not cover this account, or not this kind of data of it."""

    code = "access_not_granted"


class AccessExceeded(DomainError):
    """The unattended accesses of the last 24 hours are used up (RTS art. 36(5)(b))."""

    code = "access_exceeded"


class ConsentStatusInvalid(DomainError):
    """The consent is not in a state in which this can be done."""

    code = "consent_status_invalid"


class ConsentNotConfirmable(DomainError):
    """The customer's code was not accepted for this authorisation, or by somebody else."""

    code = "consent_not_confirmable"


class AccountsNotYours(DomainError):
    """The consent names accounts that are not this customer's; nothing can be allowed (S0-21)."""

    code = "accounts_not_yours"


class ValidityInvalid(InvalidInput):
    """``validUntil`` lies in the past, or frequency and recurrence do not go together."""

    code = "validity_invalid"


class RequestIdReused(DomainError):
    """The X-Request-ID was used for another request."""

    code = "request_id_reused"


@dataclass(frozen=True, slots=True)
class Quota:
    """Unattended accesses of one kind in the last 24 hours."""

    limit: int
    used: int


@transaction.atomic
def create_consent(
    *,
    app: App,
    access: RequestedAccess,
    recurring_indicator: bool,
    valid_until: date,
    frequency_per_day: int,
    combined_service_indicator: bool,
    tpp_redirect_uri: str,
    tpp_nok_redirect_uri: str,
    request_id: str,
    request_hash: bytes,
    now: datetime,
) -> tuple[Consent, bool]:
    """Take in a TPP's request for a consent; status ``received``. Returns it, and whether it is new.

    The same request id with the same body gives the same consent again (RTS art. 35(4)).

    :raises AccountUnknown: an IBAN is no account of this bank (S0-21).
    :raises ValidityInvalid: a last day in the past, or a one-off consent with more than one access a day.
    :raises RequestIdReused: the request id belongs to another body.
    """
    today = bank_date(now)
    if valid_until < today:
        raise ValidityInvalid("in the past", field="validUntil")
    if not recurring_indicator and frequency_per_day != 1:
        raise ValidityInvalid("a one-off consent has frequencyPerDay 1", field="frequencyPerDay")
    known = {account.iban for account in list_accounts_by_ibans(ibans=access.ibans)}
    if missing := [iban for iban in access.ibans if iban not in known]:
        raise AccountUnknown(missing[0][-4:])
    consent = Consent(
        app=app,
        tpp_id=app.tpp_id,
        consent_model=access.model,
        access=access.as_sent,
        recurring_indicator=recurring_indicator,
        valid_until=capped_valid_until(
            requested=valid_until, today=today, max_days=settings.CONSENT_VALIDITY_DAYS_MAX
        ),
        # The legal maximum is what applies, so it is what is kept and told (RTS art. 36(5)(b)).
        frequency_per_day=min(frequency_per_day, settings.AIS_UNATTENDED_PER_DAY_MAX),
        combined_service_indicator=combined_service_indicator,
        tpp_redirect_uri=tpp_redirect_uri,
        tpp_nok_redirect_uri=tpp_nok_redirect_uri,
        request_id=request_id,
        request_hash=request_hash,
        created_at=now,
        status_changed_at=now,
    )
    try:
        with transaction.atomic():
            consent.save(force_insert=True)
    except IntegrityError:
        return _same_request(app=app, request_id=request_id, request_hash=request_hash), False
    _record(consent, event="consents.consent.received", actor_type="tpp", actor_id=app.tpp_id, now=now)
    return consent, True


@transaction.atomic
def start_consent_authorisation(*, consent_id: UUID, now: datetime) -> SCAAuthorisation:
    """Open an authorisation for a consent that waits for its customer.

    :raises ConsentStatusInvalid: authorised already, refused or ended.
    """
    consent = Consent.objects.select_for_update().get(pk=consent_id)
    if consent.consent_status != ConsentStatus.RECEIVED or _is_stale(consent, now=now):
        raise ConsentStatusInvalid(consent.consent_status)
    return sca.open_authorisation(subject_type=SubjectType.CONSENT, subject_id=consent.pk, now=now)


def consent_snapshot(*, consent: Consent) -> dict[str, Any]:
    """What the customer's code for a consent is made over: who asks, for what, until when."""
    return {
        "consent_id": str(consent.pk),
        "tpp_id": str(consent.tpp_id),
        "tpp_name": consent.tpp.legal_name,
        "access": consent.access,
        "recurring_indicator": consent.recurring_indicator,
        "frequency_per_day": consent.frequency_per_day,
        "valid_until": consent.valid_until.isoformat(),
    }


def send_consent_code(
    *,
    authorisation_id: UUID,
    consent_id: UUID,
    psu: PSU | None,
    method: AuthenticationMethod = AuthenticationMethod.SMS_OTP,
    now: datetime,
) -> UUID:
    """Send the code for a consent, or ask the customer's device (``psu`` None: a decoy that looks the same); returns
    the challenge's id.

    :raises ConsentStatusInvalid: the consent no longer waits.
    :raises apps.sca.services.AuthorisationOver: the authorisation is over.
    """
    consent = get_consent(consent_id=consent_id)
    if consent.consent_status != ConsentStatus.RECEIVED or _is_stale(consent, now=now):
        raise ConsentStatusInvalid(consent.consent_status)
    return sca.issue_challenge(
        user=psu.user if psu else None,
        purpose=Purpose.CONSENT,
        snapshot=consent_snapshot(consent=consent),
        authorisation_id=authorisation_id,
        method=method,
        now=now,
    )


def accept_consent_code(
    *, consent_id: UUID, authorisation_id: UUID, psu: PSU, proof: Proof, now: datetime
) -> None:
    """The customer's code was right: spend it; the confirmation form comes next (S0-26).

    :raises apps.sca.services.DynamicLinkBroken: the consent is not what the code was made for.
    :raises apps.sca.services.CodeRefused: the code was spent meanwhile.
    """
    consent = get_consent(consent_id=consent_id)
    snapshot = consent_snapshot(consent=consent)
    if (
        proof.authorisation_id != authorisation_id
        or proof.user_id != psu.user_id
        or not sca.is_proof_of(proof=proof, purpose=Purpose.CONSENT, snapshot=snapshot)
    ):
        sca.void_challenge(challenge_id=proof.challenge_id, reason="consent differs", now=now)
        raise sca.DynamicLinkBroken(str(consent_id))
    with transaction.atomic():
        sca.consume_proof(proof=proof, now=now)
        sca.note_code_accepted(
            authorisation_id=authorisation_id, psu=psu, snapshot_hash=proof.snapshot_hash, now=now
        )


@transaction.atomic
def confirm_consent(
    *, consent_id: UUID, authorisation_id: UUID, psu: PSU, account_ids: list[UUID], now: datetime
) -> Consent:
    """The customer allows it for the accounts he ticked: status ``valid`` (S0-27).

    :raises ConsentNotConfirmable: no accepted code of this customer for this authorisation.
    :raises ConsentStatusInvalid: the consent no longer waits.
    :raises AccountsNotYours: it names accounts that are not his.
    :raises AccessNotGranted: no account ticked, or one that was not offered.
    """
    consent = Consent.objects.select_for_update(of=("self",)).select_related("tpp", "app").get(pk=consent_id)
    authorisation = SCAAuthorisation.objects.select_for_update().get(pk=authorisation_id)
    if consent.consent_status != ConsentStatus.RECEIVED:
        raise ConsentStatusInvalid(consent.consent_status)
    if (
        authorisation.subject_id != consent.pk
        or authorisation.sca_status != "unconfirmed"
        or authorisation.psu_id != psu.pk
    ):
        raise ConsentNotConfirmable(str(authorisation_id))
    choices = {choice.account.pk: choice for choice in list_account_choices(consent=consent, psu_id=psu.pk)}
    if consent.consent_model == ConsentModel.DEDICATED and wanted_ibans(consent=consent) - {
        choice.account.iban for choice in choices.values()
    }:
        raise AccountsNotYours(str(consent_id))
    if not account_ids or not set(account_ids) <= choices.keys():
        raise AccessNotGranted("no account chosen" if not account_ids else "account not offered")
    ConsentAccount.objects.bulk_create(
        ConsentAccount(
            consent=consent,
            payment_account=choices[account_id].account,
            may_balances=choices[account_id].may_balances,
            may_transactions=choices[account_id].may_transactions,
        )
        for account_id in dict.fromkeys(account_ids)
    )
    consent.psu = psu
    consent.authorised_at = now
    sca.finalise_authorisation(
        authorisation_id=authorisation_id,
        psu=psu,
        snapshot_hash=bytes(authorisation.snapshot_hash or b""),
        now=now,
    )
    _change_status(
        consent,
        status=ConsentStatus.VALID,
        actor_type="psu",
        actor_id=psu.pk,
        now=now,
        data={"accounts": [str(account_id) for account_id in account_ids], "authorisation": authorisation_id},
    )
    return consent


@transaction.atomic
def reject_consent(*, consent_id: UUID, reason: str, now: datetime) -> Consent:
    """The customer refuses, or cannot prove himself: status ``rejected``. An ended consent stays as it is."""
    consent = Consent.objects.select_for_update().get(pk=consent_id)
    if may_change_status(current=consent.consent_status, new=ConsentStatus.REJECTED):
        _change_status(
            consent,
            status=ConsentStatus.REJECTED,
            actor_type="psu",
            actor_id="",
            now=now,
            data={"reason": reason},
        )
        sca.fail_authorisations_of(
            subject_type=SubjectType.CONSENT, subject_id=consent.pk, reason=reason, now=now
        )
    return consent


@transaction.atomic
def revoke_consent(*, consent_id: UUID, psu_id: UUID, now: datetime) -> Consent:
    """The customer stops a TPP's access; it holds from the next call on.

    Revoking what is over changes nothing.

    :raises apps.consents.queries.ConsentUnknown: not this customer's.
    """
    consent = _lock_consent(consent_id=consent_id, psu_id=psu_id)
    _revoke(consent, actor_type="psu", actor_id=psu_id, now=now)
    return consent


@transaction.atomic
def revoke_consent_by_staff(*, consent_id: UUID, staff_id: UUID, reason: str, now: datetime) -> Consent:
    """The bank stops access on the customer's word or for his safety; shown in his history."""
    consent = _lock_consent(consent_id=consent_id)
    _revoke(consent, actor_type="staff", actor_id=staff_id, data={"reason": reason}, now=now)
    return consent


def revoke_all_consents(*, psu_id: UUID, actor_type: str, actor_id: UUID, reason: str, now: datetime) -> int:
    """Stop every company's access to a customer's accounts; returns how many there were.

    Each in a transaction of its own: none waits, holding others, for a consent that is being given at the moment.
    """
    live = Consent.objects.filter(psu_id=psu_id, consent_status=ConsentStatus.VALID)
    count = 0
    for consent_id in list(live.values_list("pk", flat=True)):
        with transaction.atomic():
            consent = _lock_consent(consent_id=consent_id)
            count += _revoke(
                consent, actor_type=actor_type, actor_id=actor_id, data={"reason": reason}, now=now
            )
    return count


@transaction.atomic
def terminate_consent(*, consent_id: UUID, app_id: UUID, now: datetime) -> Consent:
    """The TPP deletes its consent: ``terminatedByTpp`` once authorised, else ``rejected``. Twice changes nothing.

    :raises apps.consents.queries.ConsentUnknown: not this app's.
    """
    consent = _lock_consent(consent_id=consent_id, app_id=app_id)
    status = (
        ConsentStatus.REJECTED
        if consent.consent_status == ConsentStatus.RECEIVED
        else ConsentStatus.TERMINATED_BY_TPP
    )
    if may_change_status(current=consent.consent_status, new=status):
        _change_status(consent, status=status, actor_type="tpp", actor_id=consent.tpp_id, now=now)
        sca.fail_authorisations_of(
            subject_type=SubjectType.CONSENT, subject_id=consent.pk, reason="terminated by TPP", now=now
        )
    return consent


def expire_consents(*, now: datetime) -> int:
    """Give every consent whose time is over its final status; returns how many."""
    today, count = bank_date(now), 0
    stale = Consent.objects.filter(
        consent_status=ConsentStatus.RECEIVED, created_at__lte=now - UNAUTHORISED_LIFE
    ).values_list("pk", flat=True)
    for consent_id in list(stale[:500]):
        reject_consent(consent_id=consent_id, reason="not authorised in time", now=now)
        count += 1
    past = Consent.objects.filter(consent_status=ConsentStatus.VALID, valid_until__lt=today)
    for consent_id in list(past.values_list("pk", flat=True)[:500]):
        with transaction.atomic():
            consent = _lock_consent(consent_id=consent_id)
            if consent.consent_status == ConsentStatus.VALID:
                _change_status(
                    consent, status=ConsentStatus.EXPIRED, actor_type="system", actor_id="", now=now
                )
                count += 1
    return count


def check_consent_usable(*, consent: Consent, now: datetime) -> None:
    """Refuse a consent that is not valid now.

    :raises ConsentExpired: its last day is over (whether the nightly job has seen it or not), or the customer's last
        strong authentication for this AISP is too old (RTS art. 10a(3)(b)).
    :raises ConsentNotValid: any other reason.
    """
    if is_usable_at(consent=consent, now=now):
        return
    if consent.consent_status == ConsentStatus.VALID:
        raise ConsentExpired(str(consent.pk))
    if consent.consent_status == ConsentStatus.EXPIRED or is_past_validity(
        valid_until=consent.valid_until, today=bank_date(now)
    ):
        raise ConsentExpired(str(consent.pk))
    raise ConsentNotValid(consent.consent_status)


def record_account_access(
    *, consent: Consent, kind: AccessKind, account_id: UUID | None, psu_present: bool, now: datetime
) -> Quota | None:
    """Note one use of a consent before it is answered, and refuse the one too many.

    Without the customer at the keyboard at most ``frequency_per_day`` accesses (never more than the legal four) in
    any 24 hours, for each kind of data and account apart; a one-off consent allows each once, with or without him.
    The consent is read again under a lock, so that nothing is answered after a revocation.

    :raises ConsentNotValid: revoked or ended meanwhile.
    :raises AccessExceeded: the limit is used up.
    """
    if psu_present and consent.recurring_indicator:
        _note_access(consent=consent, kind=kind, account_id=account_id, psu_present=True, now=now)
        return None
    with transaction.atomic():
        locked = Consent.objects.select_for_update().get(pk=consent.pk)
        check_consent_usable(consent=locked, now=now)
        earlier = ConsentAccess.objects.filter(consent=locked, kind=kind, payment_account_id=account_id)
        if locked.recurring_indicator:
            limit = min(locked.frequency_per_day, settings.AIS_UNATTENDED_PER_DAY_MAX)
            earlier = earlier.filter(psu_present=False, at__gt=now - COUNTING_WINDOW)
        else:
            limit = 1
        used = earlier.count()
        if used >= limit:
            raise AccessExceeded(f"{used} of {limit}")
        _note_access(consent=locked, kind=kind, account_id=account_id, psu_present=psu_present, now=now)
    return Quota(limit=limit, used=used + 1)


def _note_access(
    *, consent: Consent, kind: AccessKind, account_id: UUID | None, psu_present: bool, now: datetime
) -> None:
    # One plain statement, in the hottest read of the bank.
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO consents_consentaccess (consent_id, kind, payment_account_id, psu_present, at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [consent.pk, kind.value, account_id, psu_present, now],
        )


def _lock_consent(*, consent_id: UUID, **owner: Any) -> Consent:
    consent = Consent.objects.select_for_update().filter(pk=consent_id, **owner).first()
    if consent is None:
        raise ConsentUnknown(str(consent_id))
    return consent


def _same_request(*, app: App, request_id: str, request_hash: bytes) -> Consent:
    consent = Consent.objects.select_related("app", "tpp").get(app=app, request_id=request_id)
    if not hmac.compare_digest(bytes(consent.request_hash), request_hash):
        raise RequestIdReused(request_id)
    return consent


def _revoke(
    consent: Consent,
    *,
    actor_type: str,
    actor_id: UUID,
    data: dict[str, Any] | None = None,
    now: datetime,
) -> bool:
    """End a locked consent on the customer's word; False if it is over, or not begun."""
    if not may_change_status(current=consent.consent_status, new=ConsentStatus.REVOKED_BY_PSU):
        return False
    _change_status(
        consent,
        status=ConsentStatus.REVOKED_BY_PSU,
        actor_type=actor_type,
        actor_id=actor_id,
        now=now,
        data=data,
    )
    return True


def _is_stale(consent: Consent, *, now: datetime) -> bool:
    return consent.created_at <= now - UNAUTHORISED_LIFE or is_past_validity(
        valid_until=consent.valid_until, today=bank_date(now)
    )


def _change_status(
    consent: Consent,
    *,
    status: ConsentStatus,
    actor_type: str,
    actor_id: UUID | str,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    if not may_change_status(current=consent.consent_status, new=status):
        raise ConsentStatusInvalid(f"{consent.consent_status} to {status}")
    consent.consent_status, consent.status_changed_at = status, now
    consent.save(update_fields=["consent_status", "status_changed_at", "psu", "authorised_at"])
    _record(
        consent,
        event=f"consents.consent.{status}",
        actor_type=actor_type,
        actor_id=actor_id,
        now=now,
        data=data,
    )


def _record(
    consent: Consent,
    *,
    event: str,
    actor_type: str,
    actor_id: UUID | str,
    now: datetime,
    data: dict[str, Any] | None = None,
) -> None:
    record_event(
        event=event,
        object_type="consent",
        object_id=consent.pk,
        actor_type=actor_type,
        actor_id=actor_id,
        at=now,
        data={"app": str(consent.app_id), "tpp": str(consent.tpp_id)} | (data or {}),
    )
