"""Long requests in a web process of a bounded number of threads.

Requests that wait (``Prefer: wait``, streams of rows) may hold half of the threads, uploads a quarter, so
that polls and /healthz always find a free one.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self

from digitmill.domain.jobs import Job
from digitmill.errors import Overloaded
from digitmill.jobs.jobs import Jobs
from digitmill.store.news import CompletionWaiter
from web.server.connection import client_gone

LOOK_SECONDS = 1.0
"""How often a waiting request looks whether its client is still there and the server goes on."""
UPLOAD_PATIENCE_SECONDS = 5.0
"""How long an upload waits for its turn: most uploads hold theirs for milliseconds."""


class Slot:
    """The right to hold a thread for long. Release it once or more, or use it in a ``with`` statement."""

    def __init__(self, give_back: Callable[[], None]) -> None:
        self._give_back = give_back
        self._held = True

    def release(self) -> None:
        if self._held:
            self._held = False
            self._give_back()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class _Turns:
    """So many may hold one at a time, three quarters of them one owner, and a few may wait for theirs."""

    def __init__(self, most: int, most_waiting: int) -> None:
        self._most, self._most_of_owner, self._most_waiting = most, most - most // 4, most_waiting
        self._held: Counter[str] = Counter()
        self._waiting = 0
        self._changed = threading.Condition()

    def acquire(self, owner: str, seconds: float) -> bool:
        with self._changed:
            if not self._free(owner):
                if self._waiting >= self._most_waiting:
                    return False
                self._waiting += 1
                try:
                    free = self._changed.wait_for(lambda: self._free(owner), seconds)
                finally:
                    self._waiting -= 1
                if not free:
                    return False
            self._held[owner] += 1
            return True

    def release(self, owner: str) -> None:
        with self._changed:
            self._held -= Counter((owner,))
            self._changed.notify_all()

    def _free(self, owner: str) -> bool:
        return self._held.total() < self._most and self._held[owner] < self._most_of_owner


class Waiting:
    """``closing`` is set when the process is asked to stop: waiting requests then answer at once."""

    def __init__(self, threads: int) -> None:
        self._long = threading.BoundedSemaphore(max(1, threads // 2))
        self._uploads = _Turns(max(1, threads // 4), most_waiting=max(2, threads // 8))
        self.closing = False

    def slot(self) -> Slot | None:
        """A slot for a long request, or None while all are taken."""
        return Slot(self._long.release) if self._long.acquire(blocking=False) else None

    def require_slot(self) -> Slot:
        """Raises Overloaded while all are taken."""
        slot = self.slot()
        if slot is None:
            raise Overloaded(
                "Too many requests are waiting for jobs; poll the job instead, or try again.", retry_after=5
            )
        return slot

    def upload_slot(self, owner: str = "") -> Slot:
        """Raises Overloaded when none gets free in a few seconds, or too many wait for one."""
        if not self._uploads.acquire(owner, UPLOAD_PATIENCE_SECONDS):
            raise Overloaded("Too many uploads are coming in at this moment; try again.", retry_after=5)
        return Slot(partial(self._uploads.release, owner))

    def for_end(
        self,
        jobs: Jobs,
        owner: str,
        job_id: str,
        completion: CompletionWaiter,
        *,
        seconds: float,
        environ: dict[str, Any],
    ) -> None:
        """Until the job ends; less when time is up, the client hung up, or the process stops."""
        deadline = time.monotonic() + seconds
        while not self.closing and (left := deadline - time.monotonic()) > 0:
            if completion.wait(min(left, LOOK_SECONDS)) or client_gone(environ):
                return
            # the news of its end may have been lost with a connection
            if jobs.get(owner, job_id).state.final:
                return

    def for_job(self, jobs: Jobs, owner: str, job_id: str, *, seconds: float, environ: dict[str, Any]) -> Job:
        """The job when it is final; earlier when time is up, the client hung up, or the process stops."""
        for job in jobs.watch(owner, job_id, seconds=seconds, quiet=LOOK_SECONDS):
            if job.state.final or self.closing or client_gone(environ):
                break
        return job
