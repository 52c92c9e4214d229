from datetime import timedelta

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device
from django_otp.plugins.otp_totp.models import TOTPDevice

from apps.core.ids import new_id
from apps.core.legal_limits import CODE_ATTEMPTS_MAX, CODE_LIFETIME_MAX_SECONDS
from apps.sca.authenticator_secrets import open_secret
from apps.sca.rules import (
    FINAL_STATUSES,
    AccessAction,
    AuthenticationMethod,
    ChallengeStatus,
    Delivery,
    DeviceKind,
    Element,
    EnrolmentStatus,
    Integrity,
    Purpose,
    ReactivationKind,
    SCAStatus,
    SubjectType,
    TokenFault,
    WithdrawalReason,
)


class SMSDevice(Device):
    """A mobile number that belongs to a customer: possession, that is, the SIM (EBA Q&A 2018_4039).

    Codes are made and checked by ``sca.services``; django-otp's own token field, which keeps codes in clear, is
    not used.
    """

    phone_number = models.CharField(_("mobile number"), max_length=16, help_text="E.164")
    enrolled_at = models.DateTimeField(_("enrolled"))
    cools_until = models.DateTimeField(null=True, help_text="until then its codes sign in and sign nothing")

    class Meta:
        verbose_name = _("mobile number")
        constraints = [
            models.CheckConstraint(
                condition=Q(phone_number__regex=r"^\+[1-9][0-9]{6,14}$"), name="sms_device_number_form"
            ),
            models.UniqueConstraint(
                fields=["user"], condition=Q(confirmed=True), name="sms_device_one_per_user"
            ),
        ]

    def __str__(self) -> str:
        return self.masked_number

    @property
    def masked_number(self) -> str:
        return f"{self.phone_number[:3]} ••• {self.phone_number[-3:]}"

    def verify_token(self, token: str) -> bool:
        """Refuses: a code is verified only against the challenge that it was made for."""
        return False


class AuthenticatorDevice(TOTPDevice):
    """An authenticator app (TOTP, RFC 6238) of somebody who is no customer: a member of a TPP.

    Its codes know nothing of amount and payee, so they never authorise a payment, nor open a customer's accounts
    (S1-19). The library's row, with the secret encrypted in it (S0-5) instead of in clear.
    """

    class Meta:
        proxy = True
        verbose_name = _("authenticator app")

    @property
    def bin_key(self) -> bytes:
        return open_secret(self.key, owner=str(self.user_id))

    def get_throttle_factor(self) -> int:
        """No waiting time of the library's: :class:`AuthenticationState` counts, over all elements and doors."""
        return 0


class SignInApp(TOTPDevice):
    """A customer's authenticator app: beside the password it opens the portal, and it signs nothing (S1-19).

    The same table as :class:`AuthenticatorDevice`, told apart by its name; the secret is encrypted like there.
    """

    NAME = "sign-in"

    class Meta:
        proxy = True
        verbose_name = _("app for signing in")

    @property
    def bin_key(self) -> bytes:
        return open_secret(self.key, owner=str(self.user_id))

    def get_throttle_factor(self) -> int:
        """No waiting time of the library's: :class:`AuthenticationState` counts, over all elements and doors."""
        return 0


