"""Standing orders: enter, check, sign, look at, change, end. One code signs the whole series (RTS art. 14)."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
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
from apps.payments.limits import LimitExceeded
from apps.payments.rules import Channel, StatusReason, TransactionStatus
from apps.payments.services import PaymentOrder, RequestIdReused, SignedAlready
from apps.payments.standing_order_evidence import standing_order_snapshot
from apps.payments.standing_orders import (
    StandingOrderStatusInvalid,
    authorise_standing_order,
    decline_standing_order,
    end_standing_order,
    get_standing_order,
    initiate_standing_order,
    is_his_to_end,
    list_executions,
    list_partly_signed_standing_orders,
    list_standing_orders,
    reject_standing_order,
    send_standing_order_code,
    start_standing_order_authorisation,
    verify_payee_of_standing_order,
)
from apps.portal.errors import answer_for
from apps.portal.forms import AccountWithBalance, CodeForm, StandingOrderForm
from apps.portal.guard import Visit, customers_only
from apps.portal.phrases import limit_text
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
from apps.portal.to_sign import standing_orders_to_sign
from apps.sca.rules import SubjectType
from apps.sca.services import CodeRefused, TextMessageNotEnough, TooManyCodes
from apps.web.origin import origin_of
from apps.web.views.preferences import SeeOther

CREDITOR_NAME_LENGTH = 70  # An order carries no more; a longer name at its bank is known by its beginning.


@require_safe
@customers_only
def order_list(request: HttpRequest, visit: Visit) -> HttpResponse:
    """What runs, with the next execution; below it what has ended."""
    orders = list(list_standing_orders(psu_id=visit.psu.pk))
    partly_signed = list_partly_signed_standing_orders(psu_id=visit.psu.pk)
    context = {
        "to_sign": standing_orders_to_sign(visit),
        "partly_signed": [order for order in partly_signed if order.psu_id == visit.psu.pk],
        "running": [order for order in orders if order.is_running],
        "ended": [order for order in orders if not order.is_running],
    }
    return render(request, "portal/standing_order_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def new(request: HttpRequest, visit: Visit) -> HttpResponse:
    """The form; with ``?change=`` the details of the one that will be replaced. Sending it twice makes one order."""
    accounts = [
        (account, get_balance(account=account))
        for account in list_payable_accounts_for_psu(psu_id=visit.psu.pk)
    ]
    replaced = _replaced(request, visit)
    today = bank_date(visit.now)
    if request.method == "POST":
        form = StandingOrderForm(request.POST, accounts=accounts, today=today)
        if form.is_valid():
            try:
                return SeeOther(
                    reverse("portal:standing-order-review", args=[_initiate(request, form, replaced, visit)])
                )
            except LimitExceeded as error:
                form.add_error("amount", limit_text(error))
            except RequestIdReused:
                form = _with_new_key(request, accounts, visit)
    else:
        form = StandingOrderForm(initial=_prefilled(request, replaced, visit), accounts=accounts, today=today)
    context = {"form": form, "accounts": accounts, "replaced": replaced}
    return render(request, "portal/standing_order_new.html", context)


@require_safe
@customers_only
def detail(request: HttpRequest, visit: Visit, standing_order_id: UUID) -> HttpResponse:
    """One standing order: what it is, when it comes next, what it has made."""
    order = get_standing_order(psu_id=visit.psu.pk, standing_order_id=standing_order_id)
    context = {
        "order": order,
        "snapshot": standing_order_snapshot(order=order),
        "is_waiting": _may_be_signed(order, visit),
        "is_mine_to_end": is_his_to_end(order=order, psu_id=visit.psu.pk),
        "is_mine": order.psu_id == visit.psu.pk,
        "signatures": signatures_of(order, subject_type=SubjectType.STANDING_ORDER, visit=visit),
        "executions": list_executions(standing_order_id=order.pk),
    }
    return render(request, "portal/standing_order.html", context)


@require_safe
@customers_only
def review(request: HttpRequest, visit: Visit, standing_order_id: UUID) -> HttpResponse:
    """Everything once more, before a code is sent."""
    order = get_standing_order(psu_id=visit.psu.pk, standing_order_id=standing_order_id)
    if not _may_be_signed(order, visit):
        return _to("", order.pk)
    snapshot = standing_order_snapshot(order=order)
    context = method_context(snapshot, visit=visit) | {
        "order": order,
        "snapshot": snapshot,
        "signatures": signatures_of(order, subject_type=SubjectType.STANDING_ORDER, visit=visit),
        "steps": _steps(),
    }
    return render(request, "portal/standing_order_review.html", context)


@require_POST
@customers_only
def send_code(request: HttpRequest, visit: Visit, standing_order_id: UUID) -> HttpResponse:
    """Send the code; a second click while one is under way sends no second one, unless asked for."""
    order = get_standing_order(psu_id=visit.psu.pk, standing_order_id=standing_order_id)
    if not _may_be_signed(order, visit):
        return _to("", standing_order_id)
    authorisation_id = _authorisation_id(standing_order_id, visit)
    if "again" not in request.POST and code_under_way(authorisation_id, visit):
        return _to("sign", standing_order_id)
    try:
        send_standing_order_code(
            standing_order_id=standing_order_id,
            authorisation_id=authorisation_id
            or start_standing_order_authorisation(
                standing_order_id=standing_order_id, psu=visit.psu, now=visit.now
            ).pk,
            psu=visit.psu,
            method=chosen_method(request, visit, snapshot=standing_order_snapshot(order=order)),
            now=visit.now,
        )
    except (TooManyCodes, TextMessageNotEnough) as error:
        messages.error(request, str(answer_for(error).text))
        return _to("sign" if authorisation_id else "review", standing_order_id)
    except (StandingOrderStatusInvalid, SignedAlready):
        return _to("", standing_order_id)
    return _to("sign", standing_order_id)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def sign(request: HttpRequest, visit: Visit, standing_order_id: UUID) -> HttpResponse:
    """The series as the code was made over it, and the code that lets it run."""
    order = get_standing_order(psu_id=visit.psu.pk, standing_order_id=standing_order_id)
    if not _may_be_signed(order, visit):
        return _to("", order.pk)
    authorisation_id = _authorisation_id(order.pk, visit)
    challenge = code_under_way(authorisation_id, visit)
    form = wrong_answer_form(challenge) if "failed" in request.GET else CodeForm()
    if request.method == "POST":
        if authorisation_id is None or challenge is None:
            return _to("sign", order.pk)
        try:
            proof = check_answer(request, challenge, now=visit.now)
            authorise_standing_order(
                standing_order_id=order.pk,
                authorisation_id=authorisation_id,
                psu=visit.psu,
                proof=proof,
                now=visit.now,
            )
        except NO_ANSWER as error:
            form = CodeForm.with_error(str(answer_for(error).text))
        except CodeRefused:
            if not is_dead(challenge):
                return SeeOther(f"{reverse('portal:standing-order-sign', args=[order.pk])}?failed")
            reject_standing_order(
                standing_order_id=order.pk, psu_id=visit.psu.pk, reason=StatusReason.DS0A, now=visit.now
            )
            if order.is_partly_signed:
                messages.error(request, too_many_codes_text())
            return _to("", order.pk)
        except (StandingOrderStatusInvalid, SignedAlready) as error:
            messages.error(request, str(answer_for(error).text))
            return _to("", order.pk)
        else:
            return _to("", order.pk)
    snapshot = challenge.snapshot if challenge else standing_order_snapshot(order=order)
    context = sign_context(visit, challenge, form, snapshot=snapshot) | {
        "order": order,
        "snapshot": snapshot,
        "signatures": signatures_of(order, subject_type=SubjectType.STANDING_ORDER, visit=visit),
        "steps": _steps(),
    }
    return render(request, "portal/standing_order_sign.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@customers_only
def end(request: HttpRequest, visit: Visit, standing_order_id: UUID) -> HttpResponse:
    """Ask once, then end it: nothing more is paid by it."""
    order = get_standing_order(psu_id=visit.psu.pk, standing_order_id=standing_order_id)
    if request.method == "POST":
        end_standing_order(standing_order_id=order.pk, psu_id=visit.psu.pk, now=visit.now)
        return _to("", order.pk)
    if not order.is_running or not is_his_to_end(order=order, psu_id=visit.psu.pk):
        return _to("", order.pk)
    return render(request, "portal/standing_order_end.html", {"order": order})


@require_POST
@customers_only
def decline(request: HttpRequest, visit: Visit, standing_order_id: UUID) -> HttpResponse:
    """The no of who would have to sign as the second."""
    try:
        decline_standing_order(standing_order_id=standing_order_id, psu_id=visit.psu.pk, now=visit.now)
    except (StandingOrderStatusInvalid, SignedAlready) as error:
        messages.error(request, str(answer_for(error).text))
    return _to("", standing_order_id)


@require_POST
@customers_only
def edit(request: HttpRequest, visit: Visit, standing_order_id: UUID) -> HttpResponse:
    """An order never changes once it is taken in: take this one back and enter another like it; after a close match
    with the name that the payee's bank has. What is entered then is verified anew."""
    order = get_standing_order(psu_id=visit.psu.pk, standing_order_id=standing_order_id)
    if order.transaction_status != TransactionStatus.RCVD or order.channel != Channel.PORTAL:
        return _to("", order.pk)
    end_standing_order(standing_order_id=order.pk, psu_id=visit.psu.pk, now=visit.now)
    wanted = {"like": str(order.pk)}
    if order.replaces_id:
        wanted["change"] = str(order.replaces_id)
    if "take_shown_name" in request.POST:
        wanted["payee"] = "shown"
    return SeeOther(f"{reverse('portal:standing-order-new')}?{urlencode(wanted)}")


