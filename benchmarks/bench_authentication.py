"""What it costs to verify an answer, method by method, in processor time; the password's hash is not part of it.

Beside the verification itself stands the whole call: counting the try in the database, and for a passkey its use.
"""

import json
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.bank_server import bank_database
from benchmarks.report import Ratio
from deploy.local.config import ROOT

_COUNT = 200
_TITLES = {
    "code": "a code by text message",
    "passkey": "a passkey",
    "app": "an answer of the bank's app",
    "digits": "the app's digits, typed",
}


def run() -> Iterator[Ratio]:
    """Verify two hundred answers of each method."""
    with bank_database("authentication") as (_server, _url, environment):
        output = subprocess.run(
            [sys.executable, "-m", "benchmarks.authentication_worker", str(_COUNT)],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
    figures = json.loads(output.splitlines()[-1])
    for method, title in _TITLES.items():
        yield Ratio(
            what=f"verifying {title}: processor time",
            ours=figures[method]["verifying_us"],
            limit=1_000,
            unit="µs",
            limit_is="a millisecond",
            at_most=1.0,
        )
        yield Ratio(
            what=f"the whole check of {title}: processor time",
            ours=figures[method]["whole_us"],
            limit=figures["password_us"],
            unit="µs",
            limit_is="one password's hash (Argon2)",
        )
