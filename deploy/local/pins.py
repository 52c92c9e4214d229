"""``make pins``: rewrite the second part of requirements*.txt from the first.

The first part names what the code uses, with versions. A clean virtual environment tells what those bring
with them.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy.local.config import ROOT
from deploy.local.console import Refusal, sentences, step

_MARK = "# --- brought in by the above; written by `make pins` ---"


def _name(line: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", line)
    return re.sub(r"[-_.]+", "-", found.group(0)).lower() if found else ""


def _first_part(file: Path) -> str:
    return file.read_text(encoding="utf-8").partition(_MARK)[0]


def _named(text: str) -> set[str]:
    return {_name(line) for line in text.splitlines() if re.match(r"[A-Za-z0-9]", line)}


def _frozen(python: Path, requirements: str, folder: Path) -> list[str]:
    wanted = folder / "wanted.txt"
    wanted.write_text(requirements, encoding="utf-8")
    done = subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "-r", wanted], capture_output=True, text=True
    )
    if done.returncode:
        raise Refusal(f"The packages could not be installed together:\n{done.stderr.strip()}")
    listed = subprocess.run([python, "-m", "pip", "freeze"], capture_output=True, text=True, check=True)
    return sorted(listed.stdout.split(), key=str.lower)


def rewrite() -> None:
    """Install each list into a clean environment and write down what came along."""
    run, dev = ROOT / "requirements.txt", ROOT / "requirements-dev.txt"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with step("A clean virtual environment"):
            subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        python = folder / "venv" / "bin" / "python"
        known: set[str] = set()
        for file in (run, dev):
            first = _first_part(file)
            known |= _named(first)
            with step(file.name):
                lines = _frozen(python, first.replace("-r requirements.txt", ""), folder)
            brought = [line for line in lines if _name(line) not in known]
            known |= {_name(line) for line in brought}
            file.write_text(first + _MARK + "\n" + "".join(f"{line}\n" for line in brought), encoding="utf-8")


if __name__ == "__main__":
    with sentences():
        rewrite()
