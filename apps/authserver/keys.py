"""The bank's ID token signing keys: PEM files in one folder, the newest name signs, every one is published.

Files are named ``<UTC time>-<kid>.pem``, so that order and age can be read from the folder and do not depend
on what a copy did to a file's times. ``kid`` is the key's RFC 7638 thumbprint: equal only for equal keys.
"""

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from joserfc import jwk

from apps.authserver.refusals import SigningKeyMissing

_FILE_NAME = re.compile(r"(?P<created>[0-9]{8}T[0-9]{6}Z)-[A-Za-z0-9_-]+\.pem")
_TIME_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private ES256 key and what the world may know of it."""

    kid: str
    created_at: datetime
    path: Path
    private_key: jwk.ECKey

    @property
    def public_jwk(self) -> dict[str, Any]:
        return {**self.private_key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": "ES256"}


def list_signing_keys() -> tuple[SigningKey, ...]:
    """All keys, newest first. In the sandbox the first key makes itself.

    :raises SigningKeyMissing: the folder holds no key.
    """
    folder = Path(settings.OIDC_SIGNING_KEYS_DIR)
    keys = _read_folder(folder, _folder_state(folder))
    if not keys and settings.BANK_MODE == "sandbox":
        create_signing_key(now=datetime.now(UTC))
        keys = _read_folder(folder, _folder_state(folder))
    if not keys:
        raise SigningKeyMissing(str(folder))
    return keys


def public_keys() -> list[dict[str, Any]]:
    """The JWK Set's members; no ``kid`` twice (FAPI 2.0 5.4.3)."""
    return [key.public_jwk for key in list_signing_keys()]


def create_signing_key(*, now: datetime) -> SigningKey:
    """Make a key that signs from now on. It is written whole or not at all, readable by this user only."""
    folder = Path(settings.OIDC_SIGNING_KEYS_DIR)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    private_key = jwk.ECKey.generate_key("P-256", private=True)
    kid = private_key.thumbprint()
    path = folder / f"{now.astimezone(UTC).strftime(_TIME_FORMAT)}-{kid[:12]}.pem"
    draft = path.with_suffix(".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(private_key.as_pem(private=True))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return SigningKey(kid=kid, created_at=_created_at(path), path=path, private_key=private_key)


def delete_signing_keys(*, superseded_before: datetime) -> list[str]:
    """Take keys out of the JWK Set whose successor was made before then. Returns the kids that are gone."""
    keys = list_signing_keys()
    gone = [key for successor, key in pairwise(keys) if successor.created_at < superseded_before]
    for key in gone:
        key.path.unlink(missing_ok=True)
    return [key.kid for key in gone]


def _folder_state(folder: Path) -> tuple[str, ...]:
    # The names alone say which keys there are, so a rotation is seen by every process at its next request.
    try:
        return tuple(sorted(name for name in os.listdir(folder) if _FILE_NAME.fullmatch(name)))
    except FileNotFoundError:
        return ()


@lru_cache(maxsize=4)
def _read_folder(folder: Path, names: tuple[str, ...]) -> tuple[SigningKey, ...]:
    keys: dict[str, SigningKey] = {}
    for name in sorted(names, reverse=True):
        private_key = jwk.ECKey.import_key((folder / name).read_bytes())
        if private_key.curve_name != "P-256" or not private_key.is_private:
            raise SigningKeyMissing(f"{name} is not a private P-256 key")
        kid = private_key.thumbprint()
        if kid not in keys:
            keys[kid] = SigningKey(kid, _created_at(folder / name), folder / name, private_key)
    return tuple(keys.values())


def _created_at(path: Path) -> datetime:
    match = _FILE_NAME.fullmatch(path.name)
    if match is None:
        raise SigningKeyMissing(f"{path.name} is not named like a key")
    return datetime.strptime(match["created"], _TIME_FORMAT).replace(tzinfo=UTC)
