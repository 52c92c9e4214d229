"""What the pages have in common on which something is signed: payments, standing orders, limits, files, passkeys; and
what is told of the signatures of several."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext

from apps.payments.rules import PARTLY_SIGNED_LIFE
from apps.portal.code_step import is_exhausted
from apps.portal.forms import CodeForm
from apps.portal.guard import Visit
from apps.sca.device_protocol import to_text
from apps.sca.policy import may_sign_by_text_message
from apps.sca.queries import (
    ChallengeView,
    cools_until,
    get_authentication_state,
    get_challenge_view,
    get_open_challenge_id,
    list_authorisations,
    list_passkeys,
    list_signers,
    list_signing_devices,
)
from apps.sca.rules import AuthenticationMethod, CodeMalformed, SubjectType
from apps.sca.services import (
    CodeRefused,
    NotAnsweredYet,
    PasskeyAnswerMalformed,
    Proof,
    check_code,
    check_passkey,
    check_short_code,
    passkey_request,
    seal_for_other_devices,
    seal_for_page,
    take_device_answer,
)
from apps.web.colour_matrix import TooLongForAPicture
from apps.web.pictures import colour_picture, link_picture, request_picture

if TYPE_CHECKING:
    from apps.sca.models import Passkey

# What a form asks for in ``by``.
METHODS_BY = {
    "sms": AuthenticationMethod.SMS_OTP,
    "passkey": AuthenticationMethod.PASSKEY,
    "app": AuthenticationMethod.PUSH_OTP,
    "token": AuthenticationMethod.PHOTO_OTP,
}
# What a form can bring that is no answer at all: it is said, and nothing has happened.
NO_ANSWER = (CodeMalformed, PasskeyAnswerMalformed, NotAnsweredYet)


def open_authorisation_id(*, subject_type: SubjectType, subject_id: UUID, visit: Visit) -> UUID | None:
    """The visitor's newest authorisation of what is signed that still waits: each who signs has his own, and none makes
    another's code void."""
    authorisations = list_authorisations(subject_type=subject_type, subject_id=subject_id)
    still_open = [
        one.pk
        for one in authorisations
        if one.is_open and one.expires_at > visit.now and one.psu_id == visit.psu.pk
    ]
    return still_open[-1] if still_open else None


def chosen_method(
    request: HttpRequest, visit: Visit, *, snapshot: dict[str, Any] | None = None
) -> AuthenticationMethod:
    """By what the customer signs: what he asks for (``by``), if he has it; else his passkey, else his app, else his
    token, else a text message (S3-29). Where ``snapshot`` is above a text message's cap, that is the answer only to who
    has nothing else, and the service refuses it (S1-25)."""
    user_id = visit.psu.user_id
    devices = list_signing_devices(user_id=user_id)
    has = {
        AuthenticationMethod.PASSKEY: any(
            not _is_cooling(key, visit) for key in list_passkeys(user_id=user_id)
        ),
        AuthenticationMethod.PUSH_OTP: any(device.is_app for device in devices),
        AuthenticationMethod.PHOTO_OTP: any(not device.is_app for device in devices),
        AuthenticationMethod.SMS_OTP: may_sign_by_text_message(snapshot or {}),
    }
    wanted = METHODS_BY.get(request.POST.get("by", ""))
    if wanted is not None and has[wanted]:
        return wanted
    return next((method for method in has if has[method]), AuthenticationMethod.SMS_OTP)


def _is_cooling(key: "Passkey", visit: Visit) -> bool:
    """Whether it was made after a loss and signs nothing yet."""
    return key.cools_until is not None and key.cools_until > visit.now


def check_answer(request: HttpRequest, challenge: ChallengeView, *, now: datetime) -> Proof:
    """What the form brought to a challenge: a code, or the answer of the passkey; or what the app has answered
    meanwhile.

    :raises NotAnsweredYet: the app has not; nothing counted.
    :raises apps.sca.rules.CodeMalformed: no code at all; nothing counted.
    :raises apps.sca.services.PasskeyAnswerMalformed: no answer of a device; nothing counted.
    :raises apps.sca.services.CodeRefused: not right.
    """
    if challenge.is_passkey:
        answer = request.POST.get("answer", "")
        return check_passkey(challenge_id=challenge.challenge_id, answer=answer, now=now)
    if challenge.is_for_device and "code" in request.POST:
        return check_short_code(challenge_id=challenge.challenge_id, code=request.POST["code"], now=now)
    if challenge.is_for_device:
        return take_device_answer(challenge_id=challenge.challenge_id, now=now)
    return check_code(challenge_id=challenge.challenge_id, code=request.POST.get("code", ""), now=now)


