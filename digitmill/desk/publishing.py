"""The model desk: models are published as jobs."""

from __future__ import annotations

from pathlib import Path

from digitmill.domain.jobs import PUBLISH, Job, JobState, ModelReference, Options
from digitmill.domain.roles import Role
from digitmill.errors import BadOptions, FieldError
from digitmill.jobs.beginning import Beginning
from digitmill.jobs.jobs import Jobs
from digitmill.models.manifest import Provenance
from digitmill.models.registry import DEFAULT_FILE, Registry
from digitmill.publishing.card import STEPS, Card, Report
from digitmill.store.base import JobStore, PackedChunk
from digitmill.work.kinds.publish import Order


class Desk:
    def __init__(self, store: JobStore, registry: Registry, jobs: Jobs, beginning: Beginning) -> None:
        self._store = store
        self._registry = registry
        self._jobs = jobs
        self._beginning = beginning

    def publish(self, owner: str, card: Card, file: bytes | Path, sha256: str, *, by: str | None) -> Job:
        """Accept a ``.keras`` file to be published, as a job that trainers take. A file is moved away.

        Args:
            sha256: of the file.
            by: the id of the caller's key.

        Raises:
            BadOptions: the name is reserved.
            Conflict: the version is taken.
            Overloaded, TooManyJobs: as ``Jobs.admit``.
            StorageUnavailable: Redis, or the storage of uploads or of models, does not answer.
        """
        if card.name == DEFAULT_FILE:
            raise BadOptions(
                "The name must be another: `default` is reserved.", errors=(FieldError("card.name", "is reserved"),)
            )
        self._registry.refuse_taken(card.name, card.version)
        self._jobs.admit(owner)
        provenance = Provenance(text=card.provenance, by=by, uploaded_sha256=sha256)
        plan = [PackedChunk(first=0, entries=Order(card=card, provenance=provenance).model_dump_json().encode())]
        model = ModelReference(card.name, card.version, sha256)
        return self._beginning.begin(
            owner, PUBLISH, plan, Options(), total=len(STEPS), model=model, sent_by=by, role=Role.TRAINER, upload=file
        )

    def report(self, job: Job) -> Report | None:
        """What a completed job found of its model; None of another job."""
        if job.kind != PUBLISH or job.state is not JobState.COMPLETED:
            return None
        ((_, rows),) = self._store.chunks.read(job.id, [0])
        return None if rows is None else Report.model_validate_json(rows)
