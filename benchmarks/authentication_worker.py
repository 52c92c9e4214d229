"""A process that verifies answers and prints what they cost as JSON; run by ``bench_authentication``:
``python -m benchmarks.authentication_worker COUNT``."""

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402

from apps.core import clock  # noqa: E402
from apps.core.canonical import canonical_hash  # noqa: E402
from apps.core.keys import derive_key  # noqa: E402
from apps.identity.models import PSU  # noqa: E402
from apps.sca import webauthn  # noqa: E402
from apps.sca.device_protocol import (  # noqa: E402
    bank_key,
    from_text,
    is_signed,
    keys_for_app,
    pin_proof,
    short_code,
)
from apps.sca.models import AuthenticationState, Challenge, Passkey  # noqa: E402
from apps.sca.rules import AuthenticationMethod, Purpose, hash_code, passkey_challenge  # noqa: E402
from apps.sca.services import (  # noqa: E402
    answer_by_app,
    ask_passkey,
    check_code,
    check_passkey,
    check_short_code,
    issue_challenge,
    passkey_request,
    send_code,
)
from tests.factories.accounts import customer  # noqa: E402
from tests.factories.payments import right_code  # noqa: E402
from tests.sca.apps import App, point  # noqa: E402
from tests.sca.device import Device  # noqa: E402
from tests.sca.keys import give_passkey  # noqa: E402

# What an app shows besides.
_LINES = {
    "currency": "EUR",
    "debtor_iban": "DE89370400440532013000",
    "remittance_information_unstructured": "",
    "tpp_name": "",
}
SNAPSHOT = {"amount_minor": 10_000, "creditor_iban": "DE02120300000000202051", "creditor_name": "A friend"}


def main() -> None:
    count = int(sys.argv[1])
    settings.SCA_SENDS_PER_10_MINUTES = 3 * count + 10
    anna = customer("Anna")
    device = give_passkey(anna, Device(origin=settings.PUBLIC_BASE_URL), now=clock.now())
    app = App()
    app.bind(anna, now=clock.now())
    print(
        json.dumps(
            {
                "password_us": cost(lambda: make_password("correct horse battery"), 5),
                "code": {"verifying_us": cost(_verify_code, count), "whole_us": _whole_codes(anna, count)},
                "passkey": {
                    "verifying_us": cost(_passkey_verifier(device), count),
                    "whole_us": _whole_passkeys(anna, device, count),
                },
                "app": {
                    "verifying_us": cost(_app_verifier(anna, app), count),
                    "whole_us": _whole_apps(anna, app, count),
                },
                "digits": {
                    "verifying_us": cost(_digits_verifier(anna, app), count),
                    "whole_us": _whole_digits(anna, app, count),
                },
            }
        )
    )


def cost(work: Callable[[], Any], count: int) -> float:
    """Microseconds of processor time for one of ``count``."""
    began = time.process_time()
    for _ in range(count):
        work()
    return (time.process_time() - began) / count * 1e6


def _verify_code() -> None:
    hash_code(key=b"k" * 32, challenge_id="c" * 36, snapshot_hash=b"s" * 32, code="123456")


def _passkey_verifier(device: Device) -> Callable[[], None]:
    party = webauthn.RelyingParty(id="localhost", name="Lindenbank", origin=settings.PUBLIC_BASE_URL)
    challenge = passkey_challenge(nonce=b"n" * 32, snapshot_hash=canonical_hash(SNAPSHOT))
    request = webauthn.authentication_request(
        party=party, challenge=challenge, credential_ids=[], timeout_seconds=60
    )
    answer = json.loads(device.sign({**request, "rpId": "localhost"}))
    public_key = bytes(Passkey.objects.get(credential_id=device.credential_id).public_key)

    def verify() -> None:
        verified = webauthn.verify_answer(
            party=party, challenge=challenge, public_key=public_key, answer=answer
        )
        assert verified is not None

    return verify


def _whole_codes(anna: PSU, count: int) -> float:
    challenges = [
        send_code(
            user=anna.user, purpose=Purpose.PAYMENT, snapshot=SNAPSHOT, hide_limit=False, now=clock.now()
        )
        for _ in range(count)
    ]
    codes = [right_code(challenge_id) for challenge_id in challenges]
    answers = iter(zip(challenges, codes, strict=True))

    def check() -> None:
        challenge_id, code = next(answers)
        check_code(challenge_id=challenge_id, code=code, now=clock.now())
        AuthenticationState.objects.filter(user=anna.user).update(consecutive_failures=0)

    return cost(check, count)


def _whole_passkeys(anna: PSU, device: Device, count: int) -> float:
    challenges = [
        ask_passkey(user=anna.user, purpose=Purpose.PAYMENT, snapshot=SNAPSHOT, now=clock.now())
        for _ in range(count)
    ]
    signed = [device.sign(passkey_request(challenge_id=challenge_id)) for challenge_id in challenges]
    answers = iter(zip(challenges, signed, strict=True))

    def check() -> None:
        challenge_id, answer = next(answers)
        check_passkey(challenge_id=challenge_id, answer=answer, now=clock.now())
        AuthenticationState.objects.filter(user=anna.user).update(consecutive_failures=0)

    return cost(check, count)


def _ask_app(anna: PSU) -> UUID:
    return issue_challenge(
        user=anna.user,
        purpose=Purpose.PAYMENT,
        snapshot=SNAPSHOT | _LINES,
        method=AuthenticationMethod.PUSH_OTP,
        hide_limit=False,
        now=clock.now(),
    )


def _app_verifier(anna: PSU, app: App) -> Callable[[], None]:
    opened = app.open_challenge(_ask_app(anna))
    body, signature = app.answer(opened)
    given = from_text(json.loads(body)["pin_proof"])

    def verify() -> None:
        assert is_signed(signing_key=point(app.signing), body=body, signature=signature)
        assert pin_proof(pin_key=app.pin_key(), content=opened.content) == given

    return verify


def _digits_verifier(anna: PSU, app: App) -> Callable[[], None]:
    challenge_id = _ask_app(anna)
    opened = app.open_challenge(challenge_id)
    code = app.code(opened)

    def verify() -> None:
        keys = keys_for_app(
            own=bank_key(secret=derive_key("sca.device.v1"), nonce=nonce),
            agreement_key=point(app.agreement),
            challenge_id=challenge_id,
        )
        assert short_code(keys=keys, pin_key=app.pin_key(), content=opened.content) == code

    nonce = bytes(Challenge.objects.get(pk=challenge_id).nonce)
    return verify


def _whole_apps(anna: PSU, app: App, count: int) -> float:
    opened = [app.open_challenge(_ask_app(anna)) for _ in range(count)]
    answers = iter([app.answer(one) for one in opened])

    def check() -> None:
        body, signature = next(answers)
        answer_by_app(body=body, signature=signature, now=clock.now())

    return cost(check, count)


def _whole_digits(anna: PSU, app: App, count: int) -> float:
    opened = [app.open_challenge(_ask_app(anna)) for _ in range(count)]
    answers = iter([(one.challenge_id, app.code(one)) for one in opened])

    def check() -> None:
        challenge_id, code = next(answers)
        check_short_code(challenge_id=challenge_id, code=code, now=clock.now())

    return cost(check, count)


if __name__ == "__main__":
    main()
