"""What pages and API share about a request: the services, the browser's secret, the language, the formats."""

from __future__ import annotations

import hmac
import re
import secrets
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, current_app, request, session
from markupsafe import Markup

from examples.demo_tpp.bank import Call
from examples.demo_tpp.directory import origin_of
from examples.demo_tpp.services import Services
from examples.demo_tpp.texts import LANGUAGES, text

# Cookies know no ports: on one loopback address these names must differ from the bank's.
SSO_COOKIE = "shoppay_sso"
LANGUAGE_COOKIE = "shoppay_language"
SESSION_COOKIE = "shoppay_session"
ZONE = ZoneInfo("Europe/Berlin")


def shoppay() -> Services:
    """The services of the running application."""
    services: Services = current_app.extensions["shoppay"]
    return services


# Language


def language() -> str:
    """The visitor's choice, else the browser's, else English."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    return request.accept_languages.best_match(LANGUAGES) or LANGUAGES[0]


def translate(key: str, **params: Any) -> str:
    """The text in the visitor's language."""
    return text(key, language(), **params)


# The browser


def browser_secret() -> str:
    """A random value in this browser's signed cookie: who starts at the bank must come back with it."""
    if "browser" not in session:
        session["browser"] = secrets.token_urlsafe(32)
    return str(session["browser"])


def csrf_token() -> str:
    """The token every form of this browser carries."""
    if "csrf" not in session:
        session["csrf"] = secrets.token_urlsafe(32)
    return str(session["csrf"])


def csrf_field() -> Markup:
    """The hidden field for a form."""
    return Markup('<input type="hidden" name="csrf_token" value="{}">').format(csrf_token())


def check_csrf() -> None:
    if (
        request.method in ("GET", "HEAD", "OPTIONS")
        or request.blueprint == "api"
        or request.endpoint == "pages.notify"
    ):
        # The API takes no cookies as proof, the bank's call has none.
        return
    own = origin_of(shoppay().configuration.base_url)
    if request.headers.get("Origin", own) != own:
        abort(403, "cross-site")
    given = request.form.get("csrf_token", "")
    if not hmac.compare_digest(given.encode(), str(session.get("csrf") or secrets.token_hex()).encode()):
        abort(403, "csrf")


def bank_call(about: str) -> Call:
    """This request's customer, for the headers that the bank is told."""
    # The contract knows IPv4 only; ShopPay listens on loopback, so anything else is this machine, too.
    address = request.remote_addr or ""
    user_agent = "".join(c for c in request.headers.get("User-Agent", "") if " " <= c <= "~")[:200]
    return Call(
        psu_ip_address=address if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3}){3}", address) else "127.0.0.1",
        psu_user_agent=user_agent,
        language=language(),
        about=about,
    )


# Formats


def format_money(amount: object, currency: str = "EUR") -> str:
    """``1249.9`` -> ``€1,249.90`` or ``1.249,90 €``."""
    try:
        value = Decimal(str(amount))
        plain = f"{abs(value):,.2f}"
    except ArithmeticError:
        return f"{amount} {currency}"
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    symbol = "€" if currency == "EUR" else f"{currency}\N{NO-BREAK SPACE}"
    if language() == "de":
        german = plain.translate(str.maketrans(",.", ".,"))
        return f"{sign}{german}\N{NO-BREAK SPACE}{symbol.strip()}"
    return f"{sign}{symbol}{plain}"


def format_moment(seconds: int | None) -> str:
    """Epoch seconds as local date and time."""
    if not seconds:
        return ""
    moment = datetime.fromtimestamp(seconds, UTC).astimezone(ZONE)
    return moment.strftime("%d.%m.%Y, %H:%M" if language() == "de" else "%d %b %Y, %H:%M")


def format_day(value: str) -> str:
    """``2026-11-21`` as a local date; anything else unchanged."""
    try:
        day = datetime.fromisoformat(value)
    except ValueError:
        return value
    return day.strftime("%d.%m.%Y" if language() == "de" else "%d %b %Y")
