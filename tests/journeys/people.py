"""Who plays in the journeys: a customer with browser and phone, and a TPP's machine. All over real HTTP."""

import json
import re
import secrets
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

from deploy.local.browser import Browser, Form, Page
from tests.journeys.stack import RunningStack

CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")
PSU_IP_ADDRESS = "192.0.2.7"

T = TypeVar("T")


def eventually(look: Callable[[], T], *, seconds: float = 45, what: str = "it") -> T:
    """The first true answer of ``look``, asked again and again for so long."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds} s")
        time.sleep(0.05)


@dataclass
class Customer:
    """A customer of the sandbox: her browser, her phone, her money."""

    stack: RunningStack
    name: str
    browser: Browser = field(default_factory=Browser)

    @property
    def record(self) -> dict[str, Any]:
        return self.stack.customer(self.name)

    @property
    def iban(self) -> str:
        return str(self.record["accounts"][0]["iban"])

    def messages(self) -> list[str]:
        """The texts on her phone, newest first."""
        return [message["text"] for message in self.stack.messages(self.name)]

    def new_message(self, known: int, *, seconds: float = 60) -> str:
        """The message that came after ``known`` of them."""
        return eventually(
            lambda: ((found := self.messages()) and len(found) > known and found[0]) or "",
            seconds=seconds,
            what=f"a text message to {self.name}",
        )

    def code(self, known: int) -> str:
        """The code in the newest message."""
        text = re.sub(r"\b[A-Z]{2}[0-9]{2}(?: [0-9A-Z]{1,4})+", "", self.new_message(known))
        found = CODE.search(text)
        assert found, text
        return found.group()

    def sign_in(self) -> Page:
        """Through the portal's front door, with both elements."""
        known = len(self.messages())
        page = self.browser.open(f"{self.stack.bank_url}/sign-in/")
        page = self.browser.submit(
            form_with(page, "user_id", "password"),
            {"user_id": self.record["user_id"], "password": self.record["password"]},
        )
        page = self.browser.submit(form_with(page, "code"), {"code": self.code(known)})
        assert page.url.endswith("/home/"), page.text
        return page

    def order_transfer(self, *, creditor_name: str, creditor_iban: str, amount: str, **more: str) -> Page:
        """Fill in the transfer form and check it: the review page."""
        page = self.browser.open(f"{self.stack.bank_url}/pay/")
        page = self.browser.submit(
            form_with(page, "from_account", "creditor_iban", "amount"),
            {
                "from_account": self.record["accounts"][0]["resource_id"],
                "creditor_name": creditor_name,
                "creditor_iban": creditor_iban,
                "amount": amount,
                **more,
            },
        )
        assert page.url.endswith("/review/"), page.text
        return page

    def ask_for_code(self, review: Page) -> tuple[Page, str]:
        """Go on from the review: the page that asks for the code, and the code on the phone."""
        known = len(self.messages())
        form = next(form for form in review.forms if form.action.endswith("/code/"))
        return self.browser.submit(form, {}), self.code(known)

    def transfer(self, *, creditor_name: str, creditor_iban: str, amount: str, **more: str) -> str:
        """A whole transfer; returns its payment id."""
        review = self.order_transfer(
            creditor_name=creditor_name, creditor_iban=creditor_iban, amount=amount, **more
        )
        page, code = self.ask_for_code(review)
        done = self.browser.submit(form_with(page, "code"), {"code": code})
        return payment_id_in(done.url)

    def balance_minor(self) -> int:
        """The booked balance of the first account, straight from the books."""
        found = query(
            self.stack,
            "SELECT l.credits_minor - l.debits_minor FROM accounts_paymentaccount a"
            " JOIN ledger_ledgeraccount l ON l.id = a.ledger_account_id WHERE a.iban = %s",
            self.iban,
        )
        return int(found[0][0])


