"""The page of the payees whom a customer trusts: added and renamed with a code, removed without."""

import pytest
from django.test import override_settings

from apps.identity.models import PSU
from apps.payments.trusted_payee_models import TrustedPayee, TrustedPayeeChange
from apps.payments.trusted_payees import list_trusted_payees, remove_trusted_payee
from apps.sca.messages import render_code_message
from apps.sca.models import Challenge
from tests.factories.accounts import FOREIGN_IBAN, NOW
from tests.factories.trusted_payees import KERN, asked, trusted_payee
from tests.portal.kit import Visitor, bad_code, code_for, last_challenge, text_of

LIST = "/security/trusted-payees/"
PAYEE = {"creditor_name": KERN, "creditor_iban": "de02 1203 0000 0000 2020 51"}

pytestmark = pytest.mark.req("RTS-13", "P-97(1)(c)")


def ask(visitor: Visitor, path: str = LIST, **form: str) -> str:
    answer = visitor.post(path, **(form or PAYEE))
    assert answer.status_code == 303, answer.context["form"].errors
    return answer.headers["Location"]


class TestThePage:
    def test_is_linked_under_security_and_says_that_nobody_is_trusted_yet(
        self, customer_anna: Visitor
    ) -> None:
        assert LIST in text_of(customer_anna.get("/security/"))
        assert "Nobody yet" in text_of(customer_anna.get(LIST))

    def test_says_whether_the_list_spares_codes(self, customer_anna: Visitor) -> None:
        assert "At present we ask for a code with every transfer" in text_of(customer_anna.get(LIST))
        with override_settings(SCA_EXEMPTIONS=["13"]):
            assert "go out without a code" in text_of(customer_anna.get(LIST))

    def test_shows_the_list_and_nobody_elses(self, customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
        trusted_payee(anna)
        trusted_payee(bruno, name="Brunos Freund", iban="FR7630006000011234567890189")
        html = text_of(customer_anna.get(LIST))
        assert KERN in html
        assert "DE02 1203 0000 0000 2020 51" in html
        assert "Brunos Freund" not in html

    def test_strangers_are_led_to_the_sign_in(self, visitor: Visitor, db: None) -> None:
        assert visitor.get(LIST).headers["Location"].startswith("/sign-in/")


class TestAdding:
    def test_is_signed(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna)
        html = text_of(customer_anna.get(path))
        for shown in (KERN, "DE02 1203 0000 0000 2020 51"):
            assert shown in html
        assert not TrustedPayee.objects.exists()
        assert customer_anna.post(path, code=code_for(anna)).headers["Location"] == LIST
        payee = list_trusted_payees(psu_id=anna.pk).get()
        assert (payee.name, payee.iban) == (KERN, FOREIGN_IBAN)
        assert customer_anna.get(path).headers["Location"] == LIST

    @pytest.mark.parametrize(
        ("language", "told"),
        [
            ("en", f"new trusted payee {KERN}, IBAN DE02 1203 0000 0000 2020 51."),
            ("de", f"neuer vertrauenswürdiger Empfänger {KERN}, IBAN DE02 1203 0000 0000 2020 51."),
        ],
    )
    def test_the_message_names_the_payee(
        self, customer_anna: Visitor, anna: PSU, language: str, told: str
    ) -> None:
        ask(customer_anna)
        text = render_code_message(challenge=last_challenge(anna), code="123456", language=language)
        assert told in text

    def test_the_page_of_security_names_the_code(self, customer_anna: Visitor, anna: PSU) -> None:
        ask(customer_anna)
        html = text_of(customer_anna.get("/security/"))
        assert html.count("Trusted payees") >= 2
        assert "Connecting an app" not in html

    def test_a_wrong_code_changes_nothing_and_five_end_it(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna)
        for _ in range(4):
            assert customer_anna.post(path, code=bad_code(anna)).headers["Location"] == f"{path}?failed"
        assert "This code was not right" in text_of(customer_anna.get(f"{path}?failed"))
        assert customer_anna.post(path, code=bad_code(anna)).headers["Location"] == LIST
        assert not TrustedPayee.objects.exists()
        assert TrustedPayeeChange.objects.get().status == "refused"

    def test_a_malformed_code_counts_nothing(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna)
        assert "six digits" in text_of(customer_anna.post(path, code="12345x"))
        assert last_challenge(anna).attempts == 0

    def test_another_code_makes_the_first_void(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna)
        customer_anna.post(f"{path}code/")
        assert Challenge.objects.filter(purpose="trusted_payees", status="voided").count() == 1
        customer_anna.post(path, code=code_for(anna))
        assert TrustedPayeeChange.objects.get().status == "applied"

    def test_it_can_be_left(self, customer_anna: Visitor) -> None:
        path = ask(customer_anna)
        customer_anna.post(f"{path}cancel/")
        assert customer_anna.get(path).headers["Location"] == LIST
        assert TrustedPayeeChange.objects.get().status == "refused"

    def test_what_changed_meanwhile_is_said(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna)
        code = code_for(anna)
        trusted_payee(anna, name="The same account")
        customer_anna.post(path, code=code)
        assert "changed meanwhile" in text_of(customer_anna.get(LIST))
        assert list_trusted_payees(psu_id=anna.pk).get().name == "The same account"

    def test_who_is_on_the_list_is_not_added_again(self, customer_anna: Visitor, anna: PSU) -> None:
        trusted_payee(anna)
        answer = customer_anna.post(LIST, **PAYEE)
        assert "This IBAN is on your list already." in text_of(answer)
        assert not TrustedPayeeChange.objects.filter(status="open").exists()

    @pytest.mark.parametrize(
        ("field", "typed"),
        [
            ("creditor_name", ""),
            ("creditor_name", "Kern\u202e GmbH"),
            ("creditor_name", "K" * 71),
            ("creditor_iban", ""),
            ("creditor_iban", "DE02 1203 0000 0000 2020 52"),
        ],
    )
    def test_what_is_no_name_or_iban_is_refused(
        self, customer_anna: Visitor, anna: PSU, field: str, typed: str
    ) -> None:
        answer = customer_anna.post(LIST, **(PAYEE | {field: typed}))
        assert answer.status_code == 200
        assert field in answer.context["form"].errors
        assert not TrustedPayeeChange.objects.exists()

    def test_anothers_change_looks_missing(self, customer_anna: Visitor, bruno: PSU) -> None:
        change, _authorisation, _challenge = asked(bruno)
        path = f"{LIST}sign/{change.pk}/"
        assert customer_anna.get(path).status_code == 404
        for name in ("", "code/", "cancel/"):
            assert customer_anna.post(f"{path}{name}").status_code == 404
        change.refresh_from_db()
        assert change.status == "open"


class TestRenaming:
    def test_is_signed_with_the_old_name_beside_the_new(self, customer_anna: Visitor, anna: PSU) -> None:
        payee = trusted_payee(anna)
        assert KERN in text_of(customer_anna.get(f"{LIST}{payee.pk}/"))
        path = ask(customer_anna, f"{LIST}{payee.pk}/", creditor_name="Kern KG")
        html = text_of(customer_anna.get(path))
        assert KERN in html
        assert "Kern KG" in html
        assert list_trusted_payees(psu_id=anna.pk).get().name == KERN
        customer_anna.post(path, code=code_for(anna))
        assert list_trusted_payees(psu_id=anna.pk).get().name == "Kern KG"

    def test_to_the_same_name_sends_no_code(self, customer_anna: Visitor, anna: PSU) -> None:
        payee = trusted_payee(anna)
        assert ask(customer_anna, f"{LIST}{payee.pk}/", creditor_name=KERN) == LIST
        assert not TrustedPayeeChange.objects.filter(status="open").exists()

    def test_of_what_was_removed_meanwhile_is_said(self, customer_anna: Visitor, anna: PSU) -> None:
        payee = trusted_payee(anna)
        path = ask(customer_anna, f"{LIST}{payee.pk}/", creditor_name="Kern KG")
        code = code_for(anna)
        remove_trusted_payee(psu=anna, payee_id=payee.pk, now=NOW)
        customer_anna.post(path, code=code)
        assert "changed meanwhile" in text_of(customer_anna.get(LIST))


class TestRemoving:
    def test_takes_one_click_and_no_code(self, customer_anna: Visitor, anna: PSU) -> None:
        payee, sent = trusted_payee(anna), Challenge.objects.count()
        assert customer_anna.post(f"{LIST}{payee.pk}/remove/").headers["Location"] == LIST
        assert "Nobody yet" in text_of(customer_anna.get(LIST))
        assert Challenge.objects.count() == sent

    def test_a_link_does_not_remove(self, customer_anna: Visitor, anna: PSU) -> None:
        payee = trusted_payee(anna)
        assert customer_anna.get(f"{LIST}{payee.pk}/remove/").status_code == 405
        assert list_trusted_payees(psu_id=anna.pk).exists()

    def test_of_anothers_is_a_page_that_is_not_there(self, customer_anna: Visitor, bruno: PSU) -> None:
        payee = trusted_payee(bruno)
        for path in (f"{LIST}{payee.pk}/", f"{LIST}{payee.pk}/remove/"):
            assert customer_anna.post(path, creditor_name="Mine").status_code == 404
        assert list_trusted_payees(psu_id=bruno.pk).exists()
