"""Trying the failed images of a job again, without their files: the job's upload still holds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from digitmill.domain.jobs import RETRY_OF, Job, JobState, Options
from digitmill.domain.planned import Entry
from digitmill.domain.rows import RowStatus
from digitmill.errors import JobNotFinal, ModelNotFound, NothingFailed
from digitmill.jobs.jobs import Jobs, Submission
from digitmill.models.registry import Registry
from digitmill.readers import reader_of
from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.blobs import BlobStore, upload_of
from digitmill.store.requests import Idempotency, earlier_digest
from digitmill.store.rows import Answers
from digitmill.uploads.codec import unpack_plan
from digitmill.uploads.failed_images import FailedImages
from digitmill.uploads.limits import Limits
from digitmill.uploads.spool import Spool

CHUNKS_A_READ = 8


class Retrying:
    def __init__(self, settings: Settings, store: JobStore, blobs: BlobStore, registry: Registry, jobs: Jobs) -> None:
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._registry = registry
        self._jobs = jobs

    def retry(
        self, owner: str, job_id: str, *, idempotency_key: str | None = None, sent_by: str | None = None
    ) -> Submission:
        """A new job of the images that failed in a final one, under their names and with its options.

        In a job that failed as a whole, those that have no row count among them. The new job has an upload of its own,
        so that either may be deleted or expire; its metadata are the old ones and ``retry_of``, the old id. Where the
        model is gone, the present default reads them. ``sent_by`` is the id of the caller's key.

        Raises:
            NotFound: another owner's job, or its upload is no longer stored.
            Expired: the job is over and its rows are gone.
            JobNotFinal: it is still worked on.
            NothingFailed: none of its images failed.
            IdempotencyConflict, TooManyJobs, StorageUnavailable: as for any submission.
        """
        job = self._jobs.get_read(owner, job_id)
        if not job.state.final:
            raise JobNotFinal("This job is still worked on; retry its failed images when it is done.")
        expected = job.counts.statuses[RowStatus.FAILED] + (_unread(job) if job.state is JobState.FAILED else 0)
        if expected == 0:
            raise NothingFailed("No image of this job has failed, so there is nothing to retry.")
        options = self._options(job)
        if options.expires_in is not None:
            # less is allowed now, perhaps, than when the job was sent
            options = replace(options, expires_in=min(options.expires_in, self._jobs.retention.most(sent_by)))
        settings = self._settings
        idempotency = None if idempotency_key is None else self._request(idempotency_key, job)
        with Spool(settings.spool, settings.max_upload_bytes) as spool:
            read = upload_of(job, self._store, self._blobs)
            limits = Limits.from_settings(settings, reader_of(options.read).images_a_chunk)
            images = FailedImages(self._failed(job), read, spool, limits, expected=expected)
            return self._jobs.accept(owner, images, spool, options, idempotency=idempotency, sent_by=sent_by)

    def _options(self, job: Job) -> Options:
        """Those of ``job``; where its model is gone, the present default with its own threshold.

        Where other weights now carry the model's name, its calibration, which is not for them, is left out likewise.
        """
        options = replace(job.options, metadata={**job.options.metadata, RETRY_OF: job.id})
        try:
            manifest = self._registry.resolve(options.model)
        except ModelNotFound:
            return replace(options, model=None, review_below=None, calibration=None, temperature=None)
        if options.calibration is not None and manifest.sha256 != job.model.sha256:
            return replace(options, review_below=None, calibration=None, temperature=None)
        return options

    def _request(self, key: str, job: Job) -> Idempotency:
        content = f"{RETRY_OF} {job.id}"
        return Idempotency(key, content, lambda made: earlier_digest(content, made.options, made))

    def _failed(self, job: Job) -> Iterator[Sequence[Entry]]:
        """The entries of the failed images, chunk by chunk; of a job that failed also of those without a row."""
        for first in range(0, job.chunks, CHUNKS_A_READ):
            chunks = range(first, min(first + CHUNKS_A_READ, job.chunks))
            for packed, rows in self._store.chunks.read(job.id, chunks):
                if rows is None:
                    if job.state is JobState.FAILED:
                        yield unpack_plan(packed)
                    continue
                places = Answers.unpacked(rows).places(RowStatus.FAILED).tolist()
                if places:
                    entries = unpack_plan(packed)
                    yield [entries[place] for place in places]


def _unread(job: Job) -> int:
    return job.counts.total - job.counts.done
