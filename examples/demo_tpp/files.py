"""Secrets on disk: read them, or make them once, readable by the owner only."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path


class UnsafeFile(Exception):
    """A secret's file can be read by others; using it would be careless."""


def read_or_create_secret(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the bytes of the secret in ``path``; the first start makes it (mode 0600).

    Two processes that start at once agree on one secret: the file appears whole under its name or not at all, and
    whoever comes second reads the first one's. Raises UnsafeFile when group or others may read an existing file.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as handle:
                handle.write(make())
            # link() refuses to overwrite, so an older secret is never replaced.
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
        finally:
            draft.unlink(missing_ok=True)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise UnsafeFile(f"{path} holds a secret but others can read it; run: chmod 600 {path}")
    return path.read_bytes()
