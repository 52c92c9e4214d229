"""Dates as the contract writes them."""

import re
from datetime import date

from django.utils.translation import gettext_lazy as _

from apps.xs2a.refusals import FormatError

# fromisoformat alone takes 20260101 and 2026-W01-1 too; [0-9] and fullmatch, see reliability trap 6.
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def parse_date(text: object, *, path: str) -> date:
    """The day written as ``YYYY-MM-DD``.

    :raises FormatError: anything else, or no day of the calendar.
    """
    if isinstance(text, str) and _DATE.fullmatch(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass
    raise FormatError(_("A date is expected, like 2026-12-31."), path=path)
