"""The door of a web process: requests come in, and clients are parted from, without a thread that waits for them.

One loop holds every connection that no thread works on. It reads the head of a request, its body too if that is small,
and only then hands the connection to a thread; a larger body is read by the thread once the key has been looked at, at
a least rate (``web/server/bounded.py``). After the last answer the loop throws away what the client still sends for a
while: a server that closes before makes the kernel reset the connection, and the client may never see the answer (RFC
9112, section 9.6). Probes have threads of their own.
"""

from __future__ import annotations

import errno
import select
import selectors
import socket
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from typing import Any

from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, TConn, ThreadWorker

from web.errors import problem_document
from web.server.addresses import prefix_of
from web.server.bounded import BoundedSocket, Bounds
from web.server.incoming import HeadTooLarge, Incoming
from web.server.proxies import FORWARDED_FOR, Proxies

HEAD_SECONDS = 5.0
"""From the first byte of a request to the last of its head."""
SMALL_BODY_SECONDS = 10.0
"""From there to the last byte of a body that is read before a thread is taken."""
STAY_SECONDS = 0.02
"""So long a thread waits for the next request of a client that it has just answered."""
PROBE_THREADS = 2
READ_BYTES = 16 << 10
FAREWELL_SECONDS = 2.0
FAREWELL_BYTES = 1 << 20
KNOWN_FAREWELL_SECONDS = 10.0
KNOWN_FAREWELL_BYTES = 64 << 20
"""A caller with a key is parted from more patiently: many programs look at an answer only when all is sent."""
MOST_FAREWELLS = 200
LOOK_SECONDS = 0.25


class Guest(TConn):  # type: ignore[misc]
    """A connection. ``deadline``: when the loop gives it up. ``farewell``: bytes that it may still send us.
    ``counts_for``: whose it is, as connections are counted; nobody's while a proxy only keeps it open."""

    def __init__(self, cfg: Any, sock: BoundedSocket, client: Any, server: Any) -> None:
        super().__init__(cfg, sock, client, server)
        sock.setblocking(True)
        self.incoming = Incoming()
        self.deadline = 0.0
        self.farewell = 0
        self.counts_for: str | None = None


