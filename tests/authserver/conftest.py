from pathlib import Path

import pytest

from tests.authserver.world import World


@pytest.fixture(autouse=True)
def _server(settings, tmp_path: Path) -> None:
    """The authorization server alone, with keys of its own."""
    settings.ROOT_URLCONF = "tests.authserver.urls"
    settings.OIDC_SIGNING_KEYS_DIR = str(tmp_path / "oidc")


@pytest.fixture
def world(db) -> World:
    return World()
