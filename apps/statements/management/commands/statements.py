import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.accounts.models import PaymentAccount
from apps.core import clock
from apps.core.clock import bank_date
from apps.core.errors import DomainError
from apps.core.iban import InvalidIBAN, parse_iban
from apps.statements.fee_rules import FeeStatementFormat, fee_file_name
from apps.statements.fee_services import export_fee_statement
from apps.statements.queries import (
    count_accounts_opened_by,
    get_first_day,
    get_statement_language,
    iterate_accounts_opened_by,
)
from apps.statements.rules import (
    PeriodBeforeOpening,
    StatementFormat,
    available_month,
    file_name,
    is_final,
    month_period,
    statement_identification,
)
from apps.statements.services import export_statement

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class Command(BaseCommand):
    """``manage.py statements write --month 2026-10 --folder out``: a month's statements as files.

    ``manage.py statements fees --year 2026 --folder out``: a year's statements of fees.

    Every file appears whole or not at all, readable by its owner only; a second run writes the same bytes. Ends 1 and
    names the accounts whose statements could not be written; the others are written all the same.
    """

    help = "Write the statements of a month that is over, or of a year's fees, for one account or all."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        months = actions.add_parser("write", help="the statements of a month")
        months.add_argument("--month", required=True, help="such as 2026-10; it must be over")
        fees = actions.add_parser("fees", help="the statements of a year's fees")
        fees.add_argument("--year", required=True, type=int, help="such as 2026; it must be over")
        for action, formats, words in (
            (months, StatementFormat.values, "all four"),
            (fees, [value.value for value in FeeStatementFormat], "both"),
        ):
            action.add_argument("--folder", required=True, type=Path, help="where to; made if it is missing")
            action.add_argument("--account", help="one IBAN; without it all accounts, closed ones too")
            action.add_argument(
                "--format",
                action="append",
                dest="formats",
                choices=formats,
                help=f"may be given several times; without it {words}",
            )
            action.add_argument("--language", choices=["en", "de"], help="instead of that of the first owner")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        now = clock.now()
        if action == "write":
            month = _read_month(options["month"])
            if not is_final(month_period(month), today=bank_date(now)):
                raise CommandError(f"{options['month']} is not over: its statements could still change")
            day = month_period(month).date_to
            formats = [StatementFormat(value) for value in options["formats"] or StatementFormat.values]
        else:
            day = date(min(max(options["year"], 1), 9999), 12, 31)
            if day >= bank_date(now):
                raise CommandError(f"{options['year']} is not over: its fees could still change")
            fee_formats = [FeeStatementFormat(value) for value in options["formats"] or FeeStatementFormat]
        folder: Path = options["folder"]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        accounts, total = _accounts(options["account"], day)
        progress, failed, files = _Progress(total), [], 0
        for account in accounts:
            try:
                language = options["language"] or get_statement_language(account=account)
                if action == "write":
                    for file_format in formats:
                        _write(account, month, file_format, language=language, folder=folder, now=now)
                        files += 1
                else:
                    for fee_format in fee_formats:
                        _write_fees(account, day.year, fee_format, language=language, folder=folder, now=now)
                        files += 1
            except PeriodBeforeOpening:
                pass  # Its first booking may lie later than the day of its opening says.
            except DomainError as error:
                failed.append(f"{account.iban}: {error.code}")
            progress.step()
        progress.end()
        if failed:
            raise CommandError("not written:\n" + "\n".join(failed))
        self.stdout.write(f"{files} files for {total} accounts in {folder}")


def _read_month(text: str) -> date:
    match = _MONTH.fullmatch(text)
    if match is None or match.group(1) == "0000":
        raise CommandError(f"{text} is no month such as 2026-10")
    return date(int(match.group(1)), int(match.group(2)), 1)


def _accounts(iban: str | None, day: date) -> tuple[Iterable[PaymentAccount], int]:
    if iban is None:
        return iterate_accounts_opened_by(day=day), count_accounts_opened_by(day=day)
    try:
        # Closed ones too.
        return [PaymentAccount.objects.get(iban=parse_iban(iban))], 1
    except (InvalidIBAN, PaymentAccount.DoesNotExist):
        raise CommandError("there is no account with this IBAN") from None


def _write(
    account: PaymentAccount,
    month: date,
    file_format: StatementFormat,
    *,
    language: str,
    folder: Path,
    now: Any,
) -> None:
    period = available_month(month, first_day=get_first_day(account=account), today=bank_date(now))
    target = folder / file_name(statement_identification(account.iban, period), file_format)
    with _whole_file(target) as out:
        export_statement(
            account=account, month=month, file_format=file_format, language=language, out=out, now=now
        )


def _write_fees(
    account: PaymentAccount,
    year: int,
    file_format: FeeStatementFormat,
    *,
    language: str,
    folder: Path,
    now: Any,
) -> None:
    target = folder / fee_file_name(f"{account.iban[-10:]}-{year}", file_format)
    with _whole_file(target) as out:
        export_fee_statement(
            account=account, year=year, file_format=file_format, language=language, out=out, now=now
        )


@contextmanager
def _whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when the block has ended well, and not at all otherwise."""
    partial = target.with_name(f".{target.name}.part")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            yield out
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


class _Progress:
    """One line on the terminal that is written over; nothing where nobody looks."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.began, self.shown = total, 0, time.monotonic(), 0.0
        self.is_shown = sys.stderr.isatty()

    def step(self) -> None:
        self.done += 1
        passed = time.monotonic() - self.began
        if self.is_shown and (passed - self.shown > 0.2 or self.done == self.total):
            self.shown = passed
            left = passed / self.done * (self.total - self.done)
            sys.stderr.write(f"\r{self.done} of {self.total} accounts, about {left:.0f} s left \x1b[K")
            sys.stderr.flush()

    def end(self) -> None:
        if self.is_shown:
            sys.stderr.write("\n")
