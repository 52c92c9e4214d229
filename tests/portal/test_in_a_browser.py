"""The portal in a real Chromium: clean pages at every width, and the way back to a company on another origin.

The second needs a browser: a form's answer that redirects to another origin is cancelled by ``form-action 'self'``,
after the server has committed, and looks like success in the logs.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Literal

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Browser, Page, expect

from apps.consents.rules import AccessKind
from apps.identity.models import PSU
from apps.sca.models import SCAAuthorisation
from apps.tpp.models import App
from tests import browser as tools
from tests.factories.accounts import account_of, customer
from tests.factories.identity import PASSWORD
from tests.factories.tpp import AppFactory
from tests.portal.kit import Visitor, ask_consent, ask_payment, bad_code, code_for, page
from tests.portal.test_apps import allow, use

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# The last one is the window in which a test goes on.
LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(1366, "dark"), (320, "light")]
LONG_NAME = "Donaudampfschifffahrtsgesellschaftskapitänswitwenkasse GmbH & Co KGaA"


@pytest.fixture
def company() -> Iterator[Any]:
    """A company's site on an origin of its own; ``seen`` holds the paths that browsers asked for."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.server.seen.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>ShopPay</title><h1>Welcome back</h1>")

        def log_message(self, *args: object) -> None:
            """Quiet."""

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.seen = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def world(db: None) -> tuple[PSU, App]:
    """Anna with two accounts, awkward names, and a company that has looked at her account."""
    anna, app = customer("Anna"), AppFactory(tpp__legal_name=LONG_NAME)
    account_of(anna, balance_minor=99_999_999_999, display_name="Tagesgeldkontosparbuchhaltungskonto")
    consent = allow(app, anna)
    for kind in AccessKind:
        use(consent, kind, present=kind == AccessKind.BALANCES, psu=anna)
    allow(app, anna)
    return anna, app


def submit(tab: Page, name: str) -> None:
    """Press a button that sends a form, and wait for the page it leads to."""
    tools.press(tab, tab.get_by_role("button", name=name))


def sign_in(tab: Page, base: str, psu: PSU, *, look_at: Callable[[Page], None] = lambda tab: None) -> None:
    tab.goto(f"{base}/sign-in/")
    look_at(tab)
    tab.get_by_label("User ID").fill(psu.user.username)
    tab.get_by_label("Password").fill(PASSWORD)
    submit(tab, "Continue")
    look_at(tab)
    tab.get_by_label("Code from").fill(code_for(psu))
    submit(tab, "Sign in")


def check(tab: Page) -> None:
    """In every look, one after the other on the same page: the way there is gone once."""
    for width, scheme in LOOKS:
        tools.dress(tab, width=width, scheme=scheme)
        tools.check_page(tab)
        assert tools.small_targets(tab) == [], (tab.url, width)


@pytest.mark.slow
@pytest.mark.plays("sms", "sign-in", "payment")
def test_every_page_of_the_portal_is_clean(
    running_browser: Browser, live_server: Any, world: tuple[PSU, App]
) -> None:
    anna, _ = world
    base = live_server.url
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        sign_in(tab, base, anna, look_at=check)
        paths = [
            "/home/",
            "/transactions/",
            "/transactions/?q=zzz",
            f"/accounts/{anna.account.pk}/",
            "/security/",
            "/security/freeze/",
            "/frozen/",
        ]
        for path in [*paths, "/help/", "/legal/", "/accessibility/", "/nowhere/"]:
            tab.goto(base + path)
            check(tab)
        tab.goto(f"{base}/accounts/{anna.account.pk}/")
        tools.press(tab, tab.locator(".list-link").first)
        check(tab)
        tab.goto(f"{base}/apps/")
        tab.locator("summary").first.click()
        check(tab)
        tools.press(tab, tab.get_by_role("button", name="Stop access").first)
        expect(tab.locator("[role=status]", has_text="Stopped by you")).to_be_focused()
        check(tab)
        _pay(tab, base, anna)


