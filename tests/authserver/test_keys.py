import stat
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from joserfc import jwk

from apps.authserver.checks import check_signing_keys
from apps.authserver.keys import create_signing_key, delete_signing_keys, list_signing_keys, public_keys
from apps.authserver.refusals import SigningKeyMissing

DAY = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def folder(settings, tmp_path) -> Path:
    settings.OIDC_SIGNING_KEYS_DIR = str(tmp_path / "oidc")
    return tmp_path / "oidc"


def test_in_the_sandbox_the_first_key_makes_itself(folder):
    assert len(list_signing_keys()) == 1
    assert list_signing_keys() == list_signing_keys()
    assert len(list(folder.iterdir())) == 1


def test_in_production_a_missing_key_is_named(settings):
    settings.BANK_MODE = "production"
    with pytest.raises(SigningKeyMissing):
        list_signing_keys()
    assert [message.id for message in check_signing_keys(None)] == ["authserver.E004"]


def test_a_key_is_readable_by_the_bank_alone(folder):
    key = create_signing_key(now=DAY)
    assert stat.S_IMODE(key.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert check_signing_keys(None) == []
    key.path.chmod(0o644)
    assert [message.id for message in check_signing_keys(None)] == ["authserver.E005"]


def test_the_newest_key_signs_and_all_are_published():
    old, new = create_signing_key(now=DAY), create_signing_key(now=DAY + timedelta(days=1))
    assert list_signing_keys()[0].kid == new.kid
    assert [key["kid"] for key in public_keys()] == [new.kid, old.kid]


def test_only_public_members_are_published():
    create_signing_key(now=DAY)
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "use", "alg"} for key in public_keys())


def test_a_key_copied_under_a_second_name_is_published_once(folder):
    key = create_signing_key(now=DAY)
    (folder / "20270101T000000Z-copy.pem").write_bytes(key.path.read_bytes())
    assert [published["kid"] for published in public_keys()] == [key.kid]


def test_other_files_in_the_folder_are_left_alone(folder):
    create_signing_key(now=DAY)
    (folder / "README").write_text("hello")
    (folder / "20270101T000000Z-draft.tmp").write_text("half")
    assert len(list_signing_keys()) == 1


def test_a_key_of_another_curve_is_refused(folder):
    create_signing_key(now=DAY)
    (folder / "20270101T000000Z-x.pem").write_bytes(jwk.ECKey.generate_key("P-384").as_pem(private=True))
    with pytest.raises(SigningKeyMissing):
        list_signing_keys()


def test_a_key_retires_by_the_age_of_its_successor():
    first = create_signing_key(now=DAY)
    second = create_signing_key(now=DAY + timedelta(days=10))
    assert delete_signing_keys(superseded_before=DAY + timedelta(days=10)) == []
    assert delete_signing_keys(superseded_before=DAY + timedelta(days=11)) == [first.kid]
    assert [key.kid for key in list_signing_keys()] == [second.kid]


def test_rotation_by_command():
    out = StringIO()
    call_command("rotate_oidc_key", stdout=out)
    kid = list_signing_keys()[0].kid
    assert kid in out.getvalue()
    call_command("rotate_oidc_key", "--if-missing", stdout=out)
    assert [key.kid for key in list_signing_keys()] == [kid]