def _initiate(request: HttpRequest, form: StandingOrderForm, replaced: Any, visit: Visit) -> UUID:
    wanted = form.cleaned_data
    entered = PaymentOrder(
        debtor_account=get_payable_account_for_psu(
            psu_id=visit.psu.pk, account_id=UUID(wanted["from_account"])
        ),
        creditor_name=wanted["creditor_name"],
        creditor_iban=wanted["creditor_iban"],
        instructed_amount=wanted["amount"],
        remittance_information_unstructured=wanted["reference"],
    )
    # Before the order's transaction: another bank is asked, and the look-up counts whatever becomes of the order.
    verification = verify_payee_of_standing_order(
        order=entered,
        series=form.series(),
        psu=visit.psu,
        replaces=replaced,
        request_id=wanted["form_key"],
        now=visit.now,
    )
    order, _is_new = initiate_standing_order(
        order=entered,
        series=form.series(),
        psu=visit.psu,
        replaces=replaced,
        request_id=wanted["form_key"],
        verification=verification,
        origin=origin_of(request, now=visit.now),
        now=visit.now,
    )
    return order.pk


def _replaced(request: HttpRequest, visit: Visit) -> Any:
    """The running order that the form will replace; None for a new one."""
    wanted = parse_uuid(request.GET.get("change", ""))
    if wanted is None:
        return None
    try:
        order = get_standing_order(psu_id=visit.psu.pk, standing_order_id=wanted)
    except NotFound:
        return None
    return order if order.is_running and order.psu_id == visit.psu.pk else None


