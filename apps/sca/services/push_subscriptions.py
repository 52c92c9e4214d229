"""Where the bank's app wants to be woken (RFC 8030)."""

import re
from datetime import datetime

from django.conf import settings
from django.db import transaction

from apps.sca.models import SigningDevice
from apps.sca.services.app_messages import (
    DeviceAnswerMalformed,
    bytes_of,
    count_up,
    point_of,
    read_app_message,
)

# One spelling, in which every reader finds the same host: nothing before the first slash that one of them could take
# for a user, a query, a fragment or another slash.
_ADDRESS = re.compile(r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+(:[0-9]{1,5})?)/[!-~]*")


@transaction.atomic
def subscribe_app(*, body: bytes, signature: bytes, now: datetime) -> SigningDevice:
    """Where the app wants to be woken from now on; an empty endpoint: nowhere (RFC 8030).

    :raises DeviceAnswerMalformed: not what the app sends, or an address of no push service that the bank knows.
    :raises DeviceUnknown: no such device, withdrawn, or one whose count did not grow: an old message, sent again.
    """
    device, said = read_app_message(body=body, signature=signature, kind="subscribe")
    endpoint = said.get("endpoint")
    if endpoint == "":
        key = secret = None
    else:
        key, secret = point_of(said, "p256dh"), bytes_of(said, "auth")
        if not is_push_service(endpoint) or len(secret) != 16:
            raise DeviceAnswerMalformed("subscription")
    if not count_up(device, said):
        raise DeviceAnswerMalformed("an old message")
    SigningDevice.objects.filter(pk=device.pk, confirmed=True).update(
        push_endpoint=endpoint, push_key=key, push_secret=secret
    )
    device.refresh_from_db()
    return device


def forget_subscription(*, device_id: int, endpoint: str) -> None:
    """The push service knows the address no more; the app will bring another when it is opened next."""
    SigningDevice.objects.filter(pk=device_id, push_endpoint=endpoint).update(
        push_endpoint="", push_key=None, push_secret=None
    )


def is_push_service(endpoint: object) -> bool:
    """Whether the bank sends anything to this address: its scheme, host and port are those of one of
    ``SCA_PUSH_SERVICES``. Devices name addresses, and the bank must not be sent around in its own house."""
    found = _ADDRESS.fullmatch(endpoint) if isinstance(endpoint, str) and len(endpoint) <= 2_000 else None
    return found is not None and any(
        _is_at(found["scheme"], found["host"], service) for service in settings.SCA_PUSH_SERVICES
    )


def _is_at(scheme: str, host: str, service: str) -> bool:
    wanted_scheme, _, wanted_host = service.rstrip("/").partition("://")
    is_host = host == wanted_host or (wanted_host.startswith("*.") and host.endswith(wanted_host[1:]))
    return scheme == wanted_scheme and is_host
