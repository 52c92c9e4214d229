"""What this bank offers of the contract, and where it differs. A test holds it against the routes."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation; ``token`` says whose: the app's own (client), the customer's, or none."""

    method: str
    path: str
    text: str | Promise
    token: str | Promise


@dataclass(frozen=True, slots=True)
class Service:
    """Endpoints that belong together, and the role that they need."""

    title: str | Promise
    role: str
    endpoints: tuple[Endpoint, ...]


CLIENT = _("the app's")
CUSTOMER = _("the customer's")
NONE = _("none")
ASSERTION = _("none; client assertion")

_CONSENT = "/v1/consents/{consentId}"
_ACCOUNT = "/v1/accounts/{account-id}"


def _initiation(
    service: str, *, initiate: str | Promise, read: str | Promise, cancel: str | Promise
) -> tuple[Endpoint, ...]:
    """The endpoints of a payment service, which all have the same."""
    path = f"/v1/{service}/sepa-credit-transfers"
    order = f"{path}/{{paymentId}}"
    return (
        Endpoint("POST", path, initiate, CLIENT),
        Endpoint("GET", order, read, CLIENT),
        Endpoint("GET", f"{order}/status", _("Its status"), CLIENT),
        Endpoint("DELETE", order, cancel, CLIENT),
        Endpoint("POST", f"{order}/authorisations", _("Start an authorisation"), CLIENT),
        Endpoint("GET", f"{order}/authorisations", _("Its authorisations"), CLIENT),
        Endpoint(
            "GET",
            f"{order}/authorisations/{{authorisationId}}",
            _("How far the customer has come"),
            CLIENT,
        ),
    )


SERVICES: tuple[Service, ...] = (
    Service(
        _("Sign-in of apps and customers (OAuth 2.0, OpenID Connect)"),
        "",
        (
            Endpoint(
                "GET", "/.well-known/openid-configuration", _("What the authorization server can do"), NONE
            ),
            Endpoint("GET", "/oauth/authorize", _("Send the customer here; code flow with PKCE S256"), NONE),
            Endpoint(
                "POST",
                "/oauth/token",
                _("Tokens: client_credentials, authorization_code, refresh_token"),
                ASSERTION,
            ),
            Endpoint("POST", "/oauth/revoke", _("Take a token back"), ASSERTION),
            Endpoint("GET", "/oauth/userinfo", _("The customer's identifier for your app"), CUSTOMER),
            Endpoint("GET", "/oauth/jwks", _("The keys with which the bank signs ID tokens"), NONE),
        ),
    ),
    Service(
        _("Consents"),
        "AISP",
        (
            Endpoint("POST", "/v1/consents", _("Ask for a consent"), CLIENT),
            Endpoint("GET", _CONSENT, _("The consent with its accounts"), CLIENT),
            Endpoint("GET", f"{_CONSENT}/status", _("Its status"), CLIENT),
            Endpoint("DELETE", _CONSENT, _("End it"), CLIENT),
            Endpoint("POST", f"{_CONSENT}/authorisations", _("Start an authorisation"), CLIENT),
            Endpoint("GET", f"{_CONSENT}/authorisations", _("Its authorisations"), CLIENT),
            Endpoint(
                "GET",
                f"{_CONSENT}/authorisations/{{authorisationId}}",
                _("How far the customer has come"),
                CLIENT,
            ),
        ),
    ),
    Service(
        _("Account information"),
        "AISP",
        (
            Endpoint("GET", "/v1/accounts", _("The accounts of the consent"), CUSTOMER),
            Endpoint("GET", _ACCOUNT, _("One account"), CUSTOMER),
            Endpoint("GET", f"{_ACCOUNT}/balances", _("Its balances"), CUSTOMER),
            Endpoint("GET", f"{_ACCOUNT}/transactions", _("Its transactions, in pages"), CUSTOMER),
            Endpoint("GET", f"{_ACCOUNT}/transactions/{{transactionId}}", _("One transaction"), CUSTOMER),
        ),
    ),
    Service(
        _("Payments"),
        "PISP",
        _initiation(
            "payments",
            initiate=_("Order a payment"),
            read=_("The payment"),
            cancel=_("Take it back, until the customer has approved it"),
        ),
    ),
    Service(
        _("Standing orders"),
        "PISP",
        _initiation(
            "periodic-payments",
            initiate=_("Order a standing order: the same payment again and again, approved once"),
            read=_("The standing order"),
            cancel=_("Take it back or, once the customer has approved it, end it"),
        ),
    ),
)

DEVIATIONS: tuple[tuple[str | Promise, str | Promise], ...] = (
    (
        _("How customers authorise"),
        _(
            "Redirect only (OAuth for consents, scaRedirect for payments). No embedded and no decoupled approach."
        ),
    ),
    (
        _("How apps prove who they are"),
        _("private_key_jwt (ES256, PS256, EdDSA) with the issuer as audience. No client secrets."),
    ),
    (
        _("PSU-ID-Token"),
        _(
            "A header of this bank: the ID token of an enrolled customer with a payment. The code is then sent at once."
        ),
    ),
    (
        _("Validity of consents"),
        _("180 days at most; a longer validUntil is shortened, and the consent says so."),
    ),
    (
        _("Payment products"),
        _(
            "payments: sepa-credit-transfers, instant-sepa-credit-transfers, target-2-payments and"
            " cross-border-credit-transfers. periodic-payments: sepa-credit-transfers. No bulk-payments yet."
        ),
    ),
    (
        _("Standing orders"),
        _(
            "All frequencies but MonthlyVariable. The first payment is tomorrow at the earliest. ACSP: it has paid for"
            " the first time and goes on; a payment that was refused is told as a warning with the status."
        ),
    ),
    (
        _("Not offered yet"),
        _("Signing baskets, card accounts, confirmation of funds, multilevel authorisation."),
    ),
    (
        _("Transactions"),
        _(
            "booked, pending, both, information (standing orders) or all. No lists by reference or since the last"
            " access; 90 days, more after approval."
        ),
    ),
    (
        _("Unknown members"),
        _("A body with a member that the contract does not know is refused (FORMAT_ERROR)."),
    ),
)
