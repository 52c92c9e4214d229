import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.errors import DomainError

CODE_DIGITS = 6
_CODE, _SHORT_CODE = re.compile(r"[0-9]{6}"), re.compile(r"[0-9]{8}")
_TOKEN_ACTIVATION, _SERIAL_NUMBER, _PIN = (re.compile(f"[0-9]{{{digits}}}") for digits in (14, 10, 6))

# How long sign-in pauses after five failures in a row, by how often it happened since the last success
# (RTS art. 4(4): growing with the risk). After the last one only the bank can reopen.
BLOCK_DURATIONS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))


class SCAStatus(models.TextChoices):
    """scaStatus of NextGenPSD2."""

    RECEIVED = "received"
    PSU_IDENTIFIED = "psuIdentified"
    PSU_AUTHENTICATED = "psuAuthenticated"
    SCA_METHOD_SELECTED = "scaMethodSelected"
    STARTED = "started"
    UNCONFIRMED = "unconfirmed"
    FINALISED = "finalised"
    FAILED = "failed"
    EXEMPTED = "exempted"


FINAL_STATUSES = frozenset({SCAStatus.FINALISED, SCAStatus.FAILED, SCAStatus.EXEMPTED})
TRANSITIONS: dict[str, frozenset[str]] = {
    SCAStatus.RECEIVED: frozenset(
        {
            SCAStatus.PSU_IDENTIFIED,
            SCAStatus.PSU_AUTHENTICATED,
            SCAStatus.SCA_METHOD_SELECTED,
            SCAStatus.FAILED,
        }
    ),
    # Exempted only as long as no code was asked for: one that is under way stays what releases it.
    SCAStatus.PSU_IDENTIFIED: frozenset(
        {
            SCAStatus.PSU_AUTHENTICATED,
            SCAStatus.SCA_METHOD_SELECTED,
            SCAStatus.FAILED,
            SCAStatus.EXEMPTED,
        }
    ),
    SCAStatus.PSU_AUTHENTICATED: frozenset({SCAStatus.SCA_METHOD_SELECTED, SCAStatus.FAILED}),
    # A second code for the same authorisation selects the method again.
    SCAStatus.SCA_METHOD_SELECTED: frozenset(
        {SCAStatus.SCA_METHOD_SELECTED, SCAStatus.UNCONFIRMED, SCAStatus.FINALISED, SCAStatus.FAILED}
    ),
    SCAStatus.UNCONFIRMED: frozenset({SCAStatus.FINALISED, SCAStatus.FAILED}),
    SCAStatus.STARTED: frozenset({SCAStatus.FINALISED, SCAStatus.FAILED}),
    SCAStatus.FINALISED: frozenset(),
    SCAStatus.FAILED: frozenset(),
    SCAStatus.EXEMPTED: frozenset(),
}


class SubjectType(models.TextChoices):
    """What an authorisation is about."""

    CONSENT = "consent"
    PAYMENT = "payment"
    STANDING_ORDER = "standing_order"
    LIMITS = "limits"
    BULK = "bulk"
    DEVICE = "device"
    TRUSTED_PAYEES = "trusted_payees"
    ACCESS = "access"


class Purpose(models.TextChoices):
    """What a code is for; part of the snapshot, so that a code for one never serves another."""

    SIGN_IN = "sign_in"
    CONSENT = "consent"
    PAYMENT = "payment"
    STANDING_ORDER = "standing_order"
    LIMITS = "limits"
    BULK = "bulk"
    DEVICE = "device"
    TRUSTED_PAYEES = "trusted_payees"
    ACCESS = "access"
    UNBLOCK = "unblock"
    VERIFICATION = "verification"


class ChallengeStatus(models.TextChoices):
    """open → used | dead (five wrong) | voided (data changed, or replaced by a newer code)."""

    OPEN = "open"
    USED = "used"
    DEAD = "dead"
    VOIDED = "voided"


