from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import AccountBalance, get_balance, list_accounts_for_psu
from apps.core.errors import NotFound
from apps.identity.queries import get_psu_of_user
from apps.sandbox.addresses import demo_tpp_url
from apps.sandbox.queries import get_phone
from apps.sandbox.seeding import personas
from apps.tpp.models import App


@dataclass(frozen=True, slots=True)
class CustomerCard:
    """A customer as the page shows him. ``is_seeded`` is false before ``seed_sandbox`` has run."""

    person: personas.Person
    accounts: list[tuple[PaymentAccount, AccountBalance]]
    is_seeded: bool


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Everybody who can sign in, with what they sign in with; the doors; the JSON for scripts."""
    customers = [_customer(person) for person in personas.CUSTOMERS]
    return render(
        request,
        "sandbox/personas_list.html",
        {
            "customers": customers,
            "is_seeded": all(card.is_seeded for card in customers),
            "staff": personas.STAFF,
            "members": [(person, _company_of(person)) for person in personas.MEMBERS],
            "companies": _companies(),
            "demo_tpp_url": demo_tpp_url(),
            "bank_url": settings.PUBLIC_BASE_URL,
            "handout": settings.VAR_DIR / "sandbox.json",
            "key_folder": settings.VAR_DIR / "keys" / "tpp",
            "feeds": _feeds(),
        },
    )


def _customer(person: personas.Person) -> CustomerCard:
    try:
        psu = get_psu_of_user(user_id=get_phone(user_id=person.user_id).user.pk)
    except NotFound:
        return CustomerCard(person=person, accounts=[], is_seeded=False)
    accounts = [(account, get_balance(account=account)) for account in list_accounts_for_psu(psu_id=psu.pk)]
    return CustomerCard(person=person, accounts=accounts, is_seeded=True)


def _company_of(person: personas.Person) -> str:
    return next((company.name for company in personas.COMPANIES if person.user_id in company.members), "")


def _companies() -> list[dict[str, Any]]:
    apps = {app.client_id: app for app in App.objects.select_related("tpp")}
    return [
        {
            "company": company,
            "status": apps[company.client_id].tpp.status if company.client_id in apps else "",
        }
        for company in personas.COMPANIES
    ]


def _feeds() -> list[tuple[str, str]]:
    """Method and address of what scripts may ask; the words to each are in the template."""
    return [
        ("messages", f"{reverse('sandbox:messages-json')}?customer=anna"),
        ("ledger", reverse("sandbox:ledger-json")),
        ("clock", reverse("sandbox:clock-json")),
        ("health", reverse("sandbox:health-json")),
    ]
