"""Fees and interest in a real Chromium: on the account's page, with the statements, at the extremes of width."""

from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests import browser as tools
from tests.factories.accounts import bank_accounts, customer
from tests.portal.test_in_a_browser import sign_in
from tests.pricing.books import publish

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("width", "scheme", "language"), [(1366, "light", "en"), (320, "dark", "de")])
def test_prices_and_the_statement_of_fees_are_clean(
    running_browser: Browser, live_server: Any, width: int, scheme: Any, language: str
) -> None:
    bank_accounts()
    anna = customer("Anna")
    publish(valid_from="2026-11-01", maintenance=490, target_transfer=1500, overdraft=1050, credit=25)
    publish(valid_from="2027-03-01", maintenance=590, overdraft=1050, credit=25, told="2026-11-20")
    with closing(tools.new_context(running_browser, width=width, scheme=scheme)) as context:
        tab = context.new_page()
        sign_in(tab, live_server.url, anna)
        anna.user.language = language
        anna.user.save(update_fields=["language"])
        tab.goto(f"{live_server.url}/accounts/{anna.account.pk}/")
        tab.locator("details > summary").first.click()
        tools.check_page(tab)
        assert tools.small_targets(tab) == []
        tools.shoot(tab, f"costs-{width}")
        tab.goto(f"{live_server.url}/accounts/{anna.account.pk}/statements/")
        tools.check_page(tab)
        assert tools.small_targets(tab) == []
        tools.shoot(tab, f"costs-statements-{width}")
