"""The sandbox's TPPs: registered, each with one app and a key pair whose private half lies in ``var/keys/tpp``."""

import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from django.conf import settings
from django.db import transaction

from apps.identity.queries import get_user_by_username
from apps.sandbox.seeding.personas import COMPANIES, Company
from apps.tpp.models import TPP, App
from apps.tpp.rules import AppStatus, KeyStatus, TPPStatus
from apps.tpp.services import (
    add_app_key,
    change_redirect_uris,
    register_app,
    register_tpp,
    retire_app_key,
)


@dataclass(frozen=True, slots=True)
class Registered:
    """A company as it stands, with what its program needs to sign."""

    company: Company
    app: App
    kid: str
    key_file: Path
    private_key_pem: str


def seed_companies(*, tpp_url: str, now: datetime) -> list[Registered]:
    """Register what is missing and bring redirect URIs and keys up to date. Blocked companies are left alone."""
    return [_seed_company(company, tpp_url=tpp_url, now=now) for company in COMPANIES]


@transaction.atomic
def _seed_company(company: Company, *, tpp_url: str, now: datetime) -> Registered:
    tpp = TPP.objects.filter(authorisation_number=company.authorisation_number).first() or _register(
        company, now=now
    )
    app = App.objects.filter(client_id=company.client_id).first()
    redirect_uris = [uri.format(tpp_url=tpp_url) for uri in company.callbacks]
    if app is None:
        app = register_app(
            tpp_id=tpp.pk,
            name=company.name,
            redirect_uris=redirect_uris,
            member_id=None,
            client_id=company.client_id,
            now=now,
        )
    is_open = tpp.status == TPPStatus.ACTIVE and app.status == AppStatus.ACTIVE
    if is_open and any(uri not in app.redirect_uris for uri in redirect_uris):
        app = change_redirect_uris(app_id=app.pk, redirect_uris=redirect_uris, member_id=None, now=now)
    key_file = Path(settings.VAR_DIR) / "keys" / "tpp" / f"{company.client_id}.pem"
    key = _load_or_create_key(key_file)
    kid = _register_key(app, key=key, now=now) if is_open else ""
    return Registered(company, app, kid, key_file, key_file.read_text(encoding="ascii"))


def _register(company: Company, *, now: datetime) -> TPP:
    members = [get_user_by_username(username=user_id) for user_id in company.members]
    return register_tpp(
        legal_name=company.legal_name,
        brand_name=company.name,
        authorisation_number=company.authorisation_number,
        authority_name=company.authority_name,
        country=company.country,
        roles=list(company.roles),
        contact_email=company.email,
        member_id=next((user.pk for user in members if user is not None), None),
        now=now,
    )


def _load_or_create_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if path.is_file():
        key = load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return key
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    key = ec.generate_private_key(ec.SECP256R1())
    draft = path.with_suffix(".tmp")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    draft.rename(path)
    return key


def _register_key(app: App, *, key: ec.EllipticCurvePrivateKey, now: datetime) -> str:
    """The kid of the key; others whose private half is lost with its file are retired."""
    jwk = _public_jwk(key)
    kid = ""
    for known in app.keys.filter(status=KeyStatus.ACTIVE):
        if all(known.jwk.get(member) == value for member, value in jwk.items()):
            kid = known.kid
        elif known.jwk.get("kty") == "EC" and known.kid.startswith("sandbox-"):
            retire_app_key(app_id=app.pk, kid=known.kid, member_id=None, now=now)
    return (
        kid
        or add_app_key(app_id=app.pk, jwk=jwk, kid=f"sandbox-{jwk['x'][:10]}", member_id=None, now=now).kid
    )


def _public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-256", "x": _base64url(numbers.x), "y": _base64url(numbers.y)}


def _base64url(number: int) -> str:
    return urlsafe_b64encode(number.to_bytes(32, "big")).rstrip(b"=").decode()
