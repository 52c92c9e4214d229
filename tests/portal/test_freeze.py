"""Freezing everything: from the page on, nothing of a customer's access is left, whoever has phone and password."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction

from apps.consents.services import ConsentNotValid, check_consent_usable
from apps.core import clock
from apps.identity.models import PSU
from apps.payments.services import authorise_payment
from apps.sca.models import AuthenticationState, Challenge
from apps.sca.services import CodeRefused, check_code
from apps.tpp.models import App
from tests.factories.accounts import customer
from tests.factories.four_eyes import reopened
from tests.factories.identity import PASSWORD
from tests.factories.payments import proof_for
from tests.portal.kit import Visitor, ask_consent, code_for, last_challenge, page, text_of
from tests.portal.test_apps import allow
from tests.portal.test_races import count, twin
from tests.sca.test_codes import in_parallel

pytestmark = pytest.mark.req("P-70")


def frozen(psu: PSU) -> bool:
    state = AuthenticationState.objects.get(user=psu.user)
    return state.frozen_at is not None and state.blocked_for_good


def freeze(visitor: Visitor) -> Any:
    return visitor.post("/security/freeze/", is_confirmed="on")


def reopen(psu: PSU) -> None:
    reopened(psu.user, now=clock.now())


class TestThePage:
    def test_tells_what_follows_and_does_nothing_before_the_tick(
        self, customer_anna: Visitor, anna: PSU
    ) -> None:
        assert 'href="/security/freeze/"' in text_of(customer_anna.get("/security/"))
        assert "nobody can sign in with your user ID" in text_of(customer_anna.get("/security/freeze/"))
        refused = customer_anna.post("/security/freeze/")
        assert refused.status_code == 422
        assert "Tick the box" in text_of(refused)
        assert not AuthenticationState.objects.filter(frozen_at__isnull=False).exists()
        assert customer_anna.get("/home/").status_code == 200

    def test_ends_on_a_page_that_says_how_it_opens_again(self, customer_anna: Visitor, anna: PSU) -> None:
        answer = freeze(customer_anna)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/frozen/")
        assert frozen(anna)
        after = text_of(customer_anna.get("/frozen/"))
        assert "Everything is frozen" in after
        assert "Anna" not in after
        assert customer_anna.get("/home/").headers["Location"] == "/sign-in/?next=%2Fhome%2F"

    def test_needs_its_token_and_a_customer(
        self, customer_anna: Visitor, visitor: Visitor, anna: PSU
    ) -> None:
        customer_anna.http.handler.enforce_csrf_checks = True
        assert freeze(customer_anna).status_code == 403
        assert Visitor().post("/security/freeze/", is_confirmed="on").status_code == 303
        assert not AuthenticationState.objects.filter(frozen_at__isnull=False).exists()


class TestNothingIsLeft:
    def test_no_other_session(self, customer_anna: Visitor, anna: PSU) -> None:
        phone = Visitor()
        phone.sign_in(anna)
        assert phone.get("/home/").status_code == 200
        freeze(customer_anna)
        assert phone.get("/home/").status_code == 303
        assert phone.get("/pay/", HTTP_X_BACKGROUND="1").status_code == 303

    def test_no_sign_in_and_it_looks_like_any_wrong_one(self, customer_anna: Visitor, anna: PSU) -> None:
        freeze(customer_anna)
        thief = Visitor()
        assert thief.send_password(anna.user.username).headers["Location"] == "/sign-in/code/"
        assert last_challenge().user is None  # A decoy: no code is on its way.
        assert count("sca.attempt.refused") == 1

    def test_no_code_that_was_sent_before(self, customer_anna: Visitor, anna: PSU) -> None:
        thief = Visitor()
        thief.sign_in(anna)
        payment = thief.begin_payment(anna)
        code = code_for(anna)
        freeze(customer_anna)
        assert Challenge.objects.get(purpose="payment").status == "voided"
        with pytest.raises(CodeRefused):
            check_code(challenge_id=Challenge.objects.get(purpose="payment").pk, code=code, now=clock.now())
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"

    def test_no_code_that_was_right_a_moment_ago(self, customer_anna: Visitor, anna: PSU) -> None:
        payment = customer_anna.begin_payment(anna)
        challenge = last_challenge(anna)
        proof = proof_for(challenge.pk, now=clock.now())
        freeze(customer_anna)
        Challenge.objects.filter(pk=challenge.pk).update(status="open")  # Made while it was frozen.
        with pytest.raises(CodeRefused), transaction.atomic():
            authorise_payment(
                payment_id=payment.pk,
                authorisation_id=challenge.authorisation_id,
                psu=anna,
                proof=proof,
                now=clock.now(),
            )
        payment.refresh_from_db()
        assert payment.transaction_status == "RCVD"

    def test_no_app(self, customer_anna: Visitor, anna: PSU, app: App) -> None:
        consent = allow(app, anna)
        freeze(customer_anna)
        consent.refresh_from_db()
        assert consent.consent_status == "revokedByPsu"
        with pytest.raises(ConsentNotValid):
            check_consent_usable(consent=consent, now=clock.now())

    def test_no_app_that_comes_later(self, customer_anna: Visitor, anna: PSU, app: App) -> None:
        _consent, authorisation = ask_consent(app, anna.account)
        freeze(customer_anna)
        thief = Visitor()
        thief.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
        assert last_challenge().user is None

    def test_no_consent_whose_code_was_right_and_that_is_yet_to_be_confirmed(
        self, customer_anna: Visitor, anna: PSU, app: App
    ) -> None:
        consent, authorisation = ask_consent(app, anna.account)
        thief = Visitor()
        thief.post(page(authorisation.pk), user_id=anna.user.username, password=PASSWORD)
        thief.post(page(authorisation.pk, "code"), code=code_for(anna))
        authorisation.refresh_from_db()
        assert authorisation.sca_status == "unconfirmed"
        freeze(customer_anna)
        answer = thief.post(page(authorisation.pk, "confirm"), accounts=[str(anna.account.pk)])
        assert answer.status_code < 500
        consent.refresh_from_db()
        assert consent.consent_status != "valid"

    def test_but_of_nobody_else(self, customer_anna: Visitor, anna: PSU, bruno: PSU, app: App) -> None:
        other, consent = Visitor(), allow(app, bruno)
        other.sign_in(bruno)
        freeze(customer_anna)
        consent.refresh_from_db()
        assert (other.get("/home/").status_code, consent.consent_status) == (200, "valid")


def test_staff_open_it_again(customer_anna: Visitor, anna: PSU) -> None:
    freeze(customer_anna)
    reopen(anna)
    assert not frozen(anna)
    again = Visitor()
    assert again.sign_in(anna).headers["Location"] == "/home/"


def test_sign_out_everywhere_but_here(customer_anna: Visitor, anna: PSU) -> None:
    phone = Visitor()
    phone.sign_in(anna)
    assert customer_anna.post("/security/sessions/end/").headers["Location"] == "/security/"
    assert "signed out everywhere but here" in text_of(customer_anna.get("/security/"))
    assert phone.get("/home/").status_code == 303
    assert count("identity.user.sessions_ended") == 1
    assert phone.post("/security/sessions/end/").status_code == 303
    assert count("identity.user.sessions_ended") == 1


@pytest.mark.django_db
def test_what_is_frozen_is_closed_by_sql_too(anna: PSU) -> None:
    with pytest.raises(IntegrityError, match="sca_frozen_is_closed"), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sca_authenticationstate (user_id, consecutive_failures, block_level, blocked_for_good,"
            " frozen_at) VALUES (%s, 0, 0, false, now())",
            [anna.user_id],
        )


@pytest.mark.django_db(transaction=True)
def test_codes_and_freezes_at_once_end_without_a_fault_and_frozen() -> None:
    """Whoever is first: at most the one payment whose code was there before, and nothing afterwards."""
    cache.clear()
    anna, owner, thief = customer("Anna"), Visitor(), Visitor()
    owner.sign_in(anna)
    thief.sign_in(anna)
    payment = thief.begin_payment(anna)
    code = code_for(anna)

    def click(number: int) -> int:
        if number % 5 == 0:
            return twin(owner).post("/security/freeze/", {"is_confirmed": "on"}).status_code
        return twin(thief).post(f"/pay/{payment.pk}/sign/", {"code": code}).status_code

    statuses = in_parallel(30, click)
    assert all(isinstance(status, int) and status < 500 for status in statuses), statuses
    assert frozen(anna)
    assert count("sca.sign_in.frozen") == 1
    signed = count("payments.payment.ACTC")
    assert signed in (0, 1)
    payment.refresh_from_db()
    assert payment.transaction_status == ("ACTC" if signed else "RCVD")
    second = Visitor()
    assert second.sign_in(anna).status_code == 303
    assert second.get("/home/").status_code == 303
