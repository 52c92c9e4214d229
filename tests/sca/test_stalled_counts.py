"""A failure that was counted and never settled must not lock a log-in without end (RTS art. 4(4))."""

from datetime import timedelta

import pytest

from apps.audit.models import AuditEvent
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.sca.messages import render_block_notice
from apps.sca.models import AuthenticationState
from apps.sca.rules import BlockStage, block_stage
from apps.sca.services import SEND_BLOCK_NOTICE_TASK, check_knowledge, pause_stalled_sign_ins
from apps.sca.services.attempts import reserve_attempt
from tests.factories.accounts import NOW, customer
from tests.factories.identity import PASSWORD


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


@pytest.fixture
def bruno(db: None) -> PSU:
    return customer("Bruno")


def state_of(psu: PSU) -> AuthenticationState:
    return AuthenticationState.objects.get(user=psu.user)


def sign_in(psu: PSU, *, now=NOW) -> bool:
    return check_knowledge(username=psu.user.username, password=PASSWORD, now=now) is not None


@pytest.mark.req("RTS-4(4)", "RTS-4(3)(b)")
def test_five_that_died_before_comparing_become_a_pause_that_ends(anna: PSU) -> None:
    for _ in range(5):
        assert reserve_attempt(user_id=anna.user.pk, now=NOW)
    assert not sign_in(anna)
    assert pause_stalled_sign_ins(now=NOW) == 1
    assert state_of(anna).blocked_until == NOW + timedelta(minutes=15)
    assert OutboxMessage.objects.filter(topic=SEND_BLOCK_NOTICE_TASK).count() == 1
    assert not sign_in(anna, now=NOW + timedelta(minutes=14))
    assert sign_in(anna, now=NOW + timedelta(minutes=15))


def test_who_is_below_the_bound_or_paused_already_is_left_alone(anna: PSU, bruno: PSU) -> None:
    for _ in range(4):
        reserve_attempt(user_id=anna.user.pk, now=NOW)
    AuthenticationState.objects.create(user=bruno.user, consecutive_failures=5, blocked_for_good=True)
    assert pause_stalled_sign_ins(now=NOW) == 0
    assert state_of(anna).consecutive_failures == 4
    assert sign_in(anna)


@pytest.mark.req("RTS-4(4)")
def test_the_last_pause_warns_of_the_block_that_only_the_bank_lifts(anna: PSU) -> None:
    stages, now = [], NOW
    for _ in range(5):
        for _ in range(5):
            check_knowledge(username=anna.user.username, password="wrong horse battery", now=now)
        state = state_of(anna)
        stages.append(block_stage(level=state.block_level, is_for_good=state.blocked_for_good))
        now += timedelta(days=2)
    assert stages == [BlockStage.PAUSE] * 3 + [BlockStage.LAST_PAUSE, BlockStage.CLOSED]
    assert not sign_in(anna, now=now + timedelta(days=365))


@pytest.mark.parametrize("language", ["en", "de"])
def test_each_stage_has_words_of_its_own_in_one_message(language: str) -> None:
    texts = {render_block_notice(language=language, stage=stage) for stage in BlockStage}
    assert len(texts) == len(BlockStage)
    assert all(len(text) <= 160 for text in texts)


@pytest.mark.req("RTS-29(1)", "RTS-4(3)(a)")
def test_an_attempt_for_nobody_leaves_a_line_and_not_what_was_typed(anna: PSU) -> None:
    assert check_knowledge(username="linden-anna-2026", password=PASSWORD, now=NOW) is None
    AuthenticationState.objects.create(user=anna.user, blocked_for_good=True)
    assert not sign_in(anna)
    refused = list(AuditEvent.objects.filter(event="sca.attempt.refused").order_by("id"))
    assert [(event.object_id, event.data) for event in refused] == [
        ("", {"reason": "unknown"}),
        (str(anna.user.pk), {"reason": "paused"}),
    ]
