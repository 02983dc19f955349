"""One event stream: what is to be sent of a job to one client, who may be slow, come back, or hang up."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import partial
from typing import Any, Protocol

import structlog

from digitmill.domain.jobs import Job, JobState
from web.documents.schemas import job_document
from web.server.bounded import BoundedSocket

KEEP_ALIVE_SECONDS = 15.0
SLOW_SECONDS = 60.0
"""A client that takes nothing for so long is given up."""
READ_BYTES = 4096
BEGINNING = b"retry: 2000\n\n"
KEEP_ALIVE = b": the job goes on\n\n"
RESPONSE = "digitmill.response"
"""Gunicorn's response in the environment of a request."""

_log = structlog.get_logger(__name__)


def last_id(job: Job) -> str:
    """The id of the event that tells of a job's end. It reads as the same number as the id before, and differs from
    it."""
    return f"0{job.done}"


class Writer(Protocol):
    """The thread of all streams."""

    def take_over(self, stream: Stream) -> None: ...
    def leave(self, stream: Stream) -> None: ...
    def note(self, job_id: str) -> None: ...


class Flush(Enum):
    SENT = "sent"
    BLOCKED = "blocked"
    """the client is to take what was sent first"""
    OVER = "over"


class Stream:
    """What is to be sent of one job to one client."""

    def __init__(self, streams: Writer, job_id: str, seen: int) -> None:
        self.job_id = job_id
        self.over = False
        self.connection: BoundedSocket | None = None
        self._streams = streams
        self._seen = seen
        self._state: JobState | None = None
        self._told_at = self._blocked_since = time.monotonic()
        self._skipped = False
        self._pieces: list[bytes] = []
        self._out = bytearray()
        self._framed = self._ended = False
        self._parted: Callable[[], None] = lambda: None
        self._ready = threading.Condition()

    def offer(self, job: Job) -> None:
        """The job as it is now: tell what of it is news. While the client has not taken what it was told, only the end
        is."""
        with self._ready:
            if self.over:
                return
            if job.state.final:
                self._put(_event("done", job, last_id(job)))
                self.over = True
            elif job.done > self._seen or self._state not in (None, job.state):
                self._skipped = bool(self._pieces or self._out)
                if self._skipped:
                    return
                self._put(_event("progress", job, str(job.done)))
                self._seen = job.done
            self._state = job.state

    def finish(self, comment: bytes) -> None:
        """End without ``done``; a client that asks again is told what became of the job."""
        with self._ready:
            if not self.over:
                _log.info("stream_cut", job=self.job_id, reason=comment.decode().strip(": \n"))
                self.over = True
                self._put(comment)

    def keep_alive(self, now: float) -> None:
        with self._ready:
            if not self.over and now - self._told_at >= KEEP_ALIVE_SECONDS and not self._pieces and not self._out:
                self._put(KEEP_ALIVE)

    def leave(self) -> None:
        self._streams.leave(self)

    def take(self, *, waits: bool) -> bytes:
        """What is to be sent now; where it ``waits``, something, or nothing at the end."""
        with self._ready:
            if waits:
                self._ready.wait_for(lambda: self._pieces or self.over)
            piece = b"".join(self._pieces)
            self._pieces.clear()
        self._look_again()
        return piece

    # --- by the thread of all streams

    @property
    def connection_taken(self) -> BoundedSocket:
        assert self.connection is not None
        return self.connection

    def hand_over(self, connection: BoundedSocket, framed: bool, parted: Callable[[], None]) -> None:
        """``connection`` is written to by the thread of all streams from now on, in chunks of HTTP where ``framed``;
        ``parted`` is called when that is done with it."""
        self.connection, self._framed, self._parted = connection, framed, parted
        self._streams.take_over(self)

    def client_gone(self) -> bool:
        """Whether the client has hung up. What it sends is thrown away: it has no more to say."""
        try:
            return not self.connection_taken.recv(READ_BYTES, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def flush(self, now: float) -> Flush:
        """Send what the client takes at once."""
        piece, over = self.take(waits=False), self.over
        if piece:
            self._out += b"%x\r\n%b\r\n" % (len(piece), piece) if self._framed else piece
        if over and self._framed and not self._ended:
            self._out += b"0\r\n\r\n"
            self._ended = True
        try:
            while self._out and (sent := self.connection_taken.send_at_once(self._out)):
                del self._out[:sent]
                self._blocked_since = now
        except OSError:
            return Flush.OVER
        if not self._out:
            self._blocked_since = now
            self._look_again()
            return Flush.OVER if over else Flush.SENT
        if now - self._blocked_since < SLOW_SECONDS:
            return Flush.BLOCKED
        _log.info("stream_cut", job=self.job_id, reason="the client takes nothing")
        return Flush.OVER

    def part(self) -> None:
        self.over = True
        self._parted()

    def _look_again(self) -> None:
        """At what was not told while the client was behind."""
        if self._skipped and not self._out:
            self._skipped = False
            self._streams.note(self.job_id)

    def _put(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._told_at = time.monotonic()
        self._ready.notify_all()


class Body:
    """The body of the answer, for the thread that answers."""

    def __init__(self, stream: Stream, environ: Mapping[str, Any]) -> None:
        self._stream = stream
        self._connection = environ.get("gunicorn.socket")
        self._response = environ.get(RESPONSE)
        self._handed_over = False

    def __iter__(self) -> Iterator[bytes]:
        """All that is to be sent; where the server can take the connection over, what is there at once."""
        yield BEGINNING + self._stream.take(waits=False)
        if not self._stream.over and isinstance(self._connection, BoundedSocket) and self._response is not None:
            framed, self._response.chunked = self._response.chunked, False
            self._connection.hand_over = partial(self._stream.hand_over, self._connection, framed)
            self._handed_over = True
            return
        while piece := self._stream.take(waits=True):
            yield piece

    def close(self) -> None:
        if not self._handed_over:
            self._stream.leave()


def _event(kind: str, job: Job, name: str) -> bytes:
    data = json.dumps(job_document(job), separators=(",", ":"))
    return f"id: {name}\nevent: {kind}\ndata: {data}\n\n".encode()
