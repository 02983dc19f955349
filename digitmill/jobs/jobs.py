"""What a caller can do with a job: submit, look, list, wait, cancel, delete. Rows are read in ``results.py``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Protocol

import structlog

from digitmill.domain.access import NO_QUOTAS, Quotas
from digitmill.domain.jobs import READ, Counts, Findings, Job, JobState, ModelReference, Options, new_job_id, with_rows
from digitmill.domain.planned import Chunk
from digitmill.domain.precedence import Priority, QueueName
from digitmill.errors import (
    Expired,
    IdempotencyConflict,
    NotFound,
    QuotaUsed,
    StorageUnavailable,
    StoreReplaced,
    TooManyImages,
    TooManyJobs,
    UploadRefused,
)
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.jobs import noting
from digitmill.jobs.admission import Admission
from digitmill.jobs.endings import Endings
from digitmill.jobs.resolving import Resolving
from digitmill.jobs.retention import Retention
from digitmill.models.registry import Registry
from digitmill.queue import Queue
from digitmill.readers import reader_of
from digitmill.settings import Settings
from digitmill.store.base import JobStore, PackedChunk
from digitmill.store.blobs import BlobStore, stored_for
from digitmill.store.news import CompletionWaiter
from digitmill.store.requests import Idempotency, idempotency_of
from digitmill.system import tracing
from digitmill.system.tracing import SpanKind
from digitmill.templates import Templates
from digitmill.uploads.codec import pack_plan
from digitmill.uploads.limits import Limits
from digitmill.uploads.plan import Plan
from digitmill.uploads.spool import Spool
from digitmill.webhooks.deliveries import Webhooks

SMALL_BYTES = 64 << 10
"""A larger upload is work enough by itself, and so is any page: nobody should wait for it in one batch."""
TINY_BYTES = 2 << 10
"""An upload of no more lies in Redis with its job's plan: a file, or an object on S3, costs more than to read it."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """``created`` is False when the job was made by an earlier request with the same Idempotency-Key.

    ``completion`` tells of its end, where that was asked for and it was created; close it."""

    job: Job
    created: bool
    completion: CompletionWaiter | None = None


class Images(Protocol):
    """The plan of an upload; all but ``chunks`` is known when that has come to its end."""

    total: int
    skipped: int
    findings: Findings

    def chunks(self) -> Iterator[Chunk]: ...


class Jobs:
    """Every method that takes ``owner`` and ``job_id`` raises NotFound for another owner's job, and Expired."""

    def __init__(
        self,
        settings: Settings,
        store: JobStore,
        blobs: BlobStore,
        registry: Registry,
        queue: Queue,
        webhooks: Webhooks,
        drawers: Drawers,
        templates: Templates,
        endings: Endings,
        quotas: Callable[[str | None], Quotas] = lambda _: NO_QUOTAS,
    ) -> None:
        """``quotas`` tells those of a key by its id."""
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._registry = registry
        self._queue = queue
        self._webhooks = webhooks
        self._drawers = drawers
        self._resolving = Resolving(registry, templates)
        self._endings = endings
        self._admission = Admission(settings, store, quotas)
        self.retention = Retention(settings, quotas, store.now)

    def admit(self, owner: str, *, idempotency_key: str | None = None, sent_by: str | None = None) -> None:
        """As ``Admission.admit``."""
        self._admission.admit(owner, idempotency_key=idempotency_key, sent_by=sent_by)

    def submit(
        self,
        owner: str,
        spool: Spool,
        options: Options,
        *,
        idempotency_key: str | None = None,
        follow: bool = False,
        sent_by: str | None = None,
    ) -> Submission:
        """Accept the spooled upload as a job: plan, blob, record, then a wakeup, in this order.

        ``follow``: the caller is going to wait for the job's end. ``sent_by`` is the id of the caller's key.

        Whatever dies in between, the upload is either refused or its job will be completed: the sweep wakes
        a worker where that was not done. The spooled file may be moved away.

        Raises:
            UploadRefused: the upload or the options are not acceptable; nothing is stored.
            IdempotencyConflict: the key was used with another request.
            Expired: it was used with this one, and the job has been deleted or has expired.
            TooManyJobs: the owner has as many open jobs as may be.
            QuotaUsed: the key has not so many images left for today.
            StorageUnavailable: Redis or the blob storage does not answer.
            Overloaded: too many PDFs wait to have their pages counted.
        """
        idempotency = None if idempotency_key is None else idempotency_of(idempotency_key, spool.digest, options)
        limits = Limits.from_settings(self._settings, reader_of(options.read).images_a_chunk)
        images = Plan(spool, limits, self._drawers.count_pages, code_page=options.names)
        return self.accept(owner, images, spool, options, idempotency=idempotency, follow=follow, sent_by=sent_by)

    def accept(
        self,
        owner: str,
        images: Images,
        spool: Spool,
        options: Options,
        *,
        idempotency: Idempotency | None,
        follow: bool = False,
        sent_by: str | None,
        kind: str = READ,
    ) -> Submission:
        """The same for a plan of one's own over the spooled bytes. ``idempotency`` is of what was sent, options
        included. A ``kind`` other than READ brings its templates itself. Raises also what ``images`` raise."""
        if idempotency is not None:
            known = self._store.recall(owner, idempotency)
            if known is not None:
                return Submission(known, created=False)
        resolved = self._resolving.resolved(options, kind)
        options = replace(resolved.options, expires_in=self.retention.expires_in(options, sent_by))
        self._webhooks.check(owner, options)
        job, plan = self._planned(owner, images, resolved.model, options)
        job = replace(
            job,
            sent_by=sent_by,
            trace=tracing.current(),
            kind=kind,
            number_model=resolved.number_model,
            shadow=resolved.shadow,
            tally=resolved.tally,
        )
        if plan and spool.length <= TINY_BYTES and isinstance(spool.source, bytes):
            job, plan = replace(job, blob=None), [replace(plan[0], upload=spool.source)]
        small = job.chunks == 1 and spool.length <= SMALL_BYTES and not reader_of(options.read).by_template
        small = small and job.queue is QueueName.INTERACTIVE
        if job.blob is not None:
            self._blobs.put(job.blob, spool.source)
        completion = self._store.follow(job, plan) if follow else None
        recorded = None
        try:
            recorded = self.record(job, plan, idempotency, followed=follow, small=small)
        finally:
            if completion is not None and recorded is not job:
                completion.close()
        if recorded is not job:
            return Submission(recorded, created=False)
        return Submission(job, created=True, completion=completion)

    def get(self, owner: str, job_id: str) -> Job:
        job = self._store.get(job_id)
        if job.owner != owner:
            raise NotFound("There is no such job.")
        return noting.noted(self._store, job)

    def get_read(self, owner: str, job_id: str) -> Job:
        """A job that reads images. Raises NotFound also for another: it has no rows."""
        return with_rows(self.get(owner, job_id))

    def list(
        self, owner: str, *, state: JobState | None, before: str | None, limit: int, unanswered: bool = False
    ) -> list[Job]:
        """Up to ``limit`` jobs, newest first, older than job ``before``; ``unanswered``: only those that have rows to
        review on which nobody has answered."""
        found: list[Job] = []
        while len(found) < limit:
            jobs = self._store.jobs_of(owner, before=before, limit=limit)
            found += [job for job in jobs if (state in (None, job.state)) and (not unanswered or job.counts.unanswered)]
            if len(jobs) < limit:
                break
            before = jobs[-1].id
        return found[:limit]

    def watch(self, owner: str, job_id: str, *, seconds: float, quiet: float = 15.0) -> Iterator[Job]:
        """The job now and after each change, until it is final or ``seconds`` have passed.

        Changes that come fast are yielded as one. Every ``quiet`` seconds without change it is yielded as it is.
        """
        deadline = time.monotonic() + seconds
        with self._store.subscribe(job_id) as changes:
            while True:
                job = self.get(owner, job_id)
                yield job
                left = deadline - time.monotonic()
                if job.state.final or left <= 0:
                    return
                changes.wait(min(left, quiet))

    def wait(self, owner: str, job_id: str, *, seconds: float) -> Job:
        """The job when it is final, or as it is after so many seconds."""
        *_, job = self.watch(owner, job_id, seconds=seconds)
        return job

    def cancel(self, owner: str, job_id: str) -> Job:
        """Stop an open job within one chunk; rows that are done stay. A final job stays as it is."""
        self.get(owner, job_id)
        return self._endings.end(job_id, JobState.CANCELLED)

    def resume(self, owner: str, job_id: str) -> Job:
        """Let a cancelled job go on with what is unread; any other stays as it is.

        Raises:
            Overloaded: too many images wait, or Redis is nearly full.
            TooManyJobs: the owner has too many open jobs.
        """
        job = self.get(owner, job_id)
        if job.state is JobState.CANCELLED:
            self.admit(owner)
            if self._store.resume(job_id, most_open=self._admission.most_open(job.sent_by)):
                self._wake(job)
        return self.get(owner, job_id)

    def keep(self, owner: str, job_id: str, *, seconds: int) -> Job:
        """Keep the job for so many seconds from now, or after its end while it is open.

        Raises:
            BadOptions: that is longer than jobs are kept.
        """
        self.retention.check_longer(self.get(owner, job_id), seconds)
        self._store.keep(job_id, seconds)
        return self.get(owner, job_id)

    def delete(self, owner: str, job_id: str) -> None:
        """Remove record, rows and upload; an open job is cancelled first."""
        job = self.get(owner, job_id)
        while not self._store.delete(job_id):
            # a store that was emptied meanwhile may have the job again by now, or soon, and wants its upload then
            job = self.get(owner, job_id)
        self._remove_upload(job)

    def record(
        self, job: Job, plan: Sequence[PackedChunk], idempotency: Idempotency | None, *, followed: bool, small: bool
    ) -> Job:
        """``job`` itself when it is recorded, else the first job under the same key."""
        quotas = self._admission.quotas(job.sent_by)
        try:
            recorded, call = self._store.create(
                job,
                most_open=self._admission.most_open(job.sent_by),
                images_a_day=quotas.images_a_day,
                idempotency=None if idempotency is None else (idempotency, self._settings.idempotency_seconds),
                plan=plan,
                followed=followed,
                small=small,
            )
        except (IdempotencyConflict, Expired, QuotaUsed, StoreReplaced, TooManyImages, TooManyJobs):
            self._withdraw(job)
            raise
        if call:
            self._wake(job)
        if recorded.id == job.id:
            return job
        self._withdraw(job)
        return recorded

    def _planned(
        self, owner: str, images: Images, model: ModelReference, options: Options
    ) -> tuple[Job, Sequence[PackedChunk]]:
        """A job and, if it is only one chunk, its plan; a longer plan is saved as it comes."""
        now = self._store.now()
        job_id = new_job_id(now)
        packed = (_packed(chunk) for chunk in images.chunks())
        unsaved = tuple(islice(packed, 2))
        chunks = 1
        if len(unsaved) > 1:
            try:
                chunks = self._store.save_plan(job_id, chain(unsaved, packed))
            except (UploadRefused, NotFound):
                self._store.discard_plan(job_id)
                raise
            unsaved = ()
        few = images.total <= self._settings.interactive_images
        interactive = few and options.priority is not Priority.LOW
        job = Job(
            id=job_id,
            owner=owner,
            state=JobState.QUEUED,
            queue=QueueName.INTERACTIVE if interactive else QueueName.BULK,
            created_at=now,
            counts=Counts(total=images.total, skipped=images.skipped),
            chunks=chunks,
            model=model,
            options=options,
            blob=job_id,
            findings=images.findings,
        )
        return job, unsaved

    def _withdraw(self, job: Job) -> None:
        self._store.discard_plan(job.id)
        self._remove_upload(job)

    def _remove_upload(self, job: Job) -> None:
        self._blobs.delete_all(stored_for(job))

    def _wake(self, job: Job) -> None:
        try:
            with tracing.part("wake a worker", SpanKind.PRODUCER):
                self._queue.wake(job.role)
        except StorageUnavailable as error:
            # the job is recorded, so it is accepted: the sweep will wake a worker
            _log.warning("wakeup_not_sent", job=job.id, reason=error.detail)


def _packed(chunk: Chunk) -> PackedChunk:
    return PackedChunk(first=chunk.first, entries=pack_plan(chunk.entries))
