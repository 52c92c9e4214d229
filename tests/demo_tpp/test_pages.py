"""Headers, CSRF, language, and that every page speaks both languages."""

import re
import string
from decimal import Decimal
from pathlib import Path

import pytest

from examples.demo_tpp import texts
from examples.demo_tpp.baskets import BASKETS, Basket
from examples.demo_tpp.directory import parse_iban
from tests.demo_tpp.conftest import TPP, csrf_of
from tests.demo_tpp.fake_bank import IBAN, ISSUER

FOLDER = Path(texts.__file__).parent


@pytest.mark.parametrize(
    "path", ["/", "/log-in", "/register", "/nothing-here", "/callback", "/api/enrolments"]
)
def test_every_answer_has_the_strict_headers(tpp: TPP, path: str) -> None:
    headers = tpp.browser.get(path).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["form-action"] == f"'self' {ISSUER}"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "no-store"


def test_pages_hold_nothing_inline_and_nothing_from_elsewhere() -> None:
    for path in (FOLDER / "templates").iterdir():
        content = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|style=|<script>|\son[a-z]+=|https?://", content), path.name
    for path in (FOLDER / "static").iterdir():
        content = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http" not in content, path.name


@pytest.mark.parametrize("path", ["/log-in", "/register", "/log-out", "/language", "/banks/connect", "/pay"])
@pytest.mark.parametrize("token", [None, "", "forged"])
def test_a_form_without_its_token_does_nothing(tpp: TPP, path: str, token: str | None) -> None:
    tpp.log_in()
    tpp.browser.get("/banks")
    data = {"iban": IBAN, "language": "de"} | ({} if token is None else {"csrf_token": token})
    answer = tpp.browser.post(path, data=data)
    assert answer.status_code == 403
    assert tpp.bank.requests == []
    assert tpp.browser.get("/banks").status_code == 200, "still logged in"


def test_a_form_of_another_site_does_nothing(tpp: TPP) -> None:
    tpp.log_in()
    data = {"csrf_token": csrf_of(tpp.browser, "/banks"), "iban": IBAN}
    assert (
        tpp.browser.post("/banks/connect", data=data, headers={"Origin": "https://evil.example"}).status_code
        == 403
    )
    assert tpp.browser.post("/banks/connect", data=data, headers={"Origin": "null"}).status_code == 403


def test_a_name_rebound_to_this_address_gets_nothing(tpp: TPP) -> None:
    assert tpp.browser.get("/", headers={"Host": "evil.example"}).status_code == 400


def test_the_log_out_ends_the_token(tpp: TPP) -> None:
    tpp.log_in()
    cookie = tpp.browser.get_cookie("shoppay_sso")
    assert cookie is not None
    tpp.browser.post("/log-out", data={"csrf_token": csrf_of(tpp.browser, "/banks")})
    thief = tpp.new_browser()
    thief.set_cookie("shoppay_sso", cookie.value, domain="localhost")
    assert thief.get("/banks").headers["Location"].startswith("/log-in")


def test_the_language_is_chosen_and_kept(tpp: TPP) -> None:
    assert 'lang="en"' in tpp.browser.get("/").text
    assert "Direkt von der Bank" in tpp.browser.get("/", headers={"Accept-Language": "de-DE,de;q=0.9"}).text
    data = {"csrf_token": csrf_of(tpp.browser, "/log-in"), "language": "de", "next": "/log-in"}
    answer = tpp.browser.post("/language", data=data)
    assert answer.headers["Location"] == "/log-in"
    assert "Bei ShopPay anmelden" in tpp.browser.get("/log-in").text


def test_every_sentence_has_both_languages_with_the_same_values() -> None:
    def names(sentence: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}

    for key, (english, german) in texts.TEXTS.items():
        assert english, key
        assert german, key
        assert names(english) == names(german), key


def test_every_sentence_that_a_page_names_exists() -> None:
    for path in (FOLDER / "templates").iterdir():
        for key in re.findall(r"\bt\('([a-z0-9_.]+)'[,)]", path.read_text(encoding="utf-8")):
            assert texts.has_text(key), f"{path.name}: {key}"


def test_the_program_imports_nothing_of_the_bank() -> None:
    for path in FOLDER.glob("*.py"):
        content = path.read_text(encoding="utf-8")
        assert not re.search(r"^\s*(from|import) (apps|bankportal|django|tests)\b", content, re.MULTILINE), (
            path.name
        )


def test_the_calls_to_the_bank_are_listed_without_secrets(tpp: TPP) -> None:
    enrolment = tpp.enrolled()
    tpp.log_in()
    answer = tpp.browser.get(f"/api/enrolments/{enrolment['enrolmentId']}", headers=tpp.bearer())
    paths = [(call["method"], call["path"], call["status"]) for call in answer.json["calls"]]
    assert ("POST", "/v1/consents", 201) in paths
    assert ("POST", "/oauth/token", 200) in paths
    assert not re.search(r"access-|refresh-|eyJ", answer.text)


def test_health_answers(tpp: TPP) -> None:
    assert tpp.browser.get("/health").json == {"status": "ok"}


@pytest.mark.parametrize("basket", BASKETS.values(), ids=BASKETS)
def test_the_lines_of_an_order_add_up_and_its_payee_has_a_valid_iban(basket: Basket) -> None:
    assert sum(item.total for item in basket.items) == Decimal(basket.total)
    assert str(parse_iban(basket.merchant_iban)) == basket.merchant_iban
    assert all(texts.has_text(item.name) for item in basket.items)
