"""The sweep: finds chunks that nobody works on, lets them wait for a worker again, and wakes one.

Any number of workers may call it; a lock in the store lets one at a time do it.
"""

from __future__ import annotations

import structlog

from digitmill.domain.roles import Role
from digitmill.measures import LEASES_LOST, Measures
from digitmill.queue import Queue
from digitmill.settings import Settings
from digitmill.store.base import JobStore

BATCH = 500

_log = structlog.get_logger(__name__)


class Recovery:
    def __init__(self, settings: Settings, store: JobStore, queue: Queue, measures: Measures) -> None:
        self._settings = settings
        self._store = store
        self._queue = queue
        self._measures = measures
        self._seen = 0

    def sweep(self) -> int:
        """Do one round if nobody else does; return how much of what was lost waits again."""
        if moved := self._store.upkeep.heed_clock():
            _log.warning("clock_moved", seconds=round(moved, 1))
        if not self._store.upkeep.lock("sweep", self._settings.sweep_seconds * 0.9):
            return 0
        dropped = self._store.upkeep.requeue_expired(BATCH)
        for job_id, chunk in dropped:
            _log.warning("chunk_dropped", job=job_id, chunk=chunk)
            self._measures.count(LEASES_LOST)
        idle = [job for job, _ in self._store.upkeep.stalled(2 * self._settings.lease_seconds, BATCH, skip=self._seen)]
        # of very many each has its turn
        self._seen = self._seen + BATCH if len(idle) == BATCH else 0
        lost = self._store.upkeep.requeue_lost(idle)
        if lost:
            _log.warning("work_lost", chunks=lost)
        for role in Role:
            if self._store.chunks.call_worker(role):
                self._queue.wake(role)
        for event in self._store.webhooks.ask(BATCH):
            self._queue.send_event(event)
        self._measures.hand_in()
        return len(dropped) + lost
