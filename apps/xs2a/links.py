"""Where things are. Resources of this interface by absolute path, what a browser or another server opens by URL."""

from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.urls import reverse

Href = dict[str, str]


def href(target: str) -> Href:
    """``hrefType`` of the contract."""
    return {"href": target}


def consent(consent_id: UUID) -> str:
    return reverse("xs2a:consent", args=[consent_id])


@cache
def account_list() -> str:
    return reverse("xs2a:account-list")


def account(account_id: UUID) -> str:
    # As reverse() would give it, at a twentieth of the cost: it stands in every list of transactions.
    return f"{account_list()}/{account_id}"


def payment(service: str, product: str, payment_id: UUID) -> str:
    return reverse("xs2a:payment", args=[service, product, payment_id])


def authorisation(resource: str, authorisation_id: UUID) -> str:
    """The authorisation sub-resource of the consent or payment at the path ``resource``."""
    return f"{resource}/authorisations/{authorisation_id}"


def authorisation_page(authorisation_id: UUID) -> str:
    """Where the customer's browser goes to authorise (scaRedirect)."""
    return settings.PUBLIC_BASE_URL + reverse("portal:authorise", args=[authorisation_id])


def authorization_server() -> str:
    """The authorization server's metadata (scaOAuth)."""
    return settings.PUBLIC_BASE_URL + reverse("authserver:oauth-authorization-server")


def sca_links(*, redirect: bool, resource: str, authorisation_id: UUID) -> dict[str, Any]:
    """How the customer gets to authorise: straight by redirect, or through OAuth; and where its status is."""
    how = (
        {"scaRedirect": href(authorisation_page(authorisation_id))}
        if redirect
        else {"scaOAuth": href(authorization_server())}
    )
    return how | {"scaStatus": href(authorisation(resource, authorisation_id))}


def confirmation_links(*, resource: str) -> dict[str, Any]:
    """Links of a payment whose payee is to be confirmed before it can be authorised (1.3.16)."""
    confirmation = {"creditorNameConfirmation": href(f"{resource}/creditor-confirmation")}
    return confirmation | {"self": href(resource), "status": href(f"{resource}/status")}


def created_links(*, resource: str, redirect: bool, authorisation_id: UUID | None) -> dict[str, Any]:
    """Links of a consent or payment just taken in; without an authorisation the TPP starts one itself."""
    if authorisation_id is None:
        how = {"startAuthorisation": href(f"{resource}/authorisations")}
    else:
        how = sca_links(redirect=redirect, resource=resource, authorisation_id=authorisation_id)
    return how | {"self": href(resource), "status": href(f"{resource}/status")}
