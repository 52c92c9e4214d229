"""The sandbox's invented list: in the EU's form, marked as invented, with one hit to decide and no alarm."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from apps.sandbox.seeding import personas
from apps.sandbox.seeding.sanctions import INVENTED_LIST, seed_sanctions_list
from apps.screening.eu_list import read_list
from apps.screening.matching import NameIndex
from apps.screening.models import SanctionsList, ScreeningHit, ScreeningRun
from apps.screening.queries import get_screening_state
from tests.factories.screening import imported
from tests.sandbox.test_seed import seed, var  # noqa: F401 - the fixture

pytestmark = pytest.mark.req("IPR-5d(1)")


def test_the_list_is_of_the_form_and_says_that_it_is_invented():
    text = INVENTED_LIST.read_text(encoding="utf-8")
    assert "INVENTED. Nobody on this list exists" in text
    with INVENTED_LIST.open("rb") as file:
        entries = read_list(file).entries
    assert len(entries) == 12
    assert {entry.programme for entry in entries} == {"INVENTED"}
    assert all(entry.eu_reference.startswith("INVENTED.") for entry in entries)
    assert {entry.subject_type for entry in entries} == {"person", "enterprise"}


def test_of_all_personas_one_firm_resembles_it():
    with INVENTED_LIST.open("rb") as file:
        index = NameIndex(name for entry in read_list(file).entries for name in entry.names)
    names = {person.name for person in personas.CUSTOMERS} | {a.owner_name for a in personas.ACCOUNTS}
    assert {name for name in names if index.search(name)} == {"Krüger Werkzeugbau e.K."}


@pytest.mark.django_db
def test_a_fresh_sandbox_has_screened_everybody_and_is_not_degraded(var, client):  # noqa: F811
    seed(var)
    state = get_screening_state(now=timezone.now())
    assert (state.is_late, state.open_hits) == (False, 1)
    assert ScreeningHit.objects.get().psu.user.username == "emil"
    assert ScreeningRun.objects.get().customer_count == len(personas.CUSTOMERS)
    health = client.get("/health/ready").json()
    assert health["checks"]["screening"] == "ok"


@pytest.mark.django_db
def test_a_sandbox_that_was_off_for_days_is_screened_when_it_starts(var):  # noqa: F811
    seed(var)
    later = timezone.now() + timedelta(days=3)
    assert get_screening_state(now=later).is_late
    seed_sanctions_list(now=later, real_now=later)
    assert not get_screening_state(now=later).is_late
    assert ScreeningRun.objects.count() == 2
    assert ScreeningHit.objects.count() == 1


@pytest.mark.django_db
def test_a_list_that_somebody_imported_is_not_put_aside(var):  # noqa: F811
    call_command("seed_sandbox", verbosity=0)
    own = imported(*(f"Arno Falkenrath {letter}" for letter in "abcdefgh"), now=timezone.now())
    seed(var)
    assert SanctionsList.objects.latest("pk") == own
    assert SanctionsList.objects.count() == 2
