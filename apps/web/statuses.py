"""Stored status literals in the words of the people who read the pages. One table for all shells.

The specifications' literals are what is stored and what the API says; only pages translate them.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class StatusLook:
    """Words, tone and icon: never colour alone (WCAG 1.4.1)."""

    text: str | Promise
    tone: str
    icon: str


STATUS_LOOKS: dict[str, StatusLook] = {
    # consentStatus
    "received": StatusLook(_("Waiting for approval"), "info", "hourglass"),
    "rejected": StatusLook(_("Rejected"), "danger", "x"),
    "partiallyAuthorised": StatusLook(_("Waiting for the second approval"), "info", "hourglass"),
    "valid": StatusLook(_("Active"), "ok", "check"),
    "revokedByPsu": StatusLook(_("Stopped by the customer"), "danger", "x"),
    "expired": StatusLook(_("Expired"), "neutral", "clock"),
    "terminatedByTpp": StatusLook(_("Ended by the app"), "neutral", "x"),
    # transactionStatus (ISO 20022)
    "RCVD": StatusLook(_("Waiting for approval"), "info", "hourglass"),
    "PDNG": StatusLook(_("In progress"), "info", "hourglass"),
    "PATC": StatusLook(_("Waiting for the second approval"), "info", "hourglass"),
    "ACTC": StatusLook(_("Approved, in progress"), "info", "hourglass"),
    "ACFC": StatusLook(_("Funds checked, in progress"), "info", "hourglass"),
    "ACCP": StatusLook(_("Approved, in progress"), "info", "hourglass"),
    "ACSP": StatusLook(_("On its way"), "info", "send"),
    "ACWC": StatusLook(_("Accepted with a change"), "warn", "info"),
    "ACSC": StatusLook(_("Paid"), "ok", "check"),
    "PART": StatusLook(_("Partly paid"), "warn", "info"),
    "ACCC": StatusLook(_("Arrived"), "ok", "check"),
    "RJCT": StatusLook(_("Not carried out"), "danger", "x"),
    "CANC": StatusLook(_("Cancelled"), "neutral", "x"),
    # scaStatus
    "psuIdentified": StatusLook(_("Started"), "info", "hourglass"),
    "psuAuthenticated": StatusLook(_("Password accepted"), "info", "hourglass"),
    "scaMethodSelected": StatusLook(_("Code sent"), "info", "message-square"),
    "started": StatusLook(_("Started"), "info", "hourglass"),
    "unconfirmed": StatusLook(_("Waiting for confirmation"), "info", "hourglass"),
    "finalised": StatusLook(_("Approved"), "ok", "check"),
    "failed": StatusLook(_("Failed"), "danger", "x"),
    "exempted": StatusLook(_("No code needed"), "neutral", "check"),
    # companies, apps, keys, accounts, messages
    "active": StatusLook(_("Active"), "ok", "check"),
    "blocked": StatusLook(_("Blocked"), "danger", "ban"),
    "suspended": StatusLook(_("Suspended"), "warn", "ban"),
    "retired": StatusLook(_("Retired"), "neutral", "clock"),
    "enabled": StatusLook(_("Open"), "ok", "check"),
    "deleted": StatusLook(_("Closed"), "neutral", "x"),
    "pending": StatusLook(_("Waiting"), "info", "hourglass"),
    "sent": StatusLook(_("Sent"), "ok", "check"),
    "done": StatusLook(_("Done"), "ok", "check"),
    "dead": StatusLook(_("Given up"), "danger", "x"),
    # screening
    "cleared": StatusLook(_("Not this person"), "ok", "check"),
    "confirmed": StatusLook(_("True match"), "danger", "ban"),
    "running": StatusLook(_("In progress"), "info", "hourglass"),
    "superseded": StatusLook(_("Overtaken"), "neutral", "clock"),
    # proposals of staff
    "declined": StatusLook(_("Declined"), "neutral", "x"),
    # transaction monitoring: levels, factors, cases
    "none": StatusLook(_("Not assessed"), "neutral", "info"),
    "low": StatusLook(_("Low risk"), "ok", "check"),
    "medium": StatusLook(_("Medium risk"), "warn", "info"),
    "high": StatusLook(_("High risk"), "danger", "alert-triangle"),
    "clear": StatusLook(_("Nothing found"), "ok", "check"),
    "found": StatusLook(_("Found"), "warn", "alert-triangle"),
    "unknown": StatusLook(_("Unknown"), "warn", "info"),
    "not_applicable": StatusLook(_("Does not apply"), "neutral", "info"),
    "closed": StatusLook(_("Looked at"), "ok", "check"),
    # instructions to the clearing house
    "submitted": StatusLook(_("Handed over"), "info", "send"),
    "accepted": StatusLook(_("Settled"), "ok", "check"),
    "timed_out": StatusLook(_("Timed out"), "danger", "clock"),
    "returned": StatusLook(_("Sent back"), "warn", "undo-2"),
    # transfers from other banks, messages, differences, recalls
    "answered": StatusLook(_("Accepted"), "info", "hourglass"),
    "arrived": StatusLook(_("Received"), "info", "hourglass"),
    "booked": StatusLook(_("Booked"), "ok", "check"),
    "returning": StatusLook(_("On its way back"), "info", "undo-2"),
    "waiting": StatusLook(_("Waiting"), "info", "hourglass"),
    "read": StatusLook(_("Carried out"), "ok", "check"),
    "refused": StatusLook(_("Refused"), "danger", "x"),
    "open": StatusLook(_("Open"), "warn", "alert-triangle"),
    "solved": StatusLook(_("Solved"), "ok", "check"),
    "requested": StatusLook(_("Asked for"), "info", "hourglass"),
    "paid": StatusLook(_("Paid back"), "ok", "check"),
}


def status_look(status: str) -> StatusLook:
    """How to show ``status``; a literal nobody gave words to is shown as it is, neutral."""
    return STATUS_LOOKS.get(status) or StatusLook(status, "neutral", "info")
