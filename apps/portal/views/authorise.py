"""The pages on which a customer allows something for a company (figures 1 and 2 of the story, S0-22..28, S0-41..45).

One order for consents and payments: who asks → user ID and password → code, or a passkey instead of both → for consents
a form to confirm → back.
Nobody is signed in to the portal by it. Every page can be left by "Cancel", which leads back to the company with an
error; the way back is always a link on a page of ours, since a form's answer may not redirect to another origin under
the bank's Content-Security-Policy.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.authserver.refusals import AuthorizationRequestClosed
from apps.authserver.services import complete_authorization
from apps.consents.services import (
    AccountsNotYours,
    ConsentNotConfirmable,
    ConsentStatusInvalid,
    accept_consent_code,
    confirm_consent,
)
from apps.core import clock
from apps.core.errors import DomainError, NotFound
from apps.identity.queries import get_psu, get_psu_of_user
from apps.payments.rules import StatusReason
from apps.payments.services import PaymentStatusInvalid
from apps.portal.authorising import (
    Asked,
    AskedConsent,
    AskedPayment,
    Progress,
    carries_error,
    failure_url,
    get_asked,
    load_progress,
    refuse,
    reload_progress,
    store_progress,
    success_url,
    web_address,
)
from apps.portal.code_step import CodeStep, describe, is_over_for_good, is_worth_a_look
from apps.portal.errors import ANSWERS, answer_for
from apps.portal.forms import CodeForm, ConfirmConsentForm, SignInForm
from apps.portal.guard import count_passkey, count_password, retry_later
from apps.portal.phrases import asked_kinds, named_accounts
from apps.portal.signing import (
    asked_again_text,
    check_strangers_answer,
    method_context,
    request_for_device,
    request_for_passkey,
    wanted_method,
)
from apps.risk.services import assess_sign_in
from apps.sca.queries import get_challenge_view
from apps.sca.rules import AuthenticationMethod, CodeMalformed
from apps.sca.services import (
    AuthorisationOver,
    CodeRefused,
    DynamicLinkBroken,
    NotAnsweredYet,
    PasskeyAnswerMalformed,
    Proof,
    check_knowledge,
    check_passkey,
    void_challenge,
)
from apps.web.origin import origin_of
from apps.web.views.preferences import SeeOther

if TYPE_CHECKING:
    from apps.identity.models import PSU

AskedView = Callable[[HttpRequest, Asked, Progress, datetime], HttpResponse]


class _CompanyMayNotGoOn(Exception):
    """The company was blocked, or its request ran out, between the page and the click. Undoes what was begun."""


def for_waiting(view: AskedView) -> Callable[..., HttpResponse]:
    """Pages of an authorisation that still waits. One that does not gets a page that says so and leads back."""

    @wraps(view)
    def guarded(request: HttpRequest, authorisation_id: UUID) -> HttpResponse:
        now = clock.now()
        try:
            asked = get_asked(authorisation_id=authorisation_id)
        except NotFound:
            asked = None
        if asked is None:
            return render(request, "authorise/unknown.html", status=404)
        progress = load_progress(request.session, asked.id)
        if progress.stage == "done":
            return _to("done", asked)
        if asked.is_company_blocked or not asked.is_waiting(now=now):
            return _overtaken(request, asked, now=now)
        if progress.is_idle(now=now):
            progress = Progress()
            store_progress(request.session, asked.id, progress)
            messages.info(request, gettext("You were away for a while, so please sign in again."))
            return _to("", asked)
        try:
            return view(request, asked, progress, now)
        except (AuthorisationOver, ConsentStatusInvalid, PaymentStatusInvalid, AuthorizationRequestClosed):
            return _overtaken(request, asked, now=now)
        except DomainError as error:
            answer = answer_for(error)
            context = _context(asked) | {"answer": answer}
            return render(request, "authorise/refusal.html", context, status=answer.status)

    return guarded


@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
@for_waiting
def start(request: HttpRequest, asked: Asked, progress: Progress, now: datetime) -> HttpResponse:
    """Who asks, what for, until when; user ID and password. Any pair leads on to the code page (N7)."""
    if progress.stage == "confirm":
        return _to("confirm", asked)
    form, status, too_many = SignInForm(), 200, None
    if request.method == "POST":
        form = SignInForm(request.POST)
        throttle = count_password(request)
        if not throttle.is_allowed:
            status, too_many = 429, throttle
        elif form.is_valid():
            method = wanted_method(request, snapshot=asked.snapshot())
            _begin(request, asked, form.cleaned_data, method=method, now=now)
            return _to("code", asked)
    context = _context(asked) | {"form": form, "too_many": too_many, "is_begun": progress.stage == "code"}
    return retry_later(render(request, "authorise/start.html", context, status=status), too_many)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
@for_waiting
def code(request: HttpRequest, asked: Asked, progress: Progress, now: datetime) -> HttpResponse:
    """The code from the text message, or the wait for the app; for a payment with all that is to be paid (S0-43, RTS
    art. 5(1)(a))."""
    if progress.step is None or progress.stage != "code":
        return _to("confirm" if progress.stage == "confirm" else "", asked)
    step, form = CodeStep(**progress.step), None
    if request.method == "POST":
        challenge = get_challenge_view(challenge_id=UUID(step.challenge_id))
        try:
            proof = check_strangers_answer(request, challenge, now=now)
            psu = get_psu_of_user(user_id=proof.user_id)
            if str(psu.user_id) != step.user_id:
                raise CodeRefused("another customer's code", is_over=True)
            return _accept(request, asked, psu, proof, now=now)
        except NotAnsweredYet as error:
            if not _has_moved_on(request, asked, to=("confirm", "done")):
                messages.info(request, f"{answer_for(error).title}. {answer_for(error).text}")
            return _to("code", asked)
        except CodeMalformed:
            form = CodeForm.with_error(str(ANSWERS[CodeMalformed].text))
        except (CodeRefused, NotFound):
            return _after_refusal(request, asked, step, now=now)
    page = describe(step, form=form, has_failed="failed" in request.GET, now=now)
    context = _context(asked) | {
        "page": page,
        "shown": page.challenge.snapshot,
        "device_request": request_for_device(page.challenge, is_signed_in=False),
        "now": now,
    }
    return render(request, "authorise/code.html", context)


@require_safe
def status(request: HttpRequest, authorisation_id: UUID) -> JsonResponse:
    """For the page that waits for an app: ``done`` when it has said yes, or time is up."""
    progress = load_progress(request.session, authorisation_id)
    done = (
        progress.stage != "code"
        or progress.step is None
        or is_worth_a_look(UUID(progress.step["challenge_id"]), now=clock.now())
    )
    return JsonResponse({"done": done})


@require_POST
@for_waiting
def begin_passkey(request: HttpRequest, asked: Asked, progress: Progress, now: datetime) -> HttpResponse:
    """Ask for a passkey, over what is asked. One gesture then says who it is and what he allows: the page shows what is
    signed before it."""
    if progress.stage == "confirm":
        return _to("confirm", asked)
    throttle = count_passkey(request)
    if not throttle.is_allowed:
        context = _context(asked) | {"form": SignInForm(), "too_many": throttle}
        return retry_later(render(request, "authorise/start.html", context, status=429), throttle)
    step = CodeStep.started(challenge_id=asked.ask_passkey(now=now), user_id=None, now=now)
    request.session.cycle_key()
    store_progress(request.session, asked.id, Progress(stage="passkey", step=step.as_dict()))
    return _to("passkey", asked)


@require_http_methods(["GET", "HEAD", "POST"])
@for_waiting
def passkey(request: HttpRequest, asked: Asked, progress: Progress, now: datetime) -> HttpResponse:
    """What is signed, and the passkey that signs it (RTS art. 5(1)(a)). Who comes is nobody yet: the debtor's account
    is shown by its last digits."""
    if progress.step is None or progress.stage != "passkey":
        return _to("confirm" if progress.stage == "confirm" else "", asked)
    step, refusal = CodeStep(**progress.step), ""
    if request.method == "POST":
        try:
            proof = check_passkey(
                challenge_id=UUID(step.challenge_id), answer=request.POST.get("answer", ""), now=now
            )
            psu = get_psu_of_user(user_id=proof.user_id)
            return _accept(request, asked, psu, proof, now=now)
        except PasskeyAnswerMalformed as error:
            refusal = str(answer_for(error).text)
        except (CodeRefused, NotFound):
            return _after_refusal(request, asked, step, page="passkey", now=now)
    if "failed" in request.GET:
        refusal = gettext(
            "The passkey was not accepted. Try again, or sign in with user ID, password and code."
        )
    page = describe(step, now=now)
    context = _context(asked) | {
        "page": page,
        "shown": page.challenge.snapshot,
        "passkey_request": request_for_passkey(page.challenge),
        "refusal": refusal,
    }
    return render(request, "authorise/passkey.html", context)


@require_POST
@for_waiting
def resend(request: HttpRequest, asked: Asked, progress: Progress, now: datetime) -> HttpResponse:
    """Another code in place of the last one, or another way; a decoy's is not sent either."""
    if progress.step is None or progress.stage != "code":
        return _to("", asked)
    step = CodeStep(**progress.step)
    if step.may_resend(now=now):
        psu = get_psu_of_user(user_id=UUID(step.user_id)) if step.user_id else None
        method = wanted_method(request, snapshot=asked.snapshot())
        step.resent(challenge_id=asked.send_code(psu, method=method, is_resend=True, now=now), now=now)
        progress.step = step.as_dict()
        store_progress(request.session, asked.id, progress)
        messages.info(request, asked_again_text(method))
    return _to("code", asked)


