"""A bank clock that tests move (``settings.BANK_CLOCK``). Tokens stay on real time, as in the sandbox."""

from datetime import datetime, timedelta

from django.utils import timezone


class BankClock:
    """Real time plus what a test added."""

    offset = timedelta(0)

    def move(self, **amount: float) -> None:
        BankClock.offset += timedelta(**amount)


def now() -> datetime:
    return timezone.now() + BankClock.offset
