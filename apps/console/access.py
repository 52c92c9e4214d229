"""Who may come in: a member, with password and authenticator app proven in this session, and nobody else.

A customer's or staff session does not open the console, and a console session opens no customer's page (S1-19).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlencode

from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_otp import login as login_with_device

from apps.core.errors import NotFound
from apps.identity.queries import get_member
from apps.identity.services import note_login
from apps.sca.queries import is_authenticator
from apps.web.middleware import is_signed_in
from apps.web.views.preferences import SeeOther

if TYPE_CHECKING:
    from apps.identity.models import User
    from apps.sca.models import AuthenticatorDevice

    class MemberRequest(HttpRequest):
        """A request of a member; :func:`member_required` has seen to it."""

        console_member: User

    class VisitorRequest(HttpRequest):
        """A request of whoever: ``console_member`` is None unless a member is signed in."""

        console_member: User | None


def find_member(request: HttpRequest) -> User | None:
    """The member signed in here with both elements, or None."""
    if not is_signed_in(request) or not is_authenticator(getattr(request.user, "otp_device", None)):
        return None
    try:
        return get_member(user_id=cast("User", request.user).pk)
    except NotFound:
        return None


def member_required(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Only for members; others are sent to sign in and come back. What is not theirs is missing (404)."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        member = find_member(request)
        if member is None:
            return SeeOther(sign_in_url(request))
        request.console_member = member  # type: ignore[attr-defined]
        try:
            return view(request, *args, **kwargs)
        except NotFound as error:
            raise Http404 from error

    return guarded


def public(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For everybody; the menu is a member's if one is signed in."""

    @wraps(view)
    def opened(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.console_member = find_member(request)  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    return opened


def sign_in_url(request: HttpRequest) -> str:
    """The sign-in page, which leads back to the page that was asked for; never to an action."""
    url = reverse("console:sign-in")
    if request.method not in ("GET", "HEAD"):
        return url
    return f"{url}?{urlencode({'next': request.get_full_path()})}"


def redirect_to(url_name: str, **kwargs: Any) -> HttpResponse:
    """303 to one of our pages: the browser fetches it with GET."""
    return SeeOther(reverse(url_name, kwargs=kwargs or None))


def own_page(target: str) -> str:
    """``target`` if it is a page of this console, else the overview: no open redirect."""
    home = reverse("console:overview")
    is_ours = target.startswith(home) and url_has_allowed_host_and_scheme(target, allowed_hosts=None)
    return target if is_ours else home


def open_session(*, request: HttpRequest, user: User, device: AuthenticatorDevice, now: datetime) -> None:
    """Sign a member in after both elements were right. The session gets a new id; another user's is thrown away."""
    note_login(user=user, now=now)
    login(request, user)
    login_with_device(request, device)
