"""Anna and Bruno, ShopPay and Finanzblick, and whatever tokens their stories need."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from apps.accounts.models import PaymentAccount
from apps.consents.models import Consent
from apps.consents.services import accept_consent_code, confirm_consent, send_consent_code
from apps.core import clock
from apps.payments.kinds import SINGLE_PAYMENTS, InitiationKind
from apps.sca.models import SCAAuthorisation
from tests.authserver.kit import PKCE, answer
from tests.authserver.world import (
    Company,
    Customer,
    authorisation_of,
    make_company,
    make_customer,
)
from tests.factories.payments import proof_for
from tests.xs2a.kit import API, consent_body


@dataclass
class Enrolment:
    """A consent that a customer allowed, and the tokens the app got for it."""

    consent_id: Any
    tokens: dict[str, Any]
    api: API
    account: PaymentAccount

    @property
    def id_token(self) -> str:
        return self.tokens["id_token"]

    def path(self, rest: str = "") -> str:
        return f"/v1/accounts/{self.account.pk}{rest}"


class World:
    """The bank with its personas, each made at first mention. Consents come about through the doors."""

    @cached_property
    def anna(self) -> Customer:
        return make_customer("Anna")

    @cached_property
    def bruno(self) -> Customer:
        return make_customer("Bruno")

    @cached_property
    def shoppay(self) -> Company:
        return make_company("ShopPay", ["AISP", "PISP"])

    @cached_property
    def finanzblick(self) -> Company:
        return make_company("Finanzblick", ["AISP"])

    def app_token(self, company: Company, scope: str) -> str:
        response = company.program.client_token(scope)
        assert response.status_code == 200, response.content
        return response.json()["access_token"]

    def ais(self, company: Company | None = None) -> API:
        """An app's own way to the account information service."""
        return API(self.app_token(company or self.shoppay, "aisp"))

    def pis(self, company: Company | None = None) -> API:
        """An app's own way to the payment initiation service."""
        return API(self.app_token(company or self.shoppay, "pisp"))

    def enrol(
        self,
        *,
        customer: Customer | None = None,
        company: Company | None = None,
        accounts: list[PaymentAccount] | None = None,
        **changes: Any,
    ) -> Enrolment:
        """A consent from its request to the tokens."""
        customer, company = customer or self.anna, company or self.shoppay
        created = self.ais(company).post("/v1/consents", consent_body(customer.account.iban, **changes))
        assert created.status == 201, created.body
        consent_id = created.body["consentId"]
        tokens = self.authorise(consent_id, customer=customer, company=company, accounts=accounts)
        api = API(tokens["access_token"], consent_id=consent_id)
        return Enrolment(consent_id, tokens, api, customer.account)

    def authorise(
        self,
        consent_id: str,
        *,
        customer: Customer,
        company: Company,
        accounts: list[PaymentAccount] | None = None,
    ) -> dict[str, Any]:
        """The OAuth way of a consent: the customer allows it, the app redeems the code."""
        pkce = PKCE()
        response = company.program.authorize(f"openid AIS:{consent_id}", pkce)
        redirect = allow(
            Consent.objects.get(pk=consent_id), customer, authorisation_of(response), accounts=accounts
        )
        redeemed = company.program.redeem(answer(redirect)["code"], pkce)
        assert redeemed.status_code == 200, redeemed.content
        return redeemed.json()

    def refresh(self, enrolment: Enrolment, company: Company | None = None) -> None:
        """A fresh access token, when a test has outlived the first."""
        response = (company or self.shoppay).program.refresh(enrolment.tokens["refresh_token"])
        assert response.status_code == 200, response.content
        enrolment.api.token = response.json()["access_token"]


def allow(
    consent: Consent,
    customer: Customer,
    authorisation_id: UUID,
    *,
    accounts: list[PaymentAccount] | None = None,
) -> str:
    """What the pages do when the customer allows a consent; returns where his browser goes."""
    from apps.authserver import services

    psu, now = customer.psu, clock.now()
    challenge_id = send_consent_code(
        authorisation_id=authorisation_id, consent_id=consent.pk, psu=psu, now=now
    )
    accept_consent_code(
        consent_id=consent.pk,
        authorisation_id=authorisation_id,
        psu=psu,
        proof=proof_for(challenge_id, now=now),
        now=now,
    )
    confirm_consent(
        consent_id=consent.pk,
        authorisation_id=authorisation_id,
        psu=psu,
        account_ids=[account.pk for account in accounts or [customer.account]],
        now=now,
    )
    url = services.complete_authorization(authorisation_id=authorisation_id, psu=psu, auth_time=now, now=now)
    assert url is not None
    return url


def authorisations_of(subject_id: Any) -> list[SCAAuthorisation]:
    return list(SCAAuthorisation.objects.filter(subject_id=subject_id).order_by("created_at"))


def challenge_of(payment_id: Any, customer: Customer, *, kind: InitiationKind = SINGLE_PAYMENTS) -> UUID:
    """The customer opened the payment's page and a code is on its way."""
    (authorisation,) = authorisations_of(payment_id)
    return kind.send_code(
        order_id=payment_id, authorisation_id=authorisation.pk, psu=customer.psu, now=clock.now()
    )


def release(
    payment_id: Any,
    customer: Customer,
    *,
    kind: InitiationKind = SINGLE_PAYMENTS,
    challenge_id: UUID | None = None,
) -> None:
    """What the pages do when the customer releases a payment, or signs a standing order."""
    (authorisation,) = authorisations_of(payment_id)
    challenge_id = challenge_id or challenge_of(payment_id, customer, kind=kind)
    kind.authorise(
        order_id=payment_id,
        authorisation_id=authorisation.pk,
        psu=customer.psu,
        proof=proof_for(challenge_id, now=clock.now()),
        now=clock.now(),
    )
