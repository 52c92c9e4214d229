"""The pages. The SSO token travels in an HttpOnly cookie and is checked anew on every request."""

from __future__ import annotations

import json
import re
import secrets
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response as BaseResponse

from examples.demo_tpp.api import enrolment_json, token_of_request
from examples.demo_tpp.bank import BankFault
from examples.demo_tpp.baskets import BASKETS
from examples.demo_tpp.enrolment import BankSaidNo, CallbackRefused, EnrolmentOver, NotEnrolled
from examples.demo_tpp.payment import Order
from examples.demo_tpp.problems import EXPECTED, NotThere, Problem, explain
from examples.demo_tpp.sso import (
    LIFETIME_SECONDS,
    SCOPE_ACCOUNTS,
    SCOPE_ENROL,
    SCOPE_PAY,
    SSOClaims,
    SSOTokenRefused,
)
from examples.demo_tpp.store import Enrolment, Payment, User
from examples.demo_tpp.texts import LANGUAGES
from examples.demo_tpp.users import LogInRefused, RegistrationRefused
from examples.demo_tpp.web import LANGUAGE_COOKIE, SSO_COOKIE, bank_call, browser_secret, shoppay

pages = Blueprint("pages", __name__)

# How long the page waits for the bank's final word before it is shown; the page itself asks on.
PATIENCE_ON_RETURN_SECONDS = 4.0
MAX_NOTIFICATION_BYTES = 16 * 1024

Answer = str | BaseResponse | tuple[str | Response, int]


def _on_error(error: Exception) -> Answer:
    if isinstance(error, SSOTokenRefused) and error.reason != "scope":
        if error.reason != "missing":
            flash(f"problem.sso.{error.reason}")
        back = request.full_path.rstrip("?") if request.method == "GET" else ""
        response = redirect(
            url_for("pages.log_in") + (f"?next={quote(back, safe='/')}" if len(back) > 1 else ""), 303
        )
        if error.reason != "missing":
            response.delete_cookie(SSO_COOKIE)
        return response
    problem = explain(error)
    return render_template("problem.html", problem=problem), problem.status


for _expected in EXPECTED:
    pages.register_error_handler(_expected, _on_error)


@pages.app_context_processor
def _visitor() -> dict[str, Any]:
    return {
        "visitor": _current_user(),
        "here": request.full_path.rstrip("?") if request.method == "GET" else "/",
    }


def authorised(scope: str) -> SSOClaims:
    """The visitor's claims. Raises SSOTokenRefused."""
    return shoppay().sso.verify(request.cookies.get(SSO_COOKIE), scope=scope)


def _current_user() -> User | None:
    try:
        claims = shoppay().sso.verify(request.cookies.get(SSO_COOKIE))
    except SSOTokenRefused:
        return None
    return shoppay().store.get_user(claims.subject)


# Home, users, language


@pages.get("/")
def home() -> Answer:
    """The shop window, and what is connected and paid."""
    user = _current_user()
    enrolments = shoppay().store.list_enrolments(user=user.id) if user else []
    payments = shoppay().store.list_payments(user=user.id)[:3] if user else []
    return render_template(
        "home.html",
        baskets=BASKETS.values(),
        enrolments=[entry for entry in enrolments if entry.state == "active"],
        payments=payments,
    )


@pages.route("/log-in", methods=["GET", "POST"])
def log_in() -> Answer:
    """User ID and password of ShopPay; the SSO token goes into the cookie (S0-15, S0-16)."""
    following = _local_path(request.values.get("next", ""))
    if request.method == "GET":
        return render_template("log_in.html", following=following, user_id="", problem=None)
    user_id = request.form.get("user_id", "").strip()
    try:
        user = shoppay().users.log_in(user_id=user_id, password=request.form.get("password", ""))
    except LogInRefused as error:
        problem = explain(error)
        return render_template(
            "log_in.html", following=following, user_id=user_id, problem=problem
        ), problem.status
    return _logged_in(user, following)


