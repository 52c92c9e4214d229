"""Links to the next page of a list of transactions.

A page that follows is part of the access of the first one and is not counted again (RTS art. 36(5): pagination is
one). So such a link is signed, holds the account, the consent and the dates it continues, and dies after an hour: it
leads to older bookings of the same list and to nothing else.
"""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.core import signing
from django.utils.translation import gettext_lazy as _

from apps.xs2a.refusals import FormatError

PARAMETER = "page"
LIFETIME_SECONDS = 3600
_SALT = "xs2a.transactions.page"


@dataclass(frozen=True, slots=True)
class Page:
    """Where a list goes on: after the booking with this date and id."""

    consent_id: UUID
    account_id: UUID
    date_from: date
    date_to: date | None
    before: tuple[date, int]

    def token(self) -> str:
        """The page as it stands in a link."""
        last = [self.date_to.isoformat() if self.date_to else "", self.before[0].isoformat(), self.before[1]]
        values = [self.consent_id.hex, self.account_id.hex, self.date_from.isoformat(), *last]
        return signing.dumps(values, salt=_SALT)


def read_page(token: str, *, consent_id: UUID, account_id: UUID) -> Page:
    """The page that a link of ours leads to.

    :raises FormatError: not ours, of another consent or account, or too old.
    """
    try:
        consent, account, date_from, date_to, day, posting_id = signing.loads(
            token, salt=_SALT, max_age=LIFETIME_SECONDS
        )
    except signing.BadSignature:
        raise FormatError(
            _("Follow the links of a list as they are, within an hour."), path=PARAMETER
        ) from None
    if (consent, account) != (consent_id.hex, account_id.hex):
        raise FormatError(_("This link belongs to another account or consent."), path=PARAMETER)
    return Page(
        consent_id=consent_id,
        account_id=account_id,
        date_from=date.fromisoformat(date_from),
        date_to=date.fromisoformat(date_to) if date_to else None,
        before=(date.fromisoformat(day), posting_id),
    )
