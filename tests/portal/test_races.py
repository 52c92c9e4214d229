"""Many at the same moment, on real PostgreSQL with real commits: one succeeds, nothing is lost, nothing twice."""

import pytest
from django.conf import settings as django_settings
from django.test import Client

from apps.audit.models import AuditEvent
from apps.audit.queries import verify_chains
from apps.consents.models import ConsentAccount
from apps.notifications.models import OutboxMessage
from apps.sca.models import AuthenticationState, Challenge
from tests.factories.accounts import customer
from tests.factories.tpp import AppFactory
from tests.portal.kit import Visitor, ask_consent, ask_payment, bad_code, code_for, page
from tests.sca.test_codes import in_parallel

AT_ONCE = 50

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.req("RTS-4(1)", "S1-5")]


def twin(visitor: Visitor) -> Client:
    """The same browser in another thread: the same cookies, nothing else."""
    client = Client(raise_request_exception=False)
    client.cookies = visitor.http.cookies.copy()
    return client


def post_at_once(visitor: Visitor, path: str, form: dict[str, object]) -> list[int]:
    """Send one form many times at once; the answers' statuses. No answer is a fault of ours."""
    answers = in_parallel(AT_ONCE, lambda n: twin(visitor).post(path, form))
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    statuses = [answer.status_code for answer in answers]
    assert max(statuses) < 500, sorted(set(statuses))
    return statuses


def count(event: str) -> int:
    return AuditEvent.objects.filter(event=event).count()


def test_the_right_code_of_a_payment() -> None:
    anna, visitor = customer("Anna"), Visitor()
    visitor.sign_in(anna)
    payment = visitor.begin_payment(anna)
    post_at_once(visitor, f"/pay/{payment.pk}/sign/", {"code": code_for(anna)})
    payment.refresh_from_db()
    assert payment.transaction_status == "ACTC"
    assert count("payments.payment.ACTC") == 1
    assert count("sca.challenge.used") == 2  # One for the sign-in.
    assert OutboxMessage.objects.filter(topic="engine.execute_payment").count() == 1
    assert AuthenticationState.objects.get(user=anna.user).blocked_until is None
    assert verify_chains().intact


def test_the_right_code_of_a_sign_in() -> None:
    anna, visitor = customer("Anna"), Visitor()
    visitor.send_password(anna.user.username)
    code = code_for(anna)
    clients = [twin(visitor) for _ in range(AT_ONCE)]
    in_parallel(AT_ONCE, lambda n: clients[n].post("/sign-in/code/", {"code": code}))
    signed_in = [client for client in clients if client.get("/home/").status_code == 200]
    assert len(signed_in) == 1
    assert count("sca.challenge.used") == 1


@pytest.mark.parametrize("kind", ["consent", "payment"])
def test_the_right_code_of_an_authorisation(kind: str) -> None:
    anna, visitor, app = customer("Anna"), Visitor(), AppFactory()
    if kind == "consent":
        subject, authorisation = ask_consent(app, anna.account)
    else:
        subject, authorisation = ask_payment(app, anna.account)
    visitor.post(page(authorisation.pk), user_id=anna.user.username, password="correct horse battery")
    post_at_once(visitor, page(authorisation.pk, "code"), {"code": code_for(anna)})
    assert count("sca.challenge.used") == 1
    authorisation.refresh_from_db()
    if kind == "payment":
        assert authorisation.sca_status == "finalised"
        assert OutboxMessage.objects.filter(topic="engine.execute_payment").count() == 1
        # Wherever the browser ended up, it finds the way back.
        assert visitor.get(page(authorisation.pk)).headers["Location"] == page(authorisation.pk, "done")
        return
    assert authorisation.sca_status == "unconfirmed"
    assert visitor.get(page(authorisation.pk)).headers["Location"] == page(authorisation.pk, "confirm")
    form = {"accounts": [str(anna.account.pk)]}
    post_at_once(visitor, page(authorisation.pk, "confirm"), form)
    subject.refresh_from_db()
    assert subject.consent_status == "valid"
    assert count("consents.consent.valid") == 1
    assert ConsentAccount.objects.count() == 1


def test_wrong_codes_are_compared_five_times_at_most() -> None:
    anna, visitor = customer("Anna"), Visitor()
    visitor.sign_in(anna)
    payment = visitor.begin_payment(anna)
    wrong, right = bad_code(anna), code_for(anna)
    post_at_once(visitor, f"/pay/{payment.pk}/sign/", {"code": wrong})
    challenge = Challenge.objects.get(purpose="payment")
    assert (challenge.attempts, challenge.status) == (django_settings.SCA_MAX_ATTEMPTS, "dead")
    assert AuthenticationState.objects.get(user=anna.user).blocked_until is not None
    visitor.post(f"/pay/{payment.pk}/sign/", code=right)
    payment.refresh_from_db()
    assert (payment.transaction_status, payment.status_reason) == ("RJCT", "DS0A")
    assert not OutboxMessage.objects.filter(topic="engine.execute_payment").exists()


def test_allow_and_cancel_at_once_end_in_one_of_the_two() -> None:
    anna, visitor, app = customer("Anna"), Visitor(), AppFactory()
    consent, authorisation = ask_consent(app, anna.account)
    visitor.post(page(authorisation.pk), user_id=anna.user.username, password="correct horse battery")
    visitor.post(page(authorisation.pk, "code"), code=code_for(anna))
    forms = [("confirm", {"accounts": [str(anna.account.pk)]}), ("cancel", {})]

    def click(number: int) -> int:
        name, form = forms[number % 2]
        return twin(visitor).post(page(authorisation.pk, name), form).status_code

    statuses = in_parallel(20, click)
    assert all(isinstance(status, int) and status < 500 for status in statuses), statuses
    consent.refresh_from_db()
    authorisation.refresh_from_db()
    assert (consent.consent_status, authorisation.sca_status) in (
        ("valid", "finalised"),
        ("rejected", "failed"),
    )
