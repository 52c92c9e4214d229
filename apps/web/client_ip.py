"""Who is calling, by address: only proxies we run ourselves are believed."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def client_ip(request: HttpRequest) -> str:
    """The caller's address.

    ``X-Forwarded-For`` is read from the right, and only as long as the hop that wrote it lies in
    ``settings.TRUSTED_PROXIES``: everything further left may be the caller's invention.
    """
    networks = [ipaddress.ip_network(network, strict=False) for network in settings.TRUSTED_PROXIES]
    address = _parse(request.META.get("REMOTE_ADDR", ""))
    if address is None:
        return ""
    for hop in reversed(request.headers.get("X-Forwarded-For", "").split(",")):
        if not any(address in network for network in networks):
            break
        written = _parse(hop.strip())
        if written is None:
            break
        address = written
    return str(address)


def _parse(text: str) -> IPAddress | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped or address
