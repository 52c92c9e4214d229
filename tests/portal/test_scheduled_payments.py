"""A transfer for a later day on the customer's pages: entered, shown everywhere with its day, taken back in time."""

from datetime import date
from html import unescape

import pytest

from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.payments.services import release_due_payments
from apps.sca.messages import render_code_message
from apps.tpp.models import App
from tests.factories.identity import PASSWORD
from tests.portal.kit import BankTime, Visitor, ask_payment, code_for, last_challenge, page, text_of

# The bank's clock stands on Saturday, 21 November 2026, 13:00.


def payment_of(psu: PSU) -> PaymentInitiation:
    return PaymentInitiation.objects.filter(psu=psu).latest("created_at")


def scheduled(visitor: Visitor, psu: PSU, day: str = "2026-11-24") -> PaymentInitiation:
    payment = visitor.begin_payment(psu, execution_date=day)
    visitor.post(f"/pay/{payment.pk}/sign/", code=code_for(psu))
    payment.refresh_from_db()
    assert payment.is_scheduled
    return payment


class TestEntering:
    @pytest.mark.parametrize(
        ("typed", "kept"),
        [
            ("", None),
            ("2026-11-21", None),  # Today is at once.
            ("2026-11-24", date(2026, 11, 24)),
            ("24.11.2026", date(2026, 11, 24)),
            ("2027-11-22", date(2027, 11, 22)),
        ],
    )
    def test_a_day_is_kept(self, customer_anna: Visitor, anna: PSU, typed: str, kept: date | None) -> None:
        assert customer_anna.enter_transfer(execution_date=typed).status_code == 303
        assert payment_of(anna).requested_execution_date == kept

    @pytest.mark.parametrize(
        ("typed", "told"),
        [
            ("2026-11-20", "This day is over"),
            ("2027-11-23", "one year at most"),
            ("2026-02-31", "There is no such day"),
            ("31.02.2027", "There is no such day"),
            ("tomorrow", "There is no such day"),
            ("٢٠٢٦-١١-٢٤", "There is no such day"),
            ("2026-11-24T10:00", "There is no such day"),
            ("0000-00-00", "There is no such day"),
            ("99999-01-01", "There is no such day"),
        ],
    )
    def test_another_is_refused_beside_its_field(
        self, customer_anna: Visitor, anna: PSU, typed: str, told: str
    ) -> None:
        answer = customer_anna.enter_transfer(execution_date=typed)
        assert answer.status_code == 200
        assert told in str(answer.context["form"].errors["execution_date"])
        assert told in text_of(answer)
        assert not PaymentInitiation.objects.exists()


@pytest.mark.req("S0-43", "RTS-5(1)(a)")
class TestShown:
    def test_on_every_page_and_in_the_message(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna, execution_date="2026-11-24")
        for path in ("review/", "sign/", ""):
            assert "On 24 Nov 2026, as a SEPA transfer" in text_of(
                customer_anna.get(f"/pay/{payment.pk}/{path}")
            )
        for language, told in (("en", "on 24 Nov 2026."), ("de", "am 24.11.2026.")):
            message = render_code_message(challenge=last_challenge(anna), code="123456", language=language)
            assert told in message

    def test_a_day_on_which_banks_are_closed_says_which_it_becomes(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        payment = customer_anna.begin_payment(anna, execution_date="2026-12-25")
        shown = text_of(customer_anna.get(f"/pay/{payment.pk}/review/"))
        assert "On 28 Dec 2026, the next business day after 25 Dec 2026" in shown
        assert "by 29 Dec 2026 at the latest" in shown

    @pytest.mark.req("P-83")
    @pytest.mark.parametrize(
        ("days", "hours", "arrival"), [(0, 0, "24 Nov 2026"), (2, 2, "24 Nov 2026"), (2, 3, "25 Nov 2026")]
    )
    def test_the_review_page_promises_the_arrival_by_the_cut_off(
        self,
        visitor: Visitor,
        anna: PSU,
        bank_time: BankTime,
        days: int,
        hours: int,
        arrival: str,
    ) -> None:
        bank_time.pass_(days=days, hours=hours)  # Saturday 13:00; Monday 15:00 and 16:00.
        visitor.sign_in(anna)
        answer = visitor.get(visitor.enter_transfer().headers["Location"])
        assert f"by {arrival} at the latest" in text_of(answer)

    def test_on_the_pages_on_which_a_companys_payment_is_approved(
        self, app: App, anna: PSU, visitor: Visitor
    ) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        PaymentInitiation.objects.filter(pk=payment.pk).update(requested_execution_date=date(2026, 11, 24))
        assert "On 24 Nov 2026" in text_of(visitor.get(page(authorisation.pk)))
        visitor.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
        assert "On 24 Nov 2026" in text_of(visitor.get(page(authorisation.pk, "code")))
        visitor.post(page(authorisation.pk, "code"), code=code_for(anna))
        html = text_of(visitor.get(page(authorisation.pk, "done")))
        assert "It waits for its day" in html
        assert "carrying it out" not in html


@pytest.mark.req("P-80")
class TestWaiting:
    def test_it_waits_and_says_until_when_it_can_be_cancelled(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        payment = scheduled(customer_anna, anna)
        html = unescape(text_of(customer_anna.get(f"/pay/{payment.pk}/")))
        assert "We carry it out on Tuesday, 24 November 2026" in html
        assert "You can cancel it until the end of Monday, 23 November 2026" in html
        assert "data-poll" not in html
        assert "on 24 Nov 2026" in text_of(customer_anna.get("/pay/list/"))
        assert not OutboxMessage.objects.filter(topic="engine.execute_payment").exists()

    def test_it_can_be_cancelled_in_time(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = scheduled(customer_anna, anna)
        customer_anna.post(f"/pay/{payment.pk}/cancel/")
        payment.refresh_from_db()
        assert payment.transaction_status == "CANC"
        assert "Nothing was paid" in text_of(customer_anna.get(f"/pay/{payment.pk}/"))

    def test_and_not_when_the_business_day_before_is_over(
        self, customer_anna: Visitor, anna: PSU, bank_time: BankTime
    ) -> None:
        payment = scheduled(customer_anna, anna)
        bank_time.pass_(days=2, hours=11)  # Tuesday, 00:00.
        customer_anna.sign_in(anna)
        html = text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        assert "It can no longer be cancelled" in html
        assert "/cancel/" not in html
        answer = customer_anna.http.post(f"/pay/{payment.pk}/cancel/", follow=True)
        assert "until the end of the business day before its day" in text_of(answer)
        payment.refresh_from_db()
        assert payment.transaction_status == "ACTC"

    def test_released_it_is_under_way(self, customer_anna: Visitor, anna: PSU, bank_time: BankTime) -> None:
        payment = scheduled(customer_anna, anna)
        bank_time.pass_(days=2, hours=11)
        assert release_due_payments(now=bank_time.now()) == 1
        customer_anna.sign_in(anna)
        html = text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        assert "data-poll" in html
        assert "/cancel/" not in html
