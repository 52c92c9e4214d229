"""What this door refuses, by name. ``code`` may be told to a client; ``detail`` is for the log."""

from apps.core.errors import DomainError


class AuthorizationRefused(DomainError):
    """The authorization request cannot be carried out; the TPP is told so at its redirect URI."""

    code = "invalid_request"

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error
        self.description = description


class UntrustedAuthorizationRequest(AuthorizationRefused):
    """The app or its redirect URI is not known: a page says so, and nobody is sent anywhere."""

    code = "untrusted_authorization_request"


class AuthorizationRequestClosed(DomainError):
    """The authorization request was answered before: it gives no second code."""

    code = "authorization_request_closed"


class AuthorizationNotProved(DomainError):
    """The customer has not finished proving himself for this authorisation: no code is made."""

    code = "authorization_not_proved"


class ClientAuthenticationFailed(DomainError):
    """Not the app it says it is, or one that may not act now. The answer never tells which (AS-50)."""

    code = "invalid_client"


class GrantRefused(DomainError):
    """The code or refresh token is unknown, used, expired, revoked, or not this app's (RFC 6749 5.2)."""

    code = "invalid_grant"


class TokenRefused(DomainError):
    """The presented token opens nothing. Its kinds tell the XS2A door which code to answer."""

    code = "token_invalid"


class TokenUnknown(TokenRefused):
    """No access token of ours."""

    code = "token_unknown"


class TokenExpired(TokenRefused):
    """Its ten minutes are over."""

    code = "token_expired"


class TokenInvalid(TokenRefused):
    """Revoked, or its app, TPP or customer may not act now."""

    code = "token_invalid"


class TokenHolderBlocked(TokenInvalid):
    """The bank has blocked the TPP, or suspended its app (PSD2 art. 68(5))."""

    code = "token_holder_blocked"


class TokenConsentInvalid(TokenRefused):
    """The consent behind the token was withdrawn, ended or never completed."""

    code = "token_consent_invalid"


class TokenConsentExpired(TokenRefused):
    """The consent behind the token is past its last day."""

    code = "token_consent_expired"


class IDTokenRefused(DomainError):
    """No ID token that this bank gave this app, or one that is expired or revoked (S0-39)."""

    code = "id_token_invalid"


class SigningKeyMissing(DomainError):
    """The bank has no key to sign ID tokens with: ``manage.py rotate_oidc_key`` makes one."""

    code = "signing_key_missing"
