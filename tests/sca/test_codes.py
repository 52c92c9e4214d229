"""The code: what it is made of, how often it may be tried, and that it opens its own snapshot once."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.test import override_settings

from apps.core.canonical import canonical_hash
from apps.core.checks import check_legal_limits
from apps.identity.models import PSU, User
from apps.notifications.models import OutboxMessage
from apps.sca.models import AuthenticationState, Challenge
from apps.sca.rules import CodeMalformed, Purpose, block_until, compute_code, hash_code
from apps.sca.services import (
    CodeRefused,
    TooManyCodes,
    check_code,
    check_knowledge,
    consume_proof,
    is_proof_of,
    send_code,
)
from tests.factories.accounts import NOW, customer
from tests.factories.four_eyes import reopened
from tests.factories.identity import PASSWORD
from tests.factories.payments import proof_for, right_code, wrong_code

SNAPSHOT = {"amount_minor": 100, "creditor_iban": "DE02120300000000202051", "creditor_name": "Kern"}


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


def sent(user: User | None, **fields: object):
    arguments = {"purpose": Purpose.PAYMENT, "snapshot": SNAPSHOT, "now": NOW} | fields
    return send_code(user=user, **arguments)


def failures(user: User) -> int:
    return AuthenticationState.objects.get(user=user).consecutive_failures


def fail(challenge_id, *, code: str = "", now=NOW) -> CodeRefused:
    with pytest.raises(CodeRefused) as refused:
        check_code(challenge_id=challenge_id, code=code or wrong_code(challenge_id), now=now)
    return refused.value


@pytest.mark.req("S1-2", "S1-3", "S1-4", "S3-1", "RTS-4(2)")
class TestTheCodeItself:
    def test_depends_on_every_byte_of_the_snapshot(self) -> None:
        codes = {
            compute_code(key=b"k" * 32, nonce=b"n" * 32, snapshot_hash=canonical_hash(SNAPSHOT | change))
            for change in ({}, {"amount_minor": 101}, {"creditor_name": "Kerm"}, {"creditor_iban": "DE1"})
        }
        assert len(codes) == 4

    def test_another_nonce_gives_an_unrelated_code(self) -> None:
        counts = Counter(
            compute_code(key=b"k" * 32, nonce=n.to_bytes(32, "big"), snapshot_hash=b"s" * 32)
            for n in range(20_000)
        )
        assert counts.most_common(1)[0][1] <= 5
        first_digits = Counter(code[0] for code in counts)
        assert all(1_700 < first_digits[digit] < 2_300 for digit in "0123456789")

    @pytest.mark.slow
    def test_of_a_million_forged_ones_none_is_taken(self) -> None:
        """Every code that can be typed: one fits its own challenge, none another."""
        real = hash_code(key=b"k" * 32, challenge_id="mine", snapshot_hash=b"s" * 32, code="004711")
        for challenge, fitting in (("mine", ["004711"]), ("another", [])):
            codes = (f"{n:06}" for n in range(10**6))
            assert fitting == [
                code
                for code in codes
                if hash_code(key=b"k" * 32, challenge_id=challenge, snapshot_hash=b"s" * 32, code=code)
                == real
            ]

    def test_cannot_be_forged_without_the_key(self) -> None:
        target = hash_code(key=b"k" * 32, challenge_id="c", snapshot_hash=b"s", code="123456")
        assert all(
            hash_code(key=b"x" * 32, challenge_id="c", snapshot_hash=b"s", code=f"{n:06}") != target
            for n in range(10_000)
        )

    @pytest.mark.req("S0-5", "RTS-22(1)", "RTS-22(2)")
    def test_is_nowhere_in_the_database(self, anna: PSU) -> None:
        challenge_id = sent(anna.user)
        code = right_code(challenge_id)
        with connection.cursor() as cursor:
            cursor.execute("SELECT c::text FROM sca_challenge c")
            rows = cursor.fetchall()
            cursor.execute("SELECT o::text FROM notifications_outboxmessage o")
            rows += cursor.fetchall()
            cursor.execute("SELECT a::text FROM audit_auditevent a")
            rows += cursor.fetchall()
        assert rows
        assert not [row for row in rows if code in row[0].replace(str(challenge_id), "")]


@pytest.mark.req("S1-4", "RTS-4(1)")
class TestCheckCode:
    def test_accepts_the_right_code(self, anna: PSU) -> None:
        proof = proof_for(sent(anna.user))
        assert proof.user_id == anna.user_id
        assert is_proof_of(proof=proof, purpose=Purpose.PAYMENT, snapshot=SNAPSHOT)

    @pytest.mark.req("S3-4", "S3-5", "RTS-5(1)(c)")
    @pytest.mark.parametrize(
        "snapshot",
        [
            SNAPSHOT | {"amount_minor": 100_000},
            SNAPSHOT | {"creditor_iban": "DE89370400440532013000"},
            SNAPSHOT | {"creditor_name": "Fraud Ltd"},
            {"amount_minor": 100},
            {},
        ],
    )
    def test_proves_nothing_but_its_own_snapshot(self, anna: PSU, snapshot: dict[str, object]) -> None:
        assert not is_proof_of(proof=proof_for(sent(anna.user)), purpose=Purpose.PAYMENT, snapshot=snapshot)

    def test_does_not_serve_another_purpose(self, anna: PSU) -> None:
        proof = proof_for(sent(anna.user))
        assert not is_proof_of(proof=proof, purpose=Purpose.SIGN_IN, snapshot=SNAPSHOT)

    @pytest.mark.req("R0-6")
    @pytest.mark.parametrize(
        "code", ["", "12345", "1234567", "12345\n", "१२३४५६", "１２３４５６", "12a456", "+12345", "²³¹²³¹"]
    )
    def test_refuses_a_malformed_code_without_counting_it(self, anna: PSU, code: str) -> None:
        challenge_id = sent(anna.user)
        with pytest.raises(CodeMalformed):
            check_code(challenge_id=challenge_id, code=code, now=NOW)
        assert Challenge.objects.get(pk=challenge_id).attempts == 0

    def test_forgives_a_blank_inside(self, anna: PSU) -> None:
        challenge_id = sent(anna.user)
        code = right_code(challenge_id)
        assert check_code(challenge_id=challenge_id, code=f"{code[:3]} {code[3:]}", now=NOW)

    def test_refuses_the_code_of_another_challenge(self, anna: PSU) -> None:
        first, second = sent(anna.user), sent(anna.user)
        if right_code(first) != right_code(second):
            fail(second, code=right_code(first))

    @pytest.mark.req("S1-6", "S1-7", "S1-8")
    def test_lives_from_generation_for_ten_minutes(self, anna: PSU) -> None:
        challenge_id = sent(anna.user)
        assert fail(challenge_id, code=right_code(challenge_id), now=NOW + timedelta(seconds=600)).is_over
        assert proof_for(challenge_id, now=NOW + timedelta(seconds=599))

    @pytest.mark.req("S1-8")
    def test_the_database_refuses_a_longer_life(self, anna: PSU) -> None:
        sent(anna.user)
        with pytest.raises(IntegrityError, match="sca_challenge_life_bounded"), transaction.atomic():
            Challenge.objects.update(expires_at=NOW + timedelta(seconds=901))

    @pytest.mark.req("S1-5", "S1-9", "R0-1")
    def test_is_dead_after_five_failures_even_for_the_right_code(self, anna: PSU) -> None:
        challenge_id = sent(anna.user)
        assert [fail(challenge_id).is_over for _ in range(5)] == [False, False, False, False, True]
        assert fail(challenge_id, code=right_code(challenge_id)).is_over
        assert Challenge.objects.get(pk=challenge_id).attempts == 5

    @pytest.mark.req("R0-1")
    def test_counts_in_a_transaction_of_its_own(self, anna: PSU) -> None:
        with pytest.raises(RuntimeError, match="outside a transaction"), transaction.atomic():
            check_code(challenge_id=sent(anna.user), code="000000", now=NOW)

    def test_the_database_refuses_a_sixth_attempt(self, anna: PSU) -> None:
        sent(anna.user)
        with pytest.raises(IntegrityError, match="sca_challenge_attempts_bounded"), transaction.atomic():
            Challenge.objects.update(attempts=6)

    @pytest.mark.req("S0-8", "N7")
    def test_a_decoy_matches_no_code(self, anna: PSU) -> None:
        decoy = sent(None)
        assert fail(decoy, code=right_code(decoy)).is_over is False
        assert not OutboxMessage.objects.exists()

    def test_a_newer_code_voids_the_older_only_for_the_same_authorisation(self, anna: PSU) -> None:
        older, newer = sent(anna.user), sent(anna.user)
        assert proof_for(older)
        assert proof_for(newer)


@pytest.mark.req("RTS-4(3)(b)", "S1-10", "R0-3")
class TestFailuresInARow:
    def test_five_wrong_codes_over_several_challenges_pause_sign_in(self, anna: PSU) -> None:
        for _ in range(2):
            challenge_id = sent(anna.user)
            fail(challenge_id)
            fail(challenge_id)
        last = sent(anna.user)
        assert fail(last).is_over
        assert fail(last, code=right_code(last)).is_over
        assert check_knowledge(username=anna.user.username, password=PASSWORD, now=NOW) is None

    @pytest.mark.req("RTS-4(4)", "S0-7")
    def test_the_customer_is_told(self, anna: PSU) -> None:
        challenge_id = sent(anna.user)
        for _ in range(5):
            fail(challenge_id)
        assert OutboxMessage.objects.filter(topic="sca.send_block_notice").count() == 1

    @pytest.mark.req("RTS-4(4)")
    def test_the_pause_ends_and_grows(self, anna: PSU) -> None:
        for level, minutes in enumerate((15, 60, 360, 1440)):
            start = NOW + timedelta(days=10 * level)
            for _ in range(5):
                assert check_knowledge(username=anna.user.username, password="wrong", now=start) is None
            state = AuthenticationState.objects.get(user=anna.user)
            assert state.blocked_until == start + timedelta(minutes=minutes)
            assert check_knowledge(username=anna.user.username, password=PASSWORD, now=start) is None
        assert check_knowledge(username=anna.user.username, password=PASSWORD, now=NOW + timedelta(days=100))

    @pytest.mark.req("RTS-4(4)")
    def test_the_fifth_pause_lasts_until_the_bank_lifts_it(self, anna: PSU) -> None:
        AuthenticationState.objects.create(user=anna.user, block_level=4)
        for _ in range(5):
            check_knowledge(username=anna.user.username, password="wrong", now=NOW)
        later = NOW + timedelta(days=1000)
        assert check_knowledge(username=anna.user.username, password=PASSWORD, now=later) is None
        reopened(anna.user, now=later)
        assert check_knowledge(username=anna.user.username, password=PASSWORD, now=later) == anna.user
        assert block_until(level=4, now=NOW) is None

    @pytest.mark.req("N6")
    def test_a_right_password_alone_does_not_start_anew(self, anna: PSU) -> None:
        for _ in range(3):
            check_knowledge(username=anna.user.username, password="wrong", now=NOW)
        assert check_knowledge(username=anna.user.username, password=PASSWORD, now=NOW) == anna.user
        assert failures(anna.user) == 3

    def test_a_whole_success_does(self, anna: PSU) -> None:
        for _ in range(3):
            check_knowledge(username=anna.user.username, password="wrong", now=NOW)
        proof = proof_for(sent(anna.user))
        with transaction.atomic():
            consume_proof(proof=proof, now=NOW)
        assert failures(anna.user) == 0

    @pytest.mark.req("N7", "RTS-4(3)(a)")
    def test_user_ids_know_no_case_and_unknown_ones_no_difference(self, anna: PSU) -> None:
        assert check_knowledge(username=anna.user.username.upper(), password=PASSWORD, now=NOW) == anna.user
        for username in ("nobody", "", "x" * 200, "a\x00b", "anna\n"):
            assert check_knowledge(username=username, password=PASSWORD, now=NOW) is None


@pytest.mark.req("S1-10")
class TestHowManyCodesAreSent:
    @pytest.fixture(autouse=True)
    def as_in_production(self, settings) -> None:
        settings.SCA_SENDS_PER_10_MINUTES = 3

    def test_codes_that_were_used_do_not_count(self, anna: PSU) -> None:
        for _ in range(5):
            proof = proof_for(sent(anna.user, hide_limit=False))
            with transaction.atomic():
                consume_proof(proof=proof, now=NOW)

    def test_a_signed_in_customer_is_told_after_three_in_ten_minutes(self, anna: PSU) -> None:
        for _ in range(3):
            sent(anna.user, hide_limit=False)
        with pytest.raises(TooManyCodes):
            sent(anna.user, hide_limit=False)
        assert sent(anna.user, hide_limit=False, now=NOW + timedelta(minutes=10))

    @pytest.mark.req("N7", "RTS-4(3)(a)")
    def test_a_stranger_sees_no_difference(self, anna: PSU) -> None:
        for _ in range(5):
            sent(anna.user)
        assert OutboxMessage.objects.filter(topic="sca.send_code").count() == 3


class TestConsume:
    @pytest.mark.req("RTS-4(1)")
    def test_a_code_is_spent_once(self, anna: PSU) -> None:
        proof = proof_for(sent(anna.user))
        with transaction.atomic():
            consume_proof(proof=proof, now=NOW)
        with pytest.raises(CodeRefused), transaction.atomic():
            consume_proof(proof=proof, now=NOW)

    def test_nothing_is_spent_outside_a_transaction(self, transactional_db: None) -> None:
        proof = proof_for(sent(customer("Anna").user))
        with pytest.raises(RuntimeError, match="transaction"):
            consume_proof(proof=proof, now=NOW)


def in_parallel(count: int, work) -> list[object]:
    """Run ``work(i)`` in ``count`` threads at once; what each returned or raised."""
    results: list[object] = [None] * count
    barrier = threading.Barrier(count)

    def run(number: int) -> None:
        try:
            barrier.wait()
            results[number] = work(number)
        except Exception as error:
            results[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.req("R0-2", "S1-5")
@pytest.mark.django_db(transaction=True)
class TestRaces:
    def test_of_fifty_guesses_at_once_five_are_compared(self) -> None:
        anna = customer("Anna")
        challenge_id = sent(anna.user)
        wrong = wrong_code(challenge_id)
        results = in_parallel(50, lambda n: check_code(challenge_id=challenge_id, code=wrong, now=NOW))
        compared = [
            error for error in results if isinstance(error, CodeRefused) and error.detail == "wrong code"
        ]
        assert len(compared) == 5
        assert all(isinstance(error, CodeRefused) for error in results)
        assert Challenge.objects.get(pk=challenge_id).attempts == 5

    @pytest.mark.req("R0-3")
    def test_guesses_spread_over_three_codes_are_still_five(self) -> None:
        anna = customer("Anna")
        challenges = [sent(anna.user) for _ in range(3)]
        wrong = {challenge_id: wrong_code(challenge_id) for challenge_id in challenges}

        def guess(number: int) -> object:
            challenge_id = challenges[number % 3]
            return check_code(challenge_id=challenge_id, code=wrong[challenge_id], now=NOW)

        results = in_parallel(30, guess)
        compared = [
            error for error in results if isinstance(error, CodeRefused) and error.detail == "wrong code"
        ]
        assert len(compared) == 5

    @pytest.mark.req("RTS-4(1)")
    def test_of_fifty_right_codes_at_once_one_is_spent(self) -> None:
        anna = customer("Anna")
        challenge_id = sent(anna.user)
        code = right_code(challenge_id)

        def spend(number: int) -> str:
            proof = check_code(challenge_id=challenge_id, code=code, now=NOW)
            with transaction.atomic():
                consume_proof(proof=proof, now=NOW)
            return "spent"

        results = in_parallel(50, spend)
        assert results.count("spent") == 1
        assert sum(isinstance(result, CodeRefused) for result in results) == 49

    def test_password_guesses_at_once_are_five(self) -> None:
        anna = customer("Anna")
        name = anna.user.username
        in_parallel(20, lambda n: check_knowledge(username=name, password=f"wrong{n}", now=NOW))
        assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None
        assert check_knowledge(username=name, password=PASSWORD, now=NOW) is None


@pytest.mark.req("S1-5", "S1-8", "S1-11")
@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("SCA_CODE_TTL_SECONDS", 901),
        ("SCA_MAX_ATTEMPTS", 6),
        ("SESSION_IDLE_SECONDS", 301),
        ("AIS_UNATTENDED_PER_DAY_MAX", 5),
        ("CONSENT_VALIDITY_DAYS_MAX", 181),
        ("SCA_CODE_TTL_SECONDS", 0),
    ],
)
def test_the_program_does_not_start_outside_the_law(setting: str, value: int) -> None:
    with override_settings(**{setting: value}):
        assert [error.id for error in check_legal_limits(None)] == ["bank.E001"]
