from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from apps.core.names.rules import NameMatch


class WhyNotPossible(StrEnum):
    """Why a name could not be checked. For the audit trail: the payer is told that it could not, and no more."""

    NONE = ""
    LIMIT = "limit"
    NO_SUCH_ACCOUNT = "no_such_account"
    NOT_ANSWERED = "not_answered"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    UNUSABLE_ANSWER = "unusable_answer"


@dataclass(frozen=True, slots=True)
class PayeeVerification:
    """What the check came to. ``matched_name`` is the payee's real name, with a close match and never otherwise."""

    outcome: NameMatch
    matched_name: str = ""
    why: WhyNotPossible = WhyNotPossible.NONE

    def __post_init__(self) -> None:
        if bool(self.matched_name) != (self.outcome == NameMatch.CMTC):
            raise ValueError("a name is shown with a close match, and only then")


def not_possible(why: WhyNotPossible) -> PayeeVerification:
    """The name could not be checked."""
    return PayeeVerification(NameMatch.NOAP, why=why)


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf a name is looked up, and so whose count it is."""

    key: str

    @classmethod
    def customer(cls, psu_id: UUID) -> "Asker":
        """A customer who is signed in."""
        return cls(f"psu:{psu_id}")

    @classmethod
    def files_of(cls, psu_id: UUID) -> "Asker":
        """The same customer for the payments of a file: counted apart, for they are many."""
        return cls(f"psu:{psu_id}:files")

    @classmethod
    def app(cls, app_id: UUID, *, account_id: UUID) -> "Asker":
        """A TPP's app for the holder of an account, whoever that will turn out to be."""
        return cls(f"app:{app_id}:{account_id}")
