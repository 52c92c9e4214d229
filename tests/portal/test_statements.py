"""Statements in the portal: found from the account, downloaded whole, the customer's own, with clear words when not."""

import re
from datetime import date, timedelta
from uuid import uuid4

import pytest

from apps.audit.models import AuditEvent
from apps.identity.models import PSU
from tests.factories.accounts import NOW, account_of
from tests.portal.kit import BankTime, Visitor, seen, text_of
from tests.portal.test_accounts import book

DAY = date(2026, 10, 12)
FORMATS = {
    "pdf": ("application/pdf", "pdf", b"%PDF-1."),
    "csv": ("text/csv; charset=utf-8", "csv", b"\xef\xbb\xbf"),
    "camt053": ("application/xml", "camt053.xml", b"<?xml"),
    "mt940": ("text/plain; charset=us-ascii", "mt940.sta", b":20:202610"),
}


def body(response) -> bytes:
    return b"".join(response.streaming_content)


@pytest.fixture
def anna(anna: PSU) -> PSU:
    """With two bookings in October."""
    book(anna, name="REWE Markt", minor=4218, day=DAY)
    book(anna, name="Kern Verlag", minor=318_044, day=DAY + timedelta(days=1), credit=True)
    return anna


def _without_ids(answer: tuple) -> str:
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", repr(answer))


def path_of(psu: PSU) -> str:
    return f"/accounts/{psu.account.pk}/statements/"


class TestThePage:
    def test_is_found_from_the_account(self, customer_anna: Visitor, anna: PSU) -> None:
        assert f'href="{path_of(anna)}"' in text_of(customer_anna.get(f"/accounts/{anna.account.pk}/"))

    def test_lists_the_months_with_what_is_in_them(self, customer_anna: Visitor, anna: PSU) -> None:
        page = re.sub(r"\s+", " ", text_of(customer_anna.get(path_of(anna))))
        assert "2 bookings: €3,180.44 in, €42.18 out" in page
        # The factory's thousand came on 1 November.
        assert "Closing balance €3,138.26" in page
        assert page.count("Nothing booked") == 9
        assert page.index("November 2026") < page.index("October 2026") < page.index("January 2026")

    def test_marks_the_month_that_is_not_over(self, customer_anna: Visitor, anna: PSU) -> None:
        page = text_of(customer_anna.get(path_of(anna)))
        assert page.count("Not over yet") == 2, "the month, and the year of the statement of fees"
        assert "Balance so far €4,138.26" in page

    def test_leads_to_the_years_since_the_opening(self, customer_anna: Visitor, anna: PSU) -> None:
        page = text_of(customer_anna.get(path_of(anna)))
        assert re.findall(r"\?year=(\d{4})", page) == ["2026", "2025", "2024"]
        older = text_of(customer_anna.get(path_of(anna), year="2024"))
        assert "December 2024" in older
        assert "November 2026" not in older

    @pytest.mark.parametrize("year", ["x", "", "20255", "٢٠٢٥", "-2025", "2025 OR 1=1"])
    def test_a_year_that_is_none_is_this_year(self, customer_anna: Visitor, anna: PSU, year: str) -> None:
        response = customer_anna.get(path_of(anna), year=year)
        assert response.status_code == 200
        assert "November 2026" in text_of(response)

    def test_is_german_for_whom_reads_german(self, customer_anna: Visitor, anna: PSU) -> None:
        anna.user.language = "de"
        anna.user.save(update_fields=["language"])
        page = text_of(customer_anna.get(path_of(anna)))
        assert "Kontoauszüge" in page
        assert "Oktober 2026" in page
        assert "Noch nicht vorbei" in page


class TestAMonth:
    @pytest.mark.parametrize("file_format", FORMATS)
    def test_is_downloaded_as_a_whole_file_with_name_and_type(
        self, customer_anna: Visitor, anna: PSU, file_format: str
    ) -> None:
        content_type, extension, beginning = FORMATS[file_format]
        response = customer_anna.get(f"{path_of(anna)}2026-10/{file_format}/")
        content = body(response)
        assert response.status_code == 200
        assert response["Content-Type"] == content_type
        name = f"statement-{anna.account.iban[-10:]}-2026-10.{extension}"
        assert response["Content-Disposition"] == f'attachment; filename="{name}"'
        assert response["Cache-Control"] == "no-store"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert int(response["Content-Length"]) == len(content)
        assert content.startswith(beginning)

    def test_every_link_of_the_page_leads_to_a_file(self, customer_anna: Visitor, anna: PSU) -> None:
        links = re.findall(
            rf'href="({path_of(anna)}[0-9]+-[^"]+)"', text_of(customer_anna.get(path_of(anna)))
        )
        assert len(links) == 11 * 4
        for link in links[:8]:
            assert body(customer_anna.get(link))

    def test_each_download_is_in_the_trail(self, customer_anna: Visitor, anna: PSU) -> None:
        for file_format in FORMATS:
            body(customer_anna.get(f"{path_of(anna)}2026-10/{file_format}/"))
        events = AuditEvent.objects.filter(event="statements.statement.fetched")
        assert {event.data["format"] for event in events} == set(FORMATS)
        assert {(event.actor_type, event.actor_id) for event in events} == {("psu", str(anna.pk))}

    def test_speaks_the_customer_s_language(self, customer_anna: Visitor, anna: PSU) -> None:
        anna.user.language = "de"
        anna.user.save(update_fields=["language"])
        assert b"Buchungstag" in body(customer_anna.get(f"{path_of(anna)}2026-10/csv/"))

    @pytest.mark.parametrize(
        "wrong",
        ["2026-12/pdf", "2023-12/pdf", "2026-13/pdf", "2026-0/pdf", "0-1/pdf", "99999-1/pdf", "2026-10/exe"],
    )
    def test_what_there_is_not_is_not_found(self, customer_anna: Visitor, anna: PSU, wrong: str) -> None:
        assert customer_anna.get(f"{path_of(anna)}{wrong}/").status_code == 404
        assert not AuditEvent.objects.filter(event__startswith="statements.").exists()


