import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import F, QuerySet

from apps.core.canonical import canonical_hash
from apps.core.errors import NotFound
from apps.sca.models import (
    AccessChange,
    AuthenticationState,
    AuthenticatorDevice,
    Challenge,
    DeviceEnrolment,
    HardwareToken,
    Passkey,
    Reactivation,
    ReactivationCode,
    SCAAuthorisation,
    SignInApp,
    SigningDevice,
    SMSDevice,
    UserVerificationKey,
)
from apps.sca.rules import (
    DEVICE_METHODS,
    AuthenticationMethod,
    ChallengeStatus,
    Purpose,
    ReactivationKind,
    SCAStatus,
    SubjectType,
)


class Signature(NamedTuple):
    """A finalised authorisation: who has signed, when, and the hash of what."""

    authorisation_id: UUID
    psu_id: UUID
    signed_at: datetime
    snapshot_hash: bytes

    def covers(self, *, purpose: Purpose, snapshot: Mapping[str, Any]) -> bool:
        """Whether exactly this was signed (RTS art. 5(1)(c))."""
        expected = canonical_hash({"purpose": purpose.value, **snapshot})
        return hmac.compare_digest(expected, self.snapshot_hash)


class Evidence(NamedTuple):
    """What one of the signers has signed, and how: for him to keep, so nothing of the code is in it."""

    authorisation_id: UUID
    signer_name: str
    signed_at: datetime
    elements: list[str]
    method: str
    snapshot: dict[str, Any]
    snapshot_hash: bytes


@dataclass(frozen=True, slots=True)
class ChallengeView:
    """What a page may know of a challenge: never the code, never whether it is a decoy."""

    challenge_id: UUID
    method: str
    snapshot: dict[str, Any]
    expires_at: datetime
    generated_at: datetime
    status: str
    attempts_left: int
    is_answered: bool

    @property
    def is_for_device(self) -> bool:
        """Whether the app or a token is to answer it."""
        return self.method in DEVICE_METHODS

    @property
    def is_passkey(self) -> bool:
        """Whether a passkey is to answer it, and no code."""
        return self.method == AuthenticationMethod.PASSKEY


@dataclass(frozen=True, slots=True)
class CodeUse:
    """What became of one code that was sent to a customer, or one question to his passkey, for his security page."""

    purpose: str
    method: str
    status: str
    generated_at: datetime
    expires_at: datetime
    used_at: datetime | None


def get_authorisation(*, authorisation_id: UUID) -> SCAAuthorisation:
    """The authorisation.

    :raises NotFound: there is none.
    """
    authorisation = SCAAuthorisation.objects.select_related("psu__user").filter(pk=authorisation_id).first()
    if authorisation is None:
        raise NotFound("authorisation")
    return authorisation


def get_authorisation_of_subject(
    *, subject_type: SubjectType, subject_id: UUID, authorisation_id: UUID
) -> SCAAuthorisation:
    """The authorisation, if it belongs to this consent or payment.

    :raises NotFound: missing, or another subject's.
    """
    authorisation = get_authorisation(authorisation_id=authorisation_id)
    if authorisation.subject_type != subject_type or authorisation.subject_id != subject_id:
        raise NotFound("authorisation")
    return authorisation


def list_authorisations(*, subject_type: SubjectType, subject_id: UUID) -> QuerySet[SCAAuthorisation]:
    """All authorisations of a consent or a payment, oldest first."""
    return SCAAuthorisation.objects.filter(subject_type=subject_type, subject_id=subject_id).order_by(
        "created_at"
    )


def list_signatures(*, subject_type: SubjectType, subject_ids: Iterable[UUID]) -> dict[UUID, list[Signature]]:
    """What was signed with a code of each of these, the first signature first; in one query."""
    return _list_ended(SCAStatus.FINALISED, subject_type=subject_type, subject_ids=subject_ids)


def list_exempted(*, subject_type: SubjectType, subject_ids: Iterable[UUID]) -> dict[UUID, list[Signature]]:
    """The same of what was released without a code: who did it, when, and the hash of what he was shown."""
    return _list_ended(SCAStatus.EXEMPTED, subject_type=subject_type, subject_ids=subject_ids)


def _list_ended(
    status: SCAStatus, *, subject_type: SubjectType, subject_ids: Iterable[UUID]
) -> dict[UUID, list[Signature]]:
    rows = (
        SCAAuthorisation.objects.filter(
            subject_type=subject_type, subject_id__in=list(subject_ids), sca_status=status
        )
        .order_by("finalised_at")
        .values_list("subject_id", "pk", "psu_id", "finalised_at", "snapshot_hash")
    )
    signatures: dict[UUID, list[Signature]] = defaultdict(list)
    for subject_id, authorisation_id, psu_id, signed_at, snapshot_hash in rows:
        # A constraint guarantees customer, time and hash of what is finalised, a trigger of what is exempted.
        signatures[subject_id].append(
            Signature(authorisation_id, psu_id, signed_at, bytes(snapshot_hash))  # type: ignore[arg-type]
        )
    return signatures


def signers_of(
    signatures: Iterable[Signature], *, purpose: Purpose, snapshot: Mapping[str, Any]
) -> dict[UUID, UUID]:
    """The different people who have signed exactly this, each with (the last of) his authorisations."""
    return {
        one.psu_id: one.authorisation_id
        for one in signatures
        if one.covers(purpose=purpose, snapshot=snapshot)
    }


def list_signers(*, subject_type: SubjectType, subject_id: UUID) -> list[tuple[str, datetime]]:
    """Who has signed this, by name, and when; the first first."""
    rows = SCAAuthorisation.objects.select_related("psu").filter(
        subject_type=subject_type, subject_id=subject_id, sca_status=SCAStatus.FINALISED
    )
    return [(one.psu.full_name, one.finalised_at) for one in rows.order_by("finalised_at")]  # type: ignore


def list_evidence(*, subject_type: SubjectType, subject_id: UUID) -> list[Evidence]:
    """What was signed of this, by whom, when and how, the first signature first (PSD2 art. 72, RTS art. 29): of each
    finalised authorisation the challenge that was answered, with the very snapshot that it was made over."""
    answered = (
        Challenge.objects.filter(
            authorisation__subject_type=subject_type,
            authorisation__subject_id=subject_id,
            authorisation__sca_status=SCAStatus.FINALISED,
            authorisation__snapshot_hash=F("snapshot_hash"),
            status=ChallengeStatus.USED,
        )
        .select_related("authorisation__psu")
        .order_by("authorisation__finalised_at", "used_at")
    )
    # A constraint guarantees customer and time of what is finalised. Of several codes of one the last counts.
    return list(
        {
            one.authorisation_id: Evidence(
                authorisation_id=one.authorisation_id,  # type: ignore[arg-type]
                signer_name=one.authorisation.psu.full_name,  # type: ignore[union-attr]
                signed_at=one.authorisation.finalised_at,  # type: ignore[union-attr, arg-type]
                elements=list(one.authorisation.elements),  # type: ignore[union-attr]
                method=one.method,
                snapshot=one.snapshot,
                snapshot_hash=bytes(one.snapshot_hash),
            )
            for one in answered
        }.values()
    )


def has_signed(*, subject_type: SubjectType, subject_id: UUID, psu_id: UUID) -> bool:
    """Whether this customer has signed this."""
    return SCAAuthorisation.objects.filter(
        subject_type=subject_type, subject_id=subject_id, psu_id=psu_id, sca_status=SCAStatus.FINALISED
    ).exists()


