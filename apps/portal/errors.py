"""What a customer is told when a room says no: one row for each error, or for the error that it is a kind of."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.queries import AccountBlocked, DebitNotAllowed
from apps.authserver.refusals import AuthorizationNotProved, AuthorizationRequestClosed
from apps.bulk.services import PaymentFileStatusInvalid, TooLateToCancelFile, TooManyFilesWaiting
from apps.consents.services import (
    AccessExceeded,
    AccessNotGranted,
    AccountsNotYours,
    ConsentExpired,
    ConsentNotConfirmable,
    ConsentNotValid,
    ConsentStatusInvalid,
)
from apps.consents.services import RequestIdReused as ConsentRequestIdReused
from apps.core.bic import InvalidBIC
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.core.iban import InvalidIBAN, OutsideSEPA
from apps.core.money import InvalidAmount
from apps.core.text import UnsafeText
from apps.fraud.services import NotReportable, ReportedAlready, ReportTooLate
from apps.payments.limits import LimitChangeOver, LimitExceeded, LimitTooHigh
from apps.payments.products import CreditorAgentMissing, OrdinaryTransferSuffices
from apps.payments.recurrence import DayNotOfFrequency, EndTooEarly, StartTooEarly, StartTooFar
from apps.payments.scheduling import ExecutionDatePast, ExecutionDateTooFar
from apps.payments.services import (
    CodeNeeded,
    CurrencyNotSupported,
    DebtorAccountNotYours,
    PaymentStatusInvalid,
    RequestIdReused,
    SameAccount,
    SignedAlready,
    TooLateToCancel,
)
from apps.payments.standing_orders import StandingOrderStatusInvalid
from apps.payments.trusted_payees import PayeeTrustedAlready, TrustedPayeeChangeOver
from apps.receipts.queries import EvidenceDiffers
from apps.receipts.services import ReceiptKeyUnreadable
from apps.sca.rules import CodeMalformed
from apps.sca.services import (
    AccessChangeOver,
    AuthorisationOver,
    CodeRefused,
    DynamicLinkBroken,
    EnrolmentOver,
    NotAnsweredYet,
    PasskeyAnswerMalformed,
    PasskeyNotAccepted,
    ReactivationOver,
    TextMessageNotEnough,
    TokenRefused,
    TooManyCodes,
    TooManyDevices,
    WeakPIN,
)
from apps.statements.rules import (
    PeriodBeforeOpening,
    PeriodEndsBeforeItBegins,
    PeriodInFuture,
    PeriodNotOffered,
    PeriodTooLong,
    StatementDoesNotAddUp,
    TooManyForPDF,
)
from apps.web.errors import page_not_found


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and words of the page that answers an error."""

    status: int
    title: str | Promise
    text: str | Promise


_OVER = Answer(
    409,
    _("This is over"),
    _("It was answered, cancelled or left lying too long. Nothing was changed."),
)
_NOT_FROM_HERE = Answer(
    403,
    _("You may not pay from this account"),
    _("The payment was not approved. Choose another account, or call us."),
)
_NO_RECEIPT = Answer(
    503,
    _("We cannot give you this receipt right now"),
    _("Something about it is not in order. We are looking into it. Try again later."),
)

