"""A payment with the ID token of an earlier consent (S0-38 to S0-41)."""

import time
from uuid import uuid4

import pytest

from apps.accounts.models import AccountHolder
from apps.audit.models import AuditEvent
from apps.authserver.jose import sign_jwt
from apps.authserver.keys import list_signing_keys
from apps.consents.services import revoke_consent
from apps.core import clock
from apps.identity.models import User
from apps.notifications.models import OutboxMessage
from apps.payments.models import PaymentInitiation
from apps.sca.models import Challenge
from tests.authserver.kit import EC_KEY, REDIRECT_URI, claims_of, header_of, hmac_signed, signed
from tests.factories.accounts import account_of
from tests.xs2a.kit import PAYMENTS, payment_body
from tests.xs2a.world import World, authorisations_of, release

REFUSED = (401, "PSU_CREDENTIALS_INVALID")


def pay(world: World, id_token: str, *, iban: str = "", **headers: str):
    body = payment_body(iban or world.anna.account.iban)
    return world.pis().post(
        PAYMENTS, body, **({"PSU_ID_Token": id_token, "TPP_Redirect_URI": REDIRECT_URI} | headers)
    )


def assert_nothing_happened(world: World, reason: str = "") -> None:
    """Nothing was created, nobody got a code, and the trail tells of it (S0-40)."""
    assert not PaymentInitiation.objects.exists()
    assert not Challenge.objects.filter(purpose="payment").exists()
    event = AuditEvent.objects.get(event="xs2a.id_token.refused")
    assert (event.actor_type, event.actor_id) == ("tpp", str(world.shoppay.app.tpp_id))
    assert event.object_id == str(world.shoppay.app.pk)
    assert reason in event.data["reason"]
    assert world.anna.account.iban not in str(event.data)


@pytest.mark.req("S0-38", "S0-39", "S0-40", "S0-41", "S0-42")
def test_the_right_token_makes_the_customer_known_and_sends_the_code_at_once(world: World):
    answer = pay(world, world.enrol().id_token)
    assert answer.status == 201
    payment = PaymentInitiation.objects.get()
    assert payment.psu == world.anna.psu
    assert payment.transaction_status == "RCVD"
    (authorisation,) = authorisations_of(payment.pk)
    challenge = Challenge.objects.get(authorisation=authorisation)
    assert challenge.user == world.anna.psu.user
    assert challenge.snapshot["amount_minor"] == 2490
    assert challenge.snapshot["debtor_iban"] == world.anna.account.iban
    assert OutboxMessage.objects.filter(
        topic="sca.send_code", payload__challenge_id=str(challenge.pk)
    ).exists()
    # By way of the TPP to the page of this one payment.
    assert answer.href("scaRedirect") == f"http://localhost:8000/authorise/{authorisation.pk}/"
    assert world.pis().get(answer.href("scaStatus")).body == {"scaStatus": "scaMethodSelected"}
    assert not AuditEvent.objects.filter(event="xs2a.id_token.refused").exists()


@pytest.mark.req("S0-38", "S0-45")
def test_the_token_alone_releases_nothing(world: World):
    answer = pay(world, world.enrol().id_token)
    assert world.pis().get(answer.href("status")).body == {"transactionStatus": "RCVD"}
    assert not OutboxMessage.objects.filter(topic="engine.execute_payment").exists()
    challenge = Challenge.objects.get(purpose="payment")
    release(answer.body["paymentId"], world.anna, challenge_id=challenge.pk)
    assert world.pis().get(answer.href("status")).body == {"transactionStatus": "ACTC"}


@pytest.mark.req("RTS-35(4)")
def test_the_same_call_again_sends_no_second_code(world: World):
    id_token, request_id = world.enrol().id_token, str(uuid4())
    first = pay(world, id_token, X_Request_ID=request_id)
    again = pay(world, id_token, X_Request_ID=request_id)
    assert (first.status, first.body) == (201, again.body)
    assert Challenge.objects.filter(purpose="payment").count() == 1


def test_an_explicit_start_sends_the_code_when_it_comes_and_once(world: World):
    answer = pay(world, world.enrol().id_token, TPP_Explicit_Authorisation_Preferred="true")
    assert not Challenge.objects.filter(purpose="payment").exists()
    api = world.pis()
    started = api.post(answer.href("startAuthorisation"))
    assert (started.status, started.body["scaStatus"]) == (201, "scaMethodSelected")
    assert Challenge.objects.filter(purpose="payment").count() == 1
    again = api.post(answer.href("startAuthorisation"))
    assert again.body["authorisationId"] == started.body["authorisationId"]
    assert Challenge.objects.filter(purpose="payment").count() == 1


def test_a_limit_on_codes_is_not_shown_to_the_tpp(world: World, settings):
    settings.SCA_SENDS_PER_10_MINUTES = 1
    id_token = world.enrol().id_token
    first, second, third = (pay(world, id_token) for _ in range(3))
    assert {answer.status for answer in (first, second, third)} == {201}
    assert set(first.body["_links"]) == set(third.body["_links"])
    assert world.pis().get(first.href("scaStatus")).body == world.pis().get(third.href("scaStatus")).body
    assert OutboxMessage.objects.filter(topic="sca.send_code").count() < 4


def _forged(token: str, **changes: object) -> str:
    return signed(header_of(token), claims_of(token) | changes, EC_KEY)


