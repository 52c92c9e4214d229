"""Standing orders on the customer's pages: entered, checked, signed once, looked at, changed, ended."""

import re
from datetime import date
from html import unescape

import pytest

from apps.core.iban import make_iban
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation, StandingOrder
from apps.payments.rules import StatusReason
from apps.payments.services import lock_payment_for_execution, note_execution
from apps.payments.standing_orders import execute_due_standing_orders
from apps.sca.messages import render_code_message
from apps.sca.models import Challenge
from apps.tpp.models import App
from tests.factories.accounts import account_of
from tests.factories.identity import PASSWORD
from tests.portal.kit import (
    BankTime,
    Visitor,
    ask_series,
    bad_code,
    code_for,
    last_challenge,
    page,
    text_of,
    value_of,
)

# The bank's clock stands on Saturday, 21 November 2026, 13:00.
RENT = {
    "creditor_name": "Hausverwaltung Kern",
    "creditor_iban": "DE02 1203 0000 0000 2020 51",
    "amount": "850.00",
    "reference": "Rent, flat 7",
    "frequency": "Monthly",
    "start_date": "2026-12-01",
    "day_of_execution": "",
    "end_date": "",
    "execution_rule": "following",
}


def enter(visitor: Visitor, path: str = "/pay/standing/new/", **changes: str):
    page = visitor.get(path)
    account = re.search(r'<option value="([0-9a-f-]{36})"', text_of(page))
    form = RENT | {
        "from_account": account.group(1) if account else "",
        "form_key": value_of(page, "form_key"),
    }
    return visitor.http.post(path, form | changes)


def order_of(psu: PSU) -> StandingOrder:
    return StandingOrder.objects.filter(psu=psu).latest("created_at")


def begun(visitor: Visitor, psu: PSU, **changes: str) -> str:
    """The address of a standing order whose code is on its way."""
    assert enter(visitor, **changes).status_code == 303
    path = f"/pay/standing/{order_of(psu).pk}/"
    assert visitor.post(f"{path}code/").headers["Location"] == f"{path}sign/"
    return path


def running(visitor: Visitor, psu: PSU, **changes: str) -> str:
    path = begun(visitor, psu, **changes)
    assert visitor.post(f"{path}sign/", code=code_for(psu)).headers["Location"] == path
    return path


