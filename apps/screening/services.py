import hashlib
import json
from collections import defaultdict
from datetime import datetime
from functools import lru_cache
from typing import IO
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F

from apps.accounts.queries import list_owner_names
from apps.accounts.services import block_accounts_of_customer
from apps.audit.services import record_event
from apps.core.clock import bank_date
from apps.core.errors import DomainError, InvalidInput, NotFound
from apps.core.text import check_display_text
from apps.identity.models import PSU
from apps.notifications.services import enqueue_message
from apps.screening.eu_list import ParsedList, read_list
from apps.screening.matching import NameIndex
from apps.screening.models import (
    CustomerScreening,
    ListedEntry,
    SanctionsList,
    ScreeningBatch,
    ScreeningHit,
    ScreeningRun,
)
from apps.screening.queries import get_present_list, list_customers_to_screen
from apps.screening.rules import HitStatus, RunStatus

SCREEN_TASK = "screening.screen_batch"
CUSTOMERS_PER_BATCH = 1000
REASON_LENGTH_MAX = 300
_IMPORT_LOCK = 1396788549  # Two imports at once wait for one another.


class ListOutdated(InvalidInput):
    """The file was published before the present list."""

    code = "list_outdated"


class ListShrunk(InvalidInput):
    """The file has fewer than half of the present list's entries: a part of a list, or another one."""

    code = "list_shrunk"


class HitDecided(DomainError):
    """Somebody has decided this hit already."""

    code = "hit_decided"


@transaction.atomic
def import_list(
    *, file: IO[bytes], is_forced: bool = False, now: datetime, real_now: datetime
) -> SanctionsList:
    """Take a new edition of the list, whole or not at all, and promise that all customers are screened against it.

    The file of the present edition again changes nothing. Imports wait for one another, so that of two at once the
    later one is measured against the earlier. ``is_forced`` takes an older publication and one that has shrunk.

    :raises apps.screening.eu_list.ListUnreadable: the file is not of the format.
    :raises ListOutdated: published before the present edition, and not forced.
    :raises ListShrunk: fewer than half of the present edition's entries, and not forced.
    """
    parsed = read_list(file)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_IMPORT_LOCK])
    present = get_present_list()
    if present is not None:
        if present.sha256 == parsed.sha256:
            return present
        if parsed.published_at < present.published_at and not is_forced:
            raise ListOutdated(f"published {parsed.published_at}, before the present {present.published_at}")
        if 2 * len(parsed.entries) < present.entry_count and not is_forced:
            raise ListShrunk(
                f"{len(parsed.entries)} entries, fewer than half of the present list's {present.entry_count}"
            )
    edition = _store(parsed, now=now)
    record_event(
        event="screening.list.imported",
        object_type="sanctions_list",
        object_id=str(edition.pk),
        actor_type="system",
        at=now,
        data={
            "sha256": edition.sha256,
            "published_at": edition.published_at.isoformat(),
            "entries": edition.entry_count,
            "names": edition.name_count,
            "forced": is_forced,
        },
    )
    _open_run(edition, now=now, real_now=real_now)
    return edition


def _store(parsed: ParsedList, *, now: datetime) -> SanctionsList:
    ListedEntry.objects.bulk_create(
        (
            ListedEntry(
                logical_id=entry.logical_id,
                fingerprint=entry.fingerprint,
                eu_reference=entry.eu_reference,
                subject_type=entry.subject_type,
                names=entry.names,
                birthdates=entry.birthdates,
                citizenships=entry.citizenships,
                programme=entry.programme,
                regulation=entry.regulation,
            )
            for entry in parsed.entries
        ),
        batch_size=1000,
        ignore_conflicts=True,  # An entry that has not changed is there from an earlier edition.
    )
    edition = SanctionsList.objects.create(
        published_at=parsed.published_at,
        file_number=parsed.file_number,
        sha256=parsed.sha256,
        entry_count=len(parsed.entries),
        name_count=sum(len(entry.names) for entry in parsed.entries),
        imported_at=now,
    )
    fingerprints = [entry.fingerprint for entry in parsed.entries]
    ids = ListedEntry.objects.filter(fingerprint__in=fingerprints).values_list("pk", flat=True)
    through = SanctionsList.entries.through
    through.objects.bulk_create(
        (through(sanctionslist_id=edition.pk, listedentry_id=pk) for pk in ids), batch_size=5000
    )
    return edition


