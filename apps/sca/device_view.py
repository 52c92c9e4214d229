"""What a customer's own device shows of a snapshot before he lets it sign: the data of the page and of the message, in
lines short enough for a picture (RTS art. 5(1)(a), S3-3, S3-6)."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.core.clock import BANK_TIME_ZONE
from apps.core.iban import format_iban
from apps.core.money import format_money
from apps.sca.messages import snapshot_in_words
from apps.sca.rules import Purpose, comparison_number

Lines = list[list[str]]


def view_on_device(*, snapshot: dict[str, Any], language: str) -> dict[str, Any]:
    """Title and lines ([label, text]), in the customer's language. Lines without a text are left out."""
    with translation.override(language), timezone.override(BANK_TIME_ZONE):
        title, lines = _VIEWS[snapshot["purpose"]](snapshot, snapshot_in_words(snapshot))
        return {
            "bank": settings.BANK_NAME,
            "language": language,
            "title": title,
            "lines": [[label, str(text)] for label, text in lines if text],
        }


def view_of_verification(*, device_name: str, language: str) -> dict[str, Any]:
    """What the app shows before its customer allows, with his PIN, that his telephone's sensor stands in for it."""
    with translation.override(language):
        return {
            "bank": settings.BANK_NAME,
            "language": language,
            "title": _("Approve by fingerprint or face"),
            "lines": [[_("This device"), device_name]],
            "asks": "user_verification",
        }


def view_of_activation(*, device_name: str, serial_number: str, language: str) -> dict[str, Any]:
    """What a token shows before its owner gives it a PIN."""
    with translation.override(language):
        return {
            "bank": settings.BANK_NAME,
            "language": language,
            "title": _("Bind this token"),
            "lines": [[_("Name"), device_name], [_("Serial number"), serial_number]],
            "asks": "new_pin",
        }


def _payment(snapshot: dict[str, Any], words: dict[str, Any]) -> tuple[str, Lines]:
    return _("Pay %(amount)s") % words, [
        *_payee(snapshot, words),
        [_("When"), words.get("execution_date", "")],
        [_("Reference"), snapshot["remittance_information_unstructured"]],
        [_("From"), words["debtor_iban_text"]],
        [_("Through"), snapshot["tpp_name"]],
    ]


def _standing_order(snapshot: dict[str, Any], words: dict[str, Any]) -> tuple[str, Lines]:
    return _("Standing order: %(amount)s") % words, [
        [_("How often"), words["frequency_text"]],
        [_("For the first time on"), words["first_date"]],
        [_("Last time"), words["last_date"] or _("until you end it")],
        *_payee(snapshot, words),
        [_("Reference"), snapshot["remittance_information_unstructured"]],
        [_("From"), words["debtor_iban_text"]],
        *([[_("Through"), snapshot["tpp_name"]]] if snapshot.get("tpp_name") else []),
    ]


def _payee(snapshot: dict[str, Any], words: dict[str, Any]) -> Lines:
    return [[_("Payee"), snapshot["creditor_name"]], [_("IBAN"), words["creditor_iban_text"]]]


def _bulk(snapshot: dict[str, Any], words: dict[str, Any]) -> tuple[str, Lines]:
    number = snapshot["number_of_transactions"]
    return _("Pay %(amount)s") % {"amount": words["total"]}, [
        [_("Payments"), ngettext("%(number)s payment", "%(number)s payments", number) % {"number": number}],
        [_("Check digits"), words["fingerprint"]],
        [_("From"), words["debtor_iban_text"]],
        *(
            [
                one["creditor_name"],
                f"{format_money(one['amount_minor'], snapshot['currency'])}, {format_iban(one['creditor_iban'])}",
            ]
            for one in snapshot.get("shown", {}).get("payments", [])
        ),
    ]


def _consent(snapshot: dict[str, Any], words: dict[str, Any]) -> tuple[str, Lines]:
    return _("Give access to accounts"), [
        [_("Who"), snapshot["tpp_name"]],
        [_("Wants to see"), _("your accounts")],
        [
            _("How long"),
            _("until %(date)s") % {"date": words["valid_until"]}
            if snapshot["recurring_indicator"]
            else _("one single time"),
        ],
    ]


def _limits(snapshot: dict[str, Any], words: dict[str, Any]) -> tuple[str, Lines]:
    names = {
        "per_payment": _("Per payment"),
        "per_day": _("Per day, all together"),
        "portal_per_day": _("Per day in this portal"),
        "xs2a_per_day": _("Per day through companies"),
    }
    return _("New limits"), [[name, words[f"{kind}_text"]] for kind, name in names.items()]


def _trusted_payees(snapshot: dict[str, Any], words: dict[str, Any]) -> tuple[str, Lines]:
    return _("Trusted payee"), [
        [_("Payee"), snapshot["payee_name"]],
        [_("Name so far"), snapshot["former_name"]],
        [_("IBAN"), words["payee_iban_text"]],
    ]


def _device(snapshot: dict[str, Any], words: dict[str, Any]) -> tuple[str, Lines]:
    return _("Add a device to your access"), [
        [_("Device"), snapshot["device_name"]],
        [_("What changes"), _("Whoever has it, and can open it, can sign in and pay from your accounts.")],
    ]


def _sign_in(snapshot: dict[str, Any], words: dict[str, Any]) -> tuple[str, Lines]:
    return _("Sign in to %(bank)s") % {"bank": settings.BANK_NAME}, [
        [_("Number on the page"), comparison_number(snapshot["sign_in_id"])]
    ]


_VIEWS: dict[str, Callable[[dict[str, Any], dict[str, Any]], tuple[str, Lines]]] = {
    Purpose.PAYMENT: _payment,
    Purpose.STANDING_ORDER: _standing_order,
    Purpose.BULK: _bulk,
    Purpose.CONSENT: _consent,
    Purpose.LIMITS: _limits,
    Purpose.TRUSTED_PAYEES: _trusted_payees,
    Purpose.DEVICE: _device,
    Purpose.SIGN_IN: _sign_in,
}