def form_with(page: Page, *names: str) -> Form:
    """The form of a page that has these fields."""
    form = page.form_with(*names)
    assert form is not None, f"{page.url} ({page.status}) has no form with {names}:\n{page.text[:1500]}"
    return form


def payment_id_in(url: str) -> str:
    """The payment's id in a portal address."""
    found = re.search(r"/pay/([0-9a-f-]{36})/", url)
    assert found, url
    return found.group(1)


def query(stack: RunningStack, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask the database as its owner: what is true, whatever the pages say."""
    import psycopg

    with psycopg.connect(stack.owner_url) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def status_of(stack: RunningStack, payment_id: str) -> str:
    """A payment's transactionStatus in the database."""
    rows = query(
        stack,
        "SELECT transaction_status FROM payments_paymentinitiation WHERE id = %s",
        uuid.UUID(payment_id),
    )
    return str(rows[0][0])


def final_status(stack: RunningStack, payment_id: str, *, seconds: float = 60) -> str:
    """The payment's status once it is final."""
    return eventually(
        lambda: ((status := status_of(stack, payment_id)) in ("ACSC", "RJCT", "CANC") and status) or "",
        seconds=seconds,
        what=f"the end of payment {payment_id}",
    )


@dataclass
class Machine:
    """A TPP's server: signs its assertions, calls the API."""

    stack: RunningStack
    name: str
    client: httpx.Client = field(default_factory=lambda: httpx.Client(trust_env=False, timeout=20))

    @property
    def record(self) -> dict[str, Any]:
        return self.stack.tpp(self.name)

    def token(self, scope: str) -> httpx.Response:
        """Ask for a client token by private_key_jwt."""
        now = int(time.time())
        client_id = self.record["client_id"]
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": self.stack.bank_url,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_hex(16),
        }
        key = ECKey.import_key(self.record["private_key_pem"])
        assertion = jwt.encode({"alg": "ES256", "kid": self.record["kid"]}, claims, key)
        return self.client.post(
            f"{self.stack.bank_url}/oauth/token",
            data={
                "grant_type": "client_credentials",
                "scope": scope,
                "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                "client_assertion": assertion,
            },
        )

    def call(
        self, method: str, path: str, *, scope: str, token: str = "", **arguments: Any
    ) -> httpx.Response:
        """Call the XS2A interface with a client token."""
        bearer = token or self.token(scope).json()["access_token"]
        headers = {
            "Authorization": f"Bearer {bearer}",
            "X-Request-ID": str(uuid.uuid4()),
            "PSU-IP-Address": PSU_IP_ADDRESS,
        } | arguments.pop("headers", {})
        return self.client.request(method, f"{self.stack.bank_url}{path}", headers=headers, **arguments)

    def initiate(
        self,
        *,
        debtor_iban: str,
        creditor_iban: str,
        amount: str = "12.34",
        product: str = "sepa-credit-transfers",
        service: str = "payments",
        headers: dict[str, str] | None = None,
        **more: str,
    ) -> dict[str, Any]:
        """A payment that waits for its customer, with ``more`` members: the contract's 201 body."""
        answer = self.call(
            "POST",
            f"/v1/{service}/{product}",
            scope="pisp",
            headers={"TPP-Redirect-URI": self.record["redirect_uris"][0]} | (headers or {}),
            json={
                "debtorAccount": {"iban": debtor_iban},
                "instructedAmount": {"currency": "EUR", "amount": amount},
                "creditorAccount": {"iban": creditor_iban},
                "creditorName": "Möbelhaus Kern GmbH",
                "remittanceInformationUnstructured": "Order 88-2041",
                **more,
            },
        )
        assert answer.status_code == 201, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def status(self, payment_id: str, *, service: str = "payments") -> str:
        """The transactionStatus that the bank tells."""
        answer = self.call("GET", f"/v1/{service}/sepa-credit-transfers/{payment_id}/status", scope="pisp")
        assert answer.status_code == 200, answer.text
        return str(json.loads(answer.text)["transactionStatus"])
