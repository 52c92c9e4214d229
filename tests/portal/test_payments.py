"""A transfer in the portal: entered once, shown as it is, released by its own code and by nothing else."""

from datetime import timedelta
from html import unescape

import pytest
from django.conf import settings as django_settings

from apps.audit.models import AuditEvent
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.rules import StatusReason
from apps.payments.services import lock_payment_for_execution, note_execution
from apps.sca.models import AuthenticationState, Challenge
from apps.tpp.models import App
from tests.factories.accounts import account_of
from tests.portal.kit import (
    BankTime,
    Visitor,
    ask_payment,
    bad_code,
    code_for,
    last_challenge,
    text_of,
    value_of,
)


def payment_of(psu: PSU) -> PaymentInitiation:
    return PaymentInitiation.objects.filter(psu=psu).latest("created_at")


def is_released(payment: PaymentInitiation) -> bool:
    payment.refresh_from_db()
    promised = OutboxMessage.objects.filter(topic="engine.execute_payment").count()
    assert promised == (payment.transaction_status == "ACTC")
    return payment.transaction_status == "ACTC"


@pytest.mark.req("S0-41", "S0-43", "S0-44", "S0-45", "S1-13", "S1-14", "RTS-5(1)(a)")
class TestTheWholeWay:
    def test_enter_check_sign(self, customer_anna: Visitor, anna: PSU) -> None:
        review = customer_anna.enter_transfer().headers["Location"]
        payment = payment_of(anna)
        assert review == f"/pay/{payment.pk}/review/"
        assert not Challenge.objects.filter(purpose="payment").exists()
        assert (
            customer_anna.post(f"/pay/{payment.pk}/code/").headers["Location"] == f"/pay/{payment.pk}/sign/"
        )
        assert not is_released(payment)
        answer = customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert answer.headers["Location"] == f"/pay/{payment.pk}/"
        assert is_released(payment)
        assert "Approved" in text_of(customer_anna.get(f"/pay/{payment.pk}/"))

    @pytest.mark.parametrize("step", ["review", "sign"])
    def test_all_is_shown_before_the_code_is_entered(
        self, customer_anna: Visitor, anna: PSU, step: str
    ) -> None:
        payment = customer_anna.begin_payment(anna)
        html = unescape(text_of(customer_anna.get(f"/pay/{payment.pk}/{step}/")))
        iban = anna.account.iban
        grouped = " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))
        for shown in (
            "€25.00",
            "Möbelhaus Kern GmbH",
            "DE02 1203 0000 0000 2020 51",
            grouped,
            "Order 88-2041",
            "€0.00",
        ):
            assert shown in html
        if step == "sign":
            assert "21 Nov 2026, 13:00:00" in html

    def test_the_sign_page_shows_what_the_code_was_made_over(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        PaymentInitiation.objects.filter(pk=payment.pk).update(creditor_name="Somebody Else")
        html = unescape(text_of(customer_anna.get(f"/pay/{payment.pk}/sign/")))
        assert "Möbelhaus Kern GmbH" in html
        assert "Somebody Else" not in html

    def test_money_that_is_not_there_is_said_before(self, customer_anna: Visitor, anna: PSU) -> None:
        page = customer_anna.get(customer_anna.enter_transfer(amount="1000.01").headers["Location"])
        assert "more than you have available" in text_of(page)
        page = customer_anna.get(customer_anna.enter_transfer(amount="1,000.00").headers["Location"])
        assert "more than you have available" not in text_of(page)

    @pytest.mark.req("S0-46")
    def test_the_page_tells_how_it_went_on(
        self, customer_anna: Visitor, anna: PSU, bank_time: BankTime
    ) -> None:
        payment = customer_anna.begin_payment(anna)
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert f"/pay/{payment.pk}/status/?seen=ACTC" in text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        status = customer_anna.get(f"/pay/{payment.pk}/status/", seen="ACTC").json()
        assert status == {"transactionStatus": "ACTC", "done": False}
        note_execution(
            payment=lock_payment_for_execution(payment_id=payment.pk),
            status="RJCT",
            reason=StatusReason.AM04,
            now=bank_time.now(),
        )
        assert customer_anna.get(f"/pay/{payment.pk}/status/", seen="ACTC").json()["done"]
        page = text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        assert "not enough money" in page
        assert "data-poll" not in page

    @pytest.mark.parametrize("reason", StatusReason.values)
    def test_every_reason_has_words(self, customer_anna: Visitor, anna: PSU, reason: str) -> None:
        payment = customer_anna.begin_payment(anna)
        PaymentInitiation.objects.filter(pk=payment.pk).update(
            transaction_status="RJCT", status_reason=reason
        )
        page = customer_anna.get(f"/pay/{payment.pk}/")
        assert page.context["reason"]
        assert reason not in page.context["reason"]


class TestTheForm:
    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("creditor_name", "", "required"),
            ("creditor_name", "Kern\u202eGmbH", "characters"),
            ("creditor_name", "x" * 71, "70"),
            ("creditor_name", "a\x00b", "Null"),
            ("creditor_iban", "", "required"),
            ("creditor_iban", "DE02 1203 0000 0000 2020 52", "not a valid IBAN"),
            ("creditor_iban", "US64SVBKUS6S3300958879", "not a valid IBAN"),
            ("creditor_iban", "BR1500000000000010932840814P2", "outside the euro payments area"),
            ("creditor_iban", "<script>", "not a valid IBAN"),
            ("amount", "", "required"),
            ("amount", "0", "above zero"),
            ("amount", "-5", "above zero"),
            ("amount", "12.345", "above zero"),
            ("amount", "1e3", "above zero"),
            ("reference", "x" * 141, "140"),
            ("reference", "a\tb", "characters"),
            ("from_account", "", "required"),
            ("from_account", "6f1e2a40-5a53-4b0e-8a51-58a5a1f2c9d1", "not one of the available choices"),
        ],
    )
    def test_says_at_the_field_what_is_wrong(
        self, customer_anna: Visitor, anna: PSU, field: str, value: str, words: str
    ) -> None:
        answer = customer_anna.enter_transfer(**{field: value})
        assert answer.status_code == 200
        assert words in " ".join(answer.context["form"].errors[field])
        assert "<script>" not in text_of(answer)
        assert not PaymentInitiation.objects.exists()

    def test_the_own_account_is_no_payee(self, customer_anna: Visitor, anna: PSU) -> None:
        answer = customer_anna.enter_transfer(creditor_iban=anna.account.iban)
        assert "account you pay from" in " ".join(answer.context["form"].errors["creditor_iban"])

    def test_only_the_own_accounts_are_offered(self, customer_anna: Visitor, bruno: PSU) -> None:
        assert str(bruno.account.pk) not in text_of(customer_anna.get("/pay/"))
        answer = customer_anna.enter_transfer(from_account=str(bruno.account.pk))
        assert "from_account" in answer.context["form"].errors

    def test_a_blocked_account_is_not_offered(self, customer_anna: Visitor, anna: PSU) -> None:
        anna.account.status = "blocked"
        anna.account.save()
        assert "No account to pay from" in text_of(customer_anna.get("/pay/"))

    def test_starts_with_the_account_one_comes_from(self, customer_anna: Visitor, anna: PSU) -> None:
        savings = account_of(anna, display_name="Savings")
        page = customer_anna.get("/pay/", **{"from": str(savings.pk)})
        assert f'<option value="{savings.pk}" selected' in text_of(page)

    @pytest.mark.req("RTS-35(4)")
    def test_sent_twice_makes_one_payment(self, customer_anna: Visitor, anna: PSU) -> None:
        key = value_of(customer_anna.get("/pay/"), "form_key")
        first, second = (customer_anna.enter_transfer(form_key=key) for _ in range(2))
        assert first.headers["Location"] == second.headers["Location"]
        assert PaymentInitiation.objects.count() == 1

    def test_sent_again_with_other_details_asks_first(self, customer_anna: Visitor, anna: PSU) -> None:
        key = value_of(customer_anna.get("/pay/"), "form_key")
        customer_anna.enter_transfer(form_key=key)
        answer = customer_anna.enter_transfer(form_key=key, amount="26")
        assert "with other details" in text_of(answer)
        assert PaymentInitiation.objects.count() == 1
        customer_anna.enter_transfer(form_key=value_of(answer, "form_key"), amount="26")
        assert PaymentInitiation.objects.count() == 2

    @pytest.mark.parametrize("key", ["", "x", "../../etc/passwd", "x" * 5000])
    def test_a_strange_key_is_a_new_one(self, customer_anna: Visitor, anna: PSU, key: str) -> None:
        assert customer_anna.enter_transfer(form_key=key).status_code == 303