@require_http_methods(["GET", "HEAD", "POST"])
@for_waiting
def confirm(request: HttpRequest, asked: Asked, progress: Progress, now: datetime) -> HttpResponse:
    """Consents only: which accounts, what of them, until when; allow or cancel (S0-26, S0-27)."""
    if progress.stage != "confirm" or not isinstance(asked, AskedConsent):
        return _to("", asked)
    psu = get_psu(psu_id=UUID(progress.psu_id))
    choices = asked.offered_accounts(psu)
    form = ConfirmConsentForm(request.POST if request.method == "POST" else None, choices=choices)
    progress.last_action_at = now.isoformat()
    if request.method == "POST" and form.is_valid():
        try:
            return _allow(request, asked, progress, psu, form.account_ids(), now=now)
        except ConsentNotConfirmable:
            store_progress(request.session, asked.id, Progress())
            messages.error(request, str(ANSWERS[ConsentNotConfirmable].text))
            return _to("", asked)
        except AccountsNotYours:
            return _end(request, asked, outcome="not_yours", reason=StatusReason.AG01, now=now)
    store_progress(request.session, asked.id, progress)
    rows = list(zip(choices, form["accounts"], strict=True))
    context = _context(asked) | {"form": form, "rows": rows, "psu": psu}
    return render(request, "authorise/confirm.html", context)


