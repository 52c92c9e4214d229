"""Bookings as the pages list them: of one account or of several in one stream, newest first, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from apps.accounts.queries import TransactionRow, list_transactions

if TYPE_CHECKING:
    from apps.accounts.models import PaymentAccount

PAGE_SIZE = 25
_POSTING_ID_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class Entry:
    """A booking, and the account it is seen on."""

    row: TransactionRow
    account: "PaymentAccount"

    @property
    def booking_date(self) -> date:
        return self.row.booking_date


@dataclass(frozen=True, slots=True)
class Page:
    """One page of bookings. ``older`` is the cursor of the next one, "" on the last."""

    entries: list[Entry]
    older: str


def list_activity(
    accounts: Sequence["PaymentAccount"], *, before: str = "", search: str = "", size: int = PAGE_SIZE
) -> Page:
    """The bookings of these accounts, merged. ``before`` is the cursor of an earlier page; nonsense starts anew."""
    cursor = parse_cursor(before)
    entries = [
        Entry(row, account)
        for account in accounts
        for row in list_transactions(account=account, before=cursor, search=search, limit=size + 1)
    ]
    entries.sort(key=_position, reverse=True)
    shown = entries[:size]
    return Page(shown, older=_cursor(shown[-1]) if len(entries) > size else "")


def parse_cursor(text: str) -> tuple[date, int] | None:
    """The place where a page ended: ``2026-11-21.4711``; None for anything else."""
    day, _, posting = text.partition(".")
    if not (posting.isascii() and posting.isdigit() and len(posting) <= _POSTING_ID_DIGITS_MAX):
        return None
    try:
        return date.fromisoformat(day), int(posting)
    except ValueError:
        return None


def _cursor(entry: Entry) -> str:
    return f"{entry.row.booking_date.isoformat()}.{entry.row.posting_id}"


def _position(entry: Entry) -> tuple[date, int]:
    return entry.row.booking_date, entry.row.posting_id
