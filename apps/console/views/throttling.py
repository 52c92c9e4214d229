from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from apps.web.client_ip import client_ip
from apps.web.throttles import count_call


@dataclass(frozen=True, slots=True)
class Limit:
    """How many calls one address may make in a window. Generous: an office shares one address."""

    scope: str
    calls: int
    window_seconds: int

    def refusal(self, request: HttpRequest) -> HttpResponse | None:
        """Count this call; a page with 429 if it is one too many."""
        throttle = count_call(
            scope=self.scope, key=client_ip(request), limit=self.calls, window_seconds=self.window_seconds
        )
        if throttle.is_allowed:
            return None
        minutes = max(1, -(-throttle.retry_after_seconds // 60))
        response = render(request, "console/too_many.html", {"minutes": minutes}, status=429)
        response["Retry-After"] = str(throttle.retry_after_seconds)
        return response


SIGN_IN = Limit("console.sign-in", calls=60, window_seconds=600)
REGISTRATION = Limit("console.registration", calls=30, window_seconds=3600)
COMPANIES = Limit("console.company", calls=30, window_seconds=3600)
