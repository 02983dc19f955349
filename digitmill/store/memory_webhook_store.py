"""Webhooks in memory, for one process: unit tests and experiments. Nothing survives the process."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence

from digitmill.domain import Job
from digitmill.store.webhook_store import MOST_ATTEMPTS_KEPT, Attempt, DeliveryLog, SigningSecret, WebhookStore


class MemoryWebhookStore(WebhookStore):
    """``clock`` gives seconds. The job store whose part this is calls ``note_final`` and ``forget``."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}
        self._jobs: dict[str, Job] = {}
        self._attempts: defaultdict[str, list[Attempt]] = defaultdict(list)
        self._resting: dict[str, float] = {}
        self._secrets: dict[str, Sequence[SigningSecret]] = {}

    def note_final(self, job: Job) -> None:
        if job.options.webhook_url is not None:
            with self._lock:
                self._jobs[job.id] = job
                self._due[job.id] = self._clock()

    def forget(self, job_id: str) -> None:
        with self._lock:
            self._jobs.pop(job_id, None)
            self._due.pop(job_id, None)
            self._attempts.pop(job_id, None)

    def due(self, limit: int) -> Sequence[str]:
        now = self._clock()
        return [job_id for job_id in self.waiting(len(self._due)) if self._due[job_id] <= now][:limit]

    def waiting(self, limit: int) -> Sequence[str]:
        with self._lock:
            return sorted(self._due, key=self._due.__getitem__)[:limit]

    def claim(self, job_id: str, lease: float) -> tuple[Job, int] | None:
        with self._lock:
            now = self._clock()
            if self._due.get(job_id, now + 1) > now:
                return None
            self._due[job_id] = now + lease
            return self._jobs[job_id], len(self._attempts[job_id])

    def record(self, job: Job, attempt: Attempt, retry_in: float | None) -> None:
        with self._lock:
            if job.id not in self._jobs:
                return
            self._attempts[job.id] = [*self._attempts[job.id], attempt][-MOST_ATTEMPTS_KEPT:]
            self._due.pop(job.id, None)
            if retry_in is not None:
                self._due[job.id] = self._clock() + retry_in

    def send_again(self, job_id: str) -> None:
        with self._lock:
            self._due[job_id] = self._clock()

    def log(self, job_id: str) -> DeliveryLog:
        with self._lock:
            return DeliveryLog(list(self._attempts[job_id]), self._due.get(job_id))

    def rest(self, receiver: str, seconds: float) -> None:
        self._resting[receiver] = self._clock() + seconds

    def resting(self, receiver: str) -> bool:
        return self._resting.get(receiver, 0) > self._clock()

    def secrets(self, owner: str) -> Sequence[SigningSecret]:
        return self._secrets.get(owner, ())

    def change_secrets(self, owner: str, change: Callable[[Sequence[SigningSecret]], Sequence[SigningSecret]]) -> None:
        with self._lock:
            self._secrets[owner] = tuple(change(self._secrets.get(owner, ())))
