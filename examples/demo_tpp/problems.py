"""What went wrong, said once for the pages and the JSON API: status, stable code, text, the bank's own messages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from examples.demo_tpp.bank import BankAnswerInvalid, BankFault, BankRefused, BankUnavailable
from examples.demo_tpp.directory import InvalidIBAN, UnknownBank
from examples.demo_tpp.enrolment import BankSaidNo, CallbackRefused, EnrolmentOver, NotEnrolled
from examples.demo_tpp.payment import InvalidOrder, describe
from examples.demo_tpp.sso import SSOTokenRefused
from examples.demo_tpp.users import LogInRefused, RegistrationRefused


class BadRequest(Exception):
    """The request's form is wrong: not JSON, a field missing, unknown or of the wrong type."""


class NotThere(Exception):
    """There is no such enrolment or payment, or it is another user's."""


@dataclass(frozen=True, slots=True)
class Problem:
    """``text`` is a key of texts.py; ``detail`` is said in the bank's or our own English words."""

    status: int
    code: str
    text: str
    params: dict[str, str] = field(default_factory=dict)
    detail: str = ""
    messages: list[dict[str, str]] = field(default_factory=list)
    request_id: str = ""
    enrolment: str = ""


# Every exception that a user may meet; what is missing here is a fault of ShopPay and answered with 500.
EXPECTED = (
    BadRequest,
    BankFault,
    BankSaidNo,
    CallbackRefused,
    EnrolmentOver,
    InvalidIBAN,
    InvalidOrder,
    LogInRefused,
    NotEnrolled,
    NotThere,
    RegistrationRefused,
    SSOTokenRefused,
    UnknownBank,
)


def explain(error: Exception) -> Problem:
    """The problem behind one of the EXPECTED exceptions."""
    match error:
        case BadRequest():
            return Problem(400, "invalid_request", "problem.request", detail=str(error))
        case NotThere():
            return Problem(404, "not_found", "problem.http.404")
        case SSOTokenRefused(reason="scope"):
            return Problem(403, "insufficient_scope", "problem.sso.scope", detail=str(error))
        case SSOTokenRefused():
            return Problem(401, "invalid_token", f"problem.sso.{error.reason}", detail=str(error))
        case LogInRefused():
            return Problem(401, "log_in_refused", "problem.log_in")
        case RegistrationRefused():
            return Problem(400, f"registration_{error.reason}", f"problem.register.{error.reason}")
        case InvalidIBAN():
            return Problem(400, "invalid_iban", "problem.iban")
        case UnknownBank():
            name = error.name or f"{error.country} {error.bank_code}"
            return Problem(422, "unknown_bank", "problem.unknown_bank", {"bank": name})
        case InvalidOrder():
            return Problem(400, f"invalid_{error.field}", f"problem.order.{error.field}", detail=str(error))
        case NotEnrolled():
            return Problem(409, "enrol_first", "problem.enrol_first", {"iban": grouped(error.iban)})
        case CallbackRefused():
            return Problem(
                400, f"callback_{error.reason}", f"problem.callback.{error.reason}", enrolment=error.enrolment
            )
        case BankSaidNo():
            known = error.error in ("access_denied", "server_error", "temporarily_unavailable")
            return Problem(
                403 if error.error == "access_denied" else 502,
                "bank_denied",
                f"problem.denied.{error.error}" if known else "problem.denied.other",
                messages=[{"category": "ERROR", "code": error.error, "text": error.description, "path": ""}],
                enrolment=error.enrolment,
            )
        case EnrolmentOver():
            cause: dict[str, Any] = {}
            if isinstance(error.cause, BankRefused):
                cause = {"messages": describe(error.cause), "request_id": error.cause.request_id}
            return Problem(
                409, "enrolment_over", "problem.enrolment_over", enrolment=error.enrolment, **cause
            )
        case BankRefused():
            return Problem(
                422,
                "bank_refused",
                "problem.bank_refused",
                messages=describe(error),
                request_id=error.request_id,
            )
        case BankUnavailable():
            return Problem(503, "bank_unavailable", "problem.bank_unavailable", detail=str(error))
        case BankAnswerInvalid() | BankFault():
            return Problem(502, "bank_answer_invalid", "problem.bank_answer", detail=str(error))
    raise error


def grouped(iban: str) -> str:
    """``DE02120300000000202051`` -> ``DE02 1203 0000 0000 2020 51``."""
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))
