"""What staff are told when a room says no: one table from error to words."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.queries import AccountBlocked, DebitNotAllowed
from apps.accounts.services import NobodyCouldSign
from apps.clearing.services import DifferenceSolved, RecallNotPossible
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
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.fraud.services import (
    ExemptionNotRestorable,
    NothingToNote,
    NotReportable,
    ReportDecided,
    ReportedAlready,
    ReportTooLate,
)
from apps.identity.services import OwnProposal, ProposalOver, ProposedAlready
from apps.ledger.services import AccountNotPostable, EntryClash, ExceedsBalance, HoldEnded
from apps.notifications.gateways import LetterNotSent, PushNotDelivered, SMSNotSent
from apps.payments.limits import LimitChangeOver, LimitExceeded
from apps.payments.services import (
    CodeNeeded,
    CurrencyNotSupported,
    DebtorAccountNotYours,
    PaymentStatusInvalid,
    RequestIdReused,
    SameAccount,
)
from apps.payments.standing_orders import StandingOrderStatusInvalid
from apps.payments.trusted_payees import TrustedPayeeChangeOver
from apps.risk.services import CaseDecided, ElementListed, ElementMalformed
from apps.sca.rules import CodeMalformed
from apps.sca.services import (
    AccessChangeOver,
    AuthorisationOver,
    CodeRefused,
    DynamicLinkBroken,
    ReactivationOver,
    TextMessageNotEnough,
    TokenNotInStock,
    TooManyCodes,
)
from apps.screening.services import HitDecided
from apps.tpp.services import AppNameTaken, KeyAlreadyRegistered, TooMany, TPPAlreadyRegistered, TPPNotActive

Words = str | Promise

_CODE_REFUSED = _(
    "This did not work. The user ID, the password or the code is not right, or the code is too old."
)


class CustomerUnknown(InvalidInput):
    """What staff have typed is no customer's user ID."""

    code = "customer_unknown"


_TOO_LATE = _("This is not possible any more: the status has changed meanwhile.")
_NOT_OURS = _("The bank's staff cannot do this.")

ANSWERS: dict[type[DomainError], Words] = {
    NotFound: _("This does not exist."),
    InvalidInput: _(
        "This text cannot be kept: it is empty, too long, or holds characters that are not shown."
    ),
    CustomerUnknown: _("There is no customer with this user ID."),
    TokenNotInStock: _(
        "Not handed out: the token is, or was, another customer’s, or it is out of use. A token serves one customer."
    ),
    CodeMalformed: _("The code has 6 digits."),
    CodeRefused: _CODE_REFUSED,
    TooManyCodes: _CODE_REFUSED,
    TextMessageNotEnough: _NOT_OURS,
    DynamicLinkBroken: _CODE_REFUSED,
    AuthorisationOver: _TOO_LATE,
    AccessChangeOver: _NOT_OURS,
    ReactivationOver: _NOT_OURS,
    TPPNotActive: _TOO_LATE,
    ConsentStatusInvalid: _TOO_LATE,
    ConsentNotValid: _TOO_LATE,
    ConsentExpired: _TOO_LATE,
    PaymentStatusInvalid: _TOO_LATE,
    NobodyCouldSign: _(
        "Not changed: then nobody could pay from this account any more. Somebody has to sign alone, or two together."
    ),
    DifferenceSolved: _TOO_LATE,
    RecallNotPossible: _TOO_LATE,
    HitDecided: _TOO_LATE,
    CaseDecided: _TOO_LATE,
    ReportDecided: _TOO_LATE,
    NotReportable: _("No money has left the account for this payment, so there is nothing to report."),
    ReportTooLate: _("More than 13 months have passed since the money left the account."),
    ReportedAlready: _("This payment was reported before."),
    NothingToNote: _(
        "There is nothing to note: the rate was not above in this quarter, or it was noted before."
    ),
    ExemptionNotRestorable: _(
        "Not changed: a quarter at or below the reference rate has to follow first, and the authority has to be told."
    ),
    ProposedAlready: _("Not proposed: the same waits for a second member of staff already."),
    ProposalOver: _TOO_LATE,
    OwnProposal: _("You proposed this yourself: somebody else has to confirm it."),
    ElementListed: _("Not changed: it is on the list already, or was taken off it meanwhile."),
    ElementMalformed: _("This is no IBAN, no network and no device, or not of the kind that was chosen."),
    # What customers, TPPs and the engine may run into, and staff never should.
    TPPAlreadyRegistered: _NOT_OURS,
    AppNameTaken: _NOT_OURS,
    KeyAlreadyRegistered: _NOT_OURS,
    TooMany: _NOT_OURS,
    AccessExceeded: _NOT_OURS,
    AccessNotGranted: _NOT_OURS,
    AccountsNotYours: _NOT_OURS,
    ConsentNotConfirmable: _NOT_OURS,
    ConsentRequestIdReused: _NOT_OURS,
    RequestIdReused: _NOT_OURS,
    CurrencyNotSupported: _NOT_OURS,
    DebtorAccountNotYours: _NOT_OURS,
    SameAccount: _NOT_OURS,
    CodeNeeded: _NOT_OURS,
    LimitExceeded: _NOT_OURS,
    LimitChangeOver: _NOT_OURS,
    TrustedPayeeChangeOver: _NOT_OURS,
    StandingOrderStatusInvalid: _NOT_OURS,
    AccountBlocked: _NOT_OURS,
    DebitNotAllowed: _NOT_OURS,
    AccountNotPostable: _NOT_OURS,
    EntryClash: _NOT_OURS,
    ExceedsBalance: _NOT_OURS,
    HoldEnded: _NOT_OURS,
    SMSNotSent: _NOT_OURS,
    LetterNotSent: _NOT_OURS,
    PushNotDelivered: _NOT_OURS,
}


def words_for(error: DomainError) -> Words:
    """The words for the error, or for the nearest error that it is a kind of."""
    return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)
