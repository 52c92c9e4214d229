import re
from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput

# A developer chooses his user ID, and is told when it is taken. One of these signs in it keeps that from being a
# way to find out the user IDs of customers, which have none.
_MEMBER_USERNAME = re.compile(r"(?=.*[._@-])[a-z0-9][a-z0-9._@+-]{3,62}[a-z0-9]")


class InvalidUsername(InvalidInput):
    """Not the form of a developer's user ID."""

    code = "invalid_username"


def check_member_username(text: str) -> str:
    """A developer's user ID, in lower case: ASCII letters, digits and ``. - _ @ +``, one of the first four in it.

    :raises InvalidUsername: any other form.
    """
    value = text.strip().lower()
    if not _MEMBER_USERNAME.fullmatch(value):
        raise InvalidUsername(field="username")
    return value


class CoreOperation(models.TextChoices):
    """What a core user may be allowed to invoke (S0-53: per operation)."""

    CREDIT_TRANSFER = "credit_transfer"
    READ_ACCOUNT = "read_account"


class StaffRole(models.TextChoices):
    """What a member of staff is there for; the name of the group that carries the permissions."""

    OPEN_BANKING = "Open banking", _("Open banking")
    CUSTOMER_SERVICE = "Customer service", _("Customer service")
    OPERATIONS = "Operations", _("Operations")
    AUDIT = "Audit", _("Audit")
    COMPLIANCE = "Compliance", _("Compliance")


class StaffAct(models.TextChoices):
    """What one member of staff proposes and another has to confirm."""

    REOPEN_SIGN_IN = "reopen_sign_in", _("Reopen sign-in")
    ACTIVATION_CODE = "activation_code", _("Activation code")


class ProposalStatus(models.TextChoices):
    """open → done | declined | expired."""

    OPEN = "open"
    DONE = "done"
    DECLINED = "declined"
    EXPIRED = "expired"


# Who confirms should still know whom the first one has seen.
PROPOSAL_LIFE = timedelta(hours=24)


_OPEN_BANKING_VIEWS = (
    "tpp.view_tpp",
    "tpp.view_app",
    "tpp.view_appkey",
    "tpp.view_tppcertificate",
    "tpp.view_tppmember",
    "consents.view_consent",
    "consents.view_consentaccount",
    "consents.view_consentaccess",
    "payments.view_paymentinitiation",
)
_CUSTOMER_VIEWS = (
    "identity.view_psu",
    "identity.view_staffproposal",
    "accounts.view_paymentaccount",
    "accounts.view_accountholder",
    "sca.view_authenticationstate",
    "sca.view_hardwaretoken",
    "payments.view_paymentlimits",
    "payments.view_trustedpayee",
    "payments.view_paymentexemption",
    "bulk.view_paymentfile",
    "bulk.view_paymentbatch",
    "bulk.view_paymentitem",
    "payments.view_standingorder",
)
_OPERATIONS_VIEWS = (
    "clearing.view_clearinginstruction",
    "clearing.view_incomingtransfer",
    "clearing.view_clearingreport",
    "clearing.view_clearingdifference",
    "clearing.view_clearingrecall",
    "clearing.view_clearingmessage",
    "ledger.view_ledgeraccount",
    "notifications.view_outboxmessage",
    "payments.view_paymentinitiation",
)
_PRICING_VIEWS = (
    "pricing.view_charge",
    "pricing.view_price",
    "pricing.view_interestterms",
)
_SCREENING_VIEWS = (
    "screening.view_screeninghit",
    "screening.view_screeningrun",
    "screening.view_sanctionslist",
)
_RISK_VIEWS = (
    "risk.view_riskcase",
    "risk.view_riskassessment",
    "risk.view_riskrule",
    "risk.view_compromisedelement",
)
_FRAUD_VIEWS = ("fraud.view_fraudreport",)
_AUDIT_VIEWS = ("audit.view_auditevent", "identity.view_user", "admin.view_logentry")

# "change_…" never means that a row can be edited: it allows the actions of that kind, which the rooms carry out
# (block a TPP, suspend an app, revoke a consent, change how a holder signs, reopen sign-in, replay a message, recall a
# transfer, solve a difference, close a case of risk, list a compromised element,
# take in or judge a report of fraud, note what the authority was told).
STAFF_PERMISSIONS: dict[StaffRole, tuple[str, ...]] = {
    StaffRole.OPEN_BANKING: (
        *_OPEN_BANKING_VIEWS,
        "tpp.change_tpp",
        "tpp.change_app",
        "consents.change_consent",
    ),
    StaffRole.CUSTOMER_SERVICE: (
        *_OPEN_BANKING_VIEWS,
        *_CUSTOMER_VIEWS,
        *_PRICING_VIEWS,
        *_FRAUD_VIEWS,
        "fraud.add_fraudreport",
        "consents.change_consent",
        "accounts.change_accountholder",
        "sca.change_authenticationstate",
        "sca.change_hardwaretoken",
    ),
    StaffRole.OPERATIONS: (
        *_OPERATIONS_VIEWS,
        *_PRICING_VIEWS,
        "notifications.change_outboxmessage",
        "clearing.change_clearingdifference",
        "clearing.change_clearinginstruction",
    ),
    StaffRole.AUDIT: (
        *_OPEN_BANKING_VIEWS,
        *_CUSTOMER_VIEWS,
        *_OPERATIONS_VIEWS,
        *_PRICING_VIEWS,
        *_SCREENING_VIEWS,
        *_RISK_VIEWS,
        *_FRAUD_VIEWS,
        *_AUDIT_VIEWS,
    ),
    StaffRole.COMPLIANCE: (
        "identity.view_psu",
        "accounts.view_paymentaccount",
        "accounts.view_accountholder",
        "payments.view_paymentinitiation",
        *_SCREENING_VIEWS,
        "screening.change_screeninghit",
        *_RISK_VIEWS,
        "risk.change_riskcase",
        "risk.change_compromisedelement",
        *_FRAUD_VIEWS,
        "fraud.add_fraudreport",
        "fraud.change_fraudreport",
        "fraud.change_authoritynotice",
    ),
}