class TestAPeriod:
    FORM = {"date_from": "2026-10-13", "date_to": "2026-11-21", "file_format": "csv"}

    def ask(self, visitor: Visitor, anna: PSU, **changes: str):
        return visitor.get(f"{path_of(anna)}period/", **(self.FORM | changes))

    def test_is_downloaded(self, customer_anna: Visitor, anna: PSU) -> None:
        response = self.ask(customer_anna, anna)
        assert body(response).decode().count("\r\n") == 3
        assert "20261013-20261121.csv" in response["Content-Disposition"]

    def test_dates_may_be_typed_where_there_is_no_picker(self, customer_anna: Visitor, anna: PSU) -> None:
        response = self.ask(customer_anna, anna, date_from="13.10.2026", date_to="21.11.2026")
        assert "20261013-20261121.csv" in response["Content-Disposition"]

    @pytest.mark.parametrize(
        ("changes", "field", "words"),
        [
            ({"date_to": "2026-10-12"}, "date_to", "The last day is before the first."),
            ({"date_to": "2026-11-22"}, "date_to", "The last day may be today at the latest."),
            ({"date_from": "2025-10-21"}, "date_to", "A period may have 13 months at most."),
            (
                {"date_from": "2023-12-31", "date_to": "2024-02-01"},
                "date_from",
                "The account did not exist yet.",
            ),
            ({"date_from": "2026-02-31"}, "date_from", "Enter a valid date."),
            ({"date_from": ""}, "date_from", "This field is required."),
            ({"date_to": "tomorrow"}, "date_to", "Enter a valid date."),
            ({"file_format": "exe"}, "file_format", "Select a valid choice."),
        ],
    )
    def test_what_is_wrong_stands_at_its_field(
        self, customer_anna: Visitor, anna: PSU, changes: dict[str, str], field: str, words: str
    ) -> None:
        response = self.ask(customer_anna, anna, **changes)
        page = text_of(response)
        assert response["Content-Type"].startswith("text/html")
        error = re.search(rf'id="id_{field}_error"[^>]*>(.*?)</', page, re.DOTALL)
        assert error, "an error at the field"
        assert words in re.sub(r"<[^>]+>", "", page[error.start() :][:400])
        assert f'href="#id_{field}"' in page
        # What was right is still there.
        if "date_from" not in changes:
            assert 'value="2026-10-13"' in page
        assert not AuditEvent.objects.filter(event__startswith="statements.").exists()

    def test_too_many_bookings_for_a_pdf_are_told_before_anything_is_written(
        self, customer_anna: Visitor, anna: PSU, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.statements.rules.PDF_POSTINGS_MAX", 1)
        assert "too many for a PDF" in text_of(self.ask(customer_anna, anna, file_format="pdf"))
        response = customer_anna.get(f"{path_of(anna)}2026-10/pdf/")
        assert response.status_code == 409
        assert "Too many bookings for a PDF" in text_of(response)


class TestWhoMay:
    def paths(self, account_id: object) -> list[str]:
        base = f"/accounts/{account_id}/statements/"
        return [
            base,
            *(f"{base}2026-10/{file_format}/" for file_format in FORMATS),
            f"{base}period/?date_from=2026-10-01&date_to=2026-10-31&file_format=csv",
        ]

    def test_another_customer_s_statements_look_like_those_of_no_account(
        self, customer_anna: Visitor, anna: PSU, bruno: PSU
    ) -> None:
        account_of(bruno)
        for theirs, nobody_s in zip(self.paths(bruno.account.pk), self.paths(uuid4()), strict=True):
            foreign, missing = customer_anna.get(theirs), customer_anna.get(nobody_s)
            assert foreign.status_code == 404
            assert _without_ids(seen(foreign)) == _without_ids(seen(missing))

    def test_a_stranger_is_led_to_the_sign_in_and_only_the_page_is_come_back_to(
        self, visitor: Visitor, anna: PSU
    ) -> None:
        for path in self.paths(anna.account.pk):
            response = visitor.get(path)
            assert response.status_code in (302, 303)
            assert response["Location"].startswith("/sign-in/")
            assert ("next=" in response["Location"]) is (path == path_of(anna))

    def test_nothing_is_changed_by_other_methods(self, customer_anna: Visitor, anna: PSU) -> None:
        for path in self.paths(anna.account.pk):
            assert customer_anna.post(path).status_code == 405
        assert customer_anna.http.head(self.paths(anna.account.pk)[1]).status_code == 405
        assert not AuditEvent.objects.filter(event__startswith="statements.").exists()

    def test_many_files_in_a_short_time_are_slowed_down(
        self, customer_anna: Visitor, anna: PSU, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.portal.views.statements._FILES_MAX", 2)
        month, period = f"{path_of(anna)}2026-10/csv/", self.paths(anna.account.pk)[-1]
        for path in (month, period):
            body(customer_anna.get(path))
        for path in (month, period):
            response = customer_anna.get(path)
            assert response.status_code == 429
            assert 0 < int(response["Retry-After"]) <= 600
        assert customer_anna.get(path_of(anna)).status_code == 200


def test_the_running_month_ends_with_today(customer_anna: Visitor, anna: PSU, bank_time: BankTime) -> None:
    response = customer_anna.get(f"{path_of(anna)}2026-11/camt053/")
    assert f"20261101-{NOW:%Y%m%d}.camt053.xml" in response["Content-Disposition"]
    assert b"ITBD" in body(response)
