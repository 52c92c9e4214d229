"""Periods, numbers and sums: pure decisions."""

from datetime import date
from types import SimpleNamespace

import pytest

from apps.ledger.rules import BookingSums
from apps.statements.rules import (
    FILE_TYPES,
    Period,
    PeriodBeforeOpening,
    PeriodEndsBeforeItBegins,
    PeriodInFuture,
    PeriodTooLong,
    StatementDoesNotAddUp,
    StatementFormat,
    TooManyForPDF,
    add_months,
    available_month,
    check_period,
    check_size,
    check_sums,
    checked_lines,
    file_name,
    is_final,
    month_period,
    period_text,
    reported_period,
    statement_identification,
    statement_number,
)

OPENED, TODAY = date(2025, 11, 17), date(2026, 11, 21)


def period(first: str, last: str) -> Period:
    return Period(date.fromisoformat(first), date.fromisoformat(last))


class TestPeriods:
    @pytest.mark.parametrize(
        ("first", "last"),
        [
            ("2026-11-21", "2026-11-21"),
            ("2025-11-01", "2025-11-30"),  # The month of the opening, whole.
            ("2025-11-17", "2026-11-21"),
            ("2025-12-01", "2026-11-21"),
            ("2026-02-28", "2026-03-01"),
        ],
    )
    def test_a_period_within_the_account_s_life_and_thirteen_months_is_offered(
        self, first: str, last: str
    ) -> None:
        check_period(period(first, last), first_day=OPENED, today=TODAY)

    @pytest.mark.parametrize(
        ("first", "last", "error", "field"),
        [
            ("2026-10-02", "2026-10-01", PeriodEndsBeforeItBegins, "date_to"),
            ("2026-11-01", "2026-11-22", PeriodInFuture, "date_to"),
            ("2027-01-01", "2027-01-31", PeriodInFuture, "date_to"),
            ("2025-10-31", "2025-12-01", PeriodBeforeOpening, "date_from"),
        ],
    )
    def test_another_is_refused_and_the_error_names_the_field(
        self, first: str, last: str, error: type[Exception], field: str
    ) -> None:
        with pytest.raises(error) as caught:
            check_period(period(first, last), first_day=OPENED, today=TODAY)
        assert caught.value.field == field

    def test_thirteen_months_are_the_longest_period(self) -> None:
        check_period(period("2020-01-15", "2021-02-14"), first_day=date(2019, 1, 1), today=TODAY)
        with pytest.raises(PeriodTooLong):
            check_period(period("2020-01-15", "2021-02-15"), first_day=date(2019, 1, 1), today=TODAY)

    @pytest.mark.parametrize(
        ("day", "months", "expected"),
        [
            ("2026-01-31", 1, "2026-02-28"),
            ("2023-12-31", 2, "2024-02-29"),
            ("2026-12-01", 13, "2028-01-01"),
            ("2026-11-21", 0, "2026-11-21"),
        ],
    )
    def test_months_are_added_to_the_last_day_at_most(self, day: str, months: int, expected: str) -> None:
        assert add_months(date.fromisoformat(day), months) == date.fromisoformat(expected)

    def test_a_month_is_whole_once_it_is_over_and_ends_today_before(self) -> None:
        assert available_month(date(2026, 2, 9), first_day=OPENED, today=TODAY) == period(
            "2026-02-01", "2026-02-28"
        )
        assert available_month(TODAY, first_day=OPENED, today=TODAY) == period("2026-11-01", "2026-11-21")
        assert available_month(OPENED, first_day=OPENED, today=TODAY) == period("2025-11-01", "2025-11-30")

    @pytest.mark.parametrize(
        ("month", "error"), [("2026-12-01", PeriodInFuture), ("2025-10-01", PeriodBeforeOpening)]
    )
    def test_there_is_no_month_before_the_account_or_after_today(
        self, month: str, error: type[Exception]
    ) -> None:
        with pytest.raises(error):
            available_month(date.fromisoformat(month), first_day=OPENED, today=TODAY)

    @pytest.mark.parametrize(
        ("first", "last", "expected"),
        [
            ("2010-01-01", None, ("2025-11-01", "2026-11-21")),
            ("2010-01-01", "2099-12-31", ("2025-11-01", "2026-11-21")),
            ("2026-10-05", "2026-10-17", ("2026-10-05", "2026-10-17")),
            ("2026-10-05", None, ("2026-10-05", "2026-11-21")),
            ("2010-01-01", "2011-01-01", ("2025-11-01", "2025-11-01")),
        ],
    )
    def test_a_program_s_period_is_cut_to_the_account_s_life(
        self, first: str, last: str | None, expected: tuple[str, str]
    ) -> None:
        got = reported_period(
            date.fromisoformat(first),
            date.fromisoformat(last) if last else None,
            first_day=OPENED,
            today=TODAY,
        )
        assert got == period(*expected)

    def test_what_is_none_or_too_long_is_not_cut_but_refused(self) -> None:
        for first, last, opened, error in (
            (date(2026, 11, 22), None, OPENED, PeriodInFuture),
            (date(2026, 1, 2), date(2026, 1, 1), OPENED, PeriodEndsBeforeItBegins),
            (date(2010, 1, 1), None, date(2025, 10, 3), PeriodTooLong),
        ):
            with pytest.raises(error):
                reported_period(first, last, first_day=opened, today=TODAY)

    def test_nothing_is_final_before_its_last_day_is_over(self) -> None:
        assert is_final(period("2026-11-01", "2026-11-20"), today=TODAY)
        assert not is_final(period("2026-11-01", "2026-11-21"), today=TODAY)


