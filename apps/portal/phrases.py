"""What a company may see, what a status means, how long ago something was: in words that need no glossary."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from apps.consents.queries import wanted_ibans
from apps.consents.rules import AccessKind, ConsentModel
from apps.core.iban import mask_iban
from apps.core.money import format_money
from apps.payments.limit_rules import LimitKind
from apps.payments.recurrence import LAST_DAY_OF_MONTH, Frequency
from apps.payments.rules import PaymentProduct, StatusReason
from apps.payments.scheduling import execution_day, latest_arrival_day, receipt_day
from apps.sca.exemptions import Reason
from apps.web.templatetags.bank import bank_date

if TYPE_CHECKING:
    from apps.consents.models import Consent, ConsentAccess, ConsentAccount
    from apps.payments.limits import LimitExceeded
    from apps.payments.models import PaymentInitiation

# Why a payment was not carried out, and what can be done about it.
REASONS: dict[str, str | Promise] = {
    StatusReason.AB05: _(
        "The payee’s bank did not answer within ten seconds. The money is on your account again. "
        "You can send it as an ordinary transfer."
    ),
    StatusReason.AC01: _("The payee’s account does not exist. Check the IBAN with the payee."),
    StatusReason.AC04: _("One of the two accounts is closed."),
    StatusReason.AC06: _("One of the two accounts is blocked. Call us if it is yours."),
    StatusReason.AG01: _("This account may not be used for this payment."),
    StatusReason.AM04: _("There was not enough money on the account. Nothing was taken."),
    StatusReason.AM14: _("It is more than your limit allows. You can change your limits under Security."),
    StatusReason.CUST: _("You cancelled it."),
    StatusReason.DS02: _("Nobody approved it in time."),
    StatusReason.DS0A: _("The code was not accepted, so the payment was not approved."),
    StatusReason.MS03: _("The payee’s bank sent it back. The money is on your account again."),
}

# The same for a file of payments, or for one of them.
BULK_REASONS: dict[str, str | Promise] = {
    "AC01": _("The payee’s account does not exist."),
    "AC04": _("The account is closed."),
    "AC06": _("The account is blocked."),
    "AG01": _("This account may not be used for it."),
    "AM04": _("There was not enough money on the account. Nothing was taken."),
    "AM14": _("It is more than your limit allows. You can change your limits under Security."),
    "DS02": _("Nobody signed it in time."),
    "DS0A": _("The code was not accepted, so nothing was paid."),
    "FF01": _("The file is not good. Nothing was taken in."),
    "MS03": _("The payee’s bank sent it back. The money is on your account again."),
}

# Why the money of a payment that was done came back.
RETURN_REASONS: dict[str, str | Promise] = {
    "AC01": _("The payee’s account does not exist. Check the IBAN with the payee."),
    "AC04": _("The payee’s account is closed."),
    "AC06": _("The payee’s account is blocked."),
    "MD07": _("The payee has died."),
    "FOCR": _("We had asked for it back, and the payee agreed."),
}

# What a company did, one sentence for each kind of access.
_ACCESSES: dict[str, str | Promise] = {
    AccessKind.ACCOUNT_LIST: _("Read the list of your accounts"),
    AccessKind.ACCOUNT: _("Read the details of %(account)s"),
    AccessKind.BALANCES: _("Read the balance of %(account)s"),
    AccessKind.TRANSACTIONS: _("Read the transactions of %(account)s"),
    AccessKind.TRANSACTION: _("Read one transaction of %(account)s"),
}


def reason_text(payment: "PaymentInitiation") -> str:
    """Why a refused payment was refused."""
    if payment.status_reason == StatusReason.CUST and payment.signatures_needed > 1:
        return gettext("It was declined by who would have had to sign as the second. Nothing was paid.")
    return str(REASONS.get(payment.status_reason, "")) or gettext(
        "The bank refused it. Call us if you need to know more."
    )


def when_text(requested: date | None, *, product: str) -> str:
    """When an order is carried out: at once, or on the day that its date leads to: a business day, or for an instant
    transfer that date itself."""
    is_instant = product == PaymentProduct.INSTANT_SEPA_CREDIT_TRANSFERS
    if requested is None:
        if is_instant:
            return gettext("Within ten seconds, as an instant transfer")
        if product == PaymentProduct.TARGET_2_PAYMENTS:
            return gettext("Right away while TARGET is open, as an urgent transfer")
        if product == PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS:
            return gettext("Right away, as a transfer abroad")
        return gettext("Right away, as a SEPA transfer")
    day = execution_day(requested, is_instant=is_instant)
    if is_instant:
        return gettext("On %(day)s, as an instant transfer") % {"day": bank_date(day)}
    if product == PaymentProduct.TARGET_2_PAYMENTS:
        return gettext("On %(day)s, as an urgent transfer") % {"day": bank_date(day)}
    if product == PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS:
        return gettext("On %(day)s, as a transfer abroad") % {"day": bank_date(day)}
    if day != requested:
        return gettext("On %(day)s, the next business day after %(asked)s, as a SEPA transfer") % {
            "day": bank_date(day),
            "asked": bank_date(requested),
        }
    return gettext("On %(day)s, as a SEPA transfer") % {"day": bank_date(day)}


def arrival_text(payment: "PaymentInitiation", *, now: datetime) -> str:
    """By when the payee's bank has the money of an order that is signed now."""
    if payment.is_instant:
        return gettext("within ten seconds, or the money is on your account again")
    if payment.payment_product == PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS:
        return gettext("in two to four business days as a rule")
    requested = payment.requested_execution_date
    if payment.payment_product == PaymentProduct.TARGET_2_PAYMENTS:
        day = receipt_day(now, cut_off=settings.TARGET_2_CUT_OFF)
        if requested is not None:
            day = max(day, execution_day(requested, is_instant=False))
    else:
        day = latest_arrival_day(now, requested=requested, cut_off=settings.SEPA_CUT_OFF)
    return gettext("by %(date)s at the latest") % {"date": bank_date(day)}