class Passkey(Device):
    """A key pair whose private half stays in the customer's device, and opens by his PIN or fingerprint (WebAuthn).

    Possession, and what the device asked for, in one gesture. A row that was withdrawn stays, as evidence, and is never
    confirmed again.
    """

    credential_id = models.BinaryField(help_text="by which the device knows the key")
    public_key = models.BinaryField(help_text="COSE_Key")
    sign_count = models.BigIntegerField(help_text="the device's own count; 0 for ever if it keeps none")
    aaguid = models.UUIDField(help_text="model of the authenticator; zeros when it does not say")
    is_synced = models.BooleanField(help_text="whether the device may copy the key to others")
    enrolled_at = models.DateTimeField(_("added"))
    cools_until = models.DateTimeField(null=True, help_text="until then it signs in and signs nothing")
    last_used_at = models.DateTimeField(null=True)
    last_challenge_id = models.UUIDField(null=True, help_text="to which the latest count belongs")
    suspended_at = models.DateTimeField(null=True, help_text="by a freeze, until that is lifted")
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_because = models.CharField(max_length=16, choices=WithdrawalReason, blank=True)

    class Meta:
        verbose_name = _("passkey")
        constraints = [
            models.UniqueConstraint(fields=["credential_id"], name="passkey_credential_once"),
            models.CheckConstraint(
                condition=Q(confirmed=True, withdrawn_at__isnull=True, withdrawn_because="")
                | (Q(confirmed=False, withdrawn_at__isnull=False) & ~Q(withdrawn_because="")),
                name="passkey_withdrawn_for_good",
            ),
            models.CheckConstraint(condition=Q(sign_count__gte=0), name="passkey_count_not_negative"),
        ]

    @property
    def is_usable(self) -> bool:
        """Neither withdrawn nor suspended."""
        return self.confirmed and self.suspended_at is None

    def verify_token(self, token: str) -> bool:
        """Refuses: a passkey answers a challenge, it has no codes."""
        return False


class SigningDevice(Device):
    """A device that the bank has bound to one customer: its app on a telephone, or a token (RTS art. 24).

    Possession. Its PIN, which every answer depends on, is knowledge. Of the app the bank keeps public keys; of a token
    the key that both share, sealed. A row that was withdrawn stays, as evidence, and is never confirmed again.
    """

    kind = models.CharField(
        max_length=8, choices=[(kind, kind.label) for kind in (DeviceKind.APP, DeviceKind.TOKEN)]
    )
    agreement_key = models.BinaryField(null=True, help_text="public, of the app: requests are sealed for it")
    signing_key = models.BinaryField(null=True, help_text="public, of the app: its answers are signed by it")
    pin_key = models.TextField(help_text="sealed; what the app or the token makes of its PIN")
    token_key = models.TextField(blank=True, help_text="sealed; inside the token, too")
    serial_number = models.CharField(max_length=16, blank=True, help_text="of a token")
    environment = models.BinaryField(null=True, help_text="a hash of what the app was bound in")
    counter = models.BigIntegerField(default=0, help_text="of the app's latest answer")
    push_endpoint = models.TextField(blank=True, help_text="where the app is woken (RFC 8030)")
    push_key = models.BinaryField(null=True, help_text="p256dh of the subscription (RFC 8291)")
    push_secret = models.BinaryField(null=True, help_text="auth of the subscription")
    enrolled_at = models.DateTimeField(_("added"))
    last_used_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_because = models.CharField(max_length=16, choices=WithdrawalReason, blank=True)

    class Meta:
        verbose_name = _("app or token")
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    kind=DeviceKind.APP,
                    agreement_key__isnull=False,
                    signing_key__isnull=False,
                    environment__isnull=False,
                    token_key="",
                    serial_number="",
                )
                | Q(
                    kind=DeviceKind.TOKEN,
                    agreement_key__isnull=True,
                    signing_key__isnull=True,
                    push_endpoint="",
                )
                & ~Q(token_key="")
                & ~Q(serial_number=""),
                name="signing_device_has_its_keys",
            ),
            models.CheckConstraint(condition=~Q(pin_key=""), name="signing_device_has_a_pin"),
            models.CheckConstraint(
                condition=Q(confirmed=True, withdrawn_at__isnull=True, withdrawn_because="")
                | (Q(confirmed=False, withdrawn_at__isnull=False) & ~Q(withdrawn_because="")),
                name="signing_device_withdrawn_for_good",
            ),
            models.CheckConstraint(
                condition=Q(push_endpoint="", push_key__isnull=True, push_secret__isnull=True)
                | (~Q(push_endpoint="") & Q(push_key__isnull=False, push_secret__isnull=False)),
                name="signing_device_push_whole",
            ),
            models.UniqueConstraint(fields=["signing_key"], name="signing_device_key_once"),
            models.UniqueConstraint(
                fields=["serial_number"],
                condition=Q(kind=DeviceKind.TOKEN, confirmed=True),
                name="signing_device_token_once",
            ),
        ]

    @property
    def is_app(self) -> bool:
        return self.kind == DeviceKind.APP

    def verify_token(self, token: str) -> bool:
        """Refuses: a device answers a challenge, it has no codes of its own."""
        return False


