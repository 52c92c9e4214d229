"""Two who sign in the portal: what each sees, and that nobody else does."""

from datetime import date

import pytest

from apps.accounts.models import PaymentAccount
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from tests.bulk.files import PAYEE_IBAN
from tests.factories.accounts import account_of_several, bank_accounts, customer
from tests.factories.tpp import AppFactory
from tests.portal.kit import Visitor, ask_payment, bad_code, code_for, page, text_of
from tests.portal.test_bulk import HEADER, checked
from tests.portal.test_standing_orders import running

pytestmark = pytest.mark.req("P-64")

WAITING = "Waiting for your signature"


@pytest.fixture
def david(db: None) -> PSU:
    bank_accounts()
    return customer("David", phone="+4915100000004")


@pytest.fixture
def dora(db: None) -> PSU:
    return customer("Dora", phone="+4915100000005")


@pytest.fixture
def joint(david: PSU, dora: PSU) -> PaymentAccount:
    return account_of_several(david, dora)


def signed_in(psu: PSU) -> Visitor:
    visitor = Visitor()
    visitor.sign_in(psu)
    return visitor


@pytest.fixture
def first(david: PSU) -> Visitor:
    return signed_in(david)


@pytest.fixture
def second(dora: PSU) -> Visitor:
    return signed_in(dora)


@pytest.fixture
def order(first: Visitor, david: PSU, joint: PaymentAccount) -> PaymentInitiation:
    """An order that David has signed."""
    payment = first.begin_payment(david, from_account=str(joint.pk))
    first.post(f"/pay/{payment.pk}/sign/", code=code_for(david))
    return payment


def status(payment: PaymentInitiation) -> str:
    payment.refresh_from_db()
    return payment.transaction_status


def test_the_first_sees_that_it_waits_and_may_take_it_back(order: PaymentInitiation, first: Visitor) -> None:
    assert status(order) == "PATC"
    text = text_of(first.get(f"/pay/{order.pk}/"))
    assert "One more signature is needed" in text
    assert "David Schneider" in text
    assert "6 December 2026" in text  # Fifteen days.
    assert "Take it back" in text
    assert WAITING not in text_of(first.get("/home/"))
    first.post(f"/pay/{order.pk}/cancel/")
    assert status(order) == "CANC"


def test_the_other_is_led_to_it_sees_what_was_signed_and_signs(
    order: PaymentInitiation, second: Visitor, dora: PSU
) -> None:
    for where in ("/home/", "/pay/list/"):
        text = text_of(second.get(where))
        assert WAITING in text
        assert "signed by David Schneider" in text
        assert f"/pay/{order.pk}/" in text
    text = text_of(second.get(f"/pay/{order.pk}/"))
    assert WAITING in text
    assert "Take it back" not in text
    text = text_of(second.get(f"/pay/{order.pk}/review/"))
    for shown in ("25.00", "Möbelhaus Kern GmbH", "Order 88-2041", "David Schneider", "Decline"):
        assert shown in text
    assert "Change" not in text
    second.post(f"/pay/{order.pk}/code/")
    text = text_of(second.get(f"/pay/{order.pk}/sign/"))
    assert "25.00" in text
    assert "David Schneider" in text
    second.post(f"/pay/{order.pk}/sign/", code=code_for(dora))
    assert status(order) == "ACTC"
    text = text_of(second.get(f"/pay/{order.pk}/"))
    assert "Dora Schneider" in text
    assert WAITING not in text_of(second.get("/home/"))


def test_the_other_declines(order: PaymentInitiation, first: Visitor, second: Visitor) -> None:
    second.post(f"/pay/{order.pk}/decline/")
    assert status(order) == "RJCT"
    for visitor in (first, second):
        assert "declined by who would have had to sign" in text_of(visitor.get(f"/pay/{order.pk}/"))


def test_nothing_waits_nothing_is_shown(second: Visitor) -> None:
    for where in ("/home/", "/pay/list/"):
        assert WAITING not in text_of(second.get(where))


def test_the_first_neither_signs_again_nor_declines(order: PaymentInitiation, first: Visitor) -> None:
    for where in ("review", "sign"):
        assert first.get(f"/pay/{order.pk}/{where}/").status_code == 303
    first.post(f"/pay/{order.pk}/code/")
    assert first.get(f"/pay/{order.pk}/sign/").status_code == 303
    first.post(f"/pay/{order.pk}/decline/")
    assert "You have signed" in text_of(first.get(f"/pay/{order.pk}/"))
    assert status(order) == "PATC"