@pages.route("/register", methods=["GET", "POST"])
def register() -> Answer:
    """A new user of ShopPay."""
    if request.method == "GET":
        return render_template("register.html", user_id="", problem=None)
    user_id = request.form.get("user_id", "").strip()
    try:
        user = shoppay().users.register(user_id=user_id, password=request.form.get("password", ""))
    except RegistrationRefused as error:
        problem = explain(error)
        return render_template("register.html", user_id=user_id, problem=problem), problem.status
    flash("flash.registered")
    return _logged_in(user, url_for("pages.banks"))


@pages.post("/log-out")
def log_out() -> Answer:
    """Refuse the token from now on, also if somebody has copied it."""
    try:
        claims = shoppay().sso.verify(request.cookies.get(SSO_COOKIE))
    except SSOTokenRefused:
        pass
    else:
        shoppay().store.revoke_token(claims.jti, expires_at=claims.expires_at, now=shoppay().clock())
    session.clear()
    flash("flash.logged_out")
    response = redirect(url_for("pages.home"), 303)
    response.delete_cookie(SSO_COOKIE)
    return response


@pages.post("/language")
def change_language() -> Answer:
    """Remember English or German."""
    response = redirect(_local_path(request.form.get("next", "")) or url_for("pages.home"), 303)
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE,
            chosen,
            max_age=365 * 24 * 60 * 60,
            httponly=True,
            samesite="Lax",
            secure=shoppay().configuration.secure_cookies,
        )
    return response


def _logged_in(user: User, following: str) -> BaseResponse:
    # A new session: what an attacker may have planted before the log-in is worth nothing after it.
    flashes = session.get("_flashes", [])
    session.clear()
    session["_flashes"] = flashes
    response = redirect(following or url_for("pages.home"), 303)
    response.set_cookie(
        SSO_COOKIE,
        shoppay().sso.issue(subject=user.id),
        max_age=LIFETIME_SECONDS,
        httponly=True,
        samesite="Lax",
        secure=shoppay().configuration.secure_cookies,
    )
    return response


def _local_path(path: str) -> str:
    """``path`` when it leads to a page of ours, else nothing: no open redirect (S0-3)."""
    return path if re.fullmatch(r"/(?:[A-Za-z0-9_-][A-Za-z0-9/_-]*)?(?:\?[A-Za-z0-9_=&-]*)?", path) else ""


# Connected accounts


@pages.get("/banks")
def banks() -> Answer:
    """Connected accounts, and the form to connect one more."""
    claims = authorised(SCOPE_ENROL)
    return _banks_page(claims)


def _banks_page(claims: SSOClaims, *, iban: str = "", problem: Problem | None = None) -> Answer:
    page = render_template(
        "banks.html",
        enrolments=shoppay().store.list_enrolments(user=claims.subject),
        bank_names=_bank_names(),
        iban=iban,
        problem=problem,
    )
    return page if problem is None else (page, problem.status)


@pages.post("/banks/connect")
def connect() -> Answer:
    """The IBAN comes with the token; the browser goes on to the bank (S0-17 to S0-22)."""
    claims = authorised(SCOPE_ENROL)
    iban = request.form.get("iban", "")
    try:
        _, leads_to = shoppay().enrolments.start(
            user=claims.subject, iban_text=iban, browser=browser_secret(), call=bank_call
        )
    except EXPECTED as error:
        return _banks_page(claims, iban=iban[:64], problem=explain(error))
    return redirect(leads_to, 303)


