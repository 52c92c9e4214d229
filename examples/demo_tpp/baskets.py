"""The shop's three made-up orders: each has a merchant who wants to be paid."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Item:
    """One line of an order; the names are keys of texts.py."""

    name: str
    quantity: int
    price: str

    @property
    def total(self) -> Decimal:
        """What this line costs."""
        return self.quantity * Decimal(self.price)


@dataclass(frozen=True, slots=True)
class Basket:
    """An order waiting at the check-out. Payee and amount come from here, never from the form."""

    key: str
    merchant: str
    merchant_iban: str
    reference: str
    total: str
    items: tuple[Item, ...]


BASKETS = {
    basket.key: basket
    for basket in (
        Basket(
            key="lamp",
            merchant="Möbelhaus Kern GmbH",
            merchant_iban="DE02120300000000202051",
            reference="Order 88-2041",
            total="89.90",
            items=(Item("item.lamp", 1, "79.90"), Item("item.bulbs", 2, "5.00")),
        ),
        Basket(
            key="coffee",
            merchant="Rösterei Nordwind e.K.",
            merchant_iban="DE02500105170137075030",
            reference="Order N-5517",
            total="24.80",
            items=(Item("item.espresso", 2, "12.40"),),
        ),
        Basket(
            key="book",
            merchant="Buchhandlung Am Markt",
            merchant_iban="DE02300209000106531065",
            reference="Order B-190",
            total="18.00",
            items=(Item("item.book", 1, "18.00"),),
        ),
    )
}
