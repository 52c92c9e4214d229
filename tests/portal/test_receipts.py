"""Receipts in the portal: for what was signed, to who may see it; read, printed, and checked away from the bank."""

import json
import re
from html import unescape
from uuid import uuid4

import pytest
from django.test import Client

from apps.audit.models import AuditEvent
from apps.bulk.models import PaymentFile
from apps.consents.models import Consent
from apps.core import clock
from apps.identity.models import PSU
from apps.payments.limit_models import PaymentLimitChange
from apps.payments.models import PaymentInitiation
from apps.payments.services import authorise_payment, send_payment_code
from apps.payments.standing_orders import execute_due_standing_orders
from apps.receipts.rules import ReceiptRefused, verify_receipt
from apps.tpp.models import App
from tests.factories.accounts import bank_accounts
from tests.factories.payments import proof_for
from tests.portal.kit import BankTime, Visitor, ask_payment, code_for, text_of
from tests.portal.test_apps import allow
from tests.portal.test_bulk import checked, table
from tests.portal.test_limits import HIGHER, ask
from tests.portal.test_standing_orders import order_of, running

pytestmark = [pytest.mark.django_db, pytest.mark.req("P-72", "RTS-29(1)")]


def keys() -> list[dict]:
    """As anybody fetches them, without a session."""
    answer = Client().get("/receipts/jwks")
    assert answer["Content-Type"] == "application/jwk-set+json"
    assert answer["Access-Control-Allow-Origin"] == "*"
    return answer.json()["keys"]


def signed_payment(visitor: Visitor, psu: PSU, **changes: str) -> PaymentInitiation:
    payment = visitor.begin_payment(psu, **changes)
    visitor.post(f"/pay/{payment.pk}/sign/", code=code_for(psu))
    return payment


def receipt(visitor: Visitor, path: str) -> dict:
    """The content of the signed receipt behind a page, checked with nothing but the published keys."""
    file = visitor.get(f"{path}json/")
    assert file.status_code == 200, text_of(file)
    assert file["Content-Type"] == "application/jose+json"
    return verify_receipt(file.content, keys=keys())


