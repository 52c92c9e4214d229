"""Editions, daily runs, their evidence, and decisions; and that the database itself holds them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO

import pytest
from django.db import DatabaseError, connection, transaction

from apps.audit.models import AuditEvent
from apps.core.errors import NotFound
from apps.core.ids import new_id
from apps.core.text import UnsafeText
from apps.engine.execution import execute_payment
from apps.notifications.models import OutboxMessage
from apps.screening import services
from apps.screening.eu_list import ListUnreadable
from apps.screening.models import ListedEntry, SanctionsList, ScreeningBatch, ScreeningHit, ScreeningRun
from apps.screening.queries import get_screening_state, list_proofs
from apps.screening.services import (
    HitDecided,
    ListOutdated,
    ListShrunk,
    begin_screening_day,
    clear_hit,
    confirm_hit,
    import_list,
    screen_batch,
)
from tests.factories.accounts import NOW, bank_accounts, customer
from tests.factories.payments import authorised_payment
from tests.factories.screening import imported, list_xml, run_to_its_end, screened_hit

pytestmark = [pytest.mark.django_db, pytest.mark.req("IPR-5d(1)")]
DAY = timedelta(days=1)
LISTED = "Anna Schneider"


@pytest.fixture
def anna():
    bank_accounts()
    return customer("Anna")


@pytest.fixture
def _no_index():
    services._index_of_list.cache_clear()


pytestmark.append(pytest.mark.usefixtures("_no_index"))


# Editions --------------------------------------------------------------------------------------------


def test_a_new_edition_promises_the_screening_of_everybody(anna):
    edition = imported(LISTED, "Bela Tost")
    assert (edition.entry_count, edition.name_count, edition.entries.count()) == (2, 2, 2)
    promised = OutboxMessage.objects.get(topic="screening.screen_batch")
    assert promised.payload == {"run_id": str(edition.runs.get().pk), "number": "1"}
    assert AuditEvent.objects.get(event="screening.list.imported").data["sha256"] == edition.sha256


def test_the_same_file_again_changes_nothing(anna):
    assert imported(LISTED) == imported(LISTED)
    assert SanctionsList.objects.count() == ScreeningRun.objects.count() == 1


def test_an_older_publication_is_refused_unless_forced(anna):
    present = imported(LISTED)
    with pytest.raises(ListOutdated):
        imported("Bela Tost", published="2026-11-19T10:00:00+01:00")
    assert SanctionsList.objects.get() == present
    forced = imported("Bela Tost", published="2026-11-19T10:00:00+01:00", is_forced=True)
    assert services.get_present_list() == forced


def test_a_broken_file_leaves_no_trace(anna):
    with pytest.raises(ListUnreadable):
        import_list(file=BytesIO(list_xml(LISTED)[:-9]), now=NOW, real_now=NOW)
    assert not SanctionsList.objects.exists()
    assert not ListedEntry.objects.exists()
    assert not OutboxMessage.objects.filter(topic="screening.screen_batch").exists()


def test_a_list_of_fewer_than_half_the_entries_is_refused_unless_forced(anna):
    present = imported(LISTED, "Bela Tost", "Curt Winkelried")
    later = "2026-11-21T10:00:00+01:00"
    with pytest.raises(ListShrunk):
        imported(LISTED, published=later)
    assert services.get_present_list() == present
    assert not AuditEvent.objects.filter(event="screening.list.imported").exclude(data__entries=3).exists()
    assert imported(LISTED, published=later, is_forced=True).entry_count == 1


def test_a_list_of_half_the_entries_is_taken(anna):
    imported(LISTED, "Bela Tost", "Curt Winkelried", "Dietmar Osten")
    assert imported(LISTED, "Bela Tost", published="2026-11-21T10:00:00+01:00").entry_count == 2


def test_an_import_that_breaks_off_leaves_no_half_list(anna, monkeypatch):
    monkeypatch.setattr(services, "_open_run", lambda *_a, **_k: (_ for _ in ()).throw(RuntimeError("power")))
    with pytest.raises(RuntimeError), transaction.atomic():
        imported(LISTED)
    assert not SanctionsList.objects.exists()
    assert not ListedEntry.objects.exists()
    assert not AuditEvent.objects.filter(event="screening.list.imported").exists()


def at_once(*imports: Callable[[], SanctionsList]) -> list[object]:
    """What each import gave, all begun together: an edition, or the refusal."""

    def carry_out(one: Callable[[], SanctionsList]) -> object:
        try:
            return one()
        except ListOutdated as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(imports)) as pool:
        return list(pool.map(carry_out, imports))


@pytest.mark.django_db(transaction=True)
def test_the_same_list_imported_twice_at_once_is_one_edition(anna):
    editions = at_once(*[lambda: imported(LISTED, "Bela Tost")] * 4)
    assert len({edition.pk for edition in editions}) == 1
    assert SanctionsList.objects.count() == ScreeningRun.objects.count() == 1
    assert ListedEntry.objects.count() == SanctionsList.objects.get().entries.count() == 2
    assert AuditEvent.objects.filter(event="screening.list.imported").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_lists_imported_at_once_the_newer_is_the_present_one_and_whole(anna):
    older = [f"Arno Falkenrath {number}" for number in "abcdefgh"]
    newer = [f"Bela Tost {number}" for number in "abcdefgh"]
    outcomes = at_once(
        lambda: imported(*older, first_id=1),
        lambda: imported(*newer, first_id=100, published="2026-11-21T10:00:00+01:00"),
    )
    present = services.get_present_list()
    assert set(present.entries.values_list("names__0", flat=True)) == set(newer)
    for edition in SanctionsList.objects.all():
        assert edition.entries.count() == edition.entry_count == 8
    # Whichever came first: the older is either an edition before the newer, or was refused.
    assert isinstance(outcomes[0], ListOutdated) == (SanctionsList.objects.count() == 1)


# Runs ------------------------------------------------------------------------------------------------


def test_a_customer_of_a_listed_name_comes_into_the_queue(anna):
    bruno = customer("Bruno")
    run = run_to_its_end(imported("SCHNEIDER, Anna", "Bela Tost").runs.get())
    hit = ScreeningHit.objects.get()
    assert (hit.psu, hit.listed_name, hit.status) == (anna, "SCHNEIDER, Anna", "open")
    assert (run.status, run.customer_count, run.hit_count) == ("done", 2, 1)
    assert set(ScreeningBatch.objects.get().psu_ids) == {anna.pk, bruno.pk}
    assert AuditEvent.objects.filter(event="screening.hit.found", object_id=str(anna.pk)).count() == 1
    assert AuditEvent.objects.filter(event="screening.run.done").count() == 1


def test_the_name_of_a_firm_on_an_account_is_screened_too(anna):
    anna.account.owner_name = "Falkenrath Anlagenbau GmbH"
    anna.account.save()
    run_to_its_end(imported("Falkenrath Anlagenbau").runs.get())
    assert ScreeningHit.objects.get().psu == anna


def test_a_day_is_screened_once_whoever_asks(anna):
    imported(LISTED)
    runs = {begin_screening_day(now=NOW, real_now=NOW).pk for _ in range(5)}
    assert len(runs) == 1
    assert OutboxMessage.objects.filter(topic="screening.screen_batch").count() == 1
    run_to_its_end(ScreeningRun.objects.get())
    begin_screening_day(now=NOW, real_now=NOW)
    assert OutboxMessage.objects.filter(topic="screening.screen_batch").count() == 1
    begin_screening_day(now=NOW + DAY, real_now=NOW + DAY)
    assert ScreeningRun.objects.count() == 2


def test_the_duty_is_to_the_real_day_wherever_the_banks_clock_stands(anna):
    imported(LISTED)
    run = begin_screening_day(now=NOW + 40 * DAY, real_now=NOW)
    assert run.business_date == NOW.date()


def test_without_a_list_there_is_nothing_to_begin(anna):
    assert begin_screening_day(now=NOW, real_now=NOW) is None


def test_an_interrupted_run_goes_on_where_it_was(anna, monkeypatch):
    monkeypatch.setattr(services, "CUSTOMERS_PER_BATCH", 2)
    for name in ("Bruno", "Carla", "David", "Dora"):
        customer(name)
    run = imported(LISTED).runs.get()
    assert screen_batch(run_id=run.pk, number=1, now=NOW) == 2
    assert screen_batch(run_id=run.pk, number=1, now=NOW) == 0, "a step that came twice"
    assert screen_batch(run_id=run.pk, number=3, now=NOW) == 0, "a step that came too early"
    run = run_to_its_end(run)
    screened = [psu for batch in run.batches.order_by("number") for psu in batch.psu_ids]
    assert len(screened) == len(set(screened)) == run.customer_count == 5
    assert len({batch.evidence_sha256 for batch in run.batches.all()}) == 3


def test_the_outbox_carries_a_run_to_its_end(anna, monkeypatch):
    monkeypatch.setattr(services, "CUSTOMERS_PER_BATCH", 1)
    customer("Bruno")
    run = imported(LISTED).runs.get()
    from apps.screening.tasks import screen

    for _ in range(2):
        screen(message_id=str(OutboxMessage.objects.get(topic="screening.screen_batch", status="pending").pk))
    run.refresh_from_db()
    assert (run.status, run.customer_count) == ("done", 2)
    assert not OutboxMessage.objects.filter(topic="screening.screen_batch", status="pending").exists()


def test_the_evidence_tells_who_resembled_whom_and_who_nobody(anna):
    bruno = customer("Bruno")
    run = run_to_its_end(imported(LISTED).runs.get())
    entry = ListedEntry.objects.get()
    assert ScreeningBatch.objects.get().results == [[str(anna.pk), entry.pk, 100]]
    span = {"from_date": run.business_date, "to_date": run.business_date}
    (of_anna,), (of_bruno,) = list_proofs(psu_id=anna.pk, **span), list_proofs(psu_id=bruno.pk, **span)
    assert of_anna.resemblances == [("EU.1.1", 100)]
    assert of_bruno.resemblances == []
    assert of_anna.list_sha256 == run.sanctions_list.sha256
    assert (
        list_proofs(psu_id=anna.pk, from_date=run.business_date + DAY, to_date=run.business_date + DAY) == []
    )


def test_who_joins_later_is_screened_the_same_day(anna):
    run = run_to_its_end(imported(LISTED).runs.get())
    customer("Bruno")
    begin_screening_day(now=NOW, real_now=NOW)
    assert screen_batch(run_id=run.pk, number=2, now=NOW) == 1
    run.refresh_from_db()
    assert (run.status, run.customer_count) == ("done", 2)


def test_a_new_edition_overtakes_a_run_under_way(anna, monkeypatch):
    monkeypatch.setattr(services, "CUSTOMERS_PER_BATCH", 1)
    customer("Bruno")
    old = imported(LISTED).runs.get()
    screen_batch(run_id=old.pk, number=1, now=NOW)
    new = imported(LISTED, "Bela Tost", published="2026-11-21T08:00:00+01:00").runs.get()
    assert screen_batch(run_id=old.pk, number=2, now=NOW) == 0
    old.refresh_from_db()
    assert old.status == "superseded"
    assert run_to_its_end(new).customer_count == 2


def test_an_unknown_run_is_told():
    with pytest.raises(NotFound):
        screen_batch(run_id=4711, number=1, now=NOW)


def test_a_missed_day_is_an_alarm(anna):
    assert get_screening_state(now=NOW).is_late, "never screened"
    run_to_its_end(imported(LISTED).runs.get())
    assert not get_screening_state(now=NOW).is_late
    assert not get_screening_state(now=NOW + timedelta(hours=14)).is_late, "the night is for it"
    assert get_screening_state(now=NOW + timedelta(hours=19)).is_late, "from six o'clock on it is late"
    assert get_screening_state(now=NOW + 2 * DAY).is_late


@pytest.mark.django_db(transaction=True)
def test_a_step_by_two_workers_at_once_is_done_once(anna):
    run = imported(LISTED).runs.get()

    def step(_: int) -> int:
        try:
            return screen_batch(run_id=run.pk, number=1, now=NOW)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(step, range(4))) == [0, 0, 0, 1]
    assert ScreeningBatch.objects.count() == ScreeningHit.objects.count() == 1


# Decisions -------------------------------------------------------------------------------------------


def test_a_cleared_pair_stays_cleared_until_the_entry_changes(anna):
    hit = screened_hit(LISTED)
    clear_hit(hit_id=hit.pk, reason="Born in another year", staff_id=new_id(), now=NOW)
    run_to_its_end(begin_screening_day(now=NOW + DAY, real_now=NOW + DAY))
    assert ScreeningHit.objects.get().status == "cleared"
    changed = imported(f"{LISTED}|Anja Schneider", published="2026-11-22T10:00:00+01:00")
    run_to_its_end(changed.runs.get())
    assert sorted(ScreeningHit.objects.values_list("status", flat=True)) == ["cleared", "open"]


def test_a_true_match_blocks_every_account_at_once(anna):
    hit, staff = screened_hit(LISTED), new_id()
    confirm_hit(hit_id=hit.pk, reason="Passport compared", staff_id=staff, now=NOW)
    anna.account.refresh_from_db()
    assert anna.account.status == "blocked"
    blocked = AuditEvent.objects.get(event="accounts.account.blocked")
    assert (blocked.actor_id, blocked.data) == (str(staff), {"reason": "Passport compared"})
    assert AuditEvent.objects.get(event="screening.hit.confirmed").object_id == str(anna.pk)


def test_a_blocked_customer_neither_pays_nor_is_paid(anna):
    bruno = customer("Bruno", phone="+4915100000002")
    out = authorised_payment(anna, creditor_iban=bruno.account.iban)
    into = authorised_payment(bruno, creditor_iban=anna.account.iban)
    confirm_hit(hit_id=screened_hit(LISTED).pk, reason="Passport compared", staff_id=new_id(), now=NOW)
    for payment in (out, into):
        execute_payment(payment_id=payment.pk, now=NOW)
        payment.refresh_from_db()
        assert (payment.transaction_status, payment.status_reason) == ("RJCT", "AC06")


def test_clearing_a_hit_leaves_the_customer_paying(anna):
    bruno = customer("Bruno", phone="+4915100000002")
    payment = authorised_payment(anna, creditor_iban=bruno.account.iban)
    clear_hit(hit_id=screened_hit(LISTED).pk, reason="Another person", staff_id=new_id(), now=NOW)
    execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    assert payment.transaction_status == "ACSC"


@pytest.mark.req("IPR-5d(2)")
def test_a_payment_screens_nobody(anna):
    """Not even one to a listed name: customers are screened by day, and a payment is not held up for it."""
    run_to_its_end(imported("Möbelhaus Kern").runs.get())
    batches = ScreeningBatch.objects.count()
    payment = authorised_payment(anna)
    execute_payment(payment_id=payment.pk, now=NOW)
    payment.refresh_from_db()
    assert payment.transaction_status == "ACSP"
    assert ScreeningBatch.objects.count() == batches
    assert not ScreeningHit.objects.exists()


def test_a_hit_is_decided_once_and_with_a_reason(anna):
    hit = screened_hit(LISTED)
    with pytest.raises(UnsafeText):
        clear_hit(hit_id=hit.pk, reason="  ", staff_id=new_id(), now=NOW)
    clear_hit(hit_id=hit.pk, reason="Another person", staff_id=new_id(), now=NOW)
    with pytest.raises(HitDecided):
        confirm_hit(hit_id=hit.pk, reason="After all", staff_id=new_id(), now=NOW)
    anna.account.refresh_from_db()
    assert anna.account.status == "enabled"
    with pytest.raises(NotFound):
        clear_hit(hit_id=new_id(), reason="Nobody", staff_id=new_id(), now=NOW)


# The database itself ---------------------------------------------------------------------------------

_DECIDED = "decided_at = now(), decided_by = gen_random_uuid(), decision_reason = 'x'"


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("INSERT INTO screening_listedentry (logical_id, fingerprint, eu_reference, subject_type, names, birthdates,"
         " citizenships, programme, regulation) SELECT logical_id, fingerprint, '', 'person', names, '{}', '{}', '',"
         " '' FROM screening_listedentry", "listed_entry_once"),
        ("INSERT INTO screening_listedentry (logical_id, fingerprint, eu_reference, subject_type, names, birthdates,"
         " citizenships, programme, regulation) VALUES (9, 'f', '', 'ship', '{a}', '{}', '{}', '', '')",
         "listed_entry_subject_known"),
        ("INSERT INTO screening_listedentry (logical_id, fingerprint, eu_reference, subject_type, names, birthdates,"
         " citizenships, programme, regulation) VALUES (9, 'f', '', 'person', '{}', '{}', '{}', '', '')",
         "listed_entry_has_name"),
        ("INSERT INTO screening_sanctionslist (published_at, file_number, sha256, entry_count, name_count,"
         " imported_at) VALUES (now(), '', 'xyz', 1, 1, now())", "sanctions_list_sha256_form"),
        ("INSERT INTO screening_sanctionslist (published_at, file_number, sha256, entry_count, name_count,"
         " imported_at) VALUES (now(), '', repeat('a', 64), 0, 0, now())", "sanctions_list_not_empty"),
        ("INSERT INTO screening_screeningrun (sanctions_list_id, business_date, status, customer_count, hit_count,"
         " started_at) SELECT sanctions_list_id, business_date, 'running', 0, 0, now() FROM screening_screeningrun",
         "screening_run_once"),
        ("UPDATE screening_screeningrun SET status = 'asleep'", "screening_run_status_known"),
        ("UPDATE screening_screeningrun SET finished_at = NULL", "screening_run_end_has_time"),
        ("INSERT INTO screening_screeningbatch (run_id, number, psu_ids, hit_count, results, evidence_sha256,"
         " screened_at) SELECT run_id, number, '{}', 0, '[]', evidence_sha256, now() FROM screening_screeningbatch",
         "screening_batch_once"),
        ("INSERT INTO screening_screeningbatch (run_id, number, psu_ids, hit_count, results, evidence_sha256,"
         " screened_at) SELECT run_id, 9, '{}', 0, '[]', 'none', now() FROM screening_screeningbatch",
         "screening_batch_sha256_form"),
        ("INSERT INTO screening_screeninghit SELECT (jsonb_populate_record(h, jsonb_build_object('id',"
         " gen_random_uuid()))).* FROM screening_screeninghit h", "screening_hit_once"),
        (f"UPDATE screening_screeninghit SET status = 'maybe', {_DECIDED}", "screening_hit_status_known"),
        ("UPDATE screening_screeninghit SET score = 101", "screening_hit_score_range"),
        ("UPDATE screening_screeninghit SET status = 'cleared', decided_at = now(),"
         " decided_by = gen_random_uuid()", "screening_hit_decision_whole"),
        ("DELETE FROM screening_screeninghit", "append-only"),
        ("DELETE FROM screening_screeningrun", "append-only"),
        ("UPDATE screening_screeningbatch SET hit_count = 0", "append-only"),
        ("DELETE FROM screening_screeningbatch", "append-only"),
        ("UPDATE screening_sanctionslist SET entry_count = 5", "append-only"),
        ("DELETE FROM screening_sanctionslist_entries", "append-only"),
        ("UPDATE screening_listedentry SET names = '{x}'", "append-only"),
    ],
)  # fmt: skip
def test_the_database_itself_refuses(anna, statement, constraint):
    screened_hit(LISTED)
    with pytest.raises(DatabaseError, match=constraint), transaction.atomic():
        connection.cursor().execute(statement)


def test_a_decided_hit_cannot_be_changed_even_by_sql(anna):
    clear_hit(hit_id=screened_hit(LISTED).pk, reason="Another person", staff_id=new_id(), now=NOW)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        connection.cursor().execute("UPDATE screening_screeninghit SET status = 'open'")
