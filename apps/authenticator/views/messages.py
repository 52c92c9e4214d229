"""The app's messages: JSON, signed by the device's own key in ``X-Signature``. No cookies, so nothing to forge."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.authenticator.errors import STATUSES, refusal
from apps.core import clock
from apps.sca import services
from apps.sca.device_protocol import from_text, to_text
from apps.sca.queries import get_verification_key
from apps.sca.services import (
    answer_by_app,
    ask_verification,
    bind_app,
    list_requests,
    read_app_message,
    subscribe_app,
)
from apps.web.client_ip import client_ip
from apps.web.throttles import Throttle, count_call

BODY_MAX_BYTES = 8 * 1024
# What is refused is counted against its address, and nothing else is: behind one address there may be a whole company,
# each of whose apps asks every few seconds while it is open. Tries at PINs are counted in the database, per customer.
_REFUSED_PER_ADDRESS, _WINDOW_SECONDS = 300, 600

Handler = Callable[[bytes, bytes], JsonResponse]


def message(handler: Handler) -> Callable[[HttpRequest], JsonResponse]:
    """A view that takes one message and its signature."""

    @wraps(handler)
    def view(request: HttpRequest) -> JsonResponse:
        throttle = _count_refused(request, weight=0)
        if not throttle.is_allowed:
            response = JsonResponse({"error": "too_many"}, status=429)
            response["Retry-After"] = str(throttle.retry_after_seconds)
            return response
        if len(request.body) > BODY_MAX_BYTES:
            return JsonResponse({"error": "too_long"}, status=413)
        try:
            signature = from_text(request.headers.get("X-Signature", "")[:200])
        except ValueError:
            signature = b""
        try:
            return handler(request.body, signature)
        except tuple(STATUSES) as error:
            _count_refused(request)
            return refusal(error)

    return csrf_exempt(require_POST(view))


def _count_refused(request: HttpRequest, *, weight: int = 1) -> Throttle:
    return count_call(
        scope="authenticator",
        key=client_ip(request),
        limit=_REFUSED_PER_ADDRESS,
        window_seconds=_WINDOW_SECONDS,
        weight=weight,
    )


@message
def activate(body: bytes, signature: bytes) -> JsonResponse:
    """Bind this app to the customer who has the activation code."""
    device = bind_app(body=body, signature=signature, now=clock.now())
    return JsonResponse({"device_id": device.pk, "name": device.name}, status=201)


@message
def requests(body: bytes, signature: bytes) -> JsonResponse:
    """What waits for this app's customer, sealed for this app."""
    device, _said = read_app_message(body=body, signature=signature, kind="requests")
    waiting = list_requests(device=device, now=clock.now())
    key = get_verification_key(user_id=device.user_id, device_id=device.pk)
    return JsonResponse(
        {
            "requests": [to_text(one.sealed) for one in waiting],
            "counter": device.counter,
            # Whether it was switched off elsewhere.
            "verification": to_text(bytes(key.credential_id)) if key is not None else None,
        }
    )


@message
def answer(body: bytes, signature: bytes) -> JsonResponse:
    """The customer's yes, with the proof of his PIN or his telephone's word for him, or his no."""
    answer_by_app(body=body, signature=signature, now=clock.now())
    return JsonResponse({"done": True})


@message
def verification(body: bytes, signature: bytes) -> JsonResponse:
    """Fingerprint or face on, for which the app gets a request to show; or off."""
    sealed = ask_verification(body=body, signature=signature, now=clock.now())
    return JsonResponse({"request": to_text(sealed.sealed) if sealed is not None else None})


@message
def add_verification(body: bytes, signature: bytes) -> JsonResponse:
    """The key that the telephone has made, with the proof of the PIN."""
    key = services.add_verification(body=body, signature=signature, now=clock.now())
    return JsonResponse({"verification": to_text(bytes(key.credential_id))}, status=201)


@message
def subscribe(body: bytes, signature: bytes) -> JsonResponse:
    """Where this app wants to be woken."""
    device = subscribe_app(body=body, signature=signature, now=clock.now())
    return JsonResponse({"is_subscribed": bool(device.push_endpoint)})
