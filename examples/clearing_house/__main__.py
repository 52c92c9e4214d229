"""``python -S -m examples.clearing_house``: serve the clearing house on the loopback address until stopped.

``-S``: nothing but the standard library is used, and leaving the rest out saves memory.
"""

from __future__ import annotations

import errno
import signal
import sys
import time
from types import FrameType


def main() -> int:
    """Start the house. 0 when stopped, 2 with one sentence when it cannot start."""
    # Talks to its own machine only; OpenSSL would be a third of its memory. Python has a SHA-256 of its own.
    sys.modules["ssl"] = sys.modules["_hashlib"] = None  # type: ignore[assignment]
    from examples.clearing_house.books import Books
    from examples.clearing_house.config import ConfigurationError, load_configuration
    from examples.clearing_house.server import House, Postman

    try:
        configuration = load_configuration()
    except ConfigurationError as error:
        print(f"clearing_house: {error}", file=sys.stderr)
        return 2
    books = Books(
        configuration.database,
        bank_bic=configuration.bank_bic,
        cycle_seconds=configuration.cycle_seconds,
        instant_seconds=configuration.instant_seconds,
        now=time.time(),
    )
    try:
        house = House(configuration, books)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(
            f"clearing_house: port {configuration.port} is in use; set CLEARING_PORT to another.",
            file=sys.stderr,
        )
        return 2
    postman = Postman(house)
    signal.signal(signal.SIGTERM, _stop)
    postman.start()
    print(f"Rheinclear clears at http://127.0.0.1:{configuration.port}", flush=True)
    try:
        house.serve_forever(poll_interval=0.5)
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        postman.stop()
        house.server_close()
        books.close()
    return 0


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
