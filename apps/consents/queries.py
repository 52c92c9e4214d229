from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import Count, Max, Min, Prefetch, QuerySet

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import AccountUnknown, list_accounts_for_psu
from apps.accounts.rules import AccountStatus
from apps.consents.models import Consent, ConsentAccess, ConsentAccount
from apps.consents.rules import ConsentModel, ConsentStatus, is_past_validity
from apps.core.clock import bank_date
from apps.core.errors import NotFound
from apps.identity.queries import CoreUserUnknown, OperationNotAllowed, get_core_user
from apps.identity.rules import CoreOperation
from apps.sca.exemptions import AccessChannel, AccessFacts, Decision, decide_access


class ConsentUnknown(NotFound):
    """No such consent, or not the asking TPP's or customer's."""

    code = "consent_unknown"


@dataclass(frozen=True, slots=True)
class AccountChoice:
    """An account as the confirmation form offers it."""

    account: PaymentAccount
    requested: bool
    may_balances: bool
    may_transactions: bool


@dataclass(frozen=True, slots=True)
class ConsentedAccount:
    """An account that a consent opens, and what may be read of it.

    ``consent`` and ``account`` hold what reading needs; their other columns load on demand.
    """

    consent: Consent
    account: PaymentAccount
    may_balances: bool
    may_transactions: bool


def get_consent_for_app(*, app_id: UUID, consent_id: UUID) -> Consent:
    """A consent that this app asked for.

    :raises ConsentUnknown: missing, or another app's.
    """
    consent = Consent.objects.select_related("app", "tpp", "psu").filter(pk=consent_id, app_id=app_id).first()
    if consent is None:
        raise ConsentUnknown(str(consent_id))
    return consent


def get_first_consent_at(*, app_ids: list[UUID]) -> datetime | None:
    """When one of these apps asked for a consent for the first time; None if none has."""
    return Consent.objects.filter(app_id__in=app_ids).aggregate(first=Min("created_at"))["first"]


def get_consent(*, consent_id: UUID) -> Consent:
    """A consent, for the authorisation pages, which are opened by whoever holds the link.

    :raises ConsentUnknown: there is none.
    """
    consent = Consent.objects.select_related("app", "tpp", "psu").filter(pk=consent_id).first()
    if consent is None:
        raise ConsentUnknown(str(consent_id))
    return consent


def get_consent_for_psu(*, psu_id: UUID, consent_id: UUID) -> Consent:
    """A consent the customer gave, with its accounts and counts of use.

    :raises ConsentUnknown: missing, or not his.
    """
    consent = list_consents_for_psu(psu_id=psu_id).filter(pk=consent_id).first()
    if consent is None:
        raise ConsentUnknown(str(consent_id))
    return consent


def list_consents_for_psu(*, psu_id: UUID) -> QuerySet[Consent]:
    """What a customer has allowed, live or ended, newest first; never authorised ones are left out.

    Each carries ``times_used`` and ``last_used_at``.
    """
    return (
        Consent.objects.filter(psu_id=psu_id, authorised_at__isnull=False)
        .select_related("app", "tpp")
        .prefetch_related(Prefetch("accounts", ConsentAccount.objects.select_related("payment_account")))
        .annotate(times_used=Count("accesses"), last_used_at=Max("accesses__at"))
        .order_by("-authorised_at")
    )


def list_accesses(*, consent_id: UUID, limit: int = 50) -> QuerySet[ConsentAccess]:
    """The latest uses of a consent, newest first."""
    return (
        ConsentAccess.objects.filter(consent_id=consent_id)
        .select_related("payment_account")
        .order_by("-at")[:limit]
    )


def list_consented_accounts(*, consent: Consent) -> QuerySet[ConsentAccount]:
    """The accounts of a consent with what may be read of each."""
    return (
        ConsentAccount.objects.filter(consent=consent)
        .select_related("payment_account__ledger_account")
        .order_by("payment_account__opened_date", "payment_account__iban")
    )


# What reading an account needs of the two, in the order in which a model takes its columns.
_CONSENT_COLUMNS = [
    field.attname
    for field in Consent._meta.concrete_fields
    if field.attname
    in {
        *("id", "psu_id", "consent_status", "valid_until", "recurring_indicator"),
        *("frequency_per_day", "authorised_at"),
    }
]
_ACCOUNT_COLUMNS = [field.attname for field in PaymentAccount._meta.concrete_fields]
# One select in the hottest read of the bank: the consent's account, as long as its customer may see it and has a core
# user; that one's operations decide (S0-52, S0-53).
_CONSENTED_ACCOUNT = f"""
    SELECT {", ".join(f"c.{name}" for name in _CONSENT_COLUMNS)}, {", ".join(f"p.{name}" for name in _ACCOUNT_COLUMNS)},
           a.may_balances, a.may_transactions, u.core_user_id, coalesce(%s = ANY(u.operations), false)
    FROM consents_consentaccount a
    JOIN consents_consent c ON c.id = a.consent_id
    JOIN accounts_paymentaccount p ON p.id = a.payment_account_id AND p.status <> 'deleted'
    JOIN accounts_accountholder h ON h.payment_account_id = p.id AND h.psu_id = c.psu_id AND h.may_view
    LEFT JOIN identity_coreuser u ON u.psu_id = c.psu_id AND u.is_active
    WHERE a.consent_id = %s AND a.payment_account_id = %s
"""  # noqa: S608 (column names are constants)


