"""Where an access token is looked for: the ``Authorization`` header, and nowhere else (trap 13, FAPI 2.0 5.3.4)."""

import re

# RFC 6750 2.1; the scheme in any case (RFC 9110 11.1). Two headers reach Django joined by a comma and do not match.
_BEARER = re.compile(r"bearer +([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)


def read_bearer_token(authorization: str) -> str | None:
    """The token in an ``Authorization`` header's value; None when it is no bearer header."""
    match = _BEARER.fullmatch(authorization)
    return match[1] if match else None