class Element(models.TextChoices):
    """What was proved (PSD2 art. 4(30)). A passkey's device says that it made sure of its user, and not how: by its
    PIN, which is knowledge, or by a fingerprint, which is inherence. Either is of another category than possession."""

    KNOWLEDGE = "knowledge"
    POSSESSION = "possession"
    INHERENCE = "inherence"
    USER_VERIFICATION = "user_verification"


class AuthenticationMethod(models.TextChoices):
    """By what a challenge is answered: authenticationType of NextGenPSD2, which has no word for passkeys."""

    SMS_OTP = "SMS_OTP", _("text message")
    PASSKEY = "PASSKEY", _("passkey")
    PUSH_OTP = "PUSH_OTP", _("app")
    PHOTO_OTP = "PHOTO_OTP", _("picture")


# What a device of the customer's own answers that the bank has bound: its app, or a token (S3-10 to S3-19).
DEVICE_METHODS = frozenset({AuthenticationMethod.PUSH_OTP, AuthenticationMethod.PHOTO_OTP})


# A code on the phone stands beside the password of the same sign-in; a passkey brings both elements itself, and so does
# the bank's app or a token, whose PIN is part of every answer.
METHOD_ELEMENTS: dict[str, tuple[Element, Element]] = {
    AuthenticationMethod.SMS_OTP: (Element.KNOWLEDGE, Element.POSSESSION),
    AuthenticationMethod.PASSKEY: (Element.POSSESSION, Element.USER_VERIFICATION),
    AuthenticationMethod.PUSH_OTP: (Element.KNOWLEDGE, Element.POSSESSION),
    AuthenticationMethod.PHOTO_OTP: (Element.KNOWLEDGE, Element.POSSESSION),
}


def elements_of(*, method: str, is_user_verified: bool = False) -> tuple[Element, Element]:
    """The two categories that an answer by this method proves. ``is_user_verified``: of the bank's app, that its
    telephone made sure of its user in the place of the PIN. It does not tell how, so no more is claimed than of a
    passkey (decision 0040)."""
    if is_user_verified:
        return Element.POSSESSION, Element.USER_VERIFICATION
    return METHOD_ELEMENTS[method]


class EnrolmentStatus(models.TextChoices):
    """open → signed → done; closed when it was given up, ran out or was refused."""

    OPEN = "open"
    SIGNED = "signed"
    DONE = "done"
    CLOSED = "closed"


class DeviceKind(models.TextChoices):
    """What can be added to a customer's access beside his mobile number."""

    PASSKEY = "passkey", _("passkey")
    APP = "app", _("app")
    TOKEN = "token", _("token")


class WithdrawalReason(models.TextChoices):
    """Why a passkey or a device opens nothing any more (RTS art. 27)."""

    REMOVED = "removed", _("removed by you")
    COPIED = "copied", _("it looked like a copy")
    CHANGED = "changed", _("its surroundings had changed")
    UNSOUND = "unsound", _("its protections were off")
    FROZEN = "frozen", _("withdrawn after a freeze")
    LOST = "lost", _("reported lost")
    BROKEN = "broken", _("reported broken")
    RETURNED = "returned", _("given back")
    FAILURES = "failures", _("too many failed attempts")


class TokenFault(models.TextChoices):
    """Why a token of the bank's stock is out of use, for good."""

    LOST = "lost", _("lost or stolen")
    BROKEN = "broken", _("broken")
    RETURNED = "returned", _("given back by the customer")


class Integrity(models.TextChoices):
    """What the bank thinks of the surroundings in which its app answers (RTS art. 9(2)-(3), S1-20, S1-21)."""

    SOUND = "sound"
    CHANGED = "changed"
    UNSOUND = "unsound"


class ElementsAfterFreeze(models.TextChoices):
    """What becomes of the customer's elements when a freeze is lifted (PSD2 art. 68(4): unblocked, or replaced)."""

    RESTORE = "restore", _("The customer has all of it: number, passkeys, app and recovery codes work again")
    WITHDRAW = "withdraw", _("Something is lost or known to others: all of it is withdrawn and replaced")


