"""Language and theme, by POST and redirect: they work without JavaScript and set what the server renders next."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from apps.core import clock
from apps.identity.services import change_language
from apps.web.context_processors import THEME_COOKIE, THEMES
from apps.web.middleware import is_signed_in

ONE_YEAR_SECONDS = 365 * 24 * 3600


class SeeOther(HttpResponseRedirect):
    """303: the browser fetches the next page with GET (RFC 9110, 15.4.4)."""

    status_code = 303


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Keep the language in a cookie, and with the user if one is signed in. An unknown one changes nothing."""
    language = request.POST.get("language", "")
    response = SeeOther(safe_next(request))
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=ONE_YEAR_SECONDS,
            httponly=True,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            samesite="Lax",
        )
        if is_signed_in(request) and request.user.is_authenticated:
            change_language(user=request.user, language=language, now=clock.now())
    return response


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Keep light or dark in a cookie; anything else follows the device again."""
    theme = request.POST.get("theme", "")
    response = SeeOther(safe_next(request))
    if theme in THEMES:
        response.set_cookie(
            THEME_COOKIE,
            theme,
            max_age=ONE_YEAR_SECONDS,
            httponly=True,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            samesite="Lax",
        )
    else:
        response.delete_cookie(THEME_COOKIE, samesite="Lax")
    return response


def safe_next(request: HttpRequest) -> str:
    """The page to go back to, only if it is one of ours (no open redirect)."""
    target = request.POST.get("next", "")
    hosts = {request.get_host()}
    is_ours = target.startswith("/") and url_has_allowed_host_and_scheme(target, hosts, request.is_secure())
    return target if is_ours else "/"