class UserVerificationKey(models.Model):
    """A key in a telephone's own authenticator that opens by fingerprint or face: it stands in for the PIN of the
    bank's app on that telephone, and for nothing else (WebAuthn, decision 0040).

    It is never the possession: the app's own key signs each answer as before. A row that was withdrawn stays, as
    evidence.
    """

    device = models.ForeignKey(SigningDevice, on_delete=models.PROTECT, related_name="verification_keys")
    credential_id = models.BinaryField(unique=True, help_text="by which the telephone knows the key")
    public_key = models.BinaryField(help_text="COSE_Key")
    sign_count = models.BigIntegerField(
        help_text="the authenticator's own count; 0 for ever if it keeps none"
    )
    aaguid = models.UUIDField(help_text="model of the authenticator; zeros when it does not say")
    is_synced = models.BooleanField(help_text="whether the telephone may copy the key to others")
    added_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_because = models.CharField(max_length=16, choices=WithdrawalReason, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=Q(withdrawn_at__isnull=True),
                name="user_verification_key_one_per_device",
            ),
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_because="")
                | (Q(withdrawn_at__isnull=False) & ~Q(withdrawn_because="")),
                name="user_verification_key_withdrawn_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(sign_count__gte=0), name="user_verification_key_count_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.device_id}: {self.withdrawn_because or 'on'}"


class HardwareToken(models.Model):
    """A token of the bank's stock: a device without a net that reads a picture and shows eight digits.

    The key inside it stands here, too, sealed. It is given to one customer in its life; a row is never deleted.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    serial_number = models.CharField(
        _("serial number"), max_length=16, unique=True, help_text="printed on it"
    )
    token_key = models.TextField(help_text="sealed")
    added_at = models.DateTimeField(_("added to the stock"))
    holder = models.ForeignKey(
        "identity.User",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("in the hands of"),
    )
    handed_out_at = models.DateTimeField(_("in his hands since"), null=True)
    revoked_at = models.DateTimeField(_("out of use since"), null=True)
    revoked_because = models.CharField(
        _("out of use because"), max_length=8, choices=TokenFault, blank=True, default="", db_default=""
    )

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        constraints = [
            models.CheckConstraint(
                condition=Q(serial_number__regex=r"^[0-9]{10}$") & ~Q(token_key=""),
                name="hardware_token_form",
            ),
            models.CheckConstraint(
                condition=Q(holder__isnull=True, handed_out_at__isnull=True)
                | Q(holder__isnull=False, handed_out_at__isnull=False),
                name="hardware_token_handed_out_to_somebody",
            ),
            models.CheckConstraint(
                condition=Q(revoked_at__isnull=True, revoked_because="")
                | (Q(revoked_at__isnull=False) & Q(revoked_because__in=TokenFault.values)),
                name="hardware_token_revoked_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.serial_number


class DeviceEnrolment(models.Model):
    """A customer's wish to have another passkey, app or token: first signed by what he has already, then made
    (RTS art. 24(2)(b))."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("identity.User", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=8, choices=DeviceKind, default=DeviceKind.PASSKEY)
    name = models.CharField(max_length=40, help_text="how he calls the device")
    status = models.CharField(max_length=10, choices=EnrolmentStatus, default=EnrolmentStatus.OPEN)
    nonce = models.BinaryField(help_text="of the challenge that the new key answers")
    activation_hash = models.BinaryField(
        null=True, unique=True, help_text="keyed; of the code that binds an app"
    )
    serial_number = models.CharField(
        max_length=16, blank=True, default="", db_default="", help_text="of the token, as its owner typed it"
    )
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="to bind a token")
    created_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)
    passkey = models.OneToOneField(Passkey, on_delete=models.PROTECT, null=True, related_name="enrolment")
    device = models.OneToOneField(
        SigningDevice, on_delete=models.PROTECT, null=True, related_name="enrolment"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status=EnrolmentStatus.DONE, signed_at__isnull=False)
                & (
                    Q(kind=DeviceKind.PASSKEY, passkey__isnull=False, device__isnull=True)
                    | (~Q(kind=DeviceKind.PASSKEY) & Q(passkey__isnull=True, device__isnull=False))
                )
                | Q(passkey__isnull=True, device__isnull=True)
                & (
                    Q(status=EnrolmentStatus.SIGNED, signed_at__isnull=False)
                    | Q(status=EnrolmentStatus.OPEN, signed_at__isnull=True)
                    | Q(status=EnrolmentStatus.CLOSED)
                ),
                name="device_enrolment_signed_before_made",
            ),
            models.CheckConstraint(
                condition=Q(attempts__lte=CODE_ATTEMPTS_MAX), name="device_enrolment_attempts_bounded"
            ),
        ]
        indexes = [models.Index(fields=["user", "-created_at"], name="device_enrolment_user")]

    def __str__(self) -> str:
        return f"{self.name}: {self.status}"


