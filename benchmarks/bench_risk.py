"""Transaction monitoring: how many made frauds it sees, how many honest payments it troubles, what a score costs.

The rules were looked at on payments of one seed (``BENCH_RISK_SEED=1 make bench ARGS=risk``) and are measured on those
of another, which is also drawn: ``docs/pictures/risk.svg``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.bank_server import bank_database
from benchmarks.report import Ratio
from benchmarks.risk_picture import draw
from deploy.local.config import ROOT

EVALUATION_SEED = 2  # Never looked at while rules are weighed.
SEED = int(os.environ.get("BENCH_RISK_SEED", EVALUATION_SEED))
COUNT = 100_000
LEVELS = ("low", "medium", "high")


def run() -> Iterator[Ratio]:
    """Score 100,000 payments that no rule was made for."""
    with bank_database("risk") as (_server, _url, environment):
        figures = measure(environment, seed=SEED)
    print("\n" + table(figures["levels"]))
    if SEED == EVALUATION_SEED:
        (ROOT / "docs" / "pictures" / "risk.svg").write_text(draw(figures["scores"]), encoding="utf-8")
    flagged = precision_and_recall(figures["levels"], levels=("medium", "high"))
    yield Ratio(
        what="risk: share of made frauds that are medium or high",
        ours=flagged[1] * 100,
        limit=100,
        unit="%",
        limit_is="all of them; synthetic, see docs/explanation/risk.md",
    )
    yield Ratio(
        what="risk: microseconds for a score",
        ours=figures["microseconds"],
        limit=1_000,
        unit="µs",
        limit_is="a millisecond",
        at_most=1.0,
    )
    yield Ratio(
        what="risk: milliseconds to assess and store one payment",
        ours=figures["stored_ms"],
        limit=50,
        unit="ms",
        limit_is="what nobody notices when he sends a form",
        at_most=1.0,
    )


def measure(environment: Mapping[str, str], *, seed: int, count: int = COUNT) -> dict[str, Any]:
    """The worker's figures for the payments of a seed."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.risk_worker", str(seed), str(count)],
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def precision_and_recall(counts: Mapping[str, int], *, levels: tuple[str, ...]) -> tuple[float, float]:
    """Of what is in these levels, the share that is fraud; of all fraud, the share that is in them."""
    frauds = flagged = caught = 0
    for name, number in counts.items():
        fraud, _, level = name.partition(":")
        frauds += number if fraud else 0
        flagged += number if level in levels else 0
        caught += number if fraud and level in levels else 0
    return caught / flagged if flagged else 1.0, caught / frauds if frauds else 1.0


def table(counts: Mapping[str, int]) -> str:
    """Each kind of payment by level; precision and recall of each level and of what staff would see."""
    kinds = sorted({name.partition(":")[0] for name in counts})
    lines = [f"{'':<14}" + "".join(f"{level:>9}" for level in LEVELS) + f"{'flagged':>10}"]
    for kind in kinds:
        row = [counts.get(f"{kind}:{level}", 0) for level in LEVELS]
        flagged = (row[1] + row[2]) / (sum(row) or 1)
        lines.append(
            f"{kind or 'honest':<14}" + "".join(f"{number:>9,}" for number in row) + f"{flagged:>10.1%}"
        )
    for name, levels in (("medium", ("medium",)), ("high", ("high",)), ("both", ("medium", "high"))):
        precision, recall = precision_and_recall(counts, levels=levels)
        lines.append(f"{name:<14} precision {precision:.1%}, recall {recall:.1%}")
    return "\n".join(lines)
