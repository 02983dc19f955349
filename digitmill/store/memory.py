"""The job store in memory, for one process: unit tests and experiments. Nothing survives the process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from digitmill.domain import Job, JobState, Problem
from digitmill.errors import Expired, NotFound, TooManyJobs
from digitmill.store.base import (
    NO_UPLOAD,
    TOMBSTONE_SECONDS,
    Claim,
    Completion,
    Done,
    Ending,
    JobStore,
    Load,
    LostChunk,
    Opening,
    PackedChunk,
    Subscription,
    WorkerInfo,
    too_many_jobs,
)
from digitmill.store.memory_records import NothingBeside, Record, answered
from digitmill.store.memory_reviews import MemoryReviewStore
from digitmill.store.memory_webhook_store import MemoryWebhookStore
from digitmill.store.requests import Idempotency


class MemoryJobStore(NothingBeside, JobStore):
    """``clock`` gives seconds; tests pass one of their own."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock
        self._changed = threading.Condition(threading.RLock())
        self._plans: dict[str, list[PackedChunk]] = {}
        self._records: dict[str, Record] = {}
        self._idempotency: dict[tuple[str, str], tuple[str, str, float]] = {}
        self._locks: dict[str, float] = {}
        self._workers: dict[WorkerInfo, float] = {}
        self.reviews: MemoryReviewStore = MemoryReviewStore(clock, self._changed, self._done, self._count_corrected)
        self.webhooks: MemoryWebhookStore = MemoryWebhookStore(clock)

    def save_plan(self, job_id: str, chunks: Iterable[PackedChunk]) -> int:
        plan = list(chunks)
        self._plans[job_id] = plan
        return len(plan)

    def discard_plan(self, job_id: str) -> None:
        self._plans.pop(job_id, None)

    def create(
        self,
        job: Job,
        *,
        window: int,
        most_open: int,
        idempotency: tuple[Idempotency, float] | None = None,
        plan: Sequence[PackedChunk] = (),
        followed: bool = False,  # noqa: ARG002 (here everybody hears everything)
        bell: str = "",  # noqa: ARG002 (the queue in memory has none)
    ) -> Job:
        with self._changed:
            known = self.recall(job.owner, idempotency[0]) if idempotency is not None else None
            if known is not None:
                return known
            if self.open_jobs(job.owner) >= most_open:
                raise TooManyJobs(too_many_jobs(most_open))
            if idempotency is not None:
                key, seconds = idempotency
                self._idempotency[job.owner, key.key] = (key.digest, job.id, self._clock() + seconds)
            if plan:
                self._plans[job.id] = list(plan)
            self._records[job.id] = Record(job, min(window, job.chunks), self._clock())
            return job

    def remembers(self, owner: str, key: str) -> bool:
        known = self._idempotency.get((owner, key))
        return known is not None and known[2] > self._clock()

    def recall(self, owner: str, idempotency: Idempotency) -> Job | None:
        known = self._idempotency.get((owner, idempotency.key))
        if known is None or known[2] <= self._clock():
            return None
        return idempotency.first_job(known[0], lambda: self.get(known[1]))

    def get(self, job_id: str) -> Job:
        with self._changed:
            record = self._records.get(job_id)
            if record is not None and self._forgotten(record.job):
                del self._records[job_id]
                record = None
            if record is None:
                raise NotFound("There is no such job.")
            if self._expired(record.job):
                raise Expired("This job has expired: its rows and its upload are gone.")
            return record.job

    def open(self, job_id: str) -> Opening:
        with self._changed:
            job, starts = self.get(job_id), self.starts(job_id)
            ((entries, rows),) = self.read(job_id, [0])
            return Opening(job, starts, entries, rows)

    def jobs_of(self, owner: str, *, before: str | None, limit: int) -> Sequence[Job]:
        with self._changed:
            jobs = [
                record.job
                for job_id, record in sorted(self._records.items(), reverse=True)
                if record.job.owner == owner and not self._expired(record.job) and (before is None or job_id < before)
            ]
        return jobs[:limit]

    def finish(self, job_id: str, state: JobState, error: Problem | None = None) -> Job:
        with self._changed:
            job = self.get(job_id)
            if not job.state.final:
                self._end(self._records[job_id], state, error)
            return self.get(job_id)

    def delete(self, job_id: str) -> None:
        with self._changed:
            self._records.pop(job_id, None)
            self._plans.pop(job_id, None)
            self.reviews.forget(job_id)
            self.webhooks.forget(job_id)
            self._changed.notify_all()

    def starts(self, job_id: str) -> Sequence[int]:
        return [chunk.first for chunk in self._plan(job_id)]

    def claim(self, job_id: str, chunk: int, lease: float) -> Claim | None:
        with self._changed:
            record = self._records.get(job_id)
            if record is None or record.job.state.final or chunk in record.rows:
                return None
            now = self._clock()
            if record.leases.get(chunk, 0) > now:
                return None
            record.leases[chunk] = now + lease
            record.progress_at = now
            record.attempts[chunk] = record.attempts.get(chunk, 0) + 1
            if record.job.state is JobState.QUEUED:
                record.job = replace(record.job, state=JobState.RUNNING, started_at=now)
                self._notify(record)
            planned = self._plan(job_id)[chunk]
            poison = record.poison(chunk)
            return Claim(
                record.job, chunk, planned.first, planned.entries, record.attempts[chunk], poison, planned.upload
            )

    def upload(self, job_id: str) -> bytes:
        upload = self._plan(job_id)[0].upload
        if upload is None:
            raise NotFound(NO_UPLOAD)
        return upload

    def claim_all(self, chunks: Sequence[tuple[str, int]], lease: float) -> list[Claim]:
        claims = (self.claim(job_id, chunk, lease) for job_id, chunk in chunks)
        return [claim for claim in claims if claim is not None]

    def note_place(self, job_id: str, chunk: int, place: int | None) -> None:
        with self._changed:
            record = self._records.get(job_id)
            if record is not None and place is not None:
                record.places[chunk] = place
            elif record is not None:
                record.places.pop(chunk, None)

    def renew(self, job_id: str, chunk: int, lease: float) -> None:
        with self._changed:
            record = self._records.get(job_id)
            if record is not None and chunk in record.leases:
                record.leases[chunk] = self._clock() + lease

    def release(self, job_id: str, chunk: int) -> None:
        self.renew(job_id, chunk, 0)

    def give_back(self, job_id: str, chunk: int) -> None:
        with self._changed:
            record = self._records.get(job_id)
            if record is not None and chunk in record.leases:
                record.leases[chunk] = self._clock()
                record.places.pop(chunk, None)
                record.attempts[chunk] -= 1

    def count_attempt(self, claim: Claim, *, counts: bool) -> None:
        with self._changed:
            record = self._records.get(claim.job.id)
            if record is not None and claim.chunk in record.leases:
                record.attempts[claim.chunk] = claim.attempt if counts else claim.attempt - 1

    def complete_all(self, answers: Sequence[Done]) -> list[Completion]:
        return [self._completed(done) for done in answers]

    def _completed(self, done: Done) -> Completion:
        claim = done.claim
        with self._changed:
            record = self._records.get(claim.job.id)
            if record is None or record.job.state is not JobState.RUNNING or claim.chunk in record.rows:
                return Completion(stored=False)
            record.rows[claim.chunk] = done.rows
            record.leases.pop(claim.chunk, None)
            record.attempts.pop(claim.chunk, None)
            record.progress_at = self._clock()
            record.job = answered(record.job, done)
            following = record.sent if record.sent < record.job.chunks else None
            record.sent += following is not None
            finished = len(record.rows) == record.job.chunks
            if finished:
                self._end(record, JobState.COMPLETED, None)
            else:
                self._notify(record)
            return Completion(True, finished, following)

    def read(self, job_id: str, chunks: Sequence[int]) -> list[tuple[bytes, bytes | None]]:
        with self._changed:
            plan, record = self._plan(job_id), self._records[job_id]
            return [(plan[chunk].entries, record.rows.get(chunk)) for chunk in chunks]

    @contextmanager
    def subscribe(self, job_id: str) -> Iterator[Subscription]:
        yield _Changes(self, job_id)

    def follow(self, job: Job, plan: Sequence[PackedChunk] = ()) -> Ending:  # noqa: ARG002 (it is here anyway)
        return _Ending(self, job.id)

    def load(self, owner: str) -> Load:
        with self._changed:
            return Load(self.queued_images(), self.open_jobs(owner))

    def queued_images(self) -> int:
        with self._changed:
            return sum(record.queued_images for record in self._records.values())

    def open_jobs(self, owner: str) -> int:
        with self._changed:
            return sum(record.job.owner == owner and not record.job.state.final for record in self._records.values())

    def memory_share(self) -> float:
        return 0.0

    def expired_leases(self, limit: int) -> Sequence[LostChunk]:
        with self._changed:
            now = self._clock()
            lost = [
                LostChunk(job_id, chunk, record.job.queue)
                for job_id, record in self._records.items()
                if not record.job.state.final
                for chunk, until in record.leases.items()
                if until <= now
            ][:limit]
            for chunk in lost:
                del self._records[chunk.job_id].leases[chunk.chunk]
            return lost

    def stalled(self, idle: float, limit: int) -> Sequence[tuple[Job, float]]:
        with self._changed:
            now = self._clock()
            waiting = [
                (record.job, now - record.progress_at)
                for record in self._records.values()
                if not record.job.state.final and now - record.progress_at >= idle
            ]
        return sorted(waiting, key=lambda item: -item[1])[:limit]

    def unclaimed(self, job_id: str, limit: int) -> Sequence[int]:
        with self._changed:
            record = self._records[job_id]
            waiting = [chunk for chunk in range(record.sent) if chunk not in record.rows][:limit]
            return [chunk for chunk in waiting if chunk not in record.leases]

    def touch(self, job_id: str) -> None:
        with self._changed:
            if job_id in self._records:
                self._records[job_id].progress_at = self._clock()

    def take_expired(self, limit: int, lease: float) -> Sequence[str]:
        with self._changed:
            now = self._clock()
            ids = [
                job_id
                for job_id, record in self._records.items()
                if self._expired(record.job) and job_id in self._plans and record.taken_until <= now
            ][:limit]
            for job_id in ids:
                self._records[job_id].taken_until = now + lease
            return ids

    def bury(self, job_ids: Sequence[str]) -> None:
        with self._changed:
            for job_id in job_ids:
                self._plans.pop(job_id, None)
                self.reviews.forget(job_id)
                if job_id in self._records:
                    self._records[job_id].rows.clear()

    def known(self, job_ids: Sequence[str]) -> Iterator[bool]:
        return iter([job_id in self._records for job_id in job_ids])

    def lock(self, name: str, seconds: float) -> bool:
        with self._changed:
            now = self._clock()
            if self._locks.get(name, 0) > now:
                return False
            self._locks[name] = now + seconds
            return True

    def beat(self, workers: Sequence[WorkerInfo]) -> None:
        self._workers.update(dict.fromkeys(workers, self._clock()))

    def workers(self, within: float) -> Sequence[WorkerInfo]:
        since = self._clock() - within
        return [worker for worker, heard in self._workers.items() if heard >= since]

    def ping(self) -> None:
        return

    def _plan(self, job_id: str) -> list[PackedChunk]:
        if job_id not in self._plans:
            raise NotFound("There is no such job.")
        return self._plans[job_id]

    def _done(self, job_id: str) -> Collection[int]:
        return self._records[job_id].rows if job_id in self._records else ()

    def _count_corrected(self, job_id: str, more: int) -> None:
        record = self._records[job_id]
        counts = replace(record.job.counts, corrected=record.job.counts.corrected + more)
        record.job = replace(record.job, counts=counts, revised=True)

    def _expired(self, job: Job) -> bool:
        return job.expires_at is not None and job.expires_at <= self._clock()

    def _forgotten(self, job: Job) -> bool:
        return job.expires_at is not None and job.expires_at + TOMBSTONE_SECONDS <= self._clock()

    def _end(self, record: Record, state: JobState, error: Problem | None) -> None:
        now = self._clock()
        expires_at = now + (record.job.options.expires_in or 0)
        record.job = replace(record.job, state=state, finished_at=now, expires_at=expires_at, error=error)
        self.webhooks.note_final(record.job)
        record.leases.clear()
        record.attempts.clear()
        self._notify(record)

    def _notify(self, record: Record) -> None:
        record.changes += 1
        self._changed.notify_all()

    def _changes(self, job_id: str) -> int:
        record = self._records.get(job_id)
        return record.changes if record is not None else -1

    def _wait_for_end(self, job_id: str, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(
                lambda: job_id not in self._records or self._records[job_id].job.state.final, seconds
            )

    def _wait_for_change(self, job_id: str, seen: int, seconds: float) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._changes(job_id) != seen, seconds)
            return self._changes(job_id)


class _Ending(Ending):
    def __init__(self, store: MemoryJobStore, job_id: str) -> None:
        self._store = store
        self._job_id = job_id

    def wait(self, seconds: float) -> bool:
        return self._store._wait_for_end(self._job_id, seconds)

    def opening(self) -> None:
        return None

    def close(self) -> None:
        return


class _Changes(Subscription):
    def __init__(self, store: MemoryJobStore, job_id: str) -> None:
        self._store = store
        self._job_id = job_id
        self._seen = store._changes(job_id)

    def wait(self, seconds: float) -> bool:
        before = self._seen
        self._seen = self._store._wait_for_change(self._job_id, before, seconds)
        return self._seen != before
