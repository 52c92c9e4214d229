"""Receipts are issued for what was signed, to who may see it, by a key that is for nothing else."""

import json
import logging
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from apps.audit.models import AuditEvent
from apps.core.canonical import canonical_hash
from apps.core.errors import NotFound
from apps.identity.models import PSU
from apps.payments.models import PaymentInitiation
from apps.receipts.models import ReceiptKey
from apps.receipts.queries import EvidenceDiffers, NothingSigned, list_receipt_keys
from apps.receipts.rules import ReceiptKind, verify_receipt
from apps.receipts.services import (
    ReceiptKeyUnreadable,
    issue_printed_receipt,
    issue_signed_receipt,
    rotate_receipt_key,
)
from apps.sca.models import Challenge, SMSDevice
from apps.sca.services import recompute_code
from tests.factories.accounts import NOW, account_of_several, bank_accounts, customer
from tests.factories.payments import authorised_payment, challenged_payment, received_payment, sign_payment
from tests.sca.test_codes import in_parallel

pytestmark = [pytest.mark.django_db, pytest.mark.req("P-72", "RTS-29(1)")]


@pytest.fixture
def anna(db: None) -> PSU:
    bank_accounts()
    return customer("Anna")


def issue(payment_id: UUID, psu: PSU, *, now=NOW) -> dict:
    file = issue_signed_receipt(kind=ReceiptKind.PAYMENT, subject_id=payment_id, psu_id=psu.pk, now=now)
    return verify_receipt(file.content, keys=list_receipt_keys())


def sql(statement: str, *values: object) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