@require_POST
def cancel(request: HttpRequest, authorisation_id: UUID) -> HttpResponse:
    """The customer's no, from any page, signed in or not: nothing is granted, and the company is told."""
    now = clock.now()
    try:
        asked = get_asked(authorisation_id=authorisation_id)
    except NotFound:
        asked = None
    if asked is None:
        return render(request, "authorise/unknown.html", status=404)
    progress = load_progress(request.session, asked.id)
    if progress.stage == "done":
        return _to("done", asked)
    if asked.is_granted:
        return _over(request, asked, now=now)
    return _end(request, asked, outcome="cancelled", reason=StatusReason.CUST, now=now)


@require_safe
def done(request: HttpRequest, authorisation_id: UUID) -> HttpResponse:
    """How it ended, and the way back: a link, which a script follows when there is nothing left to read."""
    try:
        asked = get_asked(authorisation_id=authorisation_id)
    except NotFound:
        asked = None
    if asked is None:
        return render(request, "authorise/unknown.html", status=404)
    progress = load_progress(request.session, asked.id)
    if progress.stage != "done":
        return _to("", asked)
    context = _context(asked) | {
        "outcome": progress.outcome,
        "return_url": progress.return_url,
        # Once only: who comes back here by the browser's back button is not thrown out again, and no code is
        # presented twice.
        "goes_back_by_itself": progress.outcome in ("allowed", "cancelled") and not progress.has_returned,
    }
    if request.method == "GET" and not progress.has_returned:
        progress.has_returned = True
        store_progress(request.session, asked.id, progress)
    return render(request, "authorise/done.html", context)


