"""Verification of Payee: this bank's answers, other banks' answers, and how many names somebody may look up."""

import logging
import time
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import AccountUnknown, list_holder_names
from apps.accounts.rules import AccountStatus, HolderRole
from apps.clearing.payee_directories import (
    SLOW_BANK,
    UNREACHABLE_BANK,
    NoPayeeDirectory,
    SimulatedPayeeDirectory,
    simulated_accounts,
)
from apps.core import deadline
from apps.core.iban import make_iban
from apps.core.ids import new_id
from apps.core.names.rules import NameMatch
from apps.identity.models import PSU
from apps.payees.models import LookupCount
from apps.payees.rules import Asker, PayeeVerification, WhyNotPossible
from apps.payees.services import answer_verification, purge_lookup_counts, verify_payee
from tests.factories.accounts import FOREIGN_IBAN, NOW, account_of, customer
from tests.payees import directories
from tests.sca.test_codes import in_parallel

CLOSED_NUMBER = "9999999999"


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


@pytest.fixture
def asker() -> Asker:
    return Asker.customer(new_id())


def at_bank(code: str) -> str:
    return make_iban(country="DE", bank_code=code, account_number="4711")


class TestOurOwnAccounts:
    @pytest.mark.req("IPR-5c(verify)")
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("Anna Schneider", PayeeVerification(NameMatch.MTCH)),
            ("SCHNEIDER ANNA", PayeeVerification(NameMatch.MTCH)),
            ("A. Schneider", PayeeVerification(NameMatch.CMTC, "Anna Schneider")),
            ("Hanna Schneider", PayeeVerification(NameMatch.NMTC)),
            ("Bruno Becker", PayeeVerification(NameMatch.NMTC)),
        ],
    )
    def test_the_name_is_compared(self, anna: PSU, given: str, expected: PayeeVerification) -> None:
        assert answer_verification(name=given, iban=anna.account.iban) == expected

    def test_an_account_that_does_not_exist_or_is_closed_cannot_be_checked(self, anna: PSU) -> None:
        nobody = make_iban(country="DE", bank_code="10099900", account_number=CLOSED_NUMBER)
        closed = account_of(anna, status=AccountStatus.DELETED)
        for iban in (nobody, closed.iban):
            answer = answer_verification(name="Anna Schneider", iban=iban)
            assert answer == PayeeVerification(NameMatch.NOAP, why=WhyNotPossible.NO_SUCH_ACCOUNT)

    def test_a_blocked_account_still_belongs_to_its_holder(self, anna: PSU) -> None:
        blocked = account_of(anna, status=AccountStatus.BLOCKED)
        assert answer_verification(name="Anna Schneider", iban=blocked.iban).outcome == NameMatch.MTCH

    def test_each_owner_of_a_joint_account_is_a_payee_and_an_authorised_person_is_none(
        self, anna: PSU
    ) -> None:
        dora, carla = customer("Dora", phone="+4915100000003"), customer("Carla", phone="+4915100000004")
        account = account_of(anna)
        AccountHolder.objects.create(payment_account=account, psu=dora, role=HolderRole.JOINT_OWNER)
        AccountHolder.objects.create(payment_account=account, psu=carla, role=HolderRole.AUTHORISED)
        assert list_holder_names(iban=account.iban) == ["Anna Schneider", "Dora Schneider"]
        assert answer_verification(name="Dora Schneider", iban=account.iban).outcome == NameMatch.MTCH
        assert answer_verification(name="Carla Schneider", iban=account.iban) == PayeeVerification(
            NameMatch.NMTC
        )
        close = answer_verification(name="Dora Schnieder", iban=account.iban)
        assert close == PayeeVerification(NameMatch.CMTC, "Dora Schneider")

    def test_a_companys_account_is_not_its_managers(self, anna: PSU) -> None:
        account = account_of(anna)
        PaymentAccount.objects.filter(pk=account.pk).update(owner_name="Vantero Logistik GmbH")
        assert list_holder_names(iban=account.iban) == ["Vantero Logistik GmbH"]
        assert answer_verification(name="Anna Schneider", iban=account.iban).outcome == NameMatch.NMTC

    def test_a_sole_traders_account_is_his_own_too(self, anna: PSU) -> None:
        account = account_of(anna)
        PaymentAccount.objects.filter(pk=account.pk).update(owner_name="Schneider Werkzeugbau e.K.")
        for name in ("Schneider Werkzeugbau", "Anna Schneider"):
            assert answer_verification(name=name, iban=account.iban).outcome == NameMatch.MTCH

    def test_holders_of_another_banks_account_are_unknown_here(self, db: None) -> None:
        with pytest.raises(AccountUnknown):
            list_holder_names(iban=FOREIGN_IBAN)


