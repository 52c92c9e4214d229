"""Developers of TPPs against the real processes: the console behind its sign-in, and the first call of the examples."""

import os
import subprocess
import sys
import time
from base64 import b32decode
from pathlib import Path

import pytest
from django_otp.oath import TOTP
from playwright.sync_api import Browser

from tests.browser import check_page, new_context, press
from tests.journeys.stack import RunningStack
from tests.journeys.test_pages import crawl

ROOT = Path(__file__).resolve().parent.parent.parent


def code_of(secret_text: str) -> str:
    """What the authenticator app of a member of the sandbox shows."""
    totp = TOTP(b32decode(secret_text + "=" * (-len(secret_text) % 8)))
    totp.time = time.time()
    return f"{totp.token():06d}"


@pytest.mark.req("S0-19", "S0-25", "S0-28", "S0-31")
def test_the_example_makes_the_first_call(stack: RunningStack) -> None:
    done = subprocess.run(
        ["bash", str(ROOT / "examples" / "first_call.sh"), "--as", "anna"],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"SANDBOX_FILE": str(stack.var / "sandbox.json"), "PYTHON": sys.executable},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    accounts = done.stdout.split("6. The accounts")[1]
    assert all(account["iban"] in accounts for account in stack.customer("anna")["accounts"])


# A code works once, so each shape has its own member.
@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme", "user_id"), [(320, "light", "fiona"), (1366, "dark", "paul")])
def test_console_for_members(
    browser: Browser, stack: RunningStack, width: int, scheme: str, user_id: str
) -> None:
    """An error's page is the same for everybody: test_pages looks at each."""
    member = next(entry for entry in stack.sandbox["tpp_members"] if entry["user_id"] == user_id)
    context = new_context(browser, width=width, scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{stack.bank_url}/developers/apps/")
    page.fill("input[name=username]", user_id)
    page.fill("input[name=password]", member["password"])
    press(page, "main form:has(input[name=password]) button[type=submit]")
    page.wait_for_url("**/sign-in/code/")
    check_page(page)
    page.fill("input[name=code]", code_of(member["totp_secret"]))
    press(page, "main form:has(input[name=code]) button[type=submit]")
    page.wait_for_url("**/developers/apps/")
    start = f"{stack.bank_url}/developers/"
    visited = crawl(context, start, inside=start, outside=(f"{start}errors/",))
    assert len(visited) >= 12, visited
    context.close()
