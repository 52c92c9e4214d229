"""The bank around the authorization server: customers with accounts, TPPs with apps, consents and payments."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from apps.accounts.models import PaymentAccount
from apps.authserver import services
from apps.consents.models import Consent
from apps.consents.rules import ConsentModel, RequestedAccess
from apps.consents.services import (
    accept_consent_code,
    confirm_consent,
    create_consent,
    send_consent_code,
)
from apps.core import clock
from apps.core.clock import bank_date
from apps.core.money import Money
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.payments.rules import Channel
from apps.payments.services import (
    PaymentOrder,
    authorise_payment,
    initiate_payment,
    send_payment_code,
)
from apps.tpp.models import App
from apps.tpp.services import add_app_key
from tests.authserver.kit import OTHER_REDIRECT_URI, PKCE, REDIRECT_URI, TPPProgram, answer
from tests.factories.accounts import customer
from tests.factories.payments import proof_for
from tests.factories.tpp import AppFactory, TPPFactory


@dataclass
class Customer:
    """A customer with one account."""

    psu: PSU
    account: PaymentAccount


@dataclass
class Company:
    """A TPP with one app, and the program that runs it."""

    app: App
    program: TPPProgram


@dataclass
class Tokens:
    """What came of a whole authorization."""

    body: dict[str, Any]
    code: str
    pkce: PKCE
    redirect: str
    consent: Any = None
    payment: Any = None

    @property
    def access(self) -> str:
        return self.body["access_token"]

    @property
    def refresh(self) -> str:
        return self.body["refresh_token"]

    @property
    def id(self) -> str:
        return self.body["id_token"]


def make_customer(name: str) -> Customer:
    psu: Any = customer(name)
    return Customer(psu, psu.account)


def make_company(name: str, roles: list[str], **program: Any) -> Company:
    app: Any = AppFactory(
        tpp=TPPFactory(legal_name=f"{name} GmbH", brand_name=name, roles=roles),
        redirect_uris=[REDIRECT_URI, OTHER_REDIRECT_URI],
    )
    runner = TPPProgram(client_id=app.client_id, **program)
    add_app_key(
        app_id=app.pk, jwk=runner.key.as_dict(private=False), kid=runner.kid, member_id=None, now=clock.now()
    )
    return Company(app, runner)


def make_consent(company: Company, customer: Customer, *, days: int = 90) -> Consent:
    now = clock.now()
    iban = customer.account.iban
    reference = [{"iban": iban}]
    consent, _ = create_consent(
        app=company.app,
        access=RequestedAccess(
            model=ConsentModel.DEDICATED,
            accounts=(iban,),
            balances=(iban,),
            transactions=(iban,),
            as_sent={"accounts": reference, "balances": reference, "transactions": reference},
        ),
        recurring_indicator=True,
        valid_until=bank_date(now) + timedelta(days=days),
        frequency_per_day=4,
        combined_service_indicator=False,
        tpp_redirect_uri="",
        tpp_nok_redirect_uri="",
        request_id=str(uuid4()),
        request_hash=b"-",
        now=now,
    )
    return consent


def make_payment(company: Company, customer: Customer) -> PaymentInitiation:
    payment, _ = initiate_payment(
        channel=Channel.XS2A,
        order=PaymentOrder(
            debtor_account=customer.account,
            creditor_name="ShopPay",
            creditor_iban="DE75512108001245126199",
            instructed_amount=Money(1999, "EUR"),
        ),
        psu=None,
        app=company.app,
        request_id=str(uuid4()),
        now=clock.now(),
    )
    return payment


def authorisation_of(response: Any) -> UUID:
    """The authorisation to whose pages a good answer of the authorization endpoint leads."""
    assert response.status_code == 303, response.content
    path = urlsplit(response["Location"]).path
    assert path.startswith("/authorise/"), response["Location"]
    return UUID(path.split("/")[2])


def allow_consent(consent: Consent, customer: Customer, authorisation_id: UUID) -> str | None:
    """What the pages do when the customer allows a consent; returns where his browser goes."""
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
        account_ids=[customer.account.pk],
        now=now,
    )
    return services.complete_authorization(authorisation_id=authorisation_id, psu=psu, auth_time=now, now=now)


def allow_payment(payment: PaymentInitiation, customer: Customer, authorisation_id: UUID) -> str | None:
    """What the pages do when the customer releases a payment."""
    psu, now = customer.psu, clock.now()
    challenge_id = send_payment_code(
        payment_id=payment.pk, authorisation_id=authorisation_id, psu=psu, now=now
    )
    authorise_payment(
        payment_id=payment.pk,
        authorisation_id=authorisation_id,
        psu=psu,
        proof=proof_for(challenge_id, now=now),
        now=now,
    )
    return services.complete_authorization(authorisation_id=authorisation_id, psu=psu, auth_time=now, now=now)


@dataclass
class World:
    """The personas of the authorization server's tests."""

    anna: Customer = field(default_factory=lambda: make_customer("Anna"))
    shoppay: Company = field(default_factory=lambda: make_company("ShopPay", ["AISP", "PISP"]))
    finanzblick: Company = field(default_factory=lambda: make_company("Finanzblick", ["AISP"]))

    def code(self, *, company: Company | None = None, **request: str) -> Tokens:
        """Anna has allowed a consent; the code is on its way and not yet redeemed."""
        company = company or self.shoppay
        consent, pkce = make_consent(company, self.anna), PKCE()
        response = company.program.authorize(f"openid AIS:{consent.pk}", pkce, **request)
        redirect = allow_consent(consent, self.anna, authorisation_of(response))
        assert redirect is not None
        return Tokens({}, answer(redirect)["code"], pkce, redirect, consent=consent)

    def tokens(self, *, company: Company | None = None, **request: str) -> Tokens:
        """Anna has allowed a consent, and the app has its tokens."""
        company = company or self.shoppay
        tokens = self.code(company=company, **request)
        response = company.program.redeem(tokens.code, tokens.pkce)
        assert response.status_code == 200, response.content
        tokens.body = response.json()
        return tokens

    def payment_tokens(self) -> Tokens:
        """Anna has released a payment by the OAuth way, and the app has its tokens."""
        payment, pkce = make_payment(self.shoppay, self.anna), PKCE()
        response = self.shoppay.program.authorize(f"openid PIS:{payment.pk}", pkce)
        redirect = allow_payment(payment, self.anna, authorisation_of(response))
        assert redirect is not None
        code = answer(redirect)["code"]
        body = self.shoppay.program.redeem(code, pkce).json()
        return Tokens(body, code, pkce, redirect, payment=payment)
