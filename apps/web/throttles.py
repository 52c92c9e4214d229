"""A small counter per key and window, to slow down guessing and flooding at a door.

Legal limits (attempts per code, accesses per day) do not rest on it: those are counted in the database by their rooms.
With the default in-process cache each web process counts for itself; ``CACHE_URL`` makes the count common.
"""

import hashlib
import time
from dataclasses import dataclass

from django.core.cache import cache


@dataclass(frozen=True, slots=True)
class Throttle:
    """Whether this call may go on, and after how many seconds the window is over."""

    is_allowed: bool
    retry_after_seconds: int


def count_call(*, scope: str, key: str, limit: int, window_seconds: int, weight: int = 1) -> Throttle:
    """Count one call of ``key`` (an address, a user ID) in ``scope``; the call after ``limit`` is refused. ``weight`` 0
    asks whether there was one too many, and counts nothing."""
    moment = int(time.time())
    window, passed = divmod(moment, window_seconds)
    # Hashed: keys hold user input and addresses, which neither fit nor belong into cache keys.
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    cache_key = f"web.throttle:{scope}:{window}:{digest}"
    cache.add(cache_key, 0, timeout=window_seconds + 1)
    try:
        count = cache.incr(cache_key, weight)
    except ValueError:  # The window ended, or the cache dropped the entry, between the two calls.
        count = weight
    return Throttle(is_allowed=count <= limit, retry_after_seconds=window_seconds - passed)