class TestWhatItSays:
    def test_what_was_signed_by_whom_when_and_how(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        content = issue(payment.pk, anna, now=NOW + timedelta(hours=1))
        assert content["subject"] == {"type": "payment", "id": str(payment.pk)}
        assert (content["status"]["code"], content["issued_at"]) == ("ACTC", "2026-11-21T13:00:00+00:00")
        (signature,) = content["signatures"]
        assert signature["customer"] == anna.full_name
        assert signature["signed_at"] == "2026-11-21T12:00:00+00:00"
        assert (signature["method"], signature["elements"]) == ("SMS_OTP", ["knowledge", "possession"])
        assert signature["snapshot"]["amount_minor"] == 2_500
        assert signature["snapshot"]["creditor_name"] == "Möbelhaus Kern GmbH"
        authorisation_hash = Challenge.objects.get(authorisation=signature["authorisation_id"]).snapshot_hash
        assert signature["snapshot_sha256"] == bytes(authorisation_hash).hex()

    def test_nothing_of_code_number_or_nonce(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        text = json.dumps(issue(payment.pk, anna))
        challenge = Challenge.objects.get(authorisation=payment.authorisation_id)
        for secret in (
            recompute_code(challenge=challenge),
            bytes(challenge.nonce).hex(),
            bytes(challenge.code_hash).hex(),
            SMSDevice.objects.get(user=anna.user).phone_number,
            str(challenge.pk),
        ):
            assert secret not in text

    def test_each_of_two_who_signed(self, anna: PSU) -> None:
        david = customer("David", phone="+4915100000004")
        account = account_of_several(anna, david)
        payment = sign_payment(received_payment(anna, account=account), anna)
        first = issue(payment.pk, anna)
        assert (first["status"]["code"], len(first["signatures"])) == ("PATC", 1)
        sign_payment(payment, david, now=NOW + timedelta(minutes=1))
        both = issue(payment.pk, david, now=NOW + timedelta(minutes=2))
        assert [one["customer"] for one in both["signatures"]] == [anna.full_name, david.full_name]

    def test_one_code_of_several_that_were_sent_counts(self, anna: PSU) -> None:
        payment, authorisation_id, _challenge = challenged_payment(anna)
        from apps.payments.services import authorise_payment, send_payment_code
        from tests.factories.payments import proof_for

        again = send_payment_code(
            payment_id=payment.pk, authorisation_id=authorisation_id, psu=anna, hide_limit=False, now=NOW
        )
        authorise_payment(
            payment_id=payment.pk,
            authorisation_id=authorisation_id,
            psu=anna,
            proof=proof_for(again),
            now=NOW,
        )
        assert len(issue(payment.pk, anna)["signatures"]) == 1

    @pytest.mark.parametrize("language", ["en", "de"])
    def test_for_people_as_pdf(self, anna: PSU, language: str) -> None:
        payment = authorised_payment(anna)
        file = issue_printed_receipt(
            kind=ReceiptKind.PAYMENT, subject_id=payment.pk, psu_id=anna.pk, language=language, now=NOW
        )
        assert file.content.startswith(b"%PDF-1.")
        assert file.name == f"receipt-payment-{str(payment.pk)[:8]}.pdf"

    def test_each_issue_is_on_the_trail_with_its_hash(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        content = issue(payment.pk, anna)
        event = AuditEvent.objects.get(event="receipts.receipt.issued")
        assert (event.object_id, event.actor_id) == (str(payment.pk), str(anna.pk))
        assert event.data["content_sha256"] == canonical_hash(content).hex()


class TestWhoGetsOne:
    def test_nobody_for_what_nobody_signed(self, anna: PSU) -> None:
        with pytest.raises(NothingSigned):
            issue(received_payment(anna).pk, anna)
        payment, *_rest = challenged_payment(anna)
        with pytest.raises(NothingSigned):
            issue(payment.pk, anna)

    def test_nobody_else(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        bruno = customer("Bruno", phone="+4915100000002")
        for kind in ReceiptKind:
            with pytest.raises(NotFound):
                issue_signed_receipt(kind=kind, subject_id=payment.pk, psu_id=bruno.pk, now=NOW)
            with pytest.raises(NotFound):
                issue_printed_receipt(
                    kind=kind, subject_id=payment.pk, psu_id=bruno.pk, language="en", now=NOW
                )
        with pytest.raises(NotFound):
            issue(uuid4(), anna)

    def test_none_where_the_evidence_is_not_what_was_signed(
        self, anna: PSU, caplog: pytest.LogCaptureFixture
    ) -> None:
        payment = authorised_payment(anna)
        sql("UPDATE sca_challenge SET snapshot = jsonb_set(snapshot, '{amount_minor}', '9')")
        with pytest.raises(EvidenceDiffers), caplog.at_level(logging.ERROR):
            issue(payment.pk, anna)
        assert str(payment.authorisation_id) in caplog.text

    def test_what_became_of_it_changes_nothing_of_what_was_signed(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        PaymentInitiation.objects.filter(pk=payment.pk).update(
            transaction_status="RJCT", status_reason="AM04", creditor_name="Somebody Else"
        )
        content = issue(payment.pk, anna)
        assert (content["status"]["code"], content["status"]["reason"]) == ("RJCT", "AM04")
        assert content["signatures"][0]["snapshot"]["creditor_name"] == "Möbelhaus Kern GmbH"


class TestTheKey:
    def test_it_is_made_once_and_its_private_half_is_sealed(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        issue(payment.pk, anna)
        issue(payment.pk, anna)
        key = ReceiptKey.objects.get()
        assert "PRIVATE" not in key.sealed_private_key
        assert sorted(key.public_key) == ["crv", "kty", "x", "y"]
        assert AuditEvent.objects.filter(event="receipts.key.made").count() == 1

    def test_a_retired_one_signs_nothing_and_stays_published(self, anna: PSU) -> None:
        payment = authorised_payment(anna)
        file = issue_signed_receipt(kind=ReceiptKind.PAYMENT, subject_id=payment.pk, psu_id=anna.pk, now=NOW)
        later = NOW + timedelta(days=365)
        new = rotate_receipt_key(now=later)
        old = ReceiptKey.objects.exclude(pk=new.pk).get()
        assert (old.sealed_private_key, old.retired_at) == ("", later)
        assert verify_receipt(file.content, keys=list_receipt_keys())
        assert [key["kid"] for key in list_receipt_keys()] == [new.kid, old.kid]
        assert issue(payment.pk, anna, now=later)
        assert "d" not in {name for key in list_receipt_keys() for name in key}

    def test_sealed_under_a_secret_that_is_gone_it_signs_nothing(self, anna: PSU, settings) -> None:
        payment = authorised_payment(anna)
        issue(payment.pk, anna)
        secret = settings.SECRET_KEY
        settings.SECRET_KEY = "another-secret-key-of-thirty-two-or-more"
        with pytest.raises(ReceiptKeyUnreadable):
            issue(payment.pk, anna)
        settings.SECRET_KEY_FALLBACKS = [secret]
        assert issue(payment.pk, anna)

    @pytest.mark.parametrize(
        ("statement", "name"),
        [
            ("UPDATE receipts_receiptkey SET kid = repeat('a', 43)", "stays as it is"),
            ("UPDATE receipts_receiptkey SET sealed_private_key = ''", "receipt_key_signs_or_is_retired"),
            ("UPDATE receipts_receiptkey SET retired_at = now()", "receipt_key_signs_or_is_retired"),
            ("UPDATE receipts_receiptkey SET public_key = '{}'", "stays as it is"),
            ("UPDATE receipts_receiptkey SET created_at = now()", "stays as it is"),
            ("DELETE FROM receipts_receiptkey", "stays as it is"),
            (
                "INSERT INTO receipts_receiptkey SELECT repeat('a', 43), public_key, 'x', created_at, NULL"
                " FROM receipts_receiptkey",
                "receipt_key_one_signs",
            ),
            (
                "INSERT INTO receipts_receiptkey SELECT repeat('a', 43), public_key, '', created_at, now()"
                " FROM receipts_receiptkey",
                "stays as it is",
            ),
            (
                "INSERT INTO receipts_receiptkey VALUES ('short', '{}', 'x', now(), NULL)",
                "receipt_key_kid_form",
            ),
        ],
    )
    def test_the_database_keeps_it(self, statement: str, name: str) -> None:
        rotate_receipt_key(now=NOW)
        with pytest.raises(DatabaseError, match=name):
            sql(statement)

    def test_a_retired_one_stays_retired(self) -> None:
        rotate_receipt_key(now=NOW)
        rotate_receipt_key(now=NOW)
        with pytest.raises((IntegrityError, DatabaseError), match="stays as it is"):
            sql("UPDATE receipts_receiptkey SET retired_at = now() WHERE retired_at IS NOT NULL")


@pytest.mark.django_db(transaction=True)
def test_two_first_receipts_at_once_are_signed_by_one_key(anna: PSU) -> None:
    payment = authorised_payment(anna)
    outcomes = in_parallel(2, lambda _number: issue(payment.pk, anna)["version"])
    assert outcomes == [1, 1]
    assert ReceiptKey.objects.count() == 1