class AccessAction(models.TextChoices):
    """What a customer adds to his access, by a signature, beside passkeys."""

    RECOVERY_CODES = "recovery_codes", _("recovery codes")
    SIGN_IN_APP = "sign_in_app", _("app for signing in")


class ReactivationKind(models.TextChoices):
    """Whose code it is by which a new number or device is registered; its first letter says it, too."""

    RECOVERY = "recovery", _("recovery code")
    ACTIVATION = "activation", _("activation code")


class Delivery(models.TextChoices):
    """How an activation code reaches the customer: closed either way, so that nobody at the bank reads it (S0-6)."""

    BRANCH = "branch", _("handed over in the branch, in a closed letter")
    POST = "post", _("by post, to the address on record")


RECOVERY_CODES_COUNT = 10
ACTIVATION_CODE_LIFE = {Delivery.BRANCH: timedelta(hours=1), Delivery.POST: timedelta(days=10)}
REACTIVATION_LIFE = timedelta(minutes=10)
# No I, L, O, U: they are read as other letters. 15 of these are 75 bits.
_SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REACTIVATION_CODE = re.compile(f"[AR][{_SYMBOLS}]{{15}}")


def make_reactivation_code(kind: ReactivationKind, *, random: bytes) -> str:
    """Sixteen letters and digits in groups of four, of 15 random bytes; the first one tells the kind."""
    number = int.from_bytes(random[:15], "big")
    symbols = "".join(_SYMBOLS[number >> 5 * place & 31] for place in range(15))
    text = ("A" if kind == ReactivationKind.ACTIVATION else "R") + symbols
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


def read_reactivation_code(text: str) -> str:
    """The sixteen symbols of a code as typed: blanks, hyphens and small letters are forgiven; empty if it is none."""
    symbols = text.upper().replace(" ", "").replace("-", "").translate(str.maketrans("OIL", "011"))
    return symbols if _REACTIVATION_CODE.fullmatch(symbols) else ""


_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")


def read_mobile_number(text: str) -> str:
    """An international number as stored (E.164); blanks, hyphens and brackets are forgiven; empty if it is none."""
    digits = re.sub(r"[ ()/-]", "", text)
    digits = "+" + digits[2:] if digits.startswith("00") else digits
    return digits if _NUMBER.fullmatch(digits) else ""


class MessageContent(models.TextChoices):
    """What a text message tells beside the code (S1-15 to S1-18, S3-27): what is signed, in clear; or an address under
    which its customer opens it with his password and the code."""

    CLEAR = "clear"
    LINK = "link"


class SyncedPasskeys(models.TextChoices):
    """What the bank thinks of passkeys that a device may copy to others (RTS art. 7(2): no replication)."""

    REFUSED = "refused"
    ACCEPTED = "accepted"


class BlockStage(StrEnum):
    """How far failures in a row have come, or that it was closed for another reason."""

    PAUSE = "pause"
    LAST_PAUSE = "last_pause"
    CLOSED = "closed"
    FROZEN = "frozen"


class CodeMalformed(DomainError):
    """Not six ASCII digits, of an app or a token eight. Nothing was compared, nothing counted."""

    code = "code_malformed"


def check_code_form(text: str) -> str:
    """The six digits of a code as typed; blanks around and inside are forgiven.

    :raises CodeMalformed: anything else, digits of other scripts included.
    """
    return _digits(text, _CODE)


def check_short_code_form(text: str) -> str:
    """The eight digits that an app or a token shows, as typed.

    :raises CodeMalformed: anything else.
    """
    return _digits(text, _SHORT_CODE)


def check_token_activation_form(text: str) -> tuple[str, str]:
    """The fourteen digits by which a token is bound, as typed: a short code of eight, and the hidden PIN of six.

    :raises CodeMalformed: anything else.
    """
    digits = _digits(text, _TOKEN_ACTIVATION)
    return digits[:8], digits[8:]