FORGERIES = {
    "nothing": lambda token: "",
    "no JWT": lambda token: "token",
    "a blank": lambda token: f"{token} x",
    "not ASCII": lambda token: token + "ü",
    "too long": lambda token: token + "x" * 5000,
    "cut off": lambda token: token[:-4],
    "another key": _forged,
    "another customer": lambda token: _forged(token, sub=str(uuid4())),
    "no signature": lambda token: ".".join([*token.split(".")[:2], ""]),
    "alg none": lambda token: signed_none(token),
    "keyed with what is public": lambda token: hmac_signed(
        header_of(token) | {"alg": "HS256"}, claims_of(token), b"public"
    ),
    "changed payload": lambda token: ".".join(
        [token.split(".")[0], _forged(token, aud="other").split(".")[1], token.split(".")[2]]
    ),
}


def signed_none(token: str) -> str:
    from tests.authserver.kit import b64

    header = b64(b'{"alg":"none","typ":"JWT"}')
    return f"{header}.{token.split('.')[1]}."


@pytest.mark.req("S0-39")
@pytest.mark.parametrize("name", FORGERIES)
def test_a_token_that_the_bank_did_not_give_is_refused(world: World, name):
    enrolment = world.enrol()
    Challenge.objects.all().delete()
    answer = pay(world, FORGERIES[name](enrolment.id_token))
    assert (answer.refusal, answer.path) == (REFUSED, "PSU-ID-Token")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert_nothing_happened(world)


@pytest.mark.req("S0-39")
@pytest.mark.parametrize(
    "change", [{"exp": -1}, {"iss": "https://other.example"}, {"aud": "other"}, {"jti": "x"}]
)
def test_a_token_signed_by_the_bank_is_not_enough(world: World, change):
    """Its own key, and yet: expired, of another issuer, for another app, never given out."""
    enrolment = world.enrol()
    if "exp" in change:
        change = {"exp": int(time.time()) - 1}
    key = list_signing_keys()[0]
    token = sign_jwt(claims_of(enrolment.id_token) | change, key=key.private_key, kid=key.kid)
    assert pay(world, token).refusal == REFUSED
    assert_nothing_happened(world)


@pytest.mark.req("S0-39", "S0-40")
def test_another_tpps_token_is_refused(world: World):
    enrolment = world.enrol(company=world.finanzblick)
    answer = pay(world, enrolment.id_token)
    assert answer.refusal == REFUSED
    assert_nothing_happened(world)


@pytest.mark.req("S0-40")
def test_another_customers_account_is_refused(world: World):
    enrolment = world.enrol(customer=world.bruno)
    answer = pay(world, enrolment.id_token)
    assert answer.refusal == REFUSED
    assert_nothing_happened(world, "debtor account")


@pytest.mark.req("S0-40")
def test_an_own_account_outside_of_the_consent_is_refused(world: World):
    savings = account_of(world.anna.psu, balance_minor=500)
    answer = pay(world, world.enrol().id_token, iban=savings.iban)
    assert answer.refusal == REFUSED
    assert_nothing_happened(world, "debtor account")


@pytest.mark.req("S0-40")
def test_an_account_of_nobody_looks_like_anybody_elses(world: World):
    answer = pay(world, world.enrol().id_token, iban="DE02120300000000202051")
    assert answer.refusal == REFUSED
    assert_nothing_happened(world, "debtor account")


@pytest.mark.req("S0-40")
def test_the_token_of_an_ended_consent_is_refused(world: World):
    enrolment = world.enrol()
    revoke_consent(consent_id=enrolment.consent_id, psu_id=world.anna.psu.pk, now=clock.now())
    assert pay(world, enrolment.id_token).refusal == REFUSED
    assert_nothing_happened(world)


@pytest.mark.req("S0-40")
def test_who_may_no_longer_pay_from_the_account_is_refused(world: World):
    enrolment = world.enrol()
    AccountHolder.objects.filter(psu=world.anna.psu).update(may_pay=False)
    assert pay(world, enrolment.id_token).refusal == REFUSED
    assert_nothing_happened(world, "debtor account")


@pytest.mark.req("S0-39")
def test_a_deactivated_customers_token_is_refused(world: World):
    enrolment = world.enrol()
    User.objects.filter(pk=world.anna.psu.user_id).update(is_active=False)
    assert pay(world, enrolment.id_token).refusal == REFUSED
    assert_nothing_happened(world)


@pytest.mark.req("S0-39")
@pytest.mark.parametrize("other", ["access_token", "refresh_token"])
def test_other_tokens_are_no_id_tokens(world: World, other):
    enrolment = world.enrol()
    assert pay(world, enrolment.tokens[other]).refusal == REFUSED
    assert_nothing_happened(world)


def test_a_client_assertion_is_no_id_token(world: World):
    assert pay(world, world.shoppay.program.assertion()).refusal == REFUSED
    assert_nothing_happened(world)


@pytest.mark.req("S0-38")
def test_the_order_is_understood_before_the_token_is_looked_at(world: World):
    """A wrong order with a right token is a wrong order: nothing is sent, nothing kept, nothing to audit."""
    answer = world.pis().post(
        PAYMENTS,
        payment_body(world.anna.account.iban, creditorName=""),
        PSU_ID_Token=world.enrol().id_token,
    )
    assert answer.refusal == (400, "FORMAT_ERROR")
    assert not PaymentInitiation.objects.exists()
    assert not AuditEvent.objects.filter(event="xs2a.id_token.refused").exists()


@pytest.mark.req("S0-5")
def test_the_token_is_nowhere_in_the_trail_or_the_log(world: World, caplog):
    id_token = world.enrol().id_token
    pay(world, id_token)
    pay(world, id_token[:-4] + "AAAA")
    written = caplog.text + "".join(str(vars(event)) for event in AuditEvent.objects.all())
    for part in id_token.split("."):
        assert part not in written


def test_time_is_real_even_when_the_banks_clock_was_moved(world: World, bank_clock):
    id_token = world.enrol().id_token
    bank_clock.move(days=2)
    assert claims_of(id_token)["exp"] > time.time()
    assert pay(world, id_token).status == 201
