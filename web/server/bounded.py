"""Connections that no client can hold by being slow: bytes must come, and answers must be taken, at a least rate."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

LEAST_BYTES_A_SECOND = 4 << 10
FIRST_CREDIT_SECONDS = 10.0
"""How long a client may keep a thread waiting before its first byte."""
MOST_CREDIT_SECONDS = 60.0
"""How long a client that was fast until now may pause."""
MOST_SECONDS = 6 * 3600.0
"""How long a thread waits for one client in all, for the body or for the answer of one request."""
BLOCK_BYTES = 64 << 10


class TooSlow(TimeoutError):
    """The client neither sent nor took enough bytes in time."""


class Pace:
    """Seconds that may still be waited for a client. Each byte that moves earns some; only waiting costs any."""

    def __init__(self) -> None:
        self.credit = FIRST_CREDIT_SECONDS
        self.left = MOST_SECONDS

    def moved(self, size: int) -> None:
        self.credit = min(self.credit + size / LEAST_BYTES_A_SECOND, MOST_CREDIT_SECONDS)

    def waited(self, seconds: float) -> None:
        self.credit -= seconds
        self.left -= seconds

    @property
    def seconds(self) -> float:
        return min(self.credit, self.left)


class Bounds:
    """What the connections of one process share.

    ``refused`` is told why a connection was given up. ``stalled`` is the right to wait until a client takes more of its
    answer: only an eighth of the threads may do so, streams aside, which are counted elsewhere.
    """

    def __init__(self, threads: int, refused: Callable[[str], None]) -> None:
        self.refused = refused
        self.stalled = threading.BoundedSemaphore(max(1, threads // 8))


class BoundedSocket(socket.socket):
    """A blocking socket of a client.

    ``streams`` is set for an answer that holds a slot for long requests (``web/server/waiting.py``), ``waits`` is False
    where a thread must never wait for the client, ``known`` is set once the request came with a valid key.
    ``owes_go_on``: the client sends its body when it is told to, which it is when the body is first asked for, so that
    who is refused sends nothing. ``hand_over`` is set where an event stream goes on after the
    thread has answered (``web/server/stream.py``): it is to be called with what is to be done at its end.
    """

    def __init__(self, accepted: socket.socket, bounds: Bounds) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self._bounds = bounds
        self.begin()

    def begin(self, *, waits: bool = True) -> None:
        """Another request begins."""
        self._reading, self._writing = Pace(), Pace()
        self.streams = self.known = self.owes_go_on = False
        self.hand_over: Callable[[Callable[[], None]], None] | None = None
        self.waits = waits

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        """Raises TooSlow."""
        if self.owes_go_on and not flags:
            self.owes_go_on = False
            self.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not flags:
            try:
                block = super().recv(size, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait(select.POLLIN, self._reading, "slow_body")
            else:
                self._reading.moved(len(block))
                return block
        return super().recv(size, flags)

    def send(self, data: Any, flags: int = 0, /) -> int:
        self.sendall(data, flags)
        return memoryview(data).nbytes

    def send_at_once(self, data: Any) -> int:
        """Send what the client takes without being waited for; the number of bytes."""
        try:
            return super().send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Raises TooSlow."""
        left = memoryview(data).cast("B")
        while left:
            try:
                sent = super().send(left[:BLOCK_BYTES], flags | socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait_until_taken()
            else:
                self._writing.moved(sent)
                left = left[sent:]

    def _wait_until_taken(self) -> None:
        if self.streams:
            self._wait(select.POLLOUT, self._writing, "slow_answer")
        elif self.waits and self._bounds.stalled.acquire(blocking=False):
            try:
                self._wait(select.POLLOUT, self._writing, "slow_answer")
            finally:
                self._bounds.stalled.release()
        else:
            self._give_up("slow_answer")

    def _wait(self, event: int, pace: Pace, reason: str) -> None:
        poll = select.poll()
        poll.register(self, event)
        began = time.monotonic()
        ready = pace.seconds > 0 and poll.poll(1000 * pace.seconds)
        pace.waited(time.monotonic() - began)
        if not ready:
            self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        self._bounds.refused(reason)
        raise TooSlow(reason)
