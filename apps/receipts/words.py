"""What a receipt says, in the words of the active language: the same sections on page, in PDF and at a terminal.

It is read from the receipt's content alone, so that who checks one offline reads what its customer reads.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db.models import TextChoices
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from apps.bulk.rules import FileStatus
from apps.consents.rules import ConsentStatus
from apps.core.clock import BANK_TIME_ZONE
from apps.core.iban import format_iban
from apps.core.money import format_money
from apps.core.names.rules import NameMatch
from apps.payments.limit_rules import LimitKind
from apps.payments.recurrence import Frequency
from apps.payments.rules import ChargeBearer, PaymentProduct, StatusReason, TransactionStatus
from apps.sca.rules import AuthenticationMethod, Purpose, SubjectType

_DAY = {"en": "j M Y", "de": "j. N Y"}
_MOMENT = {"en": "j M Y, H:i:s", "de": "j. N Y, H:i:s"}
_ELEMENTS: dict[str, str | Promise] = {
    "knowledge": _("something only the customer knows"),
    "possession": _("something only the customer has"),
    "inherence": _("something the customer is"),
    "user_verification": _("what the device asked of its user: its PIN, a finger or a face"),
}
_SUBJECTS: dict[str, str | Promise] = {
    SubjectType.PAYMENT: _("Payment"),
    SubjectType.STANDING_ORDER: _("Standing order"),
    SubjectType.BULK: _("File of payments"),
    SubjectType.CONSENT: _("Access of a company"),
    SubjectType.LIMITS: _("New limits"),
}
_STATUSES: dict[str, type[TextChoices]] = {
    SubjectType.PAYMENT: TransactionStatus,
    SubjectType.STANDING_ORDER: TransactionStatus,
    SubjectType.BULK: FileStatus,
    SubjectType.CONSENT: ConsentStatus,
}

_LIMITS: dict[str, str | Promise] = {
    LimitKind.PER_PAYMENT: _("Per payment"),
    LimitKind.PER_DAY: _("Per day, all together"),
    LimitKind.PORTAL_PER_DAY: _("Per day in this portal"),
    LimitKind.XS2A_PER_DAY: _("Per day through companies"),
}


class Row(NamedTuple):
    """One line of a receipt. ``is_mono``: numbers to compare digit by digit."""

    label: str
    text: str
    is_mono: bool = False


class Section(NamedTuple):
    """Some lines under a heading."""

    title: str
    rows: list[Row]


def receipt_title(content: Mapping[str, Any]) -> str:
    """What it is a receipt for."""
    subject = content["subject"]["type"]
    return str(_SUBJECTS.get(subject, subject))


def receipt_sections(content: Mapping[str, Any]) -> list[Section]:
    """All that a receipt says: what was authorised, by whom, how it stands, and the receipt itself."""
    return [*_signed(content), _standing(content), _itself(content)]


def _signed(content: Mapping[str, Any]) -> Iterator[Section]:
    """What was authorised, once for those who have signed the same, and each of them."""
    said: set[str] = set()
    for signature in content["signatures"]:
        if signature["snapshot_sha256"] not in said:
            said.add(signature["snapshot_sha256"])
            yield Section(gettext("What was approved"), _snapshot_rows(signature["snapshot"]))
        elements = ", ".join(str(_ELEMENTS.get(one, one)) for one in signature["elements"])
        yield Section(
            gettext("Who approved it"),
            [
                Row(gettext("Name"), signature["customer"]),
                Row(gettext("When"), _moment(signature["signed_at"])),
                Row(gettext("By"), f"{_label(AuthenticationMethod, signature['method'])}: {elements}"),
                Row(gettext("Hash of what was approved (SHA-256)"), signature["snapshot_sha256"], True),
            ],
        )


def _standing(content: Mapping[str, Any]) -> Section:
    status, subject = content["status"], content["subject"]["type"]
    code = str(status.get("code", ""))
    if subject == SubjectType.LIMITS and code == "applied":
        rows = [Row(gettext("Status"), gettext("they held from then on"))]
    else:
        rows = [Row(gettext("Status"), _label(_STATUSES[subject], code) if subject in _STATUSES else code)]
    if status.get("reason"):
        rows.append(Row(gettext("Reason"), f"{_label(StatusReason, status['reason'])} ({status['reason']})"))
    for name, label in (
        ("entered_at", gettext("Entered")),
        ("authorised_at", gettext("Approved")),
        ("changed_at", gettext("Last change")),
        ("returned_at", gettext("Came back")),
    ):
        if status.get(name):
            rows.append(Row(label, _moment(status[name])))
    rows.append(Row(gettext("As of"), _moment(content["issued_at"])))
    if "covered_by" in content:
        rows.append(Row(gettext("Covered by the standing order"), content["covered_by"]["id"], True))
    return Section(gettext("How it stood"), rows)


def _itself(content: Mapping[str, Any]) -> Section:
    bank = content["bank"]
    return Section(
        gettext("This receipt"),
        [
            Row(gettext("For"), f"{receipt_title(content)} {content['subject']['id']}"),
            Row(gettext("Issued by"), f"{bank.get('legal_name', '')}, BIC {bank.get('bic', '')}"),
            Row(gettext("Issued"), _moment(content["issued_at"])),
            Row(gettext("Receipt number"), content["receipt_id"], True),
        ],
    )


def _snapshot_rows(snapshot: Mapping[str, Any]) -> list[Row]:
    """What is known is said in words; of what a later program has added, nothing is left out."""
    purpose = snapshot.get("purpose")
    if purpose in (Purpose.PAYMENT, Purpose.STANDING_ORDER):
        return list(_order_rows(snapshot))
    if purpose == Purpose.BULK:
        return list(_file_rows(snapshot))
    if purpose == Purpose.CONSENT:
        return list(_consent_rows(snapshot))
    if purpose == Purpose.LIMITS:
        return list(_limit_rows(snapshot))
    return [Row(name, _plain(value)) for name, value in snapshot.items()]


def _order_rows(snapshot: Mapping[str, Any]) -> Iterator[Row]:
    currency = snapshot["currency"]
    yield Row(gettext("Amount"), format_money(snapshot["amount_minor"], currency))
    yield Row(gettext("To"), snapshot["creditor_name"])
    yield Row(gettext("IBAN of the payee"), format_iban(snapshot["creditor_iban"]), True)
    if snapshot.get("creditor_agent"):
        yield Row(gettext("Payee’s bank"), snapshot["creditor_agent"], True)
    yield Row(gettext("From"), format_iban(snapshot["debtor_iban"]), True)
    if snapshot.get("remittance_information_unstructured"):
        yield Row(gettext("Reference"), snapshot["remittance_information_unstructured"])
    if snapshot.get("payment_product"):
        yield Row(gettext("Kind"), _label(PaymentProduct, snapshot["payment_product"]))
    if snapshot.get("fee_minor"):
        yield Row(gettext("Fee"), format_money(snapshot["fee_minor"], currency))
    if snapshot.get("creditor_agent") and snapshot.get("charge_bearer"):
        yield Row(gettext("Who pays the fees"), _label(ChargeBearer, snapshot["charge_bearer"]))
    if snapshot.get("frequency"):
        yield Row(gettext("How often"), _label(Frequency, snapshot["frequency"]))
        yield Row(gettext("First time"), _day(snapshot["first_execution_date"]))
        yield Row(
            gettext("Last day"),
            _day(snapshot["end_date"]) if snapshot["end_date"] else gettext("until ended"),
        )
    if snapshot.get("requested_execution_date"):
        yield Row(gettext("To be carried out on"), _day(snapshot["requested_execution_date"]))
    if snapshot.get("creditor_name_match"):
        yield Row(gettext("Name check"), _label(NameMatch, snapshot["creditor_name_match"]))
    if snapshot.get("matched_creditor_name"):
        yield Row(gettext("Payee’s name at his bank"), snapshot["matched_creditor_name"])
    if snapshot.get("tpp_name"):
        yield Row(gettext("Through"), snapshot["tpp_name"])


def _file_rows(snapshot: Mapping[str, Any]) -> Iterator[Row]:
    currency = snapshot["currency"]
    yield Row(gettext("Total"), format_money(snapshot["total_minor"], currency))
    yield Row(gettext("Payments"), str(snapshot["number_of_transactions"]))
    for batch in snapshot["batches"]:
        day = batch["requested_execution_date"]
        yield Row(gettext("From"), format_iban(batch["debtor_iban"]), True)
        yield Row(
            gettext("Of these"),
            gettext("%(count)s, together %(amount)s, %(day)s")
            % {
                "count": batch["number_of_transactions"],
                "amount": format_money(batch["total_minor"], currency),
                "day": _day(day) if day else gettext("at once"),
            },
        )
    for payment in snapshot.get("shown", {}).get("payments", []):
        yield Row(
            gettext("Shown before signing"),
            gettext("%(amount)s to %(name)s, %(iban)s")
            % {
                "amount": format_money(payment["amount_minor"], currency),
                "name": payment["creditor_name"],
                "iban": format_iban(payment["creditor_iban"]),
            },
        )
    yield Row(gettext("Message identification"), snapshot["message_identification"], True)
    yield Row(gettext("Hash over every payment (SHA-256)"), snapshot["items_sha256"], True)


def _consent_rows(snapshot: Mapping[str, Any]) -> Iterator[Row]:
    yield Row(gettext("Company"), snapshot["tpp_name"])
    yield Row(gettext("Access asked for"), _plain(snapshot["access"]))
    yield Row(gettext("Valid until"), _day(snapshot["valid_until"]))
    yield Row(
        gettext("Without you"),
        gettext("up to %(count)s times a day") % {"count": snapshot["frequency_per_day"]}
        if snapshot["recurring_indicator"]
        else gettext("one single time"),
    )


def _limit_rows(snapshot: Mapping[str, Any]) -> Iterator[Row]:
    for kind, amount_minor in snapshot["new"].items():
        words = gettext("%(new)s instead of %(old)s") % {
            "new": format_money(amount_minor, snapshot["currency"]),
            "old": format_money(snapshot["old"][kind], snapshot["currency"]),
        }
        yield Row(str(_LIMITS.get(kind, kind)), words)


def _label(choices: type[TextChoices], code: str) -> str:
    return str(choices(code).label) if code in choices.values else code


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _day(written: str) -> str:
    return date_format(date.fromisoformat(written), _DAY[_language()], use_l10n=False)


def _moment(written: str) -> str:
    moment = datetime.fromisoformat(written).astimezone(BANK_TIME_ZONE)
    return date_format(moment, _MOMENT[_language()], use_l10n=False)


def _language() -> str:
    return "de" if (get_language() or "").startswith("de") else "en"
