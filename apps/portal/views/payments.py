"""A transfer: enter, check, sign, watch it arrive. Every step can be repeated, left and come back to.

The code is made over amount, payee and the rest of the order (RTS art. 5); the page on which it is entered shows what
the code was made over, not what a form says.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.queries import get_balance, get_payable_account_for_psu, list_payable_accounts_for_psu
from apps.core.clock import bank_date
from apps.core.errors import NotFound
from apps.core.iban import format_iban
from apps.core.ids import new_id, parse_uuid
from apps.core.money import plain_amount
from apps.fraud.queries import get_report_of, is_reportable
from apps.payments.limits import LimitExceeded
from apps.payments.queries import get_payment_for_psu, list_payments_for_psu
from apps.payments.rules import Channel, StatusReason, TransactionStatus, is_final
from apps.payments.scheduling import execution_day, last_day_to_cancel, receipt_day
from apps.payments.services import (
    PaymentOrder,
    PaymentStatusInvalid,
    RequestIdReused,
    TooLateToCancel,
    authorise_payment,
    cancel_payment,
    decline_payment,
    initiate_payment,
    is_cancellable,
    payment_snapshot,
    reject_payment,
    send_payment_code,
    start_payment_authorisation,
    verify_payee_of_order,
)
from apps.portal.errors import ANSWERS, answer_for
from apps.portal.forms import AccountWithBalance, CodeForm, TransferForm
from apps.portal.guard import Visit, customers_only
from apps.portal.no_code import exemption_text
from apps.portal.phrases import arrival_text, limit_text, reason_text, return_text, when_text
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
from apps.portal.to_sign import payments_to_sign
from apps.sca.queries import ChallengeView
from apps.sca.rules import SubjectType
from apps.sca.services import CodeRefused, TextMessageNotEnough, TooManyCodes
from apps.web.origin import origin_of
from apps.web.views.preferences import SeeOther

LISTED = 50
CREDITOR_NAME_LENGTH = 70  # A payment carries no more; a longer name at its bank is known by its beginning.


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def new(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The transfer form. Sending it twice makes one payment."""
    accounts = [
        (account, get_balance(account=account))
        for account in list_payable_accounts_for_psu(psu_id=visit.psu.pk)
    ]
    if request.method == "POST":
        form = TransferForm(request.POST, accounts=accounts, today=bank_date(visit.now))
        if form.is_valid():
            try:
                return SeeOther(
                    reverse("portal:payment-review", args=[_initiate(request, form.cleaned_data, visit)])
                )
            except LimitExceeded as error:
                form.add_error("amount", limit_text(error))
            except RequestIdReused:
                form = _with_new_key(request, accounts, visit)
    else:
        form = TransferForm(initial=_prefilled(request, visit), accounts=accounts, today=bank_date(visit.now))
    recent = list_payments_for_psu(psu_id=visit.psu.pk, limit=5)
    return render(request, "portal/payment_new.html", {"form": form, "accounts": accounts, "recent": recent})


