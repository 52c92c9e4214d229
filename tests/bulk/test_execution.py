"""Signed once, booked in sets: all of the money is there or nothing is paid, and nothing is paid twice."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test import override_settings

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import AccountUnknown, DebitNotAllowed, get_balance, list_transactions
from apps.audit.models import AuditEvent
from apps.bulk.messages import render_file_refusal_notice
from apps.bulk.models import PaymentBatch, PaymentFile, PaymentItem
from apps.bulk.queries import PaymentFileUnknown, get_payment_file_for_psu, hash_items
from apps.bulk.services import (
    PaymentFileStatusInvalid,
    TooLateToCancelFile,
    authorise_payment_file,
    cancel_payment_file,
    expire_payment_files,
    payment_file_snapshot,
    release_due_batches,
    send_payment_file_code,
    set_payee_check,
    start_payment_file_authorisation,
)
from apps.clearing.models import ClearingDifference, ClearingInstruction
from apps.clearing.rules import RecallReason
from apps.clearing.services import RecallNotPossible, recall_transfer
from apps.clearing.services.outcomes import note_accepted, note_rejected
from apps.core.iban import make_iban
from apps.engine.bulk import book_set, start_batch
from apps.engine.rails import time_out_payment
from apps.identity.models import PSU
from apps.ledger.models import Entry, Hold, LedgerAccount
from apps.ledger.queries import get_ledger_sums
from apps.ledger.services import fold_totals
from apps.notifications.models import OutboxMessage
from apps.payments.limit_models import PaymentLimits
from apps.payments.limits import LimitExceeded, get_day_use
from apps.sca.messages import render_code_message
from apps.sca.models import Challenge, SCAAuthorisation
from apps.sca.services import CodeRefused, DynamicLinkBroken
from tests.bulk.files import Group, Pay, other_ibans, pain001
from tests.bulk.world import (
    NOW,
    carry_out,
    challenged,
    emil,
    executed,
    only_batch,
    sent_back,
    signed,
    uploaded,
)
from tests.factories.accounts import customer
from tests.factories.payments import proof_for

pytestmark = pytest.mark.django_db

CLOSED_ELSEWHERE = make_iban(country="DE", bank_code="12030000", account_number="9999999999")


@pytest.fixture
def psu(db: None) -> PSU:
    return emil(balance_minor=100_000)


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna", phone="+4915100000009", balance_minor=0)


def booked(psu: PSU) -> int:
    return get_balance(account=PaymentAccount.objects.get(pk=psu.account.pk)).booked_minor


def available(psu: PSU) -> int:
    return get_balance(account=PaymentAccount.objects.get(pk=psu.account.pk)).available_minor


def transit() -> int:
    fold_totals()
    return LedgerAccount.objects.get(code="suspense:bulk-payments").balance_minor


def clearing() -> int:
    fold_totals()
    return LedgerAccount.objects.get(code="clearing:sepa-sct").balance_minor


def is_sound() -> bool:
    fold_totals()
    return get_ledger_sums().sound


def statuses(file: PaymentFile) -> list[tuple[str, str]]:
    return list(
        PaymentItem.objects.filter(batch__file=file)
        .order_by("batch__number", "position")
        .values_list("status", "status_reason")
    )


def ten(psu: PSU, anna: PSU, **more: str) -> bytes:
    """Six payments to Anna and four to another bank, ten euro each."""
    pays = [Pay(name="Anna Schneider", iban=anna.account.iban)] * 6 + [
        Pay(iban=iban) for iban in other_ibans(4)
    ]
    return pain001(replace(Group(psu.account.iban, pays), **more))


class TestBooking:
    @override_settings(BULK_SET_SIZE=4)
    @pytest.mark.parametrize("batch_booking", ["true", "false"])
    def test_all_is_paid(self, psu: PSU, anna: PSU, batch_booking: str) -> None:
        file = executed(psu, ten(psu, anna, batch_booking=batch_booking))
        assert file.status == "ACSC"
        assert statuses(file) == [("ACSC", "")] * 10
        assert (booked(psu), available(psu), booked(anna)) == (90_000, 90_000, 6_000)
        assert ClearingInstruction.objects.filter(status="accepted").count() == 4
        assert transit() == 0
        assert is_sound()

    def test_batch_booking_is_one_debit_for_all(self, psu: PSU, anna: PSU) -> None:
        executed(psu, ten(psu, anna))
        (debit, _opening) = list_transactions(account=psu.account)
        assert (debit.amount_minor, debit.end_to_end_identification) == (10_000, "PMT-1")
        assert debit.remittance_information_unstructured == "MSG-1"
        assert len(list_transactions(account=anna.account)) == 6

    def test_else_one_debit_for_each(self, psu: PSU, anna: PSU) -> None:
        executed(psu, ten(psu, anna, batch_booking="false"))
        debits = [row for row in list_transactions(account=psu.account) if row.direction == "DEBIT"]
        assert [row.amount_minor for row in debits] == [1_000] * 10
        assert debits[-1].counterparty_name == "Anna Schneider"

    def test_the_payee_reads_who_paid_and_for_what(self, psu: PSU, anna: PSU) -> None:
        executed(psu, ten(psu, anna))
        row = list_transactions(account=anna.account)[0]
        assert (row.counterparty_name, row.counterparty_iban) == ("Emil Schneider", psu.account.iban)
        assert row.remittance_information_unstructured == "Invoice 2041"

    @override_settings(BULK_SET_SIZE=3)
    @pytest.mark.parametrize("batch_booking", ["true", "false"])
    @pytest.mark.parametrize(("status", "reason"), [("blocked", "AC06"), ("deleted", "AC04")])
    def test_one_payee_who_cannot_be_credited_refuses_his_own(
        self, psu: PSU, anna: PSU, status: str, reason: str, batch_booking: str
    ) -> None:
        bruno = customer("Bruno", phone="+4915100000002", balance_minor=0)
        pays = [Pay(iban=anna.account.iban), Pay(iban=bruno.account.iban), Pay(iban=other_ibans(1)[0])] * 2
        content = pain001(Group(psu.account.iban, pays, batch_booking=batch_booking))
        file = signed(psu, uploaded(psu, content))
        PaymentAccount.objects.filter(pk=bruno.account.pk).update(status=status)
        carry_out()
        file.refresh_from_db()
        assert file.status == "PART"
        assert statuses(file) == [("ACSC", ""), ("RJCT", reason), ("ACSC", "")] * 2
        assert (booked(psu), available(psu)) == (96_000, 96_000)
        assert transit() == 0
        assert is_sound()

    def test_an_account_that_never_was(self, psu: PSU) -> None:
        nobody = make_iban(country="DE", bank_code="10099900", account_number="77777")
        file = executed(psu, pain001(Group(psu.account.iban, [Pay(iban=nobody)])))
        assert file.status == "RJCT"
        assert statuses(file) == [("RJCT", "AC01")]
        assert (booked(psu), transit()) == (100_000, 0)

    @pytest.mark.parametrize("batch_booking", ["true", "false"])
    def test_what_another_bank_sends_back_comes_back(self, psu: PSU, batch_booking: str) -> None:
        pays = [Pay(iban=CLOSED_ELSEWHERE), Pay(iban=other_ibans(1)[0])]
        file = executed(psu, pain001(Group(psu.account.iban, pays, batch_booking=batch_booking)))
        assert file.status == "PART"
        assert statuses(file) == [("RJCT", "AC04"), ("ACSC", "")]
        assert booked(psu) == 99_000
        assert is_sound()


class TestNotTaken:
    @pytest.mark.parametrize("batch_booking", ["true", "false"])
    def test_too_little_money_pays_nothing(self, psu: PSU, anna: PSU, batch_booking: str) -> None:
        pays = [Pay(iban=anna.account.iban, amount="400.00")] * 3
        file = executed(psu, pain001(Group(psu.account.iban, pays, batch_booking=batch_booking)))
        assert file.status == "RJCT"
        assert statuses(file) == [("RJCT", "AM04")] * 3
        assert (booked(psu), available(psu), booked(anna)) == (100_000, 100_000, 0)
        assert not Hold.objects.exists()
        assert get_day_use(psu_id=psu.pk, now=NOW).portal_minor == 0

    def test_a_limit_of_the_day_pays_nothing(self, psu: PSU, anna: PSU) -> None:
        file = signed(psu, uploaded(psu, ten(psu, anna)))
        self.limit(psu, per_payment=10_000, per_day=9_999)
        carry_out()
        assert statuses(file) == [("RJCT", "AM14")] * 10
        assert booked(psu) == 100_000

    def test_a_limit_per_payment_is_held_against_each(self, psu: PSU, anna: PSU) -> None:
        file = signed(psu, uploaded(psu, ten(psu, anna)))
        self.limit(psu, per_payment=1_000, per_day=10_000)
        carry_out()
        assert statuses(file) == [("ACSC", "")] * 10
        assert get_day_use(psu_id=psu.pk, now=NOW).portal_minor == 10_000

    def test_a_limit_is_told_before_the_code(self, psu: PSU, anna: PSU) -> None:
        file = uploaded(psu, ten(psu, anna))
        for limits in ({"per_payment": 999, "per_day": 90_000}, {"per_payment": 9_000, "per_day": 9_999}):
            self.limit(psu, **limits)
            with pytest.raises(LimitExceeded):
                challenged(psu, file)
        assert not Challenge.objects.exists()

    def test_a_right_that_was_lost(self, psu: PSU, anna: PSU) -> None:
        file = signed(psu, uploaded(psu, ten(psu, anna)))
        AccountHolder.objects.filter(psu=psu).update(may_pay=False)
        carry_out()
        assert statuses(file) == [("RJCT", "AG01")] * 10
        assert booked(psu) == 100_000

    def test_an_account_that_is_blocked_meanwhile(self, psu: PSU, anna: PSU) -> None:
        file = signed(psu, uploaded(psu, ten(psu, anna)))
        PaymentAccount.objects.filter(pk=psu.account.pk).update(status="blocked")
        carry_out()
        assert statuses(file) == [("RJCT", "AC06")] * 10

    @staticmethod
    def limit(psu: PSU, *, per_payment: int, per_day: int) -> None:
        PaymentLimits.objects.update_or_create(
            psu=psu,
            defaults={
                "per_payment_minor": per_payment,
                "per_day_minor": per_day,
                "portal_per_day_minor": per_day,
                "xs2a_per_day_minor": per_day,
                "changed_at": NOW,
            },
        )


@pytest.mark.req("RTS-5(3)(b)", "S3-20", "S3-21")
class TestSigning:
    def test_one_code_covers_total_accounts_and_every_payee(self, psu: PSU, anna: PSU) -> None:
        file = uploaded(psu, ten(psu, anna))
        authorisation_id, challenge_id = challenged(psu, file)
        snapshot = payment_file_snapshot(file=file, authorisation_id=authorisation_id)
        assert (snapshot["number_of_transactions"], snapshot["total_minor"]) == (10, 10_000)
        assert snapshot["batches"][0]["debtor_iban"] == psu.account.iban
        assert snapshot["items_sha256"] == hash_items(file_id=file.pk).hex()
        assert Challenge.objects.get(pk=challenge_id).snapshot == {"purpose": "bulk"} | snapshot
        file = authorise_payment_file(
            file_id=file.pk,
            authorisation_id=authorisation_id,
            psu=psu,
            proof=proof_for(challenge_id, now=NOW),
            now=NOW,
        )
        assert (file.status, file.authorisation_id) == ("ACTC", authorisation_id)
        assert SCAAuthorisation.objects.get(pk=authorisation_id).sca_status == "finalised"

    @pytest.mark.parametrize("language", ["en", "de"])
    def test_the_message_tells_total_and_number(self, psu: PSU, anna: PSU, language: str) -> None:
        file = uploaded(psu, ten(psu, anna))
        _authorisation, challenge_id = challenged(psu, file)
        challenge = Challenge.objects.get(pk=challenge_id)
        text = render_code_message(challenge=challenge, code="123456", language=language)
        assert ("€100.00" if language == "en" else "100,00") in text
        assert " 10 " in text
        assert "123456" in text
        assert bytes(file.items_sha256).hex()[:4].upper() in text
        shown = challenge.snapshot["shown"]["payments"][0]
        assert shown["creditor_name"] in text
        assert shown["creditor_iban"][-4:] in text
        assert len(text) <= 306  # Two parts.

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE bulk_paymentitem SET creditor_iban = 'DE02500105170137075030' WHERE position = 3",
            "UPDATE bulk_paymentitem SET creditor_name = 'Mallory' WHERE position = 3",
            "UPDATE bulk_paymentitem SET amount_minor = amount_minor + 1 WHERE position = 3",
        ],
    )
    def test_another_payee_or_amount_is_not_what_was_signed(self, psu: PSU, anna: PSU, change: str) -> None:
        file = uploaded(psu, ten(psu, anna))
        authorisation_id, challenge_id = challenged(psu, file)
        proof = proof_for(challenge_id, now=NOW)
        self.tamper(change)
        with pytest.raises(DynamicLinkBroken):
            authorise_payment_file(
                file_id=file.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=NOW
            )
        file.refresh_from_db()
        assert file.status == "RCVD"
        assert Challenge.objects.get(pk=challenge_id).status == "voided"

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE bulk_paymentitem SET creditor_iban = 'DE02500105170137075030' WHERE position = 3",
            "UPDATE bulk_paymentitem SET amount_minor = amount_minor + 1 WHERE position = 3",
            "UPDATE bulk_paymentbatch SET total_minor = total_minor + 1",
            "UPDATE bulk_paymentfile SET authorisation_id = gen_random_uuid()",
        ],
    )
    def test_the_engine_pays_only_what_was_signed(self, psu: PSU, anna: PSU, change: str) -> None:
        file = signed(psu, uploaded(psu, ten(psu, anna)))
        self.tamper(change)
        carry_out()
        assert statuses(file) == [("RJCT", "DS0A")] * 10
        assert booked(psu) == 100_000

    def test_a_code_for_another_file_does_not_serve(self, psu: PSU, anna: PSU) -> None:
        one = uploaded(psu, ten(psu, anna))
        other = uploaded(psu, pain001(Group(psu.account.iban), message="MSG-2"))
        authorisation_id, _challenge = challenged(psu, one)
        _other_authorisation, challenge_id = challenged(psu, other)
        with pytest.raises(DynamicLinkBroken):
            authorise_payment_file(
                file_id=one.pk,
                authorisation_id=authorisation_id,
                psu=psu,
                proof=proof_for(challenge_id, now=NOW),
                now=NOW,
            )

    def test_nobody_else_signs_or_sees_it(self, psu: PSU, anna: PSU) -> None:
        file = uploaded(psu, ten(psu, anna))
        with pytest.raises(PaymentFileUnknown):
            get_payment_file_for_psu(psu_id=anna.pk, file_id=file.pk)
        with pytest.raises(PaymentFileUnknown):
            start_payment_file_authorisation(file_id=file.pk, psu=anna, now=NOW)
        with pytest.raises(PaymentFileUnknown):
            cancel_payment_file(file_id=file.pk, psu_id=anna.pk, now=NOW)

    def test_a_second_signature_finds_the_first(self, psu: PSU, anna: PSU) -> None:
        file = uploaded(psu, ten(psu, anna))
        authorisation_id, challenge_id = challenged(psu, file)
        proof = proof_for(challenge_id, now=NOW)
        authorise_payment_file(
            file_id=file.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=NOW
        )
        with pytest.raises((PaymentFileStatusInvalid, CodeRefused)):
            authorise_payment_file(
                file_id=file.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=NOW
            )
        assert OutboxMessage.objects.filter(topic="engine.start_batch").count() == 1

    def test_after_a_day_it_is_over(self, psu: PSU, anna: PSU) -> None:
        file = uploaded(psu, ten(psu, anna))
        later = NOW + timedelta(hours=24)
        with pytest.raises(PaymentFileStatusInvalid):
            start_payment_file_authorisation(file_id=file.pk, psu=psu, now=later)
        assert expire_payment_files(now=later) == 1
        file.refresh_from_db()
        assert (file.status, file.status_reason) == ("RJCT", "DS02")
        with pytest.raises(PaymentFileStatusInvalid):
            send_payment_file_code(file_id=file.pk, authorisation_id=file.pk, psu=psu, now=later)

    @staticmethod
    def tamper(statement: str) -> None:
        """As somebody who owns the tables: nobody else could."""
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("ALTER TABLE bulk_paymentitem DISABLE TRIGGER USER")
            cursor.execute(statement)
            cursor.execute("ALTER TABLE bulk_paymentitem ENABLE TRIGGER USER")


@pytest.mark.req("IPR-5c(packages)")
class TestPayeeCheck:
    def test_a_business_may_do_without_and_signs_that(self) -> None:
        psu = emil(business=True)
        set_payee_check(psu=psu, account_id=psu.account.pk, is_on=False, now=NOW)
        file = uploaded(psu, pain001(Group(psu.account.iban)))
        snapshot = payment_file_snapshot(file=file)
        assert snapshot["batches"][0]["checks_payees"] is False
        assert snapshot["name_matches"] == {"": 1}
        assert AuditEvent.objects.filter(event="bulk.payee_check.off").exists()
        set_payee_check(psu=psu, account_id=psu.account.pk, is_on=True, now=NOW)
        other = uploaded(psu, pain001(Group(psu.account.iban, [Pay(amount="3.00")]), message="MSG-2"))
        assert payment_file_snapshot(file=other)["name_matches"] == {"MTCH": 1}

    def test_a_consumer_may_not(self, psu: PSU) -> None:
        with pytest.raises(DebitNotAllowed):
            set_payee_check(psu=psu, account_id=psu.account.pk, is_on=False, now=NOW)

    def test_nor_for_somebody_elses_account(self, psu: PSU, anna: PSU) -> None:
        with pytest.raises(AccountUnknown):
            set_payee_check(psu=psu, account_id=anna.account.pk, is_on=False, now=NOW)

    @override_settings(VOP_BULK_LOOKUPS_PER_DAY=4)
    def test_names_are_not_read_out_without_end(self, psu: PSU, anna: PSU) -> None:
        pays = [Pay(name="Anna Schneidr", iban=anna.account.iban)] * 6
        file = uploaded(psu, pain001(Group(psu.account.iban, pays)))
        assert payment_file_snapshot(file=file)["name_matches"] == {"CMTC": 4, "NOAP": 2}

    def test_many_names_go_in_several_steps(
        self, psu: PSU, anna: PSU, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.bulk.services.checking._NAMES_AT_ONCE", 3)
        pays = [Pay(name="Anna Schneider", iban=anna.account.iban)] * 6
        file = uploaded(psu, pain001(Group(psu.account.iban, pays)))
        assert file.status == "RCVD"
        assert OutboxMessage.objects.filter(topic="bulk.verify_payees").count() == 3
        assert payment_file_snapshot(file=file)["name_matches"] == {"MTCH": 6}


class TestLater:
    """Signed on Friday, 2026-11-20, for Tuesday the 24th and for Sunday the 29th."""

    def test_it_waits_for_its_day(self, psu: PSU, anna: PSU) -> None:
        file = signed(psu, uploaded(psu, ten(psu, anna, day="2026-11-24")))
        assert carry_out() == 0
        assert release_due_batches(now=NOW + timedelta(days=3)) == 0
        tuesday = NOW + timedelta(days=4)
        assert release_due_batches(now=tuesday) == 1
        assert release_due_batches(now=tuesday) == 0
        carry_out(now=tuesday)
        file.refresh_from_db()
        assert file.status == "ACSC"
        assert str(list_transactions(account=psu.account)[0].booking_date) == "2026-11-24"

    def test_a_day_without_banks_is_the_next_with_them(self, psu: PSU, anna: PSU) -> None:
        signed(psu, uploaded(psu, ten(psu, anna, day="2026-11-29")))
        assert release_due_batches(now=NOW + timedelta(days=9)) == 0
        assert release_due_batches(now=NOW + timedelta(days=10)) == 1

    def test_a_message_that_comes_too_early_pays_nothing(self, psu: PSU, anna: PSU) -> None:
        file = signed(psu, uploaded(psu, ten(psu, anna, day="2026-11-24")))
        PaymentBatch.objects.filter(file=file).update(released_at=NOW)
        with transaction.atomic():
            start_batch(batch_id=only_batch(file).pk, now=NOW)
        assert (only_batch(file).status, only_batch(file).released_at) == ("PDNG", None)
        assert booked(psu) == 100_000

    @pytest.mark.req("P-80")
    def test_it_can_be_taken_back_until_the_business_day_before(self, psu: PSU, anna: PSU) -> None:
        content = ten(psu, anna, day="2026-11-24")
        file = signed(psu, uploaded(psu, content))
        monday, tuesday = NOW + timedelta(days=3), NOW + timedelta(days=4)
        with pytest.raises(TooLateToCancelFile):
            cancel_payment_file(file_id=file.pk, psu_id=psu.pk, now=tuesday)
        assert cancel_payment_file(file_id=file.pk, psu_id=psu.pk, now=monday).status == "CANC"
        assert release_due_batches(now=tuesday) == 0
        assert booked(psu) == 100_000

    @pytest.mark.req("P-79")
    def test_who_is_not_looking_is_told_what_was_not_paid(self, psu: PSU, anna: PSU) -> None:
        pays = [Pay(iban=anna.account.iban, amount="600.00")] * 2
        file = signed(psu, uploaded(psu, pain001(Group(psu.account.iban, pays, day="2026-11-24"))))
        tuesday = NOW + timedelta(days=4)
        release_due_batches(now=tuesday)
        carry_out(now=tuesday)
        file.refresh_from_db()
        assert file.status == "RJCT"
        (notice,) = OutboxMessage.objects.filter(topic="bulk.send_refusal_notice")
        assert notice.payload == {"file_id": str(file.pk)}
        for language, words in (
            ("en", "2 of 2 payments of your file (€1,200.00)"),
            ("de", "2 von 2 Zahlungen"),
        ):
            text = render_file_refusal_notice(file=file, language=language)
            assert words in text
            assert len(text) <= 160

    def test_who_signed_a_moment_ago_sees_it_himself(self, psu: PSU, anna: PSU) -> None:
        executed(psu, pain001(Group(psu.account.iban, [Pay(iban=anna.account.iban, amount="1500.00")])))
        assert not OutboxMessage.objects.filter(topic="bulk.send_refusal_notice").exists()

    def test_one_part_today_and_one_later(self, psu: PSU) -> None:
        content = pain001(
            Group(psu.account.iban),
            Group(psu.account.iban, identification="PMT-2", day="2026-11-24", payments=[Pay(amount="20.00")]),
        )
        file = signed(psu, uploaded(psu, content))
        carry_out()
        file.refresh_from_db()
        assert (file.status, booked(psu)) == ("ACSP", 99_000)
        with pytest.raises(PaymentFileStatusInvalid):
            cancel_payment_file(file_id=file.pk, psu_id=psu.pk, now=NOW)
        tuesday = NOW + timedelta(days=4)
        release_due_batches(now=tuesday)
        carry_out(now=tuesday)
        file.refresh_from_db()
        assert (file.status, booked(psu)) == ("ACSC", 97_000)


class TestOtherBanks:
    """What the clearing house says of single payments of a file, early, late and twice."""

    def test_a_return_after_it_was_settled_leaves_it_done_and_says_why(self, psu: PSU) -> None:
        file = executed(psu, pain001(Group(psu.account.iban, [Pay(iban=iban) for iban in other_ibans(2)])))
        item = PaymentItem.objects.get(batch__file=file, position=0)
        sent_back(item)
        item.refresh_from_db()
        file.refresh_from_db()
        assert (item.status, item.status_reason, item.return_reason, item.returned_at) == (
            "ACSC",
            "",
            "AC04",
            NOW,
        )
        assert (file.status, only_batch(file).status) == ("ACSC", "ACSC")
        (credit, *_rest) = list_transactions(account=psu.account)
        assert (credit.amount_minor, credit.counterparty_iban) == (1_000, item.creditor_iban)
        assert credit.remittance_information_unstructured == "RETURN AC04 Invoice 2041"
        assert (booked(psu), clearing(), is_sound()) == (99_000, 0, True)
        # It did go out, so it counts.
        assert get_day_use(psu_id=psu.pk, now=NOW).portal_minor == 2_000
        assert AuditEvent.objects.get(event="bulk.payment.returned").data == {
            "batch": 1,
            "reason": "AC04",
            "payment": str(item.pk),
        }

    def test_a_return_that_comes_first_ends_the_same(self, psu: PSU) -> None:
        file = signed(psu, uploaded(psu, pain001(Group(psu.account.iban, [Pay(iban=other_ibans(1)[0])]))))
        carry_out("engine.start_batch", "engine.book_set")
        item = PaymentItem.objects.get(batch__file=file)
        sent_back(item)
        carry_out()
        item.refresh_from_db()
        file.refresh_from_db()
        assert (item.status, item.return_reason, file.status) == ("ACSC", "AC04", "ACSC")
        assert (booked(psu), clearing(), is_sound()) == (100_000, 0, True)

    def test_the_same_return_twice_credits_once_and_another_is_for_staff(self, psu: PSU) -> None:
        file = executed(psu, pain001(Group(psu.account.iban, [Pay(iban=other_ibans(1)[0])])))
        item = PaymentItem.objects.get(batch__file=file)
        for return_id in ("r-1", "r-1", "r-2"):
            sent_back(item, return_id=return_id)
        OutboxMessage.objects.filter(topic="engine.settle_payment").update(status="pending")
        carry_out("engine.settle_payment")
        assert (booked(psu), is_sound()) == (100_000, True)
        assert ClearingDifference.objects.get().kind == "contradiction"

    def test_a_reject_does_not_count_against_the_limits_and_a_second_one_changes_nothing(
        self, psu: PSU
    ) -> None:
        pays = [Pay(iban=CLOSED_ELSEWHERE), Pay(iban=other_ibans(1)[0])]
        file = executed(psu, pain001(Group(psu.account.iban, pays)))
        OutboxMessage.objects.filter(topic="engine.settle_payment").update(status="pending")
        carry_out("engine.settle_payment")
        assert statuses(file) == [("RJCT", "AC04"), ("ACSC", "")]
        assert get_day_use(psu_id=psu.pk, now=NOW).portal_minor == 1_000
        assert (booked(psu), clearing(), is_sound()) == (99_000, 0, True)

    def test_a_reject_after_midnight_is_uncounted_on_the_day_the_group_began(self, psu: PSU) -> None:
        pays = [Pay(iban=CLOSED_ELSEWHERE), Pay(iban=other_ibans(1)[0])]
        signed(psu, uploaded(psu, pain001(Group(psu.account.iban, pays))))
        carry_out("engine.start_batch")
        tomorrow = NOW + timedelta(days=1)
        carry_out(now=tomorrow)
        assert get_day_use(psu_id=psu.pk, now=NOW).portal_minor == 1_000
        assert get_day_use(psu_id=psu.pk, now=tomorrow).portal_minor == 0

    def test_a_payee_here_who_cannot_be_credited_is_uncounted_too(self, psu: PSU, anna: PSU) -> None:
        pays = [Pay(iban=anna.account.iban), Pay(iban=other_ibans(1)[0])]
        signed(psu, uploaded(psu, pain001(Group(psu.account.iban, pays))))
        PaymentAccount.objects.filter(pk=anna.account.pk).update(status="blocked")
        carry_out()
        assert get_day_use(psu_id=psu.pk, now=NOW).portal_minor == 1_000

    @override_settings(BULK_SET_SIZE=1)
    @pytest.mark.parametrize("batch_booking", ["true", "false"])
    def test_a_reject_before_the_last_set_is_booked_is_given_back_once(
        self, psu: PSU, anna: PSU, batch_booking: str
    ) -> None:
        pays = [Pay(iban=CLOSED_ELSEWHERE), Pay(iban=anna.account.iban)]
        file = signed(psu, uploaded(psu, pain001(Group(psu.account.iban, pays, batch_booking=batch_booking))))
        carry_out("engine.start_batch")
        with transaction.atomic():
            book_set(batch_id=only_batch(file).pk, number=0, now=NOW)
        carry_out("clearing.collect", "engine.settle_payment")
        assert statuses(file) == [("RJCT", "AC04"), ("PDNG", "")]
        carry_out()
        file.refresh_from_db()
        assert file.status == "PART"
        assert (booked(psu), booked(anna), transit(), clearing()) == (99_000, 1_000, 0, 0)
        assert is_sound()

    def test_a_reason_we_have_no_words_for_is_told_as_the_other_banks(self, psu: PSU) -> None:
        file = signed(psu, uploaded(psu, pain001(Group(psu.account.iban, [Pay(iban=other_ibans(1)[0])]))))
        carry_out("engine.start_batch", "engine.book_set")
        item = PaymentItem.objects.get(batch__file=file)
        note_rejected(transaction_id=item.pk.hex, reason="XX99", now=NOW)
        carry_out("engine.settle_payment")
        assert statuses(file) == [("RJCT", "MS03")]

    def test_what_was_given_up_and_settled_late_lies_open_until_it_comes_back(self, psu: PSU) -> None:
        """No file is instant today; should one be given up, it is treated as every payment is."""
        file = signed(psu, uploaded(psu, pain001(Group(psu.account.iban, [Pay(iban=other_ibans(1)[0])]))))
        carry_out("engine.start_batch", "engine.book_set")
        item = PaymentItem.objects.get(batch__file=file)
        instruction = ClearingInstruction.objects.get(payment_id=item.pk)
        with transaction.atomic():
            time_out_payment(instruction_id=instruction.pk, now=NOW)
        assert statuses(file) == [("RJCT", "MS03")]
        note_accepted(transaction_id=item.pk.hex, cycle="SCT-20261120-1", now=NOW)
        carry_out("engine.settle_payment")
        assert (booked(psu), clearing()) == (100_000, -1_000)
        sent_back(item)
        assert (booked(psu), clearing(), is_sound()) == (100_000, 0, True)
        assert statuses(file) == [("RJCT", "MS03")]

    def test_money_of_a_settled_payment_can_be_recalled(self, psu: PSU) -> None:
        file = executed(psu, pain001(Group(psu.account.iban, [Pay(iban=other_ibans(1)[0])])))
        item = PaymentItem.objects.get(batch__file=file)
        instruction = ClearingInstruction.objects.get(payment_id=item.pk)
        recall = recall_transfer(
            instruction_id=instruction.pk,
            reason=RecallReason.DUPL,
            note="sent twice",
            staff_id=psu.user_id,
            now=NOW,
        )
        sent_back(item, reason="FOCR")
        recall.refresh_from_db()
        item.refresh_from_db()
        assert (recall.status, item.return_reason, booked(psu)) == ("paid", "FOCR", 100_000)

    def test_what_was_refused_or_is_on_its_way_is_not_recalled(self, psu: PSU) -> None:
        file = signed(psu, uploaded(psu, pain001(Group(psu.account.iban, [Pay(iban=CLOSED_ELSEWHERE)]))))
        carry_out("engine.start_batch", "engine.book_set")
        instruction = ClearingInstruction.objects.get()
        for _ in range(2):
            with pytest.raises(RecallNotPossible):
                recall_transfer(
                    instruction_id=instruction.pk,
                    reason=RecallReason.DUPL,
                    note="",
                    staff_id=psu.user_id,
                    now=NOW,
                )
            carry_out()
        assert statuses(file) == [("RJCT", "AC04")]


class TestOnce:
    @override_settings(BULK_SET_SIZE=2)
    @pytest.mark.parametrize("batch_booking", ["true", "false"])
    def test_every_message_twice_changes_nothing(self, psu: PSU, anna: PSU, batch_booking: str) -> None:
        file = executed(psu, ten(psu, anna, batch_booking=batch_booking))
        entries = Entry.objects.count()
        OutboxMessage.objects.filter(status="dead").update(status="pending")
        carry_out("engine.start_batch", "engine.book_set", "clearing.collect", "engine.settle_payment")
        file.refresh_from_db()
        assert (file.status, Entry.objects.count(), booked(psu), booked(anna)) == (
            "ACSC",
            entries,
            90_000,
            6_000,
        )
        assert is_sound()

    @override_settings(BULK_SET_SIZE=2)
    @pytest.mark.parametrize("point", ["engine.batch_begun", "engine.set_posted", "engine.set_booked"])
    @pytest.mark.parametrize("batch_booking", ["true", "false"])
    def test_killed_anywhere_it_goes_on_where_it_was(
        self, psu: PSU, anna: PSU, monkeypatch: pytest.MonkeyPatch, point: str, batch_booking: str
    ) -> None:
        file = signed(psu, uploaded(psu, ten(psu, anna, batch_booking=batch_booking)))
        passes = []

        class Killed(BaseException):
            pass

        def die(name: str) -> None:
            if name == point:
                passes.append(name)
                if len(passes) % 2:
                    raise Killed

        monkeypatch.setattr("apps.engine.bulk.crash_point", die)
        for _ in range(40):
            try:
                carry_out()
                break
            except Killed:
                continue
        file.refresh_from_db()
        assert passes
        assert file.status == "ACSC"
        assert (booked(psu), available(psu), booked(anna), transit()) == (90_000, 90_000, 6_000, 0)
        assert is_sound()

    @override_settings(BULK_SET_SIZE=2)
    def test_a_set_out_of_turn_is_not_booked(self, psu: PSU, anna: PSU) -> None:
        file = signed(psu, uploaded(psu, ten(psu, anna)))
        carry_out("engine.start_batch")
        with transaction.atomic():
            book_set(batch_id=only_batch(file).pk, number=3, now=NOW)
        assert set(statuses(file)) == {("PDNG", "")}
