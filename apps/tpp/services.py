import hashlib
import secrets
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.audit.services import record_event
from apps.core.canonical import canonical_json
from apps.core.errors import DomainError, InvalidInput
from apps.core.text import check_display_text
from apps.tpp.models import TPP, App, AppKey, TPPMember
from apps.tpp.rules import (
    AppStatus,
    KeyStatus,
    Role,
    TPPStatus,
    check_authorisation_number,
    check_public_jwk,
    check_redirect_uri,
)

APPS_PER_TPP_MAX = 20
REDIRECT_URIS_PER_APP_MAX = 20
ACTIVE_KEYS_PER_APP_MAX = 5


class TPPAlreadyRegistered(DomainError):
    """This authorisation number is registered."""

    code = "tpp_already_registered"


class AppNameTaken(DomainError):
    """The TPP has an app of this name."""

    code = "app_name_taken"


class KeyAlreadyRegistered(DomainError):
    """The app has this key, or another under the same key id."""

    code = "key_already_registered"


class TooMany(DomainError):
    """A bound on how many of a thing there may be is reached."""

    code = "too_many"


class TPPNotActive(DomainError):
    """The TPP is blocked; nothing of it can be changed."""

    code = "tpp_not_active"


class UnknownRole(InvalidInput):
    """Not one of AISP, PISP, PIISP."""

    code = "unknown_role"


@transaction.atomic
def register_tpp(
    *,
    legal_name: str,
    brand_name: str,
    authorisation_number: str,
    authority_name: str,
    country: str,
    roles: list[str],
    contact_email: str,
    member_id: UUID | None,
    now: datetime,
) -> TPP:
    """Enrol a TPP; it is active at once (N2).

    :raises TPPAlreadyRegistered: the authorisation number is known.
    :raises apps.tpp.rules.InvalidAuthorisationNumber: not of the form PSDxx-AUTHORITY-number.
    :raises apps.core.text.UnsafeText: a name that cannot be shown safely.
    """
    if not set(roles) <= set(Role.values):
        raise UnknownRole(field="roles")
    tpp = TPP(
        legal_name=check_display_text(legal_name, field="legal_name", max_length=140),
        brand_name=check_display_text(brand_name, field="brand_name", max_length=70),
        authorisation_number=check_authorisation_number(authorisation_number),
        authority_name=check_display_text(authority_name, field="authority_name", max_length=140),
        country=country.upper()[:2],
        roles=[role for role in Role.values if role in roles],
        contact_email=contact_email,
        registered_at=now,
    )
    try:
        with transaction.atomic():
            tpp.save(force_insert=True)
    except IntegrityError as error:
        raise TPPAlreadyRegistered(authorisation_number) from error
    if member_id is not None:
        TPPMember.objects.create(tpp=tpp, user_id=member_id)
    record_event(
        event="tpp.tpp.registered",
        object_type="tpp",
        object_id=tpp.pk,
        actor_type="member" if member_id else "system",
        actor_id=member_id or "",
        at=now,
        data={"authorisation_number": tpp.authorisation_number, "roles": tpp.roles},
    )
    return tpp


@transaction.atomic
def register_app(
    *,
    tpp_id: UUID,
    name: str,
    redirect_uris: list[str],
    member_id: UUID | None,
    now: datetime,
    client_id: str = "",
) -> App:
    """Register a program of a TPP as an OAuth client.

    :raises AppNameTaken: the name is in use by this TPP.
    :raises apps.tpp.rules.InvalidRedirectURI: an address that cannot be registered.
    """
    tpp = _lock_active_tpp(tpp_id)
    if App.objects.filter(tpp=tpp).count() >= APPS_PER_TPP_MAX:
        raise TooMany("apps")
    app = App(
        tpp=tpp,
        name=check_display_text(name, field="name", max_length=70),
        client_id=client_id or secrets.token_urlsafe(18),
        redirect_uris=_checked_redirect_uris(redirect_uris),
        registered_at=now,
    )
    try:
        with transaction.atomic():
            app.save(force_insert=True)
    except IntegrityError as error:
        raise AppNameTaken(name) from error
    _record(event="tpp.app.registered", app=app, member_id=member_id, now=now, data={"name": app.name})
    return app


@transaction.atomic
def change_redirect_uris(
    *, app_id: UUID, redirect_uris: list[str], member_id: UUID | None, now: datetime
) -> App:
    """Replace the addresses to which customers may be sent back."""
    app = _lock_app(app_id)
    app.redirect_uris = _checked_redirect_uris(redirect_uris)
    app.save(update_fields=["redirect_uris"])
    _record(
        event="tpp.app.redirect_uris_changed",
        app=app,
        member_id=member_id,
        now=now,
        data={"redirect_uris": app.redirect_uris},
    )
    return app


