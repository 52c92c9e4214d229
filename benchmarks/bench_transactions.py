"""GET /v1/accounts/{id}/transactions, twenty rows, beside the same list through stock DRF and the stock OAuth check.

In one process and one run, in turns. With the threads that a web process has, waiting for the disk (the interface
records each access, durably) is shared; with one thread it is not, so that figure is only shown.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.bank_server import bank_database
from benchmarks.report import Ratio
from deploy.local.config import ROOT

_ROUNDS = 5
_REQUESTS = 240


def run() -> Iterator[Ratio]:
    """Measure with one thread and with four."""
    with bank_database("transactions") as (_server, _url, environment):
        output = subprocess.run(
            [sys.executable, "-m", "benchmarks.transactions_worker", str(_ROUNDS), str(_REQUESTS)],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    speeds = {name: statistics.median(values) for name, values in json.loads(output).items()}
    for threads, bound in ((4, 4.0), (1, None)):
        yield Ratio(
            what=f"GET transactions, {threads} thread{'s' if threads > 1 else ''}: requests per second",
            ours=speeds[f"ours {threads}"],
            limit=speeds[f"stock {threads}"],
            unit="/s",
            limit_is="the same rows by ModelSerializer and django-oauth-toolkit, both stock; no consent, no record",
            at_least=bound,
        )
