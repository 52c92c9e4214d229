"""An amount as a customer types it, made canonical. The only place that knows decimal commas."""

import re

from apps.core.money import NBSP, InvalidAmount, Money, parse_amount

# One or two digits after the only separator are decimals in every language.
_PLAIN = re.compile(r"([0-9]{1,12})(?:[.,]([0-9]{1,2}))?")
# Groups of three are understood only as the reader's own language writes them: 1.234 is a thousand in German, and
# in English a typing error.
_GROUPED = {
    "en": re.compile(r"([0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.([0-9]{1,2}))?"),
    "de": re.compile(r"([0-9]{1,3}(?:\.[0-9]{3}){1,3})(?:,([0-9]{1,2}))?"),
}


def parse_typed_amount(text: str, *, currency: str, language: str) -> Money:
    """Money from ``12,34``, ``12.34``, ``1.234,50`` (German) or ``1,234.50`` (English); a euro sign is forgiven.

    Nothing is guessed and nothing rounded: what could be read in two ways is refused.

    :raises apps.core.money.InvalidAmount: anything else.
    """
    bare = text.replace(NBSP, " ").strip(" ")
    bare = bare.removeprefix("€").removesuffix("€").removesuffix("EUR").strip(" ")
    match = _PLAIN.fullmatch(bare) or _GROUPED.get(language[:2], _GROUPED["en"]).fullmatch(bare)
    if match is None:
        raise InvalidAmount(repr(text)[:40], field="amount")
    whole = re.sub(r"[.,]", "", match.group(1)).lstrip("0") or "0"
    return parse_amount(f"{whole}.{match.group(2) or '0'}", currency)
