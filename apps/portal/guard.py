"""Who may enter, and where a visitor is led. A customer is somebody who proved two elements in this session."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve, reverse
from django.utils.http import url_has_allowed_host_and_scheme

from apps.core import clock
from apps.core.errors import DomainError, NotFound
from apps.identity.queries import get_psu_of_user
from apps.portal.errors import render_refusal
from apps.sca.queries import is_authenticator, is_sign_in_app
from apps.web import idle
from apps.web.client_ip import client_ip
from apps.web.throttles import Throttle, count_call
from apps.web.views.preferences import SeeOther

if TYPE_CHECKING:
    from apps.identity.models import PSU

# Guessing is bounded in the database, for each log-in and code. This only keeps one address from tying up the web
# processes with password hashing.
_PASSWORDS_PER_ADDRESS, _WINDOW_SECONDS = 300, 600

# Where a sign-in may lead: pages that can be asked for with GET, not the steps that a form takes.
_DESTINATIONS = frozenset(
    f"portal:{name}"
    for name in (
        "home",
        "transaction-list",
        "account",
        "transaction",
        "statement-list",
        "payment-new",
        "payment-list",
        "payment",
        "payment-review",
        "payment-sign",
        "standing-order-list",
        "standing-order-new",
        "standing-order",
        "standing-order-review",
        "standing-order-sign",
        "bulk-list",
        "bulk-new",
        "bulk-file",
        "bulk-items",
        "bulk-sign",
        "receipt",
        "app-list",
        "security",
        "freeze",
        "access-sign",
        "limits",
        "limits-sign",
        "passkey-new",
        "passkey-make",
        "enrolment-sign",
        "signing-app-new",
        "signing-app-activate",
        "trusted-payees",
        "trusted-payee",
        "trusted-payees-sign",
    )
)


@dataclass(frozen=True, slots=True)
class Visit:
    """Who is looking, and when: the bank's clock is asked once for the whole request."""

    psu: "PSU"
    now: datetime
    is_by_sign_in_app: bool = False


P = ParamSpec("P")
VisitView = Callable[Concatenate[HttpRequest, Visit, P], HttpResponseBase]


def customer_of(request: HttpRequest) -> "PSU | None":
    """The customer whose session this is; None for strangers, staff, members of TPPs, and half-done sign-ins.

    A developer's authenticator app opens no customer's page, whoever its log-in has become (S1-19).
    """
    user: Any = request.user
    if not user.is_authenticated or not user.is_verified():
        return None
    if is_authenticator(user.otp_device) and not is_sign_in_app(user.otp_device):
        return None
    if (
        not user.otp_device.confirmed
    ):  # A passkey that was withdrawn takes the sessions with it that it opened.
        return None
    try:
        return get_psu_of_user(user_id=user.pk)
    except NotFound:
        return None


def customers_only(view: "VisitView[P]") -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let customers in; lead others to the sign-in; answer what the rooms refuse."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        psu = customer_of(request)
        if psu is None:
            if idle.is_background(request):
                return JsonResponse({"signed_out": True}, status=401)
            return SeeOther(sign_in_url(request))
        try:
            device: Any = request.user.otp_device  # type: ignore[union-attr]  # Set by django-otp.
            return view(request, Visit(psu, clock.now(), is_sign_in_app(device)), *args, **kwargs)
        except DomainError as error:
            return render_refusal(request, error)

    return guarded


def sign_in_url(request: HttpRequest) -> str:
    """The sign-in, which leads back to the page that was asked for, if that can be asked for again."""
    url = reverse("portal:sign-in")
    wanted = local_portal_path(request.get_full_path()) if request.method in ("GET", "HEAD") else ""
    return f"{url}?{urlencode({'next': wanted})}" if wanted else url


def local_portal_path(target: str) -> str:
    """``target`` if it is a page of this portal, else "": nobody is led anywhere else (S0-3)."""
    if not target.startswith("/") or not url_has_allowed_host_and_scheme(target, allowed_hosts=None):
        return ""
    try:
        match = resolve(urlsplit(target).path)
    except Resolver404:
        return ""
    return target if match.view_name in _DESTINATIONS else ""


def retry_later(response: HttpResponse, throttle: Throttle | None) -> HttpResponse:
    """Tells programs, too, how long to wait."""
    if throttle is not None:
        response["Retry-After"] = str(throttle.retry_after_seconds)
    return response


def count_passkey(request: HttpRequest) -> Throttle:
    """Count one challenge for a passkey that somebody asked for at this address without saying who he is."""
    return count_call(
        scope="portal.passkey",
        key=client_ip(request),
        limit=_PASSWORDS_PER_ADDRESS,
        window_seconds=_WINDOW_SECONDS,
    )


def count_password(request: HttpRequest) -> Throttle:
    """Count one password sent from this address."""
    return count_call(
        scope="portal.password",
        key=client_ip(request),
        limit=_PASSWORDS_PER_ADDRESS,
        window_seconds=_WINDOW_SECONDS,
    )
