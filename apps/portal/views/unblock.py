"""Sign-in is paused or closed after failures: a passkey that was not among what failed opens it again (RTS art. 4(4)).

The pages say the same to everybody: whether a log-in is blocked, and for what, is nobody else's business (N7).
"""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from apps.core import clock
from apps.core.ids import new_id
from apps.portal.guard import count_passkey, retry_later
from apps.sca.rules import Purpose
from apps.sca.services import (
    CodeRefused,
    PasskeyAnswerMalformed,
    ask_passkey,
    check_passkey,
    passkey_request,
    unblock_sign_in,
    unblock_snapshot,
)
from apps.web.views.preferences import SeeOther

SESSION_KEY = "portal.unblock"


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """What a block is, and the ways out of it."""
    return render(request, "portal/unblock.html")


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """What the browser asks a device: the same for everybody."""
    throttle = count_passkey(request)
    if not throttle.is_allowed:
        return retry_later(JsonResponse({"refused": "too many"}, status=429), throttle)
    attempt_id = str(new_id())
    challenge_id = ask_passkey(
        user=None, purpose=Purpose.UNBLOCK, snapshot=unblock_snapshot(attempt_id), now=clock.now()
    )
    request.session[SESSION_KEY] = {"id": attempt_id, "challenge_id": str(challenge_id)}
    return JsonResponse(passkey_request(challenge_id=challenge_id))


@require_POST
def answer(request: HttpRequest) -> HttpResponse:
    """The device's answer. It lifts the block and opens no session: signing in is the next step."""
    attempt = request.session.pop(SESSION_KEY, None)
    now = clock.now()
    try:
        if attempt is None:
            raise PasskeyAnswerMalformed("nothing was asked")
        proof = check_passkey(
            challenge_id=UUID(attempt["challenge_id"]), answer=request.POST.get("answer", ""), now=now
        )
        unblock_sign_in(sign_in_id=attempt["id"], proof=proof, now=now)
    except (PasskeyAnswerMalformed, CodeRefused):
        messages.error(
            request,
            gettext(
                "This opened nothing. Sign-in may not be paused, or it cannot be opened in this way: call us, or come"
                " to a branch."
            ),
        )
        return SeeOther(reverse("portal:unblock"))
    messages.success(request, gettext("Sign-in is open again. Sign in now."))
    return SeeOther(reverse("portal:sign-in"))
