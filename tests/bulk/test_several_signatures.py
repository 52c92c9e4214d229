"""Files that two must sign: nothing is set aside before both have, each over the same total and payees."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from lxml import etree

from apps.accounts.models import AccountHolder, PaymentAccount
from apps.accounts.queries import get_balance
from apps.accounts.rules import SigningRight
from apps.bulk.models import PaymentFile
from apps.bulk.queries import (
    PaymentFileUnknown,
    get_payment_file_for_psu,
    list_payment_files_for_psu,
    list_payment_files_to_sign,
)
from apps.bulk.report import write_report
from apps.bulk.services import (
    PaymentFileStatusInvalid,
    authorise_payment_file,
    cancel_payment_file,
    decline_payment_file,
    expire_payment_files,
    reject_payment_file,
    release_due_batches,
)
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.payments.services import SignedAlready
from apps.sca.models import SCAAuthorisation
from apps.sca.services import Proof
from tests.bulk.files import Group, other_ibans, pain001
from tests.bulk.files import Pay as Payee
from tests.bulk.world import NOW, carry_out, challenged, only_batch, uploaded
from tests.factories.accounts import account_of_several, bank_accounts, customer
from tests.factories.payments import proof_for
from tests.sca.test_codes import in_parallel

pytestmark = [pytest.mark.django_db, pytest.mark.req("P-64", "RTS-5(3)(b)")]


@pytest.fixture
def emil(db: None) -> PSU:
    bank_accounts()
    return customer("Emil", phone="+4915100000006")


@pytest.fixture
def david(db: None) -> PSU:
    return customer("David", phone="+4915100000004")


@pytest.fixture
def company(emil: PSU, david: PSU) -> PaymentAccount:
    return account_of_several(emil, david, owner_name="Krüger Werkzeugbau GmbH")


def group(account: PaymentAccount, **more: str) -> Group:
    return replace(Group(account.iban, [Payee(iban=iban) for iban in other_ibans(3)]), **more)


@pytest.fixture
def file(emil: PSU, company: PaymentAccount) -> PaymentFile:
    """Emil's file, checked and not signed."""
    return uploaded(emil, pain001(group(company)))


def code(file: PaymentFile, psu: PSU, *, now=NOW) -> tuple[UUID, Proof]:
    authorisation_id, challenge_id = challenged(psu, file, now=now)
    return authorisation_id, proof_for(challenge_id, now=now)


def sign(file: PaymentFile, psu: PSU, *, now=NOW) -> PaymentFile:
    authorisation_id, proof = code(file, psu, now=now)
    return authorise_payment_file(
        file_id=file.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=now
    )


