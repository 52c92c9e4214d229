"""The page of the customer's limits: what holds, what is left, lower at once, higher with a code."""

import pytest

from apps.identity.models import PSU
from apps.payments.limit_models import PaymentDayUse, PaymentLimitChange
from apps.payments.limit_rules import Limits
from apps.payments.limits import change_limits, get_limits
from apps.payments.models import PaymentInitiation
from apps.sca.messages import render_code_message
from apps.sca.models import Challenge
from tests.factories.accounts import NOW
from tests.portal.kit import Visitor, bad_code, code_for, last_challenge, text_of

LOWER = {"per_payment": "500", "per_day": "1000", "portal_per_day": "1000", "xs2a_per_day": "0"}
HIGHER = {"per_payment": "15000", "per_day": "30000", "portal_per_day": "30000", "xs2a_per_day": "0"}


def ask(visitor: Visitor, wish: dict[str, str]) -> str:
    answer = visitor.post("/security/limits/", **wish)
    assert answer.status_code == 303, answer.context["form"].errors
    return answer.headers["Location"]


@pytest.mark.req("P-97(1)(c)")
class TestThePage:
    def test_shows_what_holds_and_what_is_used(self, customer_anna: Visitor, anna: PSU) -> None:
        PaymentDayUse.objects.create(psu=anna, day="2026-11-21", portal_minor=12_345, xs2a_minor=100)
        html = text_of(customer_anna.get("/security/limits/"))
        for shown in ("€10,000.00", "€20,000.00", "€123.45 used today", "€124.45 used today"):
            assert shown in html
        assert "/security/limits/" in text_of(customer_anna.get("/security/"))

    def test_lower_limits_hold_at_once_and_need_no_code(self, customer_anna: Visitor, anna: PSU) -> None:
        assert ask(customer_anna, LOWER) == "/security/limits/"
        assert get_limits(psu_id=anna.pk) == Limits(50_000, 100_000, 100_000, 0)
        assert not Challenge.objects.filter(purpose="limits").exists()
        assert "€500.00" in text_of(customer_anna.get("/security/limits/"))

    def test_higher_ones_are_signed(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna, HIGHER)
        before = get_limits(psu_id=anna.pk)
        html = text_of(customer_anna.get(path))
        for shown in ("€15,000.00", "instead of €10,000.00", "€0.00", "€30,000.00"):
            assert shown in html
        assert get_limits(psu_id=anna.pk) == before
        answer = customer_anna.post(path, code=code_for(anna))
        assert answer.headers["Location"] == "/security/limits/"
        assert get_limits(psu_id=anna.pk) == Limits(1_500_000, 3_000_000, 3_000_000, 0)

    @pytest.mark.parametrize(
        ("language", "told"),
        [
            ("en", "per payment €15,000.00, per day €30,000.00"),
            ("de", "pro Zahlung 15.000,00 €, pro Tag 30.000,00 €"),
        ],
    )
    def test_the_message_names_the_new_limits(
        self, customer_anna: Visitor, anna: PSU, language: str, told: str
    ) -> None:
        ask(customer_anna, HIGHER)
        text = render_code_message(challenge=last_challenge(anna), code="123456", language=language)
        assert told in text.replace("\N{NO-BREAK SPACE}", " ")

    def test_a_wrong_code_changes_nothing_and_five_end_it(self, customer_anna: Visitor, anna: PSU) -> None:
        path, before = ask(customer_anna, HIGHER), get_limits(psu_id=anna.pk)
        for _ in range(4):
            assert customer_anna.post(path, code=bad_code(anna)).headers["Location"] == f"{path}?failed"
        assert "This code was not right" in text_of(customer_anna.get(f"{path}?failed"))
        assert customer_anna.post(path, code=bad_code(anna)).headers["Location"] == "/security/limits/"
        assert get_limits(psu_id=anna.pk) == before
        assert PaymentLimitChange.objects.get().status == "refused"

    def test_a_malformed_code_counts_nothing(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna, HIGHER)
        assert "six digits" in text_of(customer_anna.post(path, code="12345x"))
        assert last_challenge(anna).attempts == 0

    def test_another_code_makes_the_first_void(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna, HIGHER)
        first = code_for(anna)
        customer_anna.post(f"{path}code/")
        assert Challenge.objects.filter(purpose="limits", status="voided").count() == 1
        if first != code_for(anna):
            customer_anna.post(path, code=first)
            assert PaymentLimitChange.objects.get().status == "open"
        customer_anna.post(path, code=code_for(anna))
        assert PaymentLimitChange.objects.get().status == "applied"

    def test_it_can_be_left(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna, HIGHER)
        customer_anna.post(f"{path}cancel/")
        assert customer_anna.get(path).headers["Location"] == "/security/limits/"
        assert PaymentLimitChange.objects.get().status == "refused"

    def test_what_changed_meanwhile_is_said(self, customer_anna: Visitor, anna: PSU) -> None:
        path = ask(customer_anna, HIGHER)
        change_limits(psu=anna, new=Limits(1, 1, 1, 1), now=NOW)
        customer_anna.post(path, code=code_for(anna))
        assert "changed meanwhile" in text_of(customer_anna.get("/security/limits/"))
        assert get_limits(psu_id=anna.pk) == Limits(1, 1, 1, 1)

    def test_anothers_change_looks_missing(self, customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
        change = change_limits(psu=bruno, new=Limits(1_100_000, 1, 1, 1), now=NOW)
        assert change is not None
        path = f"/security/limits/{change.pk}/"
        assert customer_anna.get(path).status_code == 404
        for name in ("", "code/", "cancel/"):
            assert customer_anna.post(f"{path}{name}").status_code == 404
        change.refresh_from_db()
        assert change.status == "open"

    @pytest.mark.parametrize("typed", ["", "-1", "1.5", "10.000", "1e3", "100001", "٥٠٠", "5 00", "500€"])
    def test_what_is_no_number_of_euros_is_refused(
        self, customer_anna: Visitor, anna: PSU, typed: str
    ) -> None:
        answer = customer_anna.post("/security/limits/", **(LOWER | {"per_payment": typed}))
        assert answer.status_code == 200
        assert "per_payment" in answer.context["form"].errors
        assert get_limits(psu_id=anna.pk).per_payment_minor == 1_000_000

    def test_strangers_are_led_to_the_sign_in(self, visitor: Visitor, db: None) -> None:
        assert visitor.get("/security/limits/").headers["Location"].startswith("/sign-in/")


class TestAtTheTransfer:
    def test_more_than_a_limit_is_said_beside_the_amount(self, customer_anna: Visitor, anna: PSU) -> None:
        ask(customer_anna, LOWER)
        answer = customer_anna.enter_transfer(amount="500.01")
        assert "more than your limit per payment, €500.00." in text_of(answer)
        assert not PaymentInitiation.objects.exists()
        assert customer_anna.enter_transfer(amount="500.00").status_code == 303

    def test_what_is_left_for_today_is_said(self, customer_anna: Visitor, anna: PSU) -> None:
        ask(customer_anna, LOWER)
        PaymentDayUse.objects.create(psu=anna, day="2026-11-21", portal_minor=80_000)
        answer = text_of(customer_anna.enter_transfer(amount="200.01"))
        assert "Of it €200.00 are left for today." in answer
        assert customer_anna.enter_transfer(amount="200.00").status_code == 303
