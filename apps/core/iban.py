"""IBANs: one canonical form (upper case, no blanks), checked once at the door, compared as text afterwards.

Lengths, structures and check digits come from schwifty's registry (ISO 13616).
"""

import re

import schwifty
from schwifty.exceptions import SchwiftyException

from apps.core.errors import InvalidInput

_SHAPE = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")


class InvalidIBAN(InvalidInput):
    """Not an IBAN: wrong shape, length for the country, or check digits (MOD 97-10)."""

    code = "invalid_iban"


class OutsideSEPA(InvalidInput):
    """A valid IBAN of a country that SEPA credit transfers do not reach."""

    code = "outside_sepa"


def parse_iban(text: object) -> str:
    """The canonical form of an IBAN written by a person or a machine.

    ASCII blanks inside and lower case are forgiven; digits of other scripts, control characters and
    anything else are not.

    :raises InvalidIBAN: the text is no valid IBAN.
    """
    if not isinstance(text, str) or len(text) > 60:
        raise InvalidIBAN(field="iban")
    canonical = text.strip(" ").replace(" ", "")
    canonical = canonical.upper() if canonical.isascii() else canonical
    if not _SHAPE.fullmatch(canonical):
        raise InvalidIBAN(field="iban")
    try:
        schwifty.IBAN(canonical)
    except SchwiftyException as error:
        raise InvalidIBAN(type(error).__name__, field="iban") from error
    return canonical


def parse_sepa_iban(text: object) -> str:
    """Like :func:`parse_iban`, for an account that a SEPA credit transfer can reach.

    :raises InvalidIBAN: no valid IBAN.
    :raises OutsideSEPA: a country outside the Single Euro Payments Area.
    """
    canonical = parse_iban(text)
    if not is_in_sepa(canonical):
        raise OutsideSEPA(canonical[:2], field="iban")
    return canonical


def is_in_sepa(iban: str) -> bool:
    """Whether SEPA credit transfers reach a canonical IBAN."""
    return bool(schwifty.IBAN(iban).in_sepa_zone)


def make_iban(*, country: str, bank_code: str, account_number: str) -> str:
    """The IBAN of an account number, check digits computed (used when the bank opens an account)."""
    return str(schwifty.IBAN.generate(country, bank_code=bank_code, account_code=account_number))


def bank_code_of(iban: str) -> str:
    """The bank code inside a canonical IBAN (eight digits for a German one)."""
    return schwifty.IBAN(iban).bank_code


def format_iban(iban: str) -> str:
    """Groups of four, as people read it."""
    return " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))


def mask_iban(iban: str) -> str:
    """Country and last four characters: enough to recognise, too little to use."""
    return f"{iban[:2]}…{iban[-4:]}"
