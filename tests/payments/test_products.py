"""Payment products: where each leads, who pays for it, and when it goes out."""

from datetime import UTC, date, datetime

import pytest
from django.db import IntegrityError, connection, transaction

from apps.core.bic import InvalidBIC, parse_bic
from apps.core.iban import OutsideSEPA, make_iban
from apps.core.money import Money
from apps.engine.execution import execute_payment
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.payments.products import (
    ChargeBearerNotAllowed,
    CreditorAgentMissing,
    OrdinaryTransferSuffices,
    charge_bearer_for,
    check_destination,
    fee_minor,
    goes_later,
    has_own_fee,
    is_open,
)
from apps.payments.rules import ChargeBearer, PaymentProduct
from apps.payments.services import (
    PaymentOrder,
    TooLateToCancel,
    cancel_payment,
    payment_snapshot,
    release_due_payments,
)
from tests.factories.accounts import FOREIGN_IBAN, NOW, bank_accounts, customer
from tests.factories.payments import authorised_payment, received_payment
from tests.pricing.books import publish, publish_own_fees

SCT, INSTANT, URGENT, ABROAD = PaymentProduct
TURKISH_IBAN, TURKISH_BIC = "TR330006100519786457841326", "TGBATRIS"
OWN_IBAN = make_iban(country="DE", bank_code="10099900", account_number="4040404040")


def at(text: str) -> datetime:
    """A moment in Berlin's winter time."""
    return datetime.fromisoformat(f"{text}+01:00").astimezone(UTC)


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna", balance_minor=10_000)


class TestDestination:
    @pytest.mark.parametrize(
        ("product", "iban", "agent"),
        [
            *((product, FOREIGN_IBAN, "") for product in (SCT, INSTANT, URGENT)),
            *((product, OWN_IBAN, "") for product in (SCT, INSTANT)),
            (ABROAD, TURKISH_IBAN, TURKISH_BIC),
        ],
    )
    def test_leads_there(self, product: PaymentProduct, iban: str, agent: str) -> None:
        check_destination(product, creditor_iban=iban, creditor_agent=agent)

    @pytest.mark.parametrize(
        ("product", "iban", "agent", "error"),
        [
            *((product, TURKISH_IBAN, TURKISH_BIC, OutsideSEPA) for product in (SCT, INSTANT, URGENT)),
            (ABROAD, FOREIGN_IBAN, "BYLADEM1001", OrdinaryTransferSuffices),
            (ABROAD, OWN_IBAN, "LINDDEB0XXX", OrdinaryTransferSuffices),
            (URGENT, OWN_IBAN, "", OrdinaryTransferSuffices),
            (ABROAD, TURKISH_IBAN, "", CreditorAgentMissing),
        ],
    )
    def test_does_not(self, product: PaymentProduct, iban: str, agent: str, error: type[Exception]) -> None:
        with pytest.raises(error):
            check_destination(product, creditor_iban=iban, creditor_agent=agent)


DAY = date(2026, 11, 21)


class TestFees:
    @pytest.mark.parametrize(
        ("product", "bearer", "cents"),
        [
            (SCT, "SLEV", 0),
            (INSTANT, "SLEV", 0),
            (URGENT, "SHAR", 1_500),
            (ABROAD, "SHAR", 1_000),
            (ABROAD, "DEBT", 3_000),
            (ABROAD, "CRED", 0),
        ],
    )
    @pytest.mark.usefixtures("db")
    def test_are_what_the_price_list_says(self, product: PaymentProduct, bearer: str, cents: int) -> None:
        publish_own_fees(credit_transfer=20, instant_transfer=20)
        wanted = ChargeBearer(bearer)
        assert charge_bearer_for(product, wanted=wanted) == wanted
        assert fee_minor(product, charge_bearer=wanted, account_product="Giro", day=DAY) == cents

    @pytest.mark.parametrize(
        ("product", "bearer", "cents"),
        [(URGENT, "SHAR", 0), (ABROAD, "SHAR", 0), (ABROAD, "DEBT", 2_000), (ABROAD, "CRED", 0)],
    )
    @pytest.mark.usefixtures("db")
    def test_without_a_price_only_other_banks_cost_something(
        self, product: PaymentProduct, bearer: str, cents: int
    ) -> None:
        publish_own_fees(product="Business")
        publish(valid_from="2026-11-01", maintenance=490)
        for account_product in ("Giro", "No such product"):
            assert (
                fee_minor(
                    product, charge_bearer=ChargeBearer(bearer), account_product=account_product, day=DAY
                )
                == cents
            )

    def test_are_those_of_the_day(self, anna: PSU) -> None:
        publish_own_fees()
        publish(valid_from="2027-02-01", target_transfer=1_900, told="2026-11-20")
        days = date(2026, 10, 31), date(2026, 11, 1), date(2027, 1, 31), date(2027, 2, 1)
        assert [
            fee_minor(URGENT, charge_bearer=ChargeBearer.SHAR, account_product="Giro", day=day)
            for day in days
        ] == [0, 1_500, 1_500, 1_900]
        assert received_payment(anna, product=URGENT).fee_minor == 1_500

    def test_what_other_banks_take_is_a_setting(self, db: None, settings) -> None:
        settings.FEE_OTHER_BANKS_MINOR = 2_500
        publish_own_fees()
        for bearer, cents in ((ChargeBearer.DEBT, 3_500), (ChargeBearer.SHAR, 1_000)):
            assert fee_minor(ABROAD, charge_bearer=bearer, account_product="Giro", day=DAY) == cents

    def test_only_the_rails_with_prices_of_their_own_take_them_in_the_entry(self) -> None:
        assert [product for product in PaymentProduct if has_own_fee(product)] == [URGENT, ABROAD]

    @pytest.mark.parametrize("product", [SCT, INSTANT, URGENT])
    @pytest.mark.parametrize("wanted", [ChargeBearer.DEBT, ChargeBearer.CRED])
    def test_inside_sepa_nobody_pays_for_the_other(
        self, product: PaymentProduct, wanted: ChargeBearer
    ) -> None:
        with pytest.raises(ChargeBearerNotAllowed):
            charge_bearer_for(product, wanted=wanted)

    def test_abroad_the_rules_of_sepa_are_no_choice(self) -> None:
        with pytest.raises(ChargeBearerNotAllowed):
            charge_bearer_for(ABROAD, wanted=ChargeBearer.SLEV)
        assert charge_bearer_for(ABROAD, wanted=None) == ChargeBearer.SHAR


