"""Make the virtual environment ``.venv`` and put the pinned packages into it.

Runs on the machine's own Python, so: the standard library only, and no import from the rest of the
repository. Called by every target of the Makefile; returns at once when nothing changed.

    python3 deploy/local/bootstrap.py [--dev] [--recreate]
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)


def refuse(sentence: str) -> NoReturn:
    """End with one clear sentence."""
    print(f"\n{sentence}", file=sys.stderr)
    raise SystemExit(2)


def check_python() -> None:
    """Refuse a Python that is too old or lacks the modules a virtual environment needs."""
    if sys.version_info < OLDEST:
        refuse(
            f"bankportal needs Python {OLDEST[0]}.{OLDEST[1]} or newer; {sys.executable} is"
            f" {sys.version_info[0]}.{sys.version_info[1]}. Name another one: make PYTHON=/path/to/python3"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        refuse(
            f"{sys.executable} cannot make a virtual environment (no module {error.name!r}): install the"
            f" package python{version}-venv, or name another Python: make PYTHON=/path/to/python3"
        )


def requirement_files(dev: bool) -> list[Path]:
    """The pinned lists to install."""
    return [
        ROOT / name
        for name in (("requirements.txt", "requirements-dev.txt") if dev else ("requirements.txt",))
    ]


def fingerprint(files: list[Path]) -> str:
    """What must be the same for an environment to count as installed: the lists, the Python, the place."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {VENV}".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def stamp_of(dev: bool) -> Path:
    """The file that remembers the fingerprint of what was installed."""
    return VENV / (".installed-dev" if dev else ".installed-run")


def is_installed(*, dev: bool) -> bool:
    """Whether the environment holds what the lists ask for. The development lists include the others."""
    if not (VENV / "bin" / "python").exists():  # Also false for a link to a Python that is gone.
        return False
    for kind in (dev, True):
        stamp = stamp_of(kind)
        if stamp.is_file() and stamp.read_text() == fingerprint(requirement_files(kind)):
            return True
    return False


def make_venv() -> None:
    """A fresh environment; one that another Python made, or half of one, is replaced."""
    started = time.monotonic()
    print(f"  Making the virtual environment .venv with Python {sys.version.split()[0]} ...", flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if done.returncode:
        shutil.rmtree(VENV, ignore_errors=True)
        reason = (done.stderr or done.stdout).strip().splitlines()
        why = reason[-1] if reason else "no reason given"
        refuse(f"The virtual environment could not be made in {VENV}: {why}")
    print(f"  Virtual environment: done, {time.monotonic() - started:.1f} s", flush=True)


def install(dev: bool) -> None:
    """Install the pinned packages, counting them as pip names them."""
    files = requirement_files(dev)
    wanted = sum(
        1
        for file in files
        for line in file.read_text().splitlines()
        if re.match(r"[A-Za-z0-9]", line.strip())
    )
    command = [
        str(VENV / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
    ]
    command += ["-r", str(files[-1])]
    started = shown = time.monotonic()
    live = sys.stdout.isatty()
    seen = 0
    writing = False
    lines = []
    print(f"  Installing {wanted} pinned packages ...", flush=True)
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    for line in pip.stdout or ():
        lines.append(line.rstrip())
        if line.startswith(("Collecting ", "Requirement already satisfied")):
            seen += 1
        now = time.monotonic()
        began_writing = line.startswith("Installing collected")
        writing = writing or began_writing
        phase = "writing them" if writing else f"{min(seen, wanted)} of {wanted}"
        if live:
            print(f"\r\033[K  Installing packages ... {phase}", end="", flush=True)
        elif now - shown > 3 or began_writing:
            shown = now
            print(f"  Installing packages ... {phase}", flush=True)
    if pip.wait():
        print("\n" + "\n".join(lines[-15:]), file=sys.stderr)
        refuse(
            "The packages could not be installed; the reason stands above. Is the package index reachable?"
        )
    print(
        f"{chr(13) + chr(27) + '[K' if live else ''}  Packages: done, {time.monotonic() - started:.1f} s",
        flush=True,
    )
    stamp_of(dev).write_text(fingerprint(files))


def is_usable() -> bool:
    """Whether the environment's Python still runs and is the version that was chosen."""
    python = VENV / "bin" / "python"
    if not python.exists():
        return False
    probe = f"import sys, pip; sys.exit(tuple(sys.version_info[:2]) != {tuple(sys.version_info[:2])!r})"
    return subprocess.run([str(python), "-c", probe], capture_output=True).returncode == 0


def main() -> None:
    """Bring ``.venv`` up to date."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--dev", action="store_true", help="also what tests and checks need")
    options.add_argument("--recreate", action="store_true", help="throw the environment away first")
    chosen = options.parse_args()
    check_python()
    if not chosen.recreate and is_installed(dev=chosen.dev):
        return
    try:
        if chosen.recreate or not is_usable():
            make_venv()
        install(chosen.dev)
    except OSError as error:
        refuse(
            f"The virtual environment in {VENV} could not be written: {error.strerror} ({error.filename})."
        )


if __name__ == "__main__":
    os.umask(0o022)
    try:
        main()
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        raise SystemExit(130) from None