class TestAPayment:
    def test_from_its_page_to_a_receipt_that_anybody_can_check(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        payment = signed_payment(customer_anna, anna)
        path = f"/receipts/payment/{payment.pk}/"
        assert f'href="{path}"' in text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        page = unescape(text_of(customer_anna.get(path)))
        for shown in ("€25.00", "Möbelhaus Kern GmbH", "DE02 1203 0000 0000 2020 51", anna.full_name):
            assert shown in page, shown
        assert "something only the customer has" in page
        content = receipt(customer_anna, path)
        assert content["subject"]["id"] == str(payment.pk)
        assert content["signatures"][0]["snapshot_sha256"] in page
        pdf = customer_anna.get(f"{path}pdf/")
        assert pdf.content.startswith(b"%PDF-1.")
        assert f"receipt-payment-{str(payment.pk)[:8]}.pdf" in pdf["Content-Disposition"]

    def test_one_altered_digit_is_found(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = signed_payment(customer_anna, anna)
        document = customer_anna.get(f"/receipts/payment/{payment.pk}/json/").content
        parts = json.loads(document)
        place = len(parts["payload"]) // 2
        other = "A" if parts["payload"][place] != "A" else "B"
        altered = document.replace(
            parts["payload"].encode(),
            (parts["payload"][:place] + other + parts["payload"][place + 1 :]).encode(),
        )
        with pytest.raises(ReceiptRefused):
            verify_receipt(altered, keys=keys())

    def test_looking_issues_nothing_and_taking_away_is_recorded(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        payment = signed_payment(customer_anna, anna)
        customer_anna.get(f"/receipts/payment/{payment.pk}/")
        issued = AuditEvent.objects.filter(event="receipts.receipt.issued", object_id=str(payment.pk))
        assert not issued.exists()
        customer_anna.get(f"/receipts/payment/{payment.pk}/json/")
        customer_anna.get(f"/receipts/payment/{payment.pk}/pdf/")
        assert sorted(event.data["format"] for event in issued) == ["json", "pdf"]

    def test_none_before_it_was_signed(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        assert "/receipts/" not in text_of(customer_anna.get(f"/pay/{payment.pk}/"))
        for name in ("", "json/", "pdf/"):
            assert customer_anna.get(f"/receipts/payment/{payment.pk}/{name}").status_code == 404

    @pytest.mark.req("P-48")
    def test_the_page_has_reference_amount_fee_and_day(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = signed_payment(customer_anna, anna)
        page = unescape(text_of(customer_anna.get(f"/pay/{payment.pk}/")))
        for shown in (str(payment.pk), "€25.00", "€0.00", "Entered", "21 Nov 2026"):
            assert shown in page, shown

    def test_of_one_that_came_through_a_company(self, customer_anna: Visitor, anna: PSU, app: App) -> None:
        payment, authorisation = ask_payment(app, anna.account)
        path = f"/receipts/payment/{payment.pk}/"
        assert customer_anna.get(path).status_code == 404
        challenge_id = send_payment_code(
            payment_id=payment.pk, authorisation_id=authorisation.pk, psu=anna, now=clock.now()
        )
        authorise_payment(
            payment_id=payment.pk,
            authorisation_id=authorisation.pk,
            psu=anna,
            proof=proof_for(challenge_id, now=clock.now()),
            now=clock.now(),
        )
        assert app.tpp.legal_name in unescape(text_of(customer_anna.get(path)))
        assert receipt(customer_anna, path)["signatures"][0]["snapshot"]["tpp_name"] == app.tpp.legal_name

    def test_in_german(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = signed_payment(customer_anna, anna)
        anna.user.language = "de"
        anna.user.save()
        page = text_of(customer_anna.get(f"/receipts/payment/{payment.pk}/"))
        assert "25,00" in page
        assert "What was approved" not in page


class TestWhatElseIsSigned:
    def test_a_standing_order_and_the_payments_that_it_covers(
        self, customer_anna: Visitor, anna: PSU, bank_time: BankTime
    ) -> None:
        running(customer_anna, anna)
        order = order_of(anna)
        path = f"/receipts/standing-order/{order.pk}/"
        assert f'href="{path}"' in text_of(customer_anna.get(f"/pay/standing/{order.pk}/"))
        assert "every month" in text_of(customer_anna.get(path))
        assert receipt(customer_anna, path)["signatures"][0]["snapshot"]["frequency"] == "Monthly"
        bank_time.pass_(days=14)
        assert execute_due_standing_orders(now=bank_time.now()) == 1
        customer_anna.sign_in(anna)
        payment = PaymentInitiation.objects.get(standing_order=order)
        content = receipt(customer_anna, f"/receipts/payment/{payment.pk}/")
        assert content["subject"] == {"type": "payment", "id": str(payment.pk)}
        assert content["covered_by"] == {"type": "standing_order", "id": str(order.pk)}
        assert str(order.pk) in text_of(customer_anna.get(f"/receipts/payment/{payment.pk}/"))

    def test_a_file_of_payments(self, customer_anna: Visitor, anna: PSU) -> None:
        bank_accounts()
        file = checked(customer_anna, table(anna))
        customer_anna.post(f"/batches/{file.pk}/code/")
        customer_anna.post(f"/batches/{file.pk}/sign/", code=code_for(anna))
        path = f"/receipts/file/{file.pk}/"
        assert f'href="{path}"' in text_of(customer_anna.get(f"/batches/{file.pk}/"))
        content = receipt(customer_anna, path)
        digits = bytes(PaymentFile.objects.get().items_sha256).hex()
        assert content["signatures"][0]["snapshot"]["items_sha256"] == digits
        page = text_of(customer_anna.get(path))
        assert digits in page
        assert "€20.00" in page

    def test_a_consent(self, customer_anna: Visitor, anna: PSU, app: App) -> None:
        consent = allow(app, anna)
        path = f"/receipts/consent/{consent.pk}/"
        assert f'href="{path}"' in text_of(customer_anna.get("/apps/"))
        content = receipt(customer_anna, path)
        assert content["status"]["code"] == "valid"
        assert content["signatures"][0]["snapshot"]["tpp_name"] == app.tpp.legal_name
        assert app.tpp.legal_name in unescape(text_of(customer_anna.get(path)))
        Consent.objects.update(consent_status="revokedByPsu")
        assert receipt(customer_anna, path)["status"]["code"] == "revokedByPsu"

    @pytest.mark.req("P-97(1)(c)")
    def test_new_limits(self, customer_anna: Visitor, anna: PSU) -> None:
        assert "/receipts/" not in text_of(customer_anna.get("/security/limits/"))
        path = ask(customer_anna, HIGHER)
        change = PaymentLimitChange.objects.get()
        assert customer_anna.get(f"/receipts/limits/{change.pk}/").status_code == 404
        customer_anna.post(path, code=code_for(anna))
        receipt_path = f"/receipts/limits/{change.pk}/"
        assert f'href="{receipt_path}"' in text_of(customer_anna.get("/security/limits/"))
        assert "€15,000.00 instead of €10,000.00" in text_of(customer_anna.get(receipt_path))
        content = receipt(customer_anna, receipt_path)
        assert content["status"]["code"] == "applied"
        assert content["signatures"][0]["snapshot"]["new"]["per_payment"] == 1_500_000


class TestWhoGetsIn:
    def test_nobody_gets_anothers(self, customer_anna: Visitor, anna: PSU, bruno: PSU, app: App) -> None:
        payment = signed_payment(customer_anna, anna)
        consent = allow(app, anna)
        other = Visitor()
        other.sign_in(bruno)
        for subject in (f"payment/{payment.pk}", f"consent/{consent.pk}", f"payment/{uuid4()}"):
            for name in ("", "json/", "pdf/"):
                assert other.get(f"/receipts/{subject}/{name}").status_code == 404
        assert not AuditEvent.objects.filter(event="receipts.receipt.issued").exists()

    def test_missing_and_anothers_look_the_same(self, customer_anna: Visitor, anna: PSU, bruno: PSU) -> None:
        payment = signed_payment(customer_anna, anna)
        other = Visitor()
        other.sign_in(bruno)
        one = text_of(other.get(f"/receipts/payment/{payment.pk}/"))
        two = text_of(other.get(f"/receipts/payment/{uuid4()}/"))
        strip = re.compile(r'[0-9a-f]{8}-[0-9a-f-]{27}|value="[^"]+"|datetime="[^"]+"')
        assert strip.sub("", one) == strip.sub("", two)

    def test_strangers_are_led_to_the_sign_in_and_back(
        self, customer_anna: Visitor, anna: PSU, visitor: Visitor
    ) -> None:
        payment = signed_payment(customer_anna, anna)
        stranger = Visitor()
        answer = stranger.get(f"/receipts/payment/{payment.pk}/")
        assert answer.headers["Location"].startswith("/sign-in/?next=%2Freceipts%2Fpayment%2F")
        assert stranger.get(f"/receipts/payment/{payment.pk}/json/").headers["Location"] == "/sign-in/"

    @pytest.mark.parametrize("path", ["bulk/{}/", "payment/{}/xml/", "Payment/{}/"])
    def test_there_is_nothing_else(self, customer_anna: Visitor, anna: PSU, path: str) -> None:
        payment = signed_payment(customer_anna, anna)
        assert customer_anna.get(f"/receipts/{path.format(payment.pk)}").status_code == 404

    def test_only_so_many_in_a_short_time(
        self, customer_anna: Visitor, anna: PSU, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("apps.portal.views.receipts._FILES_MAX", 2)
        payment = signed_payment(customer_anna, anna)
        path = f"/receipts/payment/{payment.pk}/json/"
        assert [customer_anna.get(path).status_code for _ in range(3)] == [200, 200, 429]

    def test_when_something_is_not_in_order_none_is_given(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = signed_payment(customer_anna, anna)
        from apps.sca.models import Challenge

        Challenge.objects.filter(purpose="payment").update(snapshot={"purpose": "payment"})
        assert customer_anna.get(f"/receipts/payment/{payment.pk}/json/").status_code == 503


def test_no_key_is_published_before_the_first_receipt_and_never_a_private_one(
    customer_anna: Visitor, anna: PSU
) -> None:
    assert keys() == []
    payment = signed_payment(customer_anna, anna)
    customer_anna.get(f"/receipts/payment/{payment.pk}/json/")
    (key,) = keys()
    assert sorted(key) == ["alg", "crv", "iat", "kid", "kty", "use", "x", "y"]
    others = Client().get("/oauth/jwks").json()["keys"]
    assert key["kid"] not in {one["kid"] for one in others}
