"""The web application: cookies and headers around the pages (pages.py) and the JSON API (api.py)."""

from __future__ import annotations

import logging
import secrets
from typing import Any

from flask import Flask, Response, jsonify, render_template, request
from werkzeug.exceptions import HTTPException, SecurityError

from examples.demo_tpp.api import api
from examples.demo_tpp.files import read_or_create_secret
from examples.demo_tpp.pages import pages
from examples.demo_tpp.problems import Problem, grouped
from examples.demo_tpp.services import Services
from examples.demo_tpp.texts import has_text
from examples.demo_tpp.web import (
    SESSION_COOKIE,
    check_csrf,
    csrf_field,
    format_day,
    format_moment,
    format_money,
    language,
    shoppay,
    translate,
)

MAX_BODY_BYTES = 32 * 1024

logger = logging.getLogger("demo_tpp")


def create_app(services: Services) -> Flask:
    """The application over these services."""
    configuration = services.configuration
    app = Flask(__name__)
    app.extensions["shoppay"] = services
    host = configuration.base_url.split("://", 1)[1]
    app.config.update(
        SECRET_KEY=read_or_create_secret(configuration.key_directory / "session.key", _make_session_key),
        SESSION_COOKIE_NAME=SESSION_COOKIE,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=configuration.secure_cookies,
        MAX_CONTENT_LENGTH=MAX_BODY_BYTES,
        MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES,
        # A page of another site that rebinds its name to this address gets nothing.
        TRUSTED_HOSTS=[host, "127.0.0.1", "localhost"],
    )
    app.jinja_env.filters.update(iban=grouped, money=format_money, moment=format_moment, day=format_day)
    app.jinja_env.globals.update(t=translate, has_text=has_text, csrf_field=csrf_field, language=language)
    app.before_request(check_csrf)
    app.after_request(_add_headers)
    app.register_error_handler(SecurityError, _untrusted_host)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _unexpected_error)
    app.register_blueprint(pages)
    app.register_blueprint(api)
    return app


def _add_headers(response: Response) -> Response:
    banks = " ".join(sorted({bank.origin for bank in shoppay().directory.banks}))
    response.headers.setdefault(
        "Content-Security-Policy",
        # The form that connects an account is answered with a redirect to the bank: form-action names it, too.
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self';"
        f" form-action 'self' {banks}; base-uri 'none'; frame-ancestors 'none'; object-src 'none'",
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=()"
    if shoppay().configuration.secure_cookies:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response


def _untrusted_host(error: SecurityError) -> tuple[str, int, dict[str, str]]:
    # Not one of our names, so there is no page of ours to show.
    return "ShopPay does not answer to this name.\n", 400, {"Content-Type": "text/plain"}


def _http_error(error: HTTPException) -> Response | tuple[Any, int]:
    status = error.code or 500
    if request.path.startswith("/api/"):
        response = jsonify(error=f"http_{status}", error_description=error.name)
        response.status_code = status
        for name, value in error.get_headers():
            if name.lower() == "allow":
                response.headers[name] = value
        return response
    known = {403: "problem.http.403", 404: "problem.http.404", 413: "problem.http.413"}
    problem = Problem(status, f"http_{status}", known.get(status, "problem.http"), detail=error.name)
    return render_template("problem.html", problem=problem), status


def _unexpected_error(error: Exception) -> Response | tuple[Any, int]:
    number = secrets.token_hex(4)
    logger.exception("fault %s", number)
    if request.path.startswith("/api/"):
        return jsonify(error="server_error", error_description=f"A fault of ShopPay, number {number}."), 500
    problem = Problem(500, "server_error", "problem.http.500", {"number": number})
    return render_template("problem.html", problem=problem), 500


def _make_session_key() -> bytes:
    return secrets.token_urlsafe(48).encode()
