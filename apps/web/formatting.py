"""Amounts and account numbers as people read them. Integer minor units in, text out, no floats on the way."""

from apps.core.money import MINUS, NBSP, format_money

CREDIT, DEBIT = "CREDIT", "DEBIT"


def format_directed(amount_minor: int, currency: str, direction: str) -> str:
    """A movement on an account: ``+ €18.50`` in, ``− €42.18`` out (a real minus, a space that does not break)."""
    sign = {CREDIT: "+", DEBIT: MINUS}[direction]
    return f"{sign}{NBSP}{format_money(abs(amount_minor), currency)}"


def group_iban(iban: str) -> str:
    """Groups of four with plain blanks, so that a narrow screen may wrap between groups."""
    compact = "".join(iban.split())
    return " ".join(compact[start : start + 4] for start in range(0, len(compact), 4))


def iban_tail(iban: str) -> str:
    """Enough to tell one's accounts apart: ``…3000``."""
    compact = "".join(iban.split())
    return f"…{compact[-4:]}" if compact else ""
