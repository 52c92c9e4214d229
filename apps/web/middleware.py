"""What happens to every request, whatever the door."""

import uuid
from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import SESSION_KEY as SESSION_USER_KEY
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.middleware.locale import LocaleMiddleware
from django.utils import translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext

from apps.core import request_context
from apps.web import idle
from apps.web.errors import body_too_large

GetResponse = Callable[[HttpRequest], HttpResponse]

PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer",
        "camera",
        "display-capture",
        "geolocation",
        "gyroscope",
        "magnetometer",
        "microphone",
        "midi",
        "payment",
        "usb",
    )
)


class RequestContextMiddleware:
    """Gives each call its id: the client's ``X-Request-ID`` if that is a UUID, else a new one; echoed on every answer.

    Outermost, so that error pages, redirects and static files carry it too (RTS art. 29: traceable).
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = accept_request_id(request.META.get("HTTP_X_REQUEST_ID", ""))
        request.request_id = request_id  # type: ignore[attr-defined]
        # Set, not reset afterwards: Django logs the outcome of a call after the last middleware has returned.
        request_context.request_id.set(request_id)
        request_context.session_id.set(session_pseudonym(request))
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


def accept_request_id(text: str) -> str:
    """``text`` if it is a UUID in its usual spelling, else a fresh UUID: nothing else may get into logs and headers."""
    try:
        parsed = uuid.UUID(text)
    except ValueError:
        return str(uuid.uuid4())
    return text if str(parsed) == text.lower() else str(uuid.uuid4())


def session_pseudonym(request: HttpRequest) -> str:
    """Ties log lines of one browser session together without revealing the cookie."""
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return salted_hmac("web.session-pseudonym", cookie).hexdigest()[:16] if cookie else "-"


class SecurityHeadersMiddleware:
    """Headers that hold for every dynamic answer. A view that may be cached sets ``Cache-Control`` itself."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", "no-store")
        response.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.setdefault("Referrer-Policy", "same-origin")
        response.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response


class IdleLogoutMiddleware:
    """Ends a signed-in session after ``SESSION_IDLE_SECONDS`` without an action of the user (RTS art. 4(3)(d)), and
    ``SESSION_COOKIE_AGE`` after the sign-in in any case.

    The request that comes too late goes on as a stranger's, so its door asks for the sign-in as it always does. A page
    that polls by itself (``X-Background: 1``) extends nothing and gets 401 once the session has ended.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_signed_in(request):
            if idle.remaining_seconds(request) == 0:
                is_of_old_age = idle.is_of_old_age(request)
                logout(request)
                if idle.is_background(request):
                    return JsonResponse({"signed_out": True}, status=401)
                if not is_of_old_age:
                    messages.info(
                        request,
                        gettext("You did nothing for a while, so we signed you out to protect your account."),
                    )
            elif not idle.is_background(request):
                idle.touch(request)
        response = self.get_response(request)
        # A sign-in inside this request starts the count even if the browser never follows the redirect.
        # `modified` first: to look into the session of a call that brings none would mark its answer as varying.
        if request.session.modified and SESSION_USER_KEY in request.session and not idle.is_counting(request):
            idle.touch(request)
        return response


class LanguageMiddleware(LocaleMiddleware):
    """People read what they chose (cookie) or what their browser asks for; programs are always answered in English.

    What an interface says must not depend on ``Accept-Language``: TPPs log it, search for it and cache documents.
    """

    def process_request(self, request: HttpRequest) -> None:
        if is_for_programs(request):
            translation.activate("en")
            request.LANGUAGE_CODE = "en"
        else:
            super().process_request(request)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if is_for_programs(request) else super().process_response(request, response)


class CustomerLanguageMiddleware:
    """A signed-in user reads the language kept with them, on whatever device; others what their browser asks for."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_signed_in(request) and not is_for_programs(request):
            language = getattr(request.user, "language", "")
            if language in dict(settings.LANGUAGES):
                translation.activate(language)
                request.LANGUAGE_CODE = language
        return self.get_response(request)


class BodySizeMiddleware:
    """Refuses a page's call whose body is larger than pages take, before a byte of it is read.

    ``WEB_LARGE_BODIES`` names the pages that take more, from those who are signed in: a stranger cannot fill a disk. A
    body without a length is read by nobody (WSGI), so the length that is told bounds what is read.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        most = settings.WEB_BODY_MAX_BYTES
        if is_signed_in(request):
            most = settings.WEB_LARGE_BODIES.get(request.path_info, most)
        if content_length(request) > most and not is_for_programs(request):
            return body_too_large(request, most=most)
        return self.get_response(request)


def content_length(request: HttpRequest) -> int:
    """How long the call says its body is; 0 when it says nothing that makes sense."""
    text = str(request.META.get("CONTENT_LENGTH") or "")
    return int(text) if text.isascii() and text.isdigit() else 0


def is_for_programs(request: HttpRequest) -> bool:
    """Whether the path belongs to an interface that programs call (``WEB_ENGLISH_ONLY_PATHS``)."""
    return request.path_info.startswith(tuple(settings.WEB_ENGLISH_ONLY_PATHS))


def is_signed_in(request: HttpRequest) -> bool:
    """Whether a user is signed in, without touching the session of a call that brings no cookie (the API's calls)."""
    return settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated
