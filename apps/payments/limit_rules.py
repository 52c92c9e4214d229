"""What a customer's limits mean: pure decisions on whole minor units of euro."""

from dataclasses import dataclass
from enum import StrEnum

from apps.payments.rules import Channel


class LimitKind(StrEnum):
    """The limits there are, in the order in which they are looked at."""

    PER_PAYMENT = "per_payment"
    PER_DAY = "per_day"
    PORTAL_PER_DAY = "portal_per_day"
    XS2A_PER_DAY = "xs2a_per_day"


CHANNEL_KINDS = {Channel.PORTAL: LimitKind.PORTAL_PER_DAY, Channel.XS2A: LimitKind.XS2A_PER_DAY}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a customer lets go out, in minor units of euro; zero lets nothing out.

    A day is the bank's local day. ``per_day_minor`` counts all channels together, the other two one each.
    """

    per_payment_minor: int
    per_day_minor: int
    portal_per_day_minor: int
    xs2a_per_day_minor: int

    def of(self, kind: LimitKind) -> int:
        """One of the limits."""
        return int(getattr(self, f"{kind.value}_minor"))

    def as_dict(self) -> dict[str, int]:
        """The limits by their kind, for snapshots and the audit trail."""
        return {kind.value: self.of(kind) for kind in LimitKind}


@dataclass(frozen=True, slots=True)
class DayUse:
    """What went out on one day so far, by channel, in minor units."""

    portal_minor: int = 0
    xs2a_minor: int = 0

    def of(self, kind: LimitKind) -> int:
        """What counts against a limit per day; nothing against the one per payment."""
        return {
            LimitKind.PER_PAYMENT: 0,
            LimitKind.PER_DAY: self.portal_minor + self.xs2a_minor,
            LimitKind.PORTAL_PER_DAY: self.portal_minor,
            LimitKind.XS2A_PER_DAY: self.xs2a_minor,
        }[kind]


def exceeded_limit(
    *, amount_minor: int, largest_minor: int | None = None, channel: str, limits: Limits, use: DayUse
) -> LimitKind | None:
    """The first limit that a payment would exceed, after what went out on the same day; None if it stays within all.

    Of several payments together ``amount_minor`` is the sum and ``largest_minor`` the highest of them.
    """
    if (amount_minor if largest_minor is None else largest_minor) > limits.per_payment_minor:
        return LimitKind.PER_PAYMENT
    kinds = (LimitKind.PER_DAY, CHANNEL_KINDS[Channel(channel)])
    return next((kind for kind in kinds if use.of(kind) + amount_minor > limits.of(kind)), None)


def is_raise(*, old: Limits, new: Limits) -> bool:
    """Whether any limit goes up: then the change waits for a code (PSD2 art. 97(1)(c))."""
    return any(new.of(kind) > old.of(kind) for kind in LimitKind)
