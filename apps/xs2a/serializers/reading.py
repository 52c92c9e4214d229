"""Reading an object member by member. What is not asked for is refused: a typing error never pays another amount."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any

from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput
from apps.xs2a.dates import parse_date
from apps.xs2a.refusals import FormatError, ParameterNotSupported

# A client's own text in an answer: enough to recognise a member by, too little to fill a log.
NAME_LENGTH_MAX = 40


class JSONObject:
    """An object of the body at ``path``, and which of its members may be there."""

    def __init__(
        self, value: object, *, path: str, members: frozenset[str], not_offered: frozenset[str] = frozenset()
    ) -> None:
        """Check the members' names.

        :raises FormatError: no object, or a member that the contract does not know.
        :raises ParameterNotSupported: a member that the contract knows and this bank does not offer.
        """
        if not isinstance(value, dict):
            raise FormatError(_("An object is expected."), path=path)
        self._value = value
        self.path = path
        for name in value:
            if name in not_offered:
                raise ParameterNotSupported(_("This bank does not offer it."), path=self.at(name))
            if name not in members:
                raise FormatError(
                    _("The contract knows no such member here."), path=self.at(name[:NAME_LENGTH_MAX])
                )

    def __contains__(self, name: str) -> bool:
        return name in self._value

    def at(self, name: str) -> str:
        """The path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def required(self, name: str) -> Any:
        """A member's value as it is.

        :raises FormatError: missing, or null.
        """
        value = self._value.get(name)
        if value is None:
            raise FormatError(_("It is missing."), path=self.at(name))
        return value

    def text(self, name: str) -> str:
        """A member that must be a text.

        :raises FormatError: missing or another type.
        """
        value = self.required(name)
        if not isinstance(value, str):
            raise FormatError(_("A text is expected."), path=self.at(name))
        return value

    def choice(self, name: str, values: Sequence[str]) -> str:
        """A member that must be one of these texts."""
        value = self.text(name)
        if value not in values:
            raise FormatError(
                _("One of %(values)s is expected.") % {"values": ", ".join(values)}, path=self.at(name)
            )
        return value

    def flag(self, name: str) -> bool:
        """A member that must be true or false; 0, 1 and texts are neither."""
        value = self.required(name)
        if not isinstance(value, bool):
            raise FormatError(_("true or false is expected."), path=self.at(name))
        return value

    def integer(self, name: str, *, minimum: int, maximum: int) -> int:
        """A member that must be a whole number within bounds."""
        value = self.required(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise FormatError(_("A whole number is expected."), path=self.at(name))
        if not minimum <= value <= maximum:
            raise FormatError(_("The number is out of bounds."), path=self.at(name))
        return value

    def day(self, name: str) -> date:
        """A member that must be a date, ``YYYY-MM-DD``."""
        return parse_date(self.required(name), path=self.at(name))

    def array(self, name: str, *, maximum: int) -> list[Any]:
        """A member that must be an array."""
        value = self.required(name)
        if not isinstance(value, list):
            raise FormatError(_("An array is expected."), path=self.at(name))
        if len(value) > maximum:
            raise FormatError(_("The array is too long."), path=self.at(name))
        return value


@contextmanager
def told_at(path: str) -> Iterator[None]:
    """A room's complaint about a value, told as one about the member at ``path``.

    :raises FormatError: instead of any InvalidInput.
    """
    try:
        yield
    except InvalidInput as error:
        raise FormatError(describe(error), path=path) from error


def describe(error: InvalidInput) -> Any:
    """What is wrong with a value, in words for the TPP."""
    return _TEXTS.get(error.code, _("The value is not valid."))


_TEXTS = {
    "invalid_iban": _("This is not a valid IBAN."),
    "outside_sepa": _("SEPA credit transfers do not reach this country."),
    "invalid_amount": _("This is not an amount: digits, a point, at most two decimals, more than zero."),
    "unknown_currency": _("This currency is not known."),
    "unsafe_text": _("The text is empty, too long, or holds characters that cannot be shown safely."),
    "execution_date_past": _("This day is over."),
    "execution_date_too_far": _("Orders are kept for one year at most."),
    "start_too_early": _("The first payment would be today or earlier: tomorrow is the earliest."),
    "start_too_far": _("Standing orders begin within one year."),
    "end_too_early": _("It ends before the first payment."),
    "day_not_of_frequency": _("A day of the month goes with frequencies of months only."),
    "validity_invalid": _(
        "validUntil lies in the past, or frequencyPerDay does not go with recurringIndicator."
    ),
}
