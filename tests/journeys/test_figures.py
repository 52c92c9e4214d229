"""The founding story in a real browser: figure 1 (connect and allow) and figure 2 (pay and sign), and every way out."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import check_page, new_context, press
from tests.journeys.people import Customer, eventually, final_status, query
from tests.journeys.stack import RunningStack

pytestmark = pytest.mark.browser

SHOPPER = {"user_id": "paula", "password": "shop-paula-2026"}
_checked: set[tuple[str, str]] = set()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = new_context(browser)
    yield context.new_page()
    context.close()


@pytest.fixture
def anna(stack: RunningStack) -> Customer:
    return Customer(stack, "anna")


def check_once(page: Page) -> None:
    """Check each kind of page that the tests come by, once."""
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "*", urlsplit(page.url).path)
    kind = path, page.locator("h1").first.inner_text()
    if kind not in _checked:
        check_page(page)
        _checked.add(kind)


def log_in_at_shop(page: Page, stack: RunningStack) -> None:
    page.goto(f"{stack.tpp_url}/log-in")
    page.fill("#user_id", SHOPPER["user_id"])
    page.fill("#password", SHOPPER["password"])
    press(page, "#submit")


def ask_to_connect(page: Page, stack: RunningStack, iban: str) -> None:
    """From the shop to the bank's first page."""
    page.goto(f"{stack.tpp_url}/banks")
    page.fill("#iban", iban)
    page.click("#connect-submit")
    page.wait_for_url(f"{stack.bank_url}/authorise/**")


def give_password(page: Page, customer: Customer, *, password: str = "") -> None:
    check_once(page)
    page.fill("input[name=user_id]", customer.record["user_id"])
    page.fill("input[name=password]", password or customer.record["password"])
    press(page, "main form:has(input[name=password]) button[type=submit]")
    page.wait_for_url("**/code/")


def give_code(page: Page, code: str) -> None:
    check_once(page)
    page.fill("input[name=code]", code)
    press(page, "main form:has(input[name=code]) button[type=submit]")


def connect(page: Page, customer: Customer) -> None:
    """Figure 1 from the first click to the shop's confirmation."""
    stack = customer.stack
    log_in_at_shop(page, stack)
    ask_to_connect(page, stack, customer.iban)
    expect(page.locator("main")).to_contain_text("ShopPay")
    known = len(customer.messages())
    give_password(page, customer)
    give_code(page, customer.code(known))
    page.wait_for_url("**/confirm/")
    check_once(page)
    expect(page.locator("main")).to_contain_text("ShopPay")
    press(page, page.get_by_role("button", name="Allow"))
    page.wait_for_url(f"{stack.tpp_url}/**")
    expect(page.locator("#enrolled-iban")).to_be_visible()


@pytest.mark.req(
    "S0-13", "S0-15", "S0-16", "S0-17", "S0-18", "S0-19", "S0-20", "S0-21", "S0-22", "S0-23", "S0-24", "S0-25",
    "S0-26", "S0-27", "S0-28", "S0-29", "S0-30", "S0-31", "S0-32", "S1-1", "N4", "RTS-30(2)",
)  # fmt: skip
def test_figure_1_the_customer_connects_her_account(page: Page, stack: RunningStack, anna: Customer) -> None:
    connect(page, anna)
    expect(page.locator("[data-balance]").first).to_be_visible()
    tokens = query(stack, "SELECT count(*) FROM authserver_refreshtoken WHERE revoked IS NULL")
    assert tokens[0][0] >= 1
    stored = query(stack, "SELECT consent_status FROM consents_consent ORDER BY created_at DESC LIMIT 1")
    assert stored == [("valid",)]


@pytest.mark.req(
    "S0-13", "S0-34", "S0-35", "S0-36", "S0-37", "S0-38", "S0-39", "S0-40", "S0-41", "S0-42", "S0-43", "S0-44",
    "S0-45", "S0-46", "S0-47", "S0-49", "S1-13", "S1-14", "S1-15", "S3-3", "N1", "N5", "N8", "RTS-30(2)",
)  # fmt: skip
def test_figure_2_she_pays_and_signs_what_she_sees(page: Page, stack: RunningStack, anna: Customer) -> None:
    connect(page, anna)
    emil, before = Customer(stack, "emil"), anna.balance_minor()
    page.goto(f"{stack.tpp_url}/pay")
    page.fill("#creditor_name", "Emil Sommer")
    page.fill("#creditor_iban", emil.iban)
    page.fill("#amount", "24.90")
    page.fill("#debtor_iban", anna.iban)
    known = len(anna.messages())
    page.click("#pay-submit")
    page.wait_for_url(f"{stack.bank_url}/authorise/**")
    message = anna.new_message(known)
    assert message.startswith("Lindenbank: €24.90 to Emil Sommer, IBAN")
    give_password(page, anna)
    shown = "".join(page.locator("main").inner_text().split())
    for seen in ("€24.90", "EmilSommer", emil.iban, anna.iban):
        assert seen in shown, shown
    assert len(anna.messages()) == known + 1, "the code that was sent at once stays good"
    give_code(page, anna.code(known))
    page.wait_for_url(f"{stack.tpp_url}/**")
    expect(page.locator("#payment")).to_have_attribute("data-state", "paid", timeout=60_000)
    assert anna.balance_minor() == before - 2490
    assert stack.ledger()["difference_minor"] == 0
    page.reload()
    eventually(
        lambda: page.reload() and page.locator("#payment").get_attribute("data-notified") != "0",
        what="the bank's own confirmation to the shop",
    )