@pytest.mark.req("S1-5", "S1-6", "S3-1", "RTS-4(3)(b)", "RTS-5(1)")
class TestTheCode:
    def test_a_wrong_one_can_be_mended(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        answer = customer_anna.post(f"/pay/{payment.pk}/sign/", code=bad_code(anna))
        assert answer.headers["Location"] == f"/pay/{payment.pk}/sign/?failed"
        assert "not right" in text_of(customer_anna.http.get(answer.headers["Location"]))
        assert "not right" not in text_of(customer_anna.get(f"/pay/{payment.pk}/sign/"))
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert is_released(payment)

    def test_five_wrong_ones_end_the_payment(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        for _ in range(5):
            answer = customer_anna.post(f"/pay/{payment.pk}/sign/", code=bad_code(anna))
        assert answer.headers["Location"] == f"/pay/{payment.pk}/"
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        payment.refresh_from_db()
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "DS0A")
        assert "was not accepted" in text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None
        again = customer_anna.begin_payment(anna)
        assert "No code is under way" not in text_of(customer_anna.get(f"/pay/{again.pk}/review/"))
        assert not Challenge.objects.filter(authorisation__subject_id=again.pk).exists()

    def test_the_right_one_twice_pays_once(self, customer_anna: Visitor, anna: PSU) -> None:
        payment, code = customer_anna.begin_payment(anna), ""
        code = code_for(anna)
        for _ in range(2):
            answer = customer_anna.post(f"/pay/{payment.pk}/sign/", code=code)
            assert answer.headers["Location"] == f"/pay/{payment.pk}/"
        assert is_released(payment)
        assert AuditEvent.objects.filter(event="payments.payment.ACTC").count() == 1

    def test_too_old(self, customer_anna: Visitor, anna: PSU, bank_time: BankTime) -> None:
        payment = customer_anna.begin_payment(anna)
        code = code_for(anna)
        for _ in range(3):
            bank_time.pass_(seconds=django_settings.SCA_CODE_TTL_SECONDS / 3)
            customer_anna.get(f"/pay/{payment.pk}/sign/")
        assert "No code is under way" in text_of(customer_anna.get(f"/pay/{payment.pk}/sign/"))
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code)
        assert not is_released(payment)
        customer_anna.post(f"/pay/{payment.pk}/code/", again="1")
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert is_released(payment)

    def test_a_new_one_makes_the_old_one_void(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        first = code_for(anna)
        customer_anna.post(f"/pay/{payment.pk}/code/", again="1")
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=first)
        assert not is_released(payment)
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert is_released(payment)

    def test_a_second_click_sends_no_second_one(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        for _ in range(3):
            customer_anna.post(f"/pay/{payment.pk}/code/")
        assert Challenge.objects.filter(purpose="payment").count() == 1

    def test_that_of_one_payment_is_worth_nothing_for_another(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        first = customer_anna.begin_payment(anna)
        code = code_for(anna)
        second = customer_anna.begin_payment(anna, amount="2500.00")
        customer_anna.post(f"/pay/{second.pk}/sign/", code=code)
        assert not is_released(second)
        assert not is_released(first)

    @pytest.mark.req("S3-5", "RTS-5(1)(d)")
    @pytest.mark.parametrize(
        "change",
        [
            {"amount_minor": 2501},
            {"creditor_iban": "DE75512108001245126199"},
            {"creditor_name": "M\xf6belhaus Kem"},
        ],
    )
    def test_is_void_when_the_payment_changed(self, customer_anna: Visitor, anna: PSU, change: dict) -> None:
        payment = customer_anna.begin_payment(anna)
        PaymentInitiation.objects.filter(pk=payment.pk).update(**change)
        answer = customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert answer.status_code == 409
        assert "has changed" in text_of(answer)
        assert not is_released(payment)
        assert last_challenge(anna).status == "voided"
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert not is_released(payment)

    def test_too_many_are_refused_with_words(self, customer_anna: Visitor, anna: PSU, settings) -> None:
        settings.SCA_SENDS_PER_10_MINUTES = 2
        for _ in range(2):
            customer_anna.begin_payment(anna)
        payment = customer_anna.begin_payment(anna)
        page = customer_anna.get(f"/pay/{payment.pk}/review/")
        assert "several codes" in text_of(page)
        assert not Challenge.objects.filter(authorisation__subject_id=payment.pk).exists()

    def test_a_pause_is_told_to_whom_it_concerns(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        for _ in range(2):
            customer_anna.post(f"/pay/{payment.pk}/sign/", code=bad_code(anna))
        other = Visitor()
        for _ in range(3):
            other.send_password(anna.user.username, "wrong horse battery")
        page = text_of(customer_anna.get(f"/pay/{payment.pk}/sign/"))
        assert "Signing is paused" in page
        assert 'name="code"' not in page


class TestWaysOut:
    def test_cancel(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        code = code_for(anna)
        for _ in range(2):
            customer_anna.post(f"/pay/{payment.pk}/cancel/")
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code)
        payment.refresh_from_db()
        assert payment.transaction_status == "CANC"
        assert "Nothing was paid" in text_of(customer_anna.get(f"/pay/{payment.pk}/"))

    def test_what_is_approved_cannot_be_cancelled(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        customer_anna.post(f"/pay/{payment.pk}/cancel/")
        assert is_released(payment)
        assert "can no longer be cancelled" in text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        assert customer_anna.post(f"/pay/{payment.pk}/edit/").headers["Location"] == f"/pay/{payment.pk}/"
        assert is_released(payment)

    def test_change_is_a_new_one_with_the_same_details(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        for _ in range(2):
            form = customer_anna.post(f"/pay/{payment.pk}/edit/").headers["Location"]
            assert form == f"/pay/?like={payment.pk}"
        payment.refresh_from_db()
        assert payment.transaction_status == "CANC"
        initial = customer_anna.http.get(form).context["form"].initial
        assert initial["amount"] == "25.00"
        assert initial["creditor_iban"] == "DE02 1203 0000 0000 2020 51"

    @pytest.mark.parametrize("like", ["x", "6f1e2a40-5a53-4b0e-8a51-58a5a1f2c9d1"])
    def test_an_unknown_model_gives_an_empty_form(self, customer_anna: Visitor, like: str) -> None:
        assert customer_anna.get("/pay/", like=like).status_code == 200

    def test_pages_of_a_finished_payment_lead_to_it(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        for step in ("review", "sign"):
            answer = customer_anna.get(f"/pay/{payment.pk}/{step}/")
            assert answer.headers["Location"] == f"/pay/{payment.pk}/"
        assert customer_anna.post(f"/pay/{payment.pk}/code/").headers["Location"] == f"/pay/{payment.pk}/"

    def test_after_a_day_it_is_too_late(self, anna: PSU, bank_time: BankTime) -> None:
        visitor = Visitor()
        visitor.sign_in(anna)
        visitor.enter_transfer()
        payment = payment_of(anna)
        bank_time.pass_(hours=25)
        visitor.sign_in(anna)
        assert visitor.post(f"/pay/{payment.pk}/code/").headers["Location"] == f"/pay/{payment.pk}/"
        assert not Challenge.objects.filter(purpose="payment").exists()


@pytest.mark.req("S0-7")
class TestOthers:
    @pytest.mark.parametrize("step", ["", "review/", "sign/", "status/"])
    def test_anothers_payment_is_not_there(
        self, customer_anna: Visitor, anna: PSU, bruno: PSU, step: str
    ) -> None:
        payment = customer_anna.begin_payment(anna)
        stranger = Visitor()
        stranger.sign_in(bruno)
        answer = stranger.get(f"/pay/{payment.pk}/{step}")
        assert answer.status_code == 404
        assert "Kern" not in text_of(answer)

    @pytest.mark.parametrize("step", ["code", "sign", "cancel", "edit"])
    def test_nor_can_it_be_touched(self, customer_anna: Visitor, anna: PSU, bruno: PSU, step: str) -> None:
        payment = customer_anna.begin_payment(anna)
        stranger = Visitor()
        stranger.sign_in(bruno)
        assert stranger.post(f"/pay/{payment.pk}/{step}/", code=code_for(anna)).status_code == 404
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"
        customer_anna.post(f"/pay/{payment.pk}/sign/", code=code_for(anna))
        assert is_released(payment)

    def test_nothing_of_it_prefills_anothers_form(
        self, customer_anna: Visitor, anna: PSU, bruno: PSU
    ) -> None:
        payment = customer_anna.begin_payment(anna)
        stranger = Visitor()
        stranger.sign_in(bruno)
        assert "Kern" not in text_of(stranger.get("/pay/", like=str(payment.pk)))

    def test_a_companys_payment_is_shown_and_signed_elsewhere(
        self, customer_anna: Visitor, anna: PSU, app: App
    ) -> None:
        payment, _ = ask_payment(app, anna.account, psu=anna)
        assert app.tpp.brand_name in text_of(customer_anna.get("/pay/list/"))
        assert customer_anna.get(f"/pay/{payment.pk}/review/").status_code == 303
        customer_anna.post(f"/pay/{payment.pk}/code/")
        assert not Challenge.objects.filter(purpose="payment").exists()
        customer_anna.post(f"/pay/{payment.pk}/cancel/")
        payment.refresh_from_db()
        assert payment.transaction_status == "CANC"

    def test_strangers_are_led_to_the_sign_in(self, visitor: Visitor, db: None) -> None:
        assert visitor.get("/pay/").headers["Location"] == "/sign-in/?next=%2Fpay%2F"
        assert visitor.post("/pay/").headers["Location"] == "/sign-in/"


def test_the_list_is_the_customers_own(customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
    assert "No payment yet" in text_of(customer_anna.get("/pay/list/"))
    stranger = Visitor()
    stranger.sign_in(bruno)
    stranger.begin_payment(bruno, creditor_name="Only Brunos")
    customer_anna.begin_payment(anna)
    listed = unescape(text_of(customer_anna.get("/pay/list/")))
    assert "Möbelhaus Kern GmbH" in listed
    assert "Only Brunos" not in listed


def test_no_page_is_kept_by_the_browser(customer_anna: Visitor, anna: PSU) -> None:
    payment = customer_anna.begin_payment(anna)
    assert customer_anna.get(f"/pay/{payment.pk}/sign/").headers["Cache-Control"] == "no-store"


def test_time_is_the_banks(customer_anna: Visitor, anna: PSU, bank_time: BankTime) -> None:
    payment = customer_anna.begin_payment(anna)
    assert abs(payment.created_at - bank_time.moment) < timedelta(seconds=1)