def _context(asked: Asked) -> dict[str, Any]:
    return method_context(asked.snapshot()) | {
        "asked": asked,
        "tpp": asked.tpp,
        "consent": asked.consent if isinstance(asked, AskedConsent) else None,
        "payment": asked.payment if isinstance(asked, AskedPayment) else None,
        "is_series": isinstance(asked, AskedPayment) and asked.is_series,
        "kinds": asked_kinds(asked.consent) if isinstance(asked, AskedConsent) else [],
        "named": named_accounts(asked.consent) if isinstance(asked, AskedConsent) else [],
    }


def _to(page: str, asked: Asked) -> HttpResponse:
    return SeeOther(reverse(f"portal:authorise-{page}" if page else "portal:authorise", args=[asked.id]))


def _begin(
    request: HttpRequest, asked: Asked, typed: dict[str, Any], *, method: AuthenticationMethod, now: datetime
) -> None:
    user = check_knowledge(username=typed["user_id"], password=typed["password"], now=now)
    try:
        psu = get_psu_of_user(user_id=user.pk) if user is not None else None
    except NotFound:
        psu = None
    step = CodeStep.started(
        challenge_id=asked.send_code(psu, method=method, now=now),
        user_id=psu.user_id if psu else None,
        now=now,
    )
    # A session key that somebody planted in this browser is worth nothing from here on.
    request.session.cycle_key()
    store_progress(request.session, asked.id, Progress(stage="code", step=step.as_dict()))


def _accept(request: HttpRequest, asked: Asked, psu: "PSU", proof: Proof, *, now: datetime) -> HttpResponse:
    """The right answer: a payment is released by it, a consent goes on to be confirmed."""
    if isinstance(asked, AskedConsent):
        return _accept_code(request, asked, psu, proof, now=now)
    if isinstance(asked, AskedPayment):
        return _release_payment(request, asked, psu, proof, now=now)
    raise NotFound("authorisation")


def _release_payment(
    request: HttpRequest, asked: AskedPayment, psu: "PSU", proof: Proof, *, now: datetime
) -> HttpResponse:
    """The right code: the payment or series, the answer to the company and this browser's progress, all or nothing."""
    try:
        with _undone_if_link_breaks(proof, now=now):
            payment = asked.sign(psu=psu, proof=proof, now=now)
            assess_sign_in(psu_id=psu.pk, origin=origin_of(request, now=now), now=now)
            outcome = "partly" if payment.is_partly_signed else "allowed"
            _finish(request, asked, psu, outcome=outcome, auth_time=now, now=now)
    except _CompanyMayNotGoOn:
        return _end(request, asked, outcome="company", reason=StatusReason.NARR, now=now)
    return _to("done", asked)


def _accept_code(
    request: HttpRequest, asked: AskedConsent, psu: "PSU", proof: Proof, *, now: datetime
) -> HttpResponse:
    with _undone_if_link_breaks(proof, now=now):
        accept_consent_code(
            consent_id=asked.consent.pk, authorisation_id=asked.id, psu=psu, proof=proof, now=now
        )
        assess_sign_in(psu_id=psu.pk, origin=origin_of(request, now=now), now=now)
        progress = Progress(
            stage="confirm",
            psu_id=str(psu.pk),
            authenticated_at=now.isoformat(),
            last_action_at=now.isoformat(),
        )
        store_progress(request.session, asked.id, progress)
        request.session.save()
    if not asked.offered_accounts(psu):
        return _end(request, asked, outcome="not_yours", reason=StatusReason.AG01, now=now)
    return _to("confirm", asked)


