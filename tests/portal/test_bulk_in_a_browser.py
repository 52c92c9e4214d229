"""Files of payments in a real Chromium: clean at every width, and the page that waits moves on by itself.

``BANK_PICTURES`` names a folder for pictures of the pages.
"""

from contextlib import closing
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from apps.core import clock
from apps.identity.models import PSU
from tests import browser as tools
from tests.bulk.world import carry_out
from tests.factories.accounts import bank_accounts, customer
from tests.portal.kit import code_for
from tests.portal.test_bulk import table
from tests.portal.test_in_a_browser import sign_in, submit
from tests.portal.test_later_in_a_browser import look

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def check_now() -> None:
    carry_out("bulk.check_file", "bulk.verify_payees", now=clock.now())


@pytest.mark.slow
@pytest.mark.plays("sms", "batch")
def test_every_page_is_clean(running_browser: Browser, live_server: Any, db: None) -> None:
    bank_accounts()
    anna, bruno = customer("Anna"), customer("Bruno", phone="+4915100000002")
    anna.account.owner_name = "Schneider Blumen e.K."
    anna.account.save()
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        sign_in(tab, live_server.url, anna)
        tab.goto(f"{live_server.url}/batches/")
        look(tab, "bulk-none")
        tools.press(tab, tab.get_by_role("link", name="Upload a file"))
        look(tab, "bulk-upload")
        _upload(tab, anna, "0", "1.00", "x" * 60, iban="DE00")
        look(tab, "bulk-checking")
        check_now()
        expect(tab.get_by_text("Nothing of it was taken in")).to_be_visible()
        look(tab, "bulk-problems")
        tab.goto(f"{live_server.url}/batches/new/")
        _upload(tab, anna, "1.00", "2.00", "3.00", iban=bruno.account.iban)
        check_now()
        expect(tab.get_by_text("The file is good")).to_be_visible()
        look(tab, "bulk-review")
        tools.press(tab, tab.get_by_role("link", name="All payments of the file"))
        look(tab, "bulk-items")
        tab.go_back()
        submit(tab, "Correct: send me the code")
        look(tab, "bulk-sign")
        tab.get_by_label("Code from").fill(code_for(anna))
        submit(tab, "Pay €6.00")
        expect(tab.get_by_text("Signed. We are carrying it out")).to_be_visible()
        look(tab, "bulk-booking")
        carry_out(now=clock.now())
        expect(tab.get_by_text("All paid")).to_be_visible()
        look(tab, "bulk-done")
        tab.goto(f"{live_server.url}/batches/")
        look(tab, "bulk-list")


def _upload(tab: Any, anna: PSU, *amounts: str, iban: str) -> None:
    content = table(anna, *amounts, iban=iban)
    tab.get_by_label("File", exact=True).set_input_files(
        {"name": "salaries-november.csv", "mimeType": "text/csv", "buffer": content}
    )
    submit(tab, "Upload and check")
    expect(tab.get_by_text("We are checking your file")).to_be_visible()
