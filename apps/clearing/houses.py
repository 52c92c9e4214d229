"""Clearing houses: the interface, and the simulated one that stands for SEPA until real rails are attached."""

from dataclasses import dataclass
from typing import Protocol

from apps.clearing.models import ClearingInstruction

# An account number of nothing but nines stands for an account that its bank has closed.
CLOSED_ACCOUNT_TAIL = "9999999999"


@dataclass(frozen=True, slots=True)
class ClearingAnswer:
    """What the other side says: accepted, or refused with an ISO 20022 reason code."""

    accepted: bool
    reason: str = ""


class ClearingHouse(Protocol):
    """What rails must offer. The same instruction twice must get the same answer and move money once."""

    def submit(self, *, instruction: ClearingInstruction) -> ClearingAnswer: ...


class SimulatedClearingHouse:
    """Accepts everything but transfers to closed accounts, which come back with AC04."""

    def submit(self, *, instruction: ClearingInstruction) -> ClearingAnswer:
        if instruction.creditor_iban.endswith(CLOSED_ACCOUNT_TAIL):
            return ClearingAnswer(accepted=False, reason="AC04")
        return ClearingAnswer(accepted=True)