def read_serial_number(text: str) -> str:
    """The ten digits of a token's serial number as stored; blanks and hyphens are forgiven; empty if it is none."""
    digits = text.replace(" ", "").replace("-", "")
    return digits if _SERIAL_NUMBER.fullmatch(digits) else ""


def is_weak_pin(pin: str) -> bool:
    """Whether a PIN is what anybody tries first: one digit six times, or a row of them up or down."""
    if not _PIN.fullmatch(pin):
        return True
    return len(set(pin)) == 1 or pin in "01234567890" or pin in "09876543210"


def _digits(text: str, form: re.Pattern[str]) -> str:
    digits = text.replace(" ", "")
    if not form.fullmatch(digits):
        raise CodeMalformed
    return digits


def compute_code(*, key: bytes, nonce: bytes, snapshot_hash: bytes) -> str:
    """The code over a snapshot: HMAC-SHA-256 cut to six digits (RTS art. 5(1)(b), S3-1).

    Nothing of the customer goes in, so nothing of him can come out; another nonce gives an unrelated code
    (art. 4(2)). Sixty-four bits are reduced, so that no digit is likelier than another.
    """
    mac = hmac.digest(key, nonce + snapshot_hash, hashlib.sha256)
    return str(int.from_bytes(mac[:8], "big") % 10**CODE_DIGITS).zfill(CODE_DIGITS)


def hash_code(*, key: bytes, challenge_id: str, snapshot_hash: bytes, code: str) -> bytes:
    """The keyed hash by which a code is recognised; bound to its challenge and its snapshot."""
    return hmac.digest(
        key, challenge_id.encode() + b"|" + snapshot_hash + b"|" + code.encode(), hashlib.sha256
    )


def passkey_challenge(*, nonce: bytes, snapshot_hash: bytes) -> bytes:
    """What a passkey signs: 32 bytes that stand for one snapshot, asked once (RTS art. 5(1)(b)).

    Whoever has the signature has it over these bytes alone: another amount or payee gives others.
    """
    return hashlib.sha256(b"bankportal.passkey.v1|" + nonce + snapshot_hash).digest()


def block_until(*, level: int, now: datetime) -> datetime | None:
    """When sign-in opens again after the ``level``-th block in a row (from 0); None: only the bank reopens it."""
    return now + BLOCK_DURATIONS[level] if level < len(BLOCK_DURATIONS) else None


def block_stage(*, level: int, is_for_good: bool, is_frozen: bool = False) -> BlockStage:
    """What a customer is to be told after the block that raised his count of blocks to ``level`` (RTS art. 4(4))."""
    if is_frozen:
        return BlockStage.FROZEN
    if is_for_good:
        return BlockStage.CLOSED
    return BlockStage.LAST_PAUSE if level == len(BLOCK_DURATIONS) else BlockStage.PAUSE


def is_text_message_enough(*, snapshot: Mapping[str, Any], max_minor: int) -> bool:
    """Whether a code by text message may sign this: what moves no money, and up to ``max_minor`` cents what does; 0 is
    no cap. Of a file its total counts, of a series one execution; what is not in euro has no amount to compare and is
    above every cap (S1-25).

    Amount alone decides, never who signs or what else he has: so the page for strangers tells nothing of him (N7).
    """
    amount_minor = snapshot.get("amount_minor", snapshot.get("total_minor"))
    if max_minor == 0 or amount_minor is None:
        return True
    is_euro: bool = snapshot.get("currency") == "EUR"
    return is_euro and bool(amount_minor <= max_minor)


def may_change_status(*, current: str, new: str) -> bool:
    """Whether an authorisation may go from one scaStatus to another."""
    return new in TRANSITIONS[current]


def comparison_number(sign_in_id: str) -> str:
    """Two digits that the page and the app both show, so that a customer does not let somebody else in who signs in
    just now with his password."""
    return f"{UUID(sign_in_id).int % 100:02}"