ANSWERS: dict[type[DomainError], Answer] = {
    NotFound: Answer(404, _("We cannot find this page"), _("It does not exist, or it is not yours to see.")),
    InvalidInput: Answer(
        400,
        _("We could not read this request"),
        _("Something in the form was not in order. Go back and try again."),
    ),
    # The code
    CodeMalformed: Answer(
        400, _("The code has six digits"), _("Enter the six digits from our text message.")
    ),
    CodeRefused: Answer(
        403, _("This did not work"), _("The code was not accepted. It may be wrong, used or too old.")
    ),
    DynamicLinkBroken: Answer(
        409,
        _("What you were about to approve has changed"),
        _("Your code was made for other details, so it is void now. Nothing was approved."),
    ),
    TooManyCodes: Answer(
        429,
        _("We cannot send you another code right now"),
        _(
            "You asked for several codes in a short time, or signing is paused after failed attempts. Wait ten minutes."
        ),
    ),
    TextMessageNotEnough: Answer(
        403,
        _("A text message is not enough for this amount"),
        _(
            "Sign with a passkey, our app or a token. If you have none, add one under Security in online banking:"
            " it takes a few minutes. Nothing was signed."
        ),
    ),
    AuthorisationOver: _OVER,
    PasskeyAnswerMalformed: Answer(
        400,
        _("Your device did not answer"),
        _("The browser sent no passkey. Try again, or use a text message instead."),
    ),
    PasskeyNotAccepted: Answer(
        400,
        _("This passkey cannot be used here"),
        _("The device’s answer was not the one that was asked for. Nothing was added; try again."),
    ),
    NotAnsweredYet: Answer(
        409,
        _("Your app has not answered yet"),
        _("Open it on your telephone and approve there, or choose another way."),
    ),
    TooManyDevices: Answer(
        409, _("You have ten of these"), _("Remove one that you no longer use before you add another.")
    ),
    EnrolmentOver: Answer(
        409,
        _("This took too long, or was done already"),
        _("No device was added. Begin again under Security."),
    ),
    TokenRefused: Answer(
        403,
        _("This token was not bound"),
        _("The serial number or the digits were wrong too often. Begin again, or call us."),
    ),
    WeakPIN: Answer(
        400,
        _("Too easy to guess"),
        _("Choose a PIN that is no row of equal or following digits."),
    ),
    AccessChangeOver: Answer(
        409,
        _("This took too long, or was done already"),
        _("Nothing was added. Begin again under Security."),
    ),
    ReactivationOver: Answer(
        409,
        _("This took too long, or was done already"),
        _("Begin again with another code. If you have none left, call us or come to a branch."),
    ),
    # Payments
    PaymentStatusInvalid: _OVER,
    CodeNeeded: Answer(
        409, _("This payment takes a code"), _("Check it once more and have the code sent to you.")
    ),
    NotReportable: Answer(
        409, _("There is nothing to report"), _("No money has left your account for this payment.")
    ),
    ReportTooLate: Answer(
        409,
        _("It is too late to report this payment"),
        _("The law gives 13 months from the day on which the money left the account. Call us all the same."),
    ),
    ReportedAlready: Answer(
        409,
        _("This payment was reported before"),
        _("Its page says how it stands. Call us with anything new."),
    ),
    SignedAlready: Answer(
        409,
        _("You have signed this already"),
        _("Now another holder of the account has to sign. Until then you can take it back."),
    ),
    TooLateToCancel: Answer(
        409,
        _("It is too late to cancel this payment"),
        _("It could be cancelled until the end of the business day before its day."),
    ),
    CurrencyNotSupported: Answer(400, _("Only euro"), _("This transfer can be made in euro only.")),
    LimitExceeded: Answer(
        400, _("This is more than your limit"), _("Pay less, or change your limits under Security.")
    ),
    LimitChangeOver: _OVER,
    TrustedPayeeChangeOver: _OVER,
    StandingOrderStatusInvalid: _OVER,
    SameAccount: Answer(
        400, _("Payer and payee are the same account"), _("Choose another account or enter another IBAN.")
    ),
    DebtorAccountNotYours: _NOT_FROM_HERE,
    DebitNotAllowed: _NOT_FROM_HERE,
    AccountBlocked: Answer(403, _("This account is blocked"), _("Call us to find out why.")),
    RequestIdReused: Answer(
        409,
        _("This form was sent before with other details"),
        _("Look at your payments first; then start a new one if it is still needed."),
    ),
    # Files of payments
    PaymentFileStatusInvalid: _OVER,
    TooLateToCancelFile: Answer(
        409,
        _("It is too late to cancel this file"),
        _("It could be cancelled until the end of the business day before its first day."),
    ),
    TooManyFilesWaiting: Answer(
        429,
        _("Other files of yours are still being checked"),
        _("Wait until they are, then upload this one."),
    ),
    # Consents
    ConsentStatusInvalid: _OVER,
    ConsentNotValid: _OVER,
    ConsentExpired: _OVER,
    ConsentRequestIdReused: _OVER,
    AccessExceeded: _OVER,
    ConsentNotConfirmable: Answer(
        403, _("Sign in once more"), _("We could not match this to your code. Nothing was allowed.")
    ),
    AccountsNotYours: Answer(
        403,
        _("These are not your accounts"),
        _("The request names accounts that do not belong to you, so nothing can be allowed."),
    ),
    AccessNotGranted: Answer(400, _("Choose at least one account"), _("Nothing was allowed yet.")),
    AuthorizationRequestClosed: _OVER,
    # Statements
    PeriodNotOffered: Answer(
        404,
        _("There is no such statement"),
        _("Choose another month or period on the page of your statements."),
    ),
    TooManyForPDF: Answer(
        409,
        _("Too many bookings for a PDF"),
        _(
            "There are more than 20,000 bookings in this period. Choose CSV, camt.053 or MT940, or a shorter period."
        ),
    ),
    StatementDoesNotAddUp: Answer(
        503,
        _("We cannot give you this statement right now"),
        _(
            "Something in it does not add up, so we do not hand it out. We are looking into it. Try again later."
        ),
    ),
    # Receipts
    EvidenceDiffers: _NO_RECEIPT,
    ReceiptKeyUnreadable: _NO_RECEIPT,
    AuthorizationNotProved: _OVER,
}

