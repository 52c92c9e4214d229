"""``make bench``: run all benchmarks, or those whose names are given: ``make bench ARGS="memory"``."""

import sys
from importlib import import_module
from pathlib import Path

from benchmarks.report import Ratio, table
from deploy.local.console import sentences, step


def _names() -> list[str]:
    found = sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))
    unknown = [name for name in sys.argv[1:] if name not in found]
    if unknown:
        raise SystemExit(f"There is no benchmark {', '.join(unknown)}; there are: {', '.join(found)}.")
    return sys.argv[1:] or found


def main() -> int:
    """Print the table; 0 when every ratio keeps its bound."""
    ratios: list[Ratio] = []
    for name in _names():
        with step(f"Measuring {name}"):
            ratios += import_module(f"benchmarks.bench_{name}").run()
    print("\n" + table(ratios))
    return 0 if all(ratio.holds for ratio in ratios) else 1


if __name__ == "__main__":
    with sentences():
        sys.exit(main())
