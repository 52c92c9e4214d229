"""Sign-in in two steps that always look the same, or by a passkey in one; and sign-out (S0-23..25, N7).

Whatever was wrong, the code page comes next and looks as if nothing were: nobody learns which element failed
(RTS art. 4(3)(a)). Only somebody whose password was right gets a message on the phone.
"""

from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_otp import login as otp_login

from apps.core import clock
from apps.core.errors import NotFound
from apps.core.ids import new_id
from apps.identity.queries import get_psu_of_user
from apps.identity.services import note_login
from apps.portal.code_step import CodeStep, describe, failure_text, is_exhausted, is_worth_a_look
from apps.portal.errors import ANSWERS, answer_for
from apps.portal.forms import AppCodeForm, CodeForm, SignInForm
from apps.portal.guard import count_passkey, count_password, customer_of, local_portal_path, retry_later
from apps.portal.signing import (
    asked_again_text,
    check_strangers_answer,
    request_for_device,
    wanted_method,
)
from apps.risk.services import assess_sign_in
from apps.sca.queries import get_challenge_view, get_passkey, get_signing_device, get_sms_device
from apps.sca.rules import AuthenticationMethod, CodeMalformed, Purpose, comparison_number
from apps.sca.services import (
    CodeRefused,
    NotAnsweredYet,
    PasskeyAnswerMalformed,
    Proof,
    ask_passkey,
    check_authenticator_code,
    check_knowledge,
    check_passkey,
    consume_proof,
    is_proof_of,
    issue_challenge,
    passkey_request,
    void_challenge,
)
from apps.web.origin import origin_of
from apps.web.views.preferences import SeeOther

if TYPE_CHECKING:
    from apps.identity.models import PSU

SESSION_KEY = "portal.sign_in"
PASSKEY_SESSION_KEY = "portal.sign_in_by_passkey"
_BACKEND = "django.contrib.auth.backends.ModelBackend"


@require_safe
def root(request: HttpRequest) -> HttpResponse:
    """The bank's front door."""
    return SeeOther(reverse("portal:home" if customer_of(request) else "portal:sign-in"))


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """User ID and password. Any pair leads on to the code page."""
    wanted = local_portal_path(request.POST.get("next", "") or request.GET.get("next", ""))
    if customer_of(request):
        return SeeOther(wanted or reverse("portal:home"))
    form, status, too_many = SignInForm(), 200, None
    if request.method == "POST":
        form = SignInForm(request.POST)
        throttle = count_password(request)
        if not throttle.is_allowed:
            status, too_many = 429, throttle
        elif form.is_valid():
            _ask(request, form.cleaned_data, wanted=wanted, now=clock.now())
            return SeeOther(reverse("portal:sign-in-code"))
    context = {"form": form, "next": wanted, "too_many": too_many}
    return retry_later(render(request, "portal/sign_in.html", context, status=status), too_many)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """The code from the text message, or the wait for the app; for everybody who sent any user ID and password."""
    if customer_of(request):
        return SeeOther(reverse("portal:home"))
    attempt = request.session.get(SESSION_KEY)
    if attempt is None:
        return SeeOther(reverse("portal:sign-in"))
    now, form = clock.now(), None
    if request.method == "POST":
        challenge = get_challenge_view(challenge_id=UUID(attempt["step"]["challenge_id"]))
        try:
            proof = check_strangers_answer(request, challenge, now=now)
            _enter(request, attempt, proof, now=now)
        except NotAnsweredYet as error:
            if _is_signed_in_meanwhile(request):
                return SeeOther(reverse("portal:home"))
            messages.info(request, f"{answer_for(error).title}. {answer_for(error).text}")
            return SeeOther(reverse("portal:sign-in-code"))
        except CodeMalformed:
            form = CodeForm.with_error(str(ANSWERS[CodeMalformed].text))
        except (CodeRefused, NotFound):
            return _refuse(request, attempt)
        else:
            return SeeOther(attempt["next"] or reverse("portal:home"))
    page = describe(CodeStep(**attempt["step"]), form=form, has_failed="failed" in request.GET, now=now)
    context = {
        "page": page,
        "device_request": request_for_device(page.challenge, is_signed_in=False),
        "number": comparison_number(attempt["id"]),
    }
    return render(request, "portal/sign_in_code.html", context)