@require_safe
@customers_only
def payment_list(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The latest payments, made here or through a company; first what waits for this customer's signature."""
    payments = list_payments_for_psu(psu_id=visit.psu.pk, limit=LISTED)
    context = {"payments": payments, "to_sign": payments_to_sign(visit)}
    return render(request, "portal/payment_list.html", context)


@require_safe
@customers_only
def review(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """Everything once more, before a code is sent."""
    payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id)
    if not _may_be_signed_here(payment, visit):
        return SeeOther(reverse("portal:payment", args=[payment.pk]))
    balance = get_balance(account=payment.debtor_account)
    context = method_context(payment_snapshot(payment=payment), visit=visit) | {
        "payment": payment,
        "balance": balance,
        "is_short": payment.total_minor > balance.available_minor,
        "when": when_text(payment.requested_execution_date, product=payment.payment_product),
        "arrival": arrival_text(payment, now=visit.now),
        "signatures": signatures_of(payment, subject_type=SubjectType.PAYMENT, visit=visit),
        "steps": _steps(),
        "exemption": exemption_text(payment, visit),
    }
    return render(request, "portal/payment_review.html", context)


@require_POST
@customers_only
def send_code(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """Send the code; a second click while one is under way sends no second one, unless asked for."""
    payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id)
    if not _may_be_signed_here(payment, visit):
        return SeeOther(reverse("portal:payment", args=[payment.pk]))
    authorisation_id = _open_authorisation_id(payment, visit)
    if "again" not in request.POST and code_under_way(authorisation_id, visit):
        return SeeOther(reverse("portal:payment-sign", args=[payment.pk]))
    try:
        send_payment_code(
            payment_id=payment.pk,
            authorisation_id=authorisation_id
            or start_payment_authorisation(payment_id=payment.pk, psu=visit.psu, now=visit.now).pk,
            psu=visit.psu,
            method=chosen_method(request, visit, snapshot=payment_snapshot(payment=payment)),
            hide_limit=False,
            now=visit.now,
        )
    except (TooManyCodes, TextMessageNotEnough) as error:
        messages.error(request, str(answer_for(error).text))
        came_from = "portal:payment-sign" if authorisation_id else "portal:payment-review"
        return SeeOther(reverse(came_from, args=[payment.pk]))
    except PaymentStatusInvalid:
        return SeeOther(reverse("portal:payment", args=[payment.pk]))
    return SeeOther(reverse("portal:payment-sign", args=[payment.pk]))


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def sign(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """What will be paid, and the code that releases it (S0-43..45)."""
    payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id)
    if not _may_be_signed_here(payment, visit):
        return SeeOther(reverse("portal:payment", args=[payment.pk]))
    authorisation_id = _open_authorisation_id(payment, visit)
    challenge = code_under_way(authorisation_id, visit)
    form = CodeForm()
    if request.method == "POST":
        if authorisation_id is None or challenge is None:
            return SeeOther(reverse("portal:payment-sign", args=[payment.pk]))
        try:
            proof = check_answer(request, challenge, now=visit.now)
            authorise_payment(
                payment_id=payment.pk,
                authorisation_id=authorisation_id,
                psu=visit.psu,
                proof=proof,
                now=visit.now,
            )
        except NO_ANSWER as error:
            form = CodeForm.with_error(str(answer_for(error).text))
        except CodeRefused:
            return _after_refusal(request, visit, payment_id, challenge)
        except PaymentStatusInvalid:
            return SeeOther(reverse("portal:payment", args=[payment.pk]))
        else:
            return SeeOther(reverse("portal:payment", args=[payment.pk]))
    elif "failed" in request.GET:
        form = wrong_answer_form(challenge)
    context = sign_context(visit, challenge, form, snapshot=payment_snapshot(payment=payment)) | {
        "payment": payment,
        "when": when_text(payment.requested_execution_date, product=payment.payment_product),
        "signatures": signatures_of(payment, subject_type=SubjectType.PAYMENT, visit=visit),
        "steps": _steps(),
    }
    return render(request, "portal/payment_sign.html", context)


@require_safe
@customers_only
def payment(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """One payment and how it stands; the page renews itself until nothing more happens."""
    payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id)
    status = payment.transaction_status
    context = {
        "payment": payment,
        "reason": reason_text(payment) if status == TransactionStatus.RJCT else "",
        "return_reason": return_text(payment) if payment.returned_at else "",
        "is_signed_here": _may_be_signed_here(payment, visit),
        "signatures": signatures_of(payment, subject_type=SubjectType.PAYMENT, visit=visit),
        "is_scheduled": payment.is_scheduled,
        "is_under_way": not payment.is_scheduled
        and status in (TransactionStatus.ACTC, TransactionStatus.ACSP),
        "is_cancellable": is_cancellable(payment=payment, psu_id=visit.psu.pk, now=visit.now),
        **_planned_days(payment, now=visit.now),
        "is_final": is_final(status),
        "report": get_report_of(payment_id=payment.pk),
        "is_reportable": is_reportable(payment=payment, now=visit.now),
    }
    return render(request, "portal/payment.html", context)


@require_safe
@customers_only
def payment_status(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """For the page that waits: ``done`` when the status is another than the one it shows."""
    payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id)
    return JsonResponse(
        {
            "transactionStatus": payment.transaction_status,
            "done": payment.transaction_status != request.GET.get("seen"),
        }
    )


@require_POST
@customers_only
def cancel(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """Take a payment back that was not approved yet, or that waits for its day (PSD2 art. 80)."""
    try:
        cancel_payment(payment_id=payment_id, psu_id=visit.psu.pk, now=visit.now)
    except TooLateToCancel:
        messages.error(request, str(ANSWERS[TooLateToCancel].text))
    except PaymentStatusInvalid:
        if _status_of(payment_id, visit) != TransactionStatus.CANC:
            messages.error(request, gettext("This payment can no longer be cancelled."))
    return SeeOther(reverse("portal:payment", args=[payment_id]))


@require_POST
@customers_only
def decline(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """The no of who would have to sign as the second."""
    payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id)
    try:
        decline_payment(payment_id=payment.pk, psu=visit.psu, now=visit.now)
    except PaymentStatusInvalid as error:
        messages.error(request, str(answer_for(error).text))
    return SeeOther(reverse("portal:payment", args=[payment_id]))


@require_POST
@customers_only
def edit(request: HttpRequest, visit: Visit, payment_id: UUID) -> HttpResponse:
    """A payment never changes once it is taken in: cancel this one and start another like it; after a close match with
    the name that the payee's bank has. What is entered then is verified anew."""
    try:
        cancel_payment(payment_id=payment_id, psu_id=visit.psu.pk, now=visit.now)
    except PaymentStatusInvalid:
        if _status_of(payment_id, visit) != TransactionStatus.CANC:
            return SeeOther(reverse("portal:payment", args=[payment_id]))
    name = "&payee=shown" if "take_shown_name" in request.POST else ""
    return SeeOther(f"{reverse('portal:payment-new')}?like={payment_id}{name}")


def _planned_days(payment: Any, *, now: datetime) -> dict[str, Any]:
    """When an order for a later day is carried out, and until when it can be taken back. One that waits for its rail
    alone goes when that opens, and cannot be taken back (PSD2 art. 80(1))."""
    if payment.requested_execution_date is None:
        return {"execution_day": receipt_day(now, cut_off=settings.TARGET_2_CUT_OFF)}
    return {
        "execution_day": execution_day(payment.requested_execution_date, is_instant=payment.is_instant),
        "last_day_to_cancel": last_day_to_cancel(payment.requested_execution_date),
    }


def _initiate(request: HttpRequest, typed: dict[str, Any], visit: Visit) -> UUID:
    order = PaymentOrder(
        debtor_account=get_payable_account_for_psu(
            psu_id=visit.psu.pk, account_id=UUID(typed["from_account"])
        ),
        creditor_name=typed["creditor_name"],
        creditor_iban=typed["creditor_iban"],
        instructed_amount=typed["amount"],
        remittance_information_unstructured=typed["reference"],
        requested_execution_date=typed["execution_date"],
        payment_product=typed["product"],
        creditor_agent=typed["creditor_agent"],
        charge_bearer=typed["charge_bearer"],
    )
    # Before the order's transaction: another bank is asked, and the look-up counts whatever becomes of the order.
    verification = verify_payee_of_order(
        channel=Channel.PORTAL, order=order, psu=visit.psu, request_id=typed["form_key"], now=visit.now
    )
    payment, _is_new = initiate_payment(
        channel=Channel.PORTAL,
        order=order,
        psu=visit.psu,
        request_id=typed["form_key"],
        verification=verification,
        origin=origin_of(request, now=visit.now),
        now=visit.now,
    )
    return payment.pk


def _with_new_key(request: HttpRequest, accounts: list[AccountWithBalance], visit: Visit) -> TransferForm:
    """The form that was sent before with other details, ready to be sent as another payment."""
    data = request.POST.copy()
    data["form_key"] = str(new_id())
    form = TransferForm(data, accounts=accounts, today=bank_date(visit.now))
    form.add_error(
        None,
        gettext(
            "You entered this transfer before with other details. Check it and continue to make it a new one."
        ),
    )
    return form


def _prefilled(request: HttpRequest, visit: Visit) -> dict[str, str]:
    """The details of an earlier payment (``?like=``), or the account one came from (``?from=``)."""
    like = parse_uuid(request.GET.get("like", ""))
    if like is None:
        return {"from_account": request.GET.get("from", "")}
    try:
        payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=like)
    except NotFound:
        return {}
    amount = plain_amount(payment.amount_minor, payment.currency)
    shown = (
        payment.matched_creditor_name[:CREDITOR_NAME_LENGTH] if request.GET.get("payee") == "shown" else ""
    )
    return {
        "from_account": str(payment.debtor_account_id),
        "creditor_name": shown or payment.creditor_name,
        "creditor_iban": format_iban(payment.creditor_iban),
        "amount": amount.replace(".", ",") if (get_language() or "").startswith("de") else amount,
        "reference": payment.remittance_information_unstructured,
        "product": payment.payment_product,
        "creditor_agent": payment.creditor_agent,
        "charge_bearer": payment.charge_bearer,
    }


def _may_be_signed_here(payment: Any, visit: Visit) -> bool:
    """What came through a company is approved on the pages that it leads to; the second signature may be given here."""
    if payment.is_partly_signed:
        return payment.psu_id != visit.psu.pk
    return payment.transaction_status == TransactionStatus.RCVD and payment.channel == Channel.PORTAL


def _open_authorisation_id(payment: Any, visit: Visit) -> UUID | None:
    return open_authorisation_id(subject_type=SubjectType.PAYMENT, subject_id=payment.pk, visit=visit)


def _after_refusal(
    request: HttpRequest, visit: Visit, payment_id: UUID, challenge: ChallengeView
) -> HttpResponse:
    """Where a wrong code leads. A right one that was used meanwhile leads to the payment it released."""
    detail = reverse("portal:payment", args=[payment_id])
    payment = get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id)
    if not _may_be_signed_here(payment, visit):
        return SeeOther(detail)
    if is_dead(challenge):
        reject_payment(payment_id=payment_id, reason=StatusReason.DS0A, now=visit.now)
        if payment.is_partly_signed:
            messages.error(request, too_many_codes_text())
        return SeeOther(detail)
    return SeeOther(f"{reverse('portal:payment-sign', args=[payment_id])}?failed")


def _status_of(payment_id: UUID, visit: Visit) -> str:
    return get_payment_for_psu(psu_id=visit.psu.pk, payment_id=payment_id).transaction_status


def _steps() -> list[str]:
    return [gettext("Enter"), gettext("Check"), gettext("Sign")]
