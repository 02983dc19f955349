"""Whom an address on the internet belongs to."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network


def prefix_of(host: str) -> str:
    """Whom an address belongs to: IPv6 gives everybody a network of 64 bits."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return host
