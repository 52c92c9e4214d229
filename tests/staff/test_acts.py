"""What staff may do, and that it takes effect at once."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from apps.accounts.models import PaymentAccount
from apps.audit.models import AuditEvent
from apps.consents.models import Consent
from apps.consents.services import ConsentNotValid, check_consent_usable
from apps.core.errors import NotFound
from apps.identity.models import StaffProposal, User
from apps.notifications.models import OutboxMessage
from apps.sca.models import AuthenticationState, HardwareToken, ReactivationCode, SigningDevice
from apps.sca.services import check_knowledge, recompute_activation_code
from apps.tpp.queries import get_active_app
from tests.factories.accounts import NOW, account_of_several, customer
from tests.factories.identity import PASSWORD as CUSTOMER_PASSWORD
from tests.sca.tokens import give_token, stock
from tests.staff.world import World, member_of_staff, signed_in

pytestmark = pytest.mark.django_db
REASON = "Fraudulent access reported by three customers"
FORM = {"reason": REASON, "is_confirmed": "on"}


@pytest.fixture
def staff(rita) -> Client:
    return signed_in(rita)


@pytest.fixture
def sami(rita) -> User:
    """The second pair of eyes."""
    return member_of_staff("sami", phone="+4917139200012")


def confirm_last(user: User) -> HttpResponse:
    """What waits is looked at and confirmed."""
    proposal = StaffProposal.objects.latest("proposed_at")
    client, page = signed_in(user), f"/staff/proposals/{proposal.pk}/confirm/"
    assert proposal.reason in client.get(page).content.decode()
    return client.post(page, {"is_confirmed": "on"})


def event(name: str) -> AuditEvent:
    return AuditEvent.objects.get(event=name)


def test_the_page_tells_whom_a_block_hits(world, staff):
    page = staff.get(f"/staff/tpps/{world.app.tpp_id}/block/").content.decode()
    assert "1 live consent can no longer be used" in page
    assert "1 payment is not finished" in page


@pytest.mark.req("S0-20")
def test_a_blocked_tpp_has_no_access_from_now_on(world, staff, rita):
    assert get_active_app(client_id=world.app.client_id)
    response = staff.post(f"/staff/tpps/{world.app.tpp_id}/block/", FORM)
    assert response.status_code == 303
    assert response["Location"] == f"/staff/tpp/tpp/{world.app.tpp_id}/"
    with pytest.raises(NotFound):
        get_active_app(client_id=world.app.client_id)
    told = event("tpp.tpp.blocked")
    assert (told.actor_type, told.actor_id, told.data) == ("staff", str(rita.pk), {"reason": REASON})
    page = staff.get(response["Location"]).content.decode()
    assert REASON in page
    assert "/unblock/" in page
    assert f"/{world.app.tpp_id}/block/" not in page


def test_unblocking_lets_it_in_again(world, staff):
    staff.post(f"/staff/tpps/{world.app.tpp_id}/block/", FORM)
    assert REASON in staff.get(f"/staff/tpps/{world.app.tpp_id}/unblock/").content.decode()
    staff.post(f"/staff/tpps/{world.app.tpp_id}/unblock/", {"reason": "All is clear", "is_confirmed": "on"})
    assert get_active_app(client_id=world.app.client_id)
    assert event("tpp.tpp.unblocked").data == {"reason": "All is clear"}


def test_suspending_an_app_and_resuming_it(world, staff):
    staff.post(f"/staff/apps/{world.app.pk}/suspend/", FORM)
    with pytest.raises(NotFound):
        get_active_app(client_id=world.app.client_id)
    staff.post(f"/staff/apps/{world.app.pk}/resume/", FORM)
    assert get_active_app(client_id=world.app.client_id)


def test_a_revoked_consent_is_of_no_use_and_its_story_says_who_and_why(world, staff, rita):
    url = f"/staff/consents/consent/{world.consent.pk}/"
    assert "/revoke/" in staff.get(url).content.decode()
    staff.post(f"/staff/consents/{world.consent.pk}/revoke/", FORM)
    consent = Consent.objects.get(pk=world.consent.pk)
    assert consent.consent_status == "revokedByPsu"
    with pytest.raises(ConsentNotValid):
        check_consent_usable(consent=consent, now=NOW)
    page = staff.get(url).content.decode()
    assert "consents.consent.revokedByPsu" in page
    assert REASON in page
    assert "Rita Vogel" in page
    assert "/revoke/" not in page


@pytest.mark.req("RTS-4(4)")
def test_a_paused_customer_gets_in_again_when_two_want_it(world, staff, rita, sami):
    anna, now = world.anna, datetime.now(UTC)
    for _ in range(5):
        check_knowledge(username=anna.user.username, password="wrong", now=now)
    assert check_knowledge(username=anna.user.username, password=CUSTOMER_PASSWORD, now=now) is None
    page = staff.get(f"/staff/identity/psu/{anna.pk}/").content.decode()
    assert "paused" in page
    proposed = {"reason": "Identified by phone", "is_confirmed": "on"}
    staff.post(f"/staff/customers/{anna.pk}/reopen/", proposed)
    assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None
    confirm_last(sami)
    assert AuthenticationState.objects.get(user=anna.user).blocked_until is None
    assert check_knowledge(username=anna.user.username, password=CUSTOMER_PASSWORD, now=now) is not None
    told = event("sca.sign_in.reopened")
    assert told.data["reason"] == "Identified by phone"
    assert (told.data["proposed_by"], told.actor_id) == (str(rita.pk), str(sami.pk))
    assert OutboxMessage.objects.filter(topic="sca.send_security_notice").count() == 1


@pytest.mark.req("P-70")
def test_a_customer_on_the_phone_is_frozen_and_opened_again(world, staff, sami):
    anna, now = world.anna, datetime.now(UTC)
    page = f"/staff/identity/psu/{anna.pk}/"
    assert "/freeze/" in staff.get(page).content.decode()
    staff.post(f"/staff/customers/{anna.pk}/freeze/", FORM)
    world.consent.refresh_from_db()
    assert world.consent.consent_status == "revokedByPsu"
    assert check_knowledge(username=anna.user.username, password=CUSTOMER_PASSWORD, now=now) is None
    text = staff.get(page).content.decode()
    assert "frozen" in text
    assert f"/staff/customers/{anna.pk}/freeze/" not in text
    assert event("sca.sign_in.frozen").actor_type == "staff"
    assert "frozen" in staff.get("/staff/").content.decode()
    assert staff.post(f"/staff/customers/{anna.pk}/reopen/", FORM).status_code == 422  # What of the elements?
    staff.post(f"/staff/customers/{anna.pk}/reopen/", {**FORM, "elements": "restore"})
    confirm_last(sami)
    assert check_knowledge(username=anna.user.username, password=CUSTOMER_PASSWORD, now=now) is not None
    world.consent.refresh_from_db()
    assert world.consent.consent_status == "revokedByPsu"


@pytest.mark.req("RTS-24", "RTS-25", "S0-6")
def test_an_activation_code_takes_two_and_is_seen_by_none(world, staff, sami):
    page = f"/staff/customers/{world.anna.pk}/activate/"
    assert staff.post(page, {**FORM, "delivery": "pigeon"}).status_code == 422
    staff.post(page, {**FORM, "delivery": "branch"})
    assert not ReactivationCode.objects.exists()
    own = StaffProposal.objects.get()
    staff.post(f"/staff/proposals/{own.pk}/confirm/", {"is_confirmed": "on"})
    assert not ReactivationCode.objects.exists()
    assert confirm_last(sami).status_code == 303
    code = recompute_activation_code(code=ReactivationCode.objects.get())
    for looked_at in (f"/staff/identity/staffproposal/{own.pk}/", f"/staff/identity/psu/{world.anna.pk}/"):
        assert code not in staff.get(looked_at).content.decode()
    assert event("sca.activation_code.issued").actor_id == str(sami.pk)


def test_what_is_declined_is_not_done(world, staff, sami):
    staff.post(f"/staff/customers/{world.anna.pk}/activate/", {**FORM, "delivery": "post"})
    own = StaffProposal.objects.get()
    staff.post(f"/staff/proposals/{own.pk}/decline/", FORM)
    assert StaffProposal.objects.get().status == "declined"
    confirm_last(sami)
    assert not ReactivationCode.objects.exists()


@pytest.mark.parametrize(
    "form",
    [
        {},
        {"reason": REASON},
        {"reason": "", "is_confirmed": "on"},
        {"reason": "1234", "is_confirmed": "on"},
        {"reason": "x" * 301, "is_confirmed": "on"},
        {"reason": "turned \u202e around", "is_confirmed": "on"},
        {"reason": "zero\u200bwidth text", "is_confirmed": "on"},
        {"reason": "with a \x00 in it", "is_confirmed": "on"},
    ],
)
def test_without_a_good_reason_and_a_confirmation_nothing_happens(world, staff, form):
    response = staff.post(f"/staff/tpps/{world.app.tpp_id}/block/", form)
    assert response.status_code == 422
    assert "Please check your entries" in response.content.decode()
    assert get_active_app(client_id=world.app.client_id)


def test_looking_at_the_page_changes_nothing(world, staff):
    for method in (staff.get, staff.head):
        assert method(f"/staff/tpps/{world.app.tpp_id}/block/?reason=x&is_confirmed=on").status_code == 200
    assert get_active_app(client_id=world.app.client_id)


def test_an_act_needs_its_token(world, rita):
    client = signed_in(rita)
    client.handler.enforce_csrf_checks = True
    assert client.post(f"/staff/tpps/{world.app.tpp_id}/block/", FORM).status_code == 403
    assert get_active_app(client_id=world.app.client_id)


@pytest.mark.parametrize(
    "kind",
    ["tpps/{}/block", "apps/{}/suspend", "consents/{}/revoke", "customers/{}/reopen", "customers/{}/freeze"],
)
def test_an_act_on_what_does_not_exist_is_missing(staff, kind):
    unknown = "00000000-0000-4000-8000-000000000000"
    for name in (unknown, "not-an-id", "1' OR 1=1"):
        assert staff.post(f"/staff/{kind.format(name)}/", FORM).status_code == 404


def test_blocking_twice_keeps_the_first_reason(world, staff):
    staff.post(f"/staff/tpps/{world.app.tpp_id}/block/", FORM)
    staff.post(f"/staff/tpps/{world.app.tpp_id}/block/", {"reason": "Another one", "is_confirmed": "on"})
    assert AuditEvent.objects.filter(event="tpp.tpp.blocked").count() == 1


def test_a_dead_message_is_tried_again_and_a_living_one_is_left_alone(world, staff):
    dead, living = OutboxMessage.objects.order_by("created_at")[:2]
    OutboxMessage.objects.filter(pk=dead.pk).update(status="dead", attempts=8)
    assert (
        f"/staff/outbox/{dead.pk}/replay/"
        in staff.get(f"/staff/notifications/outboxmessage/{dead.pk}/").content.decode()
    )
    staff.post(f"/staff/outbox/{dead.pk}/replay/")
    staff.post(f"/staff/outbox/{living.pk}/replay/")
    dead.refresh_from_db()
    assert (dead.status, dead.attempts) == ("pending", 0)
    replayed = AuditEvent.objects.filter(event="notifications.message.replayed")
    assert [told.object_id for told in replayed] == [str(dead.pk)]


def test_all_dead_messages_at_once(world, staff):
    OutboxMessage.objects.update(status="dead")
    staff.post("/staff/outbox/replay/")
    assert not OutboxMessage.objects.filter(status="dead").exists()
    assert staff.get("/staff/outbox/replay/").status_code == 405


def test_the_trail_is_verified_when_asked(world, staff):
    assert "intact" not in staff.get("/staff/trail/verify/").content.decode()
    assert "The trail is intact" in staff.post("/staff/trail/verify/").content.decode()


def test_a_broken_trail_is_told(world, staff):
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_auditevent DISABLE TRIGGER audit_event_append_only")
        cursor.execute(
            "UPDATE audit_auditevent SET actor_id = 'x' WHERE id = (SELECT min(id) FROM audit_auditevent)"
        )
        cursor.execute("ALTER TABLE audit_auditevent ENABLE TRIGGER audit_event_append_only")
    page = staff.post("/staff/trail/verify/").content.decode()
    assert "The trail was tampered with" in page
    assert "content changed" in page


def test_the_story_of_an_object(world, staff):
    page = staff.get(f"/staff/trail/consent/{world.consent.pk}/").content.decode()
    assert page.index("consents.consent.received") < page.index("consents.consent.valid")
    assert staff.get("/staff/trail/consent/nothing/").status_code == 404


def test_the_overview_counts(world, staff):
    staff.post(f"/staff/tpps/{world.app.tpp_id}/block/", FORM)
    page = staff.get("/staff/").content.decode()
    assert "1 blocked" in page
    assert "tpp.tpp.blocked" in page


class TestHowAHolderSigns:
    @pytest.fixture
    def account(self, world) -> PaymentAccount:
        return account_of_several(world.anna, customer("Dora", phone="+4915100000005"), signs="alone")

    def test_is_changed_one_after_the_other_and_back(self, account, staff, rita):
        page = f"/staff/accounts/paymentaccount/{account.pk}/"
        for holder in account.holders.order_by("pk"):
            act = f"/staff/holders/{holder.pk}/signing/"
            assert act in staff.get(page).content.decode()
            assert "only when another holder signs it" in staff.get(act).content.decode()
            assert staff.post(act, FORM)["Location"] == page
        assert set(account.holders.values_list("signs", flat=True)) == {"jointly"}
        first, _second = AuditEvent.objects.filter(event="accounts.holder.signing_changed").order_by("pk")
        assert (first.actor_type, first.actor_id) == ("staff", str(rita.pk))
        assert first.data == {
            "customer": str(account.holders.order_by("pk").first().psu_id),
            "before": "alone",
            "signs": "jointly",
            "reason": REASON,
        }
        staff.post(f"/staff/holders/{account.holders.order_by('pk').first().pk}/signing/", FORM)
        assert sorted(account.holders.values_list("signs", flat=True)) == ["alone", "jointly"]

    def test_is_not_changed_if_nobody_could_sign_afterwards(self, world, staff):
        holder = world.anna.account.holders.get()
        page = f"/staff/accounts/paymentaccount/{world.anna.account.pk}/"
        assert "/signing/" not in staff.get(page).content.decode()
        staff.post(f"/staff/holders/{holder.pk}/signing/", FORM)
        assert "nobody could pay from this account any more" in staff.get(page).content.decode()
        holder.refresh_from_db()
        assert holder.signs == "alone"

    def test_who_may_not_pay_does_not_count(self, account, staff):
        first, second = account.holders.order_by("pk")
        type(second).objects.filter(pk=second.pk).update(may_pay=False)
        staff.post(f"/staff/holders/{first.pk}/signing/", FORM)
        first.refresh_from_db()
        assert first.signs == "alone"

    def test_nobody_of_that_number(self, staff):
        assert staff.get("/staff/holders/999999/signing/").status_code == 404


@pytest.mark.req("RTS-24(1)", "RTS-25(2)(a)")
class TestHandingOutAToken:
    @pytest.fixture
    def row(self, world: World) -> HardwareToken:
        return HardwareToken.objects.get(serial_number=stock().serial_number)

    def test_only_that_customer_can_bind_it(self, world, staff, row):
        page = staff.get(f"/staff/sca/hardwaretoken/{row.pk}/").content.decode()
        assert "Hand out" in page
        act = f"/staff/tokens/{row.pk}/hand-out/"
        done = staff.post(act, FORM | {"user_id": f" {world.anna.user.username.upper()} "}, follow=True)
        assert "It is noted whose the token is." in done.content.decode()
        row.refresh_from_db()
        assert row.holder_id == world.anna.user_id
        assert row.handed_out_at is not None
        assert event("sca.token.handed_out").data["reason"] == REASON
        notices = [
            message.payload
            for message in OutboxMessage.objects.filter(topic="sca.send_security_notice")
            if message.payload["what"] == "token_handed_out"
        ]
        assert [notice["user_id"] for notice in notices] == [str(world.anna.user_id)]
        assert "Hand out" not in staff.get(f"/staff/sca/hardwaretoken/{row.pk}/").content.decode()
        # To nobody else, and for the same customer nothing happens twice.
        boris = customer("Boris")
        refused = staff.post(act, FORM | {"user_id": boris.user.username}, follow=True)
        assert "A token serves one customer." in refused.content.decode()
        staff.post(act, FORM | {"user_id": world.anna.user.username})
        row.refresh_from_db()
        assert row.holder_id == world.anna.user_id
        assert AuditEvent.objects.filter(event="sca.token.handed_out").count() == 1

    def test_not_one_that_is_out_of_use(self, world, staff, row):
        staff.post(f"/staff/tokens/{row.pk}/revoke/", FORM | {"fault": "returned"})
        refused = staff.post(
            f"/staff/tokens/{row.pk}/hand-out/", FORM | {"user_id": world.anna.user.username}, follow=True
        )
        assert "it is out of use" in refused.content.decode()
        row.refresh_from_db()
        assert (row.holder_id, row.revoked_because) == (None, "returned")

    @pytest.mark.parametrize("user_id", ["nobody", "rita", "", "x" * 151, "null\0byte"])
    def test_not_to_who_is_no_customer(self, staff, row, user_id):
        answer = staff.post(f"/staff/tokens/{row.pk}/hand-out/", FORM | {"user_id": user_id})
        assert answer.status_code == 422
        row.refresh_from_db()
        assert row.holder_id is None

    def test_no_token_of_that_number(self, staff):
        assert staff.get(f"/staff/tokens/{uuid4()}/hand-out/").status_code == 404


@pytest.mark.req("RTS-27")
def test_a_lost_token_is_taken_out_of_use(world, staff):
    token = give_token(world.anna)
    row = HardwareToken.objects.get(serial_number=token.serial_number)
    page = staff.get(f"/staff/sca/hardwaretoken/{row.pk}/").content.decode()
    assert token.serial_number in page
    assert row.token_key not in page
    assert "Take out of use" in page
    act = f"/staff/tokens/{row.pk}/revoke/"
    assert staff.post(act, FORM).status_code == 422  # It says not what happened.
    staff.post(act, FORM | {"fault": "lost"})
    row.refresh_from_db()
    assert row.revoked_because == "lost"
    assert event("sca.token.revoked").data["reason"] == REASON
    assert not SigningDevice.objects.filter(user=world.anna.user, confirmed=True).exists()
