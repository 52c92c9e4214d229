from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.http.request import split_domain_port

URLCONF = "apps.authenticator.urls"


class AuthenticatorHostMiddleware:
    """Under the app's own host there is the app, and nothing else of the bank's pages; and the app is nowhere else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        host, _port = split_domain_port(request.META.get("HTTP_HOST", "").lower())
        if host and host == urlsplit(settings.AUTHENTICATOR_BASE_URL).hostname:
            request.urlconf = URLCONF
        return self.get_response(request)
