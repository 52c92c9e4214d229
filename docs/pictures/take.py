"""Take the README's pictures from the running sandbox: ``.venv/bin/python docs/pictures/take.py`` beside ``make run``.

Needs the test requirements and a Chromium (``BANK_CHROMIUM`` names another one).
"""

import base64
import hmac
import json
import os
import re
import shutil
import struct
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwk, jwt
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).resolve().parent
SANDBOX = json.loads(
    (Path(os.environ.get("BANK_VAR_DIR", "var")) / "sandbox.json").read_text(encoding="utf-8")
)
BANK = SANDBOX["bank_url"]
WIDTH, HEIGHT = 1180, 760


def person(kind: str, user_id: str) -> dict[str, Any]:
    """A log-in of the sandbox."""
    found: dict[str, Any] = next(entry for entry in SANDBOX[kind] if entry["user_id"] == user_id)
    return found


def messages(user_id: str) -> list[dict[str, Any]]:
    """What is on a phone, newest first."""
    answer = httpx.get(f"{BANK}/sandbox/messages.json", params={"customer": user_id}).json()
    found: list[dict[str, Any]] = answer["messages"] if isinstance(answer, dict) else answer
    return found


def code_after(user_id: str, known: int) -> str:
    """The code in the message that comes next."""
    for _ in range(200):
        if len(found := messages(user_id)) > known:
            text = re.sub(r"\b[A-Z]{2}[0-9]{2}(?: [0-9A-Z]{1,4})+", "", found[0]["text"])
            if code := re.search(r"(?<![0-9])[0-9]{6}(?![0-9])", text):
                return code.group()
        time.sleep(0.1)
    raise SystemExit(f"No code reached {user_id}.")


def totp(secret: str) -> str:
    """What an authenticator app shows now (RFC 6238)."""
    mac = hmac.digest(base64.b32decode(secret), struct.pack(">Q", int(time.time()) // 30), "sha1")
    number = struct.unpack(">I", mac[mac[-1] & 15 :][:4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06d}"


def visitor(browser: Browser, *, width: int = WIDTH, height: int = HEIGHT) -> Page:
    """A fresh browser window."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale="en-GB",
        color_scheme="light",
        reduced_motion="reduce",
    )
    return context.new_page()


def fill_and_send(page: Page, **fields: str) -> None:
    """Fill a form and press its button."""
    for name, value in fields.items():
        page.fill(f"input[name={name}]", value)
    page.click(f"form:has(input[name={next(iter(fields))}]) button[type=submit]")


def sign_in(page: Page, url: str, who: dict[str, Any]) -> None:
    """Password, then the code of the phone."""
    page.goto(url)
    known = len(messages(who["user_id"]))
    fill_and_send(page, user_id=who["user_id"], password=who["password"])
    page.wait_for_selector("input[name=code]")
    fill_and_send(page, code=code_after(who["user_id"], known))
    page.wait_for_load_state("networkidle")


def shoot(page: Page, name: str) -> None:
    """Write one picture."""
    page.evaluate("document.fonts.ready")
    page.screenshot(path=HERE / f"{name}.png")
    sys.stdout.write(f"{name}.png {(HERE / f'{name}.png').stat().st_size // 1024} kB\n")


def payment_by_shoppay(debtor_iban: str) -> str:
    """A payment that waits for its customer; the address to which ShopPay would send her."""
    tpp = next(entry for entry in SANDBOX["tpps"] if entry["name"] == "ShopPay")
    now = int(time.time())
    claims = {"iss": tpp["client_id"], "sub": tpp["client_id"], "aud": BANK, "jti": str(uuid.uuid4())}
    assertion = jwt.encode(
        {"alg": "ES256", "kid": tpp["kid"]},
        claims | {"iat": now, "exp": now + 60},
        jwk.import_key(tpp["private_key_pem"], "EC"),
    )
    token = httpx.post(
        f"{BANK}/oauth/token",
        data={
            "grant_type": "client_credentials",
            "scope": "pisp",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        },
    ).json()["access_token"]
    payment = httpx.post(
        f"{BANK}/v1/payments/sepa-credit-transfers",
        headers={
            "Authorization": f"Bearer {token}",
            "X-Request-ID": str(uuid.uuid4()),
            "PSU-IP-Address": "192.0.2.1",
            "TPP-Redirect-URI": tpp["redirect_uris"][1],
        },
        json={
            "debtorAccount": {"iban": debtor_iban},
            "instructedAmount": {"currency": "EUR", "amount": "1249.00"},
            "creditorAccount": {"iban": "DE02120300000000202051"},
            "creditorName": "Möbelhaus Kern GmbH",
            "remittanceInformationUnstructured": "Order 88-2041",
        },
    ).json()
    address: str = payment["_links"]["scaRedirect"]["href"]
    return address


def main() -> None:
    """The portal, the page on which a payment is signed, the console, and the staff's overview."""
    chromium = os.environ.get("BANK_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    anna = person("customers", "anna")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = visitor(browser)
        sign_in(page, f"{BANK}/sign-in/", anna)
        shoot(page, "portal")

        page = visitor(browser, width=760, height=960)
        page.goto(payment_by_shoppay(anna["accounts"][0]["iban"]))
        fill_and_send(page, user_id=anna["user_id"], password=anna["password"])
        page.wait_for_selector("input[name=code]")
        shoot(page, "sign")

        page = visitor(browser)
        fiona = person("tpp_members", "fiona")
        page.goto(f"{BANK}/developers/sign-in/")
        fill_and_send(page, username=fiona["user_id"], password=fiona["password"])
        page.wait_for_selector("input[name=code]")
        fill_and_send(page, code=totp(fiona["totp_secret"]))
        page.wait_for_load_state("networkidle")
        page.goto(f"{BANK}/developers/first-call/")
        page.wait_for_load_state("networkidle")
        shoot(page, "console")

        page = visitor(browser)
        sign_in(page, f"{BANK}/staff/", person("staff", "rita"))
        shoot(page, "staff")
        browser.close()


if __name__ == "__main__":
    main()