def get_consented_account(*, consent_id: UUID, account_id: UUID) -> ConsentedAccount:
    """An account that this consent opens; whether the consent is usable now is the caller's question.

    :raises apps.accounts.queries.AccountUnknown: missing, closed, not in the consent, or no longer to be seen by
        the consent's customer: all alike.
    :raises apps.identity.queries.CoreUserUnknown: the back end has no user for the customer.
    :raises apps.identity.queries.OperationNotAllowed: that user may not read accounts.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CONSENTED_ACCOUNT, [CoreOperation.READ_ACCOUNT.value, consent_id, account_id])
        row = cursor.fetchone()
    if row is None:
        raise AccountUnknown(str(account_id))
    own, end = len(_CONSENT_COLUMNS), len(_CONSENT_COLUMNS) + len(_ACCOUNT_COLUMNS)
    may_balances, may_transactions, core_user_id, may_read = row[end:]
    if core_user_id is None:
        raise CoreUserUnknown(str(row[_CONSENT_COLUMNS.index("psu_id")]))
    if not may_read:
        raise OperationNotAllowed(CoreOperation.READ_ACCOUNT)
    return ConsentedAccount(
        consent=Consent.from_db("default", _CONSENT_COLUMNS, row[:own]),
        account=PaymentAccount.from_db("default", _ACCOUNT_COLUMNS, row[own:end]),
        may_balances=may_balances,
        may_transactions=may_transactions,
    )


def list_readable_accounts(*, consent: Consent) -> QuerySet[ConsentAccount]:
    """The accounts of a consent that its customer may still see, with what may be read of each.

    :raises apps.identity.queries.CoreUserUnknown: the back end has no user for the customer (S0-52).
    :raises apps.identity.queries.OperationNotAllowed: that user may not read accounts (S0-53).
    """
    if consent.psu_id is None:
        return ConsentAccount.objects.none()
    get_core_user(psu_id=consent.psu_id, operation=CoreOperation.READ_ACCOUNT)
    return (
        list_consented_accounts(consent=consent)
        .filter(payment_account__holders__psu_id=consent.psu_id, payment_account__holders__may_view=True)
        .exclude(payment_account__status=AccountStatus.DELETED)
    )


def covers_iban(*, consent_id: UUID, psu_id: UUID, app_id: UUID, iban: str) -> bool:
    """Whether this consent is valid, was given by this customer to this app, and names this account (S0-40)."""
    return ConsentAccount.objects.filter(
        consent_id=consent_id,
        consent__psu_id=psu_id,
        consent__app_id=app_id,
        consent__consent_status=ConsentStatus.VALID,
        payment_account__iban=iban,
    ).exists()


def list_account_choices(*, consent: Consent, psu_id: UUID) -> list[AccountChoice]:
    """The customer's accounts as the confirmation form shows them, those asked for marked.

    For a consent that names accounts only those are offered; otherwise all of the customer's.
    """
    access = consent.access
    named = {kind: _ibans(access, kind) for kind in ("accounts", "balances", "transactions")}
    asked = named["accounts"] | named["balances"] | named["transactions"]
    dedicated = consent.consent_model == ConsentModel.DEDICATED
    choices = []
    for account in list_accounts_for_psu(psu_id=psu_id):
        if dedicated and account.iban not in asked:
            continue
        choices.append(
            AccountChoice(
                account=account,
                requested=True,
                may_balances=account.iban in named["balances"]
                if dedicated
                else _collective(consent, "balances"),
                may_transactions=(
                    account.iban in named["transactions"]
                    if dedicated
                    else _collective(consent, "transactions")
                ),
            )
        )
    return choices


def wanted_ibans(*, consent: Consent) -> set[str]:
    """The canonical IBANs that a consent names; empty when it names none."""
    return set().union(*(_ibans(consent.access, kind) for kind in ("accounts", "balances", "transactions")))


def count_live_consents_of_tpp(*, tpp_id: UUID) -> int:
    """How many valid consents a TPP holds: the blast radius of blocking it."""
    return Consent.objects.filter(tpp_id=tpp_id, consent_status=ConsentStatus.VALID).count()


def is_usable_at(*, consent: Consent, now: datetime) -> bool:
    """Whether the consent is valid at this moment, its last day included, and its customer's authentication recent
    enough (:func:`is_authentication_too_old`)."""
    return (
        consent.consent_status == ConsentStatus.VALID
        and not is_past_validity(valid_until=consent.valid_until, today=bank_date(now))
        and not is_authentication_too_old(consent=consent, now=now)
    )


def is_authentication_too_old(*, consent: Consent, now: datetime) -> bool:
    """Whether the customer last authenticated strongly for this AISP more than 180 days ago, by whichever of its
    consents (RTS art. 10a(3)(b)). A consent ends by itself before that; here it ends even if its last day were later.

    One whose own authentication is recent, which is every one that this bank gives, costs no query.
    """
    own = consent.authorised_at
    if own is None or consent.psu_id is None or _decide_aisp_access(own, now=now).is_exempt:
        return False
    latest = Consent.objects.filter(tpp_id=consent.tpp_id, psu_id=consent.psu_id).aggregate(
        latest=Max("authorised_at")
    )["latest"]
    return not _decide_aisp_access(latest or own, now=now).is_exempt


def _decide_aisp_access(authenticated_at: datetime, *, now: datetime) -> Decision:
    return decide_access(
        AccessFacts(channel=AccessChannel.AISP, last_sca=bank_date(authenticated_at), today=bank_date(now))
    )


def _ibans(access: dict[str, object], kind: str) -> set[str]:
    references = access.get(kind)
    if not isinstance(references, list):
        return set()
    return {
        reference["iban"] for reference in references if isinstance(reference, dict) and "iban" in reference
    }


def _collective(consent: Consent, kind: str) -> bool:
    if consent.consent_model == ConsentModel.ALL_PSD2:
        return True
    if consent.consent_model == ConsentModel.BANK_OFFERED:
        return kind in consent.access
    return kind == "balances" and "availableAccountsWithBalance" in consent.access
