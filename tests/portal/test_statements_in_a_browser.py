"""The statements in a real Chromium: clean at every width, downloads by keyboard, and without JavaScript."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from apps.identity.models import PSU
from tests import browser as tools
from tests.factories.identity import PASSWORD
from tests.portal.kit import code_for
from tests.portal.test_in_a_browser import check, sign_in
from tests.statements.world import awkward_account

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def zofia(db: None) -> PSU:
    psu, account = awkward_account()
    psu.account = account
    return psu


@pytest.mark.slow
def test_the_page_is_clean_with_and_without_errors(
    running_browser: Browser, live_server: Any, zofia: PSU
) -> None:
    path = f"{live_server.url}/accounts/{zofia.account.pk}/"
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        sign_in(tab, live_server.url, zofia)
        tab.goto(path)
        tools.press(tab, tab.get_by_role("link", name="Statements"))
        check(tab)
        tab.goto(f"{path}statements/period/?date_from=2026-10-31&date_to=2026-10-01&file_format=pdf")
        check(tab)
        expect(tab.get_by_label("Last day")).to_have_attribute("aria-invalid", "true")


def test_a_month_and_a_period_are_downloaded_by_keyboard(
    running_browser: Browser, live_server: Any, zofia: PSU, tmp_path: Path
) -> None:
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        sign_in(tab, live_server.url, zofia)
        tab.goto(f"{live_server.url}/accounts/{zofia.account.pk}/statements/")
        tab.get_by_role("link", name="PDF October 2026").focus()
        with tab.expect_download() as waited:
            tab.keyboard.press("Enter")
        file = tmp_path / "statement.pdf"
        waited.value.save_as(file)
        assert file.read_bytes().startswith(b"%PDF-1.")
        assert waited.value.suggested_filename == f"statement-{zofia.account.iban[-10:]}-2026-10.pdf"
        tab.get_by_label("First day").fill("2026-10-07")
        tab.get_by_label("Last day").fill("2026-10-31")
        tab.get_by_label("File").select_option("csv")
        tab.get_by_label("File").press("Tab")
        with tab.expect_download() as waited:
            tab.keyboard.press("Enter")
        assert waited.value.suggested_filename.endswith("-20261007-20261031.csv")
        # The page is still there, and its button can be pressed again.
        expect(tab.get_by_role("button", name="Download")).to_be_enabled()


def test_everything_works_without_javascript(running_browser: Browser, live_server: Any, zofia: PSU) -> None:
    with closing(running_browser.new_context(java_script_enabled=False)) as context:
        tab = context.new_page()
        tab.goto(f"{live_server.url}/sign-in/")
        tab.get_by_label("User ID").fill(zofia.user.username)
        tab.get_by_label("Password").fill(PASSWORD)
        tools.press(tab, tab.get_by_role("button", name="Continue"))
        tab.get_by_label("Code from").fill(code_for(zofia))
        tools.press(tab, tab.get_by_role("button", name="Sign in"))
        tab.goto(f"{live_server.url}/accounts/{zofia.account.pk}/statements/")
        with tab.expect_download() as waited:
            tab.get_by_role("link", name="camt.053 October 2026").click()
        assert waited.value.suggested_filename.endswith(".camt053.xml")
        tab.get_by_label("Last day").fill("2027-01-01")
        tools.press(tab, tab.get_by_role("button", name="Download"))
        expect(tab.get_by_role("alert")).to_contain_text("The last day may be today at the latest.")
