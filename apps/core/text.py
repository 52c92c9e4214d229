"""Text that a customer will see and sign. What is shown, stored and signed must be one and the same."""

import unicodedata

from apps.core.errors import InvalidInput

# Letters, marks and symbols that print nothing: Unicode's other ways to be invisible besides the categories below.
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(code)
    for first, last in ((0x180B, 0x180F), (0xFE00, 0xFE0F), (0xE0100, 0xE01EF))
    for code in range(first, last + 1)
}


class UnsafeText(InvalidInput):
    """The text holds characters that could make a page or a message show something else than what is stored."""

    code = "unsafe_text"


def check_display_text(text: object, *, field: str, max_length: int, required: bool = True) -> str:
    """The text in Unicode NFC without outer blanks, fit to be shown and signed (WYSIWYS).

    Blanks of any width become ordinary ones. Refused: control and format characters (line breaks, bidirectional
    overrides, zero-width characters), letters that print nothing, private and unassigned code points, lone
    surrogates, more than two combining marks in a row, over-length.

    :raises UnsafeText: naming ``field``.
    """
    if not isinstance(text, str):
        raise UnsafeText("not a text", field=field)
    try:
        value = unicodedata.normalize("NFC", text)
        value = "".join(" " if unicodedata.category(one) == "Zs" else one for one in value).strip(" ")
        value.encode()
    except UnicodeError as error:
        raise UnsafeText("not well-formed Unicode", field=field) from error
    if required and not value:
        raise UnsafeText("empty", field=field)
    if len(value) > max_length:
        raise UnsafeText(f"longer than {max_length} characters", field=field)
    marks = 0
    for character in value:
        category = unicodedata.category(character)
        if category[0] == "C" or category in ("Zl", "Zp") or character in _INVISIBLE:
            raise UnsafeText("control or invisible character", field=field)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > 2:
            raise UnsafeText("stacked combining marks", field=field)
    return value


def displayable(text: str) -> str:
    """Text of a stranger with a blank for every character that ``check_display_text`` would refuse.

    For what cannot be sent back to be corrected: money from elsewhere is booked whatever its reference says. The
    message itself is kept to the letter.
    """
    shown = "".join(
        " " if unicodedata.category(one)[0] in "CZ" or one in _INVISIBLE else one
        for one in unicodedata.normalize("NFC", text)
    )
    return shown.strip(" ")
