"""``consents`` and its answers."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from apps.accounts.queries import AccountUnknown, list_accounts_by_ibans
from apps.consents.queries import list_readable_accounts
from apps.consents.rules import ConsentModel, ConsentStatus, RequestedAccess, current_status
from apps.core.canonical import canonical_hash
from apps.core.clock import bank_date
from apps.core.iban import parse_iban
from apps.xs2a import links
from apps.xs2a.refusals import FormatError, ParameterNotSupported, SessionsNotSupported
from apps.xs2a.serializers.reading import JSONObject, told_at

if TYPE_CHECKING:
    from apps.consents.models import Consent

REFERENCES_MAX = 100
# Whatever is above the bank's own maximum is cut down to it by the room; this bound only keeps numbers sane.
FREQUENCY_MAX = 9999
_LISTS = ("accounts", "balances", "transactions")
_COLLECTIVE = {
    "allPsd2": ConsentModel.ALL_PSD2,
    "availableAccounts": ConsentModel.AVAILABLE_ACCOUNTS,
    "availableAccountsWithBalance": ConsentModel.AVAILABLE_ACCOUNTS,
}
_MEMBERS = frozenset(
    {"access", "recurringIndicator", "validUntil", "frequencyPerDay", "combinedServiceIndicator"}
)
_ACCESS_MEMBERS = frozenset({*_LISTS, *_COLLECTIVE})
_ACCESS_NOT_OFFERED = frozenset({"additionalInformation", "restrictedTo"})
_REFERENCE_NOT_OFFERED = frozenset({"bban", "pan", "maskedPan", "msisdn", "other", "cashAccountType"})


@dataclass(frozen=True, slots=True)
class ConsentRequest:
    """The body of POST /v1/consents, understood."""

    access: RequestedAccess
    recurring_indicator: bool
    valid_until: date
    frequency_per_day: int

    def fingerprint(self, *, addresses: tuple[str, ...]) -> bytes:
        """Hash of everything asked for, to tell a repeated call from another under the same X-Request-ID."""
        return canonical_hash(
            {
                "access": self.access.as_sent,
                "recurring_indicator": self.recurring_indicator,
                "valid_until": self.valid_until.isoformat(),
                "frequency_per_day": self.frequency_per_day,
                "addresses": list(addresses),
            }
        )


def parse_consent_request(body: dict[str, Any]) -> ConsentRequest:
    """The request for a consent.

    :raises apps.xs2a.refusals.RequestRefused: naming the member that is wrong or not offered.
    :raises apps.accounts.queries.AccountUnknown: a currency that the account does not have.
    """
    members = JSONObject(body, path="", members=_MEMBERS)
    access = _parse_access(members.required("access"))
    recurring = members.flag("recurringIndicator")
    valid_until = members.day("validUntil")
    frequency = members.integer("frequencyPerDay", minimum=1, maximum=FREQUENCY_MAX)
    if members.flag("combinedServiceIndicator"):
        raise SessionsNotSupported(
            _("Sessions that combine account information and payments are not offered."),
            path="combinedServiceIndicator",
        )
    if not recurring and frequency != 1:
        raise FormatError(_("A consent for one time has frequencyPerDay 1."), path="frequencyPerDay")
    return ConsentRequest(access, recurring, valid_until, frequency)


def _parse_access(value: object) -> RequestedAccess:
    access = JSONObject(value, path="access", members=_ACCESS_MEMBERS, not_offered=_ACCESS_NOT_OFFERED)
    words = [name for name in _COLLECTIVE if name in access]
    lists = [name for name in _LISTS if name in access]
    if len(words) > 1 or (words and lists) or not (words or lists):
        raise FormatError(
            _("Name accounts in lists, or give one of the words for all accounts."), path="access"
        )
    if words:
        return _parse_collective(access, words[0])
    references = {name: _parse_references(access, name) for name in lists}
    if len({bool(listed) for listed in references.values()}) > 1:
        raise FormatError(_("Name accounts in every list, or in none of them."), path="access")
    ibans = {name: tuple(reference["iban"] for reference in listed) for name, listed in references.items()}
    return RequestedAccess(
        model=ConsentModel.DEDICATED if any(ibans.values()) else ConsentModel.BANK_OFFERED,
        accounts=ibans.get("accounts", ()),
        balances=ibans.get("balances", ()),
        transactions=ibans.get("transactions", ()),
        as_sent=references,
    )


def _parse_collective(access: JSONObject, word: str) -> RequestedAccess:
    value = access.text(word)
    if value == "allAccountsWithOwnerName":
        raise ParameterNotSupported(
            _("The owner's name is not offered; ask for allAccounts."), path=access.at(word)
        )
    if value != "allAccounts":
        raise FormatError(_("allAccounts is expected."), path=access.at(word))
    return RequestedAccess(
        model=_COLLECTIVE[word],
        with_balances=word != "availableAccounts",
        with_transactions=word == "allPsd2",
        as_sent={word: value},
    )


def _parse_references(access: JSONObject, name: str) -> list[dict[str, str]]:
    return [
        parse_account_reference(item, path=f"{access.at(name)}[{number}]")
        for number, item in enumerate(access.array(name, maximum=REFERENCES_MAX))
    ]


def parse_account_reference(value: object, *, path: str) -> dict[str, str]:
    """An account named by its IBAN, canonical; with its currency if that was given.

    :raises FormatError: no valid IBAN.
    :raises apps.accounts.queries.AccountUnknown: the account has another currency.
    """
    members = frozenset({"iban", "currency"})
    reference = JSONObject(value, path=path, members=members, not_offered=_REFERENCE_NOT_OFFERED)
    text = reference.text("iban")
    with told_at(reference.at("iban")):
        iban = parse_iban(text)
    if "currency" not in reference:
        return {"iban": iban}
    currency = reference.text("currency")
    if not any(account.currency == currency for account in list_accounts_by_ibans(ibans=[iban])):
        raise AccountUnknown(iban[-4:])
    return {"iban": iban, "currency": currency}


def consent_created(*, consent: "Consent", hrefs: dict[str, Any]) -> dict[str, Any]:
    """``consentsResponse-201``: as the consent was when it was taken in, so that a repeated call gets the same."""
    return {"consentStatus": ConsentStatus.RECEIVED.value, "consentId": str(consent.pk), "_links": hrefs}


def consent_information(*, consent: "Consent", now: datetime) -> dict[str, Any]:
    """``consentInformationResponse-200_json``: once it is authorised, with the accounts the customer really allowed."""
    status = status_to_tell(consent=consent, now=now)
    body = {
        "access": _access_to_tell(consent, status),
        "recurringIndicator": consent.recurring_indicator,
        "validUntil": consent.valid_until.isoformat(),
        "frequencyPerDay": consent.frequency_per_day,
        "lastActionDate": bank_date(consent.status_changed_at).isoformat(),
        "consentStatus": status,
    }
    if status == ConsentStatus.VALID:
        body["_links"] = {"account": links.href(links.account_list())}
    return body


def status_to_tell(*, consent: "Consent", now: datetime) -> str:
    """The consentStatus at this moment."""
    return str(
        current_status(
            consent_status=consent.consent_status, valid_until=consent.valid_until, today=bank_date(now)
        )
    )


def _access_to_tell(consent: "Consent", status: str) -> dict[str, Any]:
    named = consent.consent_model in (ConsentModel.DEDICATED, ConsentModel.BANK_OFFERED)
    if not named or status != ConsentStatus.VALID:
        return dict(consent.access)
    allowed = list(list_readable_accounts(consent=consent))
    granted = {
        "accounts": allowed,
        "balances": [row for row in allowed if row.may_balances],
        "transactions": [row for row in allowed if row.may_transactions],
    }
    return {
        name: [{"iban": row.payment_account.iban, "currency": row.payment_account.currency} for row in rows]
        for name, rows in granted.items()
        if rows
    }
