"""Consents: from the TPP's request to the customer's word, every use counted, and the end of it."""

from datetime import date, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.queries import AccountUnknown
from apps.consents.models import Consent, ConsentAccess
from apps.consents.queries import (
    ConsentUnknown,
    covers_iban,
    get_consent_for_app,
    get_consent_for_psu,
    list_account_choices,
    list_consents_for_psu,
)
from apps.consents.rules import TRANSITIONS, AccessKind, ConsentModel, ConsentStatus, RequestedAccess
from apps.consents.services import (
    AccessExceeded,
    AccessNotGranted,
    AccountsNotYours,
    ConsentExpired,
    ConsentNotConfirmable,
    ConsentNotValid,
    ConsentStatusInvalid,
    RequestIdReused,
    ValidityInvalid,
    accept_consent_code,
    check_consent_usable,
    confirm_consent,
    create_consent,
    expire_consents,
    record_account_access,
    reject_consent,
    revoke_consent,
    send_consent_code,
    start_consent_authorisation,
    terminate_consent,
)
from apps.core.ids import new_id
from apps.identity.models import PSU
from apps.sca.models import Challenge, SCAAuthorisation
from apps.sca.services import CodeRefused, DynamicLinkBroken
from apps.tpp.models import App
from tests.factories.accounts import NOW, account_of, customer
from tests.factories.payments import proof_for
from tests.factories.tpp import AppFactory
from tests.sca.test_codes import in_parallel

LAST_DAY = date(2027, 2, 1)


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


@pytest.fixture
def app(db: None) -> App:
    return AppFactory()


def dedicated(*ibans: str, transactions: bool = True) -> RequestedAccess:
    references = [{"iban": iban} for iban in ibans]
    sent = {"accounts": references, "balances": references} | (
        {"transactions": references} if transactions else {}
    )
    return RequestedAccess(
        model=ConsentModel.DEDICATED,
        accounts=ibans,
        balances=ibans,
        transactions=ibans if transactions else (),
        as_sent=sent,
    )


def request(app: App, access: RequestedAccess, **changes: object) -> Consent:
    arguments: dict[str, object] = {
        "recurring_indicator": True,
        "valid_until": LAST_DAY,
        "frequency_per_day": 4,
        "combined_service_indicator": False,
        "tpp_redirect_uri": "",
        "tpp_nok_redirect_uri": "",
        "request_id": str(new_id()),
        "request_hash": b"body",
        "now": NOW,
    }
    consent, _ = create_consent(app=app, access=access, **(arguments | changes))
    return consent


def coded(consent: Consent, psu: PSU) -> SCAAuthorisation:
    """The consent with an accepted code, waiting for the confirmation form."""
    authorisation = start_consent_authorisation(consent_id=consent.pk, now=NOW)
    challenge_id = send_consent_code(
        authorisation_id=authorisation.pk, consent_id=consent.pk, psu=psu, now=NOW
    )
    accept_consent_code(
        consent_id=consent.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        proof=proof_for(challenge_id),
        now=NOW,
    )
    return authorisation


def valid(app: App, psu: PSU, **changes: object) -> Consent:
    consent = request(app, dedicated(psu.account.iban), **changes)
    authorisation = coded(consent, psu)
    return confirm_consent(
        consent_id=consent.pk,
        authorisation_id=authorisation.pk,
        psu=psu,
        account_ids=[psu.account.pk],
        now=NOW,
    )


def read(consent: Consent, *, present: bool = False, kind: AccessKind = AccessKind.BALANCES, now=NOW):
    return record_account_access(consent=consent, kind=kind, account_id=None, psu_present=present, now=now)


