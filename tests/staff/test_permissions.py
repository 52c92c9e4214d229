"""Who may see and do what: strangers, customers, members of TPPs, staff by role, superusers."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import NoReverseMatch, reverse

from apps.core import clock
from apps.core.read_only_admin import ReadOnlyAdmin
from apps.fraud.models import FraudReport
from apps.identity.models import PSU, StaffProposal, User
from apps.identity.queries import get_open_proposal
from apps.identity.rules import STAFF_PERMISSIONS, StaffAct, StaffRole
from apps.identity.services import provision_staff_roles
from apps.notifications.models import OutboxMessage
from apps.sca.models import HardwareToken
from apps.sca.services import add_token, propose_reopening
from apps.tpp.models import TPP
from tests.factories.four_eyes import colleague
from tests.factories.fraud import booked_payment, reported
from tests.factories.risk import case_of, listed_element
from tests.staff.clearing import difference_of, settled_of
from tests.staff.world import World, member_of_staff, signed_in, superuser

pytestmark = pytest.mark.django_db

LISTS = [
    f"/staff/{model._meta.app_label}/{model._meta.model_name}/"
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label)
]
CLEARING = (
    *("clearing/clearinginstruction", "clearing/incomingtransfer", "clearing/clearingreport"),
    *("clearing/clearingdifference", "clearing/clearingrecall", "clearing/clearingmessage"),
)
RISK = ("risk/riskcase", "risk/riskassessment", "risk/riskrule", "risk/compromisedelement")
VISIBLE = {
    StaffRole.OPEN_BANKING: {
        *("tpp/tpp", "tpp/app", "tpp/appkey", "consents/consent", "payments/paymentinitiation")
    },
    StaffRole.CUSTOMER_SERVICE: {
        *("tpp/tpp", "tpp/app", "tpp/appkey", "consents/consent", "payments/paymentinitiation"),
        *("identity/psu", "accounts/paymentaccount", "payments/paymentlimits", "payments/standingorder"),
        *("identity/staffproposal", "sca/hardwaretoken"),
        *("payments/trustedpayee", "payments/paymentexemption"),
        "fraud/fraudreport",
        *("pricing/charge", "pricing/price", "pricing/interestterms"),
        *("bulk/paymentfile", "bulk/paymentbatch", "bulk/paymentitem"),
    },
    StaffRole.OPERATIONS: {
        *CLEARING,
        *("ledger/ledgeraccount", "notifications/outboxmessage"),
        "payments/paymentinitiation",
        *("pricing/charge", "pricing/price", "pricing/interestterms"),
    },
    StaffRole.AUDIT: {
        *("tpp/tpp", "tpp/app", "tpp/appkey", "consents/consent", "payments/paymentinitiation"),
        *("identity/psu", "accounts/paymentaccount", "identity/user", "audit/auditevent"),
        *("identity/staffproposal", "sca/hardwaretoken"),
        *("payments/paymentlimits", "payments/standingorder"),
        *("payments/trustedpayee", "payments/paymentexemption"),
        *("bulk/paymentfile", "bulk/paymentbatch", "bulk/paymentitem"),
        *CLEARING,
        *("ledger/ledgeraccount", "notifications/outboxmessage"),
        *("screening/screeninghit", "screening/screeningrun", "screening/sanctionslist"),
        *("pricing/charge", "pricing/price", "pricing/interestterms"),
        *RISK,
        "fraud/fraudreport",
    },
    StaffRole.COMPLIANCE: {
        *("identity/psu", "accounts/paymentaccount", "payments/paymentinitiation"),
        *RISK,
        "fraud/fraudreport",
        *("screening/screeninghit", "screening/screeningrun", "screening/sanctionslist"),
    },
}


def proposal_of(psu: PSU) -> StaffProposal:
    """What a colleague wants confirmed, once."""
    now = clock.now()
    return get_open_proposal(
        act=StaffAct.REOPEN_SIGN_IN, object_id=psu.user_id, now=now
    ) or propose_reopening(user=psu.user, staff_id=colleague("sami").pk, reason="seen at the branch", now=now)


def act_urls(world: World) -> dict[str, str]:
    """The pages of the acts, with the permission each needs."""
    message = OutboxMessage.objects.first()
    assert message is not None
    return {
        f"/staff/tpps/{world.app.tpp_id}/block/": "tpp.change_tpp",
        f"/staff/tpps/{world.app.tpp_id}/unblock/": "tpp.change_tpp",
        f"/staff/apps/{world.app.pk}/suspend/": "tpp.change_app",
        f"/staff/apps/{world.app.pk}/resume/": "tpp.change_app",
        f"/staff/consents/{world.consent.pk}/revoke/": "consents.change_consent",
        f"/staff/customers/{world.anna.pk}/reopen/": "sca.change_authenticationstate",
        f"/staff/customers/{world.anna.pk}/freeze/": "sca.change_authenticationstate",
        f"/staff/customers/{world.anna.pk}/activate/": "sca.change_authenticationstate",
        f"/staff/users/{world.anna.user_id}/reopen/": "sca.change_authenticationstate",
        f"/staff/tokens/{stocked_token().pk}/hand-out/": "sca.change_hardwaretoken",
        f"/staff/tokens/{stocked_token().pk}/revoke/": "sca.change_hardwaretoken",
        f"/staff/proposals/{proposal_of(world.anna).pk}/confirm/": "sca.change_authenticationstate",
        f"/staff/proposals/{proposal_of(world.anna).pk}/decline/": "sca.change_authenticationstate",
        f"/staff/outbox/{message.pk}/replay/": "notifications.change_outboxmessage",
        f"/staff/holders/{world.anna.account.holders.get().pk}/signing/": "accounts.change_accountholder",
        f"/staff/accounts/{world.anna.account.pk}/fees/": "pricing.view_charge",
        f"/staff/accounts/{world.anna.account.pk}/fees/file/?year=2026&format=pdf": "pricing.view_charge",
        f"/staff/screening/{world.hit.pk}/clear/": "screening.change_screeninghit",
        f"/staff/screening/{world.hit.pk}/confirm/": "screening.change_screeninghit",
        f"/staff/risk/cases/{case_of(world.waiting).pk}/close/": "risk.change_riskcase",
        "/staff/risk/elements/list/": "risk.change_compromisedelement",
        f"/staff/risk/elements/{listed_element().pk}/remove/": "risk.change_compromisedelement",
        f"/staff/payments/{world.released.pk}/report/": "fraud.add_fraudreport",
        f"/staff/fraud/reports/{report_of(world).pk}/decide/": "fraud.change_fraudreport",
        "/staff/fraud/rates/": "fraud.view_fraudreport",
        "/staff/fraud/bands/10000/2026/3/told/": "fraud.change_authoritynotice",
        "/staff/fraud/bands/10000/restore/": "fraud.change_authoritynotice",
        "/staff/outbox/replay/": "notifications.change_outboxmessage",
        f"/staff/differences/{difference_of().pk}/solve/": "clearing.change_clearingdifference",
        f"/staff/transfers/{settled_of(world).pk}/recall/": "clearing.change_clearinginstruction",
        "/staff/trail/verify/": "audit.view_auditevent",
        f"/staff/trail/consent/{world.consent.pk}/": "audit.view_auditevent",
    }


def report_of(world: World) -> FraudReport:
    """A report about a payment of the customer's that has gone out; the same each time."""
    found = FraudReport.objects.first()
    return found or reported(booked_payment(world.anna))