@transaction.atomic
def begin_screening_day(*, now: datetime, real_now: datetime) -> ScreeningRun | None:
    """Open the screening of the real calendar day, or go on with it: also for customers who joined since.

    May be called as often as one likes, by several runners. Returns None while there is no list.
    """
    edition = get_present_list()
    return _open_run(edition, now=now, real_now=real_now) if edition is not None else None


def _open_run(edition: SanctionsList, *, now: datetime, real_now: datetime) -> ScreeningRun:
    run, is_new = ScreeningRun.objects.get_or_create(
        sanctions_list=edition, business_date=bank_date(real_now), defaults={"started_at": now}
    )
    if is_new:
        record_event(
            event="screening.run.started",
            object_type="screening_run",
            object_id=str(run.pk),
            actor_type="system",
            at=now,
            data={"list": edition.pk, "day": run.business_date.isoformat()},
        )
    if run.status == RunStatus.RUNNING or list_customers_to_screen(run_id=run.pk, limit=1).exists():
        _promise_batch(run, number=run.batches.count() + 1)
    return run


def _promise_batch(run: ScreeningRun, *, number: int) -> None:
    enqueue_message(
        topic=SCREEN_TASK,
        payload={"run_id": str(run.pk), "number": str(number)},
        effect_key=f"screening:{run.pk}:{number}",
    )


@transaction.atomic
def screen_batch(*, run_id: int, number: int, now: datetime) -> int:
    """Screen the next customers of a run, keep the evidence, and promise the next step. Returns how many.

    A step that was done already, or that a newer run has made needless, does nothing: steps never overlap.

    :raises NotFound: there is no such run.
    """
    run = ScreeningRun.objects.select_for_update().filter(pk=run_id).first()
    if run is None:
        raise NotFound("run")
    if run.status == RunStatus.SUPERSEDED or run.batches.count() != number - 1:
        return 0
    if ScreeningRun.objects.filter(pk__gt=run.pk).exists():
        if run.status == RunStatus.RUNNING:
            _finish(run, status=RunStatus.SUPERSEDED, now=now)
        return 0
    psus = list(list_customers_to_screen(run_id=run.pk, limit=CUSTOMERS_PER_BATCH))
    if psus:
        _screen(run, psus=psus, number=number, now=now)
    if list_customers_to_screen(run_id=run.pk, limit=1).exists():
        _promise_batch(run, number=number + 1)
    elif run.status == RunStatus.RUNNING:
        _finish(run, status=RunStatus.DONE, now=now)
    return len(psus)


def _screen(run: ScreeningRun, *, psus: list[PSU], number: int, now: datetime) -> None:
    index = _index_of_list(run.sanctions_list_id)
    names = defaultdict(set, {psu.pk: {psu.full_name} for psu in psus})
    for psu_id, owner_name in list_owner_names(psu_ids=names):
        names[psu_id].add(owner_name)
    hits = [hit for psu in psus for hit in index.hits_of(psu.pk, names=sorted(names[psu.pk]))]
    before = run.batches.order_by("-number").values_list("evidence_sha256", flat=True).first() or ""
    evidence = [
        before,
        run.sanctions_list.sha256,
        [[str(psu.pk), sorted(names[psu.pk])] for psu in psus],
        [[str(hit.psu_id), hit.entry_id, hit.score] for hit in hits],
    ]
    ScreeningBatch.objects.create(
        run=run,
        number=number,
        psu_ids=[psu.pk for psu in psus],
        hit_count=len(hits),
        results=evidence[-1],
        evidence_sha256=hashlib.sha256(json.dumps(evidence).encode()).hexdigest(),
        screened_at=now,
    )
    CustomerScreening.objects.bulk_create(
        [CustomerScreening(psu=psu, run=run) for psu in psus],
        update_conflicts=True,
        unique_fields=["psu"],
        update_fields=["run"],
    )
    _keep_hits(run, hits=hits, now=now)
    ScreeningRun.objects.filter(pk=run.pk).update(
        customer_count=F("customer_count") + len(psus), hit_count=F("hit_count") + len(hits)
    )


