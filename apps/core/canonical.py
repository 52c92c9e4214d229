"""One byte sequence for one meaning: what is hashed is exactly what was shown.

Objects of strings, whole numbers, booleans, lists and None only, keys sorted, UTF-8 (a subset of RFC 8785:
no floats, so no number formatting to disagree about).
"""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """The canonical bytes of ``value``.

    :raises TypeError: a float or another type without one written form.
    """
    _refuse_ambiguous(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def canonical_hash(value: Any) -> bytes:
    """SHA-256 over :func:`canonical_json`."""
    return hashlib.sha256(canonical_json(value)).digest()


def _refuse_ambiguous(value: Any) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError("keys are strings")
            _refuse_ambiguous(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_ambiguous(item)
    elif value is not None and not isinstance(value, str | int | bool):
        raise TypeError(f"{type(value).__name__} has no canonical form")
