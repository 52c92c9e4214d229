"""Other banks in the staff's pages: every transfer, cycle and difference, and the two things that may be done."""

import pytest
from django.db import transaction
from django.test import Client

from apps.audit.models import AuditEvent
from apps.bulk.models import PaymentItem
from apps.clearing.models import (
    ClearingDifference,
    ClearingInstruction,
    ClearingMessage,
    ClearingRecall,
    IncomingTransfer,
)
from apps.engine.execution import execute_payment
from apps.notifications.models import OutboxMessage
from apps.payments.rules import ChargeBearer, PaymentProduct
from tests.bulk.files import Group, pain001
from tests.bulk.world import executed, sent_back
from tests.factories.accounts import NOW
from tests.factories.clearing import instruction_of, write_out
from tests.factories.payments import authorised_payment
from tests.payments.test_products import TURKISH_BIC, TURKISH_IBAN
from tests.staff.clearing import compared_cycle, difference_of, settled_of
from tests.staff.world import signed_in

pytestmark = pytest.mark.django_db
REASON = "The other bank confirmed it by telephone"
FORM = {"reason": REASON, "is_confirmed": "on"}


@pytest.fixture
def staff(rita) -> Client:
    return signed_in(rita)


def text_of(staff: Client, url: str) -> str:
    response = staff.get(url)
    assert response.status_code == 200, url
    return response.content.decode()


def test_every_page_of_other_banks_shows_its_rows(world, staff):
    report = compared_cycle(world)
    instruction = settled_of(world)
    incoming = IncomingTransfer.objects.get()
    difference = ClearingDifference.objects.get(kind="amount")
    rows = {
        f"clearinginstruction/{instruction.pk}": "Möbelhaus Kern GmbH",
        f"incomingtransfer/{incoming.pk}": "Jürgen Groß",
        f"clearingreport/{report.pk}": "another amount",
        f"clearingdifference/{difference.pk}": instruction.transaction_id,
        **{f"clearingmessage/{message.pk}": message.message_id for message in ClearingMessage.objects.all()},
    }
    for path, words in rows.items():
        assert words in text_of(staff, f"/staff/clearing/{path}/"), path
        assert f"/staff/clearing/{path}/" in text_of(staff, f"/staff/clearing/{path.partition('/')[0]}/")


def test_a_difference_shows_both_amounts_and_counts_on_the_overview(world, staff):
    compared_cycle(world)
    difference = ClearingDifference.objects.get(kind="amount")
    page = text_of(staff, f"/staff/clearing/clearingdifference/{difference.pk}/")
    assert "€24.80" in page
    assert "€24.81" in page
    assert "Clearing differences" in text_of(staff, "/staff/")
    assert "?status__exact=open" in text_of(staff, "/staff/")


def test_solving_a_difference_keeps_who_and_why(world, staff, rita):
    difference = difference_of()
    url = f"/staff/clearing/clearingdifference/{difference.pk}/"
    assert "/solve/" in text_of(staff, url)
    response = staff.post(f"/staff/differences/{difference.pk}/solve/", FORM)
    assert (response.status_code, response["Location"]) == (303, url)
    difference.refresh_from_db()
    assert (difference.status, difference.solved_by, difference.note) == ("solved", rita.pk, REASON)
    page = text_of(staff, url)
    assert REASON in page
    assert "/solve/" not in page
    assert AuditEvent.objects.get(event="clearing.difference.solved").actor_id == str(rita.pk)


def test_a_solved_difference_is_not_solved_again(world, staff):
    difference = difference_of()
    for _ in range(2):
        response = staff.post(f"/staff/differences/{difference.pk}/solve/", FORM, follow=True)
    assert "the status has changed meanwhile" in response.content.decode()
    assert AuditEvent.objects.filter(event="clearing.difference.solved").count() == 1


