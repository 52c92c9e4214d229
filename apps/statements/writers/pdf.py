"""PDF: the statement as a page of the house, for people and their files.

* Fonts are embedded as subsets: IBM Plex, unchanged, from ``apps/statements/fonts`` (the portal's own are woff2, which
  PDF cannot hold). A character that they have no glyph for is printed as a question mark.
* The same statement gives the same bytes: the document's dates are the statement's, its id is a hash of its content.
* One pass over the lines: "page 3 of 12" is drawn through a form that is defined behind the last page.
"""

from collections.abc import Iterator
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, override
from reportlab import rl_config
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from apps.core.clock import BANK_TIME_ZONE
from apps.core.iban import format_iban
from apps.core.money import MINUS, NBSP, format_money
from apps.statements.rules import Statement, StatementLine
from apps.statements.writers.codes import code_of

# Streams as bytes, not as text of a fourth more length: a setting of the library, which nothing else here uses.
rl_config.useA85 = 0

_FONT_FOLDER = Path(__file__).resolve().parent.parent / "fonts"
_REGULAR, _STRONG, _MONO = "IBMPlexSans-Regular", "IBMPlexSans-SemiBold", "IBMPlexMono-Regular"

# The tokens of the light theme (assets/css/tokens.css).
_INK, _MUTED, _LINE = HexColor(0x10211D), HexColor(0x52625D), HexColor(0xDEDCD3)
_BRAND, _TINT, _CREDIT, _PAPER = (
    HexColor(0x0B5A4C),
    HexColor(0xE3F0EC),
    HexColor(0x0A6B3D),
    HexColor(0xFFFFFF),
)

# Millimetres would not be rounder: A4 in points.
_WIDTH, _HEIGHT = 595.28, 841.89
_LEFT, _RIGHT, _BOTTOM = 57.0, 545.0, 84.0
_TEXT_AT, _AMOUNT_AT = 125.0, 455.0  # The amount's and the balance's right edges are _AMOUNT_AT and _RIGHT.
_TEXT_WIDTH = 246.0

# Day before month in words, as on the bank's pages.
_DAY = {"en": "j M Y", "de": "j. N Y"}
_SHORT_DAY = {"en": "j M", "de": "j. N"}
_MOMENT = {"en": "j M Y, H:i", "de": "j. N Y, H:i"}


def write_pdf(statement: Statement, out: BinaryIO, *, compress: bool = True) -> None:
    """Write the statement in its language. Uncompressed it is larger, and two can be compared line by line."""
    _register_fonts()
    with override(statement.language):
        _Document(statement, out, compress=compress).write()


@cache
def _register_fonts() -> None:
    for name in (_REGULAR, _STRONG, _MONO):
        pdfmetrics.registerFont(TTFont(name, str(_FONT_FOLDER / f"{name}.ttf")))


