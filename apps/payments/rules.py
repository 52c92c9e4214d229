from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.names.rules import NameMatch

UNAUTHORISED_LIFE = timedelta(hours=24)
PARTLY_SIGNED_LIFE = timedelta(days=15)


class TransactionStatus(models.TextChoices):
    """transactionStatus of NextGenPSD2 (ISO 20022 ExternalPaymentTransactionStatus1Code)."""

    RCVD = "RCVD", _("waiting for you")
    PATC = "PATC", _("waiting for a second signature")
    ACTC = "ACTC", _("authorised")
    ACSP = "ACSP", _("on its way")
    ACSC = "ACSC", _("done")
    RJCT = "RJCT", _("refused")
    CANC = "CANC", _("cancelled")


TRANSITIONS: dict[str, frozenset[str]] = {
    TransactionStatus.RCVD: frozenset(
        {TransactionStatus.PATC, TransactionStatus.ACTC, TransactionStatus.RJCT, TransactionStatus.CANC}
    ),
    TransactionStatus.PATC: frozenset(
        {TransactionStatus.ACTC, TransactionStatus.RJCT, TransactionStatus.CANC}
    ),
    TransactionStatus.ACTC: frozenset(
        # Taken back while it waits for its day (PSD2 art. 80(4)).
        {TransactionStatus.ACSP, TransactionStatus.ACSC, TransactionStatus.RJCT, TransactionStatus.CANC}
    ),
    TransactionStatus.ACSP: frozenset({TransactionStatus.ACSC, TransactionStatus.RJCT}),
    TransactionStatus.ACSC: frozenset(),
    TransactionStatus.RJCT: frozenset(),
    TransactionStatus.CANC: frozenset(),
}
# It takes signatures: the first, or those after it.
SIGNABLE_STATUSES = (TransactionStatus.RCVD, TransactionStatus.PATC)
FINAL_STATUSES = frozenset(status for status, following in TRANSITIONS.items() if not following)


class Channel(models.TextChoices):
    """Through which door an order came."""

    PORTAL = "portal"
    XS2A = "xs2a"


class PaymentService(models.TextChoices):
    PAYMENTS = "payments"


class PaymentProduct(models.TextChoices):
    SEPA_CREDIT_TRANSFERS = "sepa-credit-transfers", _("SEPA transfer")
    INSTANT_SEPA_CREDIT_TRANSFERS = "instant-sepa-credit-transfers", _("SEPA instant transfer")
    TARGET_2_PAYMENTS = "target-2-payments", _("urgent transfer (TARGET)")
    CROSS_BORDER_CREDIT_TRANSFERS = "cross-border-credit-transfers", _("transfer abroad")


class ChargeBearer(models.TextChoices):
    """Who pays what the banks on the way charge: ISO 20022 ChargeBearerType1Code."""

    SLEV = "SLEV", _("each bank charges its own customer, as SEPA rules")
    SHAR = "SHAR", _("shared: you pay our fee, the payee those of the other banks")
    DEBT = "DEBT", _("you pay all fees")
    CRED = "CRED", _("the payee pays all fees")


class StatusReason(models.TextChoices):
    """Why an order was refused: ISO 20022 ExternalStatusReason1Code."""

    AB05 = "AB05", _("the other bank did not answer in time")
    AC01 = "AC01", _("the payee's account does not exist")
    AC04 = "AC04", _("an account is closed")
    AC06 = "AC06", _("an account is blocked")
    AG01 = "AG01", _("this account may not be used for it")
    AM04 = "AM04", _("not enough money on the account")
    AM14 = "AM14", _("it is more than your limit allows")
    CUST = "CUST", _("you cancelled it")
    DS02 = "DS02", _("it was not authorised in time")
    DS0A = "DS0A", _("the code was not accepted")
    MS03 = "MS03", _("the other bank refused it")
    NARR = "NARR", _("refused")


def has_to_be_confirmed(*, vop_requested: bool, name_match: str, is_confirmed: bool) -> bool:
    """Whether a TPP that asked for the check must have its customer confirm the payee before he can authorise
    (NextGenPSD2 1.3.16: any outcome but a match)."""
    return vop_requested and name_match != NameMatch.MTCH and not is_confirmed


def may_change_status(*, current: str, new: str) -> bool:
    """Whether a payment may go from one transactionStatus to another."""
    return new in TRANSITIONS[current]


def is_final(status: str) -> bool:
    """Whether nothing more happens to a payment in this status."""
    return status in FINAL_STATUSES