def get_challenge_view(*, challenge_id: UUID) -> ChallengeView:
    """What may be shown of a challenge.

    :raises NotFound: there is none.
    """
    challenge = Challenge.objects.filter(pk=challenge_id).first()
    if challenge is None:
        raise NotFound("challenge")
    return ChallengeView(
        challenge_id=challenge.pk,
        method=challenge.method,
        snapshot=challenge.snapshot,
        expires_at=challenge.expires_at,
        generated_at=challenge.generated_at,
        status=challenge.status,
        attempts_left=max(0, settings.SCA_MAX_ATTEMPTS - challenge.attempts),
        is_answered=challenge.answered_at is not None,
    )


def is_settled(*, challenge_id: UUID, user_id: UUID | None = None, now: datetime) -> bool:
    """Whether a page need wait for an app no longer: it has answered, or the challenge is over. With ``user_id`` of
    that customer's challenges alone; another's is over, as is one that there never was."""
    waiting = Challenge.objects.filter(
        pk=challenge_id, status=ChallengeStatus.OPEN, answered_at=None, expires_at__gt=now
    )
    if user_id is not None:
        waiting = waiting.filter(user_id=user_id)
    return not waiting.exists()


def get_open_challenge_id(
    *, authorisation_id: UUID, user_id: UUID | None = None, now: datetime
) -> UUID | None:
    """The challenge that is under way for an authorisation, if its life is not over.

    With ``user_id`` only one that is for that customer, by a code or by his passkey: never a decoy, never another's.
    Without it, one whose code was sent.
    """
    challenges = Challenge.objects.filter(
        authorisation_id=authorisation_id, status="open", expires_at__gt=now
    )
    if user_id is not None:
        challenges = challenges.filter(user_id=user_id)
    else:
        challenges = challenges.filter(method=AuthenticationMethod.SMS_OTP)
    return challenges.order_by("-generated_at").values_list("pk", flat=True).first()


def list_code_uses(*, user_id: UUID, limit: int = 10) -> list[CodeUse]:
    """The latest codes and passkeys asked of a customer and what became of them, newest first. Never a code."""
    columns = ("purpose", "method", "status", "generated_at", "expires_at", "used_at")
    rows = Challenge.objects.filter(user_id=user_id).order_by("-generated_at").values_list(*columns)
    return [CodeUse(*row) for row in rows[:limit]]


def get_sms_device(*, user_id: UUID) -> SMSDevice | None:
    """The customer's registered mobile number, confirmed; or None."""
    return SMSDevice.objects.filter(user_id=user_id, confirmed=True).first()


def list_passkeys(*, user_id: UUID) -> list[Passkey]:
    """The customer's passkeys that work, the oldest first."""
    return list(
        Passkey.objects.filter(user_id=user_id, confirmed=True, suspended_at=None).order_by(
            "enrolled_at", "pk"
        )
    )


def get_passkey(*, user_id: UUID, passkey_id: int) -> Passkey:
    """One of the customer's passkeys that work.

    :raises NotFound: there is none such, or it is another's.
    """
    passkey = Passkey.objects.filter(
        pk=passkey_id, user_id=user_id, confirmed=True, suspended_at=None
    ).first()
    if passkey is None:
        raise NotFound("passkey")
    return passkey


def list_signing_devices(*, user_id: UUID) -> list[SigningDevice]:
    """The customer's apps and tokens that work; what he used last first."""
    return list(
        SigningDevice.objects.filter(user_id=user_id, confirmed=True).order_by(
            F("last_used_at").desc(nulls_last=True), "-enrolled_at", "pk"
        )
    )


def get_signing_device(*, user_id: UUID, device_id: int) -> SigningDevice:
    """One of the customer's apps and tokens that work.

    :raises NotFound: there is none such, or it is another's.
    """
    device = SigningDevice.objects.filter(pk=device_id, user_id=user_id, confirmed=True).first()
    if device is None:
        raise NotFound("device")
    return device


def get_verification_key(*, user_id: UUID, device_id: int) -> UserVerificationKey | None:
    """The key by which the telephone of one of the customer's apps vouches for its user; None: the PIN alone does."""
    return UserVerificationKey.objects.filter(
        device_id=device_id, device__user_id=user_id, withdrawn_at=None
    ).first()