def _pay(tab: Page, base: str, anna: PSU) -> None:
    tab.goto(f"{base}/pay/")
    check(tab)
    tab.get_by_label("Payee", exact=True).fill(LONG_NAME)
    tab.get_by_label("Payee’s IBAN").fill("DE02 1203 0000 0000 2020 52")
    tab.get_by_label("Amount").fill("1,000,000.00")
    tab.get_by_label("Reference").fill("RF18539007547034" * 8)
    submit(tab, "Continue")
    check(tab)
    tab.get_by_label("Payee’s IBAN").fill("DE02 1203 0000 0000 2020 51")
    submit(tab, "Continue")
    expect(tab.get_by_text("more than your limit per payment").first).to_be_visible()
    check(tab)
    tab.get_by_label("Amount").fill("10,000.00")
    submit(tab, "Continue")
    check(tab)
    submit(tab, "Change")
    tab.get_by_label("Amount").fill("25")
    submit(tab, "Continue")
    submit(tab, "send me the code")
    check(tab)
    tab.get_by_label("Code from").fill(bad_code(anna))
    submit(tab, "Pay €25.00")
    check(tab)
    tab.get_by_label("Code from").fill(code_for(anna))
    submit(tab, "Pay €25.00")
    check(tab)
    tab.goto(f"{base}/pay/list/")
    check(tab)


@pytest.mark.slow
@pytest.mark.plays("sms", "consent", "payment")
def test_every_page_of_an_authorisation_is_clean(
    running_browser: Browser, live_server: Any, world: tuple[PSU, App]
) -> None:
    anna, app = world
    consent = ask_consent(app, anna.account, redirect_uri="")[1]
    payment = ask_payment(app, anna.account, redirect_uri="", nok_uri="")[1]
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        for authorisation, button in ((consent, "Continue"), (payment, "Pay €1,249.00")):
            tab.goto(live_server.url + page(authorisation.pk))
            check(tab)
            _enter_password(tab, anna)
            check(tab)
            tab.get_by_label("Code from").fill(bad_code(anna))
            submit(tab, button)
            check(tab)
            tab.get_by_label("Code from").fill(code_for(anna))
            submit(tab, button)
            check(tab)
            if authorisation is consent:
                submit(tab, "Allow")
                check(tab)
            context.clear_cookies()
            tab.goto(live_server.url + page(authorisation.pk))
            check(tab)
        tab.goto(live_server.url + page(anna.pk))
        check(tab)


def _enter_password(tab: Page, psu: PSU) -> None:
    tab.get_by_label("User ID").fill(psu.user.username)
    tab.get_by_label("Password").fill(PASSWORD)
    submit(tab, "Continue")


