"""Pictures that devices read, as SVG in the page: on white in either colour scheme, since cameras expect that."""

from itertools import groupby

import segno
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.web.colour_matrix import BLUE, FRAME, GAP, GREEN, MARGIN, RED, TooLongForAPicture, colour_cells

_INK = {RED: "#f00", GREEN: "#0f0", BLUE: "#00f"}


def link_picture(link: str, *, title: str) -> SafeString:
    """A QR code of an address, which any camera opens.

    :raises apps.web.colour_matrix.TooLongForAPicture: more than a QR code holds, some 2,300 characters.
    """
    try:
        # One mask instead of the best of eight: what stands here looks random anyway, and trying all takes 40 ms.
        code = segno.make(link, error="m", micro=False, mask=2)
    except segno.DataOverflowError as error:
        raise TooLongForAPicture(str(len(link))) from error
    svg = code.svg_inline(scale=4, light="#fff", title=title, svgclass="qr", omitsize=True)
    return mark_safe(svg)  # noqa: S308  Made by segno, which escapes the title.


def request_picture(text: str, *, title: str) -> SafeString:
    """A QR code of a sealed request, for the camera of an app or a token."""
    return link_picture(text, title=title)


def colour_picture(data: bytes, *, title: str) -> SafeString:
    """The same request as cells in four colours: fewer and larger ones than a QR code of it has.

    :raises apps.web.colour_matrix.TooLongForAPicture: more than some 1,450 bytes.
    """
    cells = colour_cells(data)
    side, edge = len(cells), GAP + FRAME + MARGIN
    outer, hole = side + 2 * (GAP + FRAME), side + 2 * GAP
    paths = {colour: [] for colour in _INK}  # type: dict[int, list[str]]
    for row, colours in enumerate(cells):
        column = 0
        for colour, run in groupby(colours):
            length = len(list(run))
            if colour in paths:
                paths[colour].append(f"M{column + edge} {row + edge}h{length}v1h-{length}z")
            column += length
    frame = f"M{MARGIN} {MARGIN}h{outer}v{outer}h-{outer}zM{MARGIN + FRAME} {MARGIN + FRAME}v{hole}h{hole}v-{hole}z"
    shapes = [("#fff", f"M0 0h{side + 2 * edge}v{side + 2 * edge}H0z"), ("#000", frame)]
    shapes += [(_INK[colour], "".join(path)) for colour, path in paths.items()]
    drawn = mark_safe("".join(f'<path fill="{ink}" d="{path}"/>' for ink, path in shapes))  # noqa: S308  Numbers.
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {0}" class="colours" role="img"'
        ' shape-rendering="crispEdges"><title>{1}</title>{2}</svg>',
        side + 2 * edge,
        title,
        drawn,
    )
