"""The check of the payee's name as a part of every order: stored, signed, told to the trail, and never in the way."""

import json

import pytest
from django.db import IntegrityError, connection, transaction

from apps.audit.models import AuditEvent
from apps.core.canonical import canonical_hash
from apps.core.ids import new_id
from apps.core.money import Money
from apps.engine.execution import execute_payment
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payees.models import LookupCount
from apps.payments.models import PaymentInitiation
from apps.payments.rules import Channel
from apps.payments.services import (
    PaymentOrder,
    authorise_payment,
    check_authorised_as_is,
    initiate_payment,
    payment_snapshot,
    send_payment_code,
    start_payment_authorisation,
    verify_payee_of_order,
)
from apps.sca.models import Challenge
from apps.sca.services import DynamicLinkBroken
from tests.factories.accounts import FOREIGN_IBAN, NOW, bank_accounts, customer
from tests.factories.payments import authorised_payment, proof_for
from tests.factories.tpp import AppFactory
from tests.payees import directories

NAMES = {"MTCH": "Moebelhaus Kern", "CMTC": "Kern", "NMTC": "Dr. Wurst", "NOAP": "Kern"}


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna")


def taken_in(
    psu: PSU, *, name: str = "Kern", iban: str = FOREIGN_IBAN, app=None, request_id: str = "", **more
):
    order = PaymentOrder(
        debtor_account=psu.account,
        creditor_name=name,
        creditor_iban=iban,
        instructed_amount=Money(2500, "EUR"),
    )
    payment, _is_new = initiate_payment(
        channel=Channel.XS2A if app else Channel.PORTAL,
        order=order,
        psu=None if app else psu,
        app=app,
        request_id=request_id or str(new_id()),
        now=NOW,
        **more,
    )
    return payment


def signed(psu: PSU, payment: PaymentInitiation) -> PaymentInitiation:
    authorisation = start_payment_authorisation(payment_id=payment.pk, now=NOW)
    challenge_id = send_payment_code(
        payment_id=payment.pk, authorisation_id=authorisation.pk, psu=psu, hide_limit=False, now=NOW
    )
    return authorise_payment(
        payment_id=payment.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        proof=proof_for(challenge_id),
        now=NOW,
    )


@pytest.mark.req("IPR-5c(verify)", "IPR-5c(authorise)")
@pytest.mark.parametrize("outcome", NAMES)
@pytest.mark.parametrize("is_tpp", [False, True])
def test_every_order_is_verified_and_whatever_is_found_can_be_authorised(
    anna: PSU, settings, outcome: str, is_tpp: bool
) -> None:
    if outcome == "NOAP":
        settings.VOP_DIRECTORY = directories.path(directories.Broken)
    payment = taken_in(anna, name=NAMES[outcome], app=AppFactory() if is_tpp else None)
    assert payment.creditor_name_match == outcome
    assert payment.matched_creditor_name == ("Möbelhaus Kern GmbH" if outcome == "CMTC" else "")
    assert payment.creditor_name_checked_at == NOW
    assert signed(anna, payment).transaction_status == "ACTC"
    execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    assert payment.transaction_status == "ACSP"


@pytest.mark.req("IPR-5c(verify)", "RTS-5(1)(a)")
def test_what_was_found_is_part_of_what_is_signed(anna: PSU) -> None:
    payment = taken_in(anna)
    snapshot = payment_snapshot(payment=payment)
    assert snapshot["creditor_name_match"] == "CMTC"
    assert snapshot["matched_creditor_name"] == "Möbelhaus Kern GmbH"
    authorisation = start_payment_authorisation(payment_id=payment.pk, now=NOW)
    challenge_id = send_payment_code(
        payment_id=payment.pk, authorisation_id=authorisation.pk, psu=anna, hide_limit=False, now=NOW
    )
    assert Challenge.objects.get(pk=challenge_id).snapshot["creditor_name_match"] == "CMTC"


@pytest.mark.req("RTS-5(1)(d)")
@pytest.mark.parametrize(
    "change",
    [
        {"creditor_name_match": "MTCH", "matched_creditor_name": ""},
        {"matched_creditor_name": "Somebody Else"},
        {"creditor_name_checked_at": None},
    ],
)
def test_a_code_does_not_fit_another_outcome(anna: PSU, change: dict) -> None:
    payment = taken_in(anna)
    authorisation = start_payment_authorisation(payment_id=payment.pk, now=NOW)
    challenge_id = send_payment_code(
        payment_id=payment.pk, authorisation_id=authorisation.pk, psu=anna, hide_limit=False, now=NOW
    )
    proof = proof_for(challenge_id)
    PaymentInitiation.objects.filter(pk=payment.pk).update(**change)
    with pytest.raises(DynamicLinkBroken):
        authorise_payment(
            payment_id=payment.pk, authorisation_id=authorisation.pk, psu=anna, proof=proof, now=NOW
        )