def test_a_stranger_finds_nothing(order: PaymentInitiation) -> None:
    emil = signed_in(customer("Emil", phone="+4915100000006"))
    for where in ("", "review/", "sign/", "status/"):
        assert emil.get(f"/pay/{order.pk}/{where}").status_code == 404
    for what in ("code", "decline", "cancel", "edit"):
        assert emil.post(f"/pay/{order.pk}/{what}/").status_code == 404
    assert status(order) == "PATC"


def test_the_other_neither_takes_it_back_nor_changes_it(order: PaymentInitiation, second: Visitor) -> None:
    for what in ("cancel", "edit"):
        assert second.post(f"/pay/{order.pk}/{what}/").status_code == 404
    assert status(order) == "PATC"


def test_wrong_codes_of_the_other_do_not_undo_the_first_signature(
    order: PaymentInitiation, second: Visitor, dora: PSU
) -> None:
    second.post(f"/pay/{order.pk}/code/")
    for _ in range(5):
        second.post(f"/pay/{order.pk}/sign/", code=bad_code(dora))
    assert status(order) == "PATC"
    assert "you have not signed" in text_of(second.get(f"/pay/{order.pk}/"))


def test_one_asking_for_a_code_leaves_anothers_alone(david: PSU, dora: PSU) -> None:
    emil = customer("Emil", phone="+4915100000006")
    account = account_of_several(david, dora, emil)
    first = signed_in(david)
    payment = first.begin_payment(david, from_account=str(account.pk))
    first.post(f"/pay/{payment.pk}/sign/", code=code_for(david))
    doras, emils = signed_in(dora), signed_in(emil)
    doras.post(f"/pay/{payment.pk}/code/")
    code = code_for(dora)
    emils.post(f"/pay/{payment.pk}/code/")
    doras.post(f"/pay/{payment.pk}/sign/", code=code)
    assert status(payment) == "ACTC"
    assert emils.get(f"/pay/{payment.pk}/sign/").status_code == 303


def test_once_both_have_signed_either_takes_back_what_waits_for_its_day(
    first: Visitor, second: Visitor, david: PSU, dora: PSU, joint: PaymentAccount
) -> None:
    payment = first.begin_payment(
        david, from_account=str(joint.pk), when="later", execution_date=date(2026, 12, 7).isoformat()
    )
    first.post(f"/pay/{payment.pk}/sign/", code=code_for(david))
    second.post(f"/pay/{payment.pk}/code/")
    second.post(f"/pay/{payment.pk}/sign/", code=code_for(dora))
    assert status(payment) == "ACTC"
    assert "Cancel the payment" in text_of(second.get(f"/pay/{payment.pk}/"))
    second.post(f"/pay/{payment.pk}/cancel/")
    assert status(payment) == "CANC"


def test_the_second_signature_of_a_companys_payment_is_given_here(
    joint: PaymentAccount, david: PSU, second: Visitor, dora: PSU
) -> None:
    payment, authorisation = ask_payment(AppFactory(), joint)
    visitor = Visitor()
    visitor.post(page(authorisation.pk), user_id=david.user.username, password="correct horse battery")
    visitor.post(page(authorisation.pk, "code"), code=code_for(david))
    assert status(payment) == "PATC"
    second.post(f"/pay/{payment.pk}/code/")
    text = text_of(second.get(f"/pay/{payment.pk}/sign/"))
    assert payment.app.tpp.legal_name in text
    second.post(f"/pay/{payment.pk}/sign/", code=code_for(dora))
    assert status(payment) == "ACTC"