def sql(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def available(account: PaymentAccount) -> int:
    return get_balance(account=account).available_minor


def promised() -> int:
    return OutboxMessage.objects.filter(topic="engine.start_batch").count()


class TestTwoSign:
    def test_the_first_moves_nothing_and_the_second_all(
        self, file: PaymentFile, emil: PSU, david: PSU, company: PaymentAccount
    ) -> None:
        signed = sign(file, emil)
        assert (signed.status, signed.signatures_needed, signed.authorised_at) == ("PATC", 2, None)
        assert promised() == 0
        signed = sign(file, david, now=NOW + timedelta(days=3))
        assert signed.status == "ACTC"
        carry_out(now=NOW + timedelta(days=3))
        file.refresh_from_db()
        assert file.status == "ACSC"
        assert available(company) == 97_000

    def test_who_signs_alone_needs_nobody(self, emil: PSU, david: PSU) -> None:
        account = account_of_several(emil, david, signs=SigningRight.ALONE)
        assert sign(uploaded(emil, pain001(group(account))), emil).status == "ACTC"

    def test_one_account_of_the_file_that_takes_two_is_enough(
        self, emil: PSU, david: PSU, company: PaymentAccount
    ) -> None:
        other = account_of_several(emil, david, signs=SigningRight.ALONE)
        file = uploaded(emil, pain001(group(other), replace(group(company), identification="G-2")))
        assert sign(file, emil).status == "PATC"
        assert sign(file, david).status == "ACTC"

    def test_for_a_later_day_either_takes_it_back(
        self, emil: PSU, david: PSU, company: PaymentAccount
    ) -> None:
        day = date(2026, 12, 7)
        file = uploaded(emil, pain001(group(company, day=day.isoformat())))
        sign(file, emil)
        assert release_due_batches(now=NOW + timedelta(days=30)) == 0
        sign(file, david)
        assert cancel_payment_file(file_id=file.pk, psu_id=david.pk, now=NOW).status == "CANC"


class TestWhoMaySign:
    def test_nobody_twice(self, file: PaymentFile, emil: PSU) -> None:
        codes = [code(file, emil) for _ in range(2)]
        authorise_payment_file(
            file_id=file.pk, authorisation_id=codes[0][0], psu=emil, proof=codes[0][1], now=NOW
        )
        with pytest.raises(SignedAlready):
            authorise_payment_file(
                file_id=file.pk, authorisation_id=codes[1][0], psu=emil, proof=codes[1][1], now=NOW
            )
        with pytest.raises(SignedAlready):
            code(file, emil)

    def test_no_stranger_sees_or_signs_it(self, file: PaymentFile, emil: PSU) -> None:
        sign(file, emil)
        stranger = customer("Dora", phone="+4915100000005")
        for act in (
            lambda: code(file, stranger),
            lambda: get_payment_file_for_psu(psu_id=stranger.pk, file_id=file.pk),
            lambda: decline_payment_file(file_id=file.pk, psu=stranger, now=NOW),
            lambda: cancel_payment_file(file_id=file.pk, psu_id=stranger.pk, now=NOW),
        ):
            with pytest.raises(PaymentFileUnknown):
                act()

    def test_the_other_sees_it_from_the_first_signature_on(
        self, file: PaymentFile, emil: PSU, david: PSU
    ) -> None:
        with pytest.raises(PaymentFileUnknown):
            get_payment_file_for_psu(psu_id=david.pk, file_id=file.pk)
        assert not list_payment_files_for_psu(psu_id=david.pk)
        sign(file, emil)
        assert list(list_payment_files_to_sign(psu_id=david.pk)) == [file]
        assert list(list_payment_files_for_psu(psu_id=david.pk)) == [file]
        assert not list_payment_files_to_sign(psu_id=emil.pk)
        sign(file, david)
        assert not list_payment_files_to_sign(psu_id=david.pk)
        assert get_payment_file_for_psu(psu_id=david.pk, file_id=file.pk)

    def test_nobody_who_may_not_pay_from_every_account_of_it(
        self, emil: PSU, david: PSU, company: PaymentAccount
    ) -> None:
        content = pain001(group(company), replace(group(emil.account), identification="G-2"))
        file = uploaded(emil, content)
        assert sign(file, emil).status == "PATC"
        with pytest.raises(PaymentFileUnknown):
            code(file, david)
        assert not list_payment_files_to_sign(psu_id=david.pk)


class TestItEndsWithoutTheSecond:
    def test_the_first_takes_it_back(self, file: PaymentFile, emil: PSU, david: PSU) -> None:
        sign(file, emil)
        with pytest.raises(PaymentFileUnknown):
            cancel_payment_file(file_id=file.pk, psu_id=david.pk, now=NOW)
        assert cancel_payment_file(file_id=file.pk, psu_id=emil.pk, now=NOW).status == "CANC"

    def test_the_other_declines(self, file: PaymentFile, emil: PSU, david: PSU) -> None:
        sign(file, emil)
        with pytest.raises(SignedAlready):
            decline_payment_file(file_id=file.pk, psu=emil, now=NOW)
        declined = decline_payment_file(file_id=file.pk, psu=david, now=NOW)
        assert (declined.status, declined.status_reason) == ("RJCT", "CUST")
        with pytest.raises(PaymentFileStatusInvalid):
            decline_payment_file(file_id=file.pk, psu=david, now=NOW)

    def test_wrong_codes_do_not_undo_the_first(self, file: PaymentFile, emil: PSU) -> None:
        sign(file, emil)
        assert reject_payment_file(file_id=file.pk, reason="DS0A", now=NOW).status == "PATC"

    def test_fifteen_days(self, file: PaymentFile, emil: PSU, david: PSU) -> None:
        sign(file, emil)
        assert expire_payment_files(now=NOW + timedelta(days=15, seconds=-1)) == 0
        over = NOW + timedelta(days=15)
        with pytest.raises(PaymentFileStatusInvalid):
            code(file, david, now=over)
        assert expire_payment_files(now=over) == 1
        file.refresh_from_db()
        assert (file.status, file.status_reason) == ("RJCT", "DS02")

    def test_the_report_says_that_it_is_pending(self, file: PaymentFile, emil: PSU) -> None:
        report = etree.fromstring(write_report(file=sign(file, emil), now=NOW).read())
        assert report.findtext(".//{*}GrpSts") == "PDNG"
        assert {one.text for one in report.iterfind(".//{*}TxSts")} == {"PDNG"}


class TestTheEngineCountsItself:
    @pytest.mark.parametrize("signers", [1, 2])
    def test_a_status_set_by_hand_moves_nothing(
        self, file: PaymentFile, emil: PSU, david: PSU, company: PaymentAccount, signers: int
    ) -> None:
        sign(file, emil)
        authorisation = SCAAuthorisation.objects.get(subject_id=file.pk, sca_status="finalised")
        if signers == 2:  # The other's, over something else.
            sign(file, david)
            OutboxMessage.objects.all().update(status="dead")
            sql("UPDATE sca_scaauthorisation SET snapshot_hash = '\\x00' WHERE psu_id = %s", david.pk)
        sql(
            "UPDATE bulk_paymentfile SET status = 'ACTC', authorised_at = now(), authorisation_id = %s",
            authorisation.pk,
        )
        sql("UPDATE bulk_paymentbatch SET released_at = now()")
        from apps.engine.bulk import start_batch

        start_batch(batch_id=only_batch(file).pk, now=NOW)
        assert (only_batch(file).status, only_batch(file).status_reason) == ("RJCT", "DS0A")
        assert available(company) == 100_000

    @pytest.mark.parametrize("who", ["Emil", "David"])
    def test_both_must_have_the_right_still(
        self, file: PaymentFile, emil: PSU, david: PSU, company: PaymentAccount, who: str
    ) -> None:
        sign(file, emil)
        sign(file, david)
        AccountHolder.objects.filter(psu__first_name=who).update(may_pay=False)
        carry_out()
        assert only_batch(file).status_reason == "AG01"
        assert available(company) == 100_000


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("signatures_needed = 3", "bulk_file_signatures_one_or_two"),
        ("status = 'PATC'", "bulk_file_partly_signed_needs_more"),
    ],
)
def test_the_database_refuses(file: PaymentFile, change: str, constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        sql(f"UPDATE bulk_paymentfile SET {change}")


def test_the_database_refuses_fewer_signatures(file: PaymentFile, emil: PSU) -> None:
    sign(file, emil)
    with pytest.raises(DatabaseError, match="fewer"):
        sql("UPDATE bulk_paymentfile SET signatures_needed = 1")


@pytest.mark.django_db(transaction=True)
class TestRaces:
    @pytest.mark.parametrize("how", ["signed", "declined", "taken back"])
    @pytest.mark.parametrize("attempt", range(3))
    def test_exactly_one_outcome(self, emil: PSU, david: PSU, how: str, attempt: int) -> None:
        dora = customer("Dora", phone="+4915100000005")
        file = uploaded(emil, pain001(group(account_of_several(emil, david, dora))))
        sign(file, emil)
        codes = {psu.pk: code(file, psu) for psu in (david, dora)}

        def give(psu: PSU) -> str:
            authorisation_id, proof = codes[psu.pk]
            return authorise_payment_file(
                file_id=file.pk, authorisation_id=authorisation_id, psu=psu, proof=proof, now=NOW
            ).status

        def work(number: int) -> str:
            if number == 0:
                return give(david)
            if how == "signed":
                return give(dora)
            if how == "declined":
                return decline_payment_file(file_id=file.pk, psu=dora, now=NOW).status
            return cancel_payment_file(file_id=file.pk, psu_id=emil.pk, now=NOW).status

        results = in_parallel(2, work)
        assert sum(isinstance(result, PaymentFileStatusInvalid) for result in results) == 1
        file.refresh_from_db()
        assert file.status in results
        assert promised() == (file.status == "ACTC")
