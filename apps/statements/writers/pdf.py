"""PDF: the statement as a page of the house, for people and their files.

* The same statement gives the same bytes: the document's dates are the statement's, its id is a hash of its content.
* One pass over the lines: "page 3 of 12" is drawn through a form that is defined behind the last page.
"""

from collections.abc import Iterator
from datetime import date
from typing import BinaryIO

from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, override
from reportlab.lib.colors import Color

from apps.core.iban import format_iban
from apps.core.money import MINUS, NBSP
from apps.statements.rules import Statement, StatementLine
from apps.statements.writers.codes import code_of
from apps.statements.writers.sheet import (
    BOTTOM,
    CREDIT,
    INK,
    LEFT,
    MONO,
    MUTED,
    REGULAR,
    RIGHT,
    SHORT_DAY,
    STRONG,
    TINT,
    Sheet,
    fitting,
    register_fonts,
    width_of,
    wrap,
)

_TEXT_AT, _AMOUNT_AT = 125.0, 455.0  # The amount's and the balance's right edges are _AMOUNT_AT and RIGHT.
_TEXT_WIDTH = 246.0


def write_pdf(statement: Statement, out: BinaryIO, *, compress: bool = True) -> None:
    """Write the statement in its language. Uncompressed it is larger, and two can be compared line by line."""
    register_fonts()
    with override(statement.language):
        _Document(statement, out, compress=compress).write()


