"""An AISP's clock: 180 days after the customer last authenticated for it, it gets nothing (RTS art. 10a(3)(b))."""

from datetime import date, datetime, timedelta

import pytest

from apps.consents.models import Consent
from apps.consents.queries import is_usable_at
from apps.consents.rules import AccessKind
from apps.consents.services import ConsentExpired, check_consent_usable, record_account_access
from apps.identity.models import PSU
from tests.consents.test_services import valid
from tests.factories.accounts import NOW, customer
from tests.factories.tpp import AppFactory

pytestmark = pytest.mark.req("RTS-10a")

LAST_MOMENT = datetime.fromisoformat("2027-05-20T23:59:59+02:00")  # 180 days after 21 November 2026
ONE_LATER = datetime.fromisoformat("2027-05-21T00:00:01+02:00")


@pytest.fixture
def anna(db: None) -> PSU:
    return customer("Anna")


def long_consent(psu: PSU, **fields: object) -> Consent:
    """A consent whose last day is far beyond what this bank gives: as somebody at psql could make it."""
    consent = valid(AppFactory(), psu)
    Consent.objects.filter(pk=consent.pk).update(**({"valid_until": date(2030, 1, 1)} | fields))
    consent.refresh_from_db()
    return consent


def test_every_consent_of_this_bank_ends_before(anna: PSU) -> None:
    consent = valid(AppFactory(), anna, valid_until=date(2030, 1, 1))
    assert consent.valid_until == date(2027, 5, 20)
    assert is_usable_at(consent=consent, now=LAST_MOMENT)
    assert not is_usable_at(consent=consent, now=ONE_LATER)


def test_a_consent_whose_authentication_is_181_days_old_gives_nothing(anna: PSU) -> None:
    consent = long_consent(anna)
    check_consent_usable(consent=consent, now=LAST_MOMENT)
    with pytest.raises(ConsentExpired):
        check_consent_usable(consent=consent, now=ONE_LATER)
    with pytest.raises(ConsentExpired):
        record_account_access(
            consent=consent, kind=AccessKind.BALANCES, account_id=None, psu_present=False, now=ONE_LATER
        )
    assert consent.accesses.count() == 0


def test_a_later_authentication_for_the_same_company_counts(anna: PSU) -> None:
    consent = long_consent(anna)
    newer = valid(consent.app, anna)
    Consent.objects.filter(pk=newer.pk).update(authorised_at=NOW + timedelta(days=100))
    assert is_usable_at(consent=consent, now=ONE_LATER)
    assert not is_usable_at(consent=consent, now=ONE_LATER + timedelta(days=100))


def test_one_for_another_company_or_by_another_customer_does_not(anna: PSU) -> None:
    consent = long_consent(anna)
    others = [valid(AppFactory(), anna), valid(consent.app, customer("Bruno", phone="+4915100000002"))]
    Consent.objects.filter(pk__in=[one.pk for one in others]).update(authorised_at=NOW + timedelta(days=100))
    assert not is_usable_at(consent=consent, now=ONE_LATER)


def test_a_consent_within_the_time_costs_no_query(
    anna: PSU, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    consent = long_consent(anna)
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert is_usable_at(consent=consent, now=NOW)
