"""Reading without the customer: at most four times in any 24 hours (RTS art. 36(5)(b))."""

from typing import Any

import pytest

from apps.authserver.models import AccessToken
from apps.consents.models import ConsentAccess
from apps.consents.services import revoke_consent
from apps.core import clock
from apps.xs2a.views import accounts
from tests.factories.accounts import account_of
from tests.sca.test_codes import in_parallel
from tests.xs2a.kit import API, PSU_IP
from tests.xs2a.world import World

EXCEEDED = (429, "ACCESS_EXCEEDED")


@pytest.mark.req("RTS-36(5)(a)", "RTS-36(5)(b)")
def test_the_fifth_reading_without_the_customer_is_refused(world: World):
    enrolment = world.enrol()
    path = enrolment.path("/balances")
    assert [enrolment.api.get(path).status for _ in range(4)] == [200] * 4
    assert enrolment.api.get(path).refusal == EXCEEDED
    # He asks himself: as often as he likes, and it neither counts nor is counted.
    assert [enrolment.api.get(path, PSU_IP_Address=PSU_IP).status for _ in range(6)] == [200] * 6
    assert enrolment.api.get(path).refusal == EXCEEDED
    assert ConsentAccess.objects.filter(psu_present=False).count() == 4


@pytest.mark.req("RTS-36(5)(a)", "RTS-36(5)(b)")
def test_readings_with_the_customer_leave_the_four_without_him(world: World):
    enrolment = world.enrol()
    path = enrolment.path("/balances")
    for _ in range(6):
        assert enrolment.api.get(path, PSU_IP_Address=PSU_IP).status == 200
    assert [enrolment.api.get(path).status for _ in range(5)] == [200] * 4 + [429]


@pytest.mark.req("RTS-36(5)(a)", "RTS-36(5)(b)")
def test_each_kind_of_data_and_each_account_counts_for_itself(world: World):
    savings = account_of(world.anna.psu)
    enrolment = world.enrol(access={"allPsd2": "allAccounts"}, accounts=[world.anna.account, savings])
    query = "?bookingStatus=booked&dateFrom=2026-11-01"
    paths = [
        "/v1/accounts",
        *(
            f"/v1/accounts/{account.pk}{rest}"
            for account in (world.anna.account, savings)
            for rest in ("", "/balances", f"/transactions{query}")
        ),
    ]
    for path in paths:
        assert [enrolment.api.get(path).status for _ in range(5)] == [200] * 4 + [429], path


@pytest.mark.req("RTS-36(5)(a)", "RTS-36(5)(b)")
def test_bookings_are_one_kind_whatever_part_of_them_is_asked_for(world: World):
    enrolment = world.enrol()
    for status in ("booked", "pending", "both", "booked"):
        path = f"/transactions?bookingStatus={status}&dateFrom=2026-11-01&withBalance=true"
        assert enrolment.api.get(enrolment.path(path)).status == 200
    assert enrolment.api.get(enrolment.path(path)).refusal == EXCEEDED


@pytest.mark.req("RTS-36(5)(a)", "RTS-36(5)(b)")
def test_the_24_hours_slide(world: World, bank_clock):
    enrolment = world.enrol()
    path = enrolment.path("/balances")
    statuses = []
    for hours in (0, 6, 6, 6, 5.99, 0.02, 5.97, 0.05):
        bank_clock.move(hours=hours)
        statuses.append(enrolment.api.get(path).status)
    # 0h 6h 12h 18h are the four; at 23.99h the first still counts, at 24.01h no more; then the one of 6h.
    assert statuses == [200, 200, 200, 200, 429, 200, 429, 200]


def test_a_smaller_frequency_holds(world: World):
    enrolment = world.enrol(frequencyPerDay=1)
    assert [enrolment.api.get("/v1/accounts").status for _ in range(2)] == [200, 429]


def test_a_larger_frequency_is_still_four(world: World):
    enrolment = world.enrol(frequencyPerDay=24)
    assert [enrolment.api.get("/v1/accounts").status for _ in range(5)] == [200] * 4 + [429]


def test_a_refused_reading_counts_nothing(world: World):
    enrolment = world.enrol(access={"accounts": [{"iban": world.anna.account.iban}]})
    for _ in range(6):
        assert enrolment.api.get(enrolment.path("/balances")).refusal == (401, "CONSENT_INVALID")
    assert not ConsentAccess.objects.exists()


def test_a_consent_for_one_time_reads_each_thing_once_with_or_without_the_customer(world: World, bank_clock):
    enrolment = world.enrol(recurringIndicator=False, frequencyPerDay=1)
    path = enrolment.path("/balances")
    assert enrolment.api.get(path, PSU_IP_Address=PSU_IP).status == 200
    assert enrolment.api.get(path, PSU_IP_Address=PSU_IP).refusal == EXCEEDED
    assert enrolment.api.get(path).refusal == EXCEEDED
    assert enrolment.api.get("/v1/accounts").status == 200
    bank_clock.move(hours=25)
    assert enrolment.api.get(path).refusal == EXCEEDED


def test_each_consent_counts_for_itself(world: World):
    for enrolment in (world.enrol(), world.enrol(), world.enrol(company=world.finanzblick)):
        assert [enrolment.api.get("/v1/accounts").status for _ in range(5)] == [200] * 4 + [429]


@pytest.mark.req("RTS-36(5)(b)")
@pytest.mark.django_db(transaction=True)
def test_of_twenty_readings_at_once_exactly_four_are_answered():
    enrolment = World().enrol()
    path = enrolment.path("/balances")

    def read(_number: int) -> int:
        return API(enrolment.api.token, consent_id=enrolment.consent_id).get(path).status

    results = in_parallel(20, read)
    assert sorted(map(str, results)) == ["200"] * 4 + ["429"] * 16
    assert ConsentAccess.objects.filter(consent_id=enrolment.consent_id).count() == 4


@pytest.mark.req("RTS-36(5)(b)")
@pytest.mark.django_db(transaction=True)
def test_nothing_is_answered_after_a_revocation_that_came_in_between(monkeypatch):
    """The token was found good, then the customer stopped the consent, then the counted reading goes on."""
    world = World()
    enrolment = world.enrol()
    original = accounts.get_consented_account

    def revoked_meanwhile(**arguments: Any) -> Any:
        opened = original(**arguments)
        in_parallel(
            1,
            lambda _: revoke_consent(
                consent_id=enrolment.consent_id, psu_id=world.anna.psu.pk, now=clock.now()
            ),
        )
        return opened

    monkeypatch.setattr(accounts, "get_consented_account", revoked_meanwhile)
    answer = enrolment.api.get(enrolment.path("/balances"))
    assert answer.refusal == (401, "CONSENT_INVALID")
    assert not ConsentAccess.objects.exists()
    assert AccessToken.objects.exists()
