"""What breaks and what attackers try: everything ends as the law and the books demand; nothing lost, nothing twice."""

import threading
import uuid

import httpx
import pytest

from tests.journeys.people import (
    Customer,
    Machine,
    eventually,
    final_status,
    form_with,
    payment_id_in,
    query,
    status_of,
)
from tests.journeys.stack import RunningStack

SOON = {"OUTBOX_REDELIVERY_SECONDS": "2"}


@pytest.fixture
def anna(stack: RunningStack) -> Customer:
    customer = Customer(stack, "anna")
    customer.sign_in()
    return customer


@pytest.fixture
def emil(stack: RunningStack) -> Customer:
    return Customer(stack, "emil")


@pytest.fixture(autouse=True)
def books_hold(stack: RunningStack):
    """After every test, whatever happened in it."""
    yield
    assert stack.ledger()["sound"]
    assert not query(stack, "SELECT 1 FROM notifications_outboxmessage WHERE status = 'dead'")


def to(emil: Customer, amount: str) -> dict[str, str]:
    return {"creditor_name": "Emil", "creditor_iban": emil.iban, "amount": amount}


class TestStoppedPrograms:
    def test_a_stopped_worker_delays_the_code_and_loses_nothing(
        self, whole_stack: RunningStack, anna: Customer, emil: Customer
    ) -> None:
        review = anna.order_transfer(**to(emil, "1.01"))
        whole_stack.stop("worker")
        known = len(anna.messages())
        form = next(form for form in review.forms if form.action.endswith("/code/"))
        page = anna.browser.submit(form, {})
        assert len(anna.messages()) == known
        whole_stack.start("worker")
        done = anna.browser.submit(form_with(page, "code"), {"code": anna.code(known)})
        assert final_status(whole_stack, payment_id_in(done.url)) == "ACSC"

    @pytest.mark.parametrize("program", ["relay", "engine"])
    def test_a_stopped_program_delays_the_booking(
        self, whole_stack: RunningStack, anna: Customer, emil: Customer, program: str
    ) -> None:
        review = anna.order_transfer(**to(emil, "1.02"))
        page, code = anna.ask_for_code(review)
        whole_stack.stop(program)
        done = anna.browser.submit(form_with(page, "code"), {"code": code})
        payment_id = payment_id_in(done.url)
        assert status_of(whole_stack, payment_id) == "ACTC"
        whole_stack.start(program)
        assert final_status(whole_stack, payment_id) == "ACSC"

    @pytest.mark.req("S0-48")
    @pytest.mark.parametrize("point", ["engine.received", "engine.debited", "engine.booked"])
    def test_an_engine_killed_at_any_point_books_once(
        self, whole_stack: RunningStack, anna: Customer, emil: Customer, point: str
    ) -> None:
        before = anna.balance_minor(), emil.balance_minor()
        whole_stack.stop("engine")
        whole_stack.stop("relay")
        whole_stack.start("relay", environment=SOON)
        whole_stack.start("engine", environment={"CRASH_AT": f"{point}:1"})
        payment_id = anna.transfer(**to(emil, "3.00"))
        eventually(lambda: not whole_stack.is_running("engine"), what="the engine's death")
        assert status_of(whole_stack, payment_id) == "ACTC"
        assert (anna.balance_minor(), emil.balance_minor()) == before
        whole_stack.start("engine")
        assert final_status(whole_stack, payment_id) == "ACSC"
        assert (anna.balance_minor(), emil.balance_minor()) == (before[0] - 300, before[1] + 300)
        entries = query(
            whole_stack,
            "SELECT 1 FROM ledger_entry WHERE reference = %s AND kind = 'credit_transfer'",
            payment_id,
        )
        assert len(entries) == 1

    def test_a_web_server_killed_after_the_signature_loses_nothing(
        self, whole_stack: RunningStack, anna: Customer, emil: Customer
    ) -> None:
        payment_id = anna.transfer(**to(emil, "1.03"))
        whole_stack.kill("web")
        whole_stack.start("web")
        assert final_status(whole_stack, payment_id) == "ACSC"


@pytest.mark.req("S1-5", "S1-9", "RTS-4(3)(b)")
def test_five_wrong_codes_kill_the_code_and_pause_the_customer(stack: RunningStack, emil: Customer) -> None:
    dora = Customer(stack, "dora")
    dora.sign_in()
    review = dora.order_transfer(**to(emil, "2.00"))
    page, code = dora.ask_for_code(review)
    payment_id = payment_id_in(page.url)
    wrong = str((int(code) + 1) % 10**6).zfill(6)
    for _ in range(5):
        form = page.form_with("code")
        if form is None:
            break
        page = dora.browser.submit(form, {"code": wrong})
    assert page.form_with("code") is None
    late = dora.browser.open(f"{stack.bank_url}/pay/{payment_id}/sign/")
    assert late.form_with("code") is None
    assert status_of(stack, payment_id) != "ACTC"
    paused = query(
        stack,
        "SELECT blocked_until IS NOT NULL FROM sca_authenticationstate s JOIN identity_user u ON u.id = s.user_id"
        " WHERE u.username = 'dora'",
    )
    assert paused == [(True,)]
    query(stack, "UPDATE sca_authenticationstate SET blocked_until = NULL, block_level = 0")