@pytest.mark.req("S0-28", "S0-42", "S0-3")
class TestTheWayBack:
    """From a form of ours to another origin, in a browser that enforces ``form-action 'self'``."""

    @pytest.fixture
    def tab(self, running_browser: Browser) -> Iterator[Page]:
        with closing(tools.new_context(running_browser)) as context:
            yield context.new_page()

    def test_after_a_consent(self, tab: Page, live_server: Any, company: Any) -> None:
        anna, app = customer("Anna"), AppFactory(redirect_uris=[f"{company.url}/callback"])
        consent, _ = ask_consent(app, anna.account)
        query = (
            f"response_type=code&client_id={app.client_id}&redirect_uri={company.url}/callback"
            f"&scope=openid%20AIS:{consent.pk}&state=xyz&nonce=n&code_challenge={'a' * 43}&code_challenge_method=S256"
        )
        tab.goto(f"{live_server.url}/oauth/authorize?{query}")
        _enter_password(tab, anna)
        tab.get_by_label("Code from").fill(code_for(anna))
        submit(tab, "Continue")
        tab.get_by_role("button", name="Allow").click()
        tab.wait_for_url(f"{company.url}/callback?*")
        assert "state=xyz" in tab.url
        assert "code=" in tab.url
        assert len([path for path in company.seen if path.startswith("/callback")]) == 1
        assert tools.csp_violations(tab) == []

    def test_after_a_payment(self, tab: Page, live_server: Any, company: Any) -> None:
        anna, app = customer("Anna"), AppFactory()
        payment, authorisation = ask_payment(app, anna.account, redirect_uri=f"{company.url}/return?basket=7")
        tab.goto(live_server.url + page(authorisation.pk))
        _enter_password(tab, anna)
        tab.get_by_label("Code from").fill(code_for(anna))
        tab.get_by_role("button", name="Pay €1,249.00").click()
        tab.wait_for_url(f"{company.url}/return?basket=7")
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"
        # The back button leads to what was done, and does not throw the customer out a second time.
        tab.go_back()
        expect(tab.get_by_role("heading", name="The payment is approved")).to_be_visible()
        assert company.seen.count("/return?basket=7") == 1

    def test_after_cancelling(self, tab: Page, live_server: Any, company: Any) -> None:
        anna, app = customer("Anna"), AppFactory()
        _, authorisation = ask_payment(
            app, anna.account, redirect_uri=f"{company.url}/return", nok_uri=f"{company.url}/nok"
        )
        tab.goto(live_server.url + page(authorisation.pk))
        tab.get_by_role("button", name="Cancel and go back").click()
        tab.wait_for_url(f"{company.url}/nok")

    def test_without_javascript_by_a_link(
        self, running_browser: Browser, live_server: Any, company: Any
    ) -> None:
        anna, app = customer("Anna"), AppFactory()
        _, authorisation = ask_consent(app, anna.account, redirect_uri=f"{company.url}/return")
        with closing(running_browser.new_context(java_script_enabled=False)) as context:
            tab = context.new_page()
            tab.goto(live_server.url + page(authorisation.pk))
            _enter_password(tab, anna)
            tab.get_by_label("Code from").fill(code_for(anna))
            submit(tab, "Continue")
            submit(tab, "Allow")
            tab.get_by_role("link", name="Back to ShopPay").click()
            tab.wait_for_url(f"{company.url}/return")

    def test_a_lost_browser_begins_anew(
        self, running_browser: Browser, live_server: Any, tab: Page, company: Any
    ) -> None:
        """Another browser with the same link, after the password was sent in the first, is asked for it too."""
        anna, app = customer("Anna"), AppFactory()
        _, authorisation = ask_consent(app, anna.account, redirect_uri=f"{company.url}/return")
        tab.goto(live_server.url + page(authorisation.pk))
        _enter_password(tab, anna)
        with closing(tools.new_context(running_browser)) as context:
            other = context.new_page()
            other.goto(live_server.url + page(authorisation.pk, "code"))
            expect(other.get_by_label("Password")).to_be_visible()


def test_a_payment_page_renews_itself(
    running_browser: Browser, live_server: Any, world: tuple[PSU, App]
) -> None:
    from django.db import transaction

    from apps.core import clock
    from apps.payments.services import lock_payment_for_execution, note_execution

    anna, _ = world
    visitor = Visitor()
    visitor.sign_in(anna)
    payment = visitor.begin_payment(anna)
    visitor.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
    name = django_settings.SESSION_COOKIE_NAME
    with closing(tools.new_context(running_browser)) as context:
        context.add_cookies(
            [{"name": name, "value": visitor.http.cookies[name].value, "url": live_server.url}]
        )
        tab = context.new_page()
        tab.goto(f"{live_server.url}/pay/{payment.pk}/")
        expect(tab.get_by_text("We are carrying it out")).to_be_visible()
        with transaction.atomic():
            note_execution(
                payment=lock_payment_for_execution(payment_id=payment.pk), status="ACSC", now=clock.now()
            )
        expect(tab.get_by_text("left your account on")).to_be_visible(timeout=10_000)
        assert SCAAuthorisation.objects.filter(sca_status="finalised").count() == 3
