"""What the clearing house is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class ConfigurationError(Exception):
    """One sentence on what is missing or wrong."""


class Configuration(NamedTuple):
    """Where the house listens, where its member bank is, and how quick its cycles are (in seconds)."""

    port: int
    bank_url: str
    bank_bic: str
    key: bytes
    database: Path
    cycle_seconds: float
    instant_seconds: float


def load_configuration(environment: Mapping[str, str] | None = None) -> Configuration:
    """The configuration in the environment.

    :raises ConfigurationError: naming the variable that is missing or wrong.
    """
    env = os.environ if environment is None else environment
    key = env.get("CLEARING_KEY", "")
    if len(key) < 32:
        raise ConfigurationError("CLEARING_KEY is missing or shorter than 32 characters.")
    bank_url = env.get("CLEARING_BANK_URL", "").rstrip("/")
    if not bank_url.startswith(("http://127.0.0.1:", "http://localhost:")):
        # Plain HTTP is for the same machine; real rails have lines and certificates of their own.
        raise ConfigurationError(
            "CLEARING_BANK_URL must be http://127.0.0.1:<port> or http://localhost:<port>."
        )
    return Configuration(
        port=int(_number(env, "CLEARING_PORT", "8200")),
        bank_url=bank_url,
        bank_bic=env.get("CLEARING_BANK_BIC", "LINDDEB0XXX"),
        key=key.encode(),
        database=Path(env.get("CLEARING_DATABASE", "var/clearing/house.sqlite3")),
        cycle_seconds=_number(env, "CLEARING_CYCLE_SECONDS", "3"),
        instant_seconds=_number(env, "CLEARING_INSTANT_SECONDS", "10"),
    )


def _number(env: Mapping[str, str], name: str, default: str) -> float:
    text = env.get(name) or default
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < 65536:
        raise ConfigurationError(f"{name}={text} is not a number between 0 and 65535.")
    return number
