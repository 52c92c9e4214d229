"""``var/sandbox.json``: addresses, log-ins, accounts and keys of the sandbox, for scripts and testers."""

import json
import os
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.accounts.queries import list_accounts_for_psu
from apps.identity.queries import get_psu_of_user, get_user_by_username
from apps.sandbox.authenticator import secret_text_of
from apps.sandbox.seeding import personas
from apps.sandbox.seeding.companies import Registered


def write_handout(*, companies: list[Registered], tpp_url: str) -> Path:
    """Write the file, whole or not at all, readable by this user only: it holds private keys."""
    path = Path(settings.VAR_DIR) / "sandbox.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".json.tmp")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(describe_sandbox(companies=companies, tpp_url=tpp_url), file, indent=2, ensure_ascii=False)
        file.write("\n")
    draft.rename(path)
    return path


def describe_sandbox(*, companies: list[Registered], tpp_url: str) -> dict[str, Any]:
    """What stands in the file."""
    return {
        "bank_url": settings.PUBLIC_BASE_URL,
        "tpp_url": tpp_url,
        "customers": [_customer(person) for person in personas.CUSTOMERS],
        "staff": [_log_in(person) for person in personas.STAFF],
        "tpps": [_company(registered) for registered in companies],
        "tpp_members": [_member(person) for person in personas.MEMBERS],
    }


def _member(person: personas.Person) -> dict[str, Any]:
    company = next(company for company in personas.COMPANIES if person.user_id in company.members)
    return _log_in(person) | {"tpp": company.name, "totp_secret": secret_text_of(person.user_id)}


def _log_in(person: personas.Person) -> dict[str, Any]:
    return {
        "user_id": person.user_id,
        "password": person.password,
        "name": person.name,
        "mobile": person.mobile,
    }


def _customer(person: personas.Person) -> dict[str, Any]:
    user = get_user_by_username(username=person.user_id)
    psu = get_psu_of_user(user_id=user.pk) if user else None
    accounts = list_accounts_for_psu(psu_id=psu.pk) if psu else []
    return _log_in(person) | {
        "accounts": [
            {
                "iban": account.iban,
                "resource_id": str(account.pk),
                "name": account.display_name,
                "currency": account.currency,
                "status": account.status,
            }
            for account in accounts
        ]
    }


def _company(registered: Registered) -> dict[str, Any]:
    company = registered.company
    return {
        "name": company.name,
        "client_id": registered.app.client_id,
        "kid": registered.kid,
        "private_key_pem": registered.private_key_pem,
        "private_key_file": str(registered.key_file),
        "redirect_uris": registered.app.redirect_uris,
        "authorisation_number": company.authorisation_number,
        "roles": list(company.roles),
    }
