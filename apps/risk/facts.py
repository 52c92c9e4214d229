"""From what is known of a payer, a payee and a session to the facts that rules weigh: pure."""

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from apps.core.clock import BANK_TIME_ZONE

HABIT_DAYS = 90
HABIT_PAYMENTS_MIN = 5  # With fewer there is no habit to compare with: unknown.
CHANGE_HOURS = 72  # A change of phone or limits is "shortly before" for so long.
EMPTIED_PERCENT = 80
HOURS_AROUND = 3
NEW_PAYEE = timedelta(hours=24)
LONG_KNOWN_HOURS = 24 * 365

# Programs that open pages without a person: by the names they give themselves.
_PROGRAMS = re.compile(
    r"headless|phantomjs|selenium|webdriver|puppeteer|playwright|python|curl|wget|libwww|java/|go-http"
    r"|httpclient|scrapy|postman|\bbot\b|okhttp/",
    re.IGNORECASE,
)


def is_program(user_agent: str) -> bool | None:
    """Whether a client calls itself a program that works without a person; None when it says nothing."""
    return bool(_PROGRAMS.search(user_agent)) if user_agent.strip() else None


def network_of(address: str) -> str:
    """The network of an address, coarse enough to stay the same at home (IPv4 /24, IPv6 /48); empty for none."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return ""
    return str(ipaddress.ip_network((ip, 24 if ip.version == 4 else 48), strict=False))


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from, as far as the door knows: empty or None is "unknown".

    ``device`` is a keyed hash, ``network`` a prefix: enough to know them again, too little to find somebody by.
    ``session_seconds`` are those since the customer signed in. ``at`` is when it was seen; None: when it is assessed.
    """

    device: str = ""
    network: str = ""
    is_program: bool | None = None
    session_seconds: int | None = None
    at: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """How it is stored with an order that is carried out later."""
        return {
            "device": self.device,
            "network": self.network,
            "is_program": self.is_program,
            "session_seconds": self.session_seconds,
            "at": self.at.isoformat() if self.at else None,
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """As it was stored; of an order from before it was, nothing is known."""
        at = stored.get("at")
        return cls(
            device=stored.get("device", ""),
            network=stored.get("network", ""),
            is_program=stored.get("is_program"),
            session_seconds=stored.get("session_seconds"),
            at=datetime.fromisoformat(at) if at else None,
        )


UNKNOWN_ORIGIN = Origin()


class PastPayment(NamedTuple):
    """An earlier payment from the same account. ``is_authorised``: signed, and neither refused nor taken back."""

    creditor_iban: str
    amount_minor: int
    at: datetime
    is_authorised: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What is known of a payment when it is ordered. ``available_minor``: on the account, before it; None: unknown.
    ``security_changed_at``: when the customer's number or limits were last changed; None: never, or it is not known
    who the customer is (``is_payer_known``)."""

    amount_minor: int
    debtor_iban: str
    creditor_iban: str
    has_other_name: bool
    past: Sequence[PastPayment]
    available_minor: int | None
    security_changed_at: datetime | None
    is_payer_known: bool = True


def payee_facts(order: Order, *, now: datetime) -> dict[str, int | None]:
    """What amount, payee and the payer's habits say."""
    past = [one for one in order.past if one.at <= now]
    signed = [one for one in past if one.is_authorised]
    first_paid = min((one.at for one in signed if one.creditor_iban == order.creditor_iban), default=None)
    is_new = first_paid is None or now - first_paid <= NEW_PAYEE
    recent = [one for one in past if now - one.at <= NEW_PAYEE]
    return {
        "amount_minor": order.amount_minor,
        "percent_of_usual": percent_of_usual(
            order.amount_minor, [one.amount_minor for one in signed if (now - one.at).days < HABIT_DAYS]
        ),
        "payments_last_hour": sum(1 for one in recent if now - one.at <= timedelta(hours=1)),
        "payments_last_day": len(recent),
        "hour_rarity_percent": _hour_rarity([one.at for one in signed], now=now),
        "payee_age_hours": 0 if first_paid is None else _hours(now - first_paid),
        "new_country": int(is_new_country(order.creditor_iban, order.debtor_iban, signed)),
        "burst_to_new_payee": (
            1 + sum(1 for one in recent if one.creditor_iban == order.creditor_iban) if is_new else 0
        ),
        "name_mismatch_to_new_payee": int(is_new and order.has_other_name),
        "takeover_signs": _takeover_signs(order, is_new=is_new, now=now),
    }


def percent_of_usual(amount_minor: int, usual: Iterable[int]) -> int | None:
    """The amount in percent of the 95th percentile of usual ones; None without a habit."""
    largest = largest_usual(usual)
    return amount_minor * 100 // largest if largest else None


def largest_usual(amounts: Iterable[int]) -> int | None:
    """The 95th percentile of amounts (an outlier does not become the habit); None for too few of them."""
    ordered = sorted(amounts)
    if len(ordered) < HABIT_PAYMENTS_MIN:
        return None
    return ordered[min(len(ordered) - 1, -(-len(ordered) * 95 // 100) - 1)]


def is_new_country(creditor_iban: str, debtor_iban: str, signed: Iterable[PastPayment]) -> bool:
    """Whether the payee's bank is abroad, in a country that the payer has not paid to."""
    country = creditor_iban[:2]
    return country != debtor_iban[:2] and all(one.creditor_iban[:2] != country for one in signed)


def _hour_rarity(times: Sequence[datetime], *, now: datetime) -> int | None:
    """Percent of the payer's payments that were made at other times of the day, bank time; None without a habit."""
    if len(times) < HABIT_PAYMENTS_MIN:
        return None
    hour = now.astimezone(BANK_TIME_ZONE).hour
    distances = [abs(time.astimezone(BANK_TIME_ZONE).hour - hour) for time in times]
    near = sum(1 for distance in distances if min(distance, 24 - distance) <= HOURS_AROUND)
    return 100 - near * 100 // len(times)


def _takeover_signs(order: Order, *, is_new: bool, now: datetime) -> int | None:
    """The oldest trick: take over the phone or raise the limits, then empty the account to a new payee."""
    if not is_new:
        return 0
    if not order.is_payer_known or order.available_minor is None:
        return None
    changed_at = order.security_changed_at
    if changed_at is None or not timedelta(0) <= now - changed_at <= timedelta(hours=CHANGE_HOURS):
        return 0
    return int(order.amount_minor * 100 >= order.available_minor * EMPTIED_PERCENT)


def age_hours(first_seen_at: datetime | None, *, at: datetime) -> int:
    """Whole hours since something was first seen; 0 for what is seen for the first time."""
    return max(0, _hours(at - first_seen_at)) if first_seen_at else 0


def _hours(span: timedelta) -> int:
    return int(span.total_seconds() // 3600)
