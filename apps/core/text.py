"""Text that a customer will see and sign. What is shown, stored and signed must be one and the same."""

import unicodedata

from apps.core.errors import InvalidInput


class UnsafeText(InvalidInput):
    """The text holds characters that could make a page or a message show something else than what is stored."""

    code = "unsafe_text"


def check_display_text(text: object, *, field: str, max_length: int, required: bool = True) -> str:
    """The text in Unicode NFC without outer blanks, fit to be shown and signed (WYSIWYS).

    Refused: control and format characters (line breaks, bidirectional overrides, zero-width characters),
    private and unassigned code points, lone surrogates, more than two combining marks in a row, over-length.

    :raises UnsafeText: naming ``field``.
    """
    if not isinstance(text, str):
        raise UnsafeText("not a text", field=field)
    try:
        value = unicodedata.normalize("NFC", text).strip(" ")
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
        if category[0] == "C" or category in ("Zl", "Zp"):
            raise UnsafeText("control or invisible character", field=field)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > 2:
            raise UnsafeText("stacked combining marks", field=field)
    return value
