"""The receipt as PDF, a page of the house: for people. What proves it is the signed file."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, BinaryIO

from django.conf import settings
from django.utils.translation import gettext, override
from reportlab.lib.colors import Color

from apps.receipts.words import Row, Section, receipt_sections, receipt_title
from apps.statements.rules import Issuer
from apps.statements.writers.sheet import (
    BOTTOM,
    INK,
    LEFT,
    MONO,
    MUTED,
    REGULAR,
    RIGHT,
    STRONG,
    Sheet,
    register_fonts,
    wrap,
)

_TEXT_AT = 205.0


def write_receipt_pdf(
    content: Mapping[str, Any], out: BinaryIO, *, language: str, now: datetime, compress: bool = True
) -> None:
    """Write what the receipt says, in this language."""
    register_fonts()
    with override(language):
        _Document(content, out, language=language, now=now, compress=compress).write()


class _Document(Sheet):
    def __init__(
        self, content: Mapping[str, Any], out: BinaryIO, *, language: str, now: datetime, compress: bool
    ) -> None:
        self.content = content
        bank = content["bank"]
        super().__init__(
            issuer=Issuer(bank["name"], bank["legal_name"], bank["bic"], settings.BANK_FRAUD_PHONE),
            currency="EUR",
            language=language,
            as_of=now,
            title=f"{gettext('Receipt')} {content['receipt_id']}",
            out=out,
            compress=compress,
        )
        self.canvas.setSubject(receipt_title(content))

    def write(self) -> None:
        self.mark(LEFT, 778, 26)
        self.text(self.issuer.name, x=LEFT + 34, y=786, font=STRONG, size=15)
        self.y = 722
        self.text(gettext("Receipt"), x=LEFT, font=STRONG, size=21)
        self.y -= 19
        self.text(receipt_title(self.content), x=LEFT, size=11, color=MUTED)
        self.y -= 16
        self.rule(self.y)
        self.y -= 20
        for section in receipt_sections(self.content):
            self._section(section)
        self._lines(
            gettext(
                "This page is for reading. The bank proves it with the signed receipt that you can download beside "
                "it; anybody can check that one without asking the bank."
            ),
            x=LEFT,
            size=8,
            color=MUTED,
        )
        self.close()

    def _section(self, section: Section) -> None:
        self._make_room(44)
        self.text(section.title, x=LEFT, font=STRONG, size=11)
        self.y -= 17
        for row in section.rows:
            self._row(row)
        self.y -= 3
        self.rule(self.y)
        self.y -= 20

    def _row(self, row: Row) -> None:
        labels = wrap(row.label, REGULAR, 9, _TEXT_AT - LEFT - 12)
        self._make_room(14 * len(labels))
        top, page = self.y, self.page
        for label in labels:
            self.text(label, x=LEFT, color=MUTED)
            self.y -= 12
        bottom, self.y = self.y, top
        self._lines(row.text, x=_TEXT_AT, size=8 if row.is_mono else 9, font=MONO if row.is_mono else REGULAR)
        # The higher of the two columns counts, if they are still on one page.
        self.y = (min(self.y, bottom) if self.page == page else self.y) - 2

    def _lines(self, text: str, *, x: float, size: float, font: str = REGULAR, color: Color = INK) -> None:
        for part in wrap(text, font, size, RIGHT - x):
            self._make_room(12)
            self.text(part, x=x, font=font, size=size, color=color)
            self.y -= 12

    def _make_room(self, height: float) -> None:
        if self.y - height >= BOTTOM:
            return
        self.foot()
        self.canvas.showPage()
        self.page += 1
        self.y = 778
