"""Accounts and their bookings: the same facts a company with consent gets (RTS art. 36(1)(a))."""

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from apps.accounts.queries import get_account_for_psu, get_balance, get_transaction, list_accounts_for_psu
from apps.core.clock import bank_date
from apps.core.iban import format_iban
from apps.portal.activity import list_activity
from apps.portal.costs import costs_of
from apps.portal.forms import SearchForm
from apps.portal.guard import Visit, customers_only


@require_safe
@customers_only
def transactions(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Search in all accounts or one."""
    accounts = list(list_accounts_for_psu(psu_id=visit.psu.pk))
    form = SearchForm(request.GET, accounts=accounts)
    form.is_valid()  # What is wrong is shown at its field; what is right is searched for.
    search, chosen = form.cleaned_data.get("q", ""), form.cleaned_data.get("account", "")
    searched = [account for account in accounts if not chosen or str(account.pk) == chosen]
    before = request.GET.get("before", "")
    page = list_activity(searched, before=before, search=search)
    context = {
        "form": form,
        "search": search,
        "chosen": chosen,
        "page": page,
        "is_of_several": len(searched) > 1,
        "is_later_page": bool(before),
        "older_url": _older(request, page.older, q=search, account=chosen),
    }
    return render(request, "portal/transactions.html", context)


@require_safe
@customers_only
def account(request: HttpRequest, visit: Visit, account_id: UUID) -> HttpResponse:
    """One account: its details and its bookings."""
    account = get_account_for_psu(psu_id=visit.psu.pk, account_id=account_id)
    before = request.GET.get("before", "")
    page = list_activity([account], before=before)
    context = {
        "account": account,
        "balance": get_balance(account=account),
        "iban_text": format_iban(account.iban),
        "costs": costs_of(
            account_id=account.pk,
            product=account.product,
            today=bank_date(visit.now),
        ),
        "page": page,
        "is_later_page": bool(before),
        "older_url": _older(request, page.older),
        "crumbs": [(reverse("portal:home"), gettext("Overview")), ("", account.display_name)],
    }
    return render(request, "portal/account.html", context)


@require_safe
@customers_only
def transaction(request: HttpRequest, visit: Visit, account_id: UUID, transaction_id: str) -> HttpResponse:
    """One booking with all that is known of it."""
    account = get_account_for_psu(psu_id=visit.psu.pk, account_id=account_id)
    context = {
        "account": account,
        "row": get_transaction(account=account, transaction_id=transaction_id),
        "crumbs": [
            (reverse("portal:home"), gettext("Overview")),
            (reverse("portal:account", args=[account.pk]), account.display_name),
            ("", gettext("Transaction")),
        ],
    }
    return render(request, "portal/transaction.html", context)


def _older(request: HttpRequest, cursor: str, **query: str) -> str:
    if not cursor:
        return ""
    return f"{request.path}?{urlencode({**{name: value for name, value in query.items() if value}, 'before': cursor})}"