class _Document(Sheet):
    """Pages with a head, the lines, a foot."""

    def __init__(self, statement: Statement, out: BinaryIO, *, compress: bool) -> None:
        self.statement = statement
        self.balance_minor = statement.opening_minor
        super().__init__(
            issuer=statement.issuer,
            currency=statement.account.currency,
            language=statement.language,
            as_of=statement.as_of,
            title=f"{gettext('Account statement')} {statement.identification}",
            out=out,
            compress=compress,
        )
        self.canvas.setSubject(self._period_text())

    def write(self) -> None:
        self._first_head()
        day = None
        for line in self.statement.lines:
            day = self._row(line, day)
        if not self.statement.sums.postings:
            self.text(gettext("Nothing was booked in this period."), x=_TEXT_AT, size=9, color=MUTED)
            self.y -= 22
        self._end()
        self.close()

    # Heads and foot ---------------------------------------------------------------------------------

    def _first_head(self) -> None:
        statement, account = self.statement, self.statement.account
        self.mark(LEFT, 778, 26)
        self.text(statement.issuer.name, x=LEFT + 34, y=786, font=STRONG, size=15)
        self.y = 722
        self.text(gettext("Account statement"), x=LEFT, font=STRONG, size=21)
        self.y -= 19
        self.text(self._period_text(), x=LEFT, size=11, color=MUTED)
        if statement.number is not None:
            number = gettext("Statement no. %(number)d") % {"number": statement.number}
            self.text(number, x=RIGHT, size=11, color=MUTED, to_right=True)
        self.y -= 16
        self.rule(self.y)
        self.y -= 17
        for label, value, font in (
            (gettext("Owner"), account.owner_name, STRONG),
            (
                gettext("Account"),
                f"{account.display_name} · {account.product} · {account.currency}",
                REGULAR,
            ),
            ("IBAN", format_iban(account.iban), MONO),
            ("BIC", statement.issuer.bic, MONO),
        ):
            self.text(label, x=LEFT, size=9, color=MUTED)
            for part in wrap(value, font, 9, RIGHT - _TEXT_AT):
                self.text(part, x=_TEXT_AT, font=font)
                self.y -= 14
        self.y -= 6
        self._summary()
        self._table_head()

    def _summary(self) -> None:
        statement, sums, period = self.statement, self.statement.sums, self.statement.period
        height, column = 56.0, (RIGHT - LEFT) / 4
        top = self.y
        self.canvas.setFillColor(TINT)
        self.canvas.roundRect(LEFT, top - height, RIGHT - LEFT, height, 6, stroke=0, fill=1)
        figures = (
            (gettext("Opening balance"), self.money(statement.opening_minor), self.day(period.date_from)),
            (gettext("Money in"), self.money(sums.credits_minor), _bookings(sums.credits)),
            (gettext("Money out"), self.money(-sums.debits_minor), _bookings(sums.debits)),
            (
                gettext("Closing balance") if statement.is_final else gettext("Balance so far"),
                self.money(statement.closing_minor),
                self.day(period.date_to),
            ),
        )
        for position, (label, figure, note) in enumerate(figures):
            x = LEFT + position * column + 12
            self.text(label, x=x, y=top - 17, size=8, color=MUTED)
            self.text(figure, x=x, y=top - 33, font=STRONG, size=fitting(figure, STRONG, 12, column - 16))
            self.text(note, x=x, y=top - 47, size=8, color=MUTED)
        self.y = top - height - 16
        if not statement.is_final:
            note = gettext("This period is not over: as of %(moment)s. More can still be booked.") % {
                "moment": self.moment()
            }
            self.text(note, x=LEFT, size=9, font=STRONG)
            self.y -= 18

    def _table_head(self) -> None:
        self.y -= 4
        for label, x, to_right in (
            (gettext("Booked"), LEFT, False),
            (gettext("Details"), _TEXT_AT, False),
            (gettext("Amount"), _AMOUNT_AT, True),
            (gettext("Balance"), RIGHT, True),
        ):
            self.text(label, x=x, size=8, color=MUTED, to_right=to_right)
        self.y -= 6
        self.rule(self.y, INK, 0.8)
        self.y -= 14

    def _later_head(self) -> None:
        account = self.statement.account
        self.mark(LEFT, 790, 16)
        self.text(self.statement.issuer.name, x=LEFT + 22, y=794, font=STRONG, size=10)
        self.text(
            f"{gettext('Account statement')} · {self._period_text()}",
            x=RIGHT,
            y=799,
            size=8,
            color=MUTED,
            to_right=True,
        )
        self.text(format_iban(account.iban), x=RIGHT, y=788, font=MONO, size=8, color=MUTED, to_right=True)
        self.y = 764
        self._table_head()
        self.text(gettext("Brought forward"), x=_TEXT_AT, size=9, color=MUTED)
        self.text(self.money(self.balance_minor), x=RIGHT, size=9, color=MUTED, to_right=True)
        self.y -= 7
        self.rule(self.y)
        self.y -= 14

    def _next_page(self) -> None:
        self.text(gettext("Carried forward"), x=_TEXT_AT, y=BOTTOM - 18, size=9, color=MUTED)
        self.text(self.money(self.balance_minor), x=RIGHT, y=BOTTOM - 18, size=9, color=MUTED, to_right=True)
        self.foot()
        self.canvas.showPage()
        self.page += 1
        self._later_head()

    # Lines ------------------------------------------------------------------------------------------

    def _row(self, line: StatementLine, day_above: date | None) -> date:
        """One booking; its day is printed when it is another one than above, and on top of each page."""
        parts = list(self._row_parts(line))
        height = sum(step for *_part, step in parts) + 5
        if self.y - height < BOTTOM:
            self._next_page()
            day_above = None
        if line.booking_date != day_above:
            text = date_format(line.booking_date, SHORT_DAY[self.language], use_l10n=False)
            if line.booking_date.year != self.statement.period.date_from.year:
                text = self.day(line.booking_date)
            self.text(text, x=LEFT, size=9)
        sign, color = ("+", CREDIT) if line.is_credit else (MINUS, INK)
        amount = f"{sign}{NBSP}{self.money(line.amount_minor)}"
        self.text(amount, x=_AMOUNT_AT, font=STRONG, size=9, color=color, to_right=True)
        self.text(self.money(line.balance_minor), x=RIGHT, size=9, color=MUTED, to_right=True)
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
        for text in wrap(line.counterparty_name or kind, STRONG, 9, _TEXT_WIDTH):
            yield text, STRONG, 9, INK, 0, 11.5
        for text in wrap(line.remittance_information_unstructured, REGULAR, 8.5, _TEXT_WIDTH):
            yield text, REGULAR, 8.5, INK, 0, 11
        if line.counterparty_iban:
            # On one line with the kind of booking, behind it in a font of its own.
            before = f"{kind} · " if line.counterparty_name else ""
            if before:
                yield before, REGULAR, 8, MUTED, 0, 0
            iban = format_iban(line.counterparty_iban)
            yield iban, MONO, 7.5, MUTED, width_of(before, REGULAR, 8), 10.5
        elif line.counterparty_name:
            yield kind, REGULAR, 8, MUTED, 0, 10.5
        if line.reference:
            words = gettext("Reference for both sides: %(reference)s") % {"reference": line.reference}
            for text in wrap(words, REGULAR, 8, _TEXT_WIDTH):
                yield text, REGULAR, 8, MUTED, 0, 10.5
        if line.value_date != line.booking_date:
            words = gettext("Value date: %(day)s") % {"day": self.day(line.value_date)}
            yield words, REGULAR, 8, MUTED, 0, 10.5

    def _end(self) -> None:
        """The closing balance, and what the law gives the customer to know (PSD2 art. 71)."""
        words = gettext(
            "Please check these bookings. Tell us without delay about any that you did not approve or that is "
            "wrong, at the latest 13 months after it was booked: %(phone)s"
        ) % {"phone": self.statement.issuer.phone}
        notes = wrap(words, REGULAR, 8, RIGHT - LEFT)
        if self.y - 30 - 11 * len(notes) < BOTTOM:
            self._next_page()
        self.y -= 4
        label = gettext("Closing balance") if self.statement.is_final else gettext("Balance so far")
        day = self.day(self.statement.period.date_to)
        self.text(f"{label} · {day}", x=_TEXT_AT, font=STRONG, size=10)
        self.text(self.money(self.statement.closing_minor), x=RIGHT, font=STRONG, size=10, to_right=True)
        self.y -= 24
        for note in notes:
            self.text(note, x=LEFT, size=8, color=MUTED)
            self.y -= 11

    # Words ------------------------------------------------------------------------------------------

    def _period_text(self) -> str:
        period = self.statement.period
        if period.is_month:
            return date_format(period.date_from, "F Y", use_l10n=False)
        return f"{self.day(period.date_from)} – {self.day(period.date_to)}"


def _bookings(count: int) -> str:
    return ngettext("%(count)d booking", "%(count)d bookings", count) % {"count": count}