@pytest.mark.req("RTS-5(1)(c)")
def test_the_engine_books_nothing_whose_outcome_was_changed_after_signing(anna: PSU) -> None:
    payment = signed(anna, taken_in(anna, name="Dr. Wurst"))
    PaymentInitiation.objects.filter(pk=payment.pk).update(creditor_name_match="MTCH")
    execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    assert (payment.transaction_status, payment.status_reason) == ("RJCT", "DS0A")


def test_an_order_signed_before_names_were_checked_still_holds(anna: PSU) -> None:
    """Rows that the migration found: no time of a check, and a snapshot without the outcome."""
    payment = authorised_payment(anna)
    before = {
        name: value
        for name, value in payment_snapshot(payment=payment).items()
        if name not in ("creditor_name_match", "matched_creditor_name")
    }
    payment.creditor_name_match, payment.creditor_name_checked_at = "NOAP", None
    assert payment_snapshot(payment=payment) == before
    assert not check_authorised_as_is(payment=payment)  # This one was signed with it.
    assert canonical_hash(before) != canonical_hash(before | {"creditor_name_match": "NOAP"})


def test_the_trail_tells_the_outcome_and_nobodys_name(anna: PSU) -> None:
    close = signed(anna, taken_in(anna))
    taken_in(anna, iban="FR1420041010050500013M02606")
    found = AuditEvent.objects.filter(event="payments.payment.payee_verified").order_by("pk")
    assert [event.data for event in found] == [
        {"outcome": "CMTC"},
        {"outcome": "NOAP", "why": "not_answered"},
    ]
    assert found[0].object_id == str(close.pk)
    assert (found[0].actor_type, found[0].actor_id) == ("psu", str(anna.pk))
    written = json.dumps([event.data for event in AuditEvent.objects.all()])
    written += json.dumps([message.payload for message in OutboxMessage.objects.all()])
    assert "Kern" not in written
    assert "belhaus" not in written


def test_the_same_request_is_looked_up_once(anna: PSU, settings) -> None:
    settings.VOP_DIRECTORY = directories.path(directories.Counting)
    directories.Counting.asked = 0
    first = taken_in(anna, request_id="again")
    settings.VOP_DIRECTORY = directories.path(directories.Broken)
    assert taken_in(anna, request_id="again").pk == first.pk
    assert directories.Counting.asked == 1
    assert LookupCount.objects.get().count == 1


def test_another_name_or_iban_is_verified_anew(anna: PSU) -> None:
    outcomes = [
        taken_in(anna, name=name, iban=iban).creditor_name_match
        for name, iban in [
            ("Möbelhaus Kern GmbH", FOREIGN_IBAN),
            ("Rösterei Nordwind", FOREIGN_IBAN),
            ("Rösterei Nordwind", "DE02500105170137075030"),
        ]
    ]
    assert outcomes == ["MTCH", "NMTC", "MTCH"]


def test_one_customer_does_not_get_what_another_was_told_under_the_same_request_id(anna: PSU) -> None:
    bruno = customer("Bruno", phone="+4915100000002")
    taken_in(anna, request_id="mine")
    order = PaymentOrder(
        debtor_account=bruno.account,
        creditor_name="Dr. Wurst",
        creditor_iban=FOREIGN_IBAN,
        instructed_amount=Money(2500, "EUR"),
    )
    found = verify_payee_of_order(channel=Channel.PORTAL, order=order, psu=bruno, request_id="mine", now=NOW)
    assert found.outcome == "NMTC"


def test_an_order_of_nobody_is_a_mistake(anna: PSU) -> None:
    order = PaymentOrder(
        debtor_account=anna.account,
        creditor_name="Kern",
        creditor_iban=FOREIGN_IBAN,
        instructed_amount=Money(2500, "EUR"),
    )
    with pytest.raises(ValueError, match="customer"):
        verify_payee_of_order(channel=Channel.PORTAL, order=order, psu=None, request_id="x", now=NOW)


def test_beyond_the_days_number_payments_go_on_unchecked(anna: PSU, settings) -> None:
    settings.VOP_LOOKUPS_PER_DAY = 1
    assert taken_in(anna).creditor_name_match == "CMTC"
    payment = taken_in(anna)
    assert (payment.creditor_name_match, payment.matched_creditor_name) == ("NOAP", "")
    assert signed(anna, payment).transaction_status == "ACTC"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("creditor_name_match = 'MBAM'", "payment_name_match_known"),
        ("creditor_name_match = ''", "payment_name_match_known"),
        ("creditor_name_match = 'NMTC'", "payment_name_shown_if_close"),
        ("matched_creditor_name = ''", "payment_name_shown_if_close"),
    ],
)
def test_the_database_knows_the_outcomes_and_shows_a_name_with_a_close_match_only(
    anna: PSU, change: str, constraint: str
) -> None:
    payment = taken_in(anna)
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE payments_paymentinitiation SET {change} WHERE id = %s", [payment.pk])
