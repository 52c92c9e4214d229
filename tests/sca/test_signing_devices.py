"""The bank's app: bound by a signed code, opens what is sealed for it alone, answers over exactly what it has shown;
and what of it the bank does not take."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidTag
from django.db import IntegrityError, connection, connections, transaction

from apps.core.canonical import canonical_json
from apps.identity.models import PSU
from apps.sca.models import AuthenticationState, Challenge, SigningDevice
from apps.sca.rules import AuthenticationMethod, CodeMalformed, DeviceKind, Purpose
from apps.sca.services import (
    ActivationRefused,
    CodeRefused,
    DeviceAnswerMalformed,
    DeviceUnknown,
    EnrolmentOver,
    NotAnsweredYet,
    TokenRefused,
    answer_by_app,
    bind_app,
    check_short_code,
    consume_proof,
    is_proof_of,
    issue_challenge,
    list_requests,
    make_activation_code,
    start_enrolment,
    subscribe_app,
    take_device_answer,
)
from tests.factories.accounts import NOW, customer
from tests.sca.apps import App, point, wrong_code
from tests.sca.device import b64
from tests.sca.keys import signed_enrolment

pytestmark = [pytest.mark.django_db, pytest.mark.req("RTS-4(1)", "S3-13")]
LATER = NOW + timedelta(minutes=1)
PAYMENT: dict[str, Any] = {
    "amount_minor": 10_000,
    "currency": "EUR",
    "creditor_name": "A friend",
    "creditor_iban": "DE02120300000000202051",
    "debtor_iban": "DE89370400440532013000",
    "remittance_information_unstructured": "",
    "tpp_name": "",
}


@pytest.fixture
def anna() -> PSU:
    return customer("Anna")


@pytest.fixture
def app(anna: PSU) -> App:
    app = App()
    app.bind(anna)
    return app


def asked(psu: PSU, **other: Any) -> UUID:
    return issue_challenge(
        user=psu.user,
        purpose=Purpose.PAYMENT,
        snapshot=PAYMENT | other,
        method=AuthenticationMethod.PUSH_OTP,
        hide_limit=False,
        now=NOW,
    )


class TestWhatItOpens:
    @pytest.mark.req("S3-3", "S3-6", "S3-11")
    def test_shows_the_data_that_is_signed(self, anna: PSU, app: App) -> None:
        shown = app.open_challenge(asked(anna)).shown
        assert shown["title"] == "Pay €100.00"
        assert ["Payee", "A friend"] in shown["lines"]
        assert ["IBAN", "DE02 1203 0000 0000 2020 51"] in shown["lines"]

    @pytest.mark.req("S3-2", "S3-14")
    def test_no_other_device_opens_it(self, anna: PSU, app: App) -> None:
        challenge_id = asked(anna)
        [request] = list_requests(device=SigningDevice.objects.get(pk=app.device_id), now=LATER)
        assert app.open(request.sealed).challenge_id == challenge_id
        with pytest.raises(InvalidTag):
            App().open(request.sealed)
        with pytest.raises(InvalidTag):
            app.open(request.sealed[:-1] + bytes([request.sealed[-1] ^ 1]))

    def test_another_customers_requests_are_not_listed(self, anna: PSU, app: App) -> None:
        asked(anna)
        other = App()
        assert list_requests(device=other.bind(customer("Bruno")), now=LATER) == []


class TestItsAnswer:
    def test_is_fetched_by_the_page_and_spent_once(self, anna: PSU, app: App) -> None:
        challenge_id = asked(anna)
        with pytest.raises(NotAnsweredYet):
            take_device_answer(challenge_id=challenge_id, now=LATER)
        body, signature = app.answer(app.open_challenge(challenge_id))
        answer_by_app(body=body, signature=signature, now=LATER)
        answer_by_app(body=body, signature=signature, now=LATER)  # Over a bad net.
        proof = take_device_answer(challenge_id=challenge_id, now=LATER)
        assert proof.method == "PUSH_OTP"
        assert proof.elements == ["knowledge", "possession"]
        with transaction.atomic():
            consume_proof(proof=proof, now=LATER)
        with pytest.raises(CodeRefused):
            take_device_answer(challenge_id=challenge_id, now=LATER)

    @pytest.mark.req("S3-5", "RTS-5(1)(d)")
    def test_does_not_cover_what_was_made_of_it(self, anna: PSU, app: App) -> None:
        challenge_id = asked(anna)
        body, signature = app.answer(app.open_challenge(challenge_id))
        answer_by_app(body=body, signature=signature, now=LATER)
        proof = take_device_answer(challenge_id=challenge_id, now=LATER)
        assert is_proof_of(proof=proof, purpose=Purpose.PAYMENT, snapshot=PAYMENT)
        fraud = PAYMENT | {"amount_minor": 100_000, "creditor_name": "A fraudster"}
        assert not is_proof_of(proof=proof, purpose=Purpose.PAYMENT, snapshot=fraud)

    @pytest.mark.req("S3-5", "S3-4")
    @pytest.mark.parametrize("column", ["snapshot", "shown"])
    def test_to_the_data_before_is_none_to_those_after(self, anna: PSU, app: App, column: str) -> None:
        challenge_id = asked(anna)
        opened = app.open_challenge(challenge_id)
        challenge = Challenge.objects.get(pk=challenge_id)
        changed = getattr(challenge, column) | {"amount_minor": 100_000, "title": "Pay €1,000.00"}
        Challenge.objects.filter(pk=challenge_id).update(**{column: changed})
        body, signature = app.answer(opened)
        with pytest.raises(CodeRefused):
            answer_by_app(body=body, signature=signature, now=LATER)

    @pytest.mark.req("RTS-4(3)(b)")
    def test_with_the_wrong_pin_five_times_pauses_signing(self, anna: PSU, app: App) -> None:
        opened = app.open_challenge(asked(anna))
        for tries in range(1, 6):
            body, signature = app.answer(opened, pin="000000")
            with pytest.raises(CodeRefused) as refused:
                answer_by_app(body=body, signature=signature, now=LATER)
            assert refused.value.is_over is (tries == 5)
        body, signature = app.answer(opened)
        with pytest.raises(CodeRefused):
            answer_by_app(body=body, signature=signature, now=LATER)
        assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None

    def test_that_is_not_signed_by_it_counts_nothing(self, anna: PSU, app: App) -> None:
        body, signature = app.answer(app.open_challenge(asked(anna)), pin="000000")
        stranger = App(device_id=app.device_id)
        for bad in (
            b"",
            bytes(64),
            signature[:-1] + bytes([signature[-1] ^ 1]),
            stranger.signed({"x": 1})[1],
        ):
            with pytest.raises(DeviceAnswerMalformed):
                answer_by_app(body=body, signature=bad, now=LATER)
        state = AuthenticationState.objects.filter(user=anna.user).first()
        assert state is None or state.consecutive_failures == 0

    def test_to_another_customers_challenge_is_refused(self, anna: PSU, app: App) -> None:
        other = App()
        other.bind(customer("Bruno"))
        body, signature = other.answer(app.open_challenge(asked(anna)))
        with pytest.raises(CodeRefused):
            answer_by_app(body=body, signature=signature, now=LATER)

    def test_too_late_is_refused(self, anna: PSU, app: App) -> None:
        body, signature = app.answer(app.open_challenge(asked(anna)))
        with pytest.raises(CodeRefused):
            answer_by_app(body=body, signature=signature, now=NOW + timedelta(minutes=15))

    @pytest.mark.req("RTS-7(2)", "S1-20")
    def test_with_an_old_count_is_a_copys(self, anna: PSU, app: App) -> None:
        opened = app.open_challenge(asked(anna))
        with pytest.raises(CodeRefused):
            answer_by_app(**_message(app.answer(opened, pin="000000", counter=7)), now=LATER)
        with pytest.raises(DeviceUnknown):
            answer_by_app(**_message(app.answer(opened, counter=7)), now=LATER)
        device = SigningDevice.objects.get(pk=app.device_id)
        assert (device.confirmed, device.withdrawn_because) == (False, "copied")
        assert Challenge.objects.get(pk=opened.challenge_id).status == "voided"

    @pytest.mark.req("RTS-9(3)", "S1-21")
    @pytest.mark.parametrize(
        ("bent", "reason"),
        [
            ({"environment": "00" * 32}, "changed"),
            ({"is_unsound": True}, "unsound"),
            ({"is_unsound": 0}, "unsound"),
        ],
    )
    def test_from_other_surroundings_withdraws_it(
        self, anna: PSU, app: App, bent: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(DeviceUnknown):
            answer_by_app(**_message(app.answer(app.open_challenge(asked(anna)), **bent)), now=LATER)
        assert SigningDevice.objects.get(pk=app.device_id).withdrawn_because == reason

    def test_no_voids_the_challenge(self, anna: PSU, app: App) -> None:
        challenge_id = asked(anna)
        body, signature = app.answer(app.open_challenge(challenge_id), is_approved=False)
        answer_by_app(body=body, signature=signature, now=LATER)
        assert Challenge.objects.get(pk=challenge_id).status == "voided"

    def test_no_after_a_yes_stops_what_is_not_carried_out_yet(self, anna: PSU, app: App) -> None:
        opened = app.open_challenge(asked(anna))
        answer_by_app(**_message(app.answer(opened)), now=LATER)
        answer_by_app(**_message(app.answer(opened, is_approved=False)), now=LATER)
        with pytest.raises(CodeRefused):
            take_device_answer(challenge_id=opened.challenge_id, now=LATER)

    def test_no_to_what_is_carried_out_is_told_so(self, anna: PSU, app: App) -> None:
        """Or the customer believes that nothing was signed."""
        opened = app.open_challenge(asked(anna))
        answer_by_app(**_message(app.answer(opened)), now=LATER)
        proof = take_device_answer(challenge_id=opened.challenge_id, now=LATER)
        with transaction.atomic():
            consume_proof(proof=proof, now=LATER)
        with pytest.raises(CodeRefused) as refused:
            answer_by_app(**_message(app.answer(opened, is_approved=False)), now=LATER)
        assert refused.value.is_over
        assert Challenge.objects.get(pk=opened.challenge_id).status == "used"

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{", b"[" * 100_000, b'{"kind": "answer"}', b'{"kind": "bind"}']
    )
    def test_malformed(self, body: bytes) -> None:
        with pytest.raises((DeviceAnswerMalformed, DeviceUnknown)):
            answer_by_app(body=body, signature=b"", now=LATER)


class TestTheDigits:
    @pytest.mark.req("S3-12")
    def test_are_of_this_request_this_device_and_this_pin(self, anna: PSU, app: App) -> None:
        challenge_id = asked(anna)
        opened = app.open_challenge(challenge_id)
        for wrong in (app.code(opened, pin="000000"), wrong_code(app.code(opened))):
            with pytest.raises(CodeRefused):
                check_short_code(challenge_id=challenge_id, code=wrong, now=LATER)
        code = app.code(opened)
        proof = check_short_code(challenge_id=challenge_id, code=f"{code[:4]} {code[4:]}", now=LATER)
        assert proof.method == "PHOTO_OTP"
        other = asked(anna)
        with pytest.raises(CodeRefused):
            check_short_code(challenge_id=other, code=code, now=LATER)

    @pytest.mark.parametrize("code", ["", "1234567", "123456789", "１２３４５６７８", "abcdefgh"])
    def test_of_another_form_count_nothing(self, anna: PSU, app: App, code: str) -> None:
        challenge_id = asked(anna)
        with pytest.raises(CodeMalformed):
            check_short_code(challenge_id=challenge_id, code=code, now=LATER)
        assert Challenge.objects.get(pk=challenge_id).attempts == 0


@pytest.mark.req("RTS-24", "RTS-26")
class TestBinding:
    def test_takes_a_signed_wish(self, anna: PSU) -> None:
        enrolment = start_enrolment(psu=anna, kind=DeviceKind.APP, name="Telephone", now=NOW)
        with pytest.raises(EnrolmentOver):
            make_activation_code(enrolment_id=enrolment.pk, psu=anna, now=NOW)
        with pytest.raises(EnrolmentOver):  # Signed, for a passkey.
            make_activation_code(enrolment_id=signed_enrolment(anna).pk, psu=anna, now=NOW)

    def test_takes_the_code_once_and_in_time(self, anna: PSU) -> None:
        enrolment = signed_enrolment(anna, kind=DeviceKind.APP, name="Telephone")
        code = make_activation_code(enrolment_id=enrolment.pk, psu=anna, now=NOW)
        for bad, now in (("A" * 20, NOW), ("", NOW), (code, NOW + timedelta(minutes=11))):
            with pytest.raises(ActivationRefused):
                bind_app(**_message(App().activation(bad)), now=now)
        bind_app(**_message(App().activation(f"{code[:5]}-{code[5:]}".lower())), now=NOW)
        with pytest.raises(ActivationRefused):
            bind_app(**_message(App().activation(code)), now=NOW)

    def test_takes_the_key_of_who_asks(self, anna: PSU) -> None:
        enrolment = signed_enrolment(anna, kind=DeviceKind.APP, name="Telephone")
        code = make_activation_code(enrolment_id=enrolment.pk, psu=anna, now=NOW)
        body, _ = App().activation(code)
        with pytest.raises(DeviceAnswerMalformed):
            bind_app(body=body, signature=App().signed({})[1], now=NOW)

    @pytest.mark.parametrize("name", ["signing_key", "agreement_key", "pin_key", "environment_hash"])
    def test_takes_whole_keys(self, anna: PSU, name: str) -> None:
        for value in ("", None, 5, b64(bytes(65)), b64(b"\x04" + bytes(64))):
            with pytest.raises(DeviceAnswerMalformed):
                bind_app(**_message(App().activation("A" * 20, **{name: value})), now=NOW)

    def test_the_database_keeps_a_withdrawn_one_withdrawn_and_whole(self, app: App) -> None:
        for statement in (
            "SET signing_key = NULL",
            "SET confirmed = false",
            "SET push_endpoint = 'https://x/'",
        ):
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"UPDATE sca_signingdevice {statement}")


class TestBeingWoken:
    @pytest.mark.parametrize(
        "endpoint",
        [
            "http://127.0.0.1/x",
            "https://fcm.googleapis.com.evil.example/x",
            "https://fcm.googleapis.com",
            "https://evil.example/fcm.googleapis.com/x",
            "https://u@fcm.googleapis.com/x",
            "https://fcm.googleapis.com:8443/x",
            "https://127.0.0.1:8443?.push.apple.com/x",
            "https://127.0.0.1#.push.apple.com/x",
            "https://127.0.0.1\\.push.apple.com/x",
            "https://127.0.0.1%2f.push.apple.com/x",
            "https://[::1].push.apple.com/x",
            "https://127.0.0.1\t.push.apple.com/x",
            "https://push.apple.com/x",
            "https://a.push.apple.com/x y",
            "https://a.push.apple.com/x\n",
            "https://FCM.googleapis.com/x",
        ],
    )
    def test_only_by_services_that_the_bank_knows(self, app: App, endpoint: str) -> None:
        with pytest.raises(DeviceAnswerMalformed):
            subscribe_app(**_subscription(app, endpoint), now=LATER)

    def test_by_a_known_one_until_it_says_otherwise(self, app: App) -> None:
        message = _subscription(app, "https://fcm.googleapis.com/fcm/send/abc")
        assert subscribe_app(**message, now=LATER).push_endpoint.endswith("abc")
        assert subscribe_app(**_subscription(app, ""), now=LATER).push_endpoint == ""
        with pytest.raises(DeviceAnswerMalformed):  # The old message once more.
            subscribe_app(**message, now=LATER)


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    @pytest.mark.req("RTS-4(1)")
    def test_one_answer_taken_fifty_times_is_spent_once(self) -> None:
        anna, app = customer("Anna"), App()
        app.bind(anna)
        challenge_id = asked(anna)
        answer_by_app(**_message(app.answer(app.open_challenge(challenge_id))), now=LATER)

        def spend(_: int) -> bool:
            proof = take_device_answer(challenge_id=challenge_id, now=LATER)
            with transaction.atomic():
                consume_proof(proof=proof, now=LATER)
            return True

        assert at_once(50, spend).count(True) == 1

    @pytest.mark.req("RTS-4(3)(b)")
    def test_of_a_hundred_pins_five_are_compared(self) -> None:
        anna, app = customer("Anna"), App()
        app.bind(anna)
        opened = app.open_challenge(asked(anna))
        # The right one is among them, and comes in time or not; no more than five are ever looked at.
        answers = [_message(app.answer(opened, pin=f"{number:06}")) for number in range(100)]
        at_once(100, lambda number: answer_by_app(**answers[number], now=LATER))
        assert Challenge.objects.get(pk=opened.challenge_id).attempts <= 5
        assert AuthenticationState.objects.get(user=anna.user).consecutive_failures <= 5

    @pytest.mark.req("RTS-4(3)(b)")
    def test_of_a_hundred_codes_five_are_compared(self) -> None:
        anna, app = customer("Anna"), App()
        app.bind(anna)
        challenge_id = asked(anna)
        right = app.code(app.open_challenge(challenge_id))
        at_once(
            100,
            lambda number: check_short_code(
                challenge_id=challenge_id, code=f"{(int(right) + 1 + number) % 10**8:08}", now=LATER
            ),
        )
        assert Challenge.objects.get(pk=challenge_id).attempts == 5


def test_what_is_signed_is_in_one_spelling() -> None:
    assert canonical_json({"b": 1, "a": "ü"}) == '{"a":"ü","b":1}'.encode()


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """What ``act`` gave for each number, all begun together; the refusals left out."""
    given: list[Any] = []

    def run(number: int) -> None:
        try:
            given.append(act(number))
        except (CodeRefused, DeviceUnknown, EnrolmentOver, TokenRefused):
            pass
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def _message(made: tuple[bytes, bytes]) -> dict[str, bytes]:
    return {"body": made[0], "signature": made[1]}


def _subscription(app: App, endpoint: str) -> dict[str, bytes]:
    app.counter += 1
    said = {
        "kind": "subscribe",
        "device_id": app.device_id,
        "endpoint": endpoint,
        "counter": app.counter,
        "p256dh": b64(point(app.agreement)),
        "auth": b64(bytes(16)),
    }
    return _message(app.signed(said))
