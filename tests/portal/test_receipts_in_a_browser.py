"""The receipt in a real Chromium: clean at every width, downloaded by keyboard, checked with what was downloaded."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.receipts.rules import read_jwks, verify_receipt
from tests import browser as tools
from tests.factories.accounts import bank_accounts, customer
from tests.factories.payments import authorised_payment
from tests.portal.test_in_a_browser import check, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna")


@pytest.fixture
def payment(anna: PSU) -> PaymentInitiation:
    return authorised_payment(anna)


@pytest.mark.slow
def test_the_page_is_clean(
    running_browser: Browser,
    live_server: Any,
    anna: PSU,
    payment: PaymentInitiation,
) -> None:
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        sign_in(tab, live_server.url, anna)
        tab.goto(f"{live_server.url}/pay/{payment.pk}/")
        tools.press(tab, tab.get_by_role("link", name="Receipt"))
        check(tab)


@pytest.mark.req("P-72")
def test_it_is_downloaded_by_keyboard_and_genuine(
    running_browser: Browser, live_server: Any, anna: PSU, payment: PaymentInitiation, tmp_path: Path
) -> None:
    with closing(tools.new_context(running_browser)) as context:
        tab = context.new_page()
        sign_in(tab, live_server.url, anna)
        tab.goto(f"{live_server.url}/receipts/payment/{payment.pk}/")
        saved = {}
        for name in ("Signed receipt (JSON)", "To print (PDF)"):
            tab.get_by_role("link", name=name).focus()
            with tab.expect_download() as waited:
                tab.keyboard.press("Enter")
            saved[name] = tmp_path / waited.value.suggested_filename
            waited.value.save_as(saved[name])
        keys = context.request.get(f"{live_server.url}/receipts/jwks").body()
        content = verify_receipt(saved["Signed receipt (JSON)"].read_bytes(), keys=read_jwks(keys))
        assert content["subject"]["id"] == str(payment.pk)
        assert saved["To print (PDF)"].read_bytes().startswith(b"%PDF-1.")
        assert json.loads(keys)["keys"]