@pytest.mark.req("S0-20", "S0-21")
class TestCreate:
    def test_waits_for_the_customer(self, app: App, anna: PSU) -> None:
        assert request(app, dedicated(anna.account.iban)).consent_status == "received"

    def test_refuses_an_iban_that_is_not_here(self, app: App) -> None:
        with pytest.raises(AccountUnknown):
            request(app, dedicated("DE89370400440532013000"))

    def test_refuses_a_last_day_in_the_past_but_not_today(self, app: App, anna: PSU) -> None:
        with pytest.raises(ValidityInvalid):
            request(app, dedicated(anna.account.iban), valid_until=date(2026, 11, 20))
        assert request(app, dedicated(anna.account.iban), valid_until=date(2026, 11, 21))

    @pytest.mark.req("RTS-10a")
    def test_caps_the_last_day_at_180_days(self, app: App, anna: PSU) -> None:
        consent = request(app, dedicated(anna.account.iban), valid_until=date(9999, 12, 31))
        assert consent.valid_until == date(2026, 11, 21) + timedelta(days=180)

    def test_a_one_off_consent_is_for_one_access(self, app: App, anna: PSU) -> None:
        with pytest.raises(ValidityInvalid):
            request(app, dedicated(anna.account.iban), recurring_indicator=False, frequency_per_day=2)

    @pytest.mark.req("RTS-35(4)")
    def test_the_same_request_again_is_the_same_consent(self, app: App, anna: PSU) -> None:
        first = request(app, dedicated(anna.account.iban), request_id="r1")
        assert request(app, dedicated(anna.account.iban), request_id="r1").pk == first.pk
        with pytest.raises(RequestIdReused):
            request(app, dedicated(anna.account.iban), request_id="r1", request_hash=b"another")


@pytest.mark.req("S0-26", "S0-27")
class TestConfirm:
    def test_makes_it_valid_for_the_chosen_accounts(self, app: App, anna: PSU) -> None:
        consent = valid(app, anna)
        assert (consent.consent_status, consent.psu) == ("valid", anna)
        assert SCAAuthorisation.objects.get(subject_id=consent.pk).sca_status == "finalised"
        assert covers_iban(consent_id=consent.pk, psu_id=anna.pk, app_id=app.pk, iban=anna.account.iban)

    def test_needs_the_code_first(self, app: App, anna: PSU) -> None:
        consent = request(app, dedicated(anna.account.iban))
        authorisation = start_consent_authorisation(consent_id=consent.pk, now=NOW)
        with pytest.raises(ConsentNotConfirmable):
            confirm_consent(
                consent_id=consent.pk,
                authorisation_id=authorisation.pk,
                psu=anna,
                account_ids=[anna.account.pk],
                now=NOW,
            )

    def test_only_who_gave_the_code_confirms(self, app: App, anna: PSU) -> None:
        consent = request(app, dedicated(anna.account.iban))
        authorisation = coded(consent, anna)
        bruno = customer("Bruno", phone="+4915100000002")
        with pytest.raises(ConsentNotConfirmable):
            confirm_consent(
                consent_id=consent.pk,
                authorisation_id=authorisation.pk,
                psu=bruno,
                account_ids=[bruno.account.pk],
                now=NOW,
            )

    @pytest.mark.req("P-67", "RTS-36(3)", "S0-21")
    def test_anothers_accounts_cannot_be_allowed(self, app: App, anna: PSU) -> None:
        bruno = customer("Bruno", phone="+4915100000002")
        consent = request(app, dedicated(anna.account.iban))
        authorisation = coded(consent, bruno)
        with pytest.raises(AccountsNotYours):
            confirm_consent(
                consent_id=consent.pk,
                authorisation_id=authorisation.pk,
                psu=bruno,
                account_ids=[bruno.account.pk],
                now=NOW,
            )
        consent.refresh_from_db()
        assert consent.consent_status == "received"

    @pytest.mark.req("P-67", "RTS-36(3)")
    def test_an_account_not_offered_cannot_be_smuggled_in(self, app: App, anna: PSU) -> None:
        savings = account_of(anna)
        consent = request(app, dedicated(anna.account.iban))
        authorisation = coded(consent, anna)
        for account_ids in ([], [savings.pk], [anna.account.pk, savings.pk], [new_id()]):
            with pytest.raises(AccessNotGranted):
                confirm_consent(
                    consent_id=consent.pk,
                    authorisation_id=authorisation.pk,
                    psu=anna,
                    account_ids=account_ids,
                    now=NOW,
                )

    @pytest.mark.req("N3", "N4")
    def test_without_ibans_the_customer_chooses_at_the_bank(self, app: App, anna: PSU) -> None:
        savings = account_of(anna)
        access = RequestedAccess(model=ConsentModel.BANK_OFFERED, as_sent={"accounts": [], "balances": []})
        consent = request(app, access)
        choices = list_account_choices(consent=consent, psu_id=anna.pk)
        assert {choice.account.pk for choice in choices} == {anna.account.pk, savings.pk}
        assert all(choice.may_balances and not choice.may_transactions for choice in choices)

    @pytest.mark.req("S3-4", "RTS-5(1)(d)")
    def test_a_request_changed_after_the_code_voids_it(self, app: App, anna: PSU) -> None:
        consent = request(app, dedicated(anna.account.iban))
        authorisation = start_consent_authorisation(consent_id=consent.pk, now=NOW)
        challenge_id = send_consent_code(
            authorisation_id=authorisation.pk, consent_id=consent.pk, psu=anna, now=NOW
        )
        proof = proof_for(challenge_id)
        Consent.objects.filter(pk=consent.pk).update(valid_until=date(2027, 5, 1))
        with pytest.raises(DynamicLinkBroken):
            accept_consent_code(
                consent_id=consent.pk, authorisation_id=authorisation.pk, psu=anna, proof=proof, now=NOW
            )
        assert Challenge.objects.get(pk=challenge_id).status == "voided"

    def test_the_code_is_spent_by_it(self, app: App, anna: PSU) -> None:
        consent = request(app, dedicated(anna.account.iban))
        authorisation = start_consent_authorisation(consent_id=consent.pk, now=NOW)
        proof = proof_for(
            send_consent_code(authorisation_id=authorisation.pk, consent_id=consent.pk, psu=anna, now=NOW)
        )
        once = {
            "consent_id": consent.pk,
            "authorisation_id": authorisation.pk,
            "psu": anna,
            "proof": proof,
            "now": NOW,
        }
        accept_consent_code(**once)
        with pytest.raises(CodeRefused):
            accept_consent_code(**once)


