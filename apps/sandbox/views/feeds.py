"""JSON for scripts and outside testers. Stable: fields are added, never renamed or taken away.

``GET /sandbox/messages.json?customer=anna``
    The text messages on somebody's phone, newest first: ``[{"to": "+49…", "text": "…", "sent_at": "…"}]``; the
    times are bank time, ISO 8601. ``customer`` is a user ID (staff have phones too). Unknown: 404. Members of TPPs
    get no messages; the secrets of their authenticator apps stand in ``sandbox.json`` (``totp_secret``).
``GET /sandbox/ledger.json``
    The whole ledger in numbers: ``accounts``, ``entries``, ``postings``; ``debits_minor`` and ``credits_minor``, their
    ``difference_minor`` (must be 0); ``unbalanced_entries``, ``disagreeing_accounts``, ``below_minimum`` (must be 0);
    ``sound`` is true when all of that holds.
``GET /sandbox/clock.json``
    ``{"bank_now": "…", "real_now": "…", "offset_seconds": 0}``.
``POST /sandbox/clock.json``
    With the header ``X-Sandbox: 1`` and the body ``{"advance_seconds": 3600}`` or ``{"reset": true}``; answers as GET.
``GET /sandbox/health.json``
    ``{"status": "ok", "outbox_waiting": 0, "outbox_dead": 0, "bank_now": "…"}``: with nothing waiting, every message
    and payment so far has been carried out.

An error is ``{"error": "<code>"}`` with status 400, 403, 404 or 405.
"""

import json
from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from apps.core import clock
from apps.core.errors import NotFound
from apps.ledger.queries import get_ledger_sums
from apps.notifications.queries import get_outbox_state
from apps.sandbox.clock import real_now
from apps.sandbox.models import CLOCK_OFFSET_MAX_SECONDS
from apps.sandbox.queries import get_phone, list_messages
from apps.sandbox.services import ClockOutOfRange, advance_clock, reset_clock


@require_safe
def messages(request: HttpRequest) -> HttpResponse:
    """The messages on a phone."""
    try:
        phone = get_phone(user_id=request.GET.get("customer", ""))
    except NotFound:
        return _error("customer_unknown", status=404)
    found = [
        {"to": message.to, "text": message.text, "sent_at": message.sent_at.isoformat()}
        for message in list_messages(phone=phone, limit=200)
    ]
    return JsonResponse(found, safe=False)


@require_safe
def ledger(request: HttpRequest) -> HttpResponse:
    """The ledger's sums and counts."""
    sums = get_ledger_sums()
    names = (
        "accounts",
        "entries",
        "postings",
        "debits_minor",
        "credits_minor",
        "difference_minor",
        "unbalanced_entries",
        "disagreeing_accounts",
        "below_minimum",
        "sound",
    )
    return JsonResponse({name: getattr(sums, name) for name in names})


@csrf_exempt  # The header below cannot be sent by another site's form, nor by its script without being asked for.
@require_http_methods(["GET", "HEAD", "POST"])
def bank_clock(request: HttpRequest) -> HttpResponse:
    """The bank's clock, to read and to move."""
    if request.method == "POST":
        if request.headers.get("X-Sandbox") != "1":
            return _error("header_missing", status=403)
        try:
            _move(_body(request))
        except ClockOutOfRange as refusal:
            return _error(refusal.code, status=400)
    now, real = clock.now(), real_now()
    return JsonResponse(
        {
            "bank_now": now.isoformat(),
            "real_now": real.isoformat(),
            "offset_seconds": round((now - real).total_seconds()),
        }
    )


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """Whether everything promised so far has been carried out."""
    outbox = get_outbox_state()
    return JsonResponse(
        {
            "status": "ok",
            "outbox_waiting": outbox.waiting,
            "outbox_dead": outbox.dead,
            "bank_now": clock.now().isoformat(),
        }
    )


def _move(body: dict[str, Any]) -> None:
    seconds = body.get("advance_seconds")
    if body == {"reset": True}:
        reset_clock(now=clock.now())
    elif set(body) == {"advance_seconds"} and type(seconds) is int and seconds <= CLOCK_OFFSET_MAX_SECONDS:
        advance_clock(by=timedelta(seconds=seconds), now=clock.now())
    else:
        raise ClockOutOfRange("neither advance_seconds nor reset", field="body")


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _error(code: str, *, status: int) -> JsonResponse:
    return JsonResponse({"error": code}, status=status)
