"""How people sign on an account: the pure rule, and that no account is left from which nobody could pay."""

import pytest

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import count_signatures_needed
from apps.accounts.rules import CashAccountType, SigningRight, is_enough, signatures_needed
from apps.accounts.services import NobodyCouldSign, change_signing_right, open_payment_account
from apps.core.ids import new_id
from tests.factories.accounts import NOW, account_of, account_of_several, bank_accounts, customer

A, J = SigningRight.ALONE, SigningRight.JOINTLY


@pytest.mark.parametrize(
    ("rights", "enough"),
    [
        ([], False),
        ([J], False),
        ([A], True),
        ([J, J], True),
        ([A, J], True),
        ([J, A], True),
        ([A, A], True),
        ([J, J, J], True),
    ],
)
def test_when_signatures_are_enough(rights: list[SigningRight], enough: bool) -> None:
    assert is_enough(rights) is enough


def test_how_many_the_first_signer_leaves_to_be_given() -> None:
    assert (signatures_needed(A), signatures_needed(J)) == (1, 2)


@pytest.mark.django_db
class TestCounting:
    def test_one_account_of_several_that_takes_two_is_enough(self) -> None:
        bank_accounts()
        anna, dora = customer("Anna"), customer("Dora", phone="+4915100000005")
        joint = account_of_several(anna, dora)
        assert count_signatures_needed(psu_id=anna.pk, ibans=[anna.account.iban]) == 1
        assert count_signatures_needed(psu_id=anna.pk, ibans=[joint.iban]) == 2
        assert count_signatures_needed(psu_id=anna.pk, ibans=[anna.account.iban, joint.iban]) == 2

    def test_another_ones_right_does_not_matter(self) -> None:
        bank_accounts()
        anna, dora = customer("Anna"), customer("Dora", phone="+4915100000005")
        joint = account_of_several(anna, dora)
        AccountHolder.objects.filter(psu=dora).update(signs=A)
        assert count_signatures_needed(psu_id=anna.pk, ibans=[joint.iban]) == 2
        assert count_signatures_needed(psu_id=dora.pk, ibans=[joint.iban]) == 1


def change(holder: AccountHolder, signs: SigningRight) -> AccountHolder:
    return change_signing_right(
        holder_id=holder.pk, signs=signs, reason="as agreed", staff_id=new_id(), now=NOW
    )


@pytest.mark.django_db
class TestChanging:
    def test_the_only_one_goes_on_signing_alone(self) -> None:
        bank_accounts()
        holder = account_of(customer("Anna")).holders.get()
        with pytest.raises(NobodyCouldSign):
            change(holder, J)

    def test_two_may_sign_jointly(self) -> None:
        bank_accounts()
        account = account_of_several(customer("Anna"), customer("Dora", phone="+4915100000005"), signs=A)
        for holder in account.holders.all():
            change(holder, J)
        assert set(account.holders.values_list("signs", flat=True)) == {J}

    def test_not_when_the_other_may_only_look(self) -> None:
        bank_accounts()
        account = account_of_several(customer("Anna"), customer("Dora", phone="+4915100000005"), signs=A)
        first, second = account.holders.order_by("pk")
        AccountHolder.objects.filter(pk=second.pk).update(may_pay=False)
        with pytest.raises(NobodyCouldSign):
            change(first, J)

    def test_no_account_is_opened_for_one_who_signs_jointly(self) -> None:
        bank_accounts()
        with pytest.raises(NobodyCouldSign):
            open_payment_account(
                account_number="1234567890",
                display_name="Account",
                product="Giro",
                cash_account_type=CashAccountType.CACC,
                currency="EUR",
                overdraft_limit_minor=0,
                owners=[customer("Anna")],
                owner_name="Anna Schneider",
                signs=J,
                now=NOW,
            )
        assert not PaymentAccount.objects.filter(display_name="Account").exists()
