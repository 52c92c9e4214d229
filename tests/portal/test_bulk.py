"""Files of payments in the portal: upload, errors, one signature, progress, report; and what is refused at the door."""

import io
import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, RequestFactory, override_settings

from apps.bulk.models import PayeeCheckOptOut, PaymentFile, PaymentItem
from apps.bulk.services import receive_payment_file
from apps.identity.models import PSU
from apps.sca.models import Challenge
from tests.bulk.files import PAYEE_IBAN, Group, pain001
from tests.bulk.world import carry_out, executed, sent_back
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.portal.kit import Visitor, bad_code, code_for, last_challenge, text_of

HEADER = "debtor_iban;creditor_name;creditor_iban;amount\n"


@pytest.fixture(autouse=True)
def books(db: None) -> None:
    bank_accounts()


def table(psu: PSU, *amounts: str, iban: str = PAYEE_IBAN) -> bytes:
    rows = (f"{psu.account.iban};Kern GmbH;{iban};{amount}\n" for amount in amounts or ("12.50", "7.50"))
    return (HEADER + "".join(rows)).encode()


def upload(visitor: Visitor, content: bytes, name: str = "salaries.csv"):
    return visitor.post("/batches/new/", file=SimpleUploadedFile(name, content))


def checked(visitor: Visitor, content: bytes, name: str = "salaries.csv") -> PaymentFile:
    upload(visitor, content, name)
    carry_out("bulk.check_file", "bulk.verify_payees")
    return PaymentFile.objects.latest("created_at")


