"""What every template may ask: who the bank is, its time, the theme, the request's id."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from apps.core import clock
from apps.web import idle

THEME_COOKIE = "theme"
THEMES = ("light", "dark")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BankIdentity:
    """What the law has a bank print on its pages."""

    name: str
    legal_name: str
    bic: str
    fraud_phone: str

    @property
    def fraud_phone_href(self) -> str:
        return "tel:" + "".join(char for char in self.fraud_phone if char.isdigit() or char == "+")


def bank_identity() -> BankIdentity:
    """The bank as the settings name it."""
    return BankIdentity(
        name=settings.BANK_NAME,
        legal_name=settings.BANK_LEGAL_NAME,
        bic=settings.BANK_BIC,
        fraud_phone=settings.BANK_FRAUD_PHONE,
    )


def bank_now() -> datetime | None:
    """The bank's time, or None if it cannot be told: an error page must render while the database is away."""
    try:
        return clock.now()
    except Exception:
        logger.exception("the bank's clock cannot be read")
        return None


def theme_of(request: HttpRequest) -> str:
    """The theme chosen by the visitor, or "" to follow the device."""
    theme = request.COOKIES.get(THEME_COOKIE, "")
    return theme if theme in THEMES else ""


def shell(request: HttpRequest) -> dict[str, Any]:
    """Values for the shells. Anything that costs a query is a callable, asked only where it is printed."""
    return {
        "bank": bank_identity(),
        "bank_now": bank_now,
        "sandbox": settings.BANK_MODE == "sandbox",
        "theme": theme_of(request),
        "csp_nonce": getattr(request, "csp_nonce", ""),
        "request_id": getattr(request, "request_id", ""),
        "idle_seconds": settings.SESSION_IDLE_SECONDS,
        "idle_warning_seconds": idle.WARNING_SECONDS,
    }
