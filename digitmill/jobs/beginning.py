"""Accepting work of other kinds than reading images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from digitmill.domain.jobs import Counts, Job, JobState, ModelReference, Options, new_job_id
from digitmill.domain.precedence import QueueName
from digitmill.domain.roles import Role
from digitmill.jobs.jobs import Jobs
from digitmill.store.base import JobStore, PackedChunk
from digitmill.store.blobs import BlobStore
from digitmill.store.requests import Idempotency
from digitmill.system import tracing
from digitmill.webhooks.deliveries import Webhooks


class Beginning:
    def __init__(self, store: JobStore, blobs: BlobStore, jobs: Jobs, webhooks: Webhooks) -> None:
        self._store = store
        self._blobs = blobs
        self._jobs = jobs
        self._webhooks = webhooks

    def begin(
        self,
        owner: str,
        kind: str,
        chunks: Iterable[PackedChunk],
        options: Options,
        *,
        total: int,
        model: ModelReference,
        sent_by: str | None = None,
        role: Role = Role.READER,
        upload: bytes | Path | None = None,
        idempotency: Idempotency | None = None,
    ) -> Job:
        """Accept a job whose ``chunks`` and ``upload`` bring all that its handler needs. Call ``Jobs.admit`` before.

        Args:
            total: the units that progress is told by.
            model: what the work is about.
            sent_by: the id of the caller's key.
            role: of the workers that have the handler of this kind.
            upload: becomes the job's blob, and goes with the job; a file is moved away.
            idempotency: of the request: the first job under its key is what is returned.

        Raises:
            BadOptions: the options are not acceptable; nothing is stored.
            IdempotencyConflict, Expired: the key was used for another request, or its job is gone.
            TooManyJobs: the owner has as many open jobs as may be.
            StorageUnavailable: Redis or the storage of uploads does not answer.
        """
        expires_in = self._jobs.retention.expires_in(options, sent_by)
        options = replace(options, model=model.label, review_below=0.0, expires_in=expires_in)
        self._webhooks.check(owner, options)
        now = self._store.now()
        job_id = new_job_id(now)
        if upload is not None:
            self._blobs.put(job_id, upload)
        job = Job(
            id=job_id,
            owner=owner,
            state=JobState.QUEUED,
            queue=QueueName.BULK,
            created_at=now,
            counts=Counts(total=total),
            chunks=self._store.save_plan(job_id, chunks),
            model=model,
            options=options,
            blob=None if upload is None else job_id,
            sent_by=sent_by,
            trace=tracing.current(),
            kind=kind,
            role=role,
        )
        return self._jobs.record(job, (), idempotency, followed=False, small=False)
