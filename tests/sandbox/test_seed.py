import itertools
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from django.core.management import CommandError, call_command
from django.db import connection

from apps.accounts.models import PaymentAccount
from apps.accounts.queries import get_balance, list_accounts_for_psu, list_transactions
from apps.audit.queries import verify_chains
from apps.identity.models import PSU, User
from apps.ledger.queries import get_ledger_sums
from apps.sca.queries import get_sms_device
from apps.sca.services import check_authenticator_code, check_knowledge
from apps.tpp.models import TPP, App
from apps.tpp.services import block_tpp

pytestmark = pytest.mark.django_db


@pytest.fixture
def var(settings, tmp_path, monkeypatch) -> Path:
    settings.VAR_DIR = tmp_path
    settings.OIDC_SIGNING_KEYS_DIR = str(tmp_path / "keys" / "oidc")
    monkeypatch.setenv("TPP_PORT", "8123")
    for name in ("DEMO_TPP_URL", "TPP_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def seed(var: Path) -> dict:
    call_command("seed_sandbox", verbosity=0)
    return json.loads((var / "sandbox.json").read_text())


def test_everybody_can_sign_in_with_what_the_file_says(var):
    handout = seed(var)
    now = datetime.now(UTC)
    people = handout["customers"] + handout["staff"] + handout["tpp_members"]
    assert [person["user_id"] for person in people] == [
        *("anna", "bruno", "carla", "david", "dora", "emil", "rita", "sami", "fiona", "paul")
    ]
    for person in people:
        user = check_knowledge(username=person["user_id"], password=person["password"], now=now)
        assert user is not None
        if person["mobile"]:
            device = get_sms_device(user_id=user.pk)
            assert device is not None
            assert device.phone_number == person["mobile"]
        else:
            assert person["totp_secret"]


def test_a_developers_app_shows_a_code_that_works_at_once(var):
    from apps.sandbox.authenticator import code_of

    seed(var)
    user = User.objects.get(username="fiona")
    assert check_authenticator_code(user_id=user.pk, code=code_of("fiona"), now=datetime.now(UTC)) is not None


def test_the_accounts_are_as_the_personas_want_them(var):
    handout = seed(var)
    balances = {}
    for psu in PSU.objects.select_related("user"):
        for account in list_accounts_for_psu(psu_id=psu.pk):
            balances[psu.user.username, account.display_name] = (
                get_balance(account=account).booked_minor,
                account.status,
            )
    assert balances == {
        ("anna", "Current account"): (421837, "enabled"),
        ("anna", "Savings"): (650000, "enabled"),
        ("bruno", "Current account"): (312, "enabled"),
        ("carla", "Current account"): (112840, "enabled"),
        ("carla", "Household account"): (120411, "blocked"),
        ("david", "Gemeinschaftskonto"): (296055, "enabled"),
        ("dora", "Gemeinschaftskonto"): (296055, "enabled"),
        ("david", "Baukonto"): (1284500, "enabled"),
        ("dora", "Baukonto"): (1284500, "enabled"),
        ("david", "Firmenkonto"): (2360410, "enabled"),
        ("emil", "Firmenkonto"): (2360410, "enabled"),
        ("emil", "Geschäftskonto"): (4891255, "enabled"),
    }
    anna = handout["customers"][0]
    assert [account["name"] for account in anna["accounts"]] == ["Current account", "Savings"]
    assert (
        PaymentAccount.objects.get(pk=anna["accounts"][0]["resource_id"]).iban == anna["accounts"][0]["iban"]
    )


def test_the_books_hold_and_the_trail_too(var):
    seed(var)
    sums = get_ledger_sums()
    assert sums.sound
    assert sums.debits_minor == sums.credits_minor > 0
    assert verify_chains().intact


def test_bookings_read_like_a_statement(var):
    seed(var)
    account = PaymentAccount.objects.get(iban__endswith="1000000001")
    rows = list_transactions(account=account, limit=500)
    assert len(rows) > 60
    assert {"REWE Markt GmbH", "Deutsche Bahn AG", "Stadtwerke Köln", "Kestrel Software GmbH"} <= {
        row.counterparty_name for row in rows
    }
    assert all(row.counterparty_name and row.remittance_information_unstructured for row in rows)
    assert [row.remittance_information_unstructured for row in rows if not row.counterparty_iban] == [
        "Saldovortrag"
    ]
    assert rows[0].balance_after_minor == 421837
    assert all(newer.booking_date >= older.booking_date for newer, older in itertools.pairwise(rows))


def test_a_second_run_changes_nothing(var):
    first = seed(var)
    sums, events = get_ledger_sums(), verify_chains().events
    assert seed(var) == first
    assert get_ledger_sums() == sums
    assert verify_chains().events == events


def test_keys_are_private_files_and_their_public_halves_are_registered(var):
    handout = seed(var)
    for entry in handout["tpps"]:
        path = Path(entry["private_key_file"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path == var / "keys" / "tpp" / f"{entry['client_id']}.pem"
        assert path.read_text() == entry["private_key_pem"]
        private_key = load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(private_key, EllipticCurvePrivateKey)
        key = App.objects.get(client_id=entry["client_id"]).keys.get(kid=entry["kid"], status="active")
        assert key.jwk["kty"] == "EC"
        assert private_key.curve.name == "secp256r1"
    assert stat.S_IMODE((var / "sandbox.json").stat().st_mode) == 0o600
    assert list((var / "keys" / "oidc").glob("*.pem"))


def test_a_lost_key_is_replaced_and_the_old_one_retired(var):
    before = next(tpp for tpp in seed(var)["tpps"] if tpp["name"] == "ShopPay")
    Path(before["private_key_file"]).unlink()
    after = next(tpp for tpp in seed(var)["tpps"] if tpp["name"] == "ShopPay")
    assert after["kid"] != before["kid"]
    keys = App.objects.get(client_id="shoppay-demo").keys
    assert list(keys.filter(status="active").values_list("kid", flat=True)) == [after["kid"]]
    assert keys.get(kid=before["kid"]).status == "retired"


def test_the_demo_tpp_is_where_the_environment_says(var, monkeypatch):
    assert seed(var)["tpp_url"] == "http://127.0.0.1:8123"
    assert "http://127.0.0.1:8123/callback" in App.objects.get(client_id="shoppay-demo").redirect_uris
    monkeypatch.setenv("DEMO_TPP_URL", "http://127.0.0.1:9001/")
    assert seed(var)["tpp_url"] == "http://127.0.0.1:9001"
    assert App.objects.get(client_id="shoppay-demo").redirect_uris[0] == "http://127.0.0.1:9001/callback"


def test_the_companies_have_their_roles(var):
    seed(var)
    assert dict(TPP.objects.values_list("brand_name", "roles")) == {
        "Finanzblick": ["AISP"],
        "ShopPay": ["AISP", "PISP"],
        "Kartenfix": ["PIISP"],
        "Nadir": [],
    }


def test_a_blocked_company_stays_blocked(var):
    seed(var)
    tpp = TPP.objects.get(brand_name="ShopPay")
    rita = User.objects.get(username="rita")
    block_tpp(tpp_id=tpp.pk, reason="test", staff_id=rita.pk, now=datetime.now(UTC))
    seed(var)
    tpp.refresh_from_db()
    assert tpp.status == "blocked"


def test_staff_are_no_superusers_and_work_through_roles(var):
    seed(var)
    rita = User.objects.get(username="rita")
    assert rita.is_staff
    assert not rita.is_superuser
    assert rita.has_perm("tpp.change_tpp")
    assert not rita.has_perm("identity.change_user")
    assert not User.objects.filter(is_superuser=True).exists()


def test_without_the_right_to_post_it_says_who_has_it(var):
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE seed_test_reader NOLOGIN")
        cursor.execute("GRANT USAGE ON SCHEMA public TO seed_test_reader")
        cursor.execute("SET LOCAL ROLE seed_test_reader")
        try:
            with pytest.raises(CommandError, match="owner"):
                call_command("seed_sandbox", verbosity=0)
        finally:
            cursor.execute("RESET ROLE")
