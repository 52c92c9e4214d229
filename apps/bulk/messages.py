"""Text messages about files that nobody waits for on a page."""

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation

from apps.bulk.models import PaymentFile
from apps.bulk.queries import count_items_by_status
from apps.bulk.rules import ItemStatus
from apps.core.money import format_money


def render_file_refusal_notice(*, file: PaymentFile, language: str) -> str:
    """The SMS that tells a customer that payments of a file were not carried out on their day (PSD2 art. 79(1))."""
    with translation.override(language):
        context = {
            "bank": settings.BANK_NAME,
            "refused": count_items_by_status(file_id=file.pk).get(ItemStatus.RJCT, (0, 0))[0],
            "number": file.number_of_transactions,
            "total": format_money(file.total_minor or 0, file.currency),
        }
        return " ".join(render_to_string("notifications/sms_bulk_refused.txt", context).split())
