"""A bound on how long a call to somebody else may take, whether or not that call keeps one itself."""

import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")
# Calls that hang keep their thread; past this many, further ones are given up at once, and nothing piles up.
_SLOTS = threading.BoundedSemaphore(16)


def run_within(seconds: float, call: Callable[[], T]) -> T:
    """What ``call`` gives, if it gives it in time. It runs in a thread of its own and must not use the database.

    :raises TimeoutError: not in time, or too many such calls hang already. The call may still be running.
    """
    slots = _SLOTS
    if not slots.acquire(blocking=False):
        raise TimeoutError("too many calls are under way")
    box: dict[str, Any] = {}
    done = threading.Event()

    def carry_out() -> None:
        try:
            box["result"] = call()
        except BaseException as error:
            box["error"] = error
        finally:
            slots.release()
            done.set()

    threading.Thread(target=carry_out, daemon=True, name="deadline").start()
    if not done.wait(seconds):
        raise TimeoutError(f"no answer within {seconds} s")
    if "error" in box:
        raise box["error"]
    return box["result"]