def check_strangers_answer(request: HttpRequest, challenge: ChallengeView, *, now: datetime) -> Proof:
    """As :func:`check_answer`, on a page where nobody is known yet: an app that has said no looks like one that has not
    answered, and like a decoy (N7)."""
    try:
        return check_answer(request, challenge, now=now)
    except CodeRefused:
        if challenge.is_for_device and "code" not in request.POST:
            raise NotAnsweredYet(str(challenge.challenge_id)) from None
        raise


def wanted_method(request: HttpRequest, *, snapshot: dict[str, Any] | None = None) -> AuthenticationMethod:
    """What is asked for (``by``) before anybody is known: a text message, the app or a token, whether he has one or
    not. Who asks for nothing gets a text message; the app, where that is not enough for ``snapshot`` (S1-25)."""
    default = (
        AuthenticationMethod.SMS_OTP
        if may_sign_by_text_message(snapshot or {})
        else AuthenticationMethod.PUSH_OTP
    )
    wanted = METHODS_BY.get(request.POST.get("by", ""), default)
    return default if wanted == AuthenticationMethod.PASSKEY else wanted


def asked_again_text(method: AuthenticationMethod) -> str:
    """After another code or another question, to whoever it is."""
    if method == AuthenticationMethod.SMS_OTP:
        return gettext("If the user ID and the password were right, a new code is on its way.")
    return gettext("If the user ID and the password were right, your device is asked now.")


def code_under_way(authorisation_id: UUID | None, visit: Visit) -> ChallengeView | None:
    """The challenge that the customer can still answer."""
    if authorisation_id is None:
        return None
    challenge_id = get_open_challenge_id(
        authorisation_id=authorisation_id, user_id=visit.psu.user_id, now=visit.now
    )
    challenge = get_challenge_view(challenge_id=challenge_id) if challenge_id else None
    return challenge if challenge and not is_exhausted(challenge) else None


def method_context(snapshot: dict[str, Any], *, visit: Visit | None = None) -> dict[str, Any]:
    """What a page needs to say that a text message is not enough (S1-25): ``needs_stronger``, up to what it is, and
    whether the visitor has something better, where one is signed in."""
    user_id = visit.psu.user_id if visit else None
    return {
        "needs_stronger": not may_sign_by_text_message(snapshot),
        "text_message_max": settings.SCA_SMS_MAX_MINOR,
        "has_stronger": user_id is not None
        and bool(list_passkeys(user_id=user_id) or list_signing_devices(user_id=user_id)),
    }