@transaction.atomic
def add_app_key(
    *, app_id: UUID, jwk: dict[str, Any], member_id: UUID | None, now: datetime, kid: str = ""
) -> AppKey:
    """Register a public key of an app; several may be active, so that keys can be changed without a gap.

    The key id is the one given, that inside the JWK, or the key's thumbprint (RFC 7638).

    :raises apps.tpp.rules.InvalidKey: not a public key of an accepted kind.
    :raises KeyAlreadyRegistered: known key or key id.
    """
    app = _lock_app(app_id)
    public = check_public_jwk(jwk)
    if app.keys.filter(status=KeyStatus.ACTIVE).count() >= ACTIVE_KEYS_PER_APP_MAX:
        raise TooMany("active keys")
    if app.keys.filter(jwk=public).exists():
        raise KeyAlreadyRegistered("key")
    kid = kid or (jwk["kid"] if isinstance(jwk.get("kid"), str) else "") or _thumbprint(public)
    kid = check_display_text(kid, field="kid", max_length=64)
    try:
        with transaction.atomic():
            key = AppKey.objects.create(app=app, kid=kid, jwk=public, added_at=now)
    except IntegrityError as error:
        raise KeyAlreadyRegistered("kid") from error
    _record(event="tpp.app.key_added", app=app, member_id=member_id, now=now, data={"kid": kid})
    return key


@transaction.atomic
def retire_app_key(*, app_id: UUID, kid: str, member_id: UUID | None, now: datetime) -> None:
    """Stop trusting a key, at once. Retiring a retired key changes nothing."""
    app = _lock_app(app_id)
    if app.keys.filter(kid=kid, status=KeyStatus.ACTIVE).update(status=KeyStatus.RETIRED, retired_at=now):
        _record(event="tpp.app.key_retired", app=app, member_id=member_id, now=now, data={"kid": kid})


@transaction.atomic
def suspend_app(*, app_id: UUID, suspended: bool, staff_id: UUID, reason: str, now: datetime) -> App:
    """Suspend or resume one app; tokens of a suspended app are refused at the next call."""
    app = App.objects.select_for_update().get(pk=app_id)
    app.status = AppStatus.SUSPENDED if suspended else AppStatus.ACTIVE
    app.save(update_fields=["status"])
    record_event(
        event="tpp.app.suspended" if suspended else "tpp.app.resumed",
        object_type="app",
        object_id=app.pk,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"reason": reason},
    )
    return app


@transaction.atomic
def block_tpp(*, tpp_id: UUID, reason: str, staff_id: UUID, now: datetime) -> TPP:
    """Deny a TPP access for a reason that can be shown (PSD2 art. 68(5)). It holds from the next call on."""
    tpp = TPP.objects.select_for_update().get(pk=tpp_id)
    if tpp.status != TPPStatus.BLOCKED:
        tpp.status, tpp.blocked_at = TPPStatus.BLOCKED, now
        tpp.blocked_reason = check_display_text(reason, field="reason", max_length=300)
        tpp.save(update_fields=["status", "blocked_at", "blocked_reason"])
        _record_tpp(event="tpp.tpp.blocked", tpp=tpp, staff_id=staff_id, reason=reason, now=now)
    return tpp


@transaction.atomic
def unblock_tpp(*, tpp_id: UUID, reason: str, staff_id: UUID, now: datetime) -> TPP:
    """Let a TPP in again, once the reason is gone (PSD2 art. 68(5))."""
    tpp = TPP.objects.select_for_update().get(pk=tpp_id)
    if tpp.status == TPPStatus.BLOCKED:
        tpp.status, tpp.blocked_at, tpp.blocked_reason = TPPStatus.ACTIVE, None, ""
        tpp.save(update_fields=["status", "blocked_at", "blocked_reason"])
        _record_tpp(event="tpp.tpp.unblocked", tpp=tpp, staff_id=staff_id, reason=reason, now=now)
    return tpp


def _lock_active_tpp(tpp_id: UUID) -> TPP:
    tpp = TPP.objects.select_for_update().get(pk=tpp_id)
    if tpp.status != TPPStatus.ACTIVE:
        raise TPPNotActive(str(tpp_id))
    return tpp


def _lock_app(app_id: UUID) -> App:
    app = App.objects.select_for_update(of=("self",)).select_related("tpp").get(pk=app_id)
    if app.tpp.status != TPPStatus.ACTIVE:
        raise TPPNotActive(str(app.tpp_id))
    return app


def _checked_redirect_uris(redirect_uris: list[str]) -> list[str]:
    uris = list(dict.fromkeys(uri.strip() for uri in redirect_uris if uri.strip()))
    if len(uris) > REDIRECT_URIS_PER_APP_MAX:
        raise TooMany("redirect URIs")
    return [check_redirect_uri(uri, allow_loopback_http=settings.SANDBOX) for uri in uris]


def _thumbprint(public: dict[str, str]) -> str:
    return urlsafe_b64encode(hashlib.sha256(canonical_json(public)).digest()).rstrip(b"=").decode()


def _record(*, event: str, app: App, member_id: UUID | None, now: datetime, data: dict[str, Any]) -> None:
    record_event(
        event=event,
        object_type="app",
        object_id=app.pk,
        actor_type="member" if member_id else "system",
        actor_id=member_id or "",
        at=now,
        data={"tpp": str(app.tpp_id)} | data,
    )


def _record_tpp(*, event: str, tpp: TPP, staff_id: UUID, reason: str, now: datetime) -> None:
    record_event(
        event=event,
        object_type="tpp",
        object_id=tpp.pk,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"reason": reason},
    )
