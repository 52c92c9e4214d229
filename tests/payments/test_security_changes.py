"""What monitoring takes for a change of the customer's security: a theft of the account begins with one."""

from datetime import timedelta

import pytest

from apps.identity.models import PSU
from apps.payments.risk import get_last_security_change
from apps.sca.queries import list_passkeys
from apps.sca.rules import WithdrawalReason
from apps.sca.services import withdraw_passkey
from tests.factories.accounts import NOW, customer
from tests.sca.keys import give_passkey

pytestmark = [pytest.mark.django_db, pytest.mark.req("RTS-2(2)")]


def changed(psu: PSU) -> object:
    return get_last_security_change(psu_id=psu.pk, user_id=psu.user_id)


def test_a_passkey_that_was_added_is_one() -> None:
    anna = customer("Anna")
    enrolled = changed(anna)
    give_passkey(anna, now=NOW + timedelta(hours=3))
    assert changed(anna) == NOW + timedelta(hours=3) != enrolled


def test_one_that_was_taken_away_is_none_any_more() -> None:
    anna = customer("Anna")
    enrolled = changed(anna)
    give_passkey(anna, now=NOW + timedelta(hours=3))
    [passkey] = list_passkeys(user_id=anna.user_id)
    withdraw_passkey(
        user_id=anna.user_id,
        passkey_id=passkey.pk,
        reason=WithdrawalReason.REMOVED,
        now=NOW + timedelta(hours=4),
    )
    assert changed(anna) == enrolled
