"""Asking another bank whether a name belongs to one of its IBANs: the interface, and what stands for it in the sandbox.

The other bank compares; we get its answer and never its customers' names, but for a close match.
"""

import time
from dataclasses import dataclass
from typing import Protocol

from apps.core.iban import bank_code_of, make_iban
from apps.core.names.matching import compare_names
from apps.core.names.rules import NameMatch


@dataclass(frozen=True, slots=True)
class DirectoryAnswer:
    """What the payee's bank says; ``matched_name`` goes with a close match only. Text from outside: not yet checked."""

    outcome: str
    matched_name: str = ""


class PayeeDirectory(Protocol):
    """What a way to other banks' Verification of Payee must offer.

    It may raise anything and take any time: the caller treats both as "could not be checked". It runs in a thread of
    its own and must not use the database.
    """

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer: ...


class NoPayeeDirectory:
    """No way to other banks is attached: every check is "not possible"."""

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        return DirectoryAnswer(NameMatch.NOAP)


# Banks of the sandbox by their bank code: with customers, out of reach, and too slow.
OPEN_BANK, UNREACHABLE_BANK, SLOW_BANK = "20099910", "50099930", "70099940"
_CUSTOMERS = {
    "1000000011": ("Jürgen Möller",),
    "1000000012": ("Katharina Berger", "Tobias Berger"),
    "1000000013": ("Weingut Ziegler GmbH & Co. KG",),
    "1000000014": ("Hans-Peter Lüdenscheidt",),
}
# The payees of the demo TPP's shop, and of the examples.
_ELSEWHERE = {
    "DE02120300000000202051": ("Möbelhaus Kern GmbH",),
    "DE02500105170137075030": ("Rösterei Nordwind e.K.",),
    "DE02300209000106531065": ("Buchhandlung Am Markt, Inh. Petra Lindner",),
}


class SimulatedPayeeDirectory:
    """A handful of accounts at other banks, answered by the same comparison; all others cannot be checked."""

    def verify(self, *, name: str, iban: str, timeout_seconds: float) -> DirectoryAnswer:
        bank = bank_code_of(iban) if iban.startswith("DE") else ""
        if bank == UNREACHABLE_BANK:
            raise ConnectionRefusedError("the bank is out of reach")
        if bank == SLOW_BANK:
            time.sleep(timeout_seconds + 1)
        holders = simulated_accounts().get(iban)
        if holders is None:
            return DirectoryAnswer(NameMatch.NOAP)
        comparison = compare_names(given=name, holders=holders)
        return DirectoryAnswer(comparison.outcome, comparison.matched_name)


def simulated_accounts() -> dict[str, tuple[str, ...]]:
    """The IBANs of the simulated directory and who holds them."""
    return _ELSEWHERE | {
        make_iban(country="DE", bank_code=OPEN_BANK, account_number=number): names
        for number, names in _CUSTOMERS.items()
    }