class FrontWorker(ThreadWorker):  # type: ignore[misc]
    """Gunicorn's worker of threads with another way in and out."""

    most_per_address = 0
    """Connections that one address may have, and behind a trusted proxy requests at a time; 0 sets no limit."""
    proxies = Proxies(())

    def refused(self, reason: str) -> None:
        """A connection was given up or turned away."""
        raise NotImplementedError

    def init_process(self) -> None:
        self._bounds = Bounds(self.cfg.threads, lambda reason: self.refused(reason))
        self._probes = ThreadPoolExecutor(PROBE_THREADS)
        self._held: dict[Guest, None] = {}
        self._parting: dict[Guest, None] = {}
        self._addresses: Counter[str] = Counter()
        # requests that come through proxies are counted in their threads
        self._counting = threading.Lock()
        self._next_look = 0.0
        super().init_process()

    # --- in

    def accept(self, listener: Any) -> None:
        try:
            accepted, client = listener.accept()
        except OSError as error:
            if error.errno == errno.EMFILE and (waiting := self._parting or self._held):
                self._drop(next(iter(waiting)))
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        guest = Guest(self.cfg, BoundedSocket(accepted, self._bounds), client, listener.getsockname())
        if not self.proxies.trust(client[0]) and not self._count(guest, client[0]):
            guest.sock.close()
            return
        self._make_room()
        self.nr_conns += 1
        self._hold(guest)

    def _count(self, guest: Guest, host: str) -> bool:
        """Count the connection for this address; False, and an answer, where that has as many as it may."""
        address = prefix_of(host)
        with self._counting:
            if not 0 < self.most_per_address <= self._addresses[address]:
                self._addresses[address] += 1
                guest.counts_for = address
                return True
        self._turn_away(
            guest.sock, HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", "Too many connections from one address."
        )
        self.refused("connections_of_address")
        return False

    def _count_no_more(self, guest: Guest) -> None:
        address, guest.counts_for = guest.counts_for, None
        if address is None:
            return
        with self._counting:
            self._addresses[address] -= 1
            if self._addresses[address] <= 0:
                del self._addresses[address]

    def _make_room(self) -> None:
        """The connection that has waited longest makes room for a new one."""
        if self.nr_conns >= self.worker_connections - 1 and (waiting := self._parting or self._held):
            self.refused("too_many_connections")
            self._drop(next(iter(waiting)))

    def _hold(self, guest: Guest, read_ahead: bytes = b"") -> None:
        """Wait for the next request of a client, of which some bytes may be here already."""
        guest.deadline = time.monotonic() + self.cfg.keepalive
        if not self.alive:
            guest.deadline = time.monotonic() + STOP_KEEPALIVE_LINGER
        guest.incoming = Incoming()
        self._held[guest] = None
        self.poller.register(guest.sock, selectors.EVENT_READ, partial(self._on_bytes, guest))
        if read_ahead:
            self._take(guest, read_ahead)
        else:
            self._on_bytes(guest, guest.sock)

    def _on_bytes(self, guest: Guest, sock: BoundedSocket) -> None:
        try:
            block = sock.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        if block:
            self._take(guest, block)
        else:
            self._drop(guest)

    def _take(self, guest: Guest, block: bytes) -> None:
        incoming, began = guest.incoming, not guest.incoming.data
        head_was_done = incoming.head_done
        try:
            incoming.take(block)
        except HeadTooLarge:
            self.refused("large_head")
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._turn_away(guest.sock, status, "bad_request", "The head of the request is too large.")
            self._release(guest)
            self._part(guest)
            return
        if incoming.ready:
            self._release(guest)
            self.enqueue_req(guest)
        elif incoming.head_done and not head_was_done:
            guest.deadline = time.monotonic() + SMALL_BODY_SECONDS
        elif began and incoming.data:
            guest.deadline = time.monotonic() + HEAD_SECONDS

    def enqueue_req(self, conn: Guest) -> None:
        pool = self._probes if conn.incoming.is_probe else self.tpool
        done = pool.submit(self.handle, conn)
        done.add_done_callback(lambda future: self.method_queue.defer(self.finish_request, conn, future))

    # --- in a thread

    def begin_request(self, guest: Guest) -> None:
        """Hand what came in to gunicorn's parser."""
        guest.init()
        guest.sock.begin(waits=not guest.incoming.is_probe)
        guest.parser.unreader.unread(bytes(guest.incoming.data))
        guest.incoming = Incoming()
        guest.data_ready = True

    def handle_request(self, req: Any, conn: Guest) -> Any:
        """Answer a request. One that a trusted proxy passes on comes from who asks it, and counts as theirs."""
        proxy = conn.client
        if not self.proxies.trust(proxy[0]):
            return super().handle_request(req, conn)
        forwarded = [value for name, value in req.headers if name == FORWARDED_FOR]
        client = self.proxies.client_of(proxy[0], forwarded)
        self._count_no_more(conn)
        if not self._count(conn, client):
            return False
        # the port is known to the proxy alone
        conn.client = (client, 0)
        try:
            return super().handle_request(req, conn)
        finally:
            conn.client = proxy

    @staticmethod
    def comes_next(guest: Guest) -> bool:
        """Whether the next request, with its body if that is small, is here within STAY_SECONDS. Many programs send the
        body after the head. What came of it is kept."""
        incoming, block = guest.incoming, guest.parser.unreader.take_buffered()
        deadline = time.monotonic() + STAY_SECONDS
        poll = select.poll()
        poll.register(guest.sock, select.POLLIN)
        try:
            while True:
                incoming.take(block)
                left = deadline - time.monotonic()
                if incoming.ready or left <= 0 or not poll.poll(1000 * left):
                    return incoming.ready
                block = guest.sock.recv(READ_BYTES, socket.MSG_DONTWAIT)
                if not block:
                    return False
        except (OSError, HeadTooLarge):
            return False

    # --- out

    def finish_request(self, conn: Guest, fs: Future[Any]) -> None:
        if conn.sock.hand_over is not None:
            conn.sock.hand_over(partial(self.method_queue.defer, self._part, conn))
            return
        stays = fs.exception() is None and fs.result()
        rest = bytes(conn.incoming.data)
        if conn.parser is not None:
            rest += conn.parser.unreader.take_buffered()
        if stays:
            if self.proxies.trust(conn.client[0]):
                self._count_no_more(conn)
            self._hold(conn, rest)
        else:
            self._part(conn)

    def _part(self, guest: Guest) -> None:
        """Close our side, and throw away what the client still sends."""
        known = guest.sock.known
        guest.farewell = KNOWN_FAREWELL_BYTES if known else FAREWELL_BYTES
        guest.deadline = time.monotonic() + (KNOWN_FAREWELL_SECONDS if known else FAREWELL_SECONDS)
        try:
            guest.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(guest)
            return
        if len(self._parting) >= MOST_FAREWELLS:
            self._drop(next(iter(self._parting)))
        self._parting[guest] = None
        self.poller.register(guest.sock, selectors.EVENT_READ, partial(self._on_farewell, guest))

    def _on_farewell(self, guest: Guest, sock: BoundedSocket) -> None:
        try:
            block = sock.recv(READ_BYTES * 16, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            block = b""
        guest.farewell -= len(block)
        if not block or guest.farewell <= 0:
            self._drop(guest)

    # --- in time

    def murder_pending(self) -> None:
        """Gunicorn calls this in every turn of its loop."""
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        for guest in [guest for guest in (*self._held, *self._parting) if guest.deadline <= now]:
            if guest.incoming.data and guest in self._held:
                self.refused("slow_body" if guest.incoming.head_done else "slow_head")
            self._drop(guest)

    def murder_keepalived(self, force: bool = False) -> None:
        if force:
            for guest in (*self._held, *self._parting):
                self._drop(guest)
            self._probes.shutdown(wait=False)

    def _cap_keepalive(self, deadline: float) -> None:
        for guest in self._held:
            guest.deadline = min(guest.deadline, deadline)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        waits = self._held or self._parting
        super().wait_for_and_dispatch_events(min(timeout, LOOK_SECONDS) if waits else timeout)

    def _release(self, guest: Guest) -> None:
        self._held.pop(guest, None)
        self._parting.pop(guest, None)
        with suppress(KeyError, ValueError, OSError):
            self.poller.unregister(guest.sock)

    def _drop(self, guest: Guest) -> None:
        self._release(guest)
        self._close(guest)

    def _close(self, guest: Guest) -> None:
        self._count_no_more(guest)
        self.nr_conns -= 1
        guest.sock.close()

    @staticmethod
    def _turn_away(sock: BoundedSocket, status: HTTPStatus, code: str, detail: str) -> None:
        """A short answer that needs no thread; a client that takes nothing gets none."""
        body = problem_document(status, code, detail)
        later = "Retry-After: 5\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nConnection: close\r\n{later}"
            f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        sock.waits = False
        with suppress(OSError):
            sock.sendall(head.encode("latin-1") + body)
