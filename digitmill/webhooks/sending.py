"""One POST to a stranger's server: to a checked address, within a time, without following it anywhere."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from digitmill import __version__
from digitmill.store.webhook_store import Attempt
from digitmill.webhooks.addresses import DEFAULT_PORTS, Resolve, Target, is_own, is_public, resolve

CONNECT_SECONDS = 5.0
READ_SECONDS = 10.0
TOTAL_SECONDS = 15.0
"""However slowly bytes trickle in. Looking up the name comes before it, and takes what the system's resolver takes."""

TOO_LATE = "The receiver did not answer in time."
HEADERS = {"Content-Type": "application/json", "User-Agent": f"Digitmill/{__version__}", "Connection": "close"}


class Poster:
    """``resolve_name`` looks up names; ``tls`` None trusts whom the system trusts."""

    def __init__(
        self,
        *,
        private_addresses: bool,
        resolve_name: Resolve = resolve,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._private_addresses = private_addresses
        self._resolve = resolve_name
        self._tls = tls
        self._total_seconds = total_seconds

    def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Send the body and wait for the status; whatever the answer holds besides is not read."""
        at, began = time.time(), time.monotonic()
        status, error = self._tried(target, headers, body)
        return Attempt(at=at, seconds=round(time.monotonic() - began, 3), status=status, error=error)

    def _tried(self, target: Target, headers: Mapping[str, str], body: bytes) -> tuple[int | None, str | None]:
        try:
            addresses = list(self._resolve(target.host, target.port))
        except (OSError, UnicodeError):
            return None, "The host's name cannot be found."
        if not self._private_addresses:
            addresses = [address for address in addresses if is_public(address) and not is_own(address)]
        if not addresses:
            return None, "The host leads to a private or special address, which this service does not call."
        deadline = _Deadline(self._total_seconds)
        try:
            with deadline.connected(addresses, target.port) as connection:
                status = self._exchange(connection, target, headers, body)
            # cut off within the headers, an answer reads as if it were whole
            return (None, TOO_LATE) if deadline.passed else (status, None)
        except (OSError, http.client.HTTPException) as error:
            return None, _explained(error, deadline)

    def _exchange(self, connection: socket.socket, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        client = http.client.HTTPConnection(target.host, target.port)
        # what Host leaves out
        client.default_port = DEFAULT_PORTS[target.scheme]
        client.auto_open = 0
        client.sock = connection
        if target.scheme == "https":
            client.sock = self._tls().wrap_socket(connection, server_hostname=target.host)
        try:
            client.request("POST", target.path, body, {**HEADERS, **headers})
            return client.getresponse().status
        finally:
            client.close()


class _Deadline:
    """Cuts a connection off when its time is over. ``passed`` says so."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.passed = False

    @contextmanager
    def connected(self, addresses: list[str], port: int) -> Iterator[socket.socket]:
        """A connection to the first address that takes one; closed at the block's end."""
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


def _explained(error: Exception, deadline: _Deadline) -> str:
    if deadline.passed or isinstance(error, TimeoutError):
        return TOO_LATE
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The receiver's certificate is not trusted: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return "The receiver does not speak TLS as it should."
    if isinstance(error, ConnectionRefusedError):
        return "The receiver takes no connections."
    if isinstance(error, http.client.HTTPException) and not isinstance(error, ConnectionError):
        return "The receiver does not answer in HTTP."
    return f"The connection to the receiver broke ({type(error).__name__})."
