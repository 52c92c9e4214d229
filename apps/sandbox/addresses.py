"""Where the programs around the sandbox answer, as the environment names it."""

import os

DEFAULT_TPP_PORT = "8100"


def demo_tpp_url() -> str:
    """The demo TPP, without a trailing slash: ``DEMO_TPP_URL``, ``TPP_BASE_URL``, or this machine at ``TPP_PORT``."""
    named = os.environ.get("DEMO_TPP_URL") or os.environ.get("TPP_BASE_URL")
    return (named or f"http://127.0.0.1:{os.environ.get('TPP_PORT') or DEFAULT_TPP_PORT}").rstrip("/")
