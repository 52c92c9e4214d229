"""Access, refresh and ID tokens: given out, checked, taken back. In the database only their hashes remain."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db import transaction
from django.utils import timezone

from apps.authserver.conf import ACCESS_TOKEN_TTL_SECONDS, ID_TOKEN_TTL_SECONDS, REFRESH_TOKEN_TTL_DAYS
from apps.authserver.jose import JWTInvalid, numeric_date, read_jwt, sign_jwt, verify_signature
from apps.authserver.keys import list_signing_keys, public_keys
from apps.authserver.metadata import issuer
from apps.authserver.models import AccessToken, Application, Grant, IDToken, RefreshToken
from apps.authserver.queries import AccessContext, TokenRow, find_token
from apps.authserver.refusals import (
    IDTokenRefused,
    TokenConsentExpired,
    TokenConsentInvalid,
    TokenExpired,
    TokenHolderBlocked,
    TokenInvalid,
    TokenUnknown,
)
from apps.authserver.rules import access_token_hash, credential_hash
from apps.authserver.services.grants import revoke_grant
from apps.authserver.trail import record, record_for_app
from apps.consents.queries import is_usable_at
from apps.consents.rules import ConsentStatus, is_past_validity
from apps.core.clock import bank_date
from apps.core.ids import parse_uuid

if TYPE_CHECKING:
    from apps.tpp.models import App

ACCESS_TOKEN_LENGTH_MAX = 512


@dataclass(frozen=True, slots=True)
class IssuedIDToken:
    """An ID token on its way out, and its row."""

    jwt: str
    row: IDToken


@dataclass(frozen=True, slots=True)
class IDTokenClaims:
    """What a verified ID token says, and what the bank knows about it.

    ``sub`` is the customer's name towards this TPP; ``psu_id`` the bank's own. ``consent_id`` is None when
    the token came of a payment's authorisation.
    """

    sub: str
    psu_id: UUID
    consent_id: UUID | None
    payment_id: UUID | None
    jti: UUID
    auth_time: datetime


def issue_id_token(*, grant: Grant, access_token: str, now: datetime) -> IssuedIDToken:
    """Sign an ID token about the customer of ``grant`` (OIDC Core 2, S0-31).

    ``auth_time`` is the moment of the strong customer authentication of this very grant, not of some log-in
    (trap 15).

    :raises SigningKeyMissing: the bank has no signing key.
    """
    expires_at = now + timedelta(seconds=ID_TOKEN_TTL_SECONDS)
    row = IDToken(
        jti=uuid4(),
        grant=grant,
        user_id=grant.user_id,
        application_id=grant.application_id,
        scope="openid",
        expires=expires_at,
    )
    claims = {
        "iss": issuer(),
        "sub": grant.subject,
        "aud": grant.application.client_id,
        "iat": int(now.timestamp()),
        "exp": int(expires_at.timestamp()),
        "auth_time": int(grant.auth_time.timestamp()),
        "acr": grant.acr,
        "amr": grant.amr,
        "at_hash": access_token_hash(access_token),
        "jti": str(row.jti),
    }
    if grant.nonce:
        claims["nonce"] = grant.nonce
    key = list_signing_keys()[0]
    row.save(force_insert=True)
    return IssuedIDToken(jwt=sign_jwt(claims, key=key.private_key, kid=key.kid), row=row)


@transaction.atomic
def store_tokens(
    *,
    application: Application,
    grant: Grant | None,
    scopes: list[str],
    access_token: str,
    refresh_token: str | None,
    id_token: IssuedIDToken | None,
    now: datetime,
) -> AccessToken:
    """Keep the hashes of tokens that are about to be given out.

    Every refresh makes an access token of its own and leaves the earlier ones their time (FAPI 2.0
    5.3.2.1-9). A token without the consent's or payment's scope is not tied to it either.
    """
    bound = grant if grant is not None and any(":" in scope for scope in scopes) else None
    row = AccessToken.objects.create(
        application=application,
        grant=grant,
        user_id=grant.user_id if grant else None,
        psu_id=grant.psu_id if grant else None,
        **(bound.object_ids() if bound else {}),
        id_token=id_token.row if id_token else None,
        scope=" ".join(scopes),
        token="",
        token_checksum=credential_hash(access_token),
        expires=now + timedelta(seconds=ACCESS_TOKEN_TTL_SECONDS),
    )
    if grant is not None and refresh_token is not None:
        RefreshToken.objects.create(
            application=application,
            grant=grant,
            user_id=grant.user_id,
            token="",
            token_checksum=credential_hash(refresh_token),
            expires_at=now + timedelta(days=REFRESH_TOKEN_TTL_DAYS),
        )
    data = {
        "scope": row.scope,
        "access_token": row.pk,
        "refreshed": grant is not None and refresh_token is None,
    }
    if grant is None:
        record_for_app("token.issued", app_id=application.app_id, data=data)
    else:
        record("token.issued", grant, actor_type="tpp", actor_id=application.app_id, data=data)
    return row


def authenticate_access_token(*, token: str, now: datetime) -> AccessContext:
    """Whose token this is and what it opens; one select, whatever the answer.

    Reads opaque access tokens only: an ID token, a refresh token or a client assertion is just an unknown
    text (trap 2). The token's own ten minutes run in real time; ``now`` is bank time, for the consent's last
    day.

    :raises TokenUnknown: none of ours.
    :raises TokenExpired: its time is over.
    :raises TokenInvalid: revoked, or the customer may not act now.
    :raises TokenHolderBlocked: app suspended or TPP blocked.
    :raises TokenConsentInvalid: its consent is not in force.
    :raises TokenConsentExpired: its consent is past its last day.
    """
    if not token.isascii() or len(token) > ACCESS_TOKEN_LENGTH_MAX:
        raise TokenUnknown
    row = find_token(token_checksum=credential_hash(token))
    if row is None:
        raise TokenUnknown
    _check_usable(row, now=now)
    return AccessContext(
        app=row.app,
        tpp=row.app.tpp,
        scopes=frozenset(row.scope.split()),
        consent_id=row.consent_id,
        payment_id=row.payment_id or row.standing_order_id,
        psu_id=row.psu_id,
        token_id=row.token_id,
    )


def _check_usable(row: TokenRow, *, now: datetime) -> None:
    if row.revoked_at is not None:
        raise TokenInvalid("revoked")
    if row.expires <= timezone.now():
        raise TokenExpired
    if row.app.status != "active" or row.app.tpp.status != "active":
        raise TokenHolderBlocked("app suspended or TPP blocked")
    if row.user_is_active is False:
        raise TokenInvalid("customer deactivated")
    if row.consent_id is not None:
        _check_consent(row.consent_status, row.consent_valid_until, now=now)


def _check_consent(status: str | None, valid_until: date | None, *, now: datetime) -> None:
    over = valid_until is None or is_past_validity(valid_until=valid_until, today=bank_date(now))
    if status == ConsentStatus.EXPIRED or (status == ConsentStatus.VALID and over):
        raise TokenConsentExpired
    if status != ConsentStatus.VALID:
        raise TokenConsentInvalid(str(status))


def verify_id_token(*, token: str, app: "App", now: datetime) -> IDTokenClaims:
    """The customer whom an ID token names, when ``app`` shows it as a payment's credential (S0-38, S0-39).

    Checked: our signature, issuer, audience, expiry; that the token was given to this app and not revoked;
    that customer and consent are still in force. Whether the consent covers the debtor's account is the
    caller's question (S0-40).

    :raises IDTokenRefused: anything else.
    """
    try:
        parsed = read_jwt(token, types=("jwt",))
    except JWTInvalid as error:
        raise IDTokenRefused(error.detail) from error
    if parsed.header["alg"] != "ES256" or not parsed.kid or not verify_signature(parsed, public_keys()):
        raise IDTokenRefused("signature")
    claims = parsed.claims
    expires_at = numeric_date(claims.get("exp"))
    jti = parse_uuid(claims.get("jti"))
    if claims.get("iss") != issuer() or claims.get("aud") != app.client_id or jti is None:
        raise IDTokenRefused("iss, aud or jti")
    if expires_at is None or expires_at <= timezone.now():
        raise IDTokenRefused("expired")
    row = (
        IDToken.objects.select_related("grant__user", "grant__consent")
        .filter(jti=jti, application__app=app)
        .first()
    )
    if row is None or row.revoked_at is not None or row.grant.revoked_at is not None:
        raise IDTokenRefused("not given out, or revoked")
    grant = row.grant
    if not grant.user.is_active or claims.get("sub") != grant.subject:
        raise IDTokenRefused("customer")
    if grant.consent is not None and not is_usable_at(consent=grant.consent, now=now):
        raise IDTokenRefused("consent")
    return IDTokenClaims(
        sub=grant.subject,
        psu_id=grant.psu_id,
        consent_id=grant.consent_id,
        payment_id=grant.order_id,
        jti=row.jti,
        auth_time=grant.auth_time,
    )


def revoke_token(*, application: Application, token: str, now: datetime) -> None:
    """Take back a token of this app, and with it everything of the same grant (RFC 7009 2.1).

    A token that is unknown or another app's changes nothing, and the caller cannot tell (AS-46).
    """
    checksum = credential_hash(token)
    mine = {"token_checksum": checksum, "application": application}
    refresh = RefreshToken.objects.select_related("grant").filter(**mine).first()
    access = None if refresh else AccessToken.objects.select_related("grant").filter(**mine).first()
    grant = refresh.grant if refresh else access.grant if access else None
    if grant is not None:
        revoke_grant(grant=grant, now=now)
        record("token.revoked", grant, actor_type="tpp", actor_id=application.app_id)
    elif access is not None:
        AccessToken.objects.filter(pk=access.pk, revoked_at=None).update(revoked_at=now)
        record_for_app("token.revoked", app_id=application.app_id, data={"access_token": access.pk})
