"""A visitor of the portal with a browser of his own, and a bank clock that only the test moves."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from uuid import UUID, uuid4

from django.http import HttpResponse
from django.test import Client

from apps.accounts.models import PaymentAccount
from apps.consents.models import Consent
from apps.consents.rules import ConsentModel, RequestedAccess
from apps.consents.services import create_consent, start_consent_authorisation
from apps.core import clock
from apps.core.clock import bank_date
from apps.core.money import Money
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.recurrence import Frequency, Series
from apps.payments.rules import Channel
from apps.payments.services import (
    PaymentOrder,
    TPPAddresses,
    initiate_payment,
    start_payment_authorisation,
)
from apps.payments.standing_orders import initiate_standing_order, start_standing_order_authorisation
from apps.sca.models import Challenge, SCAAuthorisation
from apps.tpp.models import App
from tests.factories.accounts import FOREIGN_IBAN, NOW
from tests.factories.identity import PASSWORD
from tests.factories.payments import right_code, wrong_code

RETURN_URI = "https://shoppay.example/return?basket=7"
NOK_URI = "https://shoppay.example/cancelled"

TRANSFER = {
    "creditor_name": "Möbelhaus Kern GmbH",
    "creditor_iban": "DE02 1203 0000 0000 2020 51",
    "amount": "25.00",
    "reference": "Order 88-2041",
}


@dataclass
class BankTime:
    """The bank's clock of one test. It moves a millisecond at each look, so that the order of events is kept."""

    moment: datetime = NOW

    def now(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment

    def pass_(self, **time: float) -> None:
        self.moment += timedelta(**time)


@dataclass
class Visitor:
    """One browser."""

    http: Client = field(default_factory=Client)

    def get(self, path: str, **query: str) -> HttpResponse:
        return self.http.get(path, query)

    def post(self, path: str, **form: object) -> HttpResponse:
        return self.http.post(path, form)

    def send_password(self, user_id: str, password: str = PASSWORD, *, next: str = "") -> HttpResponse:  # noqa: A002
        return self.post("/sign-in/", user_id=user_id, password=password, next=next)

    def sign_in(self, psu: PSU) -> HttpResponse:
        """Both steps, as they should be."""
        self.send_password(psu.user.username)
        return self.post("/sign-in/code/", code=code_for(psu))

    def enter_transfer(self, **changes: str) -> HttpResponse:
        """Fill in the transfer form and send it."""
        page = self.get("/pay/")
        account = re.search(r'<option value="([0-9a-f-]{36})"', text_of(page))
        form = TRANSFER | {
            "from_account": account.group(1) if account else "",
            "form_key": value_of(page, "form_key"),
        }
        return self.post("/pay/", **(form | changes))

    def begin_payment(self, psu: PSU, **changes: str) -> PaymentInitiation:
        """A transfer whose code is on its way."""
        self.enter_transfer(**changes)
        payment = PaymentInitiation.objects.filter(psu=psu).latest("created_at")
        self.post(f"/pay/{payment.pk}/code/")
        return payment


def last_challenge(psu: PSU | None = None) -> Challenge:
    """The newest code of a customer; of everybody, decoys included, without one."""
    challenges = Challenge.objects.filter(user=psu.user) if psu else Challenge.objects.all()
    return challenges.order_by("generated_at").last()


def code_for(psu: PSU) -> str:
    """What stands in the customer's last text message."""
    return right_code(last_challenge(psu).pk)


def bad_code(psu: PSU) -> str:
    """Another code than the one in the customer's last text message."""
    return wrong_code(last_challenge(psu).pk)


def text_of(response: HttpResponse) -> str:
    return response.content.decode()


def value_of(response: HttpResponse, name: str) -> str:
    """The value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text_of(response))
    assert found, f"no field {name}"
    return unescape(found.group(1))


def link_back(response: HttpResponse) -> str:
    """The address of the button that leads back to the company."""
    found = re.search(r'<a class="btn btn-lg btn-block" href="([^"]+)"', text_of(response))
    return unescape(found.group(1)) if found else ""


def seen(response: HttpResponse) -> tuple[object, ...]:
    """All that a visitor can tell two answers apart by.

    Taken out is what differs each time whatever is right or wrong: tokens, ids, the millisecond of a payment's entry.
    """
    body = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", text_of(response))
    body = re.sub(r' datetime="[^"]+"', "", re.sub(r"/authorise/[0-9a-f-]{36}/", "/authorise/<id>/", body))
    headers = {
        name: re.sub(r"/authorise/[0-9a-f-]{36}/", "/authorise/<id>/", value)
        for name, value in response.headers.items()
        if name != "X-Request-ID"
    }
    cookies = sorted((name, len(morsel.value)) for name, morsel in response.cookies.items())
    return response.status_code, headers, cookies, body


def ask_consent(
    app: App,
    *accounts: PaymentAccount,
    model: ConsentModel = ConsentModel.DEDICATED,
    redirect_uri: str = RETURN_URI,
    nok_uri: str = "",
    recurring: bool = True,
) -> tuple[Consent, SCAAuthorisation]:
    """A TPP's request for a consent, and the authorisation its link leads to."""
    ibans = tuple(account.iban for account in accounts)
    references = [{"iban": iban} for iban in ibans]
    now = clock.now()
    consent, _ = create_consent(
        app=app,
        access=RequestedAccess(
            model=model,
            accounts=ibans,
            balances=ibans,
            transactions=ibans,
            as_sent={"accounts": references, "balances": references, "transactions": references},
        ),
        recurring_indicator=recurring,
        valid_until=bank_date(now) + timedelta(days=90),
        frequency_per_day=4 if recurring else 1,
        combined_service_indicator=False,
        tpp_redirect_uri=redirect_uri,
        tpp_nok_redirect_uri=nok_uri,
        request_id=str(uuid4()),
        request_hash=b"-",
        now=now,
    )
    return consent, start_consent_authorisation(consent_id=consent.pk, now=now)


def ask_payment(
    app: App,
    account: PaymentAccount,
    *,
    psu: PSU | None = None,
    redirect_uri: str = RETURN_URI,
    nok_uri: str = NOK_URI,
    amount_minor: int = 124_900,
    creditor_iban: str = FOREIGN_IBAN,
    **order: Any,
) -> tuple[PaymentInitiation, SCAAuthorisation]:
    """A TPP's payment, and the authorisation its link leads to. ``psu`` is known when an ID token came with it;
    ``order`` is what else the order says."""
    now = clock.now()
    payment, _ = initiate_payment(
        channel=Channel.XS2A,
        order=PaymentOrder(
            debtor_account=account,
            creditor_name="Möbelhaus Kern GmbH",
            creditor_iban=creditor_iban,
            instructed_amount=Money(amount_minor, "EUR"),
            remittance_information_unstructured="Order 88-2041",
            **order,
        ),
        psu=psu,
        app=app,
        addresses=TPPAddresses(redirect_uri=redirect_uri, nok_redirect_uri=nok_uri),
        request_id=str(uuid4()),
        now=now,
    )
    return payment, start_payment_authorisation(payment_id=payment.pk, now=now)


def ask_series(
    app: App, psu: PSU, *, redirect_uri: str = RETURN_URI, is_known: bool = True
) -> tuple[StandingOrder, SCAAuthorisation]:
    """A TPP's standing order of 850.00 every month for a year, and the authorisation its link leads to. ``is_known``:
    an ID token came with it."""
    now = clock.now()
    start = (bank_date(now) + timedelta(days=40)).replace(day=1)
    order, _ = initiate_standing_order(
        order=PaymentOrder(
            debtor_account=psu.account,
            creditor_name="Hausverwaltung Kern",
            creditor_iban=FOREIGN_IBAN,
            instructed_amount=Money(85_000, "EUR"),
            remittance_information_unstructured="Rent, flat 7",
        ),
        series=Series(start, Frequency.MONTHLY, start + timedelta(days=365)),
        psu=psu if is_known else None,
        app=app,
        addresses=TPPAddresses(redirect_uri),
        request_id=str(uuid4()),
        now=now,
    )
    return order, start_standing_order_authorisation(standing_order_id=order.pk, now=now)


def page(authorisation_id: UUID, name: str = "") -> str:
    """The address of one of the authorisation's pages."""
    return f"/authorise/{authorisation_id}/{name + '/' if name else ''}"
