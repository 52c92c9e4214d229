"""``make test``: the whole suite, on three processes for two cores (three to eight).

Journeys wait half of their time for the bank's programs; meanwhile another process calculates. A file's tests stay
together in one process: those of a journey share one running bank, some build on one another.
(By file and not by ``xdist_group``: pytest-xdist 3.8 loses its groups under pytest 9.2.)
"""

import os
import signal
import sys

import pytest


def main() -> int:
    """Run pytest; arguments go through: ``make test ARGS="tests/ledger -k overdraft -n0"``."""
    # As Ctrl-C: pytest then stops the servers that it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A hundred processes start here, each of the same modules: translated once, whatever the environment prefers.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    arguments = sys.argv[1:]
    if not any(argument.startswith(("-n", "--numprocesses")) for argument in arguments):
        arguments = ["-n", str(max(3, min(3 * (os.cpu_count() or 2) // 2, 8))), *arguments]
    return int(pytest.main(["--dist=loadfile", "--no-loadscope-reorder", *arguments]))


if __name__ == "__main__":
    sys.exit(main())