class SCAAuthorisation(models.Model):
    """The authorisation sub-resource of a consent or a payment (NextGenPSD2)."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False, help_text="authorisationId")
    subject_type = models.CharField(max_length=16, choices=SubjectType)
    subject_id = models.UUIDField()
    psu = models.ForeignKey("identity.PSU", on_delete=models.PROTECT, null=True, related_name="+")
    sca_status = models.CharField(max_length=20, choices=SCAStatus, default=SCAStatus.RECEIVED)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    finalised_at = models.DateTimeField(null=True)
    elements = ArrayField(models.CharField(max_length=20), default=list, help_text="categories proved")
    method = models.CharField(
        max_length=10,
        choices=AuthenticationMethod,
        blank=True,
        default="",
        db_default="",
        help_text="by which they were",
    )
    snapshot_hash = models.BinaryField(null=True, help_text="of what was authorised")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(sca_status__in=SCAStatus.values), name="sca_status_known"),
            models.CheckConstraint(
                # Two elements of different categories, a customer and a snapshot, or it is not finalised (S0-8).
                condition=~Q(sca_status=SCAStatus.FINALISED)
                | Q(
                    psu__isnull=False,
                    finalised_at__isnull=False,
                    snapshot_hash__isnull=False,
                    method__in=AuthenticationMethod.values,
                    elements__contains=[Element.POSSESSION],
                    elements__overlap=[Element.KNOWLEDGE, Element.INHERENCE, Element.USER_VERIFICATION],
                ),
                name="sca_finalised_has_two_elements",
            ),
        ]
        indexes = [
            models.Index(fields=["subject_type", "subject_id"], name="sca_authorisation_subject"),
            models.Index(
                fields=["expires_at"],
                name="sca_authorisation_open",
                condition=~Q(sca_status__in=sorted(FINAL_STATUSES)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subject_type} {self.subject_id}: {self.sca_status}"

    @property
    def is_open(self) -> bool:
        return self.sca_status not in FINAL_STATUSES


class Challenge(models.Model):
    """One question over one snapshot: a code to return, bytes for a passkey to sign, or a request to a device.

    ``user`` is empty for a decoy, which no code ever matches (N7), and for a passkey of whoever comes.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    authorisation = models.ForeignKey(
        SCAAuthorisation, on_delete=models.CASCADE, null=True, related_name="challenges"
    )
    user = models.ForeignKey("identity.User", on_delete=models.CASCADE, null=True, related_name="+")
    purpose = models.CharField(max_length=16, choices=Purpose)
    method = models.CharField(
        max_length=10, choices=AuthenticationMethod, default=AuthenticationMethod.SMS_OTP
    )
    snapshot = models.JSONField(help_text="what is authorised, as the customer sees it")
    snapshot_hash = models.BinaryField()
    nonce = models.BinaryField()
    code_hash = models.BinaryField(null=True, help_text="keyed; the code itself is nowhere")
    details_by_link = models.BooleanField(
        default=False,
        db_default=False,
        help_text="the message does not say what is signed; a page does (S1-17)",
    )
    status = models.CharField(max_length=6, choices=ChallengeStatus, default=ChallengeStatus.OPEN)
    attempts = models.PositiveSmallIntegerField(default=0)
    generated_at = models.DateTimeField(help_text="the code's life starts here, delivery included (S1-7)")
    expires_at = models.DateTimeField()
    offered_at = models.DateTimeField(
        null=True,
        help_text="when a page first asked for it; empty for a code sent ahead that none has asked for yet",
    )
    used_at = models.DateTimeField(null=True)
    shown = models.JSONField(null=True, help_text="what an app or a token shows, line by line")
    answered_at = models.DateTimeField(
        null=True, help_text="when the app sent a right answer; not spent by it"
    )
    answered_by = models.ForeignKey(
        SigningDevice, on_delete=models.PROTECT, null=True, related_name="+", help_text="the device that did"
    )
    integrity = models.CharField(
        max_length=8,
        choices=Integrity,
        blank=True,
        default="",
        db_default="",
        help_text="of its surroundings then",
    )
    verified_by = models.ForeignKey(
        UserVerificationKey,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        help_text="by which the telephone vouched for its user, in the place of the PIN",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, integrity="")
                | Q(
                    method=AuthenticationMethod.PUSH_OTP, answered_at__isnull=False, answered_by__isnull=False
                )
                | Q(
                    method=AuthenticationMethod.PHOTO_OTP,
                    answered_at__isnull=False,
                    answered_by__isnull=False,
                ),
                name="sca_challenge_answered_by_a_device",
            ),
            models.CheckConstraint(
                condition=Q(verified_by__isnull=True)
                | Q(
                    method=AuthenticationMethod.PUSH_OTP, answered_at__isnull=False, answered_by__isnull=False
                ),
                name="sca_challenge_verified_beside_a_device",
            ),
            models.CheckConstraint(
                condition=Q(attempts__lte=CODE_ATTEMPTS_MAX), name="sca_challenge_attempts_bounded"
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("generated_at"))
                & Q(expires_at__lte=F("generated_at") + timedelta(seconds=CODE_LIFETIME_MAX_SECONDS)),
                name="sca_challenge_life_bounded",
            ),
            models.CheckConstraint(
                condition=Q(status=ChallengeStatus.USED, used_at__isnull=False)
                | (~Q(status=ChallengeStatus.USED) & Q(used_at__isnull=True)),
                name="sca_challenge_used_has_time",
            ),
            models.UniqueConstraint(
                # One code under way. Of passkeys' challenges there may be several: none can be guessed, and a stranger
                # who comes by a link must not make the customer's code void.
                fields=["authorisation"],
                condition=Q(status=ChallengeStatus.OPEN, method=AuthenticationMethod.SMS_OTP),
                name="sca_challenge_one_open_per_authorisation",
            ),
            models.CheckConstraint(
                condition=Q(method=AuthenticationMethod.SMS_OTP, code_hash__isnull=False)
                | (~Q(method=AuthenticationMethod.SMS_OTP) & Q(code_hash__isnull=True)),
                name="sca_challenge_codes_have_hashes",
            ),
        ]
        indexes = [models.Index(fields=["user", "-generated_at"], name="sca_challenge_user")]

    def __str__(self) -> str:
        return f"{self.purpose} {self.status}"


