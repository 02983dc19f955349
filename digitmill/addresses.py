"""Addresses that are settings: of proxies, and of a Redis behind Sentinel, which is one address.

    sentinel://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]/NAME[?OPTION=VALUE&…]

The hosts are the Sentinels, NAME is what they call the Redis, USER and PASSWORD are those of the Redis. ``sentinels://``
speaks TLS with all of them. Hosts may be parted by semicolons too, and each may repeat the scheme, as Celery writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SCHEMES = ("sentinel", "sentinels")
SENTINEL_PORT = 26379
OPTIONS = ("db", "replicas", "sentinel_username", "sentinel_password", "ssl_ca_certs")
"""Number of the database; replicas that are to have what must not be lost, 1 unless it is said; who logs in to the
Sentinels themselves; a file of certificates to trust, with TLS."""


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """``hosts`` are those of the Sentinels, with their ports."""

    hosts: tuple[tuple[str, int], ...]
    name: str
    tls: bool
    username: str | None
    password: str | None
    options: Mapping[str, str]

    @classmethod
    def parse(cls, url: str) -> Self | None:
        """None where the address is of another kind. Raises ValueError where it is wrong, and says what."""
        scheme, _, rest = url.partition("://")
        if scheme not in SCHEMES:
            return None
        places, _, rest = rest.replace(f";{scheme}://", ",").replace(";", ",").partition("/")
        path, _, query = rest.partition("?")
        logins, _, hosts = zip(*(place.strip().rpartition("@") for place in places.split(",")), strict=True)
        name, options = unquote(path.rstrip("/")), dict(parse_qsl(query))
        if not name or "/" in name:
            raise ValueError(f"names no Redis: it must be {scheme}://HOST:{SENTINEL_PORT},HOST:{SENTINEL_PORT}/NAME")
        if unknown := sorted(options.keys() - set(OPTIONS)):
            raise ValueError(f"has the unknown option {unknown[0]}; there are {', '.join(OPTIONS)}")
        for name_of_number in ("db", "replicas"):
            if not options.get(name_of_number, "0").isdigit():
                raise ValueError(f"has a {name_of_number} that is no number")
        username, _, password = max(logins).partition(":")
        return cls(
            hosts=tuple(map(_host, hosts)),
            name=name,
            tls=scheme == "sentinels",
            username=unquote(username) or None,
            password=unquote(password) or None,
            options=options,
        )

    @property
    def database(self) -> int:
        return int(self.options.get("db", 0))

    @property
    def replicas(self) -> int:
        return int(self.options.get("replicas", 1))

    @property
    def hosts_with_ports(self) -> list[str]:
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts]

    @property
    def login(self) -> str:
        """``user:password@`` for another address, or nothing."""
        if self.password is None:
            return ""
        return f"{quote(self.username or '', safe='')}:{quote(self.password, safe='')}@"

    @property
    def certificates(self) -> dict[str, str]:
        """What redis-py is told of TLS, but that it is to be spoken."""
        return {name: value for name, value in self.options.items() if name == "ssl_ca_certs"}

    @property
    def of_sentinels(self) -> dict[str, Any]:
        """How redis-py connects to the Sentinels themselves. One that is away must not hold up those that are there."""
        return {
            "socket_timeout": 1.0,
            "socket_connect_timeout": 1.0,
            "retry": None,
            "username": self.options.get("sentinel_username"),
            "password": self.options.get("sentinel_password"),
            **({"ssl": True, **self.certificates} if self.tls else {}),
        }


def _host(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"names the Sentinel {text!r}: {error}") from error
    if host is None:
        raise ValueError("lacks the name of a Sentinel between its commas")
    return host, port or SENTINEL_PORT


def networks_of(value: str | None) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks that ``value`` names, with commas between them; an address is a network of one. Raises ValueError
    where one of them is none, or is the whole internet."""
    networks = []
    for name in [] if value is None else map(str.strip, value.split(",")):
        try:
            network = ip_network(name)
        except ValueError:
            raise ValueError(
                f"names {name!r}, which is no address and no network: write them as 10.1.2.3 and 10.1.0.0/16"
            ) from None
        if network.prefixlen == 0:
            raise ValueError(f"names {name!r}, which is everybody: name the addresses of the proxies alone")
        networks.append(network)
    return tuple(networks)