@pytest.mark.req("RTS-4(1)")
def test_the_right_code_fifty_times_at_once_pays_once(
    stack: RunningStack, anna: Customer, emil: Customer
) -> None:
    before = anna.balance_minor()
    page, code = anna.ask_for_code(anna.order_transfer(**to(emil, "5.00")))
    form = form_with(page, "code")
    body = {name: values[0] for name, values in form.fields.items()} | {"code": code}
    cookies = dict(anna.browser.cookies())
    answers: list[int] = []

    def press() -> None:
        with httpx.Client(trust_env=False, cookies=cookies, timeout=60) as client:
            answer = client.post(
                form.action, data=body, headers={"Origin": stack.bank_url, "Referer": page.url}
            )
            answers.append(answer.status_code)

    threads = [threading.Thread(target=press) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 50
    assert not [status for status in answers if status >= 500]
    assert final_status(stack, payment_id_in(page.url)) == "ACSC"
    assert anna.balance_minor() == before - 500


@pytest.mark.req("S3-5", "RTS-5(1)(d)")
def test_an_amount_changed_after_the_code_is_not_paid(
    stack: RunningStack, anna: Customer, emil: Customer
) -> None:
    before = anna.balance_minor()
    page, code = anna.ask_for_code(anna.order_transfer(**to(emil, "100.00")))
    payment_id = payment_id_in(page.url)
    query(
        stack,
        "UPDATE payments_paymentinitiation SET amount_minor = 100000 WHERE id = %s",
        uuid.UUID(payment_id),
    )
    answer = anna.browser.submit(form_with(page, "code"), {"code": code})
    assert answer.status < 500
    assert status_of(stack, payment_id) in ("RCVD", "RJCT")
    assert anna.balance_minor() == before


@pytest.mark.req("S0-40")
class TestOtherPeoplesThings:
    def test_anothers_payment_is_nowhere(self, stack: RunningStack, anna: Customer, emil: Customer) -> None:
        payment_id = payment_id_in(anna.order_transfer(**to(emil, "1.00")).url)
        emil.sign_in()
        mine = emil.browser.open(f"{stack.bank_url}/pay/{uuid.uuid4()}/")
        for path in ("", "review/", "sign/"):
            page = emil.browser.open(f"{stack.bank_url}/pay/{payment_id}/{path}")
            assert page.status == mine.status == 404
            assert anna.iban not in page.response.text

    def test_anothers_tpp_sees_nothing(self, stack: RunningStack, anna: Customer, emil: Customer) -> None:
        body = Machine(stack, "ShopPay").initiate(debtor_iban=anna.iban, creditor_iban=emil.iban)
        path = f"/v1/payments/sepa-credit-transfers/{body['paymentId']}"
        for name in ("Finanzblick", "Nadir"):
            answer = Machine(stack, name).token("pisp")
            assert answer.status_code == 400, name
        answer = Machine(stack, "Finanzblick").call("GET", path, scope="aisp")
        assert answer.status_code in (401, 403, 404)
        assert body["paymentId"] not in answer.text

    def test_a_stranger_with_the_link_gets_a_decoy(
        self, stack: RunningStack, anna: Customer, emil: Customer
    ) -> None:
        body = Machine(stack, "ShopPay").initiate(debtor_iban=anna.iban, creditor_iban=emil.iban)
        known = len(emil.messages())
        page = emil.browser.open(body["_links"]["scaRedirect"]["href"])
        page = emil.browser.submit(
            form_with(page, "user_id", "password"),
            {"user_id": "emil", "password": emil.record["password"]},
        )
        page = emil.browser.submit(form_with(page, "code"), {"code": "123456"})
        assert page.status < 500
        assert len(emil.messages()) == known
        assert status_of(stack, body["paymentId"]) == "RCVD"


@pytest.mark.req("S0-7")
def test_a_blocked_tpp_is_out_at_the_next_call(stack: RunningStack, anna: Customer, emil: Customer) -> None:
    shop = Machine(stack, "ShopPay")
    token = shop.token("pisp").json()["access_token"]
    body = shop.initiate(debtor_iban=anna.iban, creditor_iban=emil.iban)
    path = f"/v1/payments/sepa-credit-transfers/{body['paymentId']}/status"
    assert shop.call("GET", path, scope="pisp", token=token).status_code == 200
    query(
        stack, "UPDATE tpp_tpp SET status = 'blocked', blocked_at = now() WHERE legal_name LIKE 'ShopPay%%'"
    )
    try:
        answer = shop.call("GET", path, scope="pisp", token=token)
        assert answer.status_code == 401
        assert answer.json()["tppMessages"]
        assert shop.token("pisp").status_code == 401
        page = anna.browser.open(body["_links"]["scaRedirect"]["href"])
        assert page.form_with("password") is None
    finally:
        query(stack, "UPDATE tpp_tpp SET status = 'active', blocked_at = NULL")
    assert shop.call("GET", path, scope="pisp", token=token).status_code == 200


@pytest.mark.req("S0-5", "R0-8")
def test_no_code_password_or_token_is_in_any_log(stack: RunningStack, anna: Customer, emil: Customer) -> None:
    page, code = anna.ask_for_code(anna.order_transfer(**to(emil, "1.00")))
    anna.browser.submit(form_with(page, "code"), {"code": code})
    token = Machine(stack, "ShopPay").token("pisp").json()["access_token"]
    logs = "\n".join(stack.log(name) for name in stack.stack.programs)
    assert logs
    for secret in (anna.record["password"], token, f"Code {code}", f" {code} "):
        assert secret not in logs
