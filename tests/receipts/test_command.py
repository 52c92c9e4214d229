"""``verify_receipt``: offline, in plain words, with exit codes that programs can act on."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from apps.identity.models import PSU
from apps.receipts.models import ReceiptKey
from apps.receipts.rules import ReceiptKind
from apps.receipts.services import issue_signed_receipt, rotate_receipt_key
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.payments import authorised_payment
from tests.receipts.kit import new_key, published, signed

ROOT = Path(__file__).resolve().parent.parent.parent
pytestmark = pytest.mark.req("P-72")


def offline(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command in a process whose database is nowhere."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "bankportal.settings",
        "BANK_ENV_FILE": os.devnull,
        "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nowhere",
        "SECRET_KEY": "-" * 32,
    }
    return subprocess.run(
        [sys.executable, "manage.py", "verify_receipt", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


class TestOffline:
    @pytest.fixture
    def files(self, tmp_path: Path) -> tuple[Path, Path]:
        key = new_key()
        receipt, keys = tmp_path / "receipt.json", tmp_path / "keys.json"
        receipt.write_bytes(signed(key))
        keys.write_text(json.dumps({"keys": [published(key)]}))
        return receipt, keys

    def test_says_what_it_proves(self, files: tuple[Path, Path]) -> None:
        receipt, keys = files
        done = offline(receipt, "--jwks", keys)
        assert done.returncode == 0, done.stderr
        for words in (
            "GENUINE. Lindenbank eG",
            "Anna Schneider approved exactly",
            "Amount: €25.00",
            "To: Möbelhaus Kern GmbH",
            "IBAN of the payee: DE02 5001 0517 0137 0750 30",
            "By: text message: something only the customer knows, something only the customer has",
            "Status: done",
            "When: 21 Nov 2026, 13:00:00",
            '"amount_minor": 2500',
        ):
            assert words in done.stdout, words

    def test_an_altered_one_ends_1(self, files: tuple[Path, Path]) -> None:
        receipt, keys = files
        receipt.write_bytes(receipt.read_bytes().replace(b'"payload":"e', b'"payload":"f'))
        done = offline(receipt, "--jwks", keys)
        assert (done.returncode, done.stdout) == (1, "")
        assert "NOT GENUINE: the signature does not fit" in done.stderr

    def test_what_cannot_be_told_ends_2(self, files: tuple[Path, Path], tmp_path: Path) -> None:
        receipt, keys = files
        for arguments in (
            (tmp_path / "missing.json", "--jwks", keys),
            (receipt, "--jwks", tmp_path / "missing.json"),
            (receipt, "--jwks", receipt),
            (receipt,),
        ):
            assert offline(*arguments).returncode == 2, arguments


@pytest.mark.django_db
class TestWithTheBanksOwnKeys:
    @pytest.fixture
    def anna(self) -> PSU:
        bank_accounts()
        return customer("Anna")

    def test_an_old_receipt_outlives_its_key(self, anna: PSU, tmp_path: Path) -> None:
        payment = authorised_payment(anna)
        path = tmp_path / "receipt.json"
        file = issue_signed_receipt(kind=ReceiptKind.PAYMENT, subject_id=payment.pk, psu_id=anna.pk, now=NOW)
        path.write_bytes(file.content)
        for _ in range(2):
            call_command("rotate_receipt_key", stdout=StringIO())
        out = StringIO()
        call_command("verify_receipt", str(path), keys_from_database=True, stdout=out)
        assert "Anna" in out.getvalue()
        assert ReceiptKey.objects.count() == 3

    def test_another_banks_receipt_is_not_ours(self, anna: PSU, tmp_path: Path) -> None:
        rotate_receipt_key(now=NOW)
        path = tmp_path / "receipt.json"
        path.write_bytes(signed(new_key()))
        with pytest.raises(CommandError, match="NOT GENUINE") as caught:
            call_command("verify_receipt", str(path), keys_from_database=True, stdout=StringIO())
        assert caught.value.returncode == 1
