import re
from typing import Any
from urllib.parse import urlsplit

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.core.errors import InvalidInput

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]", "::1")
AUTHORISATION_NUMBER = re.compile(r"PSD[A-Z]{2}-[A-Z]{2,8}-[A-Za-z0-9.\-]{1,40}")


class Role(models.TextChoices):
    """What a TPP is licensed for (PSD2 annex I; ETSI TS 119 495: PSP_AI, PSP_PI, PSP_IC)."""

    AISP = "AISP", _("account information")
    PISP = "PISP", _("payment initiation")
    PIISP = "PIISP", _("card-based payments")


class TPPStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    BLOCKED = "blocked", _("blocked")


class AppStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    SUSPENDED = "suspended", _("suspended")


class KeyStatus(models.TextChoices):
    ACTIVE = "active", _("active")
    RETIRED = "retired", _("retired")


class CertificateKind(models.TextChoices):
    """eIDAS certificates: website authentication, electronic seal."""

    QWAC = "QWAC", "QWAC"
    QSEALC = "QSealC", "QSealC"


class InvalidRedirectURI(InvalidInput):
    """The address cannot be registered: see :func:`check_redirect_uri`."""

    code = "invalid_redirect_uri"


class InvalidKey(InvalidInput):
    """The key cannot be registered: see :func:`check_public_jwk`."""

    code = "invalid_key"


class InvalidAuthorisationNumber(InvalidInput):
    """Not an authorisation number of the form PSDxx-AUTHORITY-number (ETSI TS 119 495)."""

    code = "invalid_authorisation_number"


def check_authorisation_number(text: str) -> str:
    """The number in the form of ETSI TS 119 495 5.2.1, ``PSDDE-BAFIN-123456``.

    :raises InvalidAuthorisationNumber: any other form.
    """
    value = text.strip()
    if not AUTHORISATION_NUMBER.fullmatch(value):
        raise InvalidAuthorisationNumber(field="authorisation_number")
    return value


def check_redirect_uri(uri: str, *, allow_loopback_http: bool) -> str:
    """The address as it will be compared: to the letter, later.

    https with a host; no fragment, user info, wildcard, blank or control character. Plain http only for the
    developer's own machine, and only where ``allow_loopback_http`` says so (FAPI 2.0 5.3.2.2, S0-3).

    :raises InvalidRedirectURI: with a reason.
    """
    if (
        len(uri) > 500
        or not uri.isascii()
        or any(c <= " " or c == "\x7f" or c in "\\*<>\"'`{}|^" for c in uri)
    ):
        raise InvalidRedirectURI("characters that do not belong into an address", field="redirect_uri")
    try:
        parts = urlsplit(uri)
        _port = parts.port
    except ValueError as error:
        raise InvalidRedirectURI("not an address", field="redirect_uri") from error
    if not parts.hostname or parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise InvalidRedirectURI("no host, or user info before it", field="redirect_uri")
    if parts.fragment or uri.endswith("#"):
        raise InvalidRedirectURI("a fragment", field="redirect_uri")
    loopback = parts.scheme == "http" and parts.hostname in LOOPBACK_HOSTS and allow_loopback_http
    if parts.scheme != "https" and not loopback:
        raise InvalidRedirectURI("not https", field="redirect_uri")
    return uri


def check_public_jwk(jwk: Any) -> dict[str, str]:
    """The public part of a signing key: EC P-256, RSA of 2048 to 8192 bits, or Ed25519 (FAPI 2.0 5.4.1).

    :raises InvalidKey: private members inside, another kind, too short.
    """
    if not isinstance(jwk, dict):
        raise InvalidKey("not a JSON object", field="jwk")
    if {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & jwk.keys():
        raise InvalidKey("a private key: keep it to yourself", field="jwk")
    kind = (jwk.get("kty"), jwk.get("crv"))
    members: tuple[str, ...]
    if kind == ("EC", "P-256"):
        members = ("kty", "crv", "x", "y")
    elif kind == ("OKP", "Ed25519"):
        members = ("kty", "crv", "x")
    elif jwk.get("kty") == "RSA":
        members = ("kty", "n", "e")
    else:
        raise InvalidKey("neither EC P-256, RSA nor Ed25519", field="jwk")
    public = {name: jwk.get(name) for name in members}
    if not all(isinstance(value, str) and 0 < len(value) <= 1400 for value in public.values()):
        raise InvalidKey("a member is missing", field="jwk")
    if jwk.get("kty") == "RSA" and not 342 <= len(str(jwk["n"])) <= 1366:
        raise InvalidKey("RSA keys have 2048 to 8192 bits", field="jwk")
    return {name: str(value) for name, value in public.items()}


def may_use_scope(*, roles: list[str], scope: str) -> bool:
    """Whether a TPP with ``roles`` may ask for a client scope (``aisp``, ``pisp``, ``piisp``)."""
    return scope.upper() in roles
