"""How far a developer has come on the way to the first call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.tpp.rules import KeyStatus

if TYPE_CHECKING:
    from apps.tpp.models import TPP, App


@dataclass(frozen=True, slots=True)
class Step:
    """One step: its short label, what to do, where."""

    label: str | Promise
    text: str | Promise
    action: str | Promise
    url: str
    is_done: bool


def list_steps(*, tpps: Sequence["TPP"], apps: Sequence["App"], first_call_at: datetime | None) -> list[Step]:
    """The steps in their order. Each is done if anything of the member's has got that far."""
    with_key = [app for app in apps if active_keys(app)]
    keyless = next((app for app in apps if not active_keys(app)), None)
    without_uri = next((app for app in apps if not app.redirect_uris), None)
    app_id = next((app.pk for app in (without_uri, keyless, *apps) if app is not None), None)
    callable_id = next((app.pk for app in with_key), app_id)
    return [
        Step(
            _("Company"),
            _("Tell us which company you work for, as its authority licensed it."),
            _("Register your company"),
            reverse("console:company-new"),
            bool(tpps),
        ),
        Step(
            _("App"),
            _("Give your program a name that customers will recognise. It gets its client ID."),
            _("Register an app"),
            reverse("console:app-new"),
            bool(apps),
        ),
        Step(
            _("Redirect URI"),
            _("Say where customers are sent back to when they have decided."),
            _("Add a redirect URI"),
            _app_url("console:app-redirect-uris", app_id),
            any(app.redirect_uris for app in apps),
        ),
        Step(
            _("Key"),
            _("Make a key pair in your browser, or paste the public key of one that you have."),
            _("Add a key"),
            _app_url("console:key-new", keyless.pk if keyless else app_id),
            bool(with_key),
        ),
        Step(
            _("First call"),
            _("Copy the program with your values, run it, and give your consent as a test customer."),
            _("Make the first call"),
            _app_url("console:app-first-call", callable_id),
            first_call_at is not None,
        ),
    ]


def active_keys(app: "App") -> list[object]:
    """The keys an app may sign with (prefetched)."""
    return [key for key in app.keys.all() if key.status == KeyStatus.ACTIVE]


def _app_url(url_name: str, app_id: object) -> str:
    return reverse(url_name, kwargs={"app_id": app_id}) if app_id else reverse("console:app-new")
