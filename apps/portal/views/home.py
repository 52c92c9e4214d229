"""The overview: what there is, what happened, who may look."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts.queries import get_balance, list_accounts_for_psu, list_daily_balances
from apps.consents.queries import is_usable_at, list_consents_for_psu
from apps.core.clock import BANK_TIME_ZONE, bank_date
from apps.portal.activity import list_activity
from apps.portal.charts import BalanceChart, draw_balance
from apps.portal.guard import Visit, customers_only
from apps.portal.phrases import ago, greeting
from apps.portal.to_sign import list_to_sign

CHART_DAYS = 30
RECENT = 8


@require_safe
@customers_only
def home(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Total, accounts, recent bookings, connected apps."""
    accounts = list(list_accounts_for_psu(psu_id=visit.psu.pk))
    balances = [(account, get_balance(account=account)) for account in accounts]
    context = {
        "greeting": str(greeting(visit.now.astimezone(BANK_TIME_ZONE))) % {"name": visit.psu.first_name},
        "accounts": balances,
        "total_minor": sum(
            balance.booked_minor for account, balance in balances if account.currency == "EUR"
        ),
        "chart": _chart([account for account in accounts if account.currency == "EUR"], visit),
        "recent": list_activity(accounts, size=RECENT).entries,
        "connected": _connected(visit),
        "to_sign": list_to_sign(visit),
    }
    return render(request, "portal/home.html", context)


def _chart(accounts: list[Any], visit: Visit) -> BalanceChart | None:
    today = bank_date(visit.now)
    first = today - timedelta(days=CHART_DAYS)
    if not accounts:
        return None
    series = [list_daily_balances(account=account, date_from=first, date_to=today) for account in accounts]
    return draw_balance(series, first=first, last=today)


def _connected(visit: Visit) -> dict[str, Any]:
    live = [
        consent
        for consent in list_consents_for_psu(psu_id=visit.psu.pk)
        if is_usable_at(consent=consent, now=visit.now)
    ]
    used: list[Any] = [consent for consent in live if consent.last_used_at]  # type: ignore[attr-defined]
    last = max(used, key=lambda consent: consent.last_used_at, default=None)
    return {
        "count": len({consent.tpp_id for consent in live}),
        "last_name": last.tpp.brand_name if last else "",
        "last_ago": ago(last.last_used_at, now=visit.now) if last else "",
    }
