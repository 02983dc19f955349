"""The sweep: finds jobs that nobody works on and sends their chunks again.

Any number of workers may call it; a lock in the store lets one at a time do it.
"""

from __future__ import annotations

import structlog

from digitmill.domain import Job, QueueName
from digitmill.queue import EVENTS_QUEUE, Queue
from digitmill.settings import Settings
from digitmill.store.base import JobStore

BATCH = 500
LOST_MESSAGE_SECONDS = 300
"""After this an idle job's messages are looked for in its queue, which may be long, and sent again if not there."""

_log = structlog.get_logger(__name__)


class Recovery:
    def __init__(self, settings: Settings, store: JobStore, queue: Queue) -> None:
        self._settings = settings
        self._store = store
        self._queue = queue

    def sweep(self) -> int:
        """Do one round if nobody else does; return the number of chunks sent again."""
        if moved := self._store.heed_clock():
            _log.warning("clock_moved", seconds=round(moved, 1))
        if not self._store.lock("sweep", self._settings.sweep_seconds * 0.9):
            return 0
        sent = self._resend_dropped() + self._resend_lost()
        self._send_due_events()
        if self._queue.ring():
            _log.warning("bell_lost")
        return sent

    def _resend_dropped(self) -> int:
        """Chunks whose worker was not heard of until its lease ended."""
        dropped = self._store.expired_leases(BATCH)
        for chunk in dropped:
            _log.warning("chunk_dropped", job=chunk.job_id, chunk=chunk.chunk)
            self._queue.send(chunk.queue, chunk.job_id, chunk.chunk)
        return len(dropped)

    def _resend_lost(self) -> int:
        """Chunks of idle jobs whose messages are nowhere: web died before it sent them, or the broker lost them."""
        empty = {name: self._queue.depth(name) == 0 for name in QueueName}
        waiting: dict[QueueName, set[str]] = {}
        sent = 0
        for job, idle in self._store.stalled(2 * self._settings.lease_seconds, BATCH):
            if empty[job.queue]:
                sent += self._resend_all(job)
            elif idle > LOST_MESSAGE_SECONDS:
                if job.queue not in waiting:
                    waiting[job.queue] = self._queue.waiting_jobs(job.queue)
                # only those that are nowhere: in a long backlog all the others would be doubled, again and again
                if job.id in waiting[job.queue]:
                    self._store.touch(job.id)
                else:
                    sent += self._resend_all(job)
        return sent

    def _resend_all(self, job: Job) -> int:
        chunks = self._store.unclaimed(job.id, self._settings.chunks_in_flight)
        if chunks:
            self._queue.send(job.queue, job.id, *chunks)
            _log.warning("messages_lost", job=job.id, chunks=len(chunks))
        self._store.touch(job.id)
        return len(chunks)

    def _send_due_events(self) -> None:
        """Events that are to be tried again, or whose first message was lost."""
        if self._queue.depth(EVENTS_QUEUE) == 0:
            for job_id in self._store.webhooks.due(BATCH):
                self._queue.send_event(job_id)
