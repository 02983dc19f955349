"""All event streams of a web process (HTML standard, section "Server-sent events"), written by one thread.

A thread of the server answers with the head and the first event. Then it hands the connection over
(``web/server/front.py``), so that a stream costs a socket and no thread.
"""

from __future__ import annotations

import selectors
import socket
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from typing import Any

import structlog

from digitmill.domain.jobs import Job
from digitmill.errors import Overloaded, StorageUnavailable
from digitmill.store.base import JobStore
from web.server.stream import READ_BYTES, Flush, Stream

LEAST_PAUSE_SECONDS = 0.25
"""Between two looks at the jobs that have changed: changes that come faster are told as one."""
LOOK_SECONDS = 5.0
"""How often all jobs are looked at: news may be lost with a connection."""
GONE = b": the job is gone\n\n"
STOPPING = b": the server stops, ask again\n\n"

_log = structlog.get_logger(__name__)


class Streams:
    """``most`` of them at a time. The thread starts with the first and ends with the last."""

    def __init__(self, store: JobStore, most: int) -> None:
        self._store = store
        self._most = most
        self._lock = threading.Lock()
        self._streams: dict[str, set[Stream]] = {}
        self._news: dict[str, ExitStack] = {}
        self._changed: set[str] = set()
        self._handed_over: deque[Stream] = deque()
        self._written: set[Stream] = set()
        self._thread: threading.Thread | None = None
        self._waker: socket.socket | None = None
        self._closing = False

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._streams.values()))

    def open(self, job: Job, seen: int) -> Stream:
        """A stream of what comes of the job, with its first event; ``seen`` images are known to the client.

        Raises:
            Overloaded: there are as many as may be.
            StorageUnavailable: Redis does not answer.
        """
        if len(self) >= self._most:
            raise Overloaded("Too many streams are open; poll the job instead, or try again.", retry_after=5)
        stream = Stream(self, job.id, seen)
        stream.offer(job)
        if stream.over:
            return stream
        self._add(stream)
        try:
            self._subscribe(job.id)
        except StorageUnavailable:
            self.leave(stream)
            raise
        # it may have changed before its changes were heard of
        self.note(job.id)
        return stream

    def close(self) -> None:
        """The server stops: all streams end."""
        self._closing = True
        self._wake()

    def take_over(self, stream: Stream) -> None:
        """Write to the stream's connection from now on."""
        self._handed_over.append(stream)
        # it may have ended, and left, before
        self._add(stream)
        self._wake()

    def leave(self, stream: Stream) -> None:
        news = None
        with self._lock:
            others = self._streams.get(stream.job_id, set())
            others.discard(stream)
            if not others:
                self._streams.pop(stream.job_id, None)
                news = self._news.pop(stream.job_id, None)
        if news is not None:
            news.close()

    def note(self, job_id: str) -> None:
        """The job may have changed: have it looked at."""
        with self._lock:
            first = not self._changed
            self._changed.add(job_id)
        if first:
            self._wake()

    def _add(self, stream: Stream) -> None:
        with self._lock:
            self._streams.setdefault(stream.job_id, set()).add(stream)
            if self._thread is None:
                self._waker, awoken = socket.socketpair()
                self._waker.setblocking(False)
                self._thread = threading.Thread(target=self._run, args=(awoken,), name="streams", daemon=True)
                self._thread.start()

    def _subscribe(self, job_id: str) -> None:
        with self._lock:
            if job_id in self._news:
                return
            news = self._news[job_id] = ExitStack()
        news.enter_context(self._store.subscribe(job_id, lambda: self.note(job_id)))

    def _wake(self) -> None:
        waker = self._waker
        if waker is not None:
            # where it is full or closed, the thread is awake or has ended
            with suppress(OSError):
                waker.send(b"!")

    # --- in the thread

    def _run(self, awoken: socket.socket) -> None:
        with awoken, selectors.DefaultSelector() as selector:
            awoken.setblocking(False)
            selector.register(awoken, selectors.EVENT_READ)
            round_ = _Round()
            while self._goes_on():
                try:
                    self._turn(selector, round_)
                except Exception:  # noqa: BLE001
                    # the thread must outlive whatever is wrong with one stream
                    _log.exception("streams_failed")
                    time.sleep(LEAST_PAUSE_SECONDS)

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._streams and self._waker is not None:
                self._waker.close()
                self._waker = self._thread = None
            return self._thread is not None

    def _turn(self, selector: selectors.BaseSelector, round_: _Round) -> None:
        pause = round_.looked_at + LEAST_PAUSE_SECONDS - time.monotonic()
        for key, events in selector.select(max(0.0, pause) if self._changed else 1.0):
            if key.data is not None:
                self._serve(key.data, events, selector)
            else:
                _drain(key.fileobj)
        while self._handed_over:
            stream = self._handed_over.popleft()
            selector.register(stream.connection_taken, selectors.EVENT_READ, stream)
            self._written.add(stream)
            self._send(stream, selector)
        now = time.monotonic()
        if now - round_.all_looked_at >= LOOK_SECONDS:
            round_.all_looked_at = now
            with self._lock:
                self._changed |= self._streams.keys()
        if now - round_.looked_at >= LEAST_PAUSE_SECONDS or self._closing:
            round_.looked_at = now
            self._look()
            self._tend(selector, now)

    def _serve(self, stream: Stream, events: int, selector: selectors.BaseSelector) -> None:
        if events & selectors.EVENT_READ and stream.client_gone():
            self._end(stream, selector)
        elif events & selectors.EVENT_WRITE:
            self._send(stream, selector)

    def _look(self) -> None:
        with self._lock:
            job_ids, self._changed = self._changed & self._streams.keys(), set()
        if not job_ids:
            return
        try:
            jobs = self._store.find(sorted(job_ids))
        except StorageUnavailable as error:
            _log.warning("streams_wait_for_store", streams=len(self), reason=error.detail)
            with self._lock:
                self._changed |= job_ids
            return
        for job_id in job_ids:
            with self._lock:
                streams = list(self._streams.get(job_id, ()))
            for stream in streams:
                if (job := jobs.get(job_id)) is None:
                    stream.finish(GONE)
                else:
                    stream.offer(job)

    def _tend(self, selector: selectors.BaseSelector, now: float) -> None:
        with self._lock:
            streams = [stream for those in self._streams.values() for stream in those]
        for stream in streams:
            if self._closing:
                stream.finish(STOPPING)
            stream.keep_alive(now)
            if stream in self._written:
                self._send(stream, selector)
            elif stream.over and stream.connection is None:
                self.leave(stream)

    def _send(self, stream: Stream, selector: selectors.BaseSelector) -> None:
        flushed = stream.flush(time.monotonic())
        if flushed is Flush.OVER:
            self._end(stream, selector)
        else:
            blocked = selectors.EVENT_WRITE if flushed is Flush.BLOCKED else 0
            selector.modify(stream.connection_taken, selectors.EVENT_READ | blocked, stream)

    def _end(self, stream: Stream, selector: selectors.BaseSelector) -> None:
        selector.unregister(stream.connection_taken)
        self._written.discard(stream)
        self.leave(stream)
        stream.part()


def _drain(awoken: Any) -> None:
    with suppress(BlockingIOError):
        while awoken.recv(READ_BYTES):
            continue


class _Round:
    """When the thread looked at jobs that had changed, and at all."""

    def __init__(self) -> None:
        self.looked_at = self.all_looked_at = time.monotonic()
