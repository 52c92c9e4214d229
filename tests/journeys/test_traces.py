"""After the stories: no code, key, number or detail of a payment in logs, broker, trail, addresses, staff's pages."""

import re
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx
import pytest

from deploy.local.browser import Browser
from deploy.local.narrator import Narrator
from deploy.local.story import Story
from tests.journeys.people import Customer, eventually, query, status_of
from tests.journeys.stack import RunningStack
from tests.journeys.test_states import signed_in_staff
from tests.journeys.traces import Trace, Traces

PAYMENT = {"creditor_name": "Wanderverein Nordwind", "amount": "87.31"}
PAGES_MAX = 300


class _Addresses(Story):
    """The stories, and every address that a browser was sent to in them."""

    def __init__(self, **arguments: Any) -> None:
        self.addresses: list[str] = []
        super().__init__(**arguments)

    def _browsed(self, response: httpx.Response) -> None:
        self.addresses += [str(response.url), response.headers.get("Location", "")]
        super()._browsed(response)


@pytest.fixture(scope="module")
def addresses(stack: RunningStack) -> list[str]:
    """Play both stories and a transfer in the portal; the addresses that the browsers saw."""
    story = _Addresses(config=stack.stack.config, narrator=Narrator())
    try:
        story.play()
    finally:
        story.close()
    seen = list(story.addresses)
    browser = Browser(
        on_request=lambda answer: seen.extend([str(answer.url), answer.headers.get("Location", "")])
    )
    anna = Customer(stack, "anna", browser)
    anna.sign_in()
    payment_id = anna.transfer(creditor_iban=_iban(stack, "emil"), **PAYMENT)
    eventually(lambda: status_of(stack, payment_id) == "ACSC", what="the payment")
    seen += _links(browser, f"{stack.bank_url}/home/", inside=stack.bank_url)
    return seen


@pytest.fixture(scope="module")
def traces(stack: RunningStack, addresses: list[str]) -> Traces:
    """What must not be found, whoever put it there: all messages so far, everybody in the sandbox, all payments."""
    traces = Traces()
    traces.add_sandbox(stack.sandbox)
    for person in (*stack.sandbox["customers"], *stack.sandbox["staff"], *stack.sandbox["tpp_members"]):
        for message in stack.messages(person["user_id"]):
            traces.add_message(message["text"])
    assert len(traces.secrets["code"]) >= 4, "the stories have sent codes"
    rows = query(stack, "SELECT creditor_name, creditor_iban, amount_minor FROM payments_paymentinitiation")
    assert PAYMENT["creditor_name"] in {row[0] for row in rows}
    for name, iban, amount_minor in rows:
        traces.add_payment(creditor_name=name, creditor_iban=iban, amount=f"{amount_minor / 100:.2f}")
    return traces


@pytest.mark.req("S0-5", "S3-2", "RTS-5(2)", "RTS-22(2)", "RTS-35(5)")
class TestNoTrace:
    def test_in_the_logs_of_all_programs(self, stack: RunningStack, traces: Traces) -> None:
        logs = sorted(stack.stack.config.logs.glob("**/*"))
        assert {"web.log", "worker.log", "engine.log", "relay.log", "tpp.log"} <= {path.name for path in logs}
        assert _found(traces, [(path.name, _read(path)) for path in logs if path.is_file()]) == []

    def test_in_the_brokers_folders_and_in_what_is_promised(
        self, stack: RunningStack, traces: Traces
    ) -> None:
        files = [path for path in (stack.var / "broker").glob("**/*") if path.is_file()]
        rows = query(stack, "SELECT id::text, payload::text, last_error FROM notifications_outboxmessage")
        assert rows
        written = [(path.name, _read(path)) for path in files]
        written += [(f"outbox {key}", f"{payload} {error}") for key, payload, error in rows]
        assert _found(traces, written) == []

    def test_in_addresses(self, addresses: list[str], traces: Traces) -> None:
        assert any("/authorise/" in address for address in addresses)
        assert any(re.search(r"/pay/[0-9a-f-]{36}/", address) for address in addresses)
        assert _found(traces, [(urlsplit(address).path, address) for address in addresses]) == []

    def test_in_the_trail(self, stack: RunningStack, traces: Traces) -> None:
        rows = query(stack, "SELECT event, data::text, actor_id, object_id FROM audit_auditevent")
        assert {"payments.payment.ACSC"} <= {row[0] for row in rows}
        found = [
            trace
            for event, *rest in rows
            for trace in traces.find_secrets(" ".join(map(str, rest)), place=f"event {event}")
        ]
        assert sorted(set(found)) == []

    def test_on_the_pages_of_staff(self, stack: RunningStack, traces: Traces) -> None:
        staff = signed_in_staff(stack)
        pages = _pages(staff, f"{stack.bank_url}/staff/", inside=f"{stack.bank_url}/staff/")
        paths = {re.sub(r"[0-9a-f-]{36}|\b[0-9]+\b", "*", urlsplit(url).path) for url in pages}
        assert {
            "/staff/payments/paymentinitiation/*/",
            "/staff/identity/psu/*/",
            "/staff/audit/auditevent/",
        } <= paths
        found = [
            trace
            for url, text in pages.items()
            for trace in traces.find_secrets(text, place=urlsplit(url).path)
        ]
        assert sorted(set(found)) == []


def _iban(stack: RunningStack, user_id: str) -> str:
    return str(stack.customer(user_id)["accounts"][0]["iban"])


def _read(path: Path) -> str:
    return path.read_text(errors="replace")


def _found(traces: Traces, written: list[tuple[str, str]]) -> list[Trace]:
    """Every trace in what was written, line by line, each once for its place."""
    return sorted(
        {
            trace
            for place, text in written
            for line in text.splitlines()
            for trace in traces.find_all(line, place=place)
        }
    )


def _links(browser: Browser, start: str, *, inside: str) -> list[str]:
    """The addresses on the pages that links lead to."""
    found: list[str] = []
    for page in _walk(browser, start, inside=inside):
        found += [page.url, *(urljoin(page.url, link.href) for link in page.links)]
        found += [form.action for form in page.forms]
    return found


def _pages(browser: Browser, start: str, *, inside: str) -> dict[str, str]:
    """The text of the pages that links lead to, as they are sent."""
    return {page.url: page.response.text for page in _walk(browser, start, inside=inside)}


def _walk(browser: Browser, start: str, *, inside: str) -> Any:
    """Pages by their links, some of each kind: a path in which ids are left out, and the names of its parameters."""
    waiting, seen, kinds, count = deque([start]), {start}, dict[str, int](), 0
    while waiting and count < PAGES_MAX:
        page = browser.open(waiting.popleft())
        if page.status != 200 or "html" not in page.response.headers.get("Content-Type", ""):
            continue
        count += 1
        yield page
        for link in page.links:
            url = urldefrag(urljoin(page.url, link.href)).url
            kind = re.sub(r"[0-9a-f-]{36}|\b[0-9]+\b|=[^&]*", "*", url)
            if url not in seen and url.startswith(inside) and kinds.get(kind, 0) < 3:
                kinds[kind] = kinds.get(kind, 0) + 1
                seen.add(url)
                waiting.append(url)
