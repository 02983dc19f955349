"""What a caller can do with a job: submit, look, list, wait, cancel, delete. Rows are read in ``results.py``."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Protocol

import structlog

from digitmill.domain import Chunk, Counts, Findings, Job, JobState, Options, QueueName
from digitmill.errors import (
    BadOptions,
    Expired,
    FieldError,
    IdempotencyConflict,
    ModelNotFound,
    NotFound,
    Overloaded,
    StorageUnavailable,
    TooManyJobs,
    UploadRefused,
)
from digitmill.models.manifest import Manifest
from digitmill.models.registry import Registry
from digitmill.queue import Queue
from digitmill.settings import Settings
from digitmill.store.base import Ending, JobStore, Load, PackedChunk, too_many_jobs
from digitmill.store.blobs import BlobStore
from digitmill.store.requests import Idempotency, idempotency_of
from digitmill.uploads.codec import pack_plan
from digitmill.uploads.limits import Limits
from digitmill.uploads.plan import Plan
from digitmill.uploads.spool import Spool
from digitmill.webhooks.deliveries import Webhooks

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
SMALL_BYTES = 64 << 10
"""A larger upload is work enough for a message of its own: nobody should wait for it in one batch."""
TINY_BYTES = 2 << 10
"""An upload of no more lies in Redis with its job's plan, which takes as much room: to make a file, or an object on S3,
costs more than to read such an image."""
FRESH_SECONDS = 0.1
MUCH_ROOM = 1000
"""Room for so many jobs, and images, is not used up within FRESH_SECONDS, and no harm is done if it is."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """``created`` is False when the job was made by an earlier request with the same Idempotency-Key.

    ``ending`` tells of its end, where that was asked for and it was created; close it.
    """

    job: Job
    created: bool
    ending: Ending | None = None


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
    ) -> None:
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._registry = registry
        self._queue = queue
        self._webhooks = webhooks
        self._loads: dict[str, tuple[Load, float]] = {}

    def admit(self, owner: str, *, idempotency_key: str | None = None) -> None:
        """Refuse a submission by what is there already. Call it before reading an upload's body.

        Raises:
            Overloaded: too many images wait, or Redis is nearly full.
            TooManyJobs: the owner has too many open jobs, and none was made with this idempotency key.
        """
        settings = self._settings
        load = self._load(owner)
        if load.queued_images >= settings.max_queued_images:
            raise Overloaded("Too many images are waiting; try again when some are done.", retry_after=30)
        if self._store.memory_share() > settings.max_redis_memory_share:
            raise Overloaded("The service has hardly any memory left for jobs; try again later.", retry_after=60)
        if load.open_jobs >= settings.max_open_jobs and not (
            idempotency_key is not None and self._store.remembers(owner, idempotency_key)
        ):
            raise TooManyJobs(too_many_jobs(settings.max_open_jobs))

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
        """Accept the spooled upload as a job: plan, blob, record, then messages, in this order.

        ``follow``: the caller is going to wait for the job's end. ``sent_by`` is the id of the caller's key.

        Whatever dies in between, the upload is either refused or its job will be completed: the sweep sends
        messages that were not sent. The spooled file may be moved away.

        Raises:
            UploadRefused: the upload or the options are not acceptable; nothing is stored.
            IdempotencyConflict: the key was used with another request.
            Expired: it was used with this one, and the job has been deleted or has expired.
            TooManyJobs: the owner has as many open jobs as may be.
            StorageUnavailable: Redis or the blob storage does not answer.
        """
        idempotency = None if idempotency_key is None else idempotency_of(idempotency_key, spool.digest, options)
        images = Plan(spool.source, spool.pieces, Limits.from_settings(self._settings), code_page=options.names)
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
    ) -> Submission:
        """The same for a plan of one's own over the spooled bytes. ``idempotency`` is of what was sent, options
        included. Raises also what ``images`` raise."""
        if idempotency is not None:
            known = self._store.recall(owner, idempotency)
            if known is not None:
                return Submission(known, created=False)
        manifest, resolved = self._resolve(options)
        self._webhooks.check(owner, options.webhook_url)
        job, plan = self._planned(owner, images, manifest, resolved)
        job = replace(job, sent_by=sent_by)
        if plan and spool.length <= TINY_BYTES and isinstance(spool.source, bytes):
            job, plan = replace(job, blob=None), [replace(plan[0], upload=spool.source)]
        small = job.queue is QueueName.INTERACTIVE and job.chunks == 1 and spool.length <= SMALL_BYTES
        bell = self._queue.bell() if small else ""
        if job.blob is not None:
            self._blobs.put(job.blob, spool.source)
        ending = self._store.follow(job, plan) if follow else None
        recorded = None
        try:
            recorded = self._record(job, plan, idempotency, followed=follow, bell=bell)
        finally:
            if ending is not None and recorded is not job:
                ending.close()
        if recorded is not job:
            return Submission(recorded, created=False)
        if not bell:
            self._send_first(job, small=small)
        return Submission(job, created=True, ending=ending)

    def get(self, owner: str, job_id: str) -> Job:
        job = self._store.get(job_id)
        if job.owner != owner:
            raise NotFound("There is no such job.")
        return job

    def list(self, owner: str, *, state: JobState | None, before: str | None, limit: int) -> list[Job]:
        """Up to ``limit`` jobs, newest first, older than job ``before``."""
        found: list[Job] = []
        while len(found) < limit:
            jobs = self._store.jobs_of(owner, before=before, limit=limit)
            found += [job for job in jobs if state is None or job.state is state]
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
        job = self._store.finish(job_id, JobState.CANCELLED)
        self._queue.announce(job)
        return job

    def delete(self, owner: str, job_id: str) -> None:
        """Remove record, rows and upload; an open job is cancelled first."""
        job = self.get(owner, job_id)
        self._store.delete(job_id)
        self._remove_upload(job)

    def _load(self, owner: str) -> Load:
        """As of now, or of an instant ago if there was so much room that it cannot be full by now.

        What counts exactly, the store looks at itself when the job is recorded.
        """
        known = self._loads.get(owner)
        if known is not None and time.monotonic() < known[1]:
            return known[0]
        if known is not None:
            # one caller asks; the others go by what was known until it has the answer
            self._loads[owner] = known[0], time.monotonic() + FRESH_SECONDS
        load = self._store.load(owner)
        if load.open_jobs + MUCH_ROOM < self._settings.max_open_jobs and load.queued_images + MUCH_ROOM < (
            self._settings.max_queued_images
        ):
            self._loads[owner] = load, time.monotonic() + FRESH_SECONDS
        else:
            self._loads.pop(owner, None)
        return load

    def _resolve(self, options: Options) -> tuple[Manifest, Options]:
        try:
            manifest = self._registry.resolve(options.model)
        except ModelNotFound as error:
            raise BadOptions(error.detail, errors=(FieldError("model", error.detail),)) from error
        expires_in = options.expires_in or self._settings.expires_in
        if expires_in > self._settings.max_expires_in:
            message = f"must be at most {self._settings.max_expires_in} seconds"
            raise BadOptions(f"expires_in {message}.", errors=(FieldError("expires_in", message),))
        options = self._calibrated(manifest, options)
        review_below = manifest.review_below if options.review_below is None else options.review_below
        return manifest, replace(
            options,
            model=f"{manifest.name}@{manifest.version}",
            review_below=review_below,
            expires_in=expires_in,
        )

    def _calibrated(self, manifest: Manifest, options: Options) -> Options:
        """With the numbers of the calibration that is named, unless they are there already, as in a job tried again."""
        if options.calibration is None or options.temperature is not None:
            return options
        try:
            found = self._registry.calibrations.get(manifest, options.calibration)
        except ModelNotFound as error:
            raise BadOptions(error.detail, errors=(FieldError("calibration", error.detail),)) from error
        review_below = found.review_below if options.review_below is None else options.review_below
        return replace(options, temperature=found.temperature, review_below=review_below)

    def _record(
        self, job: Job, plan: Sequence[PackedChunk], idempotency: Idempotency | None, *, followed: bool, bell: str
    ) -> Job:
        """``job`` itself when it is recorded, else the first job under the same key."""
        try:
            recorded = self._store.create(
                job,
                window=self._settings.chunks_in_flight,
                most_open=self._settings.max_open_jobs,
                idempotency=None if idempotency is None else (idempotency, self._settings.idempotency_seconds),
                plan=plan,
                followed=followed,
                bell=bell,
            )
        except (IdempotencyConflict, Expired, TooManyJobs):
            self._withdraw(job)
            raise
        if recorded.id == job.id:
            return job
        self._withdraw(job)
        return recorded

    def _planned(
        self, owner: str, images: Images, manifest: Manifest, options: Options
    ) -> tuple[Job, Sequence[PackedChunk]]:
        """A job and, if it is only one chunk, its plan; a longer plan is saved as it comes."""
        job_id = new_job_id()
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
        interactive = images.total <= self._settings.interactive_images
        job = Job(
            id=job_id,
            owner=owner,
            state=JobState.QUEUED,
            queue=QueueName.INTERACTIVE if interactive else QueueName.BULK,
            created_at=time.time(),
            counts=Counts(total=images.total, skipped=images.skipped),
            chunks=chunks,
            model=manifest.reference,
            options=options,
            blob=job_id,
            findings=images.findings,
        )
        return job, unsaved

    def _withdraw(self, job: Job) -> None:
        self._store.discard_plan(job.id)
        self._remove_upload(job)

    def _remove_upload(self, job: Job) -> None:
        if job.blob is not None:
            self._blobs.delete(job.blob)

    def _send_first(self, job: Job, *, small: bool) -> None:
        try:
            if small:
                self._queue.line_up(job.id, 0)
                return
            self._queue.send(job.queue, job.id, *range(min(self._settings.chunks_in_flight, job.chunks)))
        except StorageUnavailable as error:
            # the job is recorded, so it is accepted: the sweep will send what is missing
            _log.warning("messages_not_sent", job=job.id, reason=error.detail)


def new_job_id() -> str:
    """26 characters that sort by time: 48 bits of milliseconds and 80 random bits, as a ULID."""
    number = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    return "".join(_ID_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def _packed(chunk: Chunk) -> PackedChunk:
    return PackedChunk(first=chunk.first, entries=pack_plan(chunk.entries))
