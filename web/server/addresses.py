"""Whom an address on the internet belongs to, and whether the server may listen at its own."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

from digitmill.errors import SettingsError, StorageUnavailable, StoreReplaced
from digitmill.keys import Keys
from digitmill.settings import Settings


def prefix_of(host: str) -> str:
    """Whom an address belongs to: IPv6 gives everybody a network of 64 bits."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, 64), strict=False))
    return host


def require_safe_address(settings: Settings, keys: Keys) -> None:
    """Look for a key where other machines could reach the server.

    Raises:
        SettingsError: there is none.
        StorageUnavailable: the key store does not answer.
    """
    if settings.on_loopback:
        return
    try:
        asked = keys.asked()
    except StoreReplaced:
        # the server refuses every call, and a backup can be restored meanwhile
        return
    except StorageUnavailable as error:
        raise StorageUnavailable(
            f"DIGITMILL_HOST is {settings.host}, which other machines can reach, DIGITMILL_ADMIN_KEY is not set, and "
            "the Redis that may hold other keys does not answer. Start Redis first, or set DIGITMILL_ADMIN_KEY."
        ) from error
    if not asked:
        raise SettingsError(
            f"DIGITMILL_HOST is {settings.host}, which other machines can reach, and there is no key yet. Set "
            "DIGITMILL_ADMIN_KEY, or make a key with `digitmill keys create`, or listen on 127.0.0.1."
        )
