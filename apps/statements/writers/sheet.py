"""A page of the house as PDF: fonts, colours, measures, and what every document draws with.

Fonts are embedded as subsets: IBM Plex, unchanged, from ``apps/statements/fonts`` (the portal's own are woff2, which
PDF cannot hold). A character that they have no glyph for is printed as a question mark.
"""

from datetime import date, datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from django.utils.formats import date_format
from django.utils.translation import gettext
from reportlab import rl_config
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from apps.core.clock import BANK_TIME_ZONE
from apps.core.money import NBSP, format_money
from apps.statements.rules import Issuer

# Streams as bytes, not as text of a fourth more length: a setting of the library, which nothing else here uses.
rl_config.useA85 = 0

_FONT_FOLDER = Path(__file__).resolve().parent.parent / "fonts"
REGULAR, STRONG, MONO = "IBMPlexSans-Regular", "IBMPlexSans-SemiBold", "IBMPlexMono-Regular"

# The tokens of the light theme (assets/css/tokens.css).
INK, MUTED, LINE = HexColor(0x10211D), HexColor(0x52625D), HexColor(0xDEDCD3)
BRAND, TINT, CREDIT, PAPER = (
    HexColor(0x0B5A4C),
    HexColor(0xE3F0EC),
    HexColor(0x0A6B3D),
    HexColor(0xFFFFFF),
)

# Millimetres would not be rounder: A4 in points.
WIDTH, HEIGHT = 595.28, 841.89
LEFT, RIGHT, BOTTOM = 57.0, 545.0, 84.0

# Day before month in words, as on the bank's pages.
_DAY = {"en": "j M Y", "de": "j. N Y"}
SHORT_DAY = {"en": "j M", "de": "j. N"}
_MOMENT = {"en": "j M Y, H:i", "de": "j. N Y, H:i"}


@cache
def register_fonts() -> None:
    """Once a process, before the first page."""
    for name in (REGULAR, STRONG, MONO):
        pdfmetrics.registerFont(TTFont(name, str(_FONT_FOLDER / f"{name}.ttf")))