def frequency_text(snapshot: dict[str, Any]) -> str:
    """How often a standing order is carried out, and on which day of the month."""
    often = str(Frequency(snapshot["frequency"]).label)
    day = snapshot["day_of_execution"]
    if not day:
        return often
    if day == LAST_DAY_OF_MONTH:
        return gettext("%(often)s, on the last day") % {"often": often}
    return gettext("%(often)s, on day %(day)s") % {"often": often, "day": day}


LIMIT_NAMES: dict[str, str | Promise] = {
    LimitKind.PER_PAYMENT: _("Per payment"),
    LimitKind.PER_DAY: _("Per day, all together"),
    LimitKind.PORTAL_PER_DAY: _("Per day in this portal"),
    LimitKind.XS2A_PER_DAY: _("Per day through companies"),
}
# Why a payment takes no code, on the page on which it is checked.
EXEMPTION_TEXTS: dict[str, str | Promise] = {
    Reason.PAYEE_TRUSTED: _("This payee is on your list of trusted payees, so we need no code."),
    Reason.SAME_PERSON: _("This money goes to an account of your own, so we need no code."),
    Reason.LOW_VALUE: _(
        "This amount is small, so we need no code. After a few such payments we ask for one again."
    ),
    Reason.LOW_RISK: _("We find nothing unusual about this payment, so we need no code."),
    Reason.CORPORATE_PROCESS: _("Payments by this process need no code."),
}

_LIMITS_EXCEEDED: dict[str, str | Promise] = {
    LimitKind.PER_PAYMENT: _("This is more than your limit per payment, %(limit)s."),
    LimitKind.PER_DAY: _(
        "This is more than your limit per day, %(limit)s. Of it %(left)s are left for today."
    ),
    LimitKind.PORTAL_PER_DAY: _(
        "This is more than your limit per day in this portal, %(limit)s. Of it %(left)s are left for today."
    ),
    LimitKind.XS2A_PER_DAY: _(
        "This is more than your limit per day through companies, %(limit)s. Of it %(left)s are left for today."
    ),
}


def limit_text(error: "LimitExceeded") -> str:
    """Which limit a payment exceeds, and what may be done about it."""
    told = str(_LIMITS_EXCEEDED[error.kind]) % {
        "limit": format_money(error.limit_minor, "EUR"),
        "left": format_money(error.left_minor, "EUR"),
    }
    return gettext("%(told)s You can change your limits under Security.") % {"told": told}


def return_text(payment: "PaymentInitiation") -> str:
    """Why the money of a payment that was done came back."""
    return str(RETURN_REASONS.get(payment.return_reason, "")) or gettext("The payee’s bank sent it back.")


def access_text(access: "ConsentAccess") -> str:
    """One use of a consent, as its customer reads it."""
    account = str(access.payment_account) if access.payment_account else gettext("an account")
    return str(_ACCESSES[access.kind]) % {"account": account}


def asked_kinds(consent: "Consent") -> list[str]:
    """What a company asks to see, before the customer has chosen any account."""
    wanted = consent.access
    everything = consent.consent_model == ConsentModel.ALL_PSD2
    offered = consent.consent_model == ConsentModel.BANK_OFFERED
    balances = (
        everything
        or bool(wanted.get("balances"))
        or (offered and "balances" in wanted)
        or "availableAccountsWithBalance" in wanted
    )
    transactions = everything or bool(wanted.get("transactions")) or (offered and "transactions" in wanted)
    return _kinds(balances=balances, transactions=transactions)


def named_accounts(consent: "Consent") -> list[str]:
    """The accounts that a company names, recognisable to their owner and of little use to others."""
    return [mask_iban(iban) for iban in sorted(wanted_ibans(consent=consent))]


def granted_kinds(accounts: Iterable["ConsentAccount"]) -> list[str]:
    """What a company may see, over all the accounts of a consent."""
    accounts = list(accounts)
    return _kinds(
        balances=any(account.may_balances for account in accounts),
        transactions=any(account.may_transactions for account in accounts),
    )


def _kinds(*, balances: bool, transactions: bool) -> list[str]:
    kinds = [gettext("name and number of the account")]
    if balances:
        kinds.append(gettext("balance"))
    if transactions:
        kinds.append(gettext("transactions"))
    return kinds


def greeting(moment: datetime) -> str | Promise:
    """By the bank's local hour."""
    if 5 <= moment.hour < 12:
        return _("Good morning, %(name)s")
    return _("Good afternoon, %(name)s") if 12 <= moment.hour < 18 else _("Good evening, %(name)s")


def ago(moment: datetime, *, now: datetime) -> str:
    """How long ago, up to a day; then the date and time."""
    passed = now - moment
    if passed < timedelta(minutes=1):
        return gettext("just now")
    if passed < timedelta(hours=1):
        minutes = int(passed.total_seconds() // 60)
        return ngettext("%(count)d minute ago", "%(count)d minutes ago", minutes) % {"count": minutes}
    if passed < timedelta(days=1):
        hours = int(passed.total_seconds() // 3600)
        return ngettext("%(count)d hour ago", "%(count)d hours ago", hours) % {"count": hours}
    return bank_date(moment, "datetime")
