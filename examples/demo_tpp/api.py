"""The JSON API: the same journeys for scripts. The SSO token comes in the Authorization header, never a cookie."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from examples.demo_tpp.payment import Order
from examples.demo_tpp.problems import EXPECTED, BadRequest, NotThere, Problem, explain
from examples.demo_tpp.sso import (
    ALL_SCOPES,
    LIFETIME_SECONDS,
    SCOPE_ACCOUNTS,
    SCOPE_ENROL,
    SCOPE_PAY,
    SSOClaims,
)
from examples.demo_tpp.store import Enrolment, Payment
from examples.demo_tpp.web import bank_call, browser_secret, shoppay, translate

api = Blueprint("api", __name__, url_prefix="/api")

LONGEST_WAIT_SECONDS = 20.0


def token_of_request() -> str | None:
    """The Bearer token of the Authorization header, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def authorised(scope: str) -> SSOClaims:
    """The caller's claims. Raises SSOTokenRefused."""
    return shoppay().sso.verify(token_of_request(), scope=scope)


def read_json(*, required: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    """The request's JSON object with these text fields and no others (optional ones may be true/false).

    Raises BadRequest for anything else: wrong type, duplicate or unknown field, too deep.
    """
    if request.mimetype != "application/json":
        raise BadRequest("Send a JSON object with Content-Type: application/json.")
    try:
        content = json.loads(request.get_data(cache=False), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise BadRequest("The body is not valid JSON.") from error
    if not isinstance(content, dict):
        raise BadRequest("The body must be a JSON object.")
    unknown = set(content) - set(required) - set(optional)
    missing = set(required) - set(content)
    if unknown or missing:
        raise BadRequest(f"Missing: {', '.join(sorted(missing)) or '-'}; unknown: {len(unknown)}.")
    for name, value in content.items():
        if not isinstance(value, str) and not (name in optional and isinstance(value, bool)):
            raise BadRequest(f"{name} must be text.")
    return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("duplicate field")
    return content


def problem_response(problem: Problem) -> Response:
    """The error body: a stable code, one sentence, and the bank's own messages where there are any."""
    body: dict[str, Any] = {
        "error": problem.code,
        "error_description": problem.detail or translate(problem.text, **problem.params),
    }
    if problem.messages:
        body["tppMessages"] = problem.messages
    if problem.request_id:
        body["bankRequestId"] = problem.request_id
    response = jsonify(body)
    response.status_code = problem.status
    if problem.code in ("invalid_token", "insufficient_scope"):
        # RFC 6750 3.1
        response.headers["WWW-Authenticate"] = (
            f'Bearer realm="ShopPay", error="{problem.code}", error_description="{problem.detail}"'
        )
    return response


def _on_error(error: Exception) -> Response:
    return problem_response(explain(error))


for _expected in EXPECTED:
    api.register_error_handler(_expected, _on_error)


@api.post("/register")
def register() -> tuple[Response, int]:
    """Add a user: {userId, password}."""
    content = read_json(required=("userId", "password"))
    user = shoppay().users.register(user_id=content["userId"], password=content["password"])
    return jsonify(userId=user.user_id), 201


@api.post("/login")
def log_in() -> Response:
    """{userId, password, scope?} -> the SSO token (S0-15, S0-16)."""
    content = read_json(required=("userId", "password"), optional=("scope",))
    scopes = (_text(content, "scope") or " ".join(ALL_SCOPES)).split()
    if not set(scopes) <= set(ALL_SCOPES):
        raise BadRequest(f"scope may name: {' '.join(ALL_SCOPES)}.")
    user = shoppay().users.log_in(user_id=content["userId"], password=content["password"])
    token = shoppay().sso.issue(subject=user.id, scopes=scopes)
    return jsonify(
        {
            "token": token,
            "token_type": "Bearer",
            "expires_in": LIFETIME_SECONDS,
            "scope": " ".join(sorted(scopes)),
        }
    )


@api.post("/logout")
def log_out() -> tuple[str, int]:
    """Refuse this token from now on."""
    claims = shoppay().sso.verify(token_of_request())
    shoppay().store.revoke_token(claims.jti, expires_at=claims.expires_at, now=shoppay().clock())
    return "", 204


@api.post("/enrol")
def enrol() -> tuple[Response, int]:
    """{iban} with the token -> where to send the customer (S0-17 to S0-22)."""
    claims = authorised(SCOPE_ENROL)
    content = read_json(required=("iban",))
    # The answer must come back with the cookie set here, or with a token of the same user.
    enrolment_id, redirect = shoppay().enrolments.start(
        user=claims.subject, iban_text=content["iban"], browser=browser_secret(), call=bank_call
    )
    enrolment = _enrolment(enrolment_id, claims)
    return jsonify({"redirect": redirect} | enrolment_json(enrolment)), 201


@api.get("/enrolments")
def list_enrolments() -> Response:
    """The user's enrolments, active ones first."""
    claims = authorised(SCOPE_ENROL)
    found = shoppay().store.list_enrolments(user=claims.subject)
    return jsonify(enrolments=[enrolment_json(enrolment) for enrolment in found])


@api.get("/enrolments/<enrolment_id>")
def get_enrolment(enrolment_id: str) -> Response:
    """One enrolment with the technical record of the calls made for it."""
    enrolment = _enrolment(enrolment_id, authorised(SCOPE_ENROL))
    return jsonify(enrolment_json(enrolment) | {"calls": calls_json(enrolment.id)})


@api.delete("/enrolments/<enrolment_id>")
def delete_enrolment(enrolment_id: str) -> tuple[str, int]:
    """Delete the consent at the bank and wipe the tokens."""
    enrolment = _enrolment(enrolment_id, authorised(SCOPE_ENROL))
    shoppay().enrolments.end(enrolment, call=bank_call(enrolment.id))
    return "", 204


@api.get("/enrolments/<enrolment_id>/accounts")
def read_accounts(enrolment_id: str) -> Response:
    """Accounts, balances and transactions as the bank gives them."""
    enrolment = _enrolment(enrolment_id, authorised(SCOPE_ACCOUNTS))
    views = shoppay().enrolments.read_accounts(enrolment, call=bank_call(enrolment.id))
    return jsonify(
        accounts=[
            {
                "resourceId": view.resource_id,
                "iban": view.iban,
                "name": view.name,
                "currency": view.currency,
                "balances": list(view.balances),
                "transactions": list(view.transactions),
            }
            for view in views
        ]
    )


@api.post("/payments")
def start_payment() -> tuple[Response, int]:
    """{creditorName, creditorIban, debtorIban, amount, reference?} with the token -> {redirect, paymentId} (S0-35)."""
    claims = authorised(SCOPE_PAY)
    content = read_json(
        required=("creditorName", "creditorIban", "debtorIban", "amount"),
        optional=("reference", "withoutEnrolment"),
    )
    order = Order(
        creditor_name=content["creditorName"],
        creditor_iban=content["creditorIban"],
        debtor_iban=content["debtorIban"],
        amount=content["amount"],
        reference=_text(content, "reference"),
    )
    payment = shoppay().payments.start(
        order,
        user=claims.subject,
        submission=request.headers.get("Idempotency-Key") or secrets.token_urlsafe(24),
        call=bank_call,
        without_enrolment=_flag(content, "withoutEnrolment"),
    )
    return jsonify(payment_json(payment)), 201


@api.get("/payments")
def list_payments() -> Response:
    """The user's payments, the newest first."""
    claims = authorised(SCOPE_PAY)
    found = shoppay().payments.refresh_open(user=claims.subject, call=bank_call)
    return jsonify(payments=[payment_json(payment) for payment in found])


@api.get("/payments/<payment_id>")
def get_payment(payment_id: str) -> Response:
    """One payment, asked anew at the bank unless final; ?wait=10 keeps asking for that many seconds at most."""
    claims = authorised(SCOPE_PAY)
    wait = request.args.get("wait", "0")
    if not (wait.isascii() and wait.isdigit() and len(wait) <= 3):
        raise BadRequest("wait is a number of seconds.")
    payment = _payment(payment_id, claims)
    payment = shoppay().payments.follow(
        payment, call=bank_call(payment.id), patience=min(float(wait), LONGEST_WAIT_SECONDS)
    )
    return jsonify(payment_json(payment) | {"calls": calls_json(payment.id)})


def enrolment_json(enrolment: Enrolment) -> dict[str, Any]:
    """What the user may see of an enrolment: never a token."""
    bank = shoppay().directory.by_issuer(enrolment.issuer)
    return {
        "enrolmentId": enrolment.id,
        "iban": enrolment.iban,
        "bank": bank.name if bank else enrolment.issuer,
        "consentId": enrolment.consent_id,
        "state": enrolment.state,
        "reason": enrolment.reason,
        "validUntil": enrolment.valid_until,
        "confirmedAt": enrolment.confirmed_at,
        "endedAt": enrolment.ended_at,
    }


def payment_json(payment: Payment) -> dict[str, Any]:
    """What the user may see of a payment."""
    notifications = shoppay().store.list_notifications(payment.id)
    return {
        "id": payment.id,
        "paymentId": payment.payment_id,
        "redirect": payment.redirect,
        "state": payment.state,
        "transactionStatus": payment.transaction_status,
        "final": payment.is_final,
        "creditorName": payment.creditor_name,
        "creditorIban": payment.creditor_iban,
        "debtorIban": payment.debtor_iban,
        "amount": payment.amount,
        "currency": payment.currency,
        "reference": payment.reference,
        "endToEndIdentification": payment.end_to_end_id,
        "withIdToken": bool(payment.with_id_token),
        "bankText": payment.bank_text,
        "returned": payment.returned,
        "notifications": [
            {"transactionStatus": entry.transaction_status, "receivedAt": entry.received_at}
            for entry in notifications
        ],
    }


def calls_json(about: str) -> list[dict[str, Any]]:
    """The technical record."""
    return [asdict(call) for call in shoppay().store.list_bank_calls(about)]


def _enrolment(enrolment_id: str, claims: SSOClaims) -> Enrolment:
    enrolment = shoppay().store.get_enrolment(enrolment_id, user=claims.subject)
    if enrolment is None:
        raise NotThere
    return enrolment


def _payment(payment_id: str, claims: SSOClaims) -> Payment:
    try:
        return shoppay().payments.get(payment_id, user=claims.subject)
    except LookupError as error:
        raise NotThere from error


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name, "")
    if not isinstance(value, str):
        raise BadRequest(f"{name} must be text.")
    return value


def _flag(content: dict[str, Any], name: str) -> bool:
    value = content.get(name, False)
    if not isinstance(value, bool):
        raise BadRequest(f"{name} must be true or false.")
    return value
