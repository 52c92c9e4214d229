"""A file made by somebody else's program, through the portal, to the last payment. A large one, over the real
processes: ``tests/journeys/test_states.py``.
"""

from datetime import date

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from lxml import etree
from sepaxml import SepaTransfer

from apps.accounts.queries import get_balance
from apps.bulk.models import PaymentFile, PaymentItem
from apps.identity.models import PSU
from apps.ledger.queries import get_ledger_sums
from apps.ledger.services import fold_totals
from apps.payments.limit_models import PaymentLimits
from apps.sca.models import Challenge
from tests.bulk.files import Group, Pay, other_ibans, pain001
from tests.bulk.world import carry_out, uploaded
from tests.factories.accounts import bank_accounts, customer, fund
from tests.portal.kit import BankTime, Visitor, code_for

ITEMS = 300
FRIDAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def bank_time(monkeypatch: pytest.MonkeyPatch) -> BankTime:
    from tests.bulk.world import NOW

    time = BankTime(NOW)
    monkeypatch.setattr("apps.core.clock.now", time.now)
    return time


@pytest.fixture
def emil(db: None) -> PSU:
    bank_accounts()
    psu = customer("Emil")
    fund(psu.account, 10**11)
    PaymentLimits.objects.create(
        psu=psu,
        per_payment_minor=10**9,
        per_day_minor=10**11,
        portal_per_day_minor=10**11,
        xs2a_per_day_minor=0,
        changed_at="2026-11-01T00:00:00Z",
    )
    return psu


def written_by_sepaxml(psu: PSU, *, count: int, schema: str, payee: PSU, batch: bool) -> bytes:
    transfer = SepaTransfer(
        {"name": "Krueger Werkzeugbau", "IBAN": psu.account.iban, "batch": batch, "currency": "EUR"},
        schema=schema,
        clean=True,
    )
    others = other_ibans(100)
    for number in range(count):
        inside = number % 2 == 0
        transfer.add_payment(
            {
                "name": "Anna Schneider" if inside else f"Payee {number}",
                "IBAN": payee.account.iban if inside else others[number % 100],
                "amount": 100 + number % 50,
                "execution_date": FRIDAY,
                "description": f"Salary {number}",
                "endtoend_id": f"S-{number}",
            }
        )
    return bytes(transfer.export(validate=False))


@pytest.mark.slow
@pytest.mark.req("S3-21")
def test_from_the_upload_to_the_report(emil: PSU) -> None:
    anna = customer("Anna", phone="+4915100000009", balance_minor=0)
    content = written_by_sepaxml(emil, count=ITEMS, schema="pain.001.001.09", payee=anna, batch=True)
    total = sum(100 + number % 50 for number in range(ITEMS))
    visitor = Visitor()
    visitor.sign_in(emil)
    answer = visitor.post("/batches/new/", file=SimpleUploadedFile("salaries.xml", content))
    here = answer.headers["Location"]
    carry_out("bulk.check_file", "bulk.verify_payees")
    file = PaymentFile.objects.get()
    assert (file.status, file.number_of_transactions, file.total_minor) == ("RCVD", ITEMS, total), (
        file.problems
    )
    visitor.post(f"{here}code/")
    visitor.post(f"{here}sign/", code=code_for(emil))
    assert Challenge.objects.filter(purpose="bulk").count() == 1
    carry_out()
    file.refresh_from_db()
    assert file.status == "ACSC"
    assert PaymentItem.objects.filter(status="ACSC").count() == ITEMS
    assert get_balance(account=anna.account).booked_minor == sum(100 + n % 50 for n in range(0, ITEMS, 2))
    fold_totals()
    assert get_ledger_sums().sound
    report = b"".join(visitor.get(f"{here}report/").streaming_content)
    assert [one.text for one in etree.fromstring(report).iter("{*}TxSts")] == ["ACSC"] * ITEMS


@pytest.mark.django_db
class TestCommand:
    def test_says_that_a_file_is_good_and_keeps_nothing(self, emil: PSU, tmp_path, capsys) -> None:
        path = tmp_path / "salaries.xml"
        path.write_bytes(pain001(Group(emil.account.iban, [Pay(), Pay(amount="2.50")])))
        call_command("bulk", "check", str(path), customer=emil.user.username)
        assert "2 payments, 12.50 EUR: the file is good" in capsys.readouterr().out
        assert not PaymentFile.objects.exists()

    def test_names_line_field_and_fault(self, emil: PSU, tmp_path, capsys) -> None:
        path = tmp_path / "salaries.xml"
        path.write_bytes(pain001(Group(emil.account.iban, [Pay(amount="0.00")])))
        with pytest.raises(CommandError, match="not good"):
            call_command("bulk", "check", str(path), customer=emil.user.username)
        assert "line 23: Amt/InstdAmt: This is no amount above zero" in capsys.readouterr().out
        assert not PaymentFile.objects.exists()

    def test_knows_what_was_uploaded_before(self, emil: PSU, tmp_path, capsys) -> None:
        content = pain001(Group(emil.account.iban))
        uploaded(emil, content)
        path = tmp_path / "again.xml"
        path.write_bytes(content)
        with pytest.raises(CommandError):
            call_command("bulk", "check", str(path), customer=emil.user.username)
        assert "You uploaded this very file before: salaries.xml, 2026-11-20" in capsys.readouterr().out

    @pytest.mark.parametrize(("customer_id", "name", "says"), [("nobody", "x", "no customer"), ("", "", "")])
    def test_a_customer_and_a_file_are_needed(
        self, emil: PSU, tmp_path, customer_id: str, name: str, says: str
    ) -> None:
        with pytest.raises(CommandError, match=says or "cannot be read"):
            call_command("bulk", "check", str(tmp_path / "none"), customer=customer_id or emil.user.username)
