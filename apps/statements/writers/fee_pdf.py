"""The statement of fees as PDF: the headings of Implementing Regulation (EU) 2018/33 in their order.

Its common symbol is not drawn: the regulation's annex is its only source, and a likeness would be none.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import BinaryIO

from django.utils.translation import gettext, override

from apps.core.iban import format_iban
from apps.pricing.rules import ChargeKind
from apps.statements.fee_rules import FeeStatement, InterestLine
from apps.statements.writers.fee_words import HEADINGS, SERVICES, rate_text
from apps.statements.writers.sheet import (
    BOTTOM,
    INK,
    LEFT,
    MONO,
    MUTED,
    REGULAR,
    RIGHT,
    STRONG,
    TINT,
    Sheet,
    fitting,
    register_fonts,
    width_of,
    wrap,
)

_TEXT_AT = 205.0
_NUMBER_AT, _UNIT_AT = 372.0, 462.0


def write_fee_pdf(statement: FeeStatement, out: BinaryIO, *, compress: bool = True) -> None:
    """Write the statement in its language; the same statement gives the same bytes."""
    register_fonts()
    with override(statement.language):
        _Document(statement, out, compress=compress).write()


class _Document(Sheet):
    def __init__(self, statement: FeeStatement, out: BinaryIO, *, compress: bool) -> None:
        self.statement = statement
        super().__init__(
            issuer=statement.issuer,
            currency=statement.account.currency,
            language=statement.language,
            as_of=statement.as_of,
            title=f"{gettext('Statement of Fees')} {statement.identification}",
            out=out,
            compress=compress,
        )
        self.canvas.setSubject(self._period_text())

    def write(self) -> None:
        self._head()
        self._summary()
        self._fees()
        self._interest(
            gettext("Detailed statement of interest paid on the account"),
            gettext("Total interest paid"),
            ChargeKind.OVERDRAFT_INTEREST,
            self.statement.interest_paid,
        )
        self._interest(
            gettext("Detailed statement of interest earned on the account"),
            gettext("Total interest earned"),
            ChargeKind.CREDIT_INTEREST,
            self.statement.interest_earned,
        )
        self._notes()
        self.close()

    def _head(self) -> None:
        account = self.statement.account
        self.mark(LEFT, 778, 26)
        self.text(self.issuer.name, x=LEFT + 34, y=786, font=STRONG, size=15)
        self.y = 722
        self.text(gettext("Statement of Fees"), x=LEFT, font=STRONG, size=21)
        self.y -= 28
        for label, value, font in (
            (gettext("Name of the account provider"), self.issuer.legal_name, REGULAR),
            (gettext("Account name"), f"{account.display_name} · {account.product}", STRONG),
            (gettext("Owner"), account.owner_name, REGULAR),
            (gettext("Account identification"), format_iban(account.iban), MONO),
            (gettext("Period"), self._period_text(), REGULAR),
            (gettext("Date"), self.moment(), REGULAR),
        ):
            self.text(label, x=LEFT, color=MUTED)
            for part in wrap(value, font, 9, RIGHT - _TEXT_AT):
                self.text(part, x=_TEXT_AT, font=font)
                self.y -= 14
        self.y -= 6
        self._paragraph(
            gettext(
                "This document gives you an overview of all fees incurred for services linked to your payment account "
                "in the period stated, and of interest paid or earned on it."
            )
        )

    def _paragraph(self, words: str, *, font: str = REGULAR) -> None:
        for part in wrap(words, font, 9, RIGHT - LEFT):
            self._make_room(12)
            self.text(part, x=LEFT, font=font, color=MUTED if font == REGULAR else INK)
            self.y -= 12
        self.y -= 14

    def _summary(self) -> None:
        statement, height, column = self.statement, 46.0, (RIGHT - LEFT) / 3
        self._title(gettext("Summary of fees and interest"))
        top = self.y
        self.canvas.setFillColor(TINT)
        self.canvas.roundRect(LEFT, top - height, RIGHT - LEFT, height, 6, stroke=0, fill=1)
        for position, (label, minor) in enumerate(
            (
                (gettext("Total fees paid"), statement.fees_minor),
                (gettext("Total interest paid"), statement.interest_paid_minor),
                (gettext("Total interest earned"), statement.interest_earned_minor),
            )
        ):
            x, figure = LEFT + position * column + 12, self.money(minor)
            self.text(label, x=x, y=top - 17, size=8, color=MUTED)
            self.text(figure, x=x, y=top - 34, font=STRONG, size=fitting(figure, STRONG, 12, column - 16))
        self.y = top - height - 24

    def _fees(self) -> None:
        self._title(gettext("Detailed statement of fees paid on the account"))
        if not self.statement.fees:
            self._paragraph(gettext("No fees were charged in this period."))
            return
        self._columns(gettext("Service"), gettext("Number of times charged"), gettext("Unit fee"))
        for heading, lines in groupby(self.statement.fees, key=lambda line: line.heading):
            self._make_room(32)
            self.text(str(HEADINGS[heading]), x=LEFT, font=STRONG)
            self.y -= 15
            for line in lines:
                self._row(
                    str(SERVICES[line.kind]),
                    str(line.quantity),
                    self.money(line.unit_amount_minor),
                    line.amount_minor,
                )
        self._total(gettext("Total fees paid"), self.statement.fees_minor)

    def _interest(self, title: str, total: str, kind: ChargeKind, lines: Sequence[InterestLine]) -> None:
        if not lines:
            return
        self._title(title)
        self._columns(gettext("Name"), gettext("Days"), gettext("Interest rate per year"))
        for line in lines:
            rates = ", ".join(rate_text(rate, is_german=self.language == "de") for rate in line.rates_bp)
            span = f"{self.day(line.period.date_from)} – {self.day(line.period.date_to)}"
            self._row(f"{SERVICES[kind]} · {span}", str(line.days), rates, line.amount_minor)
        self._total(total, sum(line.amount_minor for line in lines))

    def _notes(self) -> None:
        if self.statement.owed_minor:
            self._title(gettext("Additional information"))
            self._paragraph(
                gettext("Of these charges %(amount)s are not paid yet: your account could not bear them.")
                % {"amount": self.money(self.statement.owed_minor)}
            )
        if not self.statement.is_final:
            self._paragraph(
                gettext("This year is not charged in full yet: as of %(moment)s. More can still be charged.")
                % {"moment": self.moment()},
                font=STRONG,
            )

    # Rows -------------------------------------------------------------------------------------------

    def _title(self, words: str) -> None:
        self._make_room(60)
        self.text(words, x=LEFT, font=STRONG, size=12)
        self.y -= 20

    def _columns(self, name: str, number: str, unit: str) -> None:
        self.text(name, x=LEFT, size=8, color=MUTED)
        for words, x in ((number, _NUMBER_AT), (unit, _UNIT_AT), (gettext("Total"), RIGHT)):
            size = fitting(words, REGULAR, 8, 84)
            self.text(words, x=x, size=size, color=MUTED, to_right=True)
        self.y -= 6
        self.rule(self.y, INK, 0.8)
        self.y -= 14

    def _row(self, name: str, number: str, unit: str, amount_minor: int) -> None:
        parts = wrap(name, REGULAR, 9, _NUMBER_AT - LEFT - 60)
        self._make_room(12.0 * len(parts) + 8)
        self.text(number, x=_NUMBER_AT, to_right=True)
        self.text(unit, x=_UNIT_AT, size=fitting(unit, REGULAR, 9, 84), to_right=True)
        self.text(self.money(amount_minor), x=RIGHT, to_right=True)
        for part in parts:
            self.text(part, x=LEFT)
            self.y -= 12
        self.rule(self.y + 4)
        self.y -= 9

    def _total(self, words: str, amount_minor: int) -> None:
        self._make_room(24)
        self.text(words, x=LEFT, font=STRONG, size=10)
        self.text(self.money(amount_minor), x=RIGHT, font=STRONG, size=10, to_right=True)
        self.y -= 30

    def _make_room(self, height: float) -> None:
        if self.y - height >= BOTTOM:
            return
        self.foot()
        self.canvas.showPage()
        self.page += 1
        self.mark(LEFT, 790, 16)
        self.text(self.issuer.name, x=LEFT + 22, y=794, font=STRONG, size=10)
        words = f"{gettext('Statement of Fees')} · {self._period_text()}"
        self.text(words, x=RIGHT - width_of(words, REGULAR, 8), y=794, size=8, color=MUTED)
        self.y = 760

    def _period_text(self) -> str:
        period = self.statement.period
        return f"{self.day(period.date_from)} – {self.day(period.date_to)}"