def stocked_token() -> HardwareToken:
    """A token that nobody has yet; the same each time."""
    found = HardwareToken.objects.first()
    return found or add_token(serial_number="4711000001", token_key=bytes(32), now=clock.now())


def test_the_matrix_knows_every_act(world):
    """A new act must be given its row above."""
    from apps.staff.urls import act_patterns

    assert len(act_patterns(lambda view: view)) == len(act_urls(world))


@pytest.mark.parametrize("who", ["stranger", "customer", "member", "password only"])
def test_nobody_else_sees_anything(world, rita, who):
    client = Client()
    if who == "customer":
        client = signed_in(world.anna.user)
    elif who == "member":
        client.force_login(User.objects.create_user("fiona"))
    elif who == "password only":
        client = signed_in(rita, verified=False)
    pages = [
        "/staff/",
        *LISTS,
        *act_urls(world),
        f"/staff/tpp/tpp/{world.app.tpp_id}/",
        "/staff/anything/else/",
    ]
    for page in pages:
        response = client.get(page)
        if response.status_code == 405:  # Acts without a page: they take a POST only, from nobody here.
            response = client.post(page)
        assert response.status_code == 302, page
        assert response["Location"].startswith("/staff/login/"), page
    for page, _permission in act_urls(world).items():
        assert client.post(page, {"reason": "because", "is_confirmed": "on"}).status_code in (302, 405)
    assert TPP.objects.get(pk=world.app.tpp_id).status == "active"