class TestTheEnd:
    @pytest.mark.req("S0-7")
    def test_the_customer_stops_it(self, app: App, anna: PSU) -> None:
        consent = valid(app, anna)
        assert revoke_consent(consent_id=consent.pk, psu_id=anna.pk, now=NOW).consent_status == "revokedByPsu"
        assert revoke_consent(consent_id=consent.pk, psu_id=anna.pk, now=NOW).consent_status == "revokedByPsu"
        consent.refresh_from_db()
        with pytest.raises(ConsentNotValid):
            check_consent_usable(consent=consent, now=NOW)
        with pytest.raises(ConsentNotValid):
            read(consent)

    def test_nobody_else_does(self, app: App, anna: PSU) -> None:
        consent = valid(app, anna)
        with pytest.raises(ConsentUnknown):
            revoke_consent(
                consent_id=consent.pk, psu_id=customer("Bruno", phone="+4915100000002").pk, now=NOW
            )
        with pytest.raises(ConsentUnknown):
            terminate_consent(consent_id=consent.pk, app_id=AppFactory().pk, now=NOW)

    @pytest.mark.parametrize(("authorised", "status"), [(False, "rejected"), (True, "terminatedByTpp")])
    def test_the_tpp_deletes_it(self, app: App, anna: PSU, authorised: bool, status: str) -> None:
        consent = valid(app, anna) if authorised else request(app, dedicated(anna.account.iban))
        for _ in range(2):
            assert terminate_consent(consent_id=consent.pk, app_id=app.pk, now=NOW).consent_status == status

    def test_holds_on_its_last_day_and_no_longer(self, app: App, anna: PSU) -> None:
        consent = valid(app, anna, valid_until=date(2026, 11, 22))
        check_consent_usable(consent=consent, now=NOW + timedelta(hours=34))
        with pytest.raises(ConsentExpired):
            check_consent_usable(consent=consent, now=NOW + timedelta(hours=36))

    def test_the_sweep_ends_what_is_over(self, app: App, anna: PSU) -> None:
        lapsing, waiting = (
            valid(app, anna, valid_until=date(2026, 11, 22)),
            request(app, dedicated(anna.account.iban)),
        )
        assert expire_consents(now=NOW + timedelta(days=2)) == 2
        lapsing.refresh_from_db()
        waiting.refresh_from_db()
        assert (lapsing.consent_status, waiting.consent_status) == ("expired", "rejected")

    def test_a_refused_one_cannot_be_authorised(self, app: App, anna: PSU) -> None:
        consent = request(app, dedicated(anna.account.iban))
        reject_consent(consent_id=consent.pk, reason="refused", now=NOW)
        with pytest.raises(ConsentStatusInvalid):
            start_consent_authorisation(consent_id=consent.pk, now=NOW)