def _keep_hits(run: ScreeningRun, *, hits: list[ScreeningHit], now: datetime) -> None:
    """Put new resemblances into the queue; one that staff have decided, for the same entry, stays decided."""
    for hit in hits:
        hit.run, hit.found_at = run, now
        _, is_new = ScreeningHit.objects.get_or_create(
            psu_id=hit.psu_id,
            entry_id=hit.entry_id,
            customer_name=hit.customer_name,
            defaults={"run": run, "listed_name": hit.listed_name, "score": hit.score, "found_at": now},
        )
        if is_new:
            record_event(
                event="screening.hit.found",
                object_type="psu",
                object_id=hit.psu_id,
                actor_type="system",
                at=now,
                data={"entry": hit.entry_id, "score": hit.score, "run": run.pk},
            )


def _finish(run: ScreeningRun, *, status: RunStatus, now: datetime) -> None:
    run.refresh_from_db()
    run.status, run.finished_at = status, now
    run.save(update_fields=["status", "finished_at"])
    record_event(
        event=f"screening.run.{status}",
        object_type="screening_run",
        object_id=str(run.pk),
        actor_type="system",
        at=now,
        data={"customers": run.customer_count, "hits": run.hit_count, "list": run.sanctions_list_id},
    )


class _ListIndex:
    """The names of one edition with the entries they belong to."""

    def __init__(self, edition_id: int) -> None:
        self._rows = [
            (pk, name)
            for pk, names in ListedEntry.objects.filter(lists=edition_id)
            .values_list("pk", "names")
            .order_by("pk")
            for name in names
        ]
        self._index = NameIndex(name for _pk, name in self._rows)

    def hits_of(self, psu_id: UUID, *, names: list[str]) -> list[ScreeningHit]:
        """For each entry the closest of the customer's names to one of its own."""
        best: dict[int, ScreeningHit] = {}
        for name in names:
            for match in self._index.search(name):
                entry_id, listed_name = self._rows[match.position]
                if entry_id not in best or best[entry_id].score < match.score:
                    best[entry_id] = ScreeningHit(
                        psu_id=psu_id,
                        entry_id=entry_id,
                        customer_name=name,
                        listed_name=listed_name,
                        score=match.score,
                    )
        return [best[entry_id] for entry_id in sorted(best)]


@lru_cache(maxsize=1)
def _index_of_list(edition_id: int) -> _ListIndex:
    """Kept between batches: an edition never changes."""
    return _ListIndex(edition_id)


@transaction.atomic
def clear_hit(*, hit_id: UUID, reason: str, staff_id: UUID, now: datetime) -> ScreeningHit:
    """Decide that the customer is not who is listed; remembered until the entry changes.

    :raises NotFound: there is no such hit.
    :raises HitDecided: decided before.
    :raises apps.core.text.UnsafeText: no reason fit to be shown.
    """
    return _decide(hit_id, status=HitStatus.CLEARED, reason=reason, staff_id=staff_id, now=now)


@transaction.atomic
def confirm_hit(*, hit_id: UUID, reason: str, staff_id: UUID, now: datetime) -> ScreeningHit:
    """Decide that the customer is who is listed: all his accounts are blocked at once.

    :raises NotFound: there is no such hit.
    :raises HitDecided: decided before.
    :raises apps.core.text.UnsafeText: no reason fit to be shown.
    """
    hit = _decide(hit_id, status=HitStatus.CONFIRMED, reason=reason, staff_id=staff_id, now=now)
    block_accounts_of_customer(psu_id=hit.psu_id, reason=hit.decision_reason, staff_id=staff_id, now=now)
    return hit


def _decide(hit_id: UUID, *, status: HitStatus, reason: str, staff_id: UUID, now: datetime) -> ScreeningHit:
    hit = ScreeningHit.objects.select_for_update().filter(pk=hit_id).first()
    if hit is None:
        raise NotFound("hit")
    if hit.status != HitStatus.OPEN:
        raise HitDecided(str(hit_id))
    hit.decision_reason = check_display_text(
        " ".join(reason.split()), field="reason", max_length=REASON_LENGTH_MAX
    )
    hit.status, hit.decided_at, hit.decided_by = status, now, staff_id
    hit.save(update_fields=["status", "decided_at", "decided_by", "decision_reason"])
    record_event(
        event=f"screening.hit.{status}",
        object_type="psu",
        object_id=hit.psu_id,
        actor_type="staff",
        actor_id=staff_id,
        at=now,
        data={"entry": hit.entry_id, "reason": hit.decision_reason},
    )
    return hit
