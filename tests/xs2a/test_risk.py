"""What a TPP tells of its customer's device is weighed; what it does not tell is unknown."""

import pytest

from apps.payments.models import PaymentInitiation
from tests.xs2a.kit import PAYMENTS, payment_body
from tests.xs2a.world import World

AGENT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1"


def assessed(world: World, **headers: str):
    answer = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban), **headers)
    assert answer.status == 201
    return PaymentInitiation.objects.latest("created_at").risk_assessment


@pytest.mark.req("RTS-2(1)", "S0-12")
def test_a_payment_through_a_tpp_is_assessed_by_its_headers(world: World):
    assessment = assessed(world, PSU_User_Agent=AGENT, PSU_Device_ID="99435c7e-ad88-49ec-a2ad-99ddcb1f5555")
    assert assessment.network == "203.0.113.0/24"
    assert len(assessment.device) == 64
    assert assessment.facts["automated_client"] == 0
    assert assessment.account_id == world.anna.account.pk


@pytest.mark.req("RTS-2(2)")
def test_what_the_tpp_does_not_send_is_unknown_and_weighs(world: World):
    told = assessed(world, PSU_User_Agent=AGENT)
    untold = assessed(world)
    assert untold.device == ""
    assert untold.facts["device_age_hours"] is None
    states = {one["factor"]: one["state"] for one in untold.factors}
    assert states["unusual_device"] == states["malware"] == "unknown"
    assert untold.score > told.score - 15


def test_a_device_is_known_by_its_id_before_its_browser(world: World):
    one = assessed(world, PSU_User_Agent=AGENT, PSU_Device_ID="device-1")
    same = assessed(world, PSU_User_Agent="Another", PSU_Device_ID="device-1")
    other = assessed(world, PSU_User_Agent=AGENT, PSU_Device_ID="device-2")
    assert one.device == same.device != other.device


def test_nothing_of_it_is_told_to_the_tpp(world: World):
    answer = world.pis().post(PAYMENTS, payment_body(world.anna.account.iban))
    assert "risk" not in str(answer.body).lower()