class AuthenticationState(models.Model):
    """Failures in a row of one log-in, over all codes, sessions and doors (RTS art. 4(3)(b))."""

    user = models.OneToOneField(
        "identity.User", on_delete=models.CASCADE, primary_key=True, related_name="authentication_state"
    )
    consecutive_failures = models.PositiveSmallIntegerField(default=0)
    block_level = models.PositiveSmallIntegerField(default=0, help_text="blocks since the last success")
    blocked_until = models.DateTimeField(null=True)
    blocked_for_good = models.BooleanField(default=False)
    failed_elements = ArrayField(
        models.CharField(max_length=16),
        default=list,
        db_default=[],
        help_text="what has failed since the last success",
    )
    frozen_at = models.DateTimeField(
        null=True, help_text="closed on the word of the customer or of staff, not for failures"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(consecutive_failures__lte=CODE_ATTEMPTS_MAX),
                name="sca_consecutive_failures_bounded",
            ),
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True) | Q(blocked_for_good=True), name="sca_frozen_is_closed"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.consecutive_failures}"


class AccessChange(models.Model):
    """A customer's wish for recovery codes or an app for signing in: first signed, then made (RTS art. 24(2)(b))."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("identity.User", on_delete=models.CASCADE, related_name="+")
    action = models.CharField(max_length=16, choices=AccessAction)
    status = models.CharField(max_length=10, choices=EnrolmentStatus, default=EnrolmentStatus.OPEN)
    created_at = models.DateTimeField()
    signed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[EnrolmentStatus.SIGNED, EnrolmentStatus.DONE], signed_at__isnull=False
                )
                | Q(status=EnrolmentStatus.OPEN, signed_at__isnull=True)
                | Q(status=EnrolmentStatus.CLOSED),
                name="access_change_signed_before_made",
            ),
        ]
        indexes = [models.Index(fields=["user", "-created_at"], name="access_change_user")]

    def __str__(self) -> str:
        return f"{self.action}: {self.status}"


class ReactivationCode(models.Model):
    """A code by which somebody who has lost what he signs with registers another: together with his password, once.

    It signs nothing and opens no session. Known by a keyed hash only.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("identity.User", on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=10, choices=ReactivationKind)
    delivery = models.CharField(max_length=6, choices=Delivery, blank=True, default="")
    code_hash = models.BinaryField(unique=True, help_text="keyed; the code itself is nowhere")
    nonce = models.BinaryField(null=True, help_text="by which a letter's code is made again to be printed")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, help_text="empty: until it is used or replaced")
    attempts = models.PositiveSmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(attempts__lte=CODE_ATTEMPTS_MAX), name="reactivation_code_attempts_bounded"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind=ReactivationKind.ACTIVATION,
                    expires_at__isnull=False,
                    nonce__isnull=False,
                    delivery__in=Delivery.values,
                )
                | Q(kind=ReactivationKind.RECOVERY, nonce__isnull=True, delivery=""),
                name="reactivation_code_of_a_letter_ends",
            ),
        ]
        indexes = [models.Index(fields=["user", "kind"], name="reactivation_code_user")]

    def __str__(self) -> str:
        return self.get_kind_display()


class Reactivation(models.Model):
    """Ten minutes in which somebody registers a new number or passkey, after password and code were right."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.ForeignKey("identity.User", on_delete=models.CASCADE, related_name="+")
    code = models.OneToOneField(ReactivationCode, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    phone_number = models.CharField(max_length=16, blank=True, default="", help_text="yet to be confirmed")
    nonce = models.BinaryField(null=True, help_text="of the code that was sent to it")
    sends = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(attempts__lte=CODE_ATTEMPTS_MAX), name="reactivation_attempts_bounded"
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
