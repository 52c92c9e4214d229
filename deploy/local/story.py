"""The two stories that ``make demo`` plays, step by step, through the doors that strangers use."""

import base64
import json
import re
import secrets
import time
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg

from deploy.local import postgres
from deploy.local.browser import Browser, Form, Page
from deploy.local.config import Config, read_env_file
from deploy.local.narrator import Narrator, StepFailed
from deploy.local.programs import WEB_ROLE

# Who plays the customer: the first who has asked for few codes lately (the bank sends three in ten minutes).
_PAYERS = ("anna", "david", "carla", "dora")
_PAYEE = "emil"
_CODES_NEEDED = 2
_CODES_ALLOWED = 3
_WINDOW = timedelta(minutes=10)
_AMOUNT = "24.90"
_FINAL_SECONDS = 20
_SSO_COOKIE = "shoppay_sso"
_CODE = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])")


def _claims(token: str) -> dict[str, Any]:
    """What a JWT says, unchecked: for showing only."""
    part = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims


def _path(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


class Story:
    """The customer with browser and phone, ShopPay, and the bank."""

    def __init__(self, *, config: Config, narrator: Narrator) -> None:
        self._config = config
        self._say = narrator
        sandbox = json.loads((config.var / "sandbox.json").read_text(encoding="utf-8"))
        self._customers: dict[str, dict[str, Any]] = {c["user_id"]: c for c in sandbox["customers"]}
        self._bank = httpx.Client(base_url=config.bank_url, trust_env=False, timeout=20)
        self._tpp = httpx.Client(base_url=config.tpp_url, trust_env=False, timeout=40)
        self._browser = Browser(on_request=self._browsed)
        self._who = self._customers[_PAYERS[0]]
        self._shopper = {"userId": f"demo-{secrets.token_hex(4)}", "password": secrets.token_urlsafe(18)}
        self._jwt = ""
        self._enrolment: dict[str, Any] = {}
        self._shown_calls: set[tuple[str, int]] = set()

    def close(self) -> None:
        """Close the connections."""
        for client in (self._bank, self._tpp, self._browser):
            client.close()

    def play(self) -> None:
        """Both stories, then the books.

        :raises StepFailed: something did not hold.
        """
        self._choose_customer()
        self._say.figure("Figure 1. The customer connects an account with ShopPay")
        before = self._ledger()
        self._ask_shoppay_to_connect()
        self._sign_in_at_the_bank_and_allow()
        self._bring_back_the_code()
        self._read_the_account()
        self._say.figure("Figure 2. The customer pays through ShopPay")
        balance = self._balance()
        payment = self._order_a_payment()
        self._approve_the_payment(payment)
        self._get_the_confirmation(payment, balance_before=balance)
        self._say.figure("The books")
        self._look_at_the_books(before)

    # Small helpers ------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return str(self._who["user_id"]).capitalize()

    @property
    def _account(self) -> dict[str, Any]:
        account: dict[str, Any] = self._who["accounts"][0]
        return account

    def _browsed(self, response: httpx.Response) -> None:
        request = response.request
        whom = "bank" if request.url.port == self._config.web_port else "ShopPay"
        leads = response.headers.get("Location", "")
        note = f"-> {urlsplit(leads).path or leads}" if leads else ""
        self._say.call(
            f"{self._name}'s browser",
            whom,
            request.method,
            _path(str(request.url)),
            response.status_code,
            note=note,
        )

    def _shoppay(
        self, method: str, path: str, *, token: str | None = None, expect: int = 200, **body: Any
    ) -> Any:
        """Call ShopPay's API as the customer's app does."""
        token = self._jwt if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = self._tpp.request(method, path, headers=headers, json=body or None)
        self._say.call(f"{self._name}'s app", "ShopPay", method, path, answer.status_code)
        if answer.status_code != expect:
            raise StepFailed(
                f"ShopPay answers {expect} to {method} {path}, not {answer.status_code}: {answer.text[:400]}"
            )
        return answer.json() if answer.content else {}

    def _show_bank_calls(self, record: dict[str, Any]) -> None:
        """What ShopPay did at the bank meanwhile, from its own technical record."""
        for call in record.get("calls", []):
            key = (str(call["request_id"]), int(call["at"]))
            if key not in self._shown_calls:
                self._shown_calls.add(key)
                self._say.call("ShopPay", "bank", call["method"], call["path"], call["status"])

    def _messages(self) -> list[dict[str, Any]]:
        answer = self._bank.get("/sandbox/messages.json", params={"customer": self._who["user_id"]})
        self._say.expect(answer.status_code == 200, "the sandbox shows the customer's text messages")
        found: list[dict[str, Any]] = answer.json()
        return found

    def _wait_for_message(self, known: int, *, seconds: float = 15) -> str:
        """The text of the next message."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            messages = self._messages()
            if len(messages) > known:
                text: str = messages[0]["text"]
                self._say.call("bank", f"{self._name}'s phone", "SMS", messages[0]["to"], 200)
                self._say.seen(f"{self._name}'s phone shows", [text])
                return text
            time.sleep(0.1)
        raise StepFailed(f"a text message reaches the phone within {seconds:.0f} s")

    def _code_in(self, text: str) -> str:
        found = _CODE.findall(text)
        self._say.expect(len(found) == 1, "the message holds one code of six digits")
        return str(found[0])

    def _form(self, page: Page, *kinds: str) -> tuple[Form, list[str]]:
        """The form of the page that has fields of these types, and their names."""
        for form in page.forms:
            names = [next((n for n, t in form.types.items() if t == kind), "") for kind in kinds]
            if all(names):
                return form, names
        raise StepFailed(f"the page {_path(page.url)} ({page.status}) has a form for {' and '.join(kinds)}")

    def _show_page(self, page: Page, *, most: int = 20) -> None:
        lines = [line for line in page.main.split("\n") if len(line) > 1]
        self._say.seen(f"{self._name} sees", lines[:most])

    def _ledger(self) -> dict[str, Any]:
        answer = self._bank.get("/sandbox/ledger.json")
        self._say.expect(answer.status_code == 200, "the sandbox shows the ledger's sums")
        found: dict[str, Any] = answer.json()
        return found

    def _balance(self) -> Decimal:
        """The account's balance as the bank's interface tells ShopPay."""
        record = self._shoppay("GET", f"/api/enrolments/{self._enrolment['enrolmentId']}/accounts")
        return self._booked(record)

    def _booked(self, record: dict[str, Any]) -> Decimal:
        balances = {b["balanceType"]: b["balanceAmount"]["amount"] for b in record["accounts"][0]["balances"]}
        for kind in ("interimBooked", "closingBooked", "interimAvailable", "expected"):
            if kind in balances:
                return Decimal(balances[kind])
        raise StepFailed(f"the bank tells a balance (it told {', '.join(balances) or 'none'})")

    # Who plays ----------------------------------------------------------------------------------------

    def _choose_customer(self) -> None:
        clock = self._bank.get("/sandbox/clock.json").json()
        now = datetime.fromisoformat(clock["bank_now"])
        for user_id in _PAYERS:
            self._who = self._customers[user_id]
            recent = [m for m in self._messages() if datetime.fromisoformat(m["sent_at"]) > now - _WINDOW]
            if len(recent) + _CODES_NEEDED <= _CODES_ALLOWED:
                return
        # Everybody has had codes; let the bank's clock, not ours, go on.
        self._who = self._customers[_PAYERS[0]]
        seconds = int(_WINDOW.total_seconds()) + 1
        self._bank.post("/sandbox/clock.json", json={"advance_seconds": seconds}, headers={"X-Sandbox": "1"})
        self._say.fact(
            "The bank's clock was moved on by ten minutes: nobody may ask for more codes just now."
        )

    # Figure 1 -----------------------------------------------------------------------------------------

    def _log_in_at_shoppay(self) -> None:
        """With ShopPay's own password; the SSO token comes back in a cookie of the browser (S0-15, S0-16)."""
        page = self._browser.open(f"{self._config.tpp_url}/log-in")
        form = page.form_with("user_id", "password")
        if form is None:
            raise StepFailed("ShopPay has a form to log in")
        self._browser.submit(
            form, {"user_id": self._shopper["userId"], "password": self._shopper["password"]}, follow=False
        )
        self._jwt = self._browser.cookie(_SSO_COOKIE)
        self._say.expect(self._jwt.count(".") == 2, "ShopPay gives its SSO token")

    def _ask_shoppay_to_connect(self) -> None:
        self._say.step(f"1  {self._name} logs in at ShopPay, a TPP, with the password used there")
        self._shoppay("POST", "/api/register", expect=201, **self._shopper)
        self._log_in_at_shoppay()
        self._say.fact(f"ShopPay's SSO token (JWT): {json.dumps(_claims(self._jwt))}")
        head, payload, signature = self._jwt.split(".")
        forged = f"{head}.{payload}.{signature[:-4]}AAAA"
        self._shoppay("POST", "/api/enrol", token=forged, expect=401, iban=self._account["iban"])
        self._say.holds(True, "a forged token is refused")

        self._say.step(
            "2  The IBAN goes to ShopPay, which finds the bank by it, asks for a consent, sends the browser there"
        )
        page = self._browser.open(f"{self._config.tpp_url}/banks")
        form = page.form_with("iban")
        if form is None:
            raise StepFailed("ShopPay has a form to connect an account")
        sent = self._browser.submit(form, {"iban": self._account["iban"]}, follow=False)
        leads_to = sent.response.headers.get("Location", "")
        if not leads_to.startswith(self._config.bank_url):
            raise StepFailed(f"ShopPay sends the browser to the bank ({sent.status}: {sent.main[:300]})")
        self._enrolment = self._shoppay("GET", "/api/enrolments")["enrolments"][0] | {"redirect": leads_to}
        self._show_bank_calls(self._shoppay("GET", f"/api/enrolments/{self._enrolment['enrolmentId']}"))
        asked = parse_qs(urlsplit(leads_to).query)
        self._say.fact(
            f"IBAN {self._account['iban']} leads to {self._enrolment['bank']}; consent"
            f" {self._enrolment['consentId']}"
        )
        self._say.holds(
            asked.get("code_challenge_method") == ["S256"] and "state" in asked and "nonce" in asked,
            "the request carries PKCE (S256), state and nonce",
        )

    def _sign_in_at_the_bank_and_allow(self) -> None:
        self._say.step(
            f"3  {self._name} signs in with password and code at the bank, sees what is asked, and allows it"
        )
        page = self._browser.open(self._enrolment["redirect"])
        self._show_page(page)
        code_page = self._give_password(page)
        self._say.expect("password" not in code_page.form_types, "after the password comes the code")
        confirm = self._give_code(code_page, self._code_in(self._wait_for_message(self._known)))
        self._show_page(confirm, most=30)
        self._say.holds("ShopPay" in confirm.text, "the page names the company that asks")
        self._say.holds(self._shows_iban(confirm, self._account["iban"]), "the page shows the account")
        form = next(
            (f for f in confirm.forms if any("allow" in text.lower() for _, _, text in f.buttons)), None
        )
        if form is None:
            raise StepFailed("the page has a button to allow it")
        self._done = self._browser.submit(form, {}, button="Allow")

    @staticmethod
    def _shows_iban(page: Page, iban: str) -> bool:
        return iban.replace(" ", "") in re.sub(r"\s+", "", page.text)

    def _give_password(self, page: Page) -> "_CodePage":
        self._known = len(self._messages())
        form, (user_field, password_field) = self._form(page, "text", "password")
        answer = self._browser.submit(
            form, {user_field: self._who["user_id"], password_field: self._who["password"]}
        )
        return _CodePage(answer)

    def _give_code(self, page: "_CodePage", code: str) -> Page:
        if page.form is None:
            raise StepFailed(f"the page {_path(page.page.url)} asks for the code")
        return self._browser.submit(page.form, {page.field: code})

    def _link_back(self, page: Page) -> str:
        """The link that leads back to ShopPay: no form may be answered by a redirect to another site (CSP)."""
        self._show_page(page)
        back = next((link for link in page.links if link.href.startswith(self._config.tpp_url)), None)
        if back is None:
            raise StepFailed(f"the page {_path(page.url)} ({page.status}) has a link back to ShopPay")
        return back.href

    def _bring_back_the_code(self) -> None:
        self._say.step("4  The browser brings the authorization code to ShopPay, which fetches the tokens")
        back = self._link_back(self._done)
        answer = parse_qs(urlsplit(back).query)
        self._say.holds("code" in answer and "state" in answer, "the answer carries code and state")
        self._say.holds(answer.get("iss") == [self._config.bank_url], "and says who gave it (iss)")
        arrived = self._browser.open(back)
        record = self._shoppay("GET", f"/api/enrolments/{self._enrolment['enrolmentId']}")
        self._show_bank_calls(record)
        self._say.expect(
            arrived.status == 200, f"ShopPay takes the code ({arrived.status}: {arrived.main[:300]})"
        )
        self._say.holds(
            record["state"] == "active",
            "ShopPay has Access, Refresh and ID token and confirms the connection",
        )
        again = self._tpp.get(_path(back), headers={"Authorization": f"Bearer {self._jwt}"})
        self._say.call("somebody", "ShopPay", "GET", _path(back), again.status_code, note="once more")
        self._say.holds(again.status_code >= 400, "the same answer a second time gives nothing")
        self._connected = arrived

    def _read_the_account(self) -> None:
        self._say.step("5  ShopPay reads the account with the Access token")
        record = self._shoppay("GET", f"/api/enrolments/{self._enrolment['enrolmentId']}/accounts")
        self._show_bank_calls(self._shoppay("GET", f"/api/enrolments/{self._enrolment['enrolmentId']}"))
        account = record["accounts"][0]
        self._say.expect(account["iban"] == self._account["iban"], "it is the account that was allowed")
        self._show_page(self._connected, most=12)
        self._say.holds(
            len(record["accounts"]) == 1 and account["transactions"],
            f"ShopPay sees this one account, {self._booked(record)} {account['currency']}, and its transactions",
        )

    # Figure 2 -----------------------------------------------------------------------------------------

    def _order_a_payment(self) -> dict[str, Any]:
        payee = self._customers[_PAYEE]
        self._say.step(f"1  {self._name} logs in at ShopPay and orders: {_AMOUNT} EUR to {payee['name']}")
        self._log_in_at_shoppay()
        self._known = len(self._messages())
        page = self._browser.open(f"{self._config.tpp_url}/pay")
        form = page.form_with("creditor_name", "creditor_iban", "amount", "debtor_iban")
        if form is None:
            raise StepFailed("ShopPay has a form for a payment")
        order = {
            "creditor_name": payee["name"],
            "creditor_iban": payee["accounts"][0]["iban"],
            "debtor_iban": self._account["iban"],
            "amount": _AMOUNT,
            "reference": f"Demo {secrets.token_hex(3)}",
        }
        sent = self._browser.submit(form, order, follow=False)
        leads_to = sent.response.headers.get("Location", "")
        if not leads_to.startswith(self._config.bank_url):
            raise StepFailed(f"ShopPay sends the browser to the bank ({sent.status}: {sent.main[:300]})")
        self._say.step(
            "2  ShopPay sends the order with the ID token; the bank checks it and sends a code at once"
        )
        payment: dict[str, Any] = self._shoppay("GET", "/api/payments")["payments"][0]
        record = self._shoppay("GET", f"/api/payments/{payment['id']}")
        self._show_bank_calls(record)
        self._say.expect(record["withIdToken"], "the order went out with the ID token")
        self._say.fact(
            f"Payment {payment['paymentId']}: {record['transactionStatus']}; nothing is booked yet"
        )
        self._sms = self._wait_for_message(self._known)
        self._say.holds(_AMOUNT in self._sms.replace(",", "."), "the message names the amount")
        self._say.holds(payee["name"] in self._sms, "the message names the payee")
        return payment

    def _approve_the_payment(self, payment: dict[str, Any]) -> None:
        self._say.step(
            f"3  {self._name} follows the link to the bank, sees the payment, and approves it with the code"
        )
        page = self._browser.open(payment["redirect"])
        self._show_page(page)
        code_page = self._give_password(page)
        self._show_page(code_page.page, most=30)
        messages = self._messages()
        if len(messages) > self._known:
            self._sms = self._wait_for_message(self._known)
        text = code_page.page.text.replace(",", ".")
        self._say.holds(_AMOUNT in text, "the page shows the amount while the code is asked for")
        payee_iban = self._customers[_PAYEE]["accounts"][0]["iban"]
        self._say.holds(
            self._shows_iban(code_page.page, payee_iban)
            and self._shows_iban(code_page.page, self._account["iban"]),
            "and both IBANs",
        )
        self._done = self._give_code(code_page, self._code_in(self._sms))

    def _get_the_confirmation(self, payment: dict[str, Any], *, balance_before: Decimal) -> None:
        self._say.step(
            "4  The engine books the payment, the bank confirms it to ShopPay, ShopPay to the customer"
        )
        back = self._link_back(self._done)
        self._browser.open(back)
        record: dict[str, Any] = {}
        told: list[str] = []
        deadline = time.monotonic() + _FINAL_SECONDS
        while time.monotonic() < deadline:
            record = self._shoppay("GET", f"/api/payments/{payment['id']}?wait=10")
            told = [notice["transactionStatus"] for notice in record["notifications"]]
            if record["final"] and record["transactionStatus"] in told:
                break
            time.sleep(0.3)
        self._show_bank_calls(record)
        for status in told:
            self._say.call("bank", "ShopPay", "POST", "/notify", 204, note=status)
        self._say.holds(
            record["transactionStatus"] in ("ACSC", "ACCC"),
            f"the payment is booked ({record['transactionStatus']})",
        )
        self._say.holds(record["transactionStatus"] in told, "the bank has told ShopPay so by itself")
        self._show_page(self._browser.open(f"{self._config.tpp_url}/payments/{payment['id']}"), most=12)
        after = self._balance()
        self._say.fact(f"Balance of {self._account['iban']}: {balance_before} EUR before, {after} EUR after")
        self._say.holds(
            balance_before - after == Decimal(_AMOUNT), f"the account is lower by exactly {_AMOUNT} EUR"
        )

    # The books ----------------------------------------------------------------------------------------

    def _look_at_the_books(self, before: dict[str, Any]) -> None:
        self._say.step("The ledger after both stories")
        after = self._ledger()
        self._say.call("anybody", "bank", "GET", "/sandbox/ledger.json", 200)
        self._say.fact(
            f"{after['entries']} entries with {after['postings']} postings ({after['entries'] - before['entries']} and"
            f" {after['postings'] - before['postings']} new); debits {after['debits_minor'] / 100:,.2f}, credits"
            f" {after['credits_minor'] / 100:,.2f}"
        )
        self._say.holds(after["difference_minor"] == 0, "the sum over the whole ledger is 0")
        self._say.holds(after["sound"], "every entry balances, and every balance is the sum of its postings")
        self._say.step("Only the engine may write postings")
        self._try_to_post_as_the_web_server()

    def _try_to_post_as_the_web_server(self) -> None:
        values = read_env_file(self._config.env_file)
        url = postgres.with_role(values["DATABASE_URL"], user=WEB_ROLE, password=values["BANK_WEB_PASSWORD"])
        statement = "INSERT INTO ledger_posting SELECT * FROM ledger_posting LIMIT 1"
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                connection.execute(statement)
        except psycopg.errors.InsufficientPrivilege as refusal:
            self._say.fact(f"{WEB_ROLE}: {statement}")
            self._say.holds(True, f"the database refuses: {str(refusal).splitlines()[0]}")
        else:
            raise StepFailed("the database refuses a posting from the web server's role")


class _CodePage:
    """The page that asks for the code."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.form = page.form_with("code")
        self.field = "code"

    @property
    def form_types(self) -> set[str]:
        """The kinds of field on the page."""
        return {kind for form in self.page.forms for kind in form.types.values()}
