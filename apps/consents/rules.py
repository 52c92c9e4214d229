from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

UNAUTHORISED_LIFE = timedelta(hours=24)
COUNTING_WINDOW = timedelta(hours=24)
# RTS art. 10a(1): without strong customer authentication an AISP gets the bookings of the last 90 days; older
# ones only as long as the authentication by which the consent was given is fresh.
HISTORY_WITHOUT_SCA = timedelta(days=90)
FRESH_SCA = timedelta(hours=1)


class ConsentStatus(models.TextChoices):
    """consentStatus of NextGenPSD2."""

    RECEIVED = "received", _("waiting for you")
    PARTIALLY_AUTHORISED = "partiallyAuthorised", _("partly authorised")
    VALID = "valid", _("active")
    REJECTED = "rejected", _("refused")
    REVOKED_BY_PSU = "revokedByPsu", _("stopped by you")
    EXPIRED = "expired", _("expired")
    TERMINATED_BY_TPP = "terminatedByTpp", _("ended by the company")


TRANSITIONS: dict[str, frozenset[str]] = {
    ConsentStatus.RECEIVED: frozenset(
        {
            ConsentStatus.PARTIALLY_AUTHORISED,
            ConsentStatus.VALID,
            ConsentStatus.REJECTED,
            ConsentStatus.EXPIRED,
        }
    ),
    ConsentStatus.PARTIALLY_AUTHORISED: frozenset(
        {ConsentStatus.VALID, ConsentStatus.REJECTED, ConsentStatus.EXPIRED}
    ),
    ConsentStatus.VALID: frozenset(
        {ConsentStatus.REVOKED_BY_PSU, ConsentStatus.EXPIRED, ConsentStatus.TERMINATED_BY_TPP}
    ),
    ConsentStatus.REJECTED: frozenset(),
    ConsentStatus.REVOKED_BY_PSU: frozenset(),
    ConsentStatus.EXPIRED: frozenset(),
    ConsentStatus.TERMINATED_BY_TPP: frozenset(),
}


class AccessKind(models.TextChoices):
    """What was read; the unattended count is kept for each apart (RTS art. 36(5)(b))."""

    ACCOUNT_LIST = "accounts", _("list of accounts")
    ACCOUNT = "account", _("account details")
    BALANCES = "balances", _("balances")
    TRANSACTIONS = "transactions", _("transactions")
    TRANSACTION = "transaction", _("details of a transaction")


class ConsentModel(models.TextChoices):
    """How the accounts of a consent are named."""

    DEDICATED = "dedicated"
    BANK_OFFERED = "bankOffered"
    ALL_PSD2 = "allPsd2"
    AVAILABLE_ACCOUNTS = "availableAccounts"


@dataclass(frozen=True, slots=True)
class RequestedAccess:
    """What a TPP asks for: canonical IBANs per kind, or one of the collective words.

    Empty lists with ``model`` bankOffered mean: let the customer choose at the bank.
    """

    model: ConsentModel
    accounts: tuple[str, ...] = ()
    balances: tuple[str, ...] = ()
    transactions: tuple[str, ...] = ()
    with_balances: bool = False
    with_transactions: bool = False
    as_sent: dict[str, Any] = field(default_factory=dict)

    @property
    def ibans(self) -> tuple[str, ...]:
        """Every IBAN named, once, in the order of first mention."""
        return tuple(dict.fromkeys((*self.accounts, *self.balances, *self.transactions)))


def may_change_status(*, current: str, new: str) -> bool:
    """Whether a consent may go from one consentStatus to another."""
    return new in TRANSITIONS[current]


def is_past_validity(*, valid_until: date, today: date) -> bool:
    """Whether the last day is over; on the day itself the consent still holds."""
    return today > valid_until


def current_status(*, consent_status: str, valid_until: date, today: date) -> str:
    """The status to tell: a valid consent past its last day is expired, whether the nightly job has seen it or not."""
    over = consent_status == ConsentStatus.VALID and is_past_validity(valid_until=valid_until, today=today)
    return ConsentStatus.EXPIRED if over else consent_status


def earliest_booking_date(*, authorised_at: datetime, now: datetime, today: date) -> date:
    """From which day on bookings may be read (RTS art. 10a(1)(b))."""
    return date.min if now - authorised_at < FRESH_SCA else today - HISTORY_WITHOUT_SCA


def capped_valid_until(*, requested: date, today: date, max_days: int) -> date:
    """The asked-for last day, or the longest the bank allows if that is sooner (told in the answer to GET)."""
    return min(requested, today + timedelta(days=max_days))
