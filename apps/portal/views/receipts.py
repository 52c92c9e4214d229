"""Receipts for what was signed: to read, as PDF to print, and signed by the bank to keep as proof (PSD2 art. 48, 72).

The keys that sign them are for everybody: a receipt is checked by whoever it is shown to.
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_safe

from apps.core.errors import NotFound
from apps.portal.errors import Answer
from apps.portal.guard import Visit, customers_only, retry_later
from apps.receipts.queries import describe_receipt, list_receipt_keys
from apps.receipts.rules import ReceiptKind
from apps.receipts.services import ReceiptFile, issue_printed_receipt, issue_signed_receipt
from apps.receipts.words import receipt_sections, receipt_title
from apps.web.throttles import count_call

_FILES_MAX, _WINDOW_SECONDS = 120, 600
_KEYS_AGE_SECONDS = 300
_TOO_MANY = Answer(
    429, _("Too many files in a short time"), _("Wait ten minutes. Then you can go on where you were.")
)
# Where one comes from, and goes back to; some by the order's id.
_PAGES = {
    ReceiptKind.PAYMENT: ("portal:payment", True),
    ReceiptKind.STANDING_ORDER: ("portal:standing-order", True),
    ReceiptKind.FILE: ("portal:bulk-file", True),
    ReceiptKind.CONSENT: ("portal:app-list", False),
    ReceiptKind.LIMITS: ("portal:limits", False),
}


@require_safe
@customers_only
def receipt(request: HttpRequest, visit: Visit, kind: str, subject_id: UUID) -> HttpResponse:
    """What a receipt says, and the two files. Nothing is issued by looking at it."""
    chosen = _kind(kind)
    content = describe_receipt(kind=chosen, subject_id=subject_id, psu_id=visit.psu.pk, now=visit.now)
    page, has_id = _PAGES[chosen]
    back = reverse(page, args=[subject_id] if has_id else [])
    context = {
        "kind": chosen.value,
        "subject_id": subject_id,
        "title": receipt_title(content),
        "sections": receipt_sections(content)[:-1],  # The last is about a receipt that was issued.
        "crumbs": [(back, receipt_title(content)), ("", gettext("Receipt"))],
        "keys_url": request.build_absolute_uri(reverse("portal:receipt-keys")),
    }
    return render(request, "portal/receipt.html", context)


@require_GET
@customers_only
def receipt_file(
    request: HttpRequest, visit: Visit, kind: str, subject_id: UUID, file_format: str
) -> HttpResponse:
    """The receipt as a file: ``json`` signed, ``pdf`` to print."""
    chosen = _kind(kind)
    throttle = count_call(
        scope="portal.receipt", key=str(visit.psu.pk), limit=_FILES_MAX, window_seconds=_WINDOW_SECONDS
    )
    if not throttle.is_allowed:
        return retry_later(
            render(request, "portal/refusal.html", {"answer": _TOO_MANY}, status=429), throttle
        )
    if file_format == "json":
        return _answer(
            issue_signed_receipt(kind=chosen, subject_id=subject_id, psu_id=visit.psu.pk, now=visit.now)
        )
    if file_format == "pdf":
        return _answer(
            issue_printed_receipt(
                kind=chosen,
                subject_id=subject_id,
                psu_id=visit.psu.pk,
                language=get_language() or "en",
                now=visit.now,
            )
        )
    raise NotFound("receipt")


@require_safe
def receipt_keys(request: HttpRequest) -> JsonResponse:
    """The JWK Set for receipts: the key that signs, and every one that ever did."""
    response = JsonResponse({"keys": list_receipt_keys()}, content_type="application/jwk-set+json")
    response["Cache-Control"] = f"public, max-age={_KEYS_AGE_SECONDS}"
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _kind(text: str) -> ReceiptKind:
    try:
        return ReceiptKind(text)
    except ValueError:
        raise NotFound("receipt") from None


def _answer(file: ReceiptFile) -> HttpResponse:
    response = HttpResponse(file.content, content_type=file.content_type)
    response["Content-Disposition"] = f'attachment; filename="{file.name}"'
    return response
