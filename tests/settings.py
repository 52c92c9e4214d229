"""The bank's settings in sandbox mode, made quick for tests. For the database see tests/plugin.py."""

import os
from pathlib import Path

_worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
os.environ["BANK_VAR_DIR"] = str(Path(__file__).resolve().parent.parent / "var" / "test" / _worker)

from tests.static_settings import *  # noqa: E402, F403

# The same algorithm as in production, at a cost that lets a thousand tests log in.
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
if os.environ.get("BANK_TESTS_EMBEDDED") == "1":
    # The server's own database has the tables already: each process's begins as a copy (tests/pristine.py).
    DATABASES["default"]["TEST"] = {"TEMPLATE": DATABASES["default"]["NAME"]}  # noqa: F405
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    # A test that renders a page must not depend on collectstatic having run.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # noqa: F405 (WhiteNoise warns of a missing one, once per client)
