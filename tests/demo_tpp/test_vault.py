"""Tokens at rest (S0-32) and the secrets' files."""

import sqlite3
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from examples.demo_tpp.files import UnsafeFile, read_or_create_secret
from examples.demo_tpp.vault import TokenVault, VaultError
from tests.demo_tpp.conftest import TPP
from tests.demo_tpp.fake_bank import IBAN

pytestmark = pytest.mark.req("S0-32")


def test_only_the_same_owner_opens() -> None:
    vault = TokenVault(Fernet.generate_key())
    sealed = vault.seal({"access_token": "secret"}, owner="paula DE44")
    assert b"secret" not in sealed
    assert vault.open(sealed, owner="paula DE44") == {"access_token": "secret"}
    with pytest.raises(VaultError):
        vault.open(sealed, owner="quentin DE44")


def test_changed_bytes_and_other_keys_do_not_open() -> None:
    vault = TokenVault(Fernet.generate_key())
    sealed = vault.seal("x", owner="o")
    for broken in (sealed[:-2] + b"AA", b"", b"plain"):
        with pytest.raises(VaultError):
            vault.open(broken, owner="o")
    with pytest.raises(VaultError):
        TokenVault(Fernet.generate_key()).open(sealed, owner="o")


def test_a_new_key_on_top_still_opens_the_old_ones() -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    sealed = TokenVault(old).seal("x", owner="o")
    both = TokenVault(new + b"\n" + old + b"\n")
    assert both.open(sealed, owner="o") == "x"
    with pytest.raises(VaultError):
        TokenVault(old).open(both.seal("x", owner="o"), owner="o")


def test_no_token_stands_readable_in_any_file(tpp: TPP, tmp_path: Path) -> None:
    tpp.enrolled()
    secrets = [value for value in tpp.bank.tokens if value.startswith(("access-", "refresh-"))]
    assert len(secrets) >= 3
    for path in tmp_path.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(secret.encode() in content for secret in secrets), path
        assert b"eyJ" not in content, path


def test_tokens_moved_to_another_user_do_not_open(tpp: TPP, tmp_path: Path) -> None:
    tpp.enrolled()
    body = {"userId": "quentin", "password": "a-long-password"}
    tpp.browser.post("/api/register", json=body)
    thief = tpp.services.store.get_user_by_user_id("quentin")
    assert thief is not None
    with sqlite3.connect(tmp_path / "tpp.sqlite3") as connection:
        connection.execute("UPDATE enrolments SET user = ?", (thief.id,))
    headers = {"Authorization": "Bearer " + tpp.browser.post("/api/login", json=body).json["token"]}
    order = {
        "creditorName": "Q",
        "creditorIban": "DE02120300000000202051",
        "debtorIban": IBAN,
        "amount": "1.00",
    }
    answer = tpp.browser.post("/api/payments", json=order, headers=headers)
    assert answer.json["error"] == "enrolment_over"
    assert tpp.bank.count("/v1/payments/sepa-credit-transfers") == 0


def test_disconnecting_wipes_the_tokens(tpp: TPP) -> None:
    enrolment = tpp.enrolled()
    path = f"/api/enrolments/{enrolment['enrolmentId']}"
    assert tpp.browser.delete(path, headers=tpp.bearer()).status_code == 204
    user = tpp.services.store.get_user_by_user_id("paula")
    assert user is not None
    kept = tpp.services.store.get_enrolment(enrolment["enrolmentId"], user=user.id)
    assert kept is not None
    assert (kept.state, kept.sealed_tokens) == ("ended", None)
    assert enrolment["consentId"] not in tpp.bank.consents
    assert not any(token.startswith("refresh-") for token in tpp.bank.tokens)


def test_secret_files_are_the_owners_alone(tpp: TPP, tmp_path: Path) -> None:
    files = [tmp_path / "tpp.sqlite3", *(tmp_path / "keys").iterdir()]
    assert {path.name for path in files} >= {"tokens.key", "sso.pem", "session.key"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


def test_a_secret_that_others_can_read_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "tokens.key"
    assert read_or_create_secret(path, lambda: b"one") == b"one"
    assert read_or_create_secret(path, lambda: b"two") == b"one"
    path.chmod(0o644)
    with pytest.raises(UnsafeFile):
        read_or_create_secret(path, lambda: b"three")
