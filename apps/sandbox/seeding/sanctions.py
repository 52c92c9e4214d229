"""The sandbox's sanctions list: invented. One of its names resembles a customer, so that staff have a hit to decide."""

from datetime import datetime
from pathlib import Path

from apps.screening.queries import get_present_list
from apps.screening.services import begin_screening_day, import_list, screen_batch

INVENTED_LIST = Path(__file__).with_name("invented_sanctions_list.xml")


def seed_sanctions_list(*, now: datetime, real_now: datetime) -> None:
    """Import the invented list unless the sandbox has one, and screen every customer for today before anybody comes.

    Otherwise a sandbox just started, or one that was off for a night, would tell of a duty not met.
    """
    if get_present_list() is None:
        with INVENTED_LIST.open("rb") as file:
            import_list(file=file, now=now, real_now=real_now)
    run = begin_screening_day(now=now, real_now=real_now)
    while run is not None and screen_batch(run_id=run.pk, number=run.batches.count() + 1, now=now):
        pass
