from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.translation import gettext_lazy as _
from rest_framework.request import Request

from apps.accounts.queries import get_balance, get_transaction, list_transactions
from apps.consents.queries import ConsentedAccount
from apps.consents.rules import AccessKind, earliest_booking_date
from apps.consents.services import AccessNotGranted
from apps.core.clock import bank_date
from apps.payments.queries import list_pending_payments
from apps.payments.standing_orders import list_running_standing_orders
from apps.statements.queries import get_report_period
from apps.statements.rules import StatementFormat
from apps.statements.services import write_report
from apps.xs2a import links, pages
from apps.xs2a.answers import HEADERS, json_answer
from apps.xs2a.negotiation import REPORT_FORMATS, JSONOrReport
from apps.xs2a.query import read_date, read_flag
from apps.xs2a.refusals import FormatError, ParameterNotConsistent, ParameterNotSupported, PeriodInvalid
from apps.xs2a.serializers import accounts as serializers
from apps.xs2a.views.accounts import AccountReadView

PAGE_SIZE = 100
_LISTS = {
    "booked": {"booked"},
    "pending": {"pending"},
    "both": {"booked", "pending"},
    "information": {"information"},
    "all": {"booked", "pending", "information"},
}
_OLD = _("Bookings older than 90 days are given only shortly after the customer authorised the consent.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which part of which list is asked for; ``before`` is where the page before ended."""

    booking_status: str
    date_from: date
    date_to: date | None
    before: tuple[date, int] | None


class TransactionListView(AccountReadView):
    """GET /v1/accounts/{account-id}/transactions."""

    query_parameters = frozenset(
        {
            *("bookingStatus", "dateFrom", "dateTo", "withBalance", pages.PARAMETER),
            *("entryReferenceFrom", "deltaList"),
        }
    )

    content_negotiation_class = JSONOrReport

    def get(self, request: Request, account_id: str) -> HttpResponseBase:
        query = self.http
        booking_status, with_balance = _read_booking_status(query), read_flag(query, "withBalance")
        _refuse_delta(query)
        opened = self.open_account(account_id)
        if not opened.may_transactions:
            raise AccessNotGranted("transactions")
        if report_format := REPORT_FORMATS.get(request.accepted_media_type or ""):
            return self._report_file(query, opened, booking_status, report_format)
        if pages.PARAMETER in query.GET:
            wanted = self._read_page(query, opened)
        else:
            read = self._read_period if booking_status != "information" else self._read_idle_period
            wanted = Wanted(booking_status, *read(query, opened), before=None)
            self.record(opened, AccessKind.TRANSACTIONS)
        body: dict[str, Any] = {
            "account": serializers.account_reference(opened.account),
            "transactions": self._report(opened, wanted),
        }
        if with_balance and opened.may_balances:
            body["balances"] = serializers.balance_list(get_balance(account=opened.account))
        return json_answer(body)

    def _read_page(self, query: HttpRequest, opened: ConsentedAccount) -> Wanted:
        if "dateFrom" in query.GET or "dateTo" in query.GET:
            raise FormatError(_("Follow the links of a list as they are."), path=pages.PARAMETER)
        page = pages.read_page(
            query.GET[pages.PARAMETER], consent_id=self.consent_id, account_id=opened.account.pk
        )
        return Wanted("booked", page.date_from, page.date_to, page.before)

    def _read_period(self, query: HttpRequest, opened: ConsentedAccount) -> tuple[date, date | None]:
        date_from, date_to = read_date(query, "dateFrom"), read_date(query, "dateTo")
        if date_from is None:
            raise FormatError(_("It is missing."), path="dateFrom")
        if date_to is not None and date_to < date_from:
            raise PeriodInvalid(_("The period ends before it begins."), path="dateTo")
        if date_from < _earliest_date(opened, now=self.now):
            raise PeriodInvalid(_OLD, path="dateFrom")
        return date_from, date_to

    def _read_idle_period(self, query: HttpRequest, _opened: ConsentedAccount) -> tuple[date, date | None]:
        """Standing orders have no booking date: days may be given, well formed, and change nothing."""
        return read_date(query, "dateFrom") or bank_date(self.now), read_date(query, "dateTo")

    def _report_file(
        self,
        query: HttpRequest,
        opened: ConsentedAccount,
        booking_status: str,
        report_format: StatementFormat,
    ) -> FileResponse:
        """The bookings as camt.053 or MT940, whole: neither has pages."""
        if booking_status != "booked":
            raise ParameterNotConsistent(
                _("camt.053 and MT940 tell what is booked, and nothing else."), path="bookingStatus"
            )
        if pages.PARAMETER in query.GET:
            raise ParameterNotConsistent(_("Only JSON lists have pages."), path=pages.PARAMETER)
        if not opened.may_balances:
            # Both formats begin and end with one.
            raise AccessNotGranted("balances")
        date_from, date_to = self._read_period(query, opened)
        period = get_report_period(account=opened.account, date_from=date_from, date_to=date_to, now=self.now)
        self.record(opened, AccessKind.TRANSACTIONS)
        report = write_report(account=opened.account, period=period, file_format=report_format, now=self.now)
        # The contract knows the types without a character set: MT940 is ASCII, XML says its own.
        return FileResponse(
            report.content, content_type=report.content_type.partition(";")[0], headers=HEADERS
        )

    def _report(self, opened: ConsentedAccount, wanted: Wanted) -> dict[str, Any]:
        report: dict[str, Any] = {}
        path = links.account(opened.account.pk)
        hrefs, lists = {"account": links.href(path)}, _LISTS[wanted.booking_status]
        if "booked" in lists:
            # One more than a page holds tells whether there is another.
            rows = list_transactions(
                account=opened.account,
                date_from=wanted.date_from,
                date_to=wanted.date_to,
                before=wanted.before,
                limit=PAGE_SIZE + 1,
            )
            hrefs |= self._page_links(f"{path}/transactions", wanted, opened, rows)
            report["booked"] = serializers.booked_list(
                rows[:PAGE_SIZE], account_id=opened.account.pk, with_balances=opened.may_balances
            )
        if "pending" in lists:
            pending = list_pending_payments(account_id=opened.account.pk)
            report["pending"] = serializers.pending_list(pending)
        if "information" in lists:
            running = list_running_standing_orders(account_id=opened.account.pk)
            report["information"] = serializers.information_list(running)
        report["_links"] = hrefs
        return report

    def _page_links(
        self, path: str, wanted: Wanted, opened: ConsentedAccount, rows: list[Any]
    ) -> dict[str, links.Href]:
        first = {"bookingStatus": wanted.booking_status, "dateFrom": wanted.date_from.isoformat()}
        if wanted.date_to is not None:
            first["dateTo"] = wanted.date_to.isoformat()
        hrefs = {"first": links.href(f"{path}?{urlencode(first)}")}
        if len(rows) > PAGE_SIZE:
            last = rows[PAGE_SIZE - 1]
            page = pages.Page(
                consent_id=self.consent_id,
                account_id=opened.account.pk,
                date_from=wanted.date_from,
                date_to=wanted.date_to,
                before=(last.booking_date, last.posting_id),
            )
            query = urlencode({"bookingStatus": "booked", pages.PARAMETER: page.token()})
            hrefs["next"] = links.href(f"{path}?{query}")
        return hrefs


class TransactionView(AccountReadView):
    """GET /v1/accounts/{account-id}/transactions/{transactionId}."""

    def get(self, request: Request, account_id: str, transaction_id: str) -> HttpResponse:
        opened = self.open_account(account_id)
        if not opened.may_transactions:
            raise AccessNotGranted("transactions")
        row = get_transaction(account=opened.account, transaction_id=transaction_id)
        if row.booking_date < _earliest_date(opened, now=self.now):
            raise PeriodInvalid(_OLD)
        self.record(opened, AccessKind.TRANSACTION)
        details = serializers.booked_transaction(
            row, account_id=opened.account.pk, with_balance=opened.may_balances
        )
        # Nested twice in the contract's yaml.
        return json_answer({"transactionsDetails": {"transactionDetails": details}})


def _earliest_date(opened: ConsentedAccount, *, now: datetime) -> date:
    # A consent that opens accounts was authorised; were it not, nothing old is given.
    authorised_at = opened.consent.authorised_at or datetime.min.replace(tzinfo=UTC)
    return earliest_booking_date(authorised_at=authorised_at, now=now, today=bank_date(now))


def _read_booking_status(query: HttpRequest) -> str:
    value = query.GET.get("bookingStatus", "")
    if value not in _LISTS:
        raise FormatError(
            _("One of %(values)s is expected.") % {"values": ", ".join(_LISTS)}, path="bookingStatus"
        )
    return value


def _refuse_delta(query: HttpRequest) -> None:
    if "entryReferenceFrom" in query.GET:
        raise ParameterNotSupported(_("Lists by reference are not offered."), path="entryReferenceFrom")
    if read_flag(query, "deltaList"):
        raise ParameterNotSupported(_("Lists since the last access are not offered."), path="deltaList")
