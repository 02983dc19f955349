"""Connections to strangers' servers: to an address that was looked at, and for no longer than they may take."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from digitmill import __version__
from digitmill.outside.addresses import DEFAULT_PORTS, Resolve, Target, is_own, is_public, resolve

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
USER_AGENT = f"Digitmill/{__version__}"

FAILURES = (OSError, http.client.HTTPException)
"""What a connection may raise."""


class NotCalled(Exception):
    """The host is not one that can or may be called; the text is a sentence that says why."""


class Caller:
    """``resolve_name`` looks up names; ``tls`` makes the context that says whom to trust."""

    def __init__(
        self,
        *,
        private_addresses: bool,
        resolve_name: Resolve = resolve,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        self._private_addresses = private_addresses
        self._resolve = resolve_name
        self._tls = tls

    @contextmanager
    def called(self, target: Target, deadline: Deadline) -> Iterator[http.client.HTTPConnection]:
        """A connection over which one request can be made; it follows nothing anywhere.

        Raises:
            NotCalled: the name cannot be found, or leads to addresses that are not called.
        """
        with deadline.connected(self._addresses(target), target.port) as connection:
            client = http.client.HTTPConnection(target.host, target.port)
            # what Host leaves out
            client.default_port = DEFAULT_PORTS[target.scheme]
            client.auto_open = 0
            client.sock = connection
            if target.scheme == "https":
                client.sock = self._tls().wrap_socket(connection, server_hostname=target.host)
            try:
                yield client
            finally:
                client.close()

    def _addresses(self, target: Target) -> list[str]:
        try:
            addresses = list(self._resolve(target.host, target.port))
        except (OSError, UnicodeError) as error:
            raise NotCalled("The host's name cannot be found.") from error
        if not self._private_addresses:
            addresses = [address for address in addresses if is_public(address) and not is_own(address)]
        if not addresses:
            raise NotCalled("The host leads to a private or special address, which this service does not call.")
        return addresses


class Deadline:
    """Cuts a connection off when it has lasted so many seconds. ``passed`` says so."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = 0.0
        self.passed = False

    @contextmanager
    def connected(self, addresses: list[str], port: int) -> Iterator[socket.socket]:
        """A connection to the first address that takes one; closed at the block's end."""
        self._end = time.monotonic() + self._seconds
        with self._first(addresses, port) as connection, connection.dup() as handle:
            # TLS takes the connection over, and closes it; its copy still cuts it off
            timer = threading.Timer(max(0.0, self._end - time.monotonic()), self._cut, (handle,))
            timer.start()
            try:
                yield connection
            finally:
                timer.cancel()
                timer.join()

    def _first(self, addresses: list[str], port: int) -> socket.socket:
        while True:
            address = addresses.pop(0)
            left = max(0.001, self._end - time.monotonic())
            try:
                connection = socket.create_connection((address, port), min(CONNECT_SECONDS, left))
            except OSError:
                if not addresses:
                    raise
                continue
            connection.settimeout(READ_SECONDS)
            return connection

    def _cut(self, handle: socket.socket) -> None:
        self.passed = True
        with suppress(OSError):
            handle.shutdown(socket.SHUT_RDWR)


def too_late(whom: str) -> str:
    return f"The {whom} did not answer in time."


def explained(error: Exception, deadline: Deadline, whom: str) -> str:
    """Why one of FAILURES came, in a sentence about ``whom``."""
    if deadline.passed or isinstance(error, TimeoutError):
        return too_late(whom)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The {whom}'s certificate is not trusted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return f"The {whom} does not speak TLS as it should."
    if isinstance(error, ConnectionRefusedError):
        return f"The {whom} takes no connections."
    if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
        return f"The {whom} does not answer in HTTP."
    return f"The connection to the {whom} broke ({type(error).__name__})."
