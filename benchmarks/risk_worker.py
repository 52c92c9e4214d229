"""A process that scores made payments and prints its figures as JSON; run by ``bench_risk``:
``python -m benchmarks.risk_worker SEED COUNT``."""

import json
import os
import statistics
import sys
import time
from collections import Counter
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bankportal.settings")
django.setup()

from apps.core import clock  # noqa: E402
from apps.core.ids import new_id  # noqa: E402
from apps.risk.facts import Order, Origin  # noqa: E402
from apps.risk.queries import get_rules  # noqa: E402
from apps.risk.rules import Subject, assess  # noqa: E402
from apps.risk.services import Payer, assess_payment  # noqa: E402
from benchmarks.risk_scenes import World  # noqa: E402

STORED = 300


def main() -> None:
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    rules = get_rules(now=clock.now()).rules
    scenes = list(World(seed=seed, count=count).scenes())
    began = time.perf_counter()
    results = [assess(scene.facts, rules=rules, subject=Subject.PAYMENT) for scene in scenes]
    microseconds = (time.perf_counter() - began) / count * 1e6
    levels: Counter[str] = Counter()  # "fraud or honest:level"
    scores: Counter[str] = Counter()
    for scene, result in zip(scenes, results, strict=True):
        levels[f"{scene.fraud}:{result.level}"] += 1
        scores[f"{'fraud' if scene.fraud else 'honest'}:{result.score // 5 * 5}"] += 1
    print(
        json.dumps(
            {
                "microseconds": microseconds,
                "stored_ms": _stored_ms(),
                "levels": levels,
                "scores": scores,
            }
        )
    )


def _stored_ms() -> float:
    """One payment assessed and stored, with its questions to the database, its event and its commit."""
    psu_id, account_id, now = new_id(), new_id(), clock.now()
    origin = Origin("d" * 64, "192.0.2.0/24", False, 60, now)
    order = Order(2_500, "DE89370400440532013000", "DE02120300000000202051", False, (), 100_000, None)
    taken: list[float] = []
    for _ in range(STORED):
        began = time.perf_counter()
        payer: Any = Payer(psu_id=psu_id, account_id=account_id)
        assess_payment(payment_id=new_id(), payer=payer, order=order, origin=origin, now=now)
        taken.append((time.perf_counter() - began) * 1e3)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
