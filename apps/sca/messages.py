"""The text messages of strong customer authentication, rendered from the very snapshot the code was made over."""

from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from apps.core.clock import BANK_TIME_ZONE
from apps.core.iban import format_iban, mask_iban
from apps.core.money import format_money
from apps.sca.models import Challenge
from apps.sca.rules import BlockStage

# sca lies below payments, whose words these are: the literals of NextGenPSD2.
_FREQUENCIES: dict[str, str | Promise] = {
    "Daily": _("every day"),
    "Weekly": _("every week"),
    "EveryTwoWeeks": _("every two weeks"),
    "Monthly": _("every month"),
    "EveryTwoMonths": _("every two months"),
    "Quarterly": _("every three months"),
    "SemiAnnual": _("every six months"),
    "Annual": _("every year"),
}
# The month in words in English, where 3/4 means two days; in German in digits, for the message is short.
_DATE_FORMATS = {"en": "j M Y", "de": "j.n.Y"}
SHOWN_NAME_MAX = 30


def render_code_message(*, challenge: Challenge, code: str, language: str) -> str:
    """The SMS with the code: for a payment amount, payee, IBAN, code and expiry, the amount first (S1-15). Or, as the
    bank chooses, the code and an address under which the customer reads all that (S1-17)."""
    template = "sms_link" if challenge.details_by_link else f"sms_{challenge.purpose}"
    with translation.override(language), timezone.override(BANK_TIME_ZONE):
        return _one_line(
            render_to_string(
                f"notifications/{template}.txt",
                snapshot_in_words(challenge.snapshot)
                | {
                    "code": code,
                    "expires_at": challenge.expires_at,
                    "bank": settings.BANK_NAME,
                    "url": f"{settings.PUBLIC_BASE_URL}/details/{challenge.pk}/",
                },
            )
        )


def render_block_notice(*, language: str, stage: BlockStage = BlockStage.PAUSE) -> str:
    """The SMS that tells a customer that sign-in is paused after failed attempts; before the last time, that it will
    be closed next (RTS art. 4(4))."""
    with translation.override(language):
        return _one_line(
            render_to_string(
                "notifications/sms_block_notice.txt",
                {"bank": settings.BANK_NAME, "phone": settings.BANK_FRAUD_PHONE, "stage": stage.value},
            )
        )


def render_device_notice(*, language: str, kind: str, name: str, what: str) -> str:
    """The SMS that tells a customer that a device was added to his access (``what``: added), or why it was
    withdrawn."""
    with translation.override(language):
        return _one_line(
            render_to_string(
                "notifications/sms_device_notice.txt",
                {
                    "bank": settings.BANK_NAME,
                    "phone": settings.BANK_FRAUD_PHONE,
                    "kind": kind,
                    "name": name,
                    "what": what,
                },
            )
        )


def render_security_notice(*, language: str, what: str) -> str:
    """The SMS that tells a customer what was done with his access (``what``: see the template)."""
    with translation.override(language):
        return _one_line(
            render_to_string(
                "notifications/sms_security_notice.txt",
                {"bank": settings.BANK_NAME, "phone": settings.BANK_FRAUD_PHONE, "what": what},
            )
        )


def render_activation_letter(*, language: str, code: str, expires_at: datetime) -> str:
    """The letter with an activation code. It names no user ID: who finds it has one thing only (RTS art. 25)."""
    return _render("letter_activation", language, code=code, expires_at=expires_at)


def render_number_code(*, language: str, code: str, expires_at: datetime) -> str:
    """The SMS with the code by which a new number is confirmed."""
    return _render("sms_number", language, code=code, expires_at=expires_at)


def _render(template: str, language: str, **context: Any) -> str:
    bank = {
        "bank": settings.BANK_NAME,
        "phone": settings.BANK_FRAUD_PHONE,
        "url": f"{settings.PUBLIC_BASE_URL}/recover/",
    }
    with translation.override(language), timezone.override(BANK_TIME_ZONE):
        return _one_line(render_to_string(f"notifications/{template}.txt", bank | context))


def snapshot_in_words(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The snapshot with its amounts, days and accounts as people read them, in the language that is active."""
    context = dict(snapshot)
    if "amount_minor" in snapshot:
        context["amount"] = format_money(snapshot["amount_minor"], snapshot["currency"])
        context["creditor_iban_text"] = format_iban(snapshot["creditor_iban"])
        # "…" is no letter of the text messages' alphabet (GSM 03.38): it would make the message half as long again.
        context["debtor_iban_text"] = mask_iban(snapshot["debtor_iban"]).replace("…", "...")
    if "total_minor" in snapshot:
        context["total"] = format_money(snapshot["total_minor"], snapshot["currency"])
        ibans = dict.fromkeys(mask_iban(batch["debtor_iban"]) for batch in snapshot["batches"])
        context["debtor_iban_text"] = ", ".join(list(ibans)[:3]).replace("…", "...")
        context["fingerprint"] = fingerprint(snapshot["items_sha256"])
    if payments := snapshot.get("shown", {}).get("payments"):
        # The page may lie; so the one that should be looked at most stands in the message, too (RTS art. 5(3)(b)).
        first = payments[0]
        context |= {
            "first_amount": format_money(first["amount_minor"], snapshot["currency"]),
            "first_name": first["creditor_name"][:SHOWN_NAME_MAX],
            "first_iban": format_iban(first["creditor_iban"]),
        }
    if "valid_until" in snapshot:
        context["valid_until"] = _day(snapshot["valid_until"])
    if "new" in snapshot:
        context |= {
            f"{kind}_text": format_money(amount, snapshot["currency"])
            for kind, amount in snapshot["new"].items()
        }
    if "payee_iban" in snapshot:
        context["payee_iban_text"] = format_iban(snapshot["payee_iban"])
    if "frequency" in snapshot:
        context["frequency_text"] = _FREQUENCIES[snapshot["frequency"]]
        context["first_date"] = _day(snapshot["first_execution_date"])
        context["last_date"] = _day(snapshot["end_date"]) if snapshot.get("end_date") else ""
    if snapshot.get("requested_execution_date"):
        context["execution_date"] = _day(snapshot["requested_execution_date"])
    return context


def fingerprint(sha256: str) -> str:
    """The first digits of a hash as people compare them."""
    return f"{sha256[:4]} {sha256[4:8]}".upper()


def _day(written: str) -> str:
    return date_format(
        date.fromisoformat(written), _DATE_FORMATS.get(get_language() or "en", "j M Y"), use_l10n=False
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())
