"""What this room does, by noun; callers import it from here."""

from apps.ledger.services.accounts import open_chart_of_accounts, open_ledger_account
from apps.ledger.services.closing import close_days, detach_month, fold_totals, make_months
from apps.ledger.services.holds import (
    HoldEnded,
    HoldUnknown,
    capture_hold,
    expire_holds,
    place_hold,
    post_held_transfers,
    release_hold,
)
from apps.ledger.services.posting import (
    AccountNotPostable,
    EntryClash,
    EntryUnknown,
    ExceedsBalance,
    Leg,
    Transfer,
    is_booked_now,
    post_entry,
    post_transfer,
    post_transfers,
    reverse_entry,
)

__all__ = [
    "AccountNotPostable",
    "EntryClash",
    "EntryUnknown",
    "ExceedsBalance",
    "HoldEnded",
    "HoldUnknown",
    "Leg",
    "Transfer",
    "capture_hold",
    "close_days",
    "detach_month",
    "expire_holds",
    "fold_totals",
    "is_booked_now",
    "make_months",
    "open_chart_of_accounts",
    "open_ledger_account",
    "place_hold",
    "post_entry",
    "post_held_transfers",
    "post_transfer",
    "post_transfers",
    "release_hold",
    "reverse_entry",
]
