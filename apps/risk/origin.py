"""What a door knows of a caller, made into an :class:`apps.risk.facts.Origin`."""

import hmac
from datetime import datetime

from apps.core.keys import derive_key
from apps.risk.facts import Origin, is_program, network_of

_USER_AGENT_MAX = 500


def make_origin(
    *,
    user_agent: str,
    address: str,
    device_id: str = "",
    session_seconds: int | None = None,
    at: datetime,
) -> Origin:
    """A caller by his device and network. A device is known again by its id if one was sent, else by what its browser
    says of itself, which many devices have in common: it tells one customer's devices apart, not people.
    """
    named = f"id:{device_id}" if device_id.strip() else f"agent:{user_agent}" if user_agent.strip() else ""
    return Origin(
        device=hash_device(named) if named else "",
        network=network_of(address),
        is_program=is_program(user_agent),
        session_seconds=session_seconds,
        at=at,
    )


def hash_device(named: str) -> str:
    """A device's keyed hash: without the bank's secret nobody finds out what browser somebody uses."""
    text = named[:_USER_AGENT_MAX].encode("utf-8", "replace")
    return hmac.digest(derive_key("risk.device"), text, "sha256").hex()
