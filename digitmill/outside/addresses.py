"""Where calls may go: an address is read strictly, and the machine behind it is looked at before it is called.

A caller who names a host could otherwise have the service call machines that only the service can reach (OWASP,
"Server-Side Request Forgery"). A name may lead elsewhere each time it is asked, so it is asked once, and what is
checked is what is connected to.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

MOST_CHARACTERS = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}

NOT_PUBLIC = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
"""Not public either, which not every Python knows: RFC 6890; relays of 6to4 (RFC 7526); documentation (RFC 9637)."""

_PRINTABLE = re.compile(r"[!-~]+")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?")

Resolve = Callable[[str, int], Sequence[str]]
"""The addresses, as text, of a name that is to be called at a port. Raises OSError: it has none."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in its parts; ``path`` with the query."""

    scheme: str
    host: str
    port: int
    path: str


def read_url(url: str) -> Target:
    """
    Raises:
        ValueError: it is no URL that can be called; the message ends a sentence about it.
    """
    if len(url) > MOST_CHARACTERS or _PRINTABLE.fullmatch(url) is None or "\\" in url:
        raise ValueError(f"must be a URL of at most {MOST_CHARACTERS} printable ASCII characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError("must name a host and, if any, a port from 1 to 65535") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise ValueError("must begin with https:// or http://")
    if "@" in parts.netloc or "#" in url:
        raise ValueError("must not hold a user's name, a password or a fragment")
    host = parts.hostname or ""
    if not (_NAME.fullmatch(host) or (parts.netloc.startswith("[") and "%" not in host and _literal(host) is not None)):
        raise ValueError("must name a host")
    if port == 0:
        raise ValueError("must name a port from 1 to 65535, or none")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], path)


def resolve(host: str, port: int) -> Sequence[str]:
    """What the system says of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_public(address: str) -> bool:
    """Whether the address belongs to the internet at large: not to this machine, its network, or a special purpose."""
    parsed = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return is_public(str(parsed.ipv4_mapped))
        # 6to4 wraps an IPv4 address of any kind; site-local is the forerunner of private addresses
        if parsed.sixtofour is not None or parsed.is_site_local:
            return False
    if any(parsed in network for network in NOT_PUBLIC):
        return False
    return parsed.is_global and not parsed.is_multicast and not parsed.is_reserved


def is_own(address: str) -> bool:
    """Whether the address is one of this machine's, as its public one is. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            # to itself a machine speaks from the same address
            probe.connect((address, DEFAULT_PORTS["https"]))
            return bool(ip_address(probe.getsockname()[0]) == ip_address(address))
    except OSError:
        return False


def leads_inside(target: Target) -> bool:
    """Whether the host is written as an address, and one that is not public."""
    literal = _literal(target.host)
    return literal is not None and not is_public(str(literal))


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
