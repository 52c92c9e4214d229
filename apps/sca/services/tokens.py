"""The bank's tokens: put into the stock, bound to a customer who has proved that he holds one, taken out of use
(RTS art. 23 to 27; decision 0037)."""

import hmac
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from apps.audit.services import record_event
from apps.core.canonical import canonical_hash
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.core.keys import derive_key
from apps.core.legal_limits import CODE_ATTEMPTS_MAX
from apps.identity.models import PSU
from apps.sca.device_protocol import (
    TOKEN_KEY_BYTES,
    keys_for_token,
    read_new_pin,
    request_content,
    seal_for_token,
    short_code,
    token_pin_key,
)
from apps.sca.device_view import view_of_activation
from apps.sca.models import DeviceEnrolment, HardwareToken, SigningDevice
from apps.sca.rules import (
    DeviceKind,
    EnrolmentStatus,
    TokenFault,
    WithdrawalReason,
    check_token_activation_form,
    is_weak_pin,
    read_serial_number,
)
from apps.sca.services.attempts import inside_test_transaction
from apps.sca.services.device_secrets import seal_pin_key, seal_token_key, token_key_of
from apps.sca.services.enrolments import (
    check_enrolment_under_way,
    close_enrolment,
    enrolment_snapshot,
    lock_enrolment,
)
from apps.sca.services.notices import promise_security_notice
from apps.sca.services.signing_devices import finish_enrolment, withdraw_device


class TokenRefused(DomainError):
    """No token of the stock with this serial number has answered so; or it is another's, or out of use. The same words
    whichever it is. ``is_over``: no try is left."""

    code = "token_refused"

    def __init__(self, detail: str, *, is_over: bool) -> None:
        super().__init__(detail)
        self.is_over = is_over


class WeakPIN(DomainError):
    """The token has answered rightly; the PIN that it was given is one that anybody tries first."""

    code = "weak_pin"


class TokenNotInStock(DomainError):
    """A token that is, or was, another customer's, or that is out of use, cannot be handed out."""

    code = "token_not_in_stock"


class TokenKnownAlready(DomainError):
    """The stock has a token of this serial number."""

    code = "token_known_already"


@transaction.atomic
def add_token(*, serial_number: str, token_key: bytes, now: datetime) -> HardwareToken:
    """Put a token into the stock.

    :raises apps.core.errors.InvalidInput: not ten digits, or a key of another length than 32 bytes.
    :raises TokenKnownAlready: there is one of this number.
    """
    if not serial_number or read_serial_number(serial_number) != serial_number:
        raise InvalidInput("ten digits", field="serial_number")
    if len(token_key) != TOKEN_KEY_BYTES:
        raise InvalidInput("32 bytes", field="key")
    token, is_new = HardwareToken.objects.get_or_create(
        serial_number=serial_number,
        defaults={"token_key": seal_token_key(token_key, serial_number=serial_number), "added_at": now},
    )
    if not is_new:
        raise TokenKnownAlready(serial_number)
    record_event(
        event="sca.token.added",
        object_type="token",
        object_id=token.pk,
        actor_type="system",
        at=now,
        data={"serial_number": serial_number},
    )
    return token


@transaction.atomic
def hand_out_token(*, token_id: UUID, user_id: UUID, staff_id: UUID, reason: str, now: datetime) -> None:
    """Note to which customer a token of the stock goes, over the counter or by post: from then on nobody else can bind
    it, whoever finds or steals it on its way (RTS art. 24(1), 25(2)(a)). It signs nothing before he has bound it with a
    signature of his. He is told by text message. Nothing when it is in his hands already.

    :raises NotFound: there is no such token.
    :raises TokenNotInStock: another customer has or had it, or it is out of use.
    """
    token = HardwareToken.objects.select_for_update().filter(pk=token_id).first()
    if token is None:
        raise NotFound("token")
    if token.revoked_at is not None or token.holder_id not in (None, user_id):
        raise TokenNotInStock(token.serial_number)
    if token.holder_id == user_id:
        return
    token.holder_id, token.handed_out_at = user_id, now
    token.save(update_fields=["holder", "handed_out_at"])
    record_event(
        event="sca.token.handed_out",
        object_type="token",
        object_id=token.pk,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"serial_number": token.serial_number, "user": user_id, "reason": reason},
    )
    promise_security_notice(user_id=user_id, what="token_handed_out", now=now)


