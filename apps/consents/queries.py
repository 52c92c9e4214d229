from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Max, Min, Prefetch, QuerySet

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import list_accounts_for_psu
from apps.consents.models import Consent, ConsentAccess, ConsentAccount
from apps.consents.rules import ConsentModel, ConsentStatus, is_past_validity
from apps.core.clock import bank_date
from apps.core.errors import NotFound


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
    """Whether the consent is valid at this moment, its last day included."""
    return consent.consent_status == ConsentStatus.VALID and not is_past_validity(
        valid_until=consent.valid_until, today=bank_date(now)
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
