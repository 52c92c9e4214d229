"""Editions of the sanctions list, in the EU's format, and runs over the customers there are."""

from datetime import datetime, timedelta
from io import BytesIO
from xml.sax.saxutils import quoteattr

from apps.screening.models import SanctionsList, ScreeningHit, ScreeningRun
from apps.screening.services import import_list, screen_batch
from tests.factories.accounts import NOW


def list_xml(
    *names: str, published: str = "2026-11-20T10:00:00+01:00", first_id: int = 1, extra: str = ""
) -> bytes:
    """A file with one person per name; several names of one are divided by ``|``."""
    entries = "".join(
        f'<sanctionEntity logicalId="{number}" euReferenceNumber="EU.{number}.1">'
        f'<regulation programme="TEST" numberTitle="2026/1"/><subjectType code="person" classificationCode="P"/>'
        + "".join(f"<nameAlias wholeName={quoteattr(alias)}/>" for alias in name.split("|"))
        + '<birthdate birthdate="1970-01-31" year="1970"/><citizenship countryIso2Code="XX"/></sanctionEntity>'
        for number, name in enumerate(names, start=first_id)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><export xmlns="http://eu.europa.ec/fpi/fsd/export"'
        f' generationDate="{published}" globalFileId="7">{entries}{extra}</export>'
    ).encode()


def imported(*names: str, now: datetime = NOW, is_forced: bool = False, **form: object) -> SanctionsList:
    """A new edition; its run is promised."""
    return import_list(file=BytesIO(list_xml(*names, **form)), is_forced=is_forced, now=now, real_now=now)


def run_to_its_end(run: ScreeningRun, *, now: datetime = NOW) -> ScreeningRun:
    """Every step of a run, as the workers would do it."""
    number = run.batches.count() + 1
    while screen_batch(run_id=run.pk, number=number, now=now + timedelta(seconds=number)):
        number += 1
    run.refresh_from_db()
    return run


def screened_hit(name: str) -> ScreeningHit:
    """The open hit of a customer of this name, from an edition that lists it."""
    run_to_its_end(imported(name).runs.get())
    return ScreeningHit.objects.get(customer_name=name)
