"""Request headers of the contract."""

import ipaddress
import uuid
from datetime import datetime
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils.translation import get_supported_language_variant
from django.utils.translation import gettext_lazy as _
from django.utils.translation.trans_real import parse_accept_lang_header

from apps.core.ids import parse_uuid
from apps.risk.facts import Origin
from apps.risk.origin import make_origin
from apps.xs2a.refusals import FormatError

TPP_REDIRECT_URI = "TPP-Redirect-URI"
TPP_NOK_REDIRECT_URI = "TPP-Nok-Redirect-URI"
TPP_NOTIFICATION_URI = "TPP-Notification-URI"
TPP_EXPLICIT_AUTHORISATION_PREFERRED = "TPP-Explicit-Authorisation-Preferred"
CLIENT_VOP_REQUESTED = "Client-VOP-Requested"
PSU_IP_ADDRESS = "PSU-IP-Address"
PSU_ID_TOKEN = "PSU-ID-Token"  # noqa: S105 (a header's name)
CONSENT_ID = "Consent-ID"
URI_LENGTH_MAX = 500


def read_request_id(request: HttpRequest) -> uuid.UUID:
    """X-Request-ID, by which a repeated call is known.

    :raises FormatError: missing, or no UUID.
    """
    request_id = parse_uuid(request.META.get("HTTP_X_REQUEST_ID", ""))
    if request_id is None:
        raise FormatError(_("Give each call its own UUID."), path="X-Request-ID")
    return request_id


def read_psu_ip_address(request: HttpRequest, *, mandatory: bool) -> str:
    """The customer's address; empty when he is not there.

    :raises FormatError: no IP address, or missing where it is mandatory.
    """
    text = request.META.get("HTTP_PSU_IP_ADDRESS", "").strip()
    if not text and not mandatory and "HTTP_PSU_IP_ADDRESS" not in request.META:
        return ""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise FormatError(_("The IP address of the customer is expected."), path=PSU_IP_ADDRESS) from None


def read_origin(request: HttpRequest, *, psu_ip_address: str, now: datetime) -> Origin:
    """Where the customer is, as far as the TPP says (PSU-IP-Address, PSU-Device-ID, PSU-User-Agent); the rest is
    unknown. The bank has not seen him itself, and for how long he has been signed in at the TPP nobody tells."""
    return make_origin(
        user_agent=request.headers.get("PSU-User-Agent", ""),
        address=psu_ip_address,
        device_id=request.headers.get("PSU-Device-ID", ""),
        at=now,
    )


def read_flag(request: HttpRequest, name: str) -> bool:
    """A header that is true, false or absent (false).

    :raises FormatError: anything else.
    """
    text = request.headers.get(name, "false").strip().lower()
    if text not in ("true", "false"):
        raise FormatError(_("true or false is expected."), path=name)
    return text == "true"


def read_psu_language(request: HttpRequest) -> str:
    """The language in which the customer reads (PSU-Accept-Language), as far as the bank speaks it; else English."""
    for tag, _quality in parse_accept_lang_header(request.headers.get("PSU-Accept-Language", "")):
        try:
            return get_supported_language_variant(tag)
        except LookupError:
            continue
    return "en"


def read_redirect_uri(request: HttpRequest, name: str, *, registered: list[str]) -> str:
    """Where the customer is to be sent back; empty when not given.

    It must be one of the app's registered redirect URIs, to the letter (S0-3): a header that came from somewhere else
    must not become an open redirect.

    :raises FormatError: not registered.
    """
    uri = request.headers.get(name, "")
    if uri and uri not in registered:
        raise FormatError(_("This is none of the app's registered redirect URIs."), path=name)
    return uri


def read_notification_uri(request: HttpRequest, *, registered: list[str]) -> str:
    """Where the status is to be told; empty when not given.

    Its scheme, host and port must be those of a registered redirect URI: the bank calls no other servers.

    :raises FormatError: another server, or no address.
    """
    uri = request.headers.get(TPP_NOTIFICATION_URI, "")
    if not uri:
        return ""
    origin = _origin_of(uri)
    if origin is None or origin not in {_origin_of(other) for other in registered}:
        raise FormatError(
            _("Scheme, host and port must be those of a registered redirect URI."), path=TPP_NOTIFICATION_URI
        )
    return uri


def _origin_of(uri: str) -> tuple[str, str, int | None] | None:
    if len(uri) > URI_LENGTH_MAX or not uri.isascii() or any(c <= " " or c in "\\\x7f" for c in uri):
        return None
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc or parts.fragment:
        return None
    return parts.scheme, parts.hostname, port or {"https": 443, "http": 80}[parts.scheme]