def sign_context(
    visit: Visit, challenge: ChallengeView | None, form: CodeForm, *, snapshot: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What the part of the page needs on which the code is entered; ``snapshot`` is what is signed, of payments."""
    state = get_authentication_state(user_id=visit.psu.user_id)
    devices = list_signing_devices(user_id=visit.psu.user_id)
    return method_context(snapshot or {}, visit=visit) | {
        "challenge": challenge,
        "form": form,
        "passkey_request": request_for_passkey(challenge),
        "device_request": request_for_device(challenge),
        "has_app": any(device.is_app for device in devices),
        "has_token": any(not device.is_app for device in devices),
        "has_passkeys": bool(list_passkeys(user_id=visit.psu.user_id)),
        "seconds_left": int((challenge.expires_at - visit.now).total_seconds()) if challenge else 0,
        "cools_until": cools_until(
            user_id=visit.psu.user_id, method=AuthenticationMethod.SMS_OTP, now=visit.now
        ),
        "is_last_try": is_last_try(challenge, failures=state.consecutive_failures if state else 0),
        "is_paused": bool(state and state.blocked_until and state.blocked_until > visit.now),
        "paused_until": state.blocked_until if state else None,
    }


def is_last_try(challenge: ChallengeView | None, *, failures: int) -> bool:
    """Whether one more wrong answer ends this code, or pauses everything (RTS art. 4(3)(b), 4(4))."""
    return challenge is not None and min(challenge.attempts_left, settings.SCA_MAX_ATTEMPTS - failures) == 1


def request_for_passkey(challenge: ChallengeView | None) -> str:
    """What the page's script asks the device, as JSON; empty when a code is asked for."""
    if challenge is None or not challenge.is_passkey:
        return ""
    return json.dumps(passkey_request(challenge_id=challenge.challenge_id))


@dataclass(frozen=True, slots=True)
class Shown:
    """A sealed request as a page shows it for one device: in colours, in black and white, and as text."""

    device_name: str
    picture: str
    plain_picture: str
    text: str


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What a page shows while an app or a token is to answer: first for the device that was used last."""

    is_answered: bool
    has_app: bool
    device_name: str
    shown: Shown
    others: list[Shown]
    link_picture: str
    link: str


def request_for_device(challenge: ChallengeView | None, *, is_signed_in: bool = True) -> DeviceRequest | None:
    """The request for the app or token that was used last, as a picture and as text; None when neither is asked. A
    decoy shows one that nobody can open. What the device is called, and that there are others, is told to who is
    signed in."""
    if challenge is None or not challenge.is_for_device:
        return None
    sealed = seal_for_page(challenge_id=challenge.challenge_id)
    others = seal_for_other_devices(challenge_id=challenge.challenge_id) if is_signed_in else []
    shown = show_request(sealed.sealed, device_name=sealed.device_name if is_signed_in else "")
    link = f"{settings.AUTHENTICATOR_BASE_URL}/#request={to_text(sealed.sealed)}"
    return DeviceRequest(
        is_answered=challenge.is_answered,
        has_app=challenge.method == AuthenticationMethod.PUSH_OTP,
        device_name=shown.device_name,
        shown=shown,
        others=[show_request(other.sealed, device_name=other.device_name) for other in others],
        link_picture=_unless_too_long(
            lambda: link_picture(link, title=gettext("The same for the camera of your telephone"))
        ),
        link=link,
    )


def show_request(sealed: bytes, *, device_name: str = "") -> Shown:
    """A sealed request for the page. What is too long for a picture, such as a long file's payees, has none."""
    title, text = gettext("What you sign, as a picture for your app or token"), to_text(sealed)
    return Shown(
        device_name=device_name,
        picture=_unless_too_long(lambda: colour_picture(sealed, title=title)),
        plain_picture=_unless_too_long(lambda: request_picture(text, title=title)),
        text=text,
    )


def _unless_too_long(draw: Callable[[], str]) -> str:
    try:
        return draw()
    except TooLongForAPicture:
        return ""


def wrong_answer_form(challenge: ChallengeView | None) -> CodeForm:
    """The form after a wrong code, or a passkey that was not right."""
    if challenge is not None and challenge.is_passkey:
        return CodeForm.with_error(
            gettext("The passkey was not accepted. Try again, or use a text message instead.")
        )
    if challenge is not None and challenge.is_for_device:
        return CodeForm.with_error(
            gettext("This code was not right: the PIN may have been another, or the picture.")
        )
    return CodeForm.with_error(gettext("This code was not right. Check it, or have a new one sent."))


def too_many_codes_text() -> str:
    """After too many wrong codes of one who was to sign as the second."""
    return gettext(
        "The code was wrong too often, so you have not signed. What the first has signed still waits."
    )


def is_dead(challenge: ChallengeView) -> bool:
    """Whether the code has been tried wrongly too often, or was ended in another way."""
    return get_challenge_view(challenge_id=challenge.challenge_id).status == "dead"


@dataclass(frozen=True, slots=True)
class Signatures:
    """Who has signed what takes several, and who has to."""

    given: list[tuple[str, datetime]]
    waits_for_me: bool
    waits_for_another: bool
    until: datetime


def signatures_of(row: Any, *, subject_type: SubjectType, visit: Visit) -> Signatures | None:
    """Of a payment, a standing order or a file; None for what takes one signature, or has none yet."""
    if row.signatures_needed == 1:
        return None
    is_first = row.psu_id == visit.psu.pk
    return Signatures(
        given=list_signers(subject_type=subject_type, subject_id=row.pk),
        waits_for_me=row.is_partly_signed and not is_first,
        waits_for_another=row.is_partly_signed and is_first,
        until=row.status_changed_at + PARTLY_SIGNED_LIFE,
    )
