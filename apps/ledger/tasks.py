import logging
from datetime import timedelta

from celery import shared_task

from apps.audit.services import record_event
from apps.core import clock
from apps.core.clock import bank_date
from apps.ledger.services import close_days, expire_holds, fold_totals, make_months
from apps.ledger.verification import verify_books

logger = logging.getLogger(__name__)


@shared_task(name="ledger.fold_totals", ignore_result=True)
def fold(**_newer_arguments: object) -> None:
    """Bring the bank's own accounts up to date."""
    fold_totals()


@shared_task(name="ledger.expire_holds", ignore_result=True)
def expire(**_newer_arguments: object) -> None:
    """Give back what was held too long."""
    expire_holds(now=clock.now())


@shared_task(name="ledger.close_days", ignore_result=True)
def close(**_newer_arguments: object) -> None:
    """Close the days that are over, by the bank's clock and by the real one: a sandbox may be ahead."""
    today = min(bank_date(clock.now()), bank_date(clock.real_now()))
    make_months(today=today)
    close_days(until=today - timedelta(days=1))


@shared_task(name="ledger.verify_books", ignore_result=True)
def verify(**_newer_arguments: object) -> None:
    """Prove the books, and put the result on record."""
    findings = verify_books()
    if not findings.sound:
        logger.critical("the books do not hold: %s", findings)
    record_event(
        event="ledger.books.verified" if findings.sound else "ledger.books.broken",
        object_type="ledger",
        object_id="books",
        actor_type="system",
        actor_id="",
        at=clock.now(),
        data={"postings": findings.postings, "entries": findings.entries, "accounts": findings.accounts},
    )