class TestNames:
    @pytest.mark.parametrize(
        ("first", "last", "number"),
        [
            ("2025-11-01", "2025-11-30", 1),
            ("2025-12-01", "2025-12-31", 2),
            ("2026-10-01", "2026-10-31", 12),
            ("2026-10-01", "2026-10-30", None),
            ("2026-09-01", "2026-10-31", None),
        ],
    )
    def test_whole_months_are_numbered_from_the_account_s_first(
        self, first: str, last: str, number: int | None
    ) -> None:
        assert statement_number(period(first, last), first_day=OPENED) == number

    def test_a_name_tells_account_period_and_format_in_plain_characters(self) -> None:
        identification = statement_identification("DE89370400440532013000", month_period(date(2026, 10, 5)))
        assert identification == "0532013000-2026-10"
        names = {file_name(identification, file_format) for file_format in StatementFormat}
        assert len(names) == len(StatementFormat)
        assert all(name.isascii() and "/" not in name for name in names)
        assert set(FILE_TYPES) == set(StatementFormat)

    def test_an_identification_fits_the_35_characters_of_the_standard(self) -> None:
        longest = "MT84MALT011000012345MTLCAST001S"
        assert len(statement_identification(longest, period("2026-10-05", "2026-10-17"))) <= 35
        assert period_text(period("2026-10-05", "2026-10-17")) == "20261005-20261017"


class TestSums:
    SUMS = BookingSums(credits=1, credits_minor=500, debits=2, debits_minor=300)

    def test_opening_and_bookings_must_give_the_closing_balance(self) -> None:
        check_sums(opening_minor=100, sums=self.SUMS, closing_minor=300)
        with pytest.raises(StatementDoesNotAddUp):
            check_sums(opening_minor=100, sums=self.SUMS, closing_minor=301)

    @pytest.mark.parametrize("moved", [[500, -100, -200], [500, -150, -150]])
    def test_lines_that_lead_to_the_closing_balance_pass(self, moved: list[int]) -> None:
        lines = [SimpleNamespace(signed_minor=minor) for minor in moved]
        got = checked_lines(lines, opening_minor=100, sums=self.SUMS, closing_minor=300)
        assert list(got) == lines

    @pytest.mark.parametrize(
        "moved",
        [[500, -300], [500, -100, -200, 0], [500, -100, -201], [], [200]],
        ids=["one less", "one more", "another sum", "none", "same sum, other number"],
    )
    def test_other_lines_are_refused_behind_the_last(self, moved: list[int]) -> None:
        lines = [SimpleNamespace(signed_minor=minor) for minor in moved]
        with pytest.raises(StatementDoesNotAddUp):
            list(checked_lines(lines, opening_minor=100, sums=self.SUMS, closing_minor=300))

    def test_a_pdf_has_a_limit_and_the_formats_for_programs_have_none(self) -> None:
        for file_format in StatementFormat:
            check_size(file_format, postings=20_000)
        with pytest.raises(TooManyForPDF):
            check_size(StatementFormat.PDF, postings=20_001)
        check_size(StatementFormat.CAMT053, postings=20_001)
