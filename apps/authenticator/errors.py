"""What the app is answered when something is wrong: a status and one word, which it puts into its customer's
language."""

from typing import Any

from django.http import HttpRequest, JsonResponse

from apps.core.errors import DomainError
from apps.sca.services import (
    ActivationRefused,
    CodeRefused,
    DeviceAnswerMalformed,
    DeviceUnknown,
)

STATUSES: dict[type[DomainError], int] = {
    DeviceAnswerMalformed: 400,
    ActivationRefused: 403,
    CodeRefused: 403,
    DeviceUnknown: 410,
}

_WORDS = {404: "not_found", 413: "too_long", 500: "server_error"}


def refusal(error: DomainError) -> JsonResponse:
    """The word is the error's own code; of a refused answer also whether another try can succeed."""
    return JsonResponse(
        {"error": error.code, "is_over": getattr(error, "is_over", True)}, status=STATUSES[type(error)]
    )


def render_unrouted(request: HttpRequest, *, status: int) -> JsonResponse:
    """For what is refused before a view has it: a body beyond any message's length, an unsafe host."""
    return JsonResponse({"error": _WORDS.get(status, "bad_request")}, status=status)


def bad_request(request: HttpRequest, exception: Any = None) -> JsonResponse:
    return JsonResponse({"error": "bad_request"}, status=400)


def not_found(request: HttpRequest, exception: Any = None) -> JsonResponse:
    return JsonResponse({"error": "not_found"}, status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"error": "server_error"}, status=500)
