"""The bank's tokens: bound by whoever holds one, answer over exactly what they have shown; and what of it the bank does
not take."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from apps.core.errors import InvalidInput
from apps.identity.models import PSU
from apps.notifications.models import OutboxMessage
from apps.sca.models import AuthenticationState, Challenge, DeviceEnrolment, HardwareToken, SigningDevice
from apps.sca.rules import (
    AuthenticationMethod,
    CodeMalformed,
    DeviceKind,
    Purpose,
    TokenFault,
    WithdrawalReason,
)
from apps.sca.services import (
    CodeRefused,
    EnrolmentOver,
    TokenKnownAlready,
    TokenRefused,
    WeakPIN,
    add_token,
    bind_token,
    check_short_code,
    consume_proof,
    is_proof_of,
    issue_challenge,
    name_token,
    revoke_token,
    seal_activation,
    seal_for_other_devices,
    seal_for_page,
    start_enrolment,
    withdraw_device,
)
from apps.sca.token_files import read_token_file
from examples.token.device import Token, TokenError
from tests.factories.accounts import NOW, customer
from tests.factories.four_eyes import colleague
from tests.sca.apps import App, wrong_code
from tests.sca.keys import signed_enrolment
from tests.sca.test_signing_devices import LATER, PAYMENT, at_once
from tests.sca.tokens import PIN, device_of, give_token, named, open_challenge, stock

pytestmark = [pytest.mark.django_db, pytest.mark.req("S3-9", "S3-13")]


@pytest.fixture
def anna() -> PSU:
    return customer("Anna")


@pytest.fixture
def token(anna: PSU) -> Token:
    return give_token(anna)


def asked(psu: PSU, **other: Any) -> UUID:
    return issue_challenge(
        user=psu.user,
        purpose=Purpose.PAYMENT,
        snapshot=PAYMENT | other,
        method=AuthenticationMethod.PHOTO_OTP,
        hide_limit=False,
        now=NOW,
    )


def lose(token: Token, fault: TokenFault = TokenFault.LOST) -> None:
    row = HardwareToken.objects.get(serial_number=token.serial_number)
    revoke_token(token_id=row.pk, fault=fault, staff_id=colleague("sami").pk, reason="called us", now=LATER)


class TestItsDigits:
    @pytest.mark.req("S3-3", "S3-6", "S3-11", "S3-12", "RTS-5(1)(a)", "RTS-5(1)(b)")
    def test_are_over_what_it_has_shown(self, anna: PSU, token: Token) -> None:
        challenge_id = asked(anna)
        opened = open_challenge(token, challenge_id)
        assert opened.title == "Pay €100.00"
        assert ("IBAN", "DE02 1203 0000 0000 2020 51") in opened.lines
        proof = check_short_code(challenge_id=challenge_id, code=token.code(opened, PIN), now=LATER)
        assert (proof.method, proof.device_id) == ("PHOTO_OTP", device_of(token).pk)
        assert proof.elements == ["knowledge", "possession"]
        with transaction.atomic():
            consume_proof(proof=proof, now=LATER)
        with pytest.raises(CodeRefused):
            check_short_code(challenge_id=challenge_id, code=token.code(opened, PIN), now=LATER)

    @pytest.mark.req("S3-5", "RTS-5(1)(c)", "RTS-5(1)(d)")
    def test_for_a_friend_pay_no_fraudster(self, anna: PSU, token: Token) -> None:
        """S3-5: 100 EUR to a friend, made into 1,000 EUR to somebody else on the way, before or after."""
        friends = asked(anna)
        code = token.code(open_challenge(token, friends), PIN)
        fraud = {
            "amount_minor": 100_000,
            "creditor_name": "A fraudster",
            "creditor_iban": "DE89370400440532013000",
        }
        frauds = asked(anna, **fraud)
        assert "1,000.00" in open_challenge(token, frauds).title  # He sees it before there is a code.
        with pytest.raises(CodeRefused):
            check_short_code(challenge_id=frauds, code=code, now=LATER)
        proof = check_short_code(challenge_id=friends, code=code, now=LATER)
        assert is_proof_of(proof=proof, purpose=Purpose.PAYMENT, snapshot=PAYMENT)
        assert not is_proof_of(proof=proof, purpose=Purpose.PAYMENT, snapshot=PAYMENT | fraud)

    @pytest.mark.req("RTS-4(3)(b)", "RTS-4(2)(b)")
    def test_with_a_wrong_pin_are_wrong_and_counted(self, anna: PSU, token: Token) -> None:
        challenge_id = asked(anna)
        opened = open_challenge(token, challenge_id)
        for _ in range(4):
            with pytest.raises(CodeRefused) as refused:
                check_short_code(challenge_id=challenge_id, code=token.code(opened, "805316"), now=LATER)
            assert not refused.value.is_over
        with pytest.raises(CodeRefused) as refused:
            check_short_code(challenge_id=challenge_id, code=wrong_code(token.code(opened, PIN)), now=LATER)
        assert refused.value.is_over
        assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None
        with pytest.raises(CodeRefused):
            check_short_code(challenge_id=challenge_id, code=token.code(opened, PIN), now=LATER)

    def test_over_another_request_are_worth_nothing(self, anna: PSU, token: Token) -> None:
        code = token.code(open_challenge(token, asked(anna)), PIN)
        with pytest.raises(CodeRefused):
            check_short_code(challenge_id=asked(anna), code=code, now=LATER)

    def test_another_customers_token_opens_nothing(self, anna: PSU, token: Token) -> None:
        bruno = give_token(customer("Bruno"))
        sealed = seal_for_page(challenge_id=asked(anna)).sealed
        with pytest.raises(TokenError, match="another token"):
            bruno.open(sealed)
        token.open(sealed)

    def test_whoever_has_two_gets_a_picture_for_each(self, anna: PSU, token: Token) -> None:
        App().bind(anna)
        other, challenge_id = give_token(anna), asked(anna)
        requests = [
            seal_for_page(challenge_id=challenge_id),
            *seal_for_other_devices(challenge_id=challenge_id),
        ]
        held = {device_of(one).pk: one for one in (token, other)}
        assert {request.device_id for request in requests} == set(held)
        for request in requests:
            assert held[request.device_id].open(request.sealed).challenge_id == challenge_id


@pytest.mark.req("RTS-23(2)", "RTS-24(2)(a)", "RTS-24(2)(b)", "RTS-25(1)")
class TestBinding:
    def test_proves_possession_and_is_told(self, anna: PSU) -> None:
        token = stock()
        enrolment_id, request = named(anna, token)
        opened = token.open(request)
        assert opened.asks_new_pin
        assert ("Serial number", token.serial_number) in opened.lines
        device = bind_token(enrolment_id=enrolment_id, psu=anna, code=token.new_pin(opened, PIN), now=NOW)
        row = HardwareToken.objects.get(serial_number=token.serial_number)
        assert (device.kind, device.user_id, row.holder_id) == ("token", anna.user_id, anna.user_id)
        assert row.handed_out_at == NOW
        assert PIN not in device.pin_key
        notice = OutboxMessage.objects.get(effect_key=f"token:{device.pk}:added")
        assert notice.payload["name"] == "Blue token"
        with pytest.raises(EnrolmentOver):
            bind_token(enrolment_id=enrolment_id, psu=anna, code=token.new_pin(opened, PIN), now=NOW)

    def test_takes_a_signed_wish_in_time(self, anna: PSU) -> None:
        token = stock()
        unsigned = start_enrolment(psu=anna, kind=DeviceKind.TOKEN, name="Blue token", now=NOW)
        with pytest.raises(EnrolmentOver):
            name_token(enrolment_id=unsigned.pk, psu=anna, serial_number=token.serial_number, now=NOW)
        another_kind = signed_enrolment(anna, kind=DeviceKind.APP, name="Telephone")
        with pytest.raises(EnrolmentOver):
            name_token(enrolment_id=another_kind.pk, psu=anna, serial_number=token.serial_number, now=NOW)
        enrolment_id, request = named(anna, token)
        late = NOW + timedelta(minutes=11)
        with pytest.raises(EnrolmentOver):
            seal_activation(enrolment_id=enrolment_id, psu=anna, now=late)
        with pytest.raises(EnrolmentOver):
            bind_token(
                enrolment_id=enrolment_id, psu=anna, code=token.new_pin(token.open(request), PIN), now=late
            )

    def test_a_wrong_number_looks_like_a_right_one(self, anna: PSU) -> None:
        _, right = named(anna, stock())
        unknown = Token("0000000000", bytes(32))
        enrolment_id, sealed = named(anna, unknown)
        assert len(sealed) == len(right)
        assert sealed == seal_activation(enrolment_id=enrolment_id, psu=anna, now=NOW)
        with pytest.raises(TokenError):
            unknown.open(sealed)
        with pytest.raises(TokenRefused) as of_unknown:
            bind_token(enrolment_id=enrolment_id, psu=anna, code="1" * 14, now=NOW)
        enrolment_id, _ = named(anna, stock())
        with pytest.raises(TokenRefused) as of_known:
            bind_token(enrolment_id=enrolment_id, psu=anna, code="1" * 14, now=NOW)
        assert (str(of_unknown.value), of_unknown.value.is_over) == (
            str(of_known.value),
            of_known.value.is_over,
        )

    @pytest.mark.req("RTS-4(3)(b)")
    def test_takes_five_tries_over_all_numbers(self, anna: PSU) -> None:
        token = stock()
        enrolment_id, request = named(anna, token)
        right = token.new_pin(token.open(request), PIN)
        for number in range(5):
            name_token(enrolment_id=enrolment_id, psu=anna, serial_number=str(number) * 10, now=NOW)
            with pytest.raises(TokenRefused) as refused:
                bind_token(enrolment_id=enrolment_id, psu=anna, code=right, now=NOW)
            assert refused.value.is_over == (number == 4)
        assert DeviceEnrolment.objects.get(pk=enrolment_id).status == "closed"
        with pytest.raises(EnrolmentOver):
            name_token(enrolment_id=enrolment_id, psu=anna, serial_number=token.serial_number, now=NOW)

    @pytest.mark.parametrize("code", ["", "1" * 13, "1" * 15, "１" * 14, "abcdefghijklmn"])
    def test_digits_of_another_form_count_nothing(self, anna: PSU, code: str) -> None:
        enrolment_id, _ = named(anna, stock())
        with pytest.raises(CodeMalformed):
            bind_token(enrolment_id=enrolment_id, psu=anna, code=code, now=NOW)
        assert DeviceEnrolment.objects.get(pk=enrolment_id).attempts == 0

    def test_every_digit_counts(self, anna: PSU) -> None:
        token = stock()
        enrolment_id, request = named(anna, token)
        right = token.new_pin(token.open(request), PIN)
        for place in (0, 7, 8, 13):
            bent = right[:place] + str((int(right[place]) + 1) % 10) + right[place + 1 :]
            with pytest.raises(TokenRefused):
                bind_token(enrolment_id=enrolment_id, psu=anna, code=bent, now=NOW)
        bind_token(enrolment_id=enrolment_id, psu=anna, code=right, now=NOW)

    def test_a_pin_that_anybody_tries_is_not_taken(self, anna: PSU, monkeypatch: pytest.MonkeyPatch) -> None:
        token = stock()
        enrolment_id, request = named(anna, token)
        opened = token.open(request)
        with pytest.raises(TokenError):
            token.new_pin(opened, "123456")
        monkeypatch.setattr("examples.token.device.is_weak", lambda _pin: False)
        for pin in ("123456", "098765", "777777"):
            with pytest.raises(WeakPIN):
                bind_token(enrolment_id=enrolment_id, psu=anna, code=token.new_pin(opened, pin), now=NOW)
        bind_token(enrolment_id=enrolment_id, psu=anna, code=token.new_pin(opened, PIN), now=NOW)

    def test_anothers_token_is_not_bound(self, anna: PSU, token: Token) -> None:
        bruno = customer("Bruno")
        withdraw_device(
            user_id=anna.user_id, device_id=device_of(token).pk, reason=WithdrawalReason.REMOVED, now=LATER
        )
        enrolment_id, sealed = named(bruno, token)
        with pytest.raises(TokenError):
            token.open(sealed)
        with pytest.raises(TokenRefused):
            bind_token(enrolment_id=enrolment_id, psu=bruno, code="1" * 14, now=NOW)

    def test_its_owner_binds_it_again_with_another_pin(self, anna: PSU, token: Token) -> None:
        device = device_of(token)
        enrolment_id, sealed = named(anna, token)
        with pytest.raises(TokenError):  # Bound already.
            token.open(sealed)
        withdraw_device(user_id=anna.user_id, device_id=device.pk, reason=WithdrawalReason.REMOVED, now=LATER)
        opened = token.open(seal_activation(enrolment_id=enrolment_id, psu=anna, now=LATER))
        bind_token(enrolment_id=enrolment_id, psu=anna, code=token.new_pin(opened, "805316"), now=LATER)
        assert device_of(token).pk != device.pk
        challenge_id = asked(anna)
        opened = open_challenge(token, challenge_id)
        with pytest.raises(CodeRefused):
            check_short_code(challenge_id=challenge_id, code=token.code(opened, PIN), now=LATER)
        check_short_code(challenge_id=challenge_id, code=token.code(opened, "805316"), now=LATER)


@pytest.mark.req("RTS-27")
class TestLoss:
    def test_of_a_token_ends_it_and_is_told(self, anna: PSU, token: Token) -> None:
        challenge_id, device = asked(anna), device_of(token)
        code = token.code(open_challenge(token, challenge_id), PIN)
        lose(token)
        with pytest.raises(CodeRefused):
            check_short_code(challenge_id=challenge_id, code=code, now=LATER)
        device.refresh_from_db()
        assert (device.confirmed, device.withdrawn_because) == (False, "lost")
        assert OutboxMessage.objects.filter(effect_key=f"token:{device.pk}:lost").exists()
        enrolment_id, sealed = named(anna, token)
        with pytest.raises(TokenError):
            token.open(sealed)
        with pytest.raises(TokenRefused):
            bind_token(enrolment_id=enrolment_id, psu=anna, code="1" * 14, now=NOW)
        lose(token, TokenFault.BROKEN)  # Nothing more.
        assert HardwareToken.objects.get(serial_number=token.serial_number).revoked_because == "lost"

    def test_its_owner_removes_it(self, anna: PSU, token: Token) -> None:
        challenge_id = asked(anna)
        code = token.code(open_challenge(token, challenge_id), PIN)
        withdraw_device(
            user_id=anna.user_id, device_id=device_of(token).pk, reason=WithdrawalReason.REMOVED, now=LATER
        )
        with pytest.raises(CodeRefused):
            check_short_code(challenge_id=challenge_id, code=code, now=LATER)
        assert Challenge.objects.get(pk=challenge_id).status == "voided"


class TestTheStock:
    def test_takes_a_number_once_and_whole(self) -> None:
        token = stock()
        with pytest.raises(TokenKnownAlready):
            add_token(serial_number=token.serial_number, token_key=bytes(32), now=NOW)
        for number in ("", "471100000", "47110000011", "471100000x", "4711 00000"):
            with pytest.raises(InvalidInput):
                add_token(serial_number=number, token_key=bytes(32), now=NOW)
        with pytest.raises(InvalidInput):
            add_token(serial_number="4711000001", token_key=bytes(31), now=NOW)

    def test_keeps_no_key_in_clear(self) -> None:
        token = stock()
        row = HardwareToken.objects.get(serial_number=token.serial_number)
        assert token.key.hex() not in row.token_key
        assert len(row.token_key) > 60

    def test_is_filled_from_files(self, tmp_path: Any) -> None:
        call_command("make_tokens", count=2, out=tmp_path, verbosity=0)
        made = sorted(tmp_path.iterdir())
        assert [oct(path.stat().st_mode & 0o777) for path in made] == ["0o600", "0o600"]
        for path in made:
            token = Token.from_file(path)
            assert (token.serial_number, token.key) == read_token_file(path)
            assert HardwareToken.objects.filter(serial_number=token.serial_number).exists()
        with pytest.raises(CommandError, match="token_known_already"):
            call_command("add_tokens", *made)
        HardwareToken.objects.all().delete()
        (tmp_path / "other").write_text("{}")
        with pytest.raises(CommandError):  # All of them or none.
            call_command("add_tokens", *made, tmp_path / "other")
        assert not HardwareToken.objects.exists()
        call_command("add_tokens", *made)
        assert HardwareToken.objects.count() == 2

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE sca_hardwaretoken SET serial_number = '12345'",
            "UPDATE sca_hardwaretoken SET token_key = ''",
            "UPDATE sca_hardwaretoken SET handed_out_at = NULL",
            "UPDATE sca_hardwaretoken SET revoked_at = now()",
            "UPDATE sca_hardwaretoken SET revoked_because = 'lost'",
            "UPDATE sca_hardwaretoken SET revoked_at = now(), revoked_because = 'bored'",
            "UPDATE sca_signingdevice SET pin_key = ''",
            "UPDATE sca_signingdevice SET token_key = ''",
            "UPDATE sca_deviceenrolment SET attempts = 6",
        ],
    )
    def test_the_database_keeps_it_whole(self, token: Token, statement: str) -> None:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    def test_one_token_works_for_one_customer(self, anna: PSU, token: Token) -> None:
        device = device_of(token)
        device.pk = device.id = None
        with pytest.raises(IntegrityError), transaction.atomic():
            device.save(force_insert=True)
        assert SigningDevice.objects.count() == 1


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_two_who_bind_one_token_are_not_both_its_owner(self) -> None:
        token, two = stock(), [customer("Anna"), customer("Bruno", phone="+4915100000002")]
        wishes = [named(psu, token) for psu in two]
        codes = [token.new_pin(token.open(request), PIN) for _, request in wishes]

        def bind(number: int) -> bool:
            bind_token(enrolment_id=wishes[number][0], psu=two[number], code=codes[number], now=NOW)
            return True

        assert at_once(2, bind) == [True]
        assert SigningDevice.objects.count() == 1

    @pytest.mark.req("RTS-4(3)(b)")
    def test_of_fifty_tries_five_are_compared(self) -> None:
        anna, token = customer("Anna"), stock()
        enrolment_id, _ = named(anna, token)
        at_once(
            50,
            lambda number: bind_token(enrolment_id=enrolment_id, psu=anna, code=f"{number:014}", now=NOW),
        )
        enrolment = DeviceEnrolment.objects.get(pk=enrolment_id)
        assert (enrolment.attempts, enrolment.status) == (5, "closed")
