"""What this door refuses by itself, before or beside the rooms. ``text`` is told to the TPP."""

from django.utils.functional import Promise

from apps.core.errors import DomainError


class RequestRefused(DomainError):
    """The request cannot be served as it is. ``path`` names the member, parameter or header, as the TPP wrote it."""

    code = "request_refused"

    def __init__(self, text: str | Promise = "", *, path: str = "") -> None:
        super().__init__(f"{path}: {text}" if path else str(text))
        self.text = text
        self.path = path


class FormatError(RequestRefused):
    """Syntax, a missing or an unknown member, a value outside its form."""

    code = "format_error"


class ParameterNotSupported(RequestRefused):
    """Something the contract knows as optional and this bank does not offer."""

    code = "parameter_not_supported"


class ParameterNotConsistent(RequestRefused):
    """Each part is well formed; together they contradict one another."""

    code = "parameter_not_consistent"


class PeriodInvalid(RequestRefused):
    """The asked-for dates are out of bounds."""

    code = "period_invalid"


class SessionsNotSupported(RequestRefused):
    """Sessions that combine account information and payments are not offered."""

    code = "sessions_not_supported"


class ServiceNotOffered(RequestRefused):
    """A path or method of the contract that this bank does not offer."""

    code = "service_not_offered"


class ProductUnknown(RequestRefused):
    """No payment product of this bank."""

    code = "product_unknown"


class RequestedFormatsInvalid(RequestRefused):
    """The answer cannot be given in a form the client accepts."""

    code = "requested_formats_invalid"


class MediaTypeNotSupported(RequestRefused):
    """The body is not ``application/json``."""

    code = "media_type_not_supported"


class TokenMissing(RequestRefused):
    """The call shows no bearer token."""

    code = "token_missing"


class TokenNotForService(RequestRefused):
    """A good token, for something else."""

    code = "token_not_for_service"


class RoleMissing(RequestRefused):
    """The TPP is not licensed for this service."""

    code = "role_missing"


class ConsentUnknownInHeader(RequestRefused):
    """``Consent-ID`` names no consent of this TPP's."""

    code = "consent_unknown_in_header"


class AccountUnknownInBody(RequestRefused):
    """The body names an account that is none of this bank's (S0-21)."""

    code = "account_unknown_in_body"


class ConsentNotOfToken(RequestRefused):
    """``Consent-ID`` names another consent than the one the token was given for."""

    code = "consent_not_of_token"


class IDTokenNotAccepted(RequestRefused):
    """``PSU-ID-Token`` does not identify a customer for this order (S0-39, S0-40)."""

    code = "id_token_not_accepted"


class ResourceExpired(RequestRefused):
    """Too late: the time in which it could be authorised is over."""

    code = "resource_expired"


class CancellationInvalid(RequestRefused):
    """The payment can no longer be taken back (PSD2 art. 80)."""

    code = "cancellation_invalid"