def _prefilled(request: HttpRequest, replaced: Any, visit: Visit) -> dict[str, Any]:
    """The details of an order that was not signed (``?like=``), or of the one to be replaced; or the account."""
    like = _like(request, visit)
    source = like or replaced
    if source is None:
        return {"from_account": request.GET.get("from", "")}
    amount = plain_amount(source.amount_minor, source.currency)
    shown = source.matched_creditor_name[:CREDITOR_NAME_LENGTH] if request.GET.get("payee") == "shown" else ""
    return {
        "from_account": str(source.debtor_account_id),
        "creditor_name": shown or source.creditor_name,
        "creditor_iban": format_iban(source.creditor_iban),
        "amount": amount.replace(".", ",") if (get_language() or "").startswith("de") else amount,
        "reference": source.remittance_information_unstructured,
        "frequency": source.frequency,
        # It goes on where the old one would: what was paid is not paid again.
        "start_date": like.start_date if like else replaced.next_due_date,
        "end_date": source.end_date,
        "execution_rule": source.execution_rule,
        "day_of_execution": str(source.day_of_execution or ""),
    }


def _like(request: HttpRequest, visit: Visit) -> Any:
    wanted = parse_uuid(request.GET.get("like", ""))
    if wanted is None:
        return None
    try:
        return get_standing_order(psu_id=visit.psu.pk, standing_order_id=wanted)
    except NotFound:
        return None


def _with_new_key(
    request: HttpRequest, accounts: list[AccountWithBalance], visit: Visit
) -> StandingOrderForm:
    data = request.POST.copy()
    data["form_key"] = str(new_id())
    form = StandingOrderForm(data, accounts=accounts, today=bank_date(visit.now))
    form.add_error(
        None,
        gettext(
            "You entered this standing order before with other details. Check it and continue to make it a new one."
        ),
    )
    return form


def _authorisation_id(standing_order_id: UUID, visit: Visit) -> UUID | None:
    return open_authorisation_id(
        subject_type=SubjectType.STANDING_ORDER, subject_id=standing_order_id, visit=visit
    )


def _may_be_signed(order: Any, visit: Visit) -> bool:
    """Whether it waits for this customer's signature. What came through a company is signed first on the pages that it
    leads to; the second signature may be given here."""
    if order.is_partly_signed:
        return order.psu_id != visit.psu.pk
    return order.transaction_status == TransactionStatus.RCVD and order.channel == Channel.PORTAL


def _to(page: str, standing_order_id: UUID) -> HttpResponse:
    name = f"portal:standing-order-{page}" if page else "portal:standing-order"
    return SeeOther(reverse(name, args=[standing_order_id]))


def _steps() -> list[str]:
    return [gettext("Enter"), gettext("Check"), gettext("Sign")]
