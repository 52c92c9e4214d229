"""Pictures that devices read, as SVG in the page: black on white in either colour scheme, since cameras expect that."""

import segno
from django.utils.safestring import SafeString, mark_safe


def link_picture(link: str, *, title: str) -> SafeString:
    """A QR code of an address, which any camera opens."""
    svg = segno.make(link, error="m", micro=False).svg_inline(
        scale=4, light="#fff", title=title, svgclass="qr", omitsize=True
    )
    return mark_safe(svg)  # noqa: S308  Made by segno, which escapes the title.


def request_picture(text: str, *, title: str) -> SafeString:
    """A QR code of a sealed request, for the camera of an app or a token."""
    return link_picture(text, title=title)