@pages.get("/callback")
def callback() -> Answer:
    """The customer comes back from the bank with the authorization code (S0-29 to S0-32)."""
    answer = {name: request.args.getlist(name) for name in request.args}
    wants_json = request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
    try:
        enrolment = shoppay().enrolments.finish(
            answer=answer, browser=session.get("browser"), user=_user_of_callback(), call=bank_call
        )
    except (CallbackRefused, BankSaidNo, BankFault) as error:
        problem = explain(error)
        if wants_json:
            return jsonify(error=problem.code, tppMessages=problem.messages), problem.status
        if isinstance(error, CallbackRefused) and error.reason == "used" and (user := _current_user()):
            known = shoppay().store.get_enrolment(error.enrolment, user=user.id)
            if known is not None and known.state == "active":
                # The page was loaded a second time: the tokens are here already.
                return redirect(url_for("pages.enrolment", enrolment_id=known.id), 303)
        # The customer's own no is an outcome, not a fault.
        status = 200 if isinstance(error, BankSaidNo) and error.error == "access_denied" else problem.status
        return render_template("problem.html", problem=problem), status
    if wants_json:
        return jsonify(enrolment_json(enrolment))
    flash("flash.connected")
    return redirect(url_for("pages.enrolment", enrolment_id=enrolment.id), 303)


def _user_of_callback() -> str | None:
    for token in (token_of_request(), request.cookies.get(SSO_COOKIE)):
        try:
            return shoppay().sso.verify(token).subject
        except SSOTokenRefused:
            continue
    return None


@pages.get("/banks/<enrolment_id>")
def enrolment(enrolment_id: str) -> Answer:
    """One connected account: balances and transactions, read at the bank now, and the way out."""
    claims = authorised(SCOPE_ACCOUNTS)
    found = _enrolment(enrolment_id, claims)
    accounts, problem = [], None
    if found.state == "active":
        try:
            accounts = shoppay().enrolments.read_accounts(found, call=bank_call(found.id))
        except (BankFault, EnrolmentOver, NotEnrolled) as error:
            problem = explain(error)
            found = _enrolment(enrolment_id, claims)
    return render_template(
        "enrolment.html",
        enrolment=found,
        bank=_bank_names().get(found.issuer, found.issuer),
        accounts=accounts,
        problem=problem,
        calls=shoppay().store.list_bank_calls(found.id),
    )


@pages.post("/banks/<enrolment_id>/disconnect")
def disconnect(enrolment_id: str) -> Answer:
    """Delete the consent at the bank and wipe the tokens."""
    claims = authorised(SCOPE_ENROL)
    found = _enrolment(enrolment_id, claims)
    shoppay().enrolments.end(found, call=bank_call(found.id))
    flash("flash.disconnected")
    return redirect(url_for("pages.banks"), 303)


def _enrolment(enrolment_id: str, claims: SSOClaims) -> Enrolment:
    found = shoppay().store.get_enrolment(enrolment_id, user=claims.subject)
    if found is None:
        raise NotThere
    return found


def _bank_names() -> dict[str, str]:
    return {bank.issuer: bank.name for bank in shoppay().directory.banks}


# Paying


@pages.route("/pay", methods=["GET", "POST"])
def pay() -> Answer:
    """The check-out: an order of the shop (?basket=lamp) or a free transfer (S0-35)."""
    claims = authorised(SCOPE_PAY)
    basket = BASKETS.get(request.values.get("basket", ""))
    if request.method == "GET":
        return _pay_page(claims, basket_key=basket.key if basket else "")
    form = {
        name: request.form.get(name, "") for name in ("creditor_name", "creditor_iban", "amount", "reference")
    }
    if basket is not None:
        # Who is paid and how much is the shop's to say, not the form's.
        form = {
            "creditor_name": basket.merchant,
            "creditor_iban": basket.merchant_iban,
            "amount": basket.total,
            "reference": basket.reference,
        }
    debtor_iban = request.form.get("debtor_iban", "")
    try:
        payment = shoppay().payments.start(
            Order(debtor_iban=debtor_iban, **form),
            user=claims.subject,
            submission=request.form.get("submission", ""),
            call=bank_call,
            without_enrolment=request.form.get("without_enrolment") == "yes",
        )
    except EXPECTED as error:
        shown = {name: value[:200] for name, value in form.items()} | {"debtor_iban": debtor_iban[:64]}
        return _pay_page(claims, basket_key=basket.key if basket else "", form=shown, problem=explain(error))
    if payment.state == "open" and not payment.returned:
        return redirect(payment.redirect, 303)
    return redirect(url_for("pages.payment", payment_id=payment.id), 303)


