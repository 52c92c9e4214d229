"""Connected apps and the security page: who saw what, and the one click that ends it."""

from html import unescape

import pytest

from apps.consents.models import Consent, ConsentAccess
from apps.consents.rules import AccessKind
from apps.consents.services import (
    ConsentNotValid,
    accept_consent_code,
    check_consent_usable,
    confirm_consent,
    record_account_access,
    send_consent_code,
)
from apps.core import clock
from apps.identity.models import PSU
from apps.tpp.models import App
from apps.tpp.services import block_tpp
from tests.factories.payments import proof_for
from tests.portal.kit import BankTime, Visitor, ask_consent, bad_code, text_of


def allow(app: App, psu: PSU) -> Consent:
    """A consent that the customer has given for his account."""
    consent, authorisation = ask_consent(app, psu.account)
    now = clock.now()
    challenge_id = send_consent_code(
        authorisation_id=authorisation.pk, consent_id=consent.pk, psu=psu, now=now
    )
    accept_consent_code(
        consent_id=consent.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        proof=proof_for(challenge_id, now=now),
        now=now,
    )
    return confirm_consent(
        consent_id=consent.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        account_ids=[psu.account.pk],
        now=now,
    )


def use(consent: Consent, kind: AccessKind, *, present: bool, psu: PSU) -> None:
    record_account_access(
        consent=consent, kind=kind, account_id=psu.account.pk, psu_present=present, now=clock.now()
    )


class TestTheList:
    def test_says_who_may_see_what_and_until_when(
        self, customer_anna: Visitor, anna: PSU, app: App, bank_time: BankTime
    ) -> None:
        consent = allow(app, anna)
        use(consent, AccessKind.TRANSACTIONS, present=False, psu=anna)
        use(consent, AccessKind.BALANCES, present=True, psu=anna)
        bank_time.pass_(minutes=4)
        page = unescape(text_of(customer_anna.get("/apps/")))
        for shown in (
            app.tpp.legal_name,
            app.tpp.authorisation_number,
            "Active until 19 Feb 2027",
            "balance, transactions",
            f"…{anna.account.iban[-4:]}",
            "2 times · last 4 minutes ago",
            f"Read the transactions of {anna.account}",
            "without you",
            f"Read the balance of {anna.account}",
            "you were there",
            "at most 4 times a day",
        ):
            assert shown in page, shown

    def test_is_empty_for_who_allowed_nothing(self, customer_anna: Visitor, app: App, anna: PSU) -> None:
        ask_consent(app, anna.account)
        assert "No connected app" in text_of(customer_anna.get("/apps/"))

    @pytest.mark.parametrize("kind", AccessKind)
    def test_every_kind_of_access_has_words(
        self, customer_anna: Visitor, anna: PSU, app: App, kind: AccessKind
    ) -> None:
        consent = allow(app, anna)
        ConsentAccess.objects.create(consent=consent, kind=kind, psu_present=False, at=clock.now())
        assert "Read " in text_of(customer_anna.get("/apps/"))

    def test_what_is_over_is_kept_apart(
        self, visitor: Visitor, anna: PSU, app: App, bank_time: BankTime
    ) -> None:
        allow(app, anna)
        bank_time.pass_(days=91)
        visitor.sign_in(anna)
        page = text_of(visitor.get("/apps/"))
        assert "Ended" in page
        assert "Expired" in page
        assert "Stop access" not in page
        assert "No company can see your accounts" in text_of(visitor.get("/home/"))

    def test_a_blocked_company_is_shown_as_paused(self, customer_anna: Visitor, anna: PSU, app: App) -> None:
        allow(app, anna)
        block_tpp(tpp_id=app.tpp_id, reason="licence withdrawn", staff_id=anna.user_id, now=clock.now())
        assert "Paused by the bank" in text_of(customer_anna.get("/apps/"))

    def test_the_overview_tells_of_it(
        self, customer_anna: Visitor, anna: PSU, app: App, bank_time: BankTime
    ) -> None:
        consent = allow(app, anna)
        assert "Not used yet" in text_of(customer_anna.get("/home/"))
        use(consent, AccessKind.BALANCES, present=True, psu=anna)
        bank_time.pass_(minutes=3)
        page = text_of(customer_anna.get("/home/"))
        assert "1 company can see your accounts" in page
        assert f"Last access: {app.tpp.brand_name}, 3 minutes ago" in page


@pytest.mark.req("S0-7")
class TestStop:
    def test_takes_one_click_and_holds_at_once(self, customer_anna: Visitor, anna: PSU, app: App) -> None:
        consent = allow(app, anna)
        page = customer_anna.http.get(customer_anna.post(f"/apps/{consent.pk}/stop/").headers["Location"])
        consent.refresh_from_db()
        assert consent.consent_status == "revokedByPsu"
        with pytest.raises(ConsentNotValid):
            check_consent_usable(consent=consent, now=clock.now())
        assert "Stopped by you" in text_of(page)
        assert 'tabindex="-1" autofocus' in text_of(page)

    def test_twice_is_as_good_as_once(self, customer_anna: Visitor, anna: PSU, app: App) -> None:
        consent = allow(app, anna)
        for _ in range(2):
            assert customer_anna.post(f"/apps/{consent.pk}/stop/").status_code == 303

    def test_is_not_a_link(self, customer_anna: Visitor, anna: PSU, app: App) -> None:
        consent = allow(app, anna)
        assert customer_anna.get(f"/apps/{consent.pk}/stop/").status_code == 405
        consent.refresh_from_db()
        assert consent.consent_status == "valid"

    def test_nobody_elses(self, customer_anna: Visitor, bruno: PSU, app: App) -> None:
        consent = allow(app, bruno)
        assert app.tpp.legal_name not in text_of(customer_anna.get("/apps/"))
        assert customer_anna.post(f"/apps/{consent.pk}/stop/").status_code == 404
        consent.refresh_from_db()
        assert consent.consent_status == "valid"


class TestSecurity:
    def test_shows_what_protects_the_account(self, customer_anna: Visitor, anna: PSU) -> None:
        page = text_of(customer_anna.get("/security/"))
        assert "+49 ••• 678" in page
        assert "15112345" not in page
        assert "Right code" in page
        assert "tel:116116" in page

    def test_tells_of_failed_attempts(self, customer_anna: Visitor, anna: PSU) -> None:
        stranger = Visitor()
        stranger.send_password(anna.user.username, "wrong horse battery")
        assert "1 attempt with your user ID has failed" in text_of(customer_anna.get("/security/"))
        for _ in range(4):
            stranger.send_password(anna.user.username, "wrong horse battery")
        assert "Signing is paused" in text_of(customer_anna.get("/security/"))

    def test_tells_what_became_of_codes(self, customer_anna: Visitor, anna: PSU, bank_time: BankTime) -> None:
        payment = customer_anna.begin_payment(anna)
        assert "Under way" in text_of(customer_anna.get("/security/"))
        for _ in range(5):
            customer_anna.post(f"/pay/{payment.pk}/sign/", code=bad_code(anna))
        assert "Five wrong tries" in text_of(customer_anna.get("/security/"))
