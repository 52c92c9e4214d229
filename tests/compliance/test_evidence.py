"""What an auditor asks of the whole, over several rooms: evidence of one payment, and secrets kept nowhere."""

import hashlib
import json
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction

from apps.audit.models import AuditEvent
from apps.audit.queries import verify_chains
from apps.core.request_context import call_context
from apps.engine.execution import execute_payment
from apps.identity.models import User
from apps.payments.services import authorise_payment
from apps.sca.services import check_knowledge
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.identity import PASSWORD
from tests.factories.payments import challenged_payment, proof_for, right_code
from tests.factories.tpp import AppFactory


@pytest.fixture
def anna(db):
    bank_accounts()
    return customer("Anna", balance_minor=10_000)


@pytest.mark.req("P-72", "RTS-29(1)", "RTS-29(2)")
def test_the_story_of_a_payment_can_be_told_from_the_trail_alone(anna):
    app: Any = AppFactory()
    bruno: Any = customer("Bruno", phone="+4915100000002", balance_minor=0)
    with call_context(request="11111111-1111-4111-8111-111111111111", session="pseudonym"):
        payment, authorisation_id, challenge_id = challenged_payment(
            anna, app=app, creditor_iban=bruno.account.iban
        )
        authorise_payment(
            payment_id=payment.pk,
            authorisation_id=authorisation_id,
            psu=anna,
            proof=proof_for(challenge_id),
            now=NOW,
        )
        with transaction.atomic():
            execute_payment(payment_id=payment.pk, now=NOW)

    told = list(AuditEvent.objects.filter(object_id=str(payment.pk)).order_by("id"))
    assert [event.event for event in told] == [
        "risk.payment.assessed",
        "risk.case.opened",  # A TPP that says nothing of device and place, another name at a new payee’s bank.
        "payments.payment.received",
        "payments.payment.payee_verified",
        "sca.authorisation.opened",
        "sca.authorisation.finalised",
        "payments.payment.ACTC",
        "payments.payment.ACSC",
    ]
    assessed, _, received, verified, _, finalised, authorised, booked = told
    # What monitoring made of it, by which rules.
    assert assessed.data["level"] == "high"
    assert assessed.data["rules_version"] == 1
    # Who asked, for how much, who agreed and how, who booked it.
    assert (received.actor_type, received.actor_id) == ("tpp", str(app.tpp_id))
    assert received.data["amount_minor"] == payment.amount_minor
    assert verified.data == {"outcome": "NMTC"}
    assert (authorised.actor_type, authorised.actor_id) == ("psu", str(anna.pk))
    assert finalised.data["elements"] == ["knowledge", "possession"]
    assert (booked.actor_type, booked.actor_id) == ("engine", anna.core_user.core_user_id)
    # The code was made over what was authorised, and spent.
    issued = AuditEvent.objects.get(event="sca.challenge.issued", object_id=str(challenge_id))
    used = AuditEvent.objects.get(event="sca.challenge.used", object_id=str(challenge_id))
    assert issued.data["authorisation"] == str(authorisation_id) == finalised.data["authorisation"]
    assert issued.data["snapshot_sha256"] == used.data["snapshot_sha256"] == finalised.data["snapshot_sha256"]
    # One call, one session, one clock; and nobody changed a word of it.
    assert {event.request_id for event in told} == {"11111111-1111-4111-8111-111111111111"}
    assert {event.session_id for event in told} == {"pseudonym"}
    assert {event.at for event in told} == {NOW}
    assert verify_chains().intact


@pytest.mark.req("RTS-6", "RTS-22(1)", "RTS-22(2)", "S0-5", "RTS-35(5)")
def test_no_table_holds_a_password_or_a_code(anna):
    user = User.objects.get(pk=anna.user_id)
    user.set_password(PASSWORD)
    user.save(update_fields=["password"])
    assert user.password.startswith("argon2$argon2id$")
    assert check_knowledge(username=user.username, password="a wrong password 93", now=NOW) is None
    _, _, challenge_id = challenged_payment(anna)
    code = right_code(challenge_id)

    secrets = {PASSWORD, "a wrong password 93", code, hashlib.sha256(code.encode()).hexdigest()}
    found = [(table, secret) for table in _tables() for secret in secrets if _is_anywhere(table, secret)]
    assert not found


def _tables() -> list[str]:
    return [model._meta.db_table for model in apps.get_models() if model._meta.managed]


def _is_anywhere(table: str, secret: str) -> bool:
    """Whether a row has the secret as a value of its own, or inside a text; times and ids hold digits by chance."""
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT to_jsonb(t) FROM "{table}" t')
        rows = [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in cursor.fetchall()]
    return any(_holds(row, secret) for row in rows)


def _holds(value: object, secret: str) -> bool:
    if isinstance(value, dict):
        return any(_holds(item, secret) for item in value.values())
    if isinstance(value, list):
        return any(_holds(item, secret) for item in value)
    if not isinstance(value, str):
        return False
    return value == secret or (len(secret) > 6 and secret in value) or secret in value.split()