class TestHours:
    @pytest.mark.parametrize(
        ("moment", "is_taken"),
        [
            ("2026-11-25T02:29:59", False),
            ("2026-11-25T02:30:00", True),
            ("2026-11-25T16:59:59", True),
            ("2026-11-25T17:00:00", False),
            ("2026-11-28T12:00:00", False),  # Saturday
            ("2026-12-25T12:00:00", False),
        ],
    )
    def test_target_takes_customers_payments(self, moment: str, is_taken: bool) -> None:
        assert is_open(URGENT, now=at(moment)) is is_taken
        assert goes_later(URGENT, requested=None, now=at(moment)) is not is_taken
        assert is_open(SCT, now=at(moment))

    def test_a_day_that_has_come_still_waits_for_the_hour(self) -> None:
        day = date(2026, 11, 25)
        assert goes_later(URGENT, requested=day, now=at("2026-11-25T01:00:00"))
        assert not goes_later(URGENT, requested=day, now=at("2026-11-25T09:00:00"))

    def test_signed_on_a_saturday_it_goes_on_monday_and_cannot_be_taken_back(self, anna: PSU) -> None:
        payment = authorised_payment(anna, product=URGENT)  # NOW is Saturday, 21 November 2026.
        assert (payment.transaction_status, payment.is_scheduled) == ("ACTC", True)
        with pytest.raises(TooLateToCancel):
            cancel_payment(payment_id=payment.pk, psu_id=anna.pk, now=NOW)
        assert release_due_payments(now=at("2026-11-23T02:29:00")) == 0
        assert release_due_payments(now=at("2026-11-23T02:30:00")) == 1
        assert release_due_payments(now=at("2026-11-23T02:31:00")) == 0

    def test_the_engine_holds_back_what_comes_after_the_cut_off_and_it_goes_the_next_day(
        self, anna: PSU
    ) -> None:
        payment = authorised_payment(anna, product=URGENT)
        release_due_payments(now=at("2026-11-23T16:59:59"))
        for moment, status in (("2026-11-23T17:00:01", "ACTC"), ("2026-11-24T08:00:00", "ACSP")):
            release_due_payments(now=at(moment))
            with transaction.atomic():
                execute_payment(payment_id=payment.pk, now=at(moment))
            payment.refresh_from_db()
            assert payment.transaction_status == status


class TestTheOrder:
    def abroad(self, anna: PSU, **fields: object) -> PaymentInitiation:
        return received_payment(
            anna, product=ABROAD, creditor_iban=TURKISH_IBAN, creditor_agent=TURKISH_BIC, **fields
        )

    def test_keeps_bank_bearer_and_fee_and_all_of_it_is_signed(self, anna: PSU) -> None:
        publish_own_fees()
        payment = self.abroad(anna, charge_bearer=ChargeBearer.DEBT)
        assert (payment.creditor_agent, payment.charge_bearer, payment.fee_minor) == (
            TURKISH_BIC,
            "DEBT",
            3_000,
        )
        signed = payment_snapshot(payment=payment)
        assert (signed["creditor_agent"], signed["charge_bearer"], signed["fee_minor"]) == (
            TURKISH_BIC,
            "DEBT",
            3_000,
        )

    def test_another_bearer_is_another_order(self, anna: PSU) -> None:
        def order(bearer: ChargeBearer | None) -> bytes:
            return PaymentOrder(
                debtor_account=anna.account,
                creditor_name="X",
                creditor_iban=TURKISH_IBAN,
                instructed_amount=Money(1, "EUR"),
                payment_product=ABROAD,
                creditor_agent=TURKISH_BIC,
                charge_bearer=bearer,
            ).fingerprint()

        assert len({order(None), *map(order, ChargeBearer)}) == 5

    @pytest.mark.parametrize(
        ("change", "constraint"),
        [
            ("fee_minor = -1", "payment_fee_not_negative"),
            ("charge_bearer = 'XXXX'", "payment_charge_bearer_known"),
            ("creditor_agent = ''", "payment_abroad_has_bic"),
        ],
    )
    def test_even_at_psql(self, anna: PSU, change: str, constraint: str) -> None:
        payment = self.abroad(anna)
        with (
            pytest.raises(IntegrityError, match=constraint),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE payments_paymentinitiation SET {change} WHERE id = %s", [payment.pk])


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("TGBATRIS", "TGBATRIS"), (" tgba tris xxx ", "TGBATRISXXX"), ("BYLADEM1001", "BYLADEM1001")],
)
def test_a_bic_in_its_one_form(written: str, canonical: str) -> None:
    assert parse_bic(written) == canonical


@pytest.mark.parametrize(
    "written",
    ["", "TGBATRI", "TGBATRISXX", "TGBATRISXXXX", "TGB4TRIS", "TGBATR1S", "TGBATRIO", "TGBATRIS\n", None, 7],
)
def test_no_bic(written: object) -> None:
    with pytest.raises(InvalidBIC):
        parse_bic(written)
