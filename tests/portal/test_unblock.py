"""A blocked sign-in opened again: by the customer's passkey, if that is not what failed; by two members of staff."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from apps.core import clock
from apps.identity.models import PSU, StaffProposal
from apps.identity.services import (
    OwnProposal,
    ProposalOver,
    ProposedAlready,
    confirm_act,
    decline_act,
)
from apps.notifications.models import OutboxMessage
from apps.sca.models import AuthenticationState, Passkey
from apps.sca.queries import get_sms_device, list_passkeys
from apps.sca.rules import ElementsAfterFreeze
from apps.sca.services import (
    EnrolmentOver,
    add_passkey,
    check_knowledge,
    freeze_sign_in,
    passkey_creation,
    propose_reopening,
    reopen_sign_in,
)
from tests.factories.four_eyes import colleague, reopened
from tests.factories.identity import PASSWORD
from tests.portal.kit import BankTime, Visitor, bad_code, text_of
from tests.portal.test_races import count
from tests.sca.device import Device
from tests.sca.keys import give_passkey, signed_enrolment


def guess_passwords(psu: PSU, times: int = 5) -> None:
    for _ in range(times):
        check_knowledge(username=psu.user.username, password="wrong", now=clock.now())


def state_of(psu: PSU) -> AuthenticationState:
    return AuthenticationState.objects.get(user=psu.user)


def is_open(psu: PSU) -> bool:
    return check_knowledge(username=psu.user.username, password=PASSWORD, now=clock.now()) is not None


def unblock(visitor: Visitor, device: Device, **bent: Any) -> str:
    """Where the answer of the device leads."""
    request = visitor.post("/unblock/begin/").json()
    return visitor.post("/unblock/answer/", answer=device.sign(request, **bent)).headers["Location"]


@pytest.fixture
def device(anna: PSU) -> Device:
    return give_passkey(anna)


def frozen(psu: PSU) -> None:
    freeze_sign_in(user_id=psu.user_id, actor_type="psu", actor_id=psu.pk, reason="lost", now=clock.now())


@pytest.mark.req("RTS-4(4)", "RTS-4(3)(b)", "N6")
class TestByAPasskey:
    def test_lifts_a_pause_that_passwords_caused_and_tells(
        self, visitor: Visitor, anna: PSU, device: Device
    ) -> None:
        guess_passwords(anna)
        assert not is_open(anna)
        assert "/unblock/" in text_of(visitor.get("/sign-in/"))
        assert visitor.get("/unblock/").status_code == 200
        assert unblock(visitor, device) == "/sign-in/"
        assert is_open(anna)
        assert state_of(anna).failed_elements == []
        assert (state_of(anna).block_level, count("sca.sign_in.unblocked")) == (0, 1)
        assert OutboxMessage.objects.filter(topic="sca.send_security_notice").count() == 1
        assert visitor.get("/home/").status_code == 303  # It opens no session.

    def test_lifts_one_that_only_the_bank_would_lift(
        self, visitor: Visitor, anna: PSU, device: Device
    ) -> None:
        AuthenticationState.objects.filter(user=anna.user).update(block_level=4)
        guess_passwords(anna)
        assert state_of(anna).blocked_for_good
        assert unblock(visitor, device) == "/sign-in/"
        assert is_open(anna)
        assert not state_of(anna).blocked_for_good

    def test_never_lifts_a_freeze(self, visitor: Visitor, anna: PSU, device: Device) -> None:
        frozen(anna)
        assert unblock(visitor, device) == "/unblock/"
        assert not is_open(anna)

    def test_is_no_way_out_for_the_passkey_that_failed(
        self, visitor: Visitor, anna: PSU, device: Device
    ) -> None:
        """Once with a false signature, and it is among what failed."""
        guess_passwords(anna)
        assert unblock(visitor, device, origin="https://attacker.example") == "/unblock/"
        assert "passkey" in state_of(anna).failed_elements
        assert unblock(visitor, device) == "/unblock/"
        assert not is_open(anna)

    def test_nor_where_nobody_knows_what_failed(self, visitor: Visitor, anna: PSU, device: Device) -> None:
        guess_passwords(anna)
        AuthenticationState.objects.filter(user=anna.user).update(failed_elements=["unsettled"])
        assert unblock(visitor, device) == "/unblock/"
        assert not is_open(anna)

    def test_of_another_opens_his_own_log_in_only(
        self, visitor: Visitor, anna: PSU, bruno: PSU, device: Device
    ) -> None:
        guess_passwords(anna)
        assert unblock(visitor, give_passkey(bruno)) == "/unblock/"
        assert not is_open(anna)

    def test_answer_to_a_sign_in_lifts_nothing(self, visitor: Visitor, anna: PSU, device: Device) -> None:
        request = visitor.post("/sign-in/passkey/begin/").json()
        guess_passwords(anna)
        visitor.post("/unblock/begin/")
        answer = device.sign(request)
        assert visitor.post("/unblock/answer/", answer=answer).headers["Location"] == "/unblock/"
        assert visitor.post("/unblock/answer/", answer=answer).headers["Location"] == "/unblock/"
        assert not is_open(anna)


@pytest.mark.req("RTS-4(4)")
def test_a_warning_stands_before_the_last_try(customer_anna: Visitor, anna: PSU) -> None:
    payment = customer_anna.begin_payment(anna)
    sign = f"/pay/{payment.pk}/sign/"
    for _ in range(4):
        assert "This is the last try" not in text_of(customer_anna.get(sign))
        customer_anna.post(sign, code=bad_code(anna))
    assert "This is the last try" in text_of(customer_anna.get(sign))
    customer_anna.post(sign, code=bad_code(anna))
    assert "/unblock/" in text_of(customer_anna.get(sign)) or not is_open(anna)


@pytest.mark.req("N7", "RTS-4(4)")
def test_the_warning_at_the_sign_in_says_the_same_of_a_decoy(visitor: Visitor, anna: PSU) -> None:
    visitor.send_password(anna.user.username, "wrong")
    for _ in range(4):
        visitor.post("/sign-in/code/", code="000000")
    assert "This is the last try with this code" in text_of(visitor.get("/sign-in/code/"))


@pytest.mark.req("RTS-4(4)")
class TestFourEyes:
    def test_nobody_confirms_what_he_proposed_whatever_his_rights(self, anna: PSU) -> None:
        guess_passwords(anna)
        rita = colleague("rita")
        rita.is_superuser = True
        rita.save()
        now = clock.now()
        proposal = propose_reopening(user=anna.user, staff_id=rita.pk, reason="seen", now=now)
        with pytest.raises(OwnProposal):
            reopen_sign_in(proposal_id=proposal.pk, staff_id=rita.pk, now=now)
        assert not is_open(anna)
        with pytest.raises(IntegrityError, match="staff_proposal_four_eyes"), transaction.atomic():
            StaffProposal.objects.filter(pk=proposal.pk).update(
                status="done", decided_by=rita, decided_at=now
            )

    def test_nothing_is_done_twice_or_late_or_after_a_no(self, anna: PSU, bank_time: BankTime) -> None:
        rita, sami = colleague("rita"), colleague("sami")
        guess_passwords(anna)
        first = propose_reopening(user=anna.user, staff_id=rita.pk, reason="seen", now=clock.now())
        with pytest.raises(ProposedAlready):
            propose_reopening(user=anna.user, staff_id=sami.pk, reason="seen", now=clock.now())
        decline_act(proposal_id=first.pk, reason="not him", staff_id=sami.pk, now=clock.now())
        with pytest.raises(ProposalOver):
            reopen_sign_in(proposal_id=first.pk, staff_id=sami.pk, now=clock.now())
        second = propose_reopening(user=anna.user, staff_id=rita.pk, reason="seen", now=clock.now())
        bank_time.pass_(hours=25)
        with pytest.raises(ProposalOver):
            reopen_sign_in(proposal_id=second.pk, staff_id=sami.pk, now=clock.now())
        third = propose_reopening(user=anna.user, staff_id=rita.pk, reason="seen", now=clock.now())
        reopen_sign_in(proposal_id=third.pk, staff_id=sami.pk, now=clock.now())
        with pytest.raises(ProposalOver), transaction.atomic():
            confirm_act(proposal_id=third.pk, act=third.act, staff_id=sami.pk, now=clock.now())

    def test_what_was_proposed_of_a_pause_lifts_no_freeze(self, anna: PSU) -> None:
        guess_passwords(anna)
        proposal = propose_reopening(
            user=anna.user, staff_id=colleague("rita").pk, reason="seen", now=clock.now()
        )
        frozen(anna)
        with pytest.raises(ProposalOver):
            reopen_sign_in(proposal_id=proposal.pk, staff_id=colleague("sami").pk, now=clock.now())
        assert state_of(anna).frozen_at is not None

    def test_who_has_left_proposed_nothing(self, anna: PSU) -> None:
        guess_passwords(anna)
        rita = colleague("rita")
        proposal = propose_reopening(user=anna.user, staff_id=rita.pk, reason="seen", now=clock.now())
        rita.is_active = False
        rita.save()
        with pytest.raises(ProposalOver):
            reopen_sign_in(proposal_id=proposal.pk, staff_id=colleague("sami").pk, now=clock.now())


@pytest.mark.req("P-70", "RTS-27")
class TestPasskeysInAFreeze:
    def test_are_suspended_and_come_back_when_the_customer_has_them(self, anna: PSU, device: Device) -> None:
        frozen(anna)
        assert list_passkeys(user_id=anna.user_id) == []
        assert Passkey.objects.get().suspended_at is not None
        reopened(anna.user, now=clock.now())
        assert len(list_passkeys(user_id=anna.user_id)) == 1

    def test_are_withdrawn_with_the_number_when_something_is_lost(self, anna: PSU, device: Device) -> None:
        frozen(anna)
        reopened(anna.user, elements=ElementsAfterFreeze.WITHDRAW, now=clock.now())
        assert list_passkeys(user_id=anna.user_id) == []
        assert Passkey.objects.get().withdrawn_because == "frozen"
        assert get_sms_device(user_id=anna.user_id) is None
        assert state_of(anna).frozen_at is None

    def test_sign_nothing_even_if_only_the_log_in_were_open(
        self, visitor: Visitor, anna: PSU, device: Device
    ) -> None:
        Passkey.objects.update(suspended_at=clock.now())
        request = visitor.post("/sign-in/passkey/begin/").json()
        answer = visitor.post("/sign-in/passkey/", answer=device.sign(request))
        assert answer.headers["Location"] == "/sign-in/"

    def test_none_is_made_meanwhile(self, anna: PSU) -> None:
        enrolment = signed_enrolment(anna, now=clock.now())
        made = Device().make(passkey_creation(enrolment=enrolment, psu=anna))
        frozen(anna)
        with pytest.raises(EnrolmentOver):
            add_passkey(enrolment_id=enrolment.pk, psu=anna, answer=made, now=clock.now())
        assert not Passkey.objects.exists()


@pytest.mark.django_db
def test_no_row_says_done_without_a_second_name(anna: PSU) -> None:
    proposal = propose_reopening(
        user=anna.user, staff_id=colleague("rita").pk, reason="seen", now=clock.now() - timedelta(hours=1)
    )
    with pytest.raises(IntegrityError, match="staff_proposal_four_eyes"), connection.cursor() as cursor:
        cursor.execute("UPDATE identity_staffproposal SET status = 'done' WHERE id = %s", [proposal.pk])