@pytest.mark.django_db
class TestOtherBanks:
    @pytest.mark.req("IPR-5c(verify)")
    def test_the_sandbox_knows_a_few(self, asker: Asker) -> None:
        assert verify_payee(
            name="Moebelhaus Kern", iban=FOREIGN_IBAN, asker=asker, now=NOW
        ) == PayeeVerification(NameMatch.MTCH)
        assert verify_payee(name="Kern", iban=FOREIGN_IBAN, asker=asker, now=NOW) == PayeeVerification(
            NameMatch.CMTC, "Möbelhaus Kern GmbH"
        )
        assert verify_payee(name="Wurst", iban=FOREIGN_IBAN, asker=asker, now=NOW) == PayeeVerification(
            NameMatch.NMTC
        )
        unknown = verify_payee(name="Kern", iban="FR1420041010050500013M02606", asker=asker, now=NOW)
        assert unknown == PayeeVerification(NameMatch.NOAP, why=WhyNotPossible.NOT_ANSWERED)

    def test_every_account_of_the_simulated_directory_matches_its_holders(self) -> None:
        for iban, names in simulated_accounts().items():
            for name in names:
                answer = SimulatedPayeeDirectory().verify(name=name, iban=iban, timeout_seconds=1)
                assert answer.outcome == NameMatch.MTCH

    def test_a_bank_out_of_reach_is_not_possible(self, asker: Asker) -> None:
        answer = verify_payee(name="Kern", iban=at_bank(UNREACHABLE_BANK), asker=asker, now=NOW)
        assert answer == PayeeVerification(NameMatch.NOAP, why=WhyNotPossible.UNREACHABLE)

    @pytest.mark.req("IPR-5c(authorise)")
    @pytest.mark.parametrize("directory", [SimulatedPayeeDirectory, directories.Slow])
    def test_a_bank_that_hangs_holds_nobody_up(self, asker: Asker, settings, directory: type) -> None:
        settings.VOP_TIMEOUT_SECONDS = 0.2
        settings.VOP_DIRECTORY = f"{directory.__module__}.{directory.__name__}"
        begun = time.perf_counter()
        answer = verify_payee(name="Kern", iban=at_bank(SLOW_BANK), asker=asker, now=NOW)
        assert answer == PayeeVerification(NameMatch.NOAP, why=WhyNotPossible.TIMEOUT)
        assert time.perf_counter() - begun < 1

    def test_an_error_tells_the_log_neither_name_nor_iban(self, asker: Asker, settings, caplog) -> None:
        settings.VOP_DIRECTORY = directories.path(directories.Broken)
        with caplog.at_level(logging.DEBUG):
            answer = verify_payee(name="Kern", iban=FOREIGN_IBAN, asker=asker, now=NOW)
        assert answer.why == WhyNotPossible.UNREACHABLE
        assert "RuntimeError" in caplog.text
        assert "Kern" not in caplog.text
        assert FOREIGN_IBAN not in caplog.text

    @pytest.mark.parametrize(
        "directory", [directories.Bidirectional, directories.Nameless, directories.Foreign]
    )
    def test_an_answer_that_makes_no_sense_is_none(self, asker: Asker, settings, directory: type) -> None:
        settings.VOP_DIRECTORY = directories.path(directory)
        answer = verify_payee(name="Kern", iban=FOREIGN_IBAN, asker=asker, now=NOW)
        assert answer == PayeeVerification(NameMatch.NOAP, why=WhyNotPossible.UNUSABLE_ANSWER)

    def test_a_name_that_comes_with_a_refusal_is_dropped(self, asker: Asker, settings) -> None:
        settings.VOP_DIRECTORY = directories.path(directories.Talkative)
        answer = verify_payee(name="Kern", iban=FOREIGN_IBAN, asker=asker, now=NOW)
        assert answer == PayeeVerification(NameMatch.NMTC)

    def test_without_a_way_to_other_banks_nothing_can_be_checked(self, asker: Asker, settings) -> None:
        settings.VOP_DIRECTORY = f"{NoPayeeDirectory.__module__}.NoPayeeDirectory"
        assert verify_payee(name="Kern", iban=FOREIGN_IBAN, asker=asker, now=NOW).outcome == NameMatch.NOAP


