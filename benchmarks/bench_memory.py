"""The whole of ``make run``: when it answers after a second start, and how much memory it takes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from benchmarks.report import Ratio
from deploy.local import memory, postgres, running
from deploy.local.config import ROOT, Config, ensure_folder, free_ports, from_environment, read_env_file
from deploy.local.console import say
from deploy.local.narrator import Narrator
from deploy.local.story import Story

_LIMIT_MB = 700
_LIMIT_SECONDS = 5
_SETTLE_SECONDS = 5


def run() -> Iterator[Ratio]:
    """Start twice, as a user would; measure the second start."""
    web, tpp, clearing, pg = free_ports(4)
    environment = os.environ | {
        "BANK_VAR_DIR": str(ROOT / "var" / f"bench-{os.getpid()}"),
        "WEB_PORT": str(web),
        "TPP_PORT": str(tpp),
        "CLEARING_PORT": str(clearing),
        "PG_PORT": str(pg),
    }
    environment.pop("DATABASE_URL", None)
    environment.pop("CELERY_BROKER_URL", None)
    config = from_environment(environment)
    try:
        _started(config, environment)
        seconds, parts = _started(config, environment)
    finally:
        _server(config).destroy()
        shutil.rmtree(config.var, ignore_errors=True)
    yield Ratio(
        what="make run, second start: seconds to the first answer",
        ours=seconds,
        limit=_LIMIT_SECONDS,
        unit="s",
        limit_is="what requirements allow",
        at_most=1.0,
    )
    listed = ", ".join(f"{name} {size:.0f}" for name, size in parts.items())
    yield Ratio(
        what="make run: memory of all processes together",
        ours=sum(parts.values()),
        limit=_LIMIT_MB,
        unit="MB",
        limit_is=f"what requirements allow; in MB: {listed}",
        at_most=1.0,
    )


def _server(config: Config) -> postgres.Server:
    password = read_env_file(config.env_file).get("PG_OWNER_PASSWORD", "")
    return postgres.Server(home=config.var / "postgres", port=config.pg_port, password=password)


def _started(config: Config, environment: dict[str, str]) -> tuple[float, dict[str, float]]:
    """Start the bank, let it work, weigh it, stop it: seconds to the first answer, and MB by program."""
    ensure_folder(config)
    started = time.monotonic()
    launcher = subprocess.Popen(
        [sys.executable, "-m", "deploy.local.run", "--logs", str(config.logs / "bench.log")],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        while not running.answers(config.bank_url + "/health/ready"):
            if launcher.poll() is not None:
                raise SystemExit("The bank did not start; `make run` says why.")
            time.sleep(0.02)
        seconds = time.monotonic() - started
        while not running.read(config).get("ready"):
            time.sleep(0.1)
        _play(config)
        time.sleep(_SETTLE_SECONDS)
        return seconds, _weigh(launcher.pid, config)
    finally:
        launcher.send_signal(signal.SIGTERM)
        launcher.wait(timeout=30)


def _play(config: Config) -> None:
    """Both stories: a bank that has just started and has done nothing weighs too little."""
    story = Story(config=config, narrator=Narrator(quiet=True))
    try:
        story.play()
    except Exception:
        log = (config.logs / "bench.log").read_text(errors="replace")
        say(f"\nThe bank's programs said last:\n{log[-3000:]}", out=sys.stderr)
        raise
    finally:
        story.close()


def _weigh(launcher: int, config: Config) -> dict[str, float]:
    root = psutil.Process(launcher)
    parts: dict[str, float] = {"launcher": 0.0}
    for process in root.children():
        own = process.children()
        # honcho puts a small process between itself and each program.
        name = _name_of(own[0]) if own else "launcher"
        parts["launcher"] += memory.megabytes(process)
        parts[name] = parts.get(name, 0.0) + sum(memory.of_tree(child) for child in own)
    parts["launcher"] += memory.megabytes(root)
    server = _server(config).process()
    if server:
        parts["postgres"] = memory.of_tree(server)
    return parts


def _name_of(process: psutil.Process) -> str:
    environment: dict[str, str] = process.environ()
    # The other companies' programs are named by their module: demo_tpp, clearing_house.
    return environment.get("BANK_PROCESS") or str(process.cmdline()[-1]).rpartition(".")[2]
