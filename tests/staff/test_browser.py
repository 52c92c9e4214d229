"""The staff's pages in a real browser: strict CSP, axe, no overflow, targets big enough, light and dark."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, BrowserContext

from apps.bulk.models import PaymentItem
from apps.notifications.models import OutboxMessage
from apps.sca.models import Challenge
from apps.sca.services import recompute_code
from tests import browser as tools
from tests.bulk.files import Group, pain001
from tests.bulk.world import executed
from tests.factories.risk import case_of, listed_element
from tests.staff.clearing import compared_cycle, difference_of, settled_of
from tests.staff.world import PASSWORD, World, build_world, member_of_staff, signed_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def visitor(running_browser: Browser, live_server: Any) -> Iterator[Callable[..., BrowserContext]]:
    """Makes a window; with ``cookie`` for somebody who has signed in."""
    contexts: list[BrowserContext] = []

    def make(*, cookie: str = "", **look: Any) -> BrowserContext:
        context = tools.new_context(running_browser, **look)
        if cookie:
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
            )
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()


def clearing_paths_of(world: World) -> list[str]:
    report, instruction, difference = compared_cycle(world), settled_of(world), difference_of()
    message, sent = report.message, instruction.message
    assert sent is not None
    return [
        f"/staff/clearing/clearingreport/{report.pk}/",
        f"/staff/clearing/clearinginstruction/{instruction.pk}/",
        f"/staff/clearing/clearingdifference/{difference.pk}/",
        f"/staff/clearing/clearingmessage/{message.pk}/",
        f"/staff/clearing/clearingmessage/{sent.pk}/",
        f"/staff/differences/{difference.pk}/solve/",
        f"/staff/transfers/{instruction.pk}/recall/",
    ]


def risk_paths_of(world: World) -> list[str]:
    case, element = case_of(world.waiting), listed_element()
    return [
        "/staff/risk/riskcase/",
        f"/staff/risk/riskcase/{case.pk}/",
        f"/staff/risk/cases/{case.pk}/close/",
        "/staff/risk/riskassessment/",
        f"/staff/risk/riskassessment/{case.assessment_id}/",
        "/staff/risk/riskrule/",
        "/staff/risk/compromisedelement/",
        f"/staff/risk/compromisedelement/{element.pk}/",
        "/staff/risk/elements/list/",
        f"/staff/risk/elements/{element.pk}/remove/",
    ]


def paths_of(world: World) -> list[str]:
    message = OutboxMessage.objects.first()
    assert message is not None
    item = PaymentItem.objects.get(batch__file=executed(world.anna, pain001(Group(world.anna.account.iban))))
    OutboxMessage.objects.filter(pk=message.pk).update(status="dead", attempts=8, last_error="SMSNotSent")
    lists = [
        "tpp/tpp",
        "tpp/app",
        "consents/consent",
        "payments/paymentinitiation",
        "clearing/clearinginstruction",
        "clearing/incomingtransfer",
        "clearing/clearingreport",
        "clearing/clearingdifference",
        "clearing/clearingrecall",
        "clearing/clearingmessage",
    ]
    lists += [
        "bulk/paymentfile",
        "bulk/paymentbatch",
        "bulk/paymentitem",
        "payments/paymentlimits",
        "payments/trustedpayee",
        "payments/paymentexemption",
        "accounts/paymentaccount",
        "ledger/ledgeraccount",
        "identity/psu",
        "identity/user",
        "audit/auditevent",
    ]
    return [
        "/staff/",
        *(f"/staff/{name}/" for name in lists),
        "/staff/notifications/outboxmessage/",
        f"/staff/notifications/outboxmessage/{message.pk}/",
        *clearing_paths_of(world),
        f"/staff/tpp/tpp/{world.app.tpp_id}/",
        f"/staff/tpp/app/{world.app.pk}/",
        f"/staff/consents/consent/{world.consent.pk}/",
        f"/staff/payments/paymentinitiation/{world.waiting.pk}/",
        f"/staff/identity/psu/{world.anna.pk}/",
        f"/staff/tpps/{world.app.tpp_id}/block/",
        f"/staff/customers/{world.anna.pk}/freeze/",
        f"/staff/bulk/paymentfile/{item.batch.file_id}/",
        f"/staff/bulk/paymentbatch/{item.batch_id}/",
        f"/staff/bulk/paymentitem/{item.pk}/",
        "/staff/trail/verify/",
        f"/staff/trail/consent/{world.consent.pk}/",
        f"/staff/accounts/{world.anna.account.pk}/fees/",
        "/staff/pricing/charge/",
        "/staff/screening/screeninghit/",
        f"/staff/screening/screeninghit/{world.hit.pk}/",
        f"/staff/screening/{world.hit.pk}/confirm/",
        f"/staff/screening/screeningrun/{world.hit.run_id}/",
        f"/staff/screening/sanctionslist/{world.hit.run.sanctions_list_id}/",
        *risk_paths_of(world),
    ]


def test_pages_are_clean(visitor: Any, live_server: Any) -> None:
    """In the small window; in a wide one the journeys look at them (test_pages)."""
    world = build_world()
    client = signed_in(member_of_staff("rita"))
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context = visitor(cookie=cookie, width=320, scheme="dark")
    page = context.new_page()
    for path in paths_of(world):
        answer = page.goto(live_server.url + path)
        assert answer is not None
        assert answer.status == 200, path
        tools.check_page(page)
        assert tools.small_targets(page) == [], path


def test_signing_in_and_blocking_a_tpp_by_keyboard(visitor: Any, live_server: Any) -> None:
    world = build_world()
    member_of_staff("rita")
    page = visitor(width=390).new_page()
    page.goto(f"{live_server.url}/staff/tpps/{world.app.tpp_id}/block/")
    tools.check_page(page)
    page.get_by_label("User ID").fill("rita")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/login/code/")
    tools.check_page(page)
    page.keyboard.type("000000")  # The field has the focus.
    page.keyboard.press("Enter")
    page.get_by_text("This did not work").first.wait_for()
    tools.check_page(page)
    page.get_by_label("Code from the text message").fill(
        recompute_code(challenge=Challenge.objects.latest("generated_at"))
    )
    page.keyboard.press("Enter")
    page.wait_for_url("**/block/")
    page.get_by_label("Reason").fill("Fraudulent access reported")
    page.get_by_label("I have read what follows").check()
    page.get_by_role("button", name="Block this company").click()
    page.get_by_text("is blocked.").wait_for()
    tools.check_page(page)
    world.app.tpp.refresh_from_db()
    assert world.app.tpp.status == "blocked"
