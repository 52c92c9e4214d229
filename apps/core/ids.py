"""Identifiers. All public ids are random UUIDs: unguessable, and telling nothing about volume or order."""

import uuid


def new_id() -> uuid.UUID:
    """A fresh random identifier (122 random bits)."""
    return uuid.uuid4()


def parse_uuid(text: object) -> uuid.UUID | None:
    """The UUID written in canonical form in ``text``, or None. Braces, URNs and bare hex are refused."""
    if not isinstance(text, str) or len(text) != 36:
        return None
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None