@pytest.mark.req("RTS-14", "S0-43", "RTS-5(1)(a)")
class TestTheWholeWay:
    def test_enter_check_sign_run(self, customer_anna: Visitor, anna: PSU, bank_time: BankTime) -> None:
        review = enter(customer_anna).headers["Location"]
        order = order_of(anna)
        assert review == f"/pay/standing/{order.pk}/review/"
        path = f"/pay/standing/{order.pk}/"
        customer_anna.post(f"{path}code/")
        assert not order.is_running
        customer_anna.post(f"{path}sign/", code=code_for(anna))
        html = text_of(customer_anna.get(path))
        assert "The next time on Tuesday, 1 December 2026" in html
        assert "every month, next on 1 Dec 2026" in text_of(customer_anna.get("/pay/standing/"))
        bank_time.pass_(days=44)  # 4 January 2027: two due dates have come.
        assert execute_due_standing_orders(now=bank_time.now()) == 2
        assert OutboxMessage.objects.filter(topic="engine.execute_payment").count() == 2
        customer_anna.sign_in(anna)
        html = text_of(customer_anna.get(path))
        for shown in ("1 Dec 2026", "1 Jan 2027", "The next time on Monday, 1 February 2027"):
            assert shown in html

    @pytest.mark.parametrize("step", ["review", "sign"])
    def test_all_is_shown_before_the_code_is_entered(
        self, customer_anna: Visitor, anna: PSU, step: str
    ) -> None:
        path = begun(
            customer_anna, anna, start_date="2026-12-02", day_of_execution="31", end_date="31.12.2027"
        )
        html = unescape(text_of(customer_anna.get(f"{path}{step}/")))
        for shown in (
            "€850.00",
            "Hausverwaltung Kern",
            "DE02 1203 0000 0000 2020 51",
            "Rent, flat 7",
            "every month, on the last day",
            "31 Dec 2026",
            "on 31 Dec 2027 or before",
            "on the next business day",
        ):
            assert shown in html

    def test_the_sign_page_shows_what_the_code_was_made_over(self, customer_anna: Visitor, anna: PSU) -> None:
        path = begun(customer_anna, anna)
        StandingOrder.objects.update(creditor_name="Somebody Else", amount_minor=1)
        html = text_of(customer_anna.get(f"{path}sign/"))
        assert "Hausverwaltung Kern" in html
        assert "€850.00" in html
        assert "Somebody Else" not in html

    @pytest.mark.parametrize(
        ("language", "told"),
        [
            ("en", "standing order, €850.00 every month to Hausverwaltung Kern, IBAN DE02"),
            ("de", "Dauerauftrag, 850,00 € jeden Monat an Hausverwaltung Kern, IBAN DE02"),
        ],
    )
    def test_the_message_names_the_series(
        self, customer_anna: Visitor, anna: PSU, language: str, told: str
    ) -> None:
        begun(customer_anna, anna)
        text = render_code_message(challenge=last_challenge(anna), code="123456", language=language)
        assert told in text.replace("\N{NO-BREAK SPACE}", " ")
        assert ("1 Dec 2026" if language == "en" else "1.12.2026") in text

    def test_five_wrong_codes_end_it(self, customer_anna: Visitor, anna: PSU) -> None:
        path = begun(customer_anna, anna)
        for _ in range(4):
            answer = customer_anna.post(f"{path}sign/", code=bad_code(anna))
            assert answer.headers["Location"] == f"{path}sign/?failed"
        customer_anna.post(f"{path}sign/", code=bad_code(anna))
        assert order_of(anna).transaction_status == "RJCT"
        assert "Nothing was paid" in text_of(customer_anna.get(path))

    def test_a_malformed_code_counts_nothing(self, customer_anna: Visitor, anna: PSU) -> None:
        path = begun(customer_anna, anna)
        assert "six digits" in text_of(customer_anna.post(f"{path}sign/", code="12345x"))
        assert last_challenge(anna).attempts == 0

    def test_a_second_click_sends_no_second_code_unless_asked(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        path = begun(customer_anna, anna)
        customer_anna.post(f"{path}code/")
        assert Challenge.objects.filter(purpose="standing_order").count() == 1
        customer_anna.post(f"{path}code/", again="1")
        assert Challenge.objects.filter(purpose="standing_order").count() == 2


class TestTheForm:
    @pytest.mark.parametrize(
        ("changes", "field", "told"),
        [
            ({"start_date": "2026-11-21"}, "start_date", "tomorrow or later"),
            ({"start_date": "2026-02-31"}, "start_date", "no such day"),
            ({"start_date": ""}, "start_date", "required"),
            ({"start_date": "2027-11-23"}, "start_date", "within one year"),
            ({"start_date": "2026-11-22", "execution_rule": "preceding"}, "start_date", "tomorrow or later"),
            ({"end_date": "2026-11-30"}, "end_date", "nothing would be paid"),
            ({"end_date": "soon"}, "end_date", "no such day"),
            ({"frequency": "Weekly", "day_of_execution": "5"}, "day_of_execution", "only with months"),
            ({"frequency": "MonthlyVariable"}, "frequency", "valid choice"),
            ({"frequency": "monthly"}, "frequency", "valid choice"),
            ({"day_of_execution": "32"}, "day_of_execution", "valid choice"),
            ({"day_of_execution": "0"}, "day_of_execution", "valid choice"),
            ({"execution_rule": "never"}, "execution_rule", "valid choice"),
            ({"amount": "0"}, "amount", "above zero"),
            ({"amount": "10000.01"}, "amount", "limit per payment"),
            ({"creditor_iban": "DE00"}, "creditor_iban", "valid IBAN"),
        ],
    )
    def test_what_is_wrong_is_told_beside_its_field(
        self, customer_anna: Visitor, changes: dict[str, str], field: str, told: str
    ) -> None:
        answer = enter(customer_anna, **changes)
        assert answer.status_code == 200
        assert told in str(answer.context["form"].errors[field])
        assert not StandingOrder.objects.exists()

    @pytest.mark.parametrize(
        "frequency",
        [
            "Daily",
            "Weekly",
            "EveryTwoWeeks",
            "Monthly",
            "EveryTwoMonths",
            "Quarterly",
            "SemiAnnual",
            "Annual",
        ],
    )
    def test_every_frequency_can_be_ordered(self, customer_anna: Visitor, anna: PSU, frequency: str) -> None:
        path = running(customer_anna, anna, frequency=frequency)
        assert order_of(anna).frequency == frequency
        assert customer_anna.get(path).status_code == 200

    def test_sent_twice_it_is_one_order_and_changed_in_between_another(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        key = value_of(customer_anna.get("/pay/standing/new/"), "form_key")
        first, second = (enter(customer_anna, form_key=key).headers["Location"] for _ in range(2))
        assert first == second
        answer = enter(customer_anna, form_key=key, amount="1")
        assert "before with other details" in text_of(answer)
        assert value_of(answer, "form_key") != key

    def test_another_customers_account_cannot_be_paid_from(
        self, customer_anna: Visitor, anna: PSU, bruno: PSU
    ) -> None:
        answer = enter(customer_anna, from_account=str(bruno.account.pk))
        assert "from_account" in answer.context["form"].errors


@pytest.mark.req("P-80")
class TestChangingAndEnding:
    def test_changing_is_another_order_with_a_code_of_its_own(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        path = running(customer_anna, anna)
        old = order_of(anna)
        change = f"/pay/standing/new/?change={old.pk}"
        html = text_of(customer_anna.get(change))
        for shown in ('value="850.00"', 'value="2026-12-01"', "Hausverwaltung Kern"):
            assert shown in html
        assert enter(customer_anna, change, amount="900").status_code == 303
        new = order_of(anna)
        assert "€850.00 every month" in text_of(customer_anna.get(f"/pay/standing/{new.pk}/review/"))
        assert "The next time" in text_of(customer_anna.get(path))
        customer_anna.post(f"/pay/standing/{new.pk}/code/")
        customer_anna.post(f"/pay/standing/{new.pk}/sign/", code=code_for(anna))
        assert "another took its place" in text_of(customer_anna.get(path))
        old.refresh_from_db()
        assert (old.transaction_status, StandingOrder.objects.get(pk=new.pk).is_running) == ("CANC", True)

    def test_ending_asks_once_and_needs_no_code(self, customer_anna: Visitor, anna: PSU) -> None:
        path = running(customer_anna, anna)
        assert "Let it run" in text_of(customer_anna.get(f"{path}end/"))
        assert order_of(anna).is_running
        customer_anna.post(f"{path}end/")
        assert order_of(anna).transaction_status == "CANC"
        assert "Nothing more is paid" in text_of(customer_anna.get(path))
        assert "ended on 21 Nov 2026" in text_of(customer_anna.get("/pay/standing/"))
        assert customer_anna.get(f"{path}end/").headers["Location"] == path

    def test_one_that_waits_can_be_cancelled(self, customer_anna: Visitor, anna: PSU) -> None:
        path = begun(customer_anna, anna)
        code = code_for(anna)
        customer_anna.post(f"{path}end/")
        assert customer_anna.post(f"{path}sign/", code=code).headers["Location"] == path
        assert order_of(anna).transaction_status == "CANC"

    def test_anothers_looks_missing(
        self, customer_anna: Visitor, anna: PSU, bruno: PSU, visitor: Visitor
    ) -> None:
        running(customer_anna, anna)
        order = order_of(anna)
        StandingOrder.objects.filter(pk=order.pk).update(psu=bruno)
        path = f"/pay/standing/{order.pk}/"
        for name in ("", "review/", "sign/", "end/"):
            assert customer_anna.get(f"{path}{name}").status_code == 404
        for name in ("code/", "sign/", "end/"):
            assert customer_anna.post(f"{path}{name}").status_code == 404
        order.refresh_from_db()
        assert order.is_running
        change = customer_anna.get("/pay/standing/new/", change=str(order.pk))
        assert "Hausverwaltung Kern" not in text_of(change)


def test_a_refused_execution_shows_its_reason_and_leads_back(
    customer_anna: Visitor, anna: PSU, bank_time: BankTime
) -> None:
    path = running(customer_anna, anna)
    bank_time.pass_(days=10)
    execute_due_standing_orders(now=bank_time.now())
    payment = PaymentInitiation.objects.get()
    note_execution(
        payment=lock_payment_for_execution(payment_id=payment.pk),
        status="RJCT",
        reason=StatusReason.AM04,
        now=bank_time.now(),
    )
    customer_anna.sign_in(anna)
    html = text_of(customer_anna.get(path))
    assert "not enough money on the account" in html
    assert "It runs" in html
    html = text_of(customer_anna.get(f"/pay/{payment.pk}/"))
    assert path in html
    assert "the execution of 1 Dec 2026" in html


def test_without_an_account_to_pay_from_there_is_no_form(customer_anna: Visitor, anna: PSU) -> None:
    from apps.accounts.models import AccountHolder

    account_of(anna)
    AccountHolder.objects.filter(psu=anna).update(may_pay=False)
    assert "No account to pay from" in text_of(customer_anna.get("/pay/standing/new/"))


def test_dates_are_kept_as_they_were_entered(customer_anna: Visitor, anna: PSU) -> None:
    enter(customer_anna, start_date="02.12.2026", end_date="2027-12-31", execution_rule="preceding")
    order = order_of(anna)
    assert (order.start_date, order.end_date, order.execution_rule) == (
        date(2026, 12, 2),
        date(2027, 12, 31),
        "preceding",
    )


@pytest.mark.req("IPR-5c(verify)")
class TestPayee:
    """What the payee's bank says of name and IBAN, told before and while signing."""

    @pytest.mark.parametrize(
        ("name", "told", "button"),
        [
            ("Bruno Schneider", "Name and IBAN belong together", "Correct: send me the code"),
            ("Bruno Schnieder", "The name is almost right", "Keep the name as it is"),
            ("Carla Winkelried", "Name and IBAN do not belong together", "Pay all the same"),
        ],
    )
    def test_is_told_on_review_and_sign_page(
        self, customer_anna: Visitor, anna: PSU, bruno: PSU, name: str, told: str, button: str
    ) -> None:
        path = begun(customer_anna, anna, creditor_name=name, creditor_iban=bruno.account.iban)
        review = text_of(customer_anna.get(f"{path}review/"))
        assert told in review
        assert button in review
        assert told in text_of(customer_anna.get(f"{path}sign/"))

    def test_one_that_could_not_be_checked_is_told(self, customer_anna: Visitor, anna: PSU) -> None:
        path = begun(
            customer_anna,
            anna,
            creditor_iban=make_iban(country="DE", bank_code="10099900", account_number="9999999999"),
        )
        assert "We could not check the name" in text_of(customer_anna.get(f"{path}review/"))

    def test_the_name_of_a_close_match_can_be_taken(
        self, customer_anna: Visitor, anna: PSU, bruno: PSU
    ) -> None:
        answer = enter(customer_anna, creditor_name="Bruno Schnieder", creditor_iban=bruno.account.iban)
        first = order_of(anna)
        path = answer.headers["Location"].replace("review", "edit")
        form = customer_anna.post(path, take_shown_name="1").headers["Location"]
        first.refresh_from_db()
        assert first.transaction_status == "CANC"
        page = customer_anna.get(form)
        assert value_of(page, "creditor_name") == "Bruno Schneider"
        assert page.context["form"]["start_date"].value() == date(2026, 12, 1)
        enter(customer_anna, form, creditor_name="Bruno Schneider", creditor_iban=bruno.account.iban)
        assert order_of(anna).creditor_name_match == "MTCH"

    def test_what_runs_cannot_be_edited_in_place(self, customer_anna: Visitor, anna: PSU) -> None:
        path = running(customer_anna, anna)
        assert customer_anna.post(f"{path}edit/").headers["Location"] == path
        assert order_of(anna).is_running

    def test_anothers_order_is_not_there(self, customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
        path = begun(customer_anna, anna)
        other = Visitor()
        other.sign_in(bruno)
        assert other.post(f"{path}edit/").status_code == 404
        assert order_of(anna).transaction_status == "RCVD"


@pytest.mark.req("S0-46", "P-80")
class TestThroughACompany:
    """What a TPP initiated (periodic-payments) is signed on the pages to which it leads, and ended here."""

    @pytest.fixture
    def asked(self, app: App, anna: PSU) -> tuple[StandingOrder, str]:
        """Anna is known by the ID token of a consent; the code is not on its way."""
        order, authorisation = ask_series(app, anna)
        return order, page(authorisation.pk)

    def signed(self, visitor: Visitor, psu: PSU, address: str) -> str:
        visitor.post(address, user_id=psu.user.username, password=PASSWORD)
        visitor.post(f"{address}code/", code=code_for(psu))
        return text_of(visitor.get(f"{address}done/"))

    def test_it_shows_by_whom_and_is_ended_here(
        self, asked: tuple[StandingOrder, str], customer_anna: Visitor, anna: PSU, app: App
    ) -> None:
        order, address = asked
        self.signed(customer_anna, anna, address)
        path = f"/pay/standing/{order.pk}/"
        listed = text_of(customer_anna.get("/pay/standing/"))
        assert f"every month, next on 1 Dec 2026 · through {app.tpp.brand_name}" in listed
        assert app.tpp.legal_name in text_of(customer_anna.get(path))
        assert "End the standing order?" in text_of(customer_anna.get(f"{path}end/"))
        customer_anna.post(f"{path}end/")
        order.refresh_from_db()
        assert order.transaction_status == "CANC"
        assert "It was ended, or another took its place" in text_of(customer_anna.get(path))
        listed = text_of(customer_anna.get("/pay/standing/"))
        assert f"through {app.tpp.brand_name}" in listed

    def test_the_last_page_tells_when_it_begins(
        self, asked: tuple[StandingOrder, str], customer_anna: Visitor, anna: PSU
    ) -> None:
        done = self.signed(customer_anna, anna, asked[1])
        assert "€850.00 every month to Hausverwaltung Kern, next on 1 Dec 2026." in done

    def test_unsigned_it_waits_for_the_companys_page_or_is_taken_back(
        self, asked: tuple[StandingOrder, str], customer_anna: Visitor, app: App
    ) -> None:
        order, address = asked
        path = f"/pay/standing/{order.pk}/"
        html = text_of(customer_anna.get(path))
        assert f"Go back to {app.tpp.brand_name} to approve it" in html
        assert "Check and sign" not in html
        for way in ("review/", "sign/"):
            assert customer_anna.get(path + way).headers["Location"] == path
        assert customer_anna.post(f"{path}edit/").headers["Location"] == path
        order.refresh_from_db()
        assert order.transaction_status == "RCVD"
        customer_anna.post(f"{path}end/")
        order.refresh_from_db()
        assert order.transaction_status == "CANC"
        assert customer_anna.get(address).status_code == 410

    def test_no_code_is_sent_for_it_from_here(
        self, asked: tuple[StandingOrder, str], customer_anna: Visitor
    ) -> None:
        order, _ = asked
        codes = Challenge.objects.filter(purpose="standing_order")
        path = f"/pay/standing/{order.pk}/"
        assert customer_anna.post(f"{path}code/").headers["Location"] == path
        assert not codes.exists()

    @pytest.mark.req("RTS-5(1)(a)")
    def test_a_passkey_signs_what_the_page_shows(
        self, asked: tuple[StandingOrder, str], visitor: Visitor, app: App
    ) -> None:
        address = asked[1]
        visitor.post(f"{address}passkey/begin/")
        html = text_of(visitor.get(f"{address}passkey/"))
        for what in (
            "€850.00",
            "Hausverwaltung Kern",
            "every month",
            "on 1 Dec 2027 or before",
            "1 Dec 2026",
        ):
            assert what in html, what
        assert app.tpp.legal_name in html
        challenge = Challenge.objects.latest("generated_at")
        assert (challenge.purpose, challenge.snapshot["tpp_name"]) == ("standing_order", app.tpp.legal_name)

    def test_it_can_be_changed_into_one_of_his_own(
        self, asked: tuple[StandingOrder, str], customer_anna: Visitor, anna: PSU
    ) -> None:
        order, address = asked
        self.signed(customer_anna, anna, address)
        enter(customer_anna, f"/pay/standing/new/?change={order.pk}", start_date="2027-01-01")
        other = order_of(anna)
        path = f"/pay/standing/{other.pk}/"
        customer_anna.post(f"{path}code/")
        customer_anna.post(f"{path}sign/", code=code_for(anna))
        order.refresh_from_db()
        other.refresh_from_db()
        assert (order.transaction_status, other.transaction_status) == ("CANC", "ACTC")
        assert (other.channel, other.app) == ("portal", None)