@pytest.mark.parametrize("role", list(StaffRole))
def test_each_role_sees_its_lists_and_no_other(world, role):
    client = signed_in(member_of_staff("someone", roles=(role,)))
    menu = client.get("/staff/").content.decode()
    for page in LISTS:
        name = page.removeprefix("/staff/").strip("/")
        expected = 200 if name in VISIBLE[role] else 403
        assert client.get(page).status_code == expected, (role, page)
        if name != "tpp/appkey":
            assert (f'href="{page}"' in menu) == (expected == 200), (role, page)


@pytest.mark.parametrize("role", list(StaffRole))
def test_each_role_may_do_its_acts_and_no_other(world, role):
    client = signed_in(member_of_staff("someone", roles=(role,)))
    for page, permission in act_urls(world).items():
        allowed = permission in STAFF_PERMISSIONS[role]
        response = client.get(page)
        if response.status_code == 405:
            response = client.post(page)
        assert (response.status_code != 403) == allowed, (role, page, response.status_code)


def test_staff_without_a_role_see_the_overview_only(world):
    client = signed_in(member_of_staff("novice", roles=()))
    page = client.get("/staff/")
    assert page.status_code == 200
    assert "Security events" not in page.content.decode()
    assert {client.get(url).status_code for url in LISTS} == {403}


@pytest.mark.parametrize("make", [superuser, lambda: member_of_staff("rita")])
def test_nobody_adds_edits_or_deletes_by_hand(world, make):
    client = signed_in(make())
    rows = {
        "tpp/tpp": world.app.tpp_id,
        "tpp/app": world.app.pk,
        "consents/consent": world.consent.pk,
        "payments/paymentinitiation": world.waiting.pk,
        "identity/psu": world.anna.pk,
        "identity/user": world.anna.user_id,
        "accounts/paymentaccount": world.anna.account.pk,
    }
    for name, pk in rows.items():
        page = f"/staff/{name}/{pk}/"
        assert client.get(page).status_code == 200
        for tail in ("change/", "delete/", "history/", "password/"):
            assert client.get(page + tail).status_code == 404, page + tail
        assert client.get(f"/staff/{name}/add/").status_code == 404
        for method in (client.post, client.put, client.patch, client.delete):
            assert method(page).status_code == 405
            assert method(f"/staff/{name}/").status_code == 405
    action = {"action": "delete_selected", "_selected_action": [str(world.app.pk)], "post": "yes"}
    assert client.post("/staff/tpp/app/", action).status_code == 405


def test_every_page_of_the_site_is_for_reading_only():
    assert admin.site._registry
    assert all(isinstance(page, ReadOnlyAdmin) for page in admin.site._registry.values())
    assert not any(page.actions for page in admin.site._registry.values())


def test_what_a_library_registers_for_itself_is_not_shown():
    labels = {model._meta.label for model in admin.site._registry}
    assert not {
        label for label in labels if label.split(".")[0] in ("authserver", "otp_totp", "sessions", "admin")
    }
    assert {label for label in labels if label.startswith("sca.")} == {"sca.HardwareToken"}
    for name in ("password_change", "autocomplete", "jsi18n", "view_on_site"):
        with pytest.raises(NoReverseMatch):
            reverse(f"admin:{name}")


def test_the_roles_can_be_provisioned_again():
    provision_staff_roles()
    rita = member_of_staff("rita", roles=(StaffRole.OPEN_BANKING,))
    assert rita.has_perm("tpp.change_tpp")
    provision_staff_roles()
    assert not User.objects.get(pk=rita.pk).has_perm("identity.view_psu")


def test_no_role_may_change_users_groups_or_permissions():
    everything = {name for names in STAFF_PERMISSIONS.values() for name in names}
    assert not {name for name in everything if name.split(".")[0] == "auth"}
    changes = {name for name in everything if not name.split(".")[1].startswith("view_")}
    assert changes == {
        "tpp.change_tpp",
        "tpp.change_app",
        "consents.change_consent",
        "accounts.change_accountholder",
        "sca.change_authenticationstate",
        "sca.change_hardwaretoken",
        "screening.change_screeninghit",
        "risk.change_riskcase",
        "risk.change_compromisedelement",
        "fraud.add_fraudreport",
        "fraud.change_fraudreport",
        "fraud.change_authoritynotice",
        "notifications.change_outboxmessage",
        "clearing.change_clearingdifference",
        "clearing.change_clearinginstruction",
    }