@transaction.atomic
def name_token(*, enrolment_id: UUID, psu: PSU, serial_number: str, now: datetime) -> DeviceEnrolment:
    """Note which token its owner wants to bind. Whether there is such a one, he learns by the answer alone.

    :raises EnrolmentOver: not signed, made use of already, too long ago, or its tries are used up.
    :raises apps.core.errors.InvalidInput: not ten digits.
    """
    enrolment = lock_enrolment(enrolment_id, user_id=psu.user_id)
    check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.TOKEN, now=now)
    enrolment.serial_number = read_serial_number(serial_number)
    if not enrolment.serial_number:
        raise InvalidInput("ten digits", field="serial_number")
    enrolment.save(update_fields=["serial_number"])
    return enrolment


def seal_activation(*, enrolment_id: UUID, psu: PSU, now: datetime) -> bytes:
    """The request that the named token opens, for the page: proof that who signed holds it. Of a number that the
    customer cannot bind it is as long and as random, the same at every look, and no token opens it.

    :raises EnrolmentOver: see :func:`name_token`; or no token is named.
    """
    enrolment = _find_enrolment(enrolment_id, psu)
    check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.TOKEN, now=now)
    token = _find_token(enrolment)
    key = (
        token_key_of(token)
        if token
        else hmac.digest(derive_key("sca.token-decoy.v1"), enrolment.serial_number.encode(), "sha256")
    )
    return seal_for_token(_content_of(enrolment, psu), token_key=key, challenge_id=enrolment.pk)


def bind_token(*, enrolment_id: UUID, psu: PSU, code: str, now: datetime) -> SigningDevice:
    """Bind the token that the customer has named, by the fourteen digits that it shows over :func:`seal_activation`:
    possession is proved, and its PIN is known to him alone from now on (RTS art. 24(2)(a), 23(2)). He is told by text
    message. Each try is counted and committed before anything is compared; must not be called inside a transaction.

    :raises apps.sca.rules.CodeMalformed: not fourteen digits; nothing counted.
    :raises EnrolmentOver: see :func:`name_token`.
    :raises TokenRefused: the number or the digits; the fifth ends the enrolment.
    :raises WeakPIN: all was right but the PIN.
    """
    if connection.in_atomic_block and not inside_test_transaction():
        raise RuntimeError("bind_token commits what it counts: call it outside a transaction")
    right, hidden = check_token_activation_form(code)
    enrolment = _find_enrolment(enrolment_id, psu)
    check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.TOKEN, now=now)
    counted = DeviceEnrolment.objects.filter(
        pk=enrolment.pk, status=EnrolmentStatus.SIGNED, attempts__lt=CODE_ATTEMPTS_MAX
    ).update(attempts=F("attempts") + 1)
    if not counted:
        raise TokenRefused("no try left", is_over=True)
    token = _find_token(enrolment)
    pin_key = _pin_key_if_right(enrolment, token, psu, code=right, hidden=hidden) if token else None
    if token is None or pin_key is None:
        raise _refusal(enrolment, now=now)
    with transaction.atomic():
        enrolment = lock_enrolment(enrolment_id, user_id=psu.user_id)
        check_enrolment_under_way(enrolment=enrolment, kind=DeviceKind.TOKEN, now=now)
        token = HardwareToken.objects.select_for_update().get(pk=token.pk)
        if not _is_his_to_bind(token, enrolment):
            raise TokenRefused("taken meanwhile", is_over=False)
        if token.holder_id is None:
            token.holder_id, token.handed_out_at = enrolment.user_id, now
            token.save(update_fields=["holder", "handed_out_at"])
        device = SigningDevice.objects.create(
            user_id=enrolment.user_id,
            kind=DeviceKind.TOKEN,
            name=enrolment.name,
            confirmed=True,
            token_key=token.token_key,
            serial_number=token.serial_number,
            pin_key=seal_pin_key(pin_key, owner=token.serial_number.encode()),
            enrolled_at=now,
        )
        finish_enrolment(enrolment, device, now=now)
    return device


