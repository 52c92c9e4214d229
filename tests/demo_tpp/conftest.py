"""ShopPay over a fake bank, in one process and without sockets."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from flask import Flask
from joserfc.jwk import ECKey

from examples.demo_tpp import users
from examples.demo_tpp.app import create_app
from examples.demo_tpp.config import Configuration
from examples.demo_tpp.directory import Bank
from examples.demo_tpp.services import Services, build_services
from examples.demo_tpp.users import DEMO_PASSWORD, DEMO_USER_ID
from tests.demo_tpp.fake_bank import CLIENT_ID, CLIENT_KID, IBAN, ISSUER, REDIRECT_URI, FakeBank

BASE_URL = "http://127.0.0.1:8100"


class Clock:
    """A clock that only moves when told."""

    def __init__(self) -> None:
        self.now = 1_800_000_000

    def __call__(self) -> int:
        return self.now


class TPP:
    """What a test works with: the application, its services, a browser and the fake bank."""

    def __init__(
        self, *, app: Flask, services: Services, bank: FakeBank, clock: Clock, sleeps: list[float]
    ) -> None:
        self.app = app
        self.services = services
        self.bank = bank
        self.clock = clock
        self.sleeps = sleeps
        # Any, because the type of a response says that every JSON body may be None.
        self.browser: Any = app.test_client()

    def new_browser(self) -> Any:
        """Somebody else's browser."""
        return self.app.test_client()

    def token(self, scope: str = "") -> str:
        """Paula's SSO token, by the JSON API."""
        body = {"userId": DEMO_USER_ID, "password": DEMO_PASSWORD} | ({"scope": scope} if scope else {})
        answer = self.new_browser().post("/api/login", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json["token"])

    def bearer(self, scope: str = "") -> dict[str, str]:
        """Paula's Authorization header."""
        return {"Authorization": f"Bearer {self.token(scope)}"}

    def enrol(self, iban: str = IBAN, browser: Any = None) -> dict[str, Any]:
        """Start an enrolment by the API; the answer with the query of the redirect."""
        answer = (browser or self.browser).post("/api/enrol", json={"iban": iban}, headers=self.bearer())
        assert answer.status_code == 201, answer.text
        return answer.json | {"query": query_of(answer.json["redirect"])}

    def allow(self, started: dict[str, Any], browser: Any = None, **changes: Any) -> Any:
        """The customer says yes at the bank; the browser brings the answer."""
        code, values = self.bank.authorise(started["query"])
        answer = {"code": code, "state": values["state"], "iss": ISSUER} | changes
        query = {name: value for name, value in answer.items() if value is not None}
        return (browser or self.browser).get(
            "/callback", query_string=query, headers={"Accept": "application/json"}
        )

    def enrolled(self) -> dict[str, Any]:
        """A connected account."""
        answer = self.allow(self.enrol())
        assert answer.status_code == 200, answer.text
        return dict(answer.json)

    def pay(self, **changes: Any) -> Any:
        """Order a payment by the API."""
        body = {
            "creditorName": "Möbelhaus Kern GmbH",
            "creditorIban": "DE02120300000000202051",
            "debtorIban": IBAN,
            "amount": "89.90",
            "reference": "Order 88-2041",
        } | changes
        return self.browser.post("/api/payments", json=body, headers=self.bearer())

    def log_in(self, browser: Any = None, following: str = "") -> Any:
        """Paula logs in by the page."""
        browser = browser or self.browser
        return browser.post(
            "/log-in",
            data={
                "csrf_token": csrf_of(browser, "/log-in"),
                "user_id": DEMO_USER_ID,
                "password": DEMO_PASSWORD,
                "next": following,
            },
        )


def query_of(url: str) -> dict[str, str]:
    """The query parameters, each once."""
    values = parse_qs(urlsplit(url).query)
    assert all(len(entries) == 1 for entries in values.values())
    return {name: entries[0] for name, entries in values.items()}


def csrf_of(browser: Any, page: str) -> str:
    """The token of the forms on a page."""
    browser.get(page)
    with browser.session_transaction() as session:
        return str(session["csrf"])


@pytest.fixture(scope="session")
def client_key() -> ECKey:
    """The key pair ShopPay registered at the bank."""
    return ECKey.generate_key("P-256")


@pytest.fixture
def clock() -> Clock:
    """The time both sides see."""
    return Clock()


@pytest.fixture
def bank(client_key: ECKey, clock: Clock) -> FakeBank:
    """A fake bank that behaves unless told otherwise."""
    return FakeBank(client_public_key=client_key, clock=clock)


@pytest.fixture
def configuration(tmp_path: Path, client_key: ECKey) -> Configuration:
    """ShopPay with one bank, its files in the test's own folder."""
    return Configuration(
        host="127.0.0.1",
        port=8100,
        base_url=BASE_URL,
        database_path=tmp_path / "tpp.sqlite3",
        key_directory=tmp_path / "keys",
        client_id=CLIENT_ID,
        client_kid=CLIENT_KID,
        client_key_pem=client_key.as_pem(private=True).decode(),
        redirect_uri=REDIRECT_URI,
        banks=(Bank("Lindenbank", "DE", ("10099900",), ISSUER, ISSUER),),
    )


@pytest.fixture
def make_tpp(
    configuration: Configuration, bank: FakeBank, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., TPP]:
    """Build ShopPay, optionally over another transport. Its password hash is the same kind, but quick."""
    monkeypatch.setattr(users, "HASH_METHOD", "scrypt:1024:8:1")

    def make(transport: httpx2.BaseTransport | None = None) -> TPP:
        sleeps: list[float] = []
        services = build_services(
            configuration,
            transport=transport or httpx2.WSGITransport(app=bank.app()),
            clock=clock,
            sleep=sleeps.append,
        )
        services.users.ensure_demo_user()
        app = create_app(services)
        app.config["TESTING"] = True
        return TPP(app=app, services=services, bank=bank, clock=clock, sleeps=sleeps)

    return make


@pytest.fixture
def tpp(make_tpp: Callable[..., TPP]) -> TPP:
    """ShopPay with its demo user over the fake bank."""
    return make_tpp()
