"""Proxies before the web server: whose word is taken for who asks, and who that is.

A proxy writes the address of who asked it at the end of ``X-Forwarded-For``. What stands to the left of that came to
the proxy, and anybody may have written it. So the header is read from its end, and only as far as proxies wrote it that
the settings name; without such a setting it is not read at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

FORWARDED_FOR = "X-FORWARDED-FOR"

_WITH_PORT = re.compile(r"\[([^]]*)](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
"""As some proxies write it: in brackets, which IPv6 needs before a port, or IPv4 with a port."""


class Proxies:
    """Those at addresses of ``networks`` are trusted."""

    def __init__(self, networks: Iterable[IPv4Network | IPv6Network]) -> None:
        self._networks = tuple(networks)

    def trust(self, host: str) -> bool:
        """Whether ``host``, the address at the other end of a connection, is one of theirs."""
        address = _address(host) if self._networks else None
        return address is not None and self._includes(address)

    def client_of(self, host: str, forwarded: Iterable[str]) -> str:
        """The address of who asks.

        Args:
            host: the other end of the connection.
            forwarded: the values of the request's ``X-Forwarded-For``, in their order.
        """
        client = _address(host)
        if client is None or not self._includes(client):
            return host
        hops = ",".join(forwarded).split(",")
        while hops and self._includes(client):
            hop = _address(hops.pop())
            if hop is None:
                # a proxy that does not tell: nobody further away is known
                break
            client = hop
        return str(client)

    def _includes(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """None where it is no address. IPv4 within IPv6, as a server that listens at both sees it, is IPv4."""
    text = text.strip()
    if found := _WITH_PORT.fullmatch(text):
        text = found[1] or found[2]
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