class _Document:
    """Pages with a head, the lines, a foot. ``self.y`` is where the next thing goes; it runs downwards."""

    def __init__(self, statement: Statement, out: BinaryIO, *, compress: bool) -> None:
        self.statement = statement
        self.currency = statement.account.currency
        self.language = "de" if statement.language.startswith("de") else "en"
        self.page = 1
        self.y = 0.0
        self.balance_minor = statement.opening_minor
        self.canvas: Any = Canvas(
            out,
            pagesize=(_WIDTH, _HEIGHT),
            pageCompression=int(compress),
            invariant=1,
            lang=self.language,
            initialFontName=_REGULAR,  # Else every page names a font that is not embedded.
        )
        self._describe()

    def write(self) -> None:
        self._first_head()
        day = None
        for line in self.statement.lines:
            day = self._row(line, day)
        if not self.statement.sums.postings:
            self.text(gettext("Nothing was booked in this period."), x=_TEXT_AT, size=9, color=_MUTED)
            self.y -= 22
        self._end()
        self._foot()
        self.canvas.showPage()
        self.canvas.beginForm("pages", 0, 0, 60, 12)
        self.text(str(self.page), x=0, y=2, size=7.5, color=_MUTED)
        self.canvas.endForm()
        self.canvas.save()

    def _describe(self) -> None:
        statement, canvas = self.statement, self.canvas
        moment = statement.as_of.astimezone(BANK_TIME_ZONE)
        offset = f"{moment:%z}"
        stamp = f"D:{moment:%Y%m%d%H%M%S}{offset[:3]}'{offset[3:]}'"
        canvas.setDateFormatter(lambda *_moment: stamp)
        canvas.setTitle(f"{gettext('Account statement')} {statement.identification}")
        canvas.setAuthor(statement.issuer.legal_name)
        canvas.setSubject(self._period_text())
        canvas.setCreator(statement.issuer.name)
        canvas.setProducer("ReportLab")

    # Drawing ----------------------------------------------------------------------------------------

    def text(
        self,
        text: str,
        *,
        x: float,
        y: float | None = None,
        font: str = _REGULAR,
        size: float = 9,
        color: Color = _INK,
        to_right: bool = False,
    ) -> None:
        """One line of text at the present height, or at ``y``; ``to_right`` ends it at ``x``."""
        canvas, height = self.canvas, self.y if y is None else y
        canvas.setFont(font, size)
        canvas.setFillColor(color)
        text = _with_glyphs(text, font)
        canvas.drawString(x - _width(text, font, size) if to_right else x, height, text)

    def rule(self, y: float, color: Color = _LINE, width: float = 0.6) -> None:
        """A hairline over the width of the text."""
        self.canvas.setStrokeColor(color)
        self.canvas.setLineWidth(width)
        self.canvas.line(_LEFT, y, _RIGHT, y)

    def money(self, minor: int) -> str:
        return format_money(minor, self.currency, language=self.language)

    # Heads and foot ---------------------------------------------------------------------------------

    def _mark(self, x: float, y: float, size: float) -> None:
        """The bank's mark, as templates/base/_logo.html draws it, with its lower left corner at (x, y)."""
        canvas = self.canvas
        canvas.saveState()
        canvas.translate(x, y + size)
        canvas.scale(size / 28, -size / 28)
        canvas.setFillColor(_BRAND)
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
        canvas.setFillColor(_PAPER)
        canvas.drawPath(leaf, stroke=0, fill=1)
        canvas.setStrokeColor(_BRAND)
        canvas.setLineWidth(1.3)
        canvas.setLineCap(1)
        canvas.line(14, 12.5, 14, 20.5)
        canvas.restoreState()

    def _first_head(self) -> None:
        statement, account = self.statement, self.statement.account
        self._mark(_LEFT, 778, 26)
        self.text(statement.issuer.name, x=_LEFT + 34, y=786, font=_STRONG, size=15)
        self.y = 722
        self.text(gettext("Account statement"), x=_LEFT, font=_STRONG, size=21)
        self.y -= 19
        self.text(self._period_text(), x=_LEFT, size=11, color=_MUTED)
        if statement.number is not None:
            number = gettext("Statement no. %(number)d") % {"number": statement.number}
            self.text(number, x=_RIGHT, size=11, color=_MUTED, to_right=True)
        self.y -= 16
        self.rule(self.y)
        self.y -= 17
        for label, value, font in (
            (gettext("Owner"), account.owner_name, _STRONG),
            (
                gettext("Account"),
                f"{account.display_name} · {account.product} · {account.currency}",
                _REGULAR,
            ),
            ("IBAN", format_iban(account.iban), _MONO),
            ("BIC", statement.issuer.bic, _MONO),
        ):
            self.text(label, x=_LEFT, size=9, color=_MUTED)
            for part in _wrap(value, font, 9, _RIGHT - _TEXT_AT):
                self.text(part, x=_TEXT_AT, font=font)
                self.y -= 14
        self.y -= 6
        self._summary()
        self._table_head()

    def _summary(self) -> None:
        statement, sums, period = self.statement, self.statement.sums, self.statement.period
        height, column = 56.0, (_RIGHT - _LEFT) / 4
        top = self.y
        self.canvas.setFillColor(_TINT)
        self.canvas.roundRect(_LEFT, top - height, _RIGHT - _LEFT, height, 6, stroke=0, fill=1)
        figures = (
            (gettext("Opening balance"), self.money(statement.opening_minor), self._day(period.date_from)),
            (gettext("Money in"), self.money(sums.credits_minor), _bookings(sums.credits)),
            (gettext("Money out"), self.money(-sums.debits_minor), _bookings(sums.debits)),
            (
                gettext("Closing balance") if statement.is_final else gettext("Balance so far"),
                self.money(statement.closing_minor),
                self._day(period.date_to),
            ),
        )
        for position, (label, figure, note) in enumerate(figures):
            x = _LEFT + position * column + 12
            self.text(label, x=x, y=top - 17, size=8, color=_MUTED)
            self.text(figure, x=x, y=top - 33, font=_STRONG, size=_fitting(figure, _STRONG, 12, column - 16))
            self.text(note, x=x, y=top - 47, size=8, color=_MUTED)
        self.y = top - height - 16
        if not statement.is_final:
            note = gettext("This period is not over: as of %(moment)s. More can still be booked.") % {
                "moment": self._moment()
            }
            self.text(note, x=_LEFT, size=9, font=_STRONG)
            self.y -= 18

    def _table_head(self) -> None:
        self.y -= 4
        for label, x, to_right in (
            (gettext("Booked"), _LEFT, False),
            (gettext("Details"), _TEXT_AT, False),
            (gettext("Amount"), _AMOUNT_AT, True),
            (gettext("Balance"), _RIGHT, True),
        ):
            self.text(label, x=x, size=8, color=_MUTED, to_right=to_right)
        self.y -= 6
        self.rule(self.y, _INK, 0.8)
        self.y -= 14

    def _later_head(self) -> None:
        account = self.statement.account
        self._mark(_LEFT, 790, 16)
        self.text(self.statement.issuer.name, x=_LEFT + 22, y=794, font=_STRONG, size=10)
        self.text(
            f"{gettext('Account statement')} · {self._period_text()}",
            x=_RIGHT,
            y=799,
            size=8,
            color=_MUTED,
            to_right=True,
        )
        self.text(format_iban(account.iban), x=_RIGHT, y=788, font=_MONO, size=8, color=_MUTED, to_right=True)
        self.y = 764
        self._table_head()
        self.text(gettext("Brought forward"), x=_TEXT_AT, size=9, color=_MUTED)
        self.text(self.money(self.balance_minor), x=_RIGHT, size=9, color=_MUTED, to_right=True)
        self.y -= 7
        self.rule(self.y)
        self.y -= 14

    def _foot(self) -> None:
        issuer = self.statement.issuer
        self.rule(52)
        self.text(
            f"{issuer.legal_name} · BIC {issuer.bic} · {issuer.phone}", x=_LEFT, y=39, size=7.5, color=_MUTED
        )
        # The number of pages is not known yet: the form behind the last page will say it.
        whole = gettext("Page %(page)d of %(pages)s") % {"page": self.page, "pages": "\0"}
        before, _mark, after = whole.partition("\0")
        right = _RIGHT - _width(f"000{after}", _REGULAR, 7.5)
        self.text(before, x=right, y=39, size=7.5, color=_MUTED, to_right=True)
        self.text(after, x=_RIGHT, y=39, size=7.5, color=_MUTED, to_right=True)
        self.canvas.saveState()
        self.canvas.translate(right, 37)
        self.canvas.doForm("pages")
        self.canvas.restoreState()

    def _next_page(self) -> None:
        self.text(gettext("Carried forward"), x=_TEXT_AT, y=_BOTTOM - 18, size=9, color=_MUTED)
        self.text(
            self.money(self.balance_minor), x=_RIGHT, y=_BOTTOM - 18, size=9, color=_MUTED, to_right=True
        )
        self._foot()
        self.canvas.showPage()
        self.page += 1
        self._later_head()

    # Lines ------------------------------------------------------------------------------------------

    def _row(self, line: StatementLine, day_above: date | None) -> date:
        """One booking; its day is printed when it is another one than above, and on top of each page."""
        parts = list(self._row_parts(line))
        height = sum(step for *_part, step in parts) + 5
        if self.y - height < _BOTTOM:
            self._next_page()
            day_above = None
        if line.booking_date != day_above:
            text = date_format(line.booking_date, _SHORT_DAY[self.language], use_l10n=False)
            if line.booking_date.year != self.statement.period.date_from.year:
                text = self._day(line.booking_date)
            self.text(text, x=_LEFT, size=9)
        sign, color = ("+", _CREDIT) if line.is_credit else (MINUS, _INK)
        amount = f"{sign}{NBSP}{self.money(line.amount_minor)}"
        self.text(amount, x=_AMOUNT_AT, font=_STRONG, size=9, color=color, to_right=True)
        self.text(self.money(line.balance_minor), x=_RIGHT, size=9, color=_MUTED, to_right=True)
        for text, font, size, color, indent, step in parts:
            self.text(text, x=_TEXT_AT + indent, font=font, size=size, color=color)
            self.y -= step
        self.rule(self.y + 5)
        self.y -= 9
        self.balance_minor = line.balance_minor
        return line.booking_date

    def _row_parts(self, line: StatementLine) -> Iterator[tuple[str, str, float, Color, float, float]]:
        """What is printed of a line: text, font, size, colour, indent, and how far down the next part goes."""
        kind = str(code_of(line).text)
        for text in _wrap(line.counterparty_name or kind, _STRONG, 9, _TEXT_WIDTH):
            yield text, _STRONG, 9, _INK, 0, 11.5
        for text in _wrap(line.remittance_information_unstructured, _REGULAR, 8.5, _TEXT_WIDTH):
            yield text, _REGULAR, 8.5, _INK, 0, 11
        if line.counterparty_iban:
            # On one line with the kind of booking, behind it in a font of its own.
            before = f"{kind} · " if line.counterparty_name else ""
            if before:
                yield before, _REGULAR, 8, _MUTED, 0, 0
            iban = format_iban(line.counterparty_iban)
            yield iban, _MONO, 7.5, _MUTED, _width(before, _REGULAR, 8), 10.5
        elif line.counterparty_name:
            yield kind, _REGULAR, 8, _MUTED, 0, 10.5
        if line.reference:
            words = gettext("Reference for both sides: %(reference)s") % {"reference": line.reference}
            for text in _wrap(words, _REGULAR, 8, _TEXT_WIDTH):
                yield text, _REGULAR, 8, _MUTED, 0, 10.5
        if line.value_date != line.booking_date:
            words = gettext("Value date: %(day)s") % {"day": self._day(line.value_date)}
            yield words, _REGULAR, 8, _MUTED, 0, 10.5

    def _end(self) -> None:
        """The closing balance, and what the law gives the customer to know (PSD2 art. 71)."""
        words = gettext(
            "Please check these bookings. Tell us without delay about any that you did not approve or that is "
            "wrong, at the latest 13 months after it was booked: %(phone)s"
        ) % {"phone": self.statement.issuer.phone}
        notes = _wrap(words, _REGULAR, 8, _RIGHT - _LEFT)
        if self.y - 30 - 11 * len(notes) < _BOTTOM:
            self._next_page()
        self.y -= 4
        label = gettext("Closing balance") if self.statement.is_final else gettext("Balance so far")
        day = self._day(self.statement.period.date_to)
        self.text(f"{label} · {day}", x=_TEXT_AT, font=_STRONG, size=10)
        self.text(self.money(self.statement.closing_minor), x=_RIGHT, font=_STRONG, size=10, to_right=True)
        self.y -= 24
        for note in notes:
            self.text(note, x=_LEFT, size=8, color=_MUTED)
            self.y -= 11

    # Words ------------------------------------------------------------------------------------------

    def _day(self, day: date) -> str:
        return date_format(day, _DAY[self.language], use_l10n=False)

    def _moment(self) -> str:
        moment = self.statement.as_of.astimezone(BANK_TIME_ZONE)
        return date_format(moment, _MOMENT[self.language], use_l10n=False)

    def _period_text(self) -> str:
        period = self.statement.period
        if period.is_month:
            return date_format(period.date_from, "F Y", use_l10n=False)
        return f"{self._day(period.date_from)} – {self._day(period.date_to)}"


