"""Files of payments: upload, see what is wrong or what would be paid, sign once, watch it, fetch the report.

The code is made over the total, the accounts and a hash over every payee (RTS art. 5(3)(b)); the page on which it is
entered shows what the code was made over.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.queries import get_balance, is_business_account, list_payable_accounts_for_psu
from apps.bulk.queries import (
    count_items_by_name_match,
    count_items_by_status,
    get_payment_file_for_psu,
    get_progress_percent,
    has_opted_out,
    list_batches,
    list_items,
    list_payment_files_for_psu,
)
from apps.bulk.reading.csv_file import OPTIONAL, REQUIRED
from apps.bulk.report import has_report, report_name, write_report
from apps.bulk.rules import FileStatus, ItemStatus, ReasonCode, RiskReason, is_final, problem_text
from apps.bulk.services import (
    PaymentFileStatusInvalid,
    TooLateToCancelFile,
    TooManyFilesWaiting,
    authorise_payment_file,
    cancel_payment_file,
    decline_payment_file,
    is_file_cancellable,
    payment_file_snapshot,
    receive_payment_file,
    reject_payment_file,
    send_payment_file_code,
    set_payee_check,
    start_payment_file_authorisation,
)
from apps.core.clock import bank_date
from apps.core.ids import parse_uuid
from apps.core.names.rules import NameMatch
from apps.payments.limits import LimitExceeded
from apps.payments.scheduling import execution_day, has_to_wait
from apps.payments.services import SignedAlready
from apps.portal.errors import ANSWERS, answer_for
from apps.portal.forms import CodeForm, PaymentFileForm
from apps.portal.guard import Visit, customers_only
from apps.portal.phrases import BULK_REASONS, limit_text
from apps.portal.signing import (
    NO_ANSWER,
    check_answer,
    chosen_method,
    code_under_way,
    is_dead,
    method_context,
    open_authorisation_id,
    sign_context,
    signatures_of,
    too_many_codes_text,
    wrong_answer_form,
)
from apps.portal.to_sign import files_to_sign
from apps.sca.messages import fingerprint
from apps.sca.rules import SubjectType
from apps.sca.services import CodeRefused, DynamicLinkBroken, TextMessageNotEnough, TooManyCodes
from apps.web.origin import origin_of
from apps.web.views.preferences import SeeOther

_PAGE = 50
_READ_BYTES = 256 * 1024


@require_safe
@customers_only
def file_list(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The files of the customer, and for business accounts whether names are checked."""
    businesses = [
        (account, not has_opted_out(account_id=account.pk))
        for account in list_payable_accounts_for_psu(psu_id=visit.psu.pk)
        if is_business_account(account=account)
    ]
    files = list_payment_files_for_psu(psu_id=visit.psu.pk)
    context = {"files": files, "businesses": businesses, "to_sign": files_to_sign(visit)}
    return render(request, "portal/bulk_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def new(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The upload. It is checked while the customer looks at the next page, or does something else."""
    is_sent = request.method == "POST"
    form = PaymentFileForm(request.POST, request.FILES) if is_sent else PaymentFileForm()
    if is_sent and form.is_valid():
        uploaded: UploadedFile = form.cleaned_data["file"]
        try:
            file = receive_payment_file(
                psu=visit.psu,
                name=uploaded.name or "",
                content=uploaded.chunks(_READ_BYTES),
                origin=origin_of(request, now=visit.now),
                now=visit.now,
            )
        except TooManyFilesWaiting:
            form.add_error("file", str(ANSWERS[TooManyFilesWaiting].text))
        else:
            return SeeOther(reverse("portal:bulk-file", args=[file.pk]))
    context = {
        "form": form,
        "most": settings.BULK_FILE_MAX_BYTES,
        "required": REQUIRED,
        "optional": OPTIONAL,
        "steps": _steps(),
    }
    return render(request, "portal/bulk_new.html", context)


@require_POST
@customers_only
def payee_check(request: HttpRequest, visit: Visit) -> HttpResponse:
    """A business switches the check of names in its files off, or on again (SEPA Regulation art. 5c(6))."""
    account_id = parse_uuid(request.POST.get("account", ""))
    if account_id is not None:
        is_on = request.POST.get("check") == "on"
        set_payee_check(psu=visit.psu, account_id=account_id, is_on=is_on, now=visit.now)
        messages.success(
            request,
            gettext("Names are checked in the files you upload from now on.")
            if is_on
            else gettext("Names are not checked in the files you upload from now on."),
        )
    return SeeOther(reverse("portal:bulk-list"))


@require_safe
@customers_only
def file(request: HttpRequest, visit: Visit, file_id: UUID) -> HttpResponse:
    """One file and how it stands: being checked, not good, to be signed, on its way, done."""
    file = get_payment_file_for_psu(psu_id=visit.psu.pk, file_id=file_id)
    batches = list(list_batches(file_id=file.pk))
    counts = count_items_by_status(file_id=file.pk)
    context = {
        "file": file,
        "batches": [(batch, _day(batch)) for batch in batches],
        "problems": [problem | {"text": problem_text(problem)} for problem in file.problems],
        "percent": get_progress_percent(file=file),
        "is_under_way": file.status in (FileStatus.PDNG, FileStatus.ACSP)
        or (file.status == FileStatus.ACTC and any(batch.released_at for batch in batches)),
        "is_cancellable": is_file_cancellable(file=file, psu_id=visit.psu.pk, now=visit.now),
        "is_final": is_final(file.status),
        "has_report": has_report(file),
        "reason": _reason(file) or _first_reason(batches),
        "done": counts.get(ItemStatus.ACSC, (0, 0)),
        "refused": counts.get(ItemStatus.RJCT, (0, 0)),
        "is_signed_here": _may_be_signed(file, visit),
        "signatures": signatures_of(file, subject_type=SubjectType.BULK, visit=visit),
        "steps": _steps(),
    }
    if _may_be_signed(file, visit):
        context |= _review(file, batches, visit)
        context |= method_context(payment_file_snapshot(file=file), visit=visit)
        context["refused_items"] = []
    elif file.status in (FileStatus.PART, FileStatus.RJCT, FileStatus.ACSP):
        context["refused_items"] = list_items(file_id=file.pk, status=ItemStatus.RJCT, limit=20)
    if file.status in (FileStatus.ACSC, FileStatus.PART, FileStatus.ACSP):
        context["returned_items"] = list_items(file_id=file.pk, has_come_back=True, limit=20)
    return render(request, "portal/bulk_file.html", context)


@require_safe
@customers_only
def file_status(request: HttpRequest, visit: Visit, file_id: UUID) -> HttpResponse:
    """For the page that waits: how far it is, and ``done`` when the status is another than the one it shows."""
    file = get_payment_file_for_psu(psu_id=visit.psu.pk, file_id=file_id)
    return JsonResponse(
        {
            "status": file.status,
            "percent": get_progress_percent(file=file),
            "done": file.status != request.GET.get("seen"),
        }
    )


@require_safe
@customers_only
def items(request: HttpRequest, visit: Visit, file_id: UUID) -> HttpResponse:
    """Every payment of a file, page by page; or those of one outcome."""
    file = get_payment_file_for_psu(psu_id=visit.psu.pk, file_id=file_id)
    page = _number(request.GET.get("page", ""), least=1)
    status = request.GET.get("status", "")
    match = request.GET.get("name", "")
    rows = list_items(
        file_id=file.pk,
        status=status if status in ItemStatus.values else "",
        name_match=match if match in NameMatch.values else "",
        offset=(page - 1) * _PAGE,
        limit=_PAGE + 1,
    )
    context = {
        "file": file,
        "payments": rows[:_PAGE],
        "page": page,
        "has_next": len(rows) > _PAGE,
        "status": status if status in ItemStatus.values else "",
        "name": match if match in NameMatch.values else "",
        "counts": [
            (value, ItemStatus(value).label, count)
            for value, (count, _sum) in count_items_by_status(file_id=file.pk).items()
        ],
        "matches": _matches(file.pk),
        "crumbs": _crumbs(file),
    }
    return render(request, "portal/bulk_items.html", context)


@require_POST
@customers_only
def send_code(request: HttpRequest, visit: Visit, file_id: UUID) -> HttpResponse:
    """Send the code; a second click while one is under way sends no second one, unless asked for."""
    file = get_payment_file_for_psu(psu_id=visit.psu.pk, file_id=file_id)
    detail = reverse("portal:bulk-file", args=[file.pk])
    authorisation_id = _open_authorisation_id(file_id, visit)
    if "again" not in request.POST and code_under_way(authorisation_id, visit):
        return SeeOther(reverse("portal:bulk-sign", args=[file.pk]))
    try:
        send_payment_file_code(
            file_id=file.pk,
            authorisation_id=authorisation_id
            or start_payment_file_authorisation(file_id=file.pk, psu=visit.psu, now=visit.now).pk,
            psu=visit.psu,
            method=chosen_method(request, visit, snapshot=payment_file_snapshot(file=file)),
            now=visit.now,
        )
    except LimitExceeded as error:
        messages.error(request, limit_text(error))
        return SeeOther(detail)
    except (TooManyCodes, TextMessageNotEnough) as error:
        messages.error(request, str(answer_for(error).text))
        return SeeOther(reverse("portal:bulk-sign", args=[file.pk]) if authorisation_id else detail)
    except (PaymentFileStatusInvalid, SignedAlready):
        return SeeOther(detail)
    return SeeOther(reverse("portal:bulk-sign", args=[file.pk]))


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def sign(request: HttpRequest, visit: Visit, file_id: UUID) -> HttpResponse:
    """What will be paid, and the one code that releases all of it."""
    file = get_payment_file_for_psu(psu_id=visit.psu.pk, file_id=file_id)
    detail = reverse("portal:bulk-file", args=[file.pk])
    if not _may_be_signed(file, visit):
        return SeeOther(detail)
    authorisation_id = _open_authorisation_id(file_id, visit)
    challenge = code_under_way(authorisation_id, visit)
    here = reverse("portal:bulk-sign", args=[file.pk])
    form = wrong_answer_form(challenge) if "failed" in request.GET else CodeForm()
    if request.method == "POST":
        if authorisation_id is None or challenge is None:
            return SeeOther(here)
        try:
            proof = check_answer(request, challenge, now=visit.now)
            authorise_payment_file(
                file_id=file.pk, authorisation_id=authorisation_id, psu=visit.psu, proof=proof, now=visit.now
            )
        except NO_ANSWER as error:
            form = CodeForm.with_error(str(answer_for(error).text))
        except CodeRefused:
            file = get_payment_file_for_psu(psu_id=visit.psu.pk, file_id=file_id)
            if not _may_be_signed(file, visit):
                return SeeOther(detail)  # A right one that was used meanwhile.
            if not is_dead(challenge):
                return SeeOther(f"{here}?failed")
            reject_payment_file(file_id=file_id, reason=ReasonCode.DS0A, now=visit.now)
            if file.is_partly_signed:
                messages.error(request, too_many_codes_text())
            return SeeOther(detail)
        except DynamicLinkBroken:
            messages.error(request, str(ANSWERS[DynamicLinkBroken].text))
            return SeeOther(detail)
        except (PaymentFileStatusInvalid, SignedAlready):
            return SeeOther(detail)
        else:
            return SeeOther(detail)
    context = sign_context(visit, challenge, form, snapshot=payment_file_snapshot(file=file)) | {
        "file": file,
        "signatures": signatures_of(file, subject_type=SubjectType.BULK, visit=visit),
        "steps": _steps(),
    }
    if challenge is not None:
        shown = challenge.snapshot
        context |= {"shown": shown, "fingerprint": fingerprint(shown["items_sha256"])}
        context["shown_payments"] = [
            payment | {"reason_texts": [RiskReason(reason).label for reason in payment["reasons"]]}
            for payment in shown.get("shown", {}).get("payments", [])
        ]
        context["matches"] = [
            (outcome, NameMatch(outcome).label, count)
            for outcome, count in shown["name_matches"].items()
            if outcome
        ]
    return render(request, "portal/bulk_sign.html", context)


@require_POST
@customers_only
def cancel(request: HttpRequest, visit: Visit, file_id: UUID) -> HttpResponse:
    """Take a file back that was not signed yet, or that waits for its day."""
    try:
        cancel_payment_file(file_id=file_id, psu_id=visit.psu.pk, now=visit.now)
    except TooLateToCancelFile:
        messages.error(request, str(ANSWERS[TooLateToCancelFile].text))
    except PaymentFileStatusInvalid:
        if get_payment_file_for_psu(psu_id=visit.psu.pk, file_id=file_id).status != FileStatus.CANC:
            messages.error(request, gettext("This file can no longer be cancelled."))
    return SeeOther(reverse("portal:bulk-file", args=[file_id]))


@require_POST
@customers_only
def decline(request: HttpRequest, visit: Visit, file_id: UUID) -> HttpResponse:
    """The no of who would have to sign as the second."""
    try:
        decline_payment_file(file_id=file_id, psu=visit.psu, now=visit.now)
    except (PaymentFileStatusInvalid, SignedAlready) as error:
        messages.error(request, str(answer_for(error).text))
    return SeeOther(reverse("portal:bulk-file", args=[file_id]))


@require_safe
@customers_only
def report(request: HttpRequest, visit: Visit, file_id: UUID) -> HttpResponseBase:
    """The report on a file as pain.002, in the version that answers the uploaded one."""
    file = get_payment_file_for_psu(psu_id=visit.psu.pk, file_id=file_id)
    if not has_report(file):
        return SeeOther(reverse("portal:bulk-file", args=[file_id]))
    return FileResponse(
        write_report(file=file, now=visit.now),
        as_attachment=True,
        filename=report_name(file),
        content_type="application/xml; charset=utf-8",
    )


def _review(file: Any, batches: list[Any], visit: Visit) -> dict[str, Any]:
    """What is told before the code: is the money there, and what was found of the names."""
    short = []
    due: dict[Any, int] = {}
    for batch in batches:
        if not has_to_wait(batch.requested_execution_date, today=bank_date(visit.now), is_instant=False):
            due[batch.debtor_account] = due.get(batch.debtor_account, 0) + batch.total_minor
    for account, total in due.items():
        balance = get_balance(account=account)
        if total > balance.available_minor:
            short.append((account, balance))
    return {
        "short": short,
        "matches": _matches(file.pk),
        "unchecked": [batch for batch in batches if not batch.checks_payees],
        "fingerprint": fingerprint(bytes(file.items_sha256).hex()),
        "shown_items": list_items(file_id=file.pk, limit=10),
        "doubtful": [
            *list_items(file_id=file.pk, name_match=NameMatch.NMTC, limit=20),
            *list_items(file_id=file.pk, name_match=NameMatch.CMTC, limit=20),
        ],
    }


def _matches(file_id: UUID) -> list[tuple[str, str, int]]:
    return [
        (outcome, str(NameMatch(outcome).label), count)
        for outcome, count in count_items_by_name_match(file_id=file_id).items()
        if outcome
    ]


def _may_be_signed(file: Any, visit: Visit) -> bool:
    """Whether it waits for this customer's signature."""
    return file.status == FileStatus.RCVD or (file.is_partly_signed and file.psu_id != visit.psu.pk)


def _reason(file: Any) -> str:
    if file.status_reason == ReasonCode.CUST and file.signatures_needed > 1:
        return gettext("It was declined by who would have had to sign as the second. Nothing was paid.")
    return str(BULK_REASONS.get(file.status_reason, ""))


def _first_reason(batches: list[Any]) -> str:
    reasons: Iterator[str] = (batch.status_reason for batch in batches if batch.status_reason)
    return str(BULK_REASONS.get(next(reasons, ""), ""))


def _day(batch: Any) -> Any:
    """The day on which a group is carried out; None: at once."""
    return (
        execution_day(batch.requested_execution_date, is_instant=False)
        if batch.requested_execution_date
        else None
    )


def _number(text: str, *, least: int) -> int:
    return max(least, int(text)) if text.isascii() and text.isdigit() and len(text) < 7 else least


def _open_authorisation_id(file_id: UUID, visit: Visit) -> UUID | None:
    return open_authorisation_id(subject_type=SubjectType.BULK, subject_id=file_id, visit=visit)


def _crumbs(file: Any) -> list[tuple[str, str]]:
    return [
        (reverse("portal:bulk-list"), gettext("Bulk payments")),
        (reverse("portal:bulk-file", args=[file.pk]), file.file_name),
        ("", gettext("Payments")),
    ]


def _steps() -> list[str]:
    return [gettext("Upload"), gettext("Check"), gettext("Sign")]
