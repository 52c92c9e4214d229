"""Accounts: who sees what, and how a booking reads from either side."""

from datetime import date

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import (
    AccountUnknown,
    get_account_by_iban,
    get_account_for_psu,
    get_balance,
    get_payable_account_for_psu,
    get_transaction,
    list_accounts_for_psu,
    list_daily_balances,
    list_transactions,
)
from apps.accounts.rules import CashAccountType
from apps.accounts.services import change_account_status, open_payment_account
from apps.core.errors import NotFound
from apps.core.iban import bank_code_of
from apps.identity.models import PSU
from tests.factories.accounts import NOW, account_of, bank_accounts, customer, fund


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna", balance_minor=10_000)


@pytest.fixture
def bruno(db: None) -> PSU:
    return customer("Bruno", phone="+4915100000002")


class TestWhoSeesWhat:
    def test_only_ones_own(self, anna: PSU, bruno: PSU) -> None:
        assert list(list_accounts_for_psu(psu_id=anna.pk)) == [anna.account]
        with pytest.raises(AccountUnknown):
            get_account_for_psu(psu_id=bruno.pk, account_id=anna.account.pk)

    def test_a_joint_account_is_both_owners(self, anna: PSU, bruno: PSU) -> None:
        joint = open_payment_account(
            account_number="4242424242",
            display_name="Joint account",
            product="Giro",
            cash_account_type=CashAccountType.CACC,
            currency="EUR",
            overdraft_limit_minor=0,
            owners=[anna, bruno],
            owner_name="Anna and Bruno",
            now=NOW,
        )
        assert bank_code_of(joint.iban) == "10099900"
        for psu in (anna, bruno):
            assert get_payable_account_for_psu(psu_id=psu.pk, account_id=joint.pk) == joint

    def test_looking_is_not_paying(self, anna: PSU) -> None:
        AccountHolder.objects.update(may_pay=False)
        assert get_account_for_psu(psu_id=anna.pk, account_id=anna.account.pk)
        with pytest.raises(AccountUnknown):
            get_payable_account_for_psu(psu_id=anna.pk, account_id=anna.account.pk)

    @pytest.mark.parametrize(("status", "seen", "payable"), [("blocked", 1, False), ("deleted", 0, False)])
    def test_a_blocked_account_is_seen_and_a_closed_one_is_not(
        self, anna: PSU, bruno: PSU, status: str, seen: int, payable: bool
    ) -> None:
        change_account_status(
            account_id=anna.account.pk, status=status, reason="x", staff_id=bruno.user_id, now=NOW
        )
        assert list_accounts_for_psu(psu_id=anna.pk).count() == seen
        with pytest.raises(AccountUnknown):
            get_payable_account_for_psu(psu_id=anna.pk, account_id=anna.account.pk)

    def test_an_unknown_iban(self, anna: PSU) -> None:
        assert get_account_by_iban(iban=anna.account.iban)
        with pytest.raises(AccountUnknown):
            get_account_by_iban(iban="DE89370400440532013000")


class TestReading:
    def test_the_balance_counts_the_overdraft_as_available(self, anna: PSU) -> None:
        ledger_account = anna.account.ledger_account
        type(ledger_account).objects.filter(pk=ledger_account.pk).update(minimum_balance_minor=-5_000)
        balance = get_balance(account=anna.account)
        assert (balance.booked_minor, balance.available_minor) == (10_000, 15_000)

    def test_pages_neither_skip_nor_repeat(self, anna: PSU) -> None:
        for amount in range(1, 30):
            fund(anna.account, amount)
        seen, before = [], None
        while page := list_transactions(account=anna.account, before=before, limit=7):
            seen += [row.transaction_id for row in page]
            before = (page[-1].booking_date, page[-1].posting_id)
        assert len(seen) == len(set(seen)) == 30

    def test_searches_names_and_references_to_the_letter(self, anna: PSU) -> None:
        assert list_transactions(account=anna.account, search="linden")
        for search in ("%", "_", "\\", "x%x", "'; DROP TABLE"):
            assert not list_transactions(account=anna.account, search=search)

    def test_a_transaction_belongs_to_its_account(self, anna: PSU, bruno: PSU) -> None:
        row = list_transactions(account=anna.account)[0]
        assert get_transaction(account=anna.account, transaction_id=row.transaction_id) == row
        for transaction_id in (
            list_transactions(account=bruno.account)[0].transaction_id,
            "0",
            "x",
            "١",
            "9" * 30,
            "-1",
        ):
            with pytest.raises(NotFound):
                get_transaction(account=anna.account, transaction_id=transaction_id)

    def test_daily_balances_follow_the_bookings(self, anna: PSU) -> None:
        days = list_daily_balances(
            account=anna.account, date_from=date(2026, 10, 30), date_to=date(2026, 11, 21)
        )
        assert days == [(date(2026, 10, 30), 0), (date(2026, 11, 1), 10_000)]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE accounts_paymentaccount SET iban = 'de89'", "payment_account_iban_form"),
        ("UPDATE accounts_paymentaccount SET status = 'gone'", "payment_account_status_known"),
        ("UPDATE accounts_accountholder SET role = 'thief'", "account_holder_role_known"),
        ("UPDATE accounts_accountholder SET signs = 'never'", "account_holder_signs_known"),
        ("UPDATE identity_coreuser SET core_user_id = 'root'", "core_user_id_form"),
        ("UPDATE identity_user SET language = 'xx'", "user_language_known"),
        ("UPDATE sca_smsdevice SET phone_number = '0151'", "sms_device_number_form"),
        (
            "INSERT INTO accounts_accountholder (payment_account_id, psu_id, role, may_view, may_pay)"
            " SELECT payment_account_id, psu_id, role, may_view, may_pay FROM accounts_accountholder",
            "account_holder_once",
        ),
    ],
)
def test_the_database_refuses(anna: PSU, statement: str, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_closed_accounts_keep_their_history(anna: PSU) -> None:
    PaymentAccount.objects.update(status="deleted")
    bank_accounts()
    account_of(anna)
    assert list_transactions(account=PaymentAccount.objects.get(pk=anna.account.pk))