class TestTheWay:
    @pytest.mark.req("RTS-5(3)(b)")
    def test_upload_check_sign_once_and_report(self, customer_anna: Visitor, anna: PSU) -> None:
        answer = upload(customer_anna, table(anna))
        file = PaymentFile.objects.get()
        here = f"/batches/{file.pk}/"
        assert answer.headers["Location"] == here
        waiting = text_of(customer_anna.get(here))
        assert "We are checking your file" in waiting
        assert f'data-poll="{here}status/?seen=PDNG"' in waiting
        carry_out("bulk.check_file", "bulk.verify_payees")
        status = customer_anna.get(f"{here}status/?seen=PDNG").json()
        assert (status["status"], status["done"]) == ("RCVD", True)

        review = text_of(customer_anna.get(here))
        assert "The file is good" in review
        assert "€20.00" in review
        assert "2 payments" in review
        assert "Kern GmbH" in review

        assert customer_anna.post(f"{here}code/").headers["Location"] == f"{here}sign/"
        page = text_of(customer_anna.get(f"{here}sign/"))
        digits = bytes(PaymentFile.objects.get().items_sha256).hex().upper()
        assert "€20.00" in page
        assert f"{digits[:4]} {digits[4:8]}" in page
        assert customer_anna.post(f"{here}sign/", code=code_for(anna)).headers["Location"] == here
        assert last_challenge(anna).snapshot["total_minor"] == 2_000

        assert "Signed. We are carrying it out" in text_of(customer_anna.get(here))
        carry_out()
        done = text_of(customer_anna.get(here))
        assert "All paid" in done
        report = customer_anna.get(f"{here}report/")
        assert "salaries.pain002.xml" in report.headers["Content-Disposition"]
        assert b"<GrpSts>ACSC</GrpSts>" in b"".join(report.streaming_content)
        listed = text_of(customer_anna.get("/batches/"))
        assert "salaries.csv" in listed

    def test_json_of_the_berlin_group_is_taken_as_well(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = {
            "instructedAmount": {"currency": "EUR", "amount": "12.50"},
            "creditorAccount": {"iban": PAYEE_IBAN},
            "creditorName": "Kern GmbH",
        }
        value = {"debtorAccount": {"iban": anna.account.iban}, "payments": [payment, payment]}
        file = checked(customer_anna, json.dumps(value).encode(), "salaries.json")
        here = f"/batches/{file.pk}/"
        assert "€25.00" in text_of(customer_anna.get(here))
        customer_anna.post(f"{here}code/")
        customer_anna.post(f"{here}sign/", code=code_for(anna))
        carry_out()
        assert "All paid" in text_of(customer_anna.get(here))

    def test_broken_json_is_told_by_its_line(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, b'{"payments": [\n{"creditorName": <script>}]}', "salaries.json")
        page = text_of(customer_anna.get(f"/batches/{file.pk}/"))
        assert "The JSON is broken here" in page
        assert re.search(r'<td class="num">2</td>', page)

    def test_what_is_wrong_is_listed_and_nothing_is_booked(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, table(anna, "5.00", "0", "x<script>"))
        page = text_of(customer_anna.get(f"/batches/{file.pk}/"))
        assert "Nothing of it was taken in" in page
        assert re.search(r'<td class="num">3</td><td class="mono small break">amount</td>', page)
        assert "x&lt;script&gt;" in page
        assert "<script>" not in page.replace("<script type=", "").replace("<script src", "").replace(
            "<script nonce", ""
        )
        assert customer_anna.post(f"/batches/{file.pk}/code/").headers["Location"] == f"/batches/{file.pk}/"

    def test_in_german(self, customer_anna: Visitor, anna: PSU) -> None:
        anna.user.language = "de"
        anna.user.save()
        file = checked(customer_anna, table(anna, "0"))
        page = text_of(customer_anna.get(f"/batches/{file.pk}/"))
        assert 'lang="de"' in page
        assert "Nothing of it" not in page

    def test_names_that_differ_are_shown_before_the_code(self, customer_anna: Visitor, anna: PSU) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        file = checked(customer_anna, table(anna, "5.00", iban=bruno.account.iban))
        page = text_of(customer_anna.get(f"/batches/{file.pk}/"))
        assert "Some names and IBANs do not belong together" in page
        items = text_of(customer_anna.get(f"/batches/{file.pk}/payments/?name=NMTC"))
        assert "Kern GmbH" in items
        assert "Kern GmbH" not in text_of(customer_anna.get(f"/batches/{file.pk}/payments/?name=MTCH"))

    @pytest.mark.req("S3-22", "RTS-5(3)(b)")
    def test_payments_to_look_at_are_shown_from_what_is_signed(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        file = checked(customer_anna, table(anna, *["1.00"] * 8, iban=bruno.account.iban))
        customer_anna.post(f"/batches/{file.pk}/code/")
        snapshot = last_challenge(anna).snapshot
        assert len(snapshot["shown"]["payments"]) == 5
        page = text_of(customer_anna.get(f"/batches/{file.pk}/sign/"))
        assert "Look at these payments first" in page
        assert page.count("the name and the IBAN do not belong together") == 5
        assert "nothing was paid to this account before" in page
        snapshot["shown"]["payments"][0]["creditor_name"] = "From the snapshot"
        Challenge.objects.filter(pk=last_challenge(anna).pk).update(snapshot=snapshot)
        assert "From the snapshot" in text_of(customer_anna.get(f"/batches/{file.pk}/sign/"))

    @pytest.mark.req("S3-23", "RTS-5(3)(b)")
    @override_settings(SCA_BATCH_DISPLAY="random")
    def test_or_some_at_random(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, table(anna, *["1.00"] * 8))
        customer_anna.post(f"/batches/{file.pk}/code/")
        page = text_of(customer_anna.get(f"/batches/{file.pk}/sign/"))
        assert "Some payments, drawn at random" in page
        assert page.count("Kern GmbH") == 5

    def test_of_a_short_file_all_are(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, table(anna))
        customer_anna.post(f"/batches/{file.pk}/code/")
        page = text_of(customer_anna.get(f"/batches/{file.pk}/sign/"))
        assert "Whom you pay" in page
        assert page.count("Kern GmbH") == 2

    def test_pages_of_payments(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, table(anna, *["1.00"] * 60))
        first = text_of(customer_anna.get(f"/batches/{file.pk}/payments/"))
        second = text_of(customer_anna.get(f"/batches/{file.pk}/payments/?page=2"))
        assert (first.count("<td>Kern GmbH"), second.count("<td>Kern GmbH")) == (50, 10)
        assert customer_anna.get(f"/batches/{file.pk}/payments/?page=x&status=y").status_code == 200

    def test_more_than_there_is_and_more_than_the_limit(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, table(anna, "2000.00"))
        assert "more than you have available" in text_of(customer_anna.get(f"/batches/{file.pk}/"))
        file = checked(customer_anna, table(anna, "10000.01"))
        answer = customer_anna.http.post(f"/batches/{file.pk}/code/", follow=True)
        assert "more than your limit per payment" in text_of(answer)

    def test_cancelled_before_it_is_signed(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, table(anna))
        customer_anna.post(f"/batches/{file.pk}/cancel/")
        assert "Nothing was paid." in text_of(customer_anna.get(f"/batches/{file.pk}/"))
        assert customer_anna.get(f"/batches/{file.pk}/report/").status_code == 303
        assert customer_anna.get(f"/batches/{file.pk}/sign/").status_code == 303

    def test_for_a_later_day_it_waits_and_can_be_cancelled(self, customer_anna: Visitor, anna: PSU) -> None:
        content = pain001(Group(anna.account.iban, day="2026-12-01"))
        file = checked(customer_anna, content, "later.xml")
        customer_anna.post(f"/batches/{file.pk}/code/")
        customer_anna.post(f"/batches/{file.pk}/sign/", code=code_for(anna))
        page = text_of(customer_anna.get(f"/batches/{file.pk}/"))
        assert "It waits for its day" in page
        customer_anna.post(f"/batches/{file.pk}/cancel/")
        assert PaymentFile.objects.get(pk=file.pk).status == "CANC"

    def test_money_that_came_back_is_told_beside_what_was_paid(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        file = executed(anna, pain001(Group(anna.account.iban)))
        here = f"/batches/{file.pk}/"
        assert "Came back" not in text_of(customer_anna.get(here))
        sent_back(PaymentItem.objects.get(batch__file=file), reason="AC04")
        page = text_of(customer_anna.get(here))
        assert "All paid" in page
        assert "the payees’ banks sent the money back" in page
        assert "(AC04)" in page

    def test_a_wrong_code_five_times_ends_it(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, table(anna))
        customer_anna.post(f"/batches/{file.pk}/code/")
        for _ in range(4):
            answer = customer_anna.post(f"/batches/{file.pk}/sign/", code=bad_code(anna))
            assert answer.headers["Location"].endswith("sign/?failed")
        customer_anna.post(f"/batches/{file.pk}/sign/", code=bad_code(anna))
        file.refresh_from_db()
        assert (file.status, file.status_reason) == ("RJCT", "DS0A")

    def test_a_second_click_sends_no_second_code(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, table(anna))
        customer_anna.post(f"/batches/{file.pk}/code/")
        first = last_challenge(anna).pk
        customer_anna.post(f"/batches/{file.pk}/code/")
        assert last_challenge(anna).pk == first
        customer_anna.post(f"/batches/{file.pk}/code/", again="1")
        assert last_challenge(anna).pk != first


class TestTheDoor:
    @pytest.mark.parametrize("page", ["", "status/", "payments/", "sign/", "report/"])
    def test_nobody_sees_anothers_file(self, customer_anna: Visitor, bruno: PSU, page: str) -> None:
        file = receive_payment_file(psu=bruno, name="x", content=[table(bruno)], now=NOW)
        assert customer_anna.get(f"/batches/{file.pk}/{page}").status_code == 404

    @pytest.mark.parametrize("page", ["code/", "sign/", "cancel/"])
    def test_nobody_acts_on_anothers_file(self, customer_anna: Visitor, bruno: PSU, page: str) -> None:
        file = receive_payment_file(psu=bruno, name="x", content=[table(bruno)], now=NOW)
        assert customer_anna.post(f"/batches/{file.pk}/{page}", code="123456").status_code == 404

    def test_strangers_are_led_to_the_sign_in(self, visitor: Visitor) -> None:
        assert "/sign-in/" in visitor.get("/batches/").headers["Location"]

    def test_a_file_is_needed(self, customer_anna: Visitor) -> None:
        assert "Choose a file." in text_of(customer_anna.post("/batches/new/"))
        assert not PaymentFile.objects.exists()

    def test_an_empty_one_is_told_like_all_that_is_wrong(self, customer_anna: Visitor) -> None:
        file = checked(customer_anna, b"")
        assert [one["code"] for one in file.problems] == ["empty"]

    def test_a_gigabyte_is_refused_before_it_is_read(self, customer_anna: Visitor) -> None:
        class Unread(io.BytesIO):
            def read(self, *_args: object) -> bytes:
                raise AssertionError("the body was read")

        answer = customer_anna.http.generic(
            "POST",
            "/batches/new/",
            b"",
            content_type="multipart/form-data; boundary=x",
            CONTENT_LENGTH=str(1024**3),
            **{"wsgi.input": Unread()},
        )
        assert answer.status_code == 413
        assert "This is too large" in text_of(answer)
        assert not PaymentFile.objects.exists()

    @override_settings(WEB_BODY_MAX_BYTES=1000)
    def test_a_stranger_sends_no_large_body_and_no_other_page_takes_one(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        content = table(anna, *["1.00"] * 50)
        stranger = Client()
        large = {"file": SimpleUploadedFile("x", content)}
        assert stranger.post("/batches/new/", large).status_code == 413
        assert stranger.post("/sign-in/", {"user_id": "x" * 2000}).status_code == 413
        assert customer_anna.http.post("/pay/", {"x": "y" * 2000}).status_code == 413
        assert upload(customer_anna, content).status_code == 303

    def test_only_so_many_at_once(self, customer_anna: Visitor, anna: PSU) -> None:
        for number in range(5):
            upload(customer_anna, table(anna, f"{number + 1}.00"))
        assert "Wait until they are" in text_of(upload(customer_anna, table(anna, "9.00")))

    def test_a_name_is_only_somebodys_text(self, customer_anna: Visitor, anna: PSU) -> None:
        file = checked(customer_anna, table(anna), "a" * 200 + ".csv")
        assert len(file.file_name) == 100


class TestPayeeCheck:
    def test_a_business_switches_it_off_and_on(self, customer_anna: Visitor, anna: PSU) -> None:
        anna.account.owner_name = "Schneider Blumen e.K."
        anna.account.save()
        assert "Names are checked" in text_of(customer_anna.get("/batches/"))
        customer_anna.post("/batches/payee-check/", account=str(anna.account.pk), check="off")
        assert "Names are not checked" in text_of(customer_anna.get("/batches/"))
        file = checked(customer_anna, table(anna))
        assert "Names were not checked, as you wished" in text_of(customer_anna.get(f"/batches/{file.pk}/"))
        customer_anna.post(f"/batches/{file.pk}/code/")
        assert "Names are not checked" in text_of(customer_anna.get(f"/batches/{file.pk}/sign/"))
        customer_anna.post("/batches/payee-check/", account=str(anna.account.pk), check="on")
        assert not PayeeCheckOptOut.objects.exists()

    def test_a_consumer_is_not_asked_and_may_not(self, customer_anna: Visitor, anna: PSU) -> None:
        assert "Check of names" not in text_of(customer_anna.get("/batches/"))
        answer = customer_anna.post("/batches/payee-check/", account=str(anna.account.pk), check="off")
        assert answer.status_code == 403
        assert not PayeeCheckOptOut.objects.exists()


def test_the_length_that_a_call_tells_is_read_strictly() -> None:
    from apps.web.middleware import content_length

    for told, length in (("12", 12), ("", 0), ("-5", 0), ("1e9", 0), ("\u0661", 0)):
        request = RequestFactory().get("/")
        request.META["CONTENT_LENGTH"] = told
        assert content_length(request) == length