def _bookings(count: int) -> str:
    return ngettext("%(count)d booking", "%(count)d bookings", count) % {"count": count}


def _width(text: str, font: str, size: float) -> float:
    face = pdfmetrics.getFont(font).face
    widths, other = face.charWidths, face.defaultWidth
    return sum(widths.get(ord(one), other) for one in text) * size / 1000


def _fitting(text: str, font: str, size: float, width: float) -> float:
    """The largest size up to ``size`` at which the text fits."""
    return min(size, size * width / max(_width(text, font, size), 1.0))


@lru_cache(maxsize=4096)
def _with_glyphs(text: str, font: str) -> str:
    """The text with a question mark for each character that the font cannot print, a blank for tabs and line ends."""
    if text.isascii() and text.isprintable():
        return text
    glyphs = pdfmetrics.getFont(font).face.charToGlyph
    text = "".join(" " if one.isspace() and one != NBSP else one for one in text)
    return "".join(one if ord(one) in glyphs else "?" for one in text)


def _wrap(text: str, font: str, size: float, width: float) -> list[str]:
    """Lines no wider than ``width``; a word that is wider than a line is broken inside. None for an empty text."""
    if not text:
        return []
    if _width(text, font, size) <= width:
        return [text]
    lines, line = [], ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if _width(longer, font, size) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = word
        while _width(line, font, size) > width:
            end = next(n for n in range(len(line) - 1, 0, -1) if _width(line[:n], font, size) <= width)
            lines.append(line[:end])
            line = line[end:]
    return [*lines, line] if line else lines