@require_safe
def status(request: HttpRequest) -> JsonResponse:
    """For the page that waits for an app: ``done`` when it has said yes, or time is up."""
    attempt = request.session.get(SESSION_KEY)
    done = attempt is None or is_worth_a_look(UUID(attempt["step"]["challenge_id"]), now=clock.now())
    return JsonResponse({"done": done})


@require_POST
def resend(request: HttpRequest) -> HttpResponse:
    """Another code in place of the last one, or another way; a decoy's is not sent either."""
    attempt = request.session.get(SESSION_KEY)
    if attempt is None:
        return SeeOther(reverse("portal:sign-in"))
    now, step = clock.now(), CodeStep(**attempt["step"])
    if step.may_resend(now=now):
        replaced = UUID(step.challenge_id)
        method = wanted_method(request)
        step.resent(challenge_id=_challenge(attempt, step.user_id, method=method, now=now), now=now)
        void_challenge(challenge_id=replaced, reason="replaced", now=now)
        request.session[SESSION_KEY] = {**attempt, "step": step.as_dict()}
        messages.info(request, asked_again_text(method))
    return SeeOther(reverse("portal:sign-in-code"))


@require_POST
def begin_passkey(request: HttpRequest) -> HttpResponse:
    """What the browser asks a device: any customer's passkey will do. The same for everybody, so nobody learns who has
    one."""
    throttle = count_passkey(request)
    if not throttle.is_allowed:
        return retry_later(JsonResponse({"refused": "too many"}, status=429), throttle)
    now = clock.now()
    attempt = {"id": str(new_id()), "next": local_portal_path(request.POST.get("next", ""))}
    challenge_id = ask_passkey(user=None, purpose=Purpose.SIGN_IN, snapshot=_snapshot(attempt), now=now)
    request.session[PASSKEY_SESSION_KEY] = {**attempt, "challenge_id": str(challenge_id)}
    return JsonResponse(passkey_request(challenge_id=challenge_id))


