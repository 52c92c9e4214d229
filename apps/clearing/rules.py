from django.db import models
from django.utils.translation import gettext_lazy as _


class Rail(models.TextChoices):
    """On what rails money travels: ordinary transfers together at the end of a cycle, all others each at once."""

    SCT = "sct", _("SEPA credit transfer")
    INST = "inst", _("SEPA instant")
    T2 = "t2", _("TARGET")
    XB = "xb", _("abroad")


class InstructionStatus(models.TextChoices):
    """Life of an instruction to the clearing house."""

    SUBMITTED = "submitted", _("submitted")
    SENT = "sent", _("sent")
    ACCEPTED = "accepted", _("settled")
    REJECTED = "rejected", _("rejected")
    TIMED_OUT = "timed_out", _("timed out")
    RETURNED = "returned", _("returned")


TRANSITIONS: dict[str, frozenset[str]] = {
    InstructionStatus.SUBMITTED: frozenset(
        {
            InstructionStatus.SENT,
            InstructionStatus.ACCEPTED,
            InstructionStatus.REJECTED,
            InstructionStatus.TIMED_OUT,
            InstructionStatus.RETURNED,
        }
    ),
    InstructionStatus.SENT: frozenset(
        {
            InstructionStatus.ACCEPTED,
            InstructionStatus.REJECTED,
            InstructionStatus.TIMED_OUT,
            InstructionStatus.RETURNED,  # The return may overtake the word that it was settled.
        }
    ),
    InstructionStatus.ACCEPTED: frozenset({InstructionStatus.RETURNED}),
    InstructionStatus.REJECTED: frozenset(),
    InstructionStatus.TIMED_OUT: frozenset(),  # A late answer is noted beside it and never undoes it.
    InstructionStatus.RETURNED: frozenset(),
}


class Direction(models.TextChoices):
    """Who wrote a message."""

    OUT = "out", _("to the clearing house")
    IN = "in", _("from the clearing house")


class MessageStatus(models.TextChoices):
    """What became of a message: one of ours waits and is sent; one of theirs is received and then read."""

    WAITING = "waiting", _("waiting")
    SENT = "sent", _("sent")
    RECEIVED = "arrived", _("arrived")
    READ = "read", _("read")
    REFUSED = "refused", _("refused")


class IncomingStatus(models.TextChoices):
    """Life of a transfer from another bank."""

    RECEIVED = "arrived", _("arrived")
    ANSWERED = "answered", _("accepted")  # Instant: we said yes, the house has yet to settle.
    BOOKED = "booked", _("booked")
    RETURNING = "returning", _("on its way back")
    RETURNED = "returned", _("returned")
    REJECTED = "rejected", _("rejected")  # Instant: it never was settled.


class DifferenceKind(models.TextChoices):
    """How the clearing house's account of things may differ from the bank's own."""

    NOT_BOOKED = "not_booked", _("reported, not in our books")
    NOT_REPORTED = "not_reported", _("in our books, not reported")
    AMOUNT = "amount", _("another amount")
    BALANCE = "balance", _("balances do not follow")
    LATE_ACCEPTANCE = "late_acceptance", _("settled after the payer was given the money back")
    CONTRADICTION = "contradiction", _("answers that contradict each other")
    UNKNOWN = "unknown", _("about a transfer that we do not know")
    RETURN_REFUSED = "return_refused", _("our return was refused")
    UNANSWERED = "unanswered", _("no answer")


class DifferenceStatus(models.TextChoices):
    """Whether somebody still has to look."""

    OPEN = "open", _("open")
    SOLVED = "solved", _("solved")


class RecallStatus(models.TextChoices):
    """What became of asking for money back (camt.056)."""

    REQUESTED = "requested", _("asked for")
    PAID = "paid", _("paid back")
    REFUSED = "refused", _("refused")


class RecallReason(models.TextChoices):
    """Why money is asked back: ISO 20022 ExternalCancellationReason1Code, as the SEPA rulebooks allow."""

    DUPL = "DUPL", _("sent twice")
    TECH = "TECH", _("technical problem")
    FRAD = "FRAD", _("fraud")
    AC03 = "AC03", _("wrong account of the payee")
    AM09 = "AM09", _("wrong amount")
    CUST = "CUST", _("the customer asks")


def may_change_status(*, current: str, new: str) -> bool:
    """Whether an instruction may go from one status to another."""
    return new in TRANSITIONS[current]


def is_answered(status: str) -> bool:
    """Whether the clearing house, or the time limit, has decided an instruction."""
    return status not in (InstructionStatus.SUBMITTED, InstructionStatus.SENT)


def refusal_of_credit(*, account_status: str | None) -> str:
    """Why an account cannot be credited (ISO 20022 return reason), or nothing. None: there is no such account."""
    return {None: "AC01", "deleted": "AC04", "blocked": "AC06"}.get(account_status, "")
