"""A TPP's program at the interface. Every answer it gets is held against the contract, whatever the test is about."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from apps.core import clock
from apps.core.clock import bank_date
from apps.core.ids import parse_uuid
from tests.compliance.berlin_group.contract import check_answer

PSU_IP = "203.0.113.7"
FOREIGN_IBAN = "DE02120300000000202051"
PAYMENTS = "/v1/payments/sepa-credit-transfers"
PERIODIC = "/v1/periodic-payments/sepa-credit-transfers"
NOT_THERE = "00000000-0000-4000-8000-000000000000"
ABSENT = "absent"  # In place of a header's value: leave it out.


@dataclass(frozen=True)
class Answer:
    """What came back, already found to be what the contract says."""

    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> str:
        """The code of the one tppMessage."""
        (message,) = self.body["tppMessages"]
        assert message["category"] == "ERROR"
        return message["code"]

    @property
    def path(self) -> str:
        (message,) = self.body["tppMessages"]
        return message.get("path", "")

    @property
    def refusal(self) -> tuple[int, str]:
        return self.status, self.code

    def href(self, name: str) -> str:
        return self.body["_links"][name]["href"]


class API:
    """Calls with one token."""

    def __init__(self, token: str = "", *, consent_id: object = None) -> None:
        self.token = token
        self.consent_id = str(consent_id) if consent_id else ""
        self.http = Client(raise_request_exception=True)

    def headers(self, given: dict[str, str]) -> dict[str, str]:
        own = {"X-Request-ID": str(uuid4())}
        if self.token:
            own["Authorization"] = f"Bearer {self.token}"
        if self.consent_id:
            own["Consent-ID"] = self.consent_id
        return {name: value for name, value in (own | given).items() if value != ABSENT}

    def call(
        self, method: str, path: str, *, raw: bytes | None = None, content_type: str = "", **given: str
    ) -> Answer:
        """One call; header names with underscores for hyphens."""
        headers = self.headers({name.replace("_", "-"): value for name, value in given.items()})
        response = self.http.generic(
            method, path, data=raw or b"", content_type=content_type or "application/json", headers=headers
        )
        sent = headers.get("X-Request-ID", "")
        if parse_uuid(sent):
            assert response.headers["X-Request-ID"] == sent
        body = check_answer(
            method=method,
            path=path.partition("?")[0],
            status=response.status_code,
            headers=response.headers,
            body=response.getvalue(),
        )
        return Answer(response.status_code, body, dict(response.headers))

    def get(self, path: str, **headers: Any) -> Answer:
        return self.call("GET", path, **headers)

    def delete(self, path: str, **headers: Any) -> Answer:
        return self.call("DELETE", path, **headers)

    def post(self, path: str, body: Any = None, **headers: Any) -> Answer:
        raw = b"" if body is None else json.dumps(body).encode()
        given: dict[str, Any] = {"PSU_IP_Address": PSU_IP} | headers
        return self.call("POST", path, raw=raw, **given)

    def put(self, path: str, body: Any = None, **headers: Any) -> Answer:
        return self.call("PUT", path, raw=json.dumps(body or {}).encode(), **headers)


def consent_body(*ibans: str, **changes: Any) -> dict[str, Any]:
    """A request for everything of these accounts."""
    references = [{"iban": iban} for iban in ibans]
    body = {
        "access": {"accounts": references, "balances": references, "transactions": references},
        "recurringIndicator": True,
        "validUntil": (timezone.localdate() + timedelta(days=90)).isoformat(),
        "frequencyPerDay": 4,
        "combinedServiceIndicator": False,
    } | changes
    return {name: value for name, value in body.items() if value != ABSENT}


def periodic_body(debtor_iban: str, *, ahead: int = 10, **changes: Any) -> dict[str, Any]:
    """An order to pay 24.90 euro every month, for the first time in ``ahead`` days by the bank's clock."""
    start = (bank_date(clock.now()) + timedelta(days=ahead)).isoformat()
    series = {"startDate": start, "frequency": "Monthly", "executionRule": "following"}
    return payment_body(debtor_iban, **(series | changes))


def payment_body(debtor_iban: str, **changes: Any) -> dict[str, Any]:
    """An order to pay 24.90 euro."""
    body = {
        "endToEndIdentification": "SP-88-2041",
        "debtorAccount": {"iban": debtor_iban},
        "instructedAmount": {"currency": "EUR", "amount": "24.90"},
        "creditorAccount": {"iban": FOREIGN_IBAN},
        "creditorName": "Möbelhaus Kern GmbH",
        "remittanceInformationUnstructured": "Order 88-2041",
    } | changes
    return {name: value for name, value in body.items() if value != ABSENT}