@pytest.mark.req("N5")
def test_she_pays_without_a_connected_account_by_one_authentication(page: Page, stack: RunningStack) -> None:
    david, emil = Customer(stack, "david"), Customer(stack, "emil")
    log_in_at_shop(page, stack)
    page.goto(f"{stack.tpp_url}/pay")
    page.fill("#creditor_name", "Emil Sommer")
    page.fill("#creditor_iban", emil.iban)
    page.fill("#amount", "2.50")
    page.fill("#debtor_iban", david.iban)
    press(page, "#pay-submit")
    page.check("input[name=without_enrolment]")
    page.click("#pay-submit")
    page.wait_for_url(f"{stack.bank_url}/authorise/**")
    known = len(david.messages())
    give_password(page, david)
    give_code(page, david.code(known))
    page.wait_for_url(f"{stack.tpp_url}/**")
    expect(page.locator("#payment")).to_have_attribute("data-state", "paid", timeout=60_000)
    assert len(david.messages()) == known + 1


@pytest.mark.req("S0-27", "S0-3")
@pytest.mark.parametrize("step", ["password", "code", "confirm"])
def test_cancel_leads_back_with_an_error_from_every_page(
    page: Page, stack: RunningStack, anna: Customer, step: str
) -> None:
    log_in_at_shop(page, stack)
    ask_to_connect(page, stack, anna.iban)
    known = len(anna.messages())
    if step != "password":
        give_password(page, anna)
    if step == "confirm":
        give_code(page, anna.code(known))
        page.wait_for_url("**/confirm/")
    press(page, page.get_by_role("button", name="Cancel"))
    page.wait_for_url(f"{stack.tpp_url}/**")
    assert query(stack, "SELECT consent_status FROM consents_consent ORDER BY created_at DESC LIMIT 1") == [
        ("rejected",)
    ]
    expect(page.locator("main")).not_to_contain_text("active")


@pytest.mark.req("S0-8", "N7", "RTS-4(3)(a)")
def test_a_wrong_password_shows_only_at_the_end(page: Page, stack: RunningStack) -> None:
    bruno = Customer(stack, "bruno")
    log_in_at_shop(page, stack)
    ask_to_connect(page, stack, bruno.iban)
    known = len(bruno.messages())
    give_password(page, bruno, password="not her password")
    give_code(page, "123456")
    assert len(bruno.messages()) == known
    expect(page.locator("input[name=code]")).to_be_visible()
    query(stack, "UPDATE sca_authenticationstate SET consecutive_failures = 0")


@pytest.mark.req("S0-7", "S0-32")
def test_she_stops_the_access_in_the_portal(page: Page, stack: RunningStack, anna: Customer) -> None:
    connect(page, anna)
    shop_page = page.url
    known = len(anna.messages())
    page.goto(f"{stack.bank_url}/sign-in/")
    page.fill("input[name=user_id]", "anna")
    page.fill("input[name=password]", anna.record["password"])
    press(page, "main form:has(input[name=password]) button[type=submit]")
    give_code(page, anna.code(known))
    page.wait_for_url("**/home/")
    check_once(page)
    page.goto(f"{stack.bank_url}/apps/")
    check_once(page)
    press(page, page.get_by_role("button", name="Stop access").first)
    expect(page.locator("main")).to_contain_text("Stopped by you")
    page.goto(shop_page)
    expect(page.locator("#problem, .card b").first).to_be_visible()
    assert query(
        stack, "SELECT consent_status FROM consents_consent ORDER BY status_changed_at DESC LIMIT 1"
    ) == [("revokedByPsu",)]


@pytest.mark.req("S0-10")
def test_no_element_of_the_customer_reaches_the_shop(page: Page, stack: RunningStack, anna: Customer) -> None:
    """Everything that the browser sends or shows to the shop, and the ID token itself, holds no credential."""
    seen: list[str] = []
    page.on(
        "request",
        lambda request: (
            seen.append(f"{request.url} {request.post_data or ''}")
            if request.url.startswith(stack.tpp_url)
            else None
        ),
    )
    known = len(anna.messages())
    connect(page, anna)
    text = "\n".join(seen)
    assert anna.record["password"] not in text
    assert anna.code(known) not in text.split("code=")[0]


def test_a_payment_the_customer_cannot_afford_is_refused_and_said(page: Page, stack: RunningStack) -> None:
    bruno, emil = Customer(stack, "bruno"), Customer(stack, "emil")
    bruno.sign_in()
    review = bruno.order_transfer(creditor_name="Emil", creditor_iban=emil.iban, amount="9999.00")
    code_page, code = bruno.ask_for_code(review)
    form = code_page.form_with("code")
    assert form is not None
    done = bruno.browser.submit(form, {"code": code})
    payment_id = done.url.split("/pay/")[1].split("/")[0]
    assert final_status(stack, payment_id) == "RJCT"
    assert "not enough money" in bruno.browser.open(done.url).text