class TestStandingOrders:
    @pytest.fixture
    def path(self, first: Visitor, david: PSU, joint: PaymentAccount) -> str:
        """One that David has signed."""
        return running(first, david, from_account=str(joint.pk))

    def test_the_other_signs(self, path: str, first: Visitor, second: Visitor, david: PSU, dora: PSU) -> None:
        text = text_of(first.get(path))
        assert "One more signature is needed" in text
        assert "Take it back" in text
        assert "Waiting for a second signature" in text_of(first.get("/pay/standing/"))
        for where in ("/home/", "/pay/standing/"):
            assert WAITING in text_of(second.get(where))
        text = text_of(second.get(f"{path}review/"))
        for shown in ("850.00", "Hausverwaltung Kern", "David Schneider", "Decline"):
            assert shown in text
        second.post(f"{path}code/")
        assert "David Schneider" in text_of(second.get(f"{path}sign/"))
        second.post(f"{path}sign/", code=code_for(dora))
        for visitor in (first, second):
            assert "It runs" in text_of(visitor.get(path))
        assert "End it" in text_of(second.get(path))
        assert "Change" in text_of(first.get(path))

    def test_the_other_declines(self, path: str, first: Visitor, second: Visitor) -> None:
        assert first.post(f"{path}decline/").status_code == 303
        assert "One more signature is needed" in text_of(first.get(path))
        second.post(f"{path}decline/")
        assert "Not approved" in text_of(first.get(path))

    def test_the_first_takes_it_back(self, path: str, first: Visitor, second: Visitor) -> None:
        assert first.get(f"{path}sign/").status_code == 303
        assert second.post(f"{path}end/").status_code == 404
        assert second.post(f"{path}edit/").status_code == 303
        first.post(f"{path}end/")
        assert "Ended" in text_of(first.get(path))

    def test_wrong_codes(self, path: str, first: Visitor, second: Visitor, dora: PSU) -> None:
        second.post(f"{path}code/")
        for _ in range(5):
            second.post(f"{path}sign/", code=bad_code(dora))
        assert "you have not signed" in text_of(second.get(path))
        assert "One more signature is needed" in text_of(first.get(path))

    def test_a_stranger_finds_nothing(self, path: str) -> None:
        emil = signed_in(customer("Emil", phone="+4915100000006"))
        assert emil.get(path).status_code == 404
        for what in ("code", "decline", "end", "edit"):
            assert emil.post(f"{path}{what}/").status_code == 404


class TestFiles:
    @pytest.fixture
    def path(self, first: Visitor, david: PSU, joint: PaymentAccount) -> str:
        """One that David has signed."""
        file = checked(first, f"{HEADER}{joint.iban};Kern GmbH;{PAYEE_IBAN};20.00\n".encode())
        path = f"/batches/{file.pk}/"
        first.post(f"{path}code/")
        first.post(f"{path}sign/", code=code_for(david))
        return path

    def test_the_other_signs(self, path: str, first: Visitor, second: Visitor, dora: PSU) -> None:
        text = text_of(first.get(path))
        assert "One more signature is needed" in text
        assert "Take it back" in text
        assert "Decline" not in text
        for where in ("/home/", "/batches/"):
            assert WAITING in text_of(second.get(where))
        text = text_of(second.get(path))
        for shown in ("20.00", "Kern GmbH", "David Schneider", "Decline", "send me the code"):
            assert shown in text
        assert "Cancel the file" not in text
        second.post(f"{path}code/")
        text = text_of(second.get(f"{path}sign/"))
        assert "David Schneider" in text
        assert f"{path}decline/" in text
        second.post(f"{path}sign/", code=code_for(dora))
        assert "Signed. We are carrying it out" in text_of(second.get(path))
        assert WAITING not in text_of(second.get("/home/"))

    def test_the_other_declines(self, path: str, first: Visitor, second: Visitor) -> None:
        first.post(f"{path}decline/")
        assert "One more signature is needed" in text_of(first.get(path))
        second.post(f"{path}decline/")
        assert "declined by who would have had to sign" in text_of(first.get(path))

    def test_the_first_takes_it_back(self, path: str, first: Visitor, second: Visitor) -> None:
        assert first.get(f"{path}sign/").status_code == 303
        first.post(f"{path}code/")
        assert second.post(f"{path}cancel/").status_code == 404
        first.post(f"{path}cancel/")
        assert "Nothing was paid" in text_of(first.get(path))

    def test_wrong_codes(self, path: str, first: Visitor, second: Visitor, dora: PSU) -> None:
        second.post(f"{path}code/")
        for _ in range(5):
            second.post(f"{path}sign/", code=bad_code(dora))
        assert "you have not signed" in text_of(second.get(path))
        assert "One more signature is needed" in text_of(first.get(path))

    def test_a_stranger_finds_nothing(self, path: str) -> None:
        emil = signed_in(customer("Emil", phone="+4915100000006"))
        assert emil.get(path).status_code == 404
        for what in ("code", "decline", "cancel"):
            assert emil.post(f"{path}{what}/").status_code == 404
