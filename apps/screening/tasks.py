from celery import shared_task

from apps.core import clock
from apps.notifications.outbox_tasks import outbox_task
from apps.screening.services import SCREEN_TASK, begin_screening_day, screen_batch


@outbox_task(SCREEN_TASK)
def screen(*, run_id: str, number: str) -> None:
    """One step of a run."""
    screen_batch(run_id=int(run_id), number=int(number), now=clock.now())


@shared_task(name="screening.begin_day", ignore_result=True)
def begin_day(**_newer_arguments: object) -> None:
    """The duty is to the real calendar day, wherever the sandbox's clock stands."""
    begin_screening_day(now=clock.now(), real_now=clock.real_now())
