"""BICs (ISO 9362): one canonical form, checked once at the door."""

import re

from apps.core.errors import InvalidInput

# BICFIDec2014Identifier of ISO 20022, as NextGenPSD2 narrows it.
_SHAPE = re.compile(r"[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?")


class InvalidBIC(InvalidInput):
    """Not a BIC: 8 or 11 letters and digits in their places."""

    code = "invalid_bic"


def parse_bic(text: object) -> str:
    """The canonical form (upper case, no blanks) of a BIC that a person or a machine wrote.

    :raises InvalidBIC: it is none.
    """
    if not isinstance(text, str) or len(text) > 20 or not text.isascii():
        raise InvalidBIC(field="bic")
    canonical = text.strip(" ").replace(" ", "").upper()
    if not _SHAPE.fullmatch(canonical):
        raise InvalidBIC(field="bic")
    return canonical