def _pay_page(
    claims: SSOClaims, *, basket_key: str, form: dict[str, str] | None = None, problem: Problem | None = None
) -> Answer:
    active = [e for e in shoppay().store.list_enrolments(user=claims.subject) if e.state == "active"]
    page = render_template(
        "pay.html",
        basket=BASKETS.get(basket_key),
        enrolments=active,
        form=form or {"debtor_iban": active[0].iban if active else ""},
        submission=secrets.token_urlsafe(24),
        problem=problem,
    )
    return page if problem is None else (page, problem.status)


@pages.get("/payments")
def payments() -> Answer:
    """All payments of this user."""
    claims = authorised(SCOPE_PAY)
    found = shoppay().payments.refresh_open(user=claims.subject, call=bank_call)
    return render_template("payments.html", payments=found)


@pages.get("/payments/return")
def returned() -> Answer:
    """Back from the bank: the address proves nothing, so the bank is asked how the payment stands."""
    return _returned("ok")


@pages.get("/payments/cancelled")
def cancelled() -> Answer:
    """Back from the bank by its way out for 'not approved'; asked just the same."""
    return _returned("nok")


def _returned(how: str) -> Answer:
    claims = authorised(SCOPE_PAY)
    found = shoppay().payments.find_returned(user=claims.subject, call=bank_call)
    if found is None:
        return redirect(url_for("pages.payments"), 303)
    shoppay().store.record_return(found.id, returned=how, now=shoppay().clock())
    try:
        shoppay().payments.follow(found, call=bank_call(found.id), patience=PATIENCE_ON_RETURN_SECONDS)
    except BankFault:
        # The payment's own page asks again and shows the fault.
        pass
    return redirect(url_for("pages.payment", payment_id=found.id), 303)


@pages.get("/payments/<payment_id>")
def payment(payment_id: str) -> Answer:
    """The confirmation, or how far it is (S0-47)."""
    found = _payment(payment_id, authorised(SCOPE_PAY))
    problem = None
    try:
        found = shoppay().payments.follow(found, call=bank_call(found.id))
    except BankFault as fault:
        problem = explain(fault)
    return render_template(
        "payment.html",
        payment=found,
        bank=_bank_names().get(found.issuer, found.issuer),
        problem=problem,
        notifications=shoppay().store.list_notifications(found.id),
        calls=shoppay().store.list_bank_calls(found.id),
    )


@pages.get("/payments/<payment_id>/status")
def payment_status(payment_id: str) -> Response:
    """For the page's script: has anything changed?"""
    found = _payment(payment_id, authorised(SCOPE_PAY))
    try:
        found = shoppay().payments.follow(found, call=bank_call(found.id))
    except BankFault:
        # The script asks again a little later.
        pass
    count = len(shoppay().store.list_notifications(found.id))
    return jsonify(
        state=found.state, transactionStatus=found.transaction_status, final=found.is_final, notified=count
    )


def _payment(payment_id: str, claims: SSOClaims) -> Payment:
    try:
        return shoppay().payments.get(payment_id, user=claims.subject)
    except LookupError as error:
        raise NotThere from error


@pages.post("/notify")
def notify() -> tuple[str, int]:
    """The bank says how a payment stands (S0-46). Noted as a hint; the status itself is asked for."""
    if request.mimetype != "application/json" or (request.content_length or 0) > MAX_NOTIFICATION_BYTES:
        return "", 400
    try:
        content = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        return "", 400
    if not isinstance(content, dict):
        return "", 400
    # Always the same answer: nobody learns here which payments exist.
    shoppay().payments.take_notification(content)
    return "", 204


@pages.get("/health")
def health() -> Response:
    """Up, and able to read its store."""
    shoppay().store.get_user("")
    return jsonify(status="ok")
