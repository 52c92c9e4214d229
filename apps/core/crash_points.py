"""Places where a test may kill the process, to see that nothing is lost and nothing happens twice.

``CRASH_AT=name:N`` in the environment kills on the Nth pass; without it, and outside the sandbox, this does nothing.
"""

import os
import signal
from collections import Counter

from django.conf import settings

_passes: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """Die here without a word (SIGKILL) if the environment says so."""
    wanted = os.environ.get("CRASH_AT", "")
    if not wanted or not settings.SANDBOX:
        return
    target, _, number = wanted.partition(":")
    if target == name:
        _passes[name] += 1
        if _passes[name] == int(number or 1):
            os.kill(os.getpid(), signal.SIGKILL)
