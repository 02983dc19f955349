"""What is told of a job that came to its end: a line of the log, figures, and its event to whoever waits for that."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import structlog

from digitmill.domain.jobs import Job, JobState, Problem
from digitmill.errors import NotFound, StorageUnavailable
from digitmill.measures import JOB, JOBS, Measures
from digitmill.queue import Queue
from digitmill.store.base import Completion, Done, JobStore
from digitmill.store.webhook_store import first_event

_log = structlog.get_logger(__name__)


class Endings:
    def __init__(self, store: JobStore, queue: Queue, measures: Measures) -> None:
        self._store = store
        self._queue = queue
        self._measures = measures

    def end(self, job_id: str, state: JobState, problem: Problem | None = None) -> Job:
        """Move an open job to ``cancelled`` or ``failed``, and tell of it; a final one stays as it is."""
        over = self._store.get(job_id).state.final
        job = self._store.finish(job_id, state, problem)
        self._queue.announce(first_event(job))
        if not over:
            self._tell(job)
            if self._store.webhooks.endpoints.any(job.owner):
                self._queue.announce(f"{job.id}:hooks:end")
            # a web server has nothing else to hand in, and this happens rarely
            with suppress(StorageUnavailable):
                self._measures.hand_in()
        return job

    def completed(self, done: Done, completion: Completion) -> None:
        """Tell of a job whose last chunk was stored."""
        job = done.claim.job
        self._queue.announce(first_event(job))
        if job.chunks == 1:
            own = replace(job.counts, statuses=done.counts.statuses)
            self._tell(replace(job, state=JobState.COMPLETED, counts=own, finished_at=completion.finished_at))
            return
        # that it is done is recorded, and no row, and no job, fails for a line
        with suppress(StorageUnavailable, NotFound):
            self._tell(self._store.get(job.id))

    def _tell(self, job: Job) -> None:
        seconds = None if job.finished_at is None else max(0.0, job.finished_at - job.created_at)
        waited = None if job.started_at is None else max(0.0, job.started_at - job.created_at)
        _log.info(
            "job_finished",
            job=job.id,
            owner=job.owner,
            key=job.sent_by,
            kind=job.kind,
            state=job.state.value,
            model=job.model.label,
            images=job.counts.total,
            **{status: images for status, images in job.counts.statuses.items() if images},
            waited=None if waited is None else round(waited, 3),
            seconds=None if seconds is None else round(seconds, 3),
            code=job.error.code if job.error else None,
        )
        self._measures.count(JOBS, job.state.value)
        if job.state is JobState.COMPLETED and seconds is not None:
            self._measures.observe(JOB, seconds)
