"""What kind of booking a line is, in the code lists of each format."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.ledger.rules import EntryKind
from apps.statements.rules import StatementLine


@dataclass(frozen=True, slots=True)
class BookingCode:
    """One row of the table.

    ``domain``, ``family`` and ``sub_family`` are ISO 20022 external codes (BkTxCd); ``gvc`` is the business
    transaction code and ``gvc_text`` the posting text of the German banks (field 86), ``swift`` the type in field 61;
    ``text`` is for people.
    """

    domain: str
    family: str
    sub_family: str
    gvc: str
    gvc_text: str
    swift: str
    text: Promise | str


_SENT = BookingCode("PMNT", "ICDT", "ESCT", "116", "UEBERWEISUNG", "NTRF", _("Transfer"))
_RECEIVED = BookingCode("PMNT", "RCDT", "ESCT", "166", "GUTSCHRIFT", "NTRF", _("Credit"))
_RETURNED = BookingCode("PMNT", "ICDT", "RRTN", "159", "RUECKUEBERWEISUNG", "NRTI", _("Returned transfer"))
_SENT_BACK = BookingCode("PMNT", "RCDT", "RRTN", "159", "RUECKUEBERWEISUNG", "NRTI", _("Credit sent back"))
_REFUNDED = BookingCode(
    "PMNT", "MCOP", "OTHR", "835", "GUTSCHRIFT", "NMSC", _("Refund of a payment you did not authorise")
)
_FEE = BookingCode("ACMT", "MDOP", "CHRG", "808", "GEBUEHREN", "NCHG", _("Fee"))
_INTEREST_PAID = BookingCode("ACMT", "MDOP", "INTR", "814", "ZINSEN", "NINT", _("Overdraft interest"))
_INTEREST_EARNED = BookingCode("ACMT", "MCOP", "INTR", "814", "ZINSEN", "NINT", _("Credit interest"))
_COLLECTED = BookingCode("ACMT", "MDOP", "CHRG", "808", "GEBUEHREN", "NCHG", _("Charge collected later"))
_OTHER_CREDIT = BookingCode("PMNT", "MCOP", "OTHR", "835", "GUTSCHRIFT", "NMSC", _("Credit"))
_OTHER_DEBIT = BookingCode("PMNT", "MDOP", "OTHR", "835", "BELASTUNG", "NMSC", _("Debit"))

_CODES: dict[tuple[str, bool], BookingCode] = {
    (EntryKind.CREDIT_TRANSFER, False): _SENT,
    (EntryKind.CREDIT_TRANSFER, True): _RECEIVED,
    (EntryKind.INCOMING_CREDIT_TRANSFER, True): _RECEIVED,
    (EntryKind.CREDIT_TRANSFER_RETURN, True): _RETURNED,
    (EntryKind.CREDIT_TRANSFER_RETURN, False): _SENT_BACK,
    (EntryKind.UNAUTHORISED_REFUND, True): _REFUNDED,
    (EntryKind.FEE, False): _FEE,
    (EntryKind.OVERDRAFT_INTEREST, False): _INTEREST_PAID,
    (EntryKind.CREDIT_INTEREST, True): _INTEREST_EARNED,
    (EntryKind.CHARGE_COLLECTION, False): _COLLECTED,
}


def code_of(line: StatementLine) -> BookingCode:
    """The codes of a line; of "other" for kinds of entries that have none of their own."""
    return _CODES.get((line.kind, line.is_credit)) or (_OTHER_CREDIT if line.is_credit else _OTHER_DEBIT)
