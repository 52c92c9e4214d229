"""Start a program once something answers on a port: ``python -S -m deploy.local.after 8000 celery worker ...``.

All programs starting at once would share the cores, and the page that somebody waits for would come last.
"""

import os
import socket
import sys
import time

_PATIENCE_SECONDS = 20  # Then it starts anyway: it does not need the other one.


def main() -> None:
    """Wait, then become the program."""
    port, command = int(sys.argv[1]), sys.argv[2:]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    os.execvp(command[0], command)  # noqa: S606 (the launcher's own table of programs)


if __name__ == "__main__":
    main()
