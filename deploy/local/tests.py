"""``make test``: the whole suite, on as many processes as the machine has cores (at most four).

A file's tests stay together in one process: those of a journey share one running bank, some build on one another.
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
    arguments = sys.argv[1:]
    if not any(argument.startswith(("-n", "--numprocesses")) for argument in arguments):
        arguments = ["-n", str(max(2, min(os.cpu_count() or 2, 4))), *arguments]
    return int(pytest.main(["--dist=loadfile", "--no-loadscope-reorder", *arguments]))


if __name__ == "__main__":
    sys.exit(main())
