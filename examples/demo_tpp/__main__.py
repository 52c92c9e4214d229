"""``python -m examples.demo_tpp``: serve ShopPay on the loopback address until stopped."""

from __future__ import annotations

import ctypes
import errno
import logging
import os
import signal
import sys
from types import FrameType

from examples.demo_tpp.config import ConfigurationError, load_configuration

THREADS = 6
MALLOPT_MMAP_THRESHOLD = -3


def main() -> int:
    """Start the server. 0 when stopped, 2 with one sentence when it cannot start."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stdout)
    # One line for each call of ours is enough; the HTTP client's own would name queries.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    try:
        configuration = load_configuration()
    except ConfigurationError as error:
        print(f"demo_tpp: {error}", file=sys.stderr)
        return 2
    # Imported late so that a wrong configuration is told without waiting for the libraries.
    from waitress import create_server

    from examples.demo_tpp.app import create_app
    from examples.demo_tpp.files import UnsafeFile
    from examples.demo_tpp.services import build_services

    _give_memory_back()
    try:
        services = build_services(configuration)
        app = create_app(services)
    except UnsafeFile as error:
        print(f"demo_tpp: {error}", file=sys.stderr)
        return 2
    if os.environ.get("TPP_DEMO_USER", "1") != "0":
        services.users.ensure_demo_user()
    try:
        server = create_server(
            app,
            host=configuration.host,
            port=configuration.port,
            threads=THREADS,
            ident=None,
            max_request_body_size=65536,
        )
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        print(f"demo_tpp: port {configuration.port} is in use; set TPP_PORT to another.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _stop)
    codes = ", ".join(
        f"{bank.name} {' '.join(bank.bank_codes) or '(no bank code)'}" for bank in configuration.banks
    )
    print(f"ShopPay is at {configuration.base_url} - banks: {codes}", flush=True)
    try:
        server.run()
    except (KeyboardInterrupt, SystemExit):
        pass
    finally:
        server.close()
    return 0


def _give_memory_back() -> None:
    """Hashing one password takes 16 MiB for a moment; glibc would keep them for ever after the first time.

    A fixed threshold makes it ask the system for such a block and give it back at once.
    """
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(MALLOPT_MMAP_THRESHOLD, 1024 * 1024)


def _stop(signal_number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
