"""Pages that show every shell and component with awkward content, for tests only: ROOT_URLCONF of the tests here."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path
from django.views.decorators.csrf import csrf_protect
from django_cotton.compiler_regex import CottonCompiler

SOURCES = Path(__file__).with_name("pages_html")
MOMENT = datetime(2026, 11, 21, 17, 5, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>"
LONG = "Donaudampfschifffahrtsgesellschaftskapitänswitwenkasse"


class EveryField(forms.Form):
    name = forms.CharField(label="User ID")
    iban = forms.CharField(label="IBAN", help_text="22 characters in Germany")
    amount = forms.CharField(label="Amount")
    account = forms.ChoiceField(label="From", choices=[("1", "Current account"), ("2", "Savings")])
    kind = forms.ChoiceField(label="When", widget=forms.RadioSelect, choices=[("1", "Now"), ("2", "Later")])
    picks = forms.MultipleChoiceField(
        label="Accounts", widget=forms.CheckboxSelectMultiple, choices=[("1", "Current account"), ("2", LONG)]
    )
    agree = forms.BooleanField(label="Show balances too")
    note = forms.CharField(label="Reference", widget=forms.Textarea, required=False)
    code = forms.CharField(label="Code from the message")


def _row(name: str, text: str, minor: int, direction: str) -> SimpleNamespace:
    return SimpleNamespace(
        counterparty_name=name,
        remittance_information_unstructured=text,
        amount_minor=minor,
        currency="EUR",
        direction=direction,
    )


ROWS = [
    _row("Stadtwerke Berlin", "Electricity Nov", 8600, "DEBIT"),
    _row("Jonas Weber", "Dinner & <b>drinks</b>", 1850, "CREDIT"),
    _row(LONG, "RF18539007547034" * 4, 99_999_999_999, "CREDIT"),
    _row("", "", 1, "DEBIT"),
]


def render_source(source: str, context: dict[str, Any], request: HttpRequest) -> str:
    """Render template text that uses components; files get this from cotton's loader."""
    html: str = engines["django"].from_string(CottonCompiler().process(source)).render(context, request)
    return html


def _page(name: str) -> Any:
    source = (SOURCES / f"{name}.html").read_text()

    @csrf_protect
    def view(request: HttpRequest) -> HttpResponse:
        form = EveryField({"iban": HOSTILE}) if "errors" in request.GET else EveryField()
        context = {
            "rows": ROWS,
            "moment": MOMENT,
            "statuses": ["valid", "revokedByPsu"],
            "long": LONG,
            "hostile": HOSTILE,
            "steps": ["Details", "Check", "Sign"],
            "crumbs": [("/home/", "Overview"), ("", "Here")],
            "uid": "b7c1f2f6-9f1a-4a53-9b83-2e51fbbf6c1a",
            "curl": "curl -sS https://bank.example/v1/accounts -H 'X-Request-ID: 99391c7e-ad88-49ec-a2ad-0a0a0a0a0a0a'",
            "form": form,
        }
        return HttpResponse(render_source(source, context, request))

    return view


def crash(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a fault of ours")


def forbid(request: HttpRequest) -> HttpResponse:
    raise PermissionDenied


def suspect(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation


def cacheable(request: HttpRequest) -> HttpResponse:
    return HttpResponse("x", headers={"Cache-Control": "public, max-age=60"})


_portal = [
    path("home/", _page("portal"), name="home"),
    path("pay/", _page("plain"), name="payment-new"),
    path("sign-out/", crash, name="sign-out"),
]
_console = [path("", _page("console"), name="overview")]

urlpatterns = [
    path("", include("apps.web.urls")),
    path("", include((_portal, "portal"))),
    path("developers/", include((_console, "console"))),
    path("sign/", _page("authorise")),
    path("form/", _page("plain")),
    path("crash/", crash),
    path("door/crash/", crash),
    path("forbid/", forbid),
    path("suspect/", suspect),
    path("cacheable/", cacheable),
]

handler400 = "apps.web.errors.bad_request"
handler403 = "apps.web.errors.permission_denied"
handler404 = "apps.web.errors.page_not_found"
handler500 = "apps.web.errors.server_error"