FIELD_TEXTS: dict[type[DomainError], str | Promise] = {
    InvalidIBAN: _("This is not a valid IBAN. Check it for a typing error."),
    OutsideSEPA: _("This country is outside the euro payments area (SEPA). Choose a transfer abroad."),
    InvalidBIC: _("This is not a valid BIC. It has 8 or 11 letters and digits."),
    CreditorAgentMissing: _("For a transfer abroad we need the BIC of the payee’s bank."),
    OrdinaryTransferSuffices: _(
        "An ordinary transfer reaches this account without a fee. Choose “Ordinary” or “Instant”."
    ),
    InvalidAmount: _("Enter an amount above zero, such as 12.34 or 12,34."),
    UnsafeText: _("This contains characters that we cannot send, or is too long."),
    SameAccount: _("This is the account you pay from."),
    PeriodEndsBeforeItBegins: _("The last day is before the first."),
    PeriodInFuture: _("The last day may be today at the latest."),
    PeriodTooLong: _("A period may have 13 months at most. Choose a later first day or an earlier last one."),
    PeriodBeforeOpening: _("The account did not exist yet."),
    TooManyForPDF: _(
        "More than 20,000 bookings are too many for a PDF. Choose another format or a shorter period."
    ),
    StartTooEarly: _("The first time must be tomorrow or later, on a business day. Choose a later day."),
    StartTooFar: _("It can begin within one year at most. Choose an earlier day."),
    EndTooEarly: _("Until this day nothing would be paid. Choose a later day, or leave it empty."),
    DayNotOfFrequency: _("A day of the month goes only with months. Leave it as it is."),
    PayeeTrustedAlready: _("This IBAN is on your list already."),
    LimitTooHigh: _("This is more than the bank allows."),
    ExecutionDatePast: _("This day is over. Choose today or a later day."),
    ExecutionDateTooFar: _("We keep orders for one year at most. Choose an earlier day."),
}


def answer_for(error: DomainError) -> Answer:
    """The row of the error's class, or of the nearest class it is a kind of."""
    return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)


def field_text(error: DomainError) -> str:
    """The words under a form's field."""
    return str(next(FIELD_TEXTS[kind] for kind in type(error).__mro__ if kind in FIELD_TEXTS))


def render_refusal(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The page for an error that no view has an answer of its own to. Missing and not yours look the same."""
    if isinstance(error, NotFound):
        return page_not_found(request)
    answer = answer_for(error)
    return render(request, "portal/refusal.html", {"answer": answer}, status=answer.status)
