"""Where ShopPay runs and who it is at the bank: from the environment and from ``var/sandbox.json``.

The environment wins. ``var/sandbox.json`` is what the bank's sandbox writes for TPPs: the address of the bank, and
for each registered TPP its client_id, key pair and redirect URIs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from examples.demo_tpp.directory import Bank, load_banks, origin_of

DEFAULT_PORT = 8100
DEFAULT_NAME = "ShopPay"


class ConfigurationError(Exception):
    """ShopPay cannot start like this; the message is one clear sentence."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything ShopPay must know to start.

    ``base_url`` is ShopPay's own address without a trailing slash; ``redirect_uri`` is registered at the bank.
    """

    host: str
    port: int
    base_url: str
    database_path: Path
    key_directory: Path
    client_id: str
    client_kid: str
    client_key_pem: str
    redirect_uri: str
    banks: tuple[Bank, ...]

    @property
    def secure_cookies(self) -> bool:
        """Cookies are limited to https wherever ShopPay itself is served by https."""
        return self.base_url.startswith("https://")

    @property
    def payment_return_uris(self) -> tuple[str, str]:
        """Where customers come back from a payment, approved or not. Registered at the bank to the letter, so they
        cannot name the payment.
        """
        return f"{self.base_url}/payments/return", f"{self.base_url}/payments/cancelled"

    @property
    def notification_uri(self) -> str:
        """Where the bank reports a payment's progress; same origin as the redirect URI."""
        return f"{self.base_url}/notify"


def load_configuration(environ: Mapping[str, str] = os.environ) -> Configuration:
    """Read the configuration. Raises ConfigurationError naming what is missing and how to give it."""
    host = environ.get("TPP_HOST", "127.0.0.1")
    port = _port(environ.get("TPP_PORT") or str(DEFAULT_PORT))
    sandbox_path = Path(environ.get("TPP_SANDBOX_FILE", "var/sandbox.json"))
    sandbox = _read_sandbox(sandbox_path)
    entry = _entry_named(sandbox, environ.get("TPP_NAME", DEFAULT_NAME))

    base_url = (environ.get("TPP_BASE_URL") or sandbox.get("tpp_url") or f"http://{host}:{port}").rstrip("/")
    if "TPP_BASE_URL" not in environ and "TPP_PORT" in environ:
        base_url = f"http://{host}:{port}"

    client_id = environ.get("TPP_CLIENT_ID") or entry.get("client_id")
    if not client_id:
        raise ConfigurationError(
            f"ShopPay does not know its client_id: {sandbox_path} has no TPP of that name and TPP_CLIENT_ID is not set"
            " (start the bank's sandbox first: make run)."
        )
    key_pem = _client_key(environ, entry, sandbox_path)
    redirect_uri = environ.get("TPP_REDIRECT_URI") or _redirect_uri(
        entry.get("redirect_uris") or [], base_url
    )
    if origin_of(redirect_uri) != origin_of(base_url):
        raise ConfigurationError(
            f"ShopPay runs at {base_url} but the bank would send customers to {redirect_uri}; register the redirect"
            " URI of this address at the bank, or set TPP_PORT or TPP_BASE_URL to match."
        )
    database_path = Path(environ.get("TPP_DATABASE", "var/demo_tpp.sqlite3"))
    return Configuration(
        host=host,
        port=port,
        base_url=base_url,
        database_path=database_path,
        key_directory=Path(environ.get("TPP_KEY_DIR", str(database_path.parent / "demo_tpp"))),
        client_id=client_id,
        client_kid=environ.get("TPP_CLIENT_KID") or entry.get("kid") or "",
        client_key_pem=key_pem,
        redirect_uri=redirect_uri,
        banks=_banks(environ, sandbox),
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise ConfigurationError(f"TPP_PORT must be a port number from 1 to 65535, not {text!r}.")
    return int(text)


def _read_sandbox(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigurationError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path} is not the sandbox's file.")
    return content


def _entry_named(sandbox: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    for entry in sandbox.get("tpps", ()):
        if entry.get("name") == name:
            return entry
    return {}


def _client_key(environ: Mapping[str, str], entry: Mapping[str, Any], sandbox_path: Path) -> str:
    file_name = environ.get("TPP_CLIENT_KEY_FILE")
    if file_name is None and entry.get("private_key_pem"):
        return str(entry["private_key_pem"])
    file_name = file_name or entry.get("private_key_file")
    if not file_name:
        raise ConfigurationError("ShopPay has no private key for the bank: set TPP_CLIENT_KEY_FILE.")
    for candidate in (
        Path(file_name),
        sandbox_path.parent / file_name,
        sandbox_path.parent.parent / file_name,
    ):
        if candidate.is_file():
            return candidate.read_text(encoding="ascii")
    raise ConfigurationError(f"ShopPay's private key file {file_name} does not exist.")


def _redirect_uri(registered: list[str], base_url: str) -> str:
    own = [
        uri
        for uri in registered
        if origin_of(uri) == origin_of(base_url) and urlsplit(uri).path == "/callback"
    ]
    if own:
        return own[0]
    return registered[0] if registered else f"{base_url}/callback"


def _banks(environ: Mapping[str, str], sandbox: Mapping[str, Any]) -> tuple[Bank, ...]:
    bank_url = (environ.get("TPP_BANK_URL") or sandbox.get("bank_url") or "http://localhost:8000").rstrip("/")
    directory_file = Path(environ.get("TPP_BANK_DIRECTORY", str(Path(__file__).with_name("banks.json"))))
    try:
        banks = load_banks(directory_file, {"bank_url": bank_url})
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The bank directory cannot be read: {error}.") from error
    # The demo bank's code is the sandbox's to choose: an entry that names none takes it from the sandbox's own IBANs.
    codes = _sandbox_bank_codes(environ, sandbox)
    return tuple(bank if bank.bank_codes else replace(bank, bank_codes=codes) for bank in banks)


def _sandbox_bank_codes(environ: Mapping[str, str], sandbox: Mapping[str, Any]) -> tuple[str, ...]:
    if environ.get("TPP_BANK_CODES"):
        return tuple(code.strip() for code in environ["TPP_BANK_CODES"].split(",") if code.strip())
    ibans = [
        str(account.get("iban", "")).replace(" ", "")
        for customer in sandbox.get("customers", ())
        for account in customer.get("accounts", ())
    ]
    return tuple(dict.fromkeys(iban[4:12] for iban in ibans if iban.startswith("DE") and len(iban) == 22))
