"""What runs at the moment: one launcher per folder, written down so that it is found and leftovers ended."""

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import psutil

from deploy.local.config import Config
from deploy.local.console import Refusal, say


def _path(config: Config) -> Any:
    return config.var / "run.json"


def read(config: Config) -> dict[str, Any]:
    """What the last launcher of this folder wrote down; empty when there is nothing."""
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads(_path(config).read_text(encoding="utf-8"))
        return found
    return {}


def write(config: Config, *, ready: bool, processes: list[psutil.Process]) -> None:
    """Write down this launcher and the processes it started."""
    known = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            known.append({"pid": process.pid, "created": process.create_time()})
    contents = {
        "launcher": os.getpid(),
        "ready": ready,
        "bank_url": config.bank_url,
        "tpp_url": config.tpp_url,
        "processes": known,
    }
    fresh = _path(config).with_suffix(".new")
    fresh.write_text(json.dumps(contents, indent=1), encoding="utf-8")
    fresh.replace(_path(config))


def forget(config: Config) -> None:
    """This launcher has ended everything."""
    _path(config).unlink(missing_ok=True)


def is_up(config: Config) -> bool:
    """Whether the bank of this folder runs and answers."""
    found = read(config)
    return (
        bool(found.get("ready"))
        and answers(found["bank_url"] + "/health/ready")
        and answers(found["tpp_url"] + "/")
    )


def answers(url: str, *, timeout_seconds: float = 2) -> bool:
    """Whether something answers there, and not with a server error."""
    try:
        # Plain HTTP on loopback, asked again and again: the certificates of every authority are not loaded for it.
        return httpx.get(url, timeout=timeout_seconds, trust_env=False, verify=False).status_code < 500  # noqa: S501
    except httpx.HTTPError:
        return False


@contextlib.contextmanager
def only_one(config: Config) -> Iterator[None]:
    """Hold the folder's lock: two launchers would fight over one database.

    :raises Refusal: another launcher holds it.
    """
    with (config.var / "run.lock").open("a") as lock:
        try:
            # Not flock: what honcho forks would go on holding that after we are killed.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            found = read(config)
            where = f" (process {found['launcher']}, {found['bank_url']})" if found else ""
            raise Refusal(
                f"The bank of {config.var} is running already{where}; stop that one first."
            ) from None
        end_leftovers(config)
        yield


def end_leftovers(config: Config) -> None:
    """End what a launcher that was killed left running: exactly the processes that it wrote down."""
    left = []
    for entry in read(config).get("processes", []):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(entry["pid"])
            if process.create_time() == entry["created"]:
                left.append(process)
    if left:
        say(f"  Ending {len(left)} processes that an earlier start left behind.")
        end(left)
    forget(config)


def end(processes: list[psutil.Process], *, patience_seconds: float = 5) -> None:
    """Ask the processes to end, then make them."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=patience_seconds)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=patience_seconds)
