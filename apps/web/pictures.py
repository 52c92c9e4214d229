"""Pictures that devices read."""

import segno
from django.utils.safestring import SafeString, mark_safe


def link_picture(link: str, *, title: str) -> SafeString:
    return mark_safe(
        segno.make(link, error="m", micro=False).svg_inline(scale=4, light="#fff", title=title, svgclass="qr")
    )


def request_picture(text: str, *, title: str) -> SafeString:
    return link_picture(text, title=title)
