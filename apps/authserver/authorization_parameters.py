"""What an authorization request must look like, before anything is looked up (RFC 6749, OIDC Core 3.1.2.1)."""

from dataclasses import dataclass

from apps.authserver.parameters import Parameters
from apps.authserver.refusals import AuthorizationRefused
from apps.authserver.rules import (
    NONCE_LENGTH_MAX,
    STATE_LENGTH_MAX,
    AuthorizationScope,
    is_s256_challenge,
    parse_authorization_scope,
)

# FAPI 2.0 asks for these through PAR and request objects, which come later; until then they are named
# refusals.
_NOT_SUPPORTED = {
    "request": "request_not_supported",
    "request_uri": "request_uri_not_supported",
    "registration": "registration_not_supported",
}
_PROMPTS = frozenset({"none", "login", "consent", "select_account"})


@dataclass(frozen=True, slots=True)
class AuthorizationParameters:
    """A well-formed request. ``state`` and ``nonce`` are empty when the TPP sent none."""

    scope: AuthorizationScope
    state: str
    nonce: str
    code_challenge: str


def state_to_return(parameters: Parameters) -> str | None:
    """The ``state`` of an answer, also of a refusal: as it came, if it came once and is not too long."""
    state = parameters.get("state")
    if state is None or "state" in parameters.repeated or len(state) > STATE_LENGTH_MAX:
        return None
    return state


def check_authorization_parameters(parameters: Parameters) -> AuthorizationParameters:
    """The request, understood; unknown parameters are ignored, known ones never bent into shape.

    ``approval_prompt`` is unknown here, so nothing can talk the bank out of asking (trap 3).

    :raises AuthorizationRefused: with the error for the TPP.
    """
    for name, error in _NOT_SUPPORTED.items():
        if parameters.get(name) is not None:
            raise AuthorizationRefused(error, f"{name} is not supported.")
    if parameters.repeated:
        raise AuthorizationRefused("invalid_request", "A parameter is repeated.")
    _check_response(parameters)
    _check_prompt(parameters)
    nonce, state = parameters.get("nonce") or "", parameters.get("state") or ""
    if len(nonce) > NONCE_LENGTH_MAX:
        raise AuthorizationRefused("invalid_request", f"nonce has at most {NONCE_LENGTH_MAX} characters.")
    if len(state) > STATE_LENGTH_MAX:
        raise AuthorizationRefused("invalid_request", f"state has at most {STATE_LENGTH_MAX} characters.")
    challenge = _check_challenge(parameters)
    scope = parameters.get("scope")
    if scope is None:
        raise AuthorizationRefused("invalid_scope", "scope is missing.")
    return AuthorizationParameters(parse_authorization_scope(scope), state, nonce, challenge)


def _check_response(parameters: Parameters) -> None:
    response_type = parameters.get("response_type")
    if response_type is None:
        raise AuthorizationRefused("invalid_request", "response_type is missing.")
    if response_type != "code":
        raise AuthorizationRefused("unsupported_response_type", "response_type is code.")
    if parameters.get("response_mode") not in (None, "query"):
        raise AuthorizationRefused("invalid_request", "response_mode is query.")


def _check_prompt(parameters: Parameters) -> None:
    prompts = frozenset((parameters.get("prompt") or "").split())
    if not prompts <= _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise AuthorizationRefused("invalid_request", "prompt is not understood.")
    if "none" in prompts:
        # Every authorization has its own strong customer authentication; silence is never an answer.
        raise AuthorizationRefused("login_required", "The customer is always asked.")
    max_age = parameters.get("max_age")
    if max_age is not None and not (max_age.isascii() and max_age.isdigit()):
        raise AuthorizationRefused("invalid_request", "max_age is a number of seconds.")


def _check_challenge(parameters: Parameters) -> str:
    challenge = parameters.get("code_challenge")
    if challenge is None:
        raise AuthorizationRefused("invalid_request", "code_challenge is missing.")
    if parameters.get("code_challenge_method") != "S256":
        raise AuthorizationRefused("invalid_request", "code_challenge_method is S256.")
    if not is_s256_challenge(challenge):
        raise AuthorizationRefused("invalid_request", "code_challenge is not a SHA-256 in base64url.")
    return challenge
