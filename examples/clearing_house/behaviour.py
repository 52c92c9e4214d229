"""What the house does with a transfer of the bank's: as the payee's account number says, or as it was told to.

Every German IBAN whose last ten digits are in the table is at a bank that behaves in this way; any other is paid.
"""

from __future__ import annotations

from typing import NamedTuple

LATE_SECONDS = 12.0


class Behaviour(NamedTuple):
    """``act`` is one of ACTS; ``reason`` an ISO 20022 code; ``seconds`` how much later the answer goes out."""

    act: str
    reason: str = ""
    seconds: float = 0.0


PAY = Behaviour("pay")
ACTS = {
    "pay": "settles it and says so",
    "reject": "refuses it",
    "return": "settles it, and the money comes back afterwards",
    "return_first": "the same, but the message about the return overtakes the one about the settlement",
    "silent": "takes it, never settles and never answers",
    "late": "settles it and says so after the time for an instant payment",
    "twice": "settles it once and sends every message about it twice",
    "unreported": "settles it and says so, and forgets it in the report of the cycle",
    "misreported": "settles it and says so, and reports one cent too much",
    "keep": "settles it; the payee does not give the money back when it is recalled",
}
MAGIC_ACCOUNTS = {
    "9999999999": Behaviour("reject", "AC04"),
    "9999999001": Behaviour("reject", "AC01"),
    "9999999002": Behaviour("return", "AC04"),
    "9999999003": Behaviour("silent"),
    "9999999004": Behaviour("late", seconds=LATE_SECONDS),
    "9999999005": Behaviour("twice"),
    "9999999006": Behaviour("return_first", "MD07"),
    "9999999007": Behaviour("unreported"),
    "9999999008": Behaviour("misreported"),
    "9999999009": Behaviour("keep"),
}


def behaviour_for(creditor_iban: str) -> Behaviour:
    """What happens to a transfer to this IBAN when nothing else was ordered."""
    return MAGIC_ACCOUNTS.get(creditor_iban[-10:], PAY)