@transaction.atomic
def revoke_token(*, token_id: UUID, fault: TokenFault, staff_id: UUID, reason: str, now: datetime) -> None:
    """Take a token out of use for good: it answers nothing any more, and nobody can bind it again (RTS art. 27). Its
    customer is told. Nothing when it was revoked before.

    :raises NotFound: there is no such token.
    """
    token = HardwareToken.objects.select_for_update().filter(pk=token_id).first()
    if token is None:
        raise NotFound("token")
    if token.revoked_at is not None:
        return
    token.revoked_at, token.revoked_because = now, fault
    token.save(update_fields=["revoked_at", "revoked_because"])
    record_event(
        event="sca.token.revoked",
        object_type="token",
        object_id=token.pk,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"serial_number": token.serial_number, "fault": fault.value, "reason": reason},
    )
    for device in SigningDevice.objects.filter(
        kind=DeviceKind.TOKEN, serial_number=token.serial_number, confirmed=True
    ):
        withdraw_device(
            user_id=device.user_id, device_id=device.pk, reason=WithdrawalReason(fault.value), now=now
        )


def _find_enrolment(enrolment_id: UUID, psu: PSU) -> DeviceEnrolment:
    enrolment = DeviceEnrolment.objects.filter(pk=enrolment_id, user_id=psu.user_id).first()
    if enrolment is None:
        raise NotFound("enrolment")
    return enrolment


def _find_token(enrolment: DeviceEnrolment) -> HardwareToken | None:
    token = HardwareToken.objects.filter(serial_number=enrolment.serial_number).first()
    return token if token is not None and _is_his_to_bind(token, enrolment) else None


def _is_his_to_bind(token: HardwareToken, enrolment: DeviceEnrolment) -> bool:
    return (
        token.revoked_at is None
        and token.holder_id in (None, enrolment.user_id)
        and not SigningDevice.objects.filter(
            kind=DeviceKind.TOKEN, serial_number=token.serial_number, confirmed=True
        ).exists()
    )


def _content_of(enrolment: DeviceEnrolment, psu: PSU) -> bytes:
    snapshot = {**enrolment_snapshot(enrolment=enrolment), "serial_number": enrolment.serial_number}
    return request_content(
        nonce=bytes(enrolment.nonce),
        snapshot_hash=canonical_hash(snapshot),
        shown=view_of_activation(
            device_name=enrolment.name,
            serial_number=enrolment.serial_number,
            language=psu.user.language,
        ),
    )


def _pin_key_if_right(
    enrolment: DeviceEnrolment, token: HardwareToken, psu: PSU, *, code: str, hidden: str
) -> bytes | None:
    token_key = token_key_of(token)
    keys = keys_for_token(token_key=token_key, challenge_id=enrolment.pk)
    pin = read_new_pin(keys=keys, code=code, hidden=hidden)
    pin_key = token_pin_key(token_key=token_key, pin=pin)
    expected = short_code(keys=keys, pin_key=pin_key, content=_content_of(enrolment, psu))
    if not hmac.compare_digest(expected, code):
        return None
    if is_weak_pin(pin):
        raise WeakPIN(str(enrolment.pk))
    return pin_key


def _refusal(enrolment: DeviceEnrolment, *, now: datetime) -> TokenRefused:
    """The counted failure on the trail; the fifth closes the enrolment."""
    enrolment.refresh_from_db()
    is_over = enrolment.attempts >= CODE_ATTEMPTS_MAX
    with transaction.atomic():
        record_event(
            event="sca.token.refused",
            object_type="user",
            object_id=enrolment.user_id,
            actor_type="psu",
            actor_id=enrolment.user_id,
            at=now,
            data={"enrolment": enrolment.pk, "serial_number": enrolment.serial_number, "is_over": is_over},
        )
        if is_over:
            close_enrolment(
                enrolment_id=enrolment.pk, user_id=enrolment.user_id, reason="too many tries", now=now
            )
    return TokenRefused("serial number or digits", is_over=is_over)