@pytest.mark.req("RTS-36(5)")
class TestUse:
    def test_four_unattended_in_any_24_hours(self, app: App, anna: PSU) -> None:
        consent = valid(app, anna)
        for hour in range(4):
            quota = read(consent, now=NOW + timedelta(hours=hour))
            assert (quota.limit, quota.used) == (4, hour + 1)
        with pytest.raises(AccessExceeded):
            read(consent, now=NOW + timedelta(hours=23, minutes=59))
        assert read(consent, now=NOW + timedelta(hours=24, seconds=1)).used == 4

    def test_each_kind_counts_apart(self, app: App, anna: PSU) -> None:
        consent = valid(app, anna, frequency_per_day=1)
        read(consent)
        assert read(consent, kind=AccessKind.TRANSACTIONS)

    def test_with_the_customer_there_is_no_limit(self, app: App, anna: PSU) -> None:
        consent = valid(app, anna, frequency_per_day=1)
        for _ in range(6):
            assert read(consent, present=True) is None
        assert read(consent).used == 1

    def test_never_more_than_the_legal_four(self, app: App, anna: PSU) -> None:
        assert read(valid(app, anna, frequency_per_day=100)).limit == 4

    def test_a_one_off_consent_reads_each_kind_once_even_with_the_customer(self, app: App, anna: PSU) -> None:
        consent = valid(app, anna, recurring_indicator=False, frequency_per_day=1)
        read(consent, present=True)
        with pytest.raises(AccessExceeded):
            read(consent, present=True, now=NOW + timedelta(days=3))

    @pytest.mark.django_db(transaction=True)
    def test_of_twenty_at_once_four_are_answered(self) -> None:
        consent = valid(AppFactory(), customer("Anna"))
        results = in_parallel(20, lambda n: read(consent))
        assert sum(isinstance(result, AccessExceeded) for result in results) == 16
        assert ConsentAccess.objects.count() == 4

    def test_the_customer_sees_how_often(self, app: App, anna: PSU) -> None:
        consent = valid(app, anna)
        read(consent)
        read(consent, present=True)
        assert list_consents_for_psu(psu_id=anna.pk).get().times_used == 2


def test_a_consent_is_only_its_owners(app: App, anna: PSU) -> None:
    consent = valid(app, anna)
    assert get_consent_for_app(app_id=app.pk, consent_id=consent.pk)
    assert get_consent_for_psu(psu_id=anna.pk, consent_id=consent.pk)
    with pytest.raises(ConsentUnknown):
        get_consent_for_app(app_id=AppFactory().pk, consent_id=consent.pk)
    with pytest.raises(ConsentUnknown):
        get_consent_for_psu(psu_id=new_id(), consent_id=consent.pk)


def test_final_statuses_lead_nowhere() -> None:
    finals = {"rejected", "revokedByPsu", "expired", "terminatedByTpp"}
    assert {status for status, following in TRANSITIONS.items() if not following} == finals
    assert set(TRANSITIONS) == set(ConsentStatus)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("consent_status = 'maybe'", "consent_status_known"),
        ("consent_status = 'valid'", "consent_valid_has_customer"),
        ("frequency_per_day = 0", "consent_frequency_positive"),
        ("recurring_indicator = false", "consent_one_off_once_per_day"),
    ],
)
def test_the_database_refuses(app: App, anna: PSU, change: str, constraint: str) -> None:
    request(app, dedicated(anna.account.iban))
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE consents_consent SET {change}")