class TestHarvesting:
    def test_after_the_days_number_no_name_is_looked_up(self, anna: PSU, asker: Asker, settings) -> None:
        settings.VOP_LOOKUPS_PER_DAY = 3
        for _ in range(3):
            shown = verify_payee(name="A. Schneider", iban=anna.account.iban, asker=asker, now=NOW)
            assert shown.matched_name == "Anna Schneider"
        refused = PayeeVerification(NameMatch.NOAP, why=WhyNotPossible.LIMIT)
        for name, iban in [("A. Schneider", anna.account.iban), ("Kern", FOREIGN_IBAN)]:
            assert verify_payee(name=name, iban=iban, asker=asker, now=NOW) == refused
        # Another customer, and the next day, are not touched by it.
        other = Asker.customer(new_id())
        assert (
            verify_payee(name="Anna Schneider", iban=anna.account.iban, asker=other, now=NOW).outcome
            == "MTCH"
        )
        tomorrow = NOW + timedelta(days=1)
        assert (
            verify_payee(name="Anna Schneider", iban=anna.account.iban, asker=asker, now=tomorrow).outcome
            == "MTCH"
        )

    def test_past_the_number_no_other_bank_is_asked_either(self, asker: Asker, settings, db: None) -> None:
        settings.VOP_LOOKUPS_PER_DAY = 2
        settings.VOP_DIRECTORY = directories.path(directories.Counting)
        directories.Counting.asked = 0
        outcomes = [
            verify_payee(name="Kern", iban=FOREIGN_IBAN, asker=asker, now=NOW).outcome for _ in range(5)
        ]
        assert outcomes == ["MTCH", "MTCH", "NOAP", "NOAP", "NOAP"]
        assert directories.Counting.asked == 2

    def test_an_apps_count_is_by_debtor_account(self, anna: PSU, settings) -> None:
        settings.VOP_LOOKUPS_PER_DAY = 1
        app, one, other = new_id(), new_id(), new_id()
        outcomes = [
            verify_payee(
                name="Anna Schneider",
                iban=anna.account.iban,
                asker=Asker.app(app, account_id=account),
                now=NOW,
            ).outcome
            for account in (one, one, other)
        ]
        assert outcomes == ["MTCH", "NOAP", "MTCH"]

    @pytest.mark.django_db(transaction=True)
    def test_look_ups_at_the_same_moment_do_not_pass_the_number(self, settings) -> None:
        settings.VOP_LOOKUPS_PER_DAY = 3
        anna, asker = customer("Anna"), Asker.customer(new_id())

        def look_up(_number: int) -> str:
            return verify_payee(
                name="Anna Schneider", iban=anna.account.iban, asker=asker, now=NOW
            ).outcome.value

        outcomes = in_parallel(8, look_up)
        assert sorted(outcomes) == ["MTCH"] * 3 + ["NOAP"] * 5
        assert LookupCount.objects.get().count == 3

    def test_counts_of_days_long_gone_are_deleted(self, db: None) -> None:
        asker = Asker.customer(new_id())
        for days in (0, 1, 8, 30):
            verify_payee(name="Kern", iban=FOREIGN_IBAN, asker=asker, now=NOW - timedelta(days=days))
        assert purge_lookup_counts(now=NOW) == 2
        assert LookupCount.objects.count() == 2

    def test_the_database_keeps_one_count_a_day_and_knows_who_may_ask(self, db: None) -> None:
        insert = "INSERT INTO payees_lookupcount (id, asker, day, count) VALUES (%s, %s, '2026-11-21', 0)"
        with connection.cursor() as cursor:
            cursor.execute(insert, [new_id(), "psu:1"])
        for asker, constraint in [
            ("psu:1", "payee_lookup_count_once_a_day"),
            ("staff:1", "payee_lookup_asker_form"),
        ]:
            with (
                pytest.raises(IntegrityError, match=constraint),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(insert, [new_id(), asker])


class TestDeadline:
    def test_a_result_and_an_error_come_through(self) -> None:
        assert deadline.run_within(1, lambda: 7) == 7
        with pytest.raises(ZeroDivisionError):
            deadline.run_within(1, lambda: 1 // 0)

    def test_calls_that_hang_do_not_pile_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deadline, "_SLOTS", deadline.threading.BoundedSemaphore(2))
        hanging = deadline.threading.Event()
        for _ in range(2):
            with pytest.raises(TimeoutError, match="no answer"):
                deadline.run_within(0.01, lambda: hanging.wait(60))
        begun = time.perf_counter()
        with pytest.raises(TimeoutError, match="too many"):
            deadline.run_within(30, lambda: 7)
        assert time.perf_counter() - begun < 15
        hanging.set()
        for _ in range(2):
            assert deadline._SLOTS.acquire(timeout=30), "both have ended and given their place back"
        for _ in range(2):
            deadline._SLOTS.release()
        assert deadline.run_within(30, lambda: 7) == 7


def test_a_verification_has_a_name_with_a_close_match_and_only_then() -> None:
    with pytest.raises(ValueError, match="close match"):
        PayeeVerification(NameMatch.NMTC, "Anna Schneider")
    with pytest.raises(ValueError, match="close match"):
        PayeeVerification(NameMatch.CMTC)