def list_verified_devices(*, user_id: UUID) -> set[int]:
    """Which of the customer's apps take fingerprint or face in the place of the PIN."""
    keys = UserVerificationKey.objects.filter(
        device__user_id=user_id, device__confirmed=True, withdrawn_at=None
    )
    return set(keys.values_list("device_id", flat=True))


def get_token(*, token_id: UUID) -> HardwareToken:
    """A token of the bank's stock.

    :raises NotFound: there is none.
    """
    token = HardwareToken.objects.filter(pk=token_id).first()
    if token is None:
        raise NotFound("token")
    return token


def get_enrolment(*, user_id: UUID, enrolment_id: UUID) -> DeviceEnrolment:
    """A customer's wish to have another passkey, app or token.

    :raises NotFound: there is none, or it is another's.
    """
    enrolment = DeviceEnrolment.objects.filter(pk=enrolment_id, user_id=user_id).first()
    if enrolment is None:
        raise NotFound("enrolment")
    return enrolment


def get_authenticator(*, user_id: UUID) -> AuthenticatorDevice | None:
    """The authenticator app that a member of a TPP has enrolled, or None."""
    members = AuthenticatorDevice.objects.exclude(name=SignInApp.NAME)
    return members.filter(user_id=user_id, confirmed=True).first()


def get_sign_in_app(*, user_id: UUID) -> SignInApp | None:
    """The app with which a customer signs in, and nothing else, or None."""
    return SignInApp.objects.filter(user_id=user_id, name=SignInApp.NAME, confirmed=True).first()


def count_recovery_codes(*, user_id: UUID) -> int:
    """How many recovery codes a customer has left."""
    return ReactivationCode.objects.filter(
        user_id=user_id, kind=ReactivationKind.RECOVERY, used_at=None, voided_at=None
    ).count()


def get_access_change(*, user_id: UUID, change_id: UUID) -> AccessChange:
    """A customer's wish for recovery codes or an app.

    :raises NotFound: there is none, or it is another's.
    """
    change = AccessChange.objects.filter(pk=change_id, user_id=user_id).first()
    if change is None:
        raise NotFound("change")
    return change


def get_reactivation(*, reactivation_id: UUID, now: datetime) -> Reactivation:
    """One that is under way.

    :raises NotFound: there is none, it is done, or its ten minutes are over.
    """
    under_way = Reactivation.objects.filter(pk=reactivation_id, done_at=None, expires_at__gt=now)
    reactivation = under_way.select_related("user").first()
    if reactivation is None:
        raise NotFound("reactivation")
    return reactivation


def cools_until(
    *, user_id: UUID, method: str, passkey_id: int | None = None, now: datetime
) -> datetime | None:
    """Until when what was registered anew signs in only and signs nothing; None when it signs (RTS art. 7, S1-25)."""
    if method == AuthenticationMethod.PASSKEY:
        until = Passkey.objects.filter(pk=passkey_id, user_id=user_id)
    elif method == AuthenticationMethod.SMS_OTP:
        until = SMSDevice.objects.filter(user_id=user_id, confirmed=True)
    else:
        return None
    return until.filter(cools_until__gt=now).values_list("cools_until", flat=True).first()


def is_authenticator(device: object) -> bool:
    """Whether a session's device is an authenticator app, whose codes know nothing of what is signed (S1-19)."""
    return isinstance(device, AuthenticatorDevice | SignInApp)


def is_sign_in_app(device: object) -> bool:
    """Whether it is one that a customer has added to sign in, by a signature."""
    return isinstance(device, SignInApp)


def get_authentication_state(*, user_id: UUID) -> AuthenticationState | None:
    """The failures in a row of a log-in; None when there never was one."""
    return AuthenticationState.objects.filter(user_id=user_id).first()