@require_POST
def enter_by_passkey(request: HttpRequest) -> HttpResponse:
    """The device's answer: both elements in one gesture, over this one sign-in and this bank's address."""
    if customer_of(request):
        return SeeOther(reverse("portal:home"))
    attempt = request.session.get(PASSKEY_SESSION_KEY)
    now = clock.now()
    try:
        if attempt is None:
            raise PasskeyAnswerMalformed("nothing was asked")
        proof = check_passkey(
            challenge_id=UUID(attempt["challenge_id"]), answer=request.POST.get("answer", ""), now=now
        )
        _enter(request, attempt, proof, now=now)
    except (PasskeyAnswerMalformed, CodeRefused, NotFound):
        if attempt and _is_signed_in_meanwhile(request):
            return SeeOther(reverse("portal:home"))
        messages.error(
            request,
            gettext("The passkey was not accepted. Try again, or sign in with user ID, password and code."),
        )
        return SeeOther(reverse("portal:sign-in"))
    return SeeOther(attempt["next"] or reverse("portal:home"))


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def enter_by_app(request: HttpRequest) -> HttpResponse:
    """Another way: the code of an authenticator app. The page is the same for who has none (N7); it signs in and can
    never sign anything (S1-19)."""
    attempt = request.session.get(SESSION_KEY)
    if customer_of(request) or attempt is None:
        return SeeOther(reverse("portal:root"))
    form, now = AppCodeForm(request.POST if request.method == "POST" else None), clock.now()
    if form.is_valid():
        # Counted for everybody alike, so that the page of somebody unknown ends like any other.
        attempt["app_tries"] = attempt.get("app_tries", 0) + 1
        request.session[SESSION_KEY] = attempt
        try:
            user_id = UUID(attempt["step"]["user_id"]) if attempt["step"]["user_id"] else None
            app = check_authenticator_code(
                user_id=user_id, code=form.cleaned_data["code"], of_customer=True, now=now
            )
        except CodeMalformed:
            form.add_error("code", str(ANSWERS[CodeMalformed].text))
        else:
            if app is not None:
                psu = get_psu_of_user(user_id=app.user_id)
                void_challenge(challenge_id=UUID(attempt["step"]["challenge_id"]), reason="replaced", now=now)
                with transaction.atomic():
                    assess_sign_in(psu_id=psu.pk, origin=origin_of(request, now=now), now=now)
                _open_session(request, psu, app, now=now)
                return SeeOther(attempt["next"] or reverse("portal:home"))
            if attempt["app_tries"] >= settings.SCA_MAX_ATTEMPTS:
                del request.session[SESSION_KEY]
                messages.error(request, failure_text())
                return SeeOther(reverse("portal:sign-in"))
            form.add_error("code", failure_text())
    return render(request, "portal/sign_in_app.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session. By POST only, so that no link can do it."""
    if request.method != "POST":
        return SeeOther(reverse("portal:root"))
    logout(request)
    messages.success(request, gettext("You are signed out."))
    return SeeOther(reverse("portal:sign-in"))


def _ask(request: HttpRequest, typed: dict[str, Any], *, wanted: str, now: datetime) -> None:
    user = check_knowledge(username=typed["user_id"], password=typed["password"], now=now)
    # Only customers come in here; a member of staff or of a TPP learns no more than a stranger.
    user_id = user.pk if user is not None and _is_customer(user.pk) else None
    attempt = {"id": str(new_id()), "next": wanted}
    challenge_id = _challenge(attempt, str(user_id or ""), method=wanted_method(request), now=now)
    step = CodeStep.started(challenge_id=challenge_id, user_id=user_id, now=now)
    request.session[SESSION_KEY] = {**attempt, "step": step.as_dict()}


def _is_customer(user_id: UUID) -> bool:
    try:
        get_psu_of_user(user_id=user_id)
    except NotFound:
        return False
    return True


def _challenge(attempt: dict[str, Any], user_id: str, *, method: AuthenticationMethod, now: datetime) -> UUID:
    user = get_psu_of_user(user_id=UUID(user_id)).user if user_id else None
    return issue_challenge(
        user=user, purpose=Purpose.SIGN_IN, snapshot=_snapshot(attempt), method=method, now=now
    )


def _snapshot(attempt: dict[str, Any]) -> dict[str, str]:
    """What a sign-in code is made over: this one attempt, so that it opens no other."""
    return {"sign_in_id": attempt["id"]}


def _enter(request: HttpRequest, attempt: dict[str, Any], proof: Proof, *, now: datetime) -> None:
    """Spend the answer and open the session.

    :raises CodeRefused: it was spent meanwhile, or was made for something else.
    :raises NotFound: the customer's log-in was closed meanwhile.
    """
    psu = get_psu_of_user(user_id=proof.user_id)
    device: Any
    if proof.passkey_id:
        device = get_passkey(user_id=proof.user_id, passkey_id=proof.passkey_id)
    elif proof.device_id:
        device = get_signing_device(user_id=proof.user_id, device_id=proof.device_id)
    else:
        device = get_sms_device(user_id=proof.user_id)
    is_ours = is_proof_of(proof=proof, purpose=Purpose.SIGN_IN, snapshot=_snapshot(attempt))
    if device is None or not is_ours:
        raise CodeRefused("not this sign-in's code", is_over=True)
    with transaction.atomic():
        consume_proof(proof=proof, now=now)
        assess_sign_in(psu_id=psu.pk, origin=origin_of(request, now=now), now=now)
    _open_session(request, psu, device, now=now)


def _open_session(request: HttpRequest, psu: "PSU", device: Any, *, now: datetime) -> None:
    request.session.pop(SESSION_KEY, None)
    request.session.pop(PASSKEY_SESSION_KEY, None)
    # A new session key, against one that somebody planted. Django writes the real time of the sign-in into the user it
    # is given, so that one is a copy: note_login needs the time before, and writes bank time.
    login(request, copy(psu.user), backend=_BACKEND)
    otp_login(request, device)
    note_login(user=psu.user, now=now)


def _is_signed_in_meanwhile(request: HttpRequest) -> bool:
    """The same form sent twice: the other one has signed in, and the session bears a new name since."""
    return not request.session.exists(request.session.session_key or "")


def _refuse(request: HttpRequest, attempt: dict[str, Any]) -> HttpResponse:
    if _is_signed_in_meanwhile(request):
        return SeeOther(reverse("portal:home"))
    if is_exhausted(get_challenge_view(challenge_id=UUID(attempt["step"]["challenge_id"]))):
        del request.session[SESSION_KEY]
        messages.error(request, failure_text())
        return SeeOther(reverse("portal:sign-in"))
    return SeeOther(f"{reverse('portal:sign-in-code')}?failed")