class Sheet:
    """A document under way. ``self.y`` is where the next thing goes; it runs downwards."""

    def __init__(
        self,
        *,
        issuer: Issuer,
        currency: str,
        language: str,
        as_of: datetime,
        title: str,
        out: BinaryIO,
        compress: bool,
    ) -> None:
        self.issuer = issuer
        self.currency = currency
        self.language = "de" if language.startswith("de") else "en"
        self.as_of = as_of
        self.page = 1
        self.y = 0.0
        self.canvas: Any = Canvas(
            out,
            pagesize=(WIDTH, HEIGHT),
            pageCompression=int(compress),
            invariant=1,
            lang=self.language,
            initialFontName=REGULAR,  # Else every page names a font that is not embedded.
        )
        moment = as_of.astimezone(BANK_TIME_ZONE)
        offset = f"{moment:%z}"
        stamp = f"D:{moment:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:]}'"
        self.canvas.setDateFormatter(lambda *_moment: stamp)
        self.canvas.setTitle(title)
        self.canvas.setAuthor(issuer.legal_name)
        self.canvas.setCreator(issuer.name)
        self.canvas.setProducer("ReportLab")

    def close(self) -> None:
        """End the last page, say how many there are, write the file."""
        self.foot()
        self.canvas.showPage()
        self.canvas.beginForm("pages", 0, 0, 60, 12)
        self.text(str(self.page), x=0, y=2, size=7.5, color=MUTED)
        self.canvas.endForm()
        self.canvas.save()

    def text(
        self,
        text: str,
        *,
        x: float,
        y: float | None = None,
        font: str = REGULAR,
        size: float = 9,
        color: Color = INK,
        to_right: bool = False,
    ) -> None:
        """One line of text at the present height, or at ``y``; ``to_right`` ends it at ``x``."""
        canvas, height = self.canvas, self.y if y is None else y
        canvas.setFont(font, size)
        canvas.setFillColor(color)
        text = with_glyphs(text, font)
        canvas.drawString(x - width_of(text, font, size) if to_right else x, height, text)

    def rule(self, y: float, color: Color = LINE, width: float = 0.6) -> None:
        """A hairline over the width of the text."""
        self.canvas.setStrokeColor(color)
        self.canvas.setLineWidth(width)
        self.canvas.line(LEFT, y, RIGHT, y)

    def money(self, minor: int) -> str:
        return format_money(minor, self.currency, language=self.language)

    def mark(self, x: float, y: float, size: float) -> None:
        """The bank's mark, as templates/base/_logo.html draws it, with its lower left corner at (x, y)."""
        canvas = self.canvas
        canvas.saveState()
        canvas.translate(x, y + size)
        canvas.scale(size / 28, -size / 28)
        canvas.setFillColor(BRAND)
        canvas.roundRect(0, 0, 28, 28, 6, stroke=0, fill=1)
        leaf = canvas.beginPath()
        leaf.moveTo(14, 5.2)
        leaf.curveTo(17.7, 7.9, 19.7, 11.1, 19.7, 14.4)
        leaf.curveTo(19.7, 17.6, 17.6, 19.8, 14.7, 20.3)
        leaf.lineTo(14.7, 23.4)
        leaf.lineTo(13.3, 23.4)
        leaf.lineTo(13.3, 20.3)
        leaf.curveTo(10.4, 19.8, 8.3, 17.6, 8.3, 14.4)
        leaf.curveTo(8.3, 11.1, 10.3, 7.9, 14, 5.2)
        leaf.close()
        canvas.setFillColor(PAPER)
        canvas.drawPath(leaf, stroke=0, fill=1)
        canvas.setStrokeColor(BRAND)
        canvas.setLineWidth(1.3)
        canvas.setLineCap(1)
        canvas.line(14, 12.5, 14, 20.5)
        canvas.restoreState()

    def foot(self) -> None:
        issuer = self.issuer
        self.rule(52)
        self.text(
            f"{issuer.legal_name} · BIC {issuer.bic} · {issuer.phone}", x=LEFT, y=39, size=7.5, color=MUTED
        )
        # The number of pages is not known yet: the form behind the last page will say it.
        whole = gettext("Page %(page)d of %(pages)s") % {"page": self.page, "pages": "\0"}
        before, _mark, after = whole.partition("\0")
        right = RIGHT - width_of(f"000{after}", REGULAR, 7.5)
        self.text(before, x=right, y=39, size=7.5, color=MUTED, to_right=True)
        self.text(after, x=RIGHT, y=39, size=7.5, color=MUTED, to_right=True)
        self.canvas.saveState()
        self.canvas.translate(right, 37)
        self.canvas.doForm("pages")
        self.canvas.restoreState()

    def day(self, day: date) -> str:
        return date_format(day, _DAY[self.language], use_l10n=False)

    def moment(self) -> str:
        moment = self.as_of.astimezone(BANK_TIME_ZONE)
        return date_format(moment, _MOMENT[self.language], use_l10n=False)


def width_of(text: str, font: str, size: float) -> float:
    face = pdfmetrics.getFont(font).face
    widths, other = face.charWidths, face.defaultWidth
    return sum(widths.get(ord(one), other) for one in text) * size / 1000


def fitting(text: str, font: str, size: float, width: float) -> float:
    """The largest size up to ``size`` at which the text fits."""
    return min(size, size * width / max(width_of(text, font, size), 1.0))


@lru_cache(maxsize=4096)
def with_glyphs(text: str, font: str) -> str:
    """The text with a question mark for each character that the font cannot print, a blank for tabs and line ends."""
    if text.isascii() and text.isprintable():
        return text
    glyphs = pdfmetrics.getFont(font).face.charToGlyph
    text = "".join(" " if one.isspace() and one != NBSP else one for one in text)
    return "".join(one if ord(one) in glyphs else "?" for one in text)


def wrap(text: str, font: str, size: float, width: float) -> list[str]:
    """Lines no wider than ``width``; a word that is wider than a line is broken inside. None for an empty text."""
    if not text:
        return []
    if width_of(text, font, size) <= width:
        return [text]
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if width_of(longer, font, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while width_of(line, font, size) > width:
            end = next(n for n in range(len(line) - 1, 0, -1) if width_of(line[:n], font, size) <= width)
            lines.append(line[:end])
            line = line[end:]
    return [*lines, line] if line else lines