def test_a_settled_transfer_is_recalled_once(world, staff, rita):
    instruction = settled_of(world)
    url = f"/staff/clearing/clearinginstruction/{instruction.pk}/"
    assert "/recall/" in text_of(staff, url)
    response = staff.post(f"/staff/transfers/{instruction.pk}/recall/", FORM | {"code": "FRAD"})
    assert response.status_code == 303
    recall = ClearingRecall.objects.get()
    assert (recall.instruction_id, recall.reason, recall.requested_by) == (instruction.pk, "FRAD", rita.pk)
    assert OutboxMessage.objects.get(topic="clearing.submit_recall").payload == {"recall_id": str(recall.pk)}
    assert "/recall/" not in text_of(staff, url)
    again = staff.post(f"/staff/transfers/{instruction.pk}/recall/", FORM | {"code": "FRAD"}, follow=True)
    assert "the status has changed meanwhile" in again.content.decode()
    assert ClearingRecall.objects.count() == 1


@pytest.mark.parametrize(
    "form", [FORM, FORM | {"code": "WHIM"}, {"code": "FRAD"}, {"code": "FRAD", "reason": REASON}]
)
def test_without_code_reason_and_confirmation_nothing_is_recalled(world, staff, form):
    instruction = settled_of(world)
    assert staff.post(f"/staff/transfers/{instruction.pk}/recall/", form).status_code == 422
    assert not ClearingRecall.objects.exists()


def test_what_does_not_exist_is_404(staff):
    nowhere = "00000000-0000-4000-8000-000000000000"
    assert staff.get(f"/staff/differences/{nowhere}/solve/").status_code == 404
    assert staff.get(f"/staff/transfers/{nowhere}/recall/").status_code == 404


def test_a_payment_of_a_file_is_recalled_like_any_other(world, staff, rita):
    file = executed(world.anna, pain001(Group(world.anna.account.iban)))
    item = PaymentItem.objects.get(batch__file=file)
    instruction = ClearingInstruction.objects.get(payment_id=item.pk)
    assert "/recall/" in text_of(staff, f"/staff/clearing/clearinginstruction/{instruction.pk}/")
    response = staff.post(f"/staff/transfers/{instruction.pk}/recall/", FORM | {"code": "DUPL"})
    assert response.status_code == 303
    sent_back(item, reason="FOCR")
    assert ClearingRecall.objects.get().status == "paid"
    page = text_of(staff, f"/staff/bulk/paymentitem/{item.pk}/")
    assert "FOCR" in page
    again = staff.post(f"/staff/transfers/{instruction.pk}/recall/", FORM | {"code": "DUPL"}, follow=True)
    assert "the status has changed meanwhile" in again.content.decode()


def test_a_transfer_abroad_shows_its_fee_its_bank_and_who_bears_the_charges(world, staff):
    payment = authorised_payment(
        world.anna,
        product=PaymentProduct.CROSS_BORDER_CREDIT_TRANSFERS,
        creditor_iban=TURKISH_IBAN,
        creditor_agent=TURKISH_BIC,
        charge_bearer=ChargeBearer.DEBT,
    )
    with transaction.atomic():
        execute_payment(payment_id=payment.pk, now=NOW)
    assert payment.fee_minor > 0
    fee = f"€{payment.fee_minor // 100}.{payment.fee_minor % 100:02d}"
    page = text_of(staff, f"/staff/payments/paymentinitiation/{payment.pk}/")
    assert [words in page for words in (TURKISH_BIC, "DEBT", "Fee", fee)] == [True] * 4
    page = text_of(staff, f"/staff/clearing/clearinginstruction/{instruction_of(payment).pk}/")
    assert [words in page for words in (TURKISH_BIC, "DEBT")] == [True] * 2


def test_an_ordinary_transfer_shows_no_bank_and_no_fee(world, staff):
    page = text_of(staff, f"/staff/payments/paymentinitiation/{world.released.pk}/")
    assert TURKISH_BIC not in page
    assert "SLEV" in page
    assert "€0.00" in page


def test_a_message_leads_to_every_transfer_in_it(world, staff):
    payments = [world.released, authorised_payment(world.anna, amount_minor=1_234)]
    for payment in payments:
        with transaction.atomic():
            execute_payment(payment_id=payment.pk, now=NOW)
    message = write_out(*payments)
    page = text_of(staff, f"/staff/clearing/clearingmessage/{message.pk}/")
    for payment in payments:
        assert f"/staff/clearing/clearinginstruction/{instruction_of(payment).pk}/" in page