def _allow(
    request: HttpRequest,
    asked: AskedConsent,
    progress: Progress,
    psu: "PSU",
    account_ids: list[UUID],
    *,
    now: datetime,
) -> HttpResponse:
    try:
        with transaction.atomic():
            confirm_consent(
                consent_id=asked.consent.pk,
                authorisation_id=asked.id,
                psu=psu,
                account_ids=account_ids,
                now=now,
            )
            auth_time = datetime.fromisoformat(progress.authenticated_at)
            _finish(request, asked, psu, outcome="allowed", auth_time=auth_time, now=now)
    except _CompanyMayNotGoOn:
        return _end(request, asked, outcome="company", reason=StatusReason.NARR, now=now)
    return _to("done", asked)


def _finish(
    request: HttpRequest, asked: Asked, psu: "PSU", *, outcome: str, auth_time: datetime, now: datetime
) -> None:
    """The answer to the company, kept with the progress in the same transaction as what the customer allowed."""
    oauth_answer = complete_authorization(authorisation_id=asked.id, psu=psu, auth_time=auth_time, now=now)
    if oauth_answer is not None and carries_error(oauth_answer):
        raise _CompanyMayNotGoOn
    return_url = web_address(oauth_answer) if oauth_answer is not None else success_url(asked)
    progress = Progress(stage="done", outcome=outcome, return_url=return_url)
    store_progress(request.session, asked.id, progress)
    request.session.save()


def _end(
    request: HttpRequest, asked: Asked, *, outcome: str, reason: StatusReason, now: datetime
) -> HttpResponse:
    """Nothing was granted, and nothing more can be here."""
    return_url = refuse(asked, reason=reason, now=now)
    store_progress(request.session, asked.id, Progress(stage="done", outcome=outcome, return_url=return_url))
    return _to("done", asked)


def _after_refusal(
    request: HttpRequest, asked: Asked, step: CodeStep, *, page: str = "code", now: datetime
) -> HttpResponse:
    """Where a wrong answer leads: the same page, until all tries are used up."""
    if _has_moved_on(request, asked, to=("confirm", "done")):
        return _to("", asked)
    if is_over_for_good(get_challenge_view(challenge_id=UUID(step.challenge_id))):
        return _end(request, asked, outcome="too_many_codes", reason=StatusReason.DS0A, now=now)
    return SeeOther(f"{reverse(f'portal:authorise-{page}', args=[asked.id])}?failed")


def _overtaken(request: HttpRequest, asked: Asked, *, now: datetime) -> HttpResponse:
    """It waits no more: another request of this browser was quicker, or another browser, or time ran out."""
    if _has_moved_on(request, asked, to=("done",)):
        return _to("done", asked)
    fresh = get_asked(authorisation_id=asked.id)
    return _over(request, fresh or asked, now=now)


def _has_moved_on(request: HttpRequest, asked: Asked, *, to: tuple[str, ...]) -> bool:
    """Whether this browser's other half of a form sent twice was right, and has gone on."""
    fresh = reload_progress(request.session, asked.id)
    if fresh.stage not in to:
        return False
    store_progress(request.session, asked.id, fresh)
    return True


def _over(request: HttpRequest, asked: Asked, *, now: datetime) -> HttpResponse:
    """An expired, answered or refused authorisation, or a blocked company: say which, and lead back."""
    if asked.is_company_blocked:
        why = "company"
    elif asked.is_granted:
        why = "granted"
    elif asked.authorisation.is_open and asked.authorisation.expires_at <= now:
        why = "expired"
    else:
        why = "refused"
    return_url = success_url(asked) if why == "granted" else failure_url(asked)
    context = _context(asked) | {"why": why, "return_url": return_url}
    return render(request, "authorise/over.html", context, status=410)


@contextmanager
def _undone_if_link_breaks(proof: Proof, *, now: datetime) -> Iterator[None]:
    """One transaction around a code's use. The rooms make a code void when the data has changed; that must outlive
    the transaction which the same discovery undoes (RTS art. 5(1)(d))."""
    try:
        with transaction.atomic():
            yield
    except DynamicLinkBroken:
        void_challenge(challenge_id=proof.challenge_id, reason="data differs", now=now)
        raise
