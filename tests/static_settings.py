"""The bank's settings in sandbox mode, for tools that only read the code (mypy, makemigrations --check)."""

import os

os.environ["BANK_ENV_FILE"] = os.devnull  # What a developer's own bank runs with must not reach a test.
os.environ["BANK_MODE"] = "sandbox"
os.environ.setdefault("SECRET_KEY", "tests-only-" + "k" * 50)
os.environ.setdefault("PUBLIC_BASE_URL", "http://localhost:8000")
os.environ.setdefault("CELERY_BROKER_URL", "memory://")
os.environ["CLEARING_KEY"] = "tests-only-" + "c" * 40
os.environ["CLEARING_URL"] = "http://127.0.0.1:9"  # Nobody's: a test that delivers starts a house of its own.

from bankportal.settings import *  # noqa: F403
