"""From the IBAN to the bank (S0-18)."""

import json
from pathlib import Path

import pytest

from examples.demo_tpp.config import ConfigurationError, load_configuration
from examples.demo_tpp.directory import Bank, Directory, InvalidIBAN, UnknownBank
from tests.demo_tpp.conftest import TPP
from tests.demo_tpp.fake_bank import IBAN, iban_with_code

pytestmark = pytest.mark.req("S0-18")

DIRECTORY = Directory(
    [
        Bank(
            "Lindenbank", "DE", ("10099900", "10099901"), "https://linden.example", "https://linden.example"
        ),
        Bank("Ulmenbank", "DE", ("10099902",), "https://ulmen.example", "https://login.ulmen.example"),
    ]
)


def test_country_and_bank_code_name_the_bank() -> None:
    iban, bank = DIRECTORY.find_bank("de44 1009 9900 0000 0000 17")
    assert (iban, bank.name) == (IBAN, "Lindenbank")
    assert DIRECTORY.find_bank(iban_with_code("10099902", 5))[1].issuer == "https://login.ulmen.example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DE",
        "DE45100999000000000017",
        "DE4410099900000000001",
        "XX44100999000000000017",
        "x" * 99,
        "DE44١00999000000000017",
    ],
)
def test_what_is_no_iban_is_told_so(text: str) -> None:
    with pytest.raises(InvalidIBAN):
        DIRECTORY.find_bank(text)


def test_an_unknown_bank_is_named() -> None:
    with pytest.raises(UnknownBank) as caught:
        DIRECTORY.find_bank("DE02120300000000202051")
    assert caught.value.bank_code == "12030000"
    assert "Kreditbank" in (caught.value.name or "")


def test_the_api_says_which_bank_is_not_connected_and_calls_nobody(tpp: TPP) -> None:
    answer = tpp.browser.post("/api/enrol", json={"iban": "DE02120300000000202051"}, headers=tpp.bearer())
    assert answer.status_code == 422
    assert answer.json["error"] == "unknown_bank"
    assert "Kreditbank" in answer.json["error_description"]
    assert tpp.bank.requests == []


def write_sandbox(folder: Path, **changes: object) -> dict[str, str]:
    content = {
        "bank_url": "http://localhost:8000/",
        "tpp_url": "http://127.0.0.1:8100",
        "customers": [{"accounts": [{"iban": IBAN}, {"iban": "DE44 1009 9900 0000 0000 17"}]}],
        "tpps": [
            {
                "name": "ShopPay",
                "client_id": "c-1",
                "kid": "k-1",
                "private_key_pem": "PEM",
                "redirect_uris": ["http://127.0.0.1:8100/callback"],
            }
        ],
    } | changes
    path = folder / "sandbox.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return {"TPP_SANDBOX_FILE": str(path)}


def test_the_sandbox_file_configures_everything(tmp_path: Path) -> None:
    found = load_configuration(write_sandbox(tmp_path))
    assert (found.client_id, found.client_kid, found.client_key_pem) == ("c-1", "k-1", "PEM")
    assert found.redirect_uri == "http://127.0.0.1:8100/callback"
    assert found.notification_uri == "http://127.0.0.1:8100/notify"
    assert found.banks == (
        Bank("Lindenbank", "DE", ("10099900",), "http://localhost:8000", "http://localhost:8000"),
    )


def test_the_environment_wins(tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_text("OTHER", encoding="ascii")
    environ = write_sandbox(tmp_path) | {
        "TPP_CLIENT_ID": "c-2",
        "TPP_CLIENT_KEY_FILE": str(key),
        "TPP_BANK_URL": "https://bank.example",
        "TPP_BANK_CODES": "10099977",
        "TPP_BASE_URL": "https://shop.example",
        "TPP_REDIRECT_URI": "https://shop.example/callback",
    }
    found = load_configuration(environ)
    assert (found.client_id, found.client_key_pem) == ("c-2", "OTHER")
    assert found.banks[0].base_url == "https://bank.example"
    assert found.banks[0].bank_codes == ("10099977",)
    assert found.secure_cookies


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"TPP_PORT": "x"}, "TPP_PORT"),
        ({"TPP_SANDBOX_FILE": "/nowhere/sandbox.json"}, "client_id"),
        ({"TPP_SANDBOX_FILE": "/nowhere/sandbox.json", "TPP_CLIENT_ID": "c"}, "TPP_CLIENT_KEY_FILE"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(environ: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        load_configuration(environ)


def test_a_redirect_uri_of_another_address_is_noticed_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="redirect URI"):
        load_configuration(write_sandbox(tmp_path) | {"TPP_PORT": "8199"})
