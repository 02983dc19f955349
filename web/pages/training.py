"""Pages on which a network is put together and trained: the builder with the trainings so far, and one training."""

from __future__ import annotations

from flask import Response

from digitmill.desk.trainings import TRAINER_SECONDS
from digitmill.domain.documents import job_document
from digitmill.domain.jobs import READ, Job, JobState
from digitmill.domain.roles import Role
from digitmill.domain.rows import NUMBER
from web.context import owner, service
from web.documents.trainings import training_document
from web.pages import training_texts
from web.pages.layout import page, page_blueprint
from web.pages.texts import common, texts

SHOWN = 10
LOOKED_AT = 200

training_pages = page_blueprint("training")


@training_pages.get("/train")
def show_builder() -> Response:
    found = service().trainings
    trainers = len(service().store.upkeep.workers(TRAINER_SECONDS, Role.TRAINER))
    shown = [training_document(found.told(job)) for job in found.list(owner(), before=None, limit=SHOWN)]
    limits = service().settings
    return page(
        "train.html",
        trainings=shown,
        trainers=trainers,
        corrected=[job_document(job) for job in _corrected()],
        default=service().registry.default().label,
        limits=limits,
        texts=texts(common, training_texts.building),
    )


@training_pages.get("/train/<training_id>")
def show_training(training_id: str) -> Response:
    training = training_document(service().trainings.get(owner(), training_id))
    version = _next_version(training["name"])
    return page("training.html", training=training, version=version, texts=texts(common, training_texts.following))


def _corrected() -> list[Job]:
    """Of the latest jobs those that a model of digits can be improved on."""
    found = service().jobs.list(owner(), state=JobState.COMPLETED, before=None, limit=LOOKED_AT)
    return [job for job in found if job.kind == READ and job.options.read != NUMBER and job.counts.corrected][:SHOWN]


def _next_version(name: str) -> str:
    """The number after those that models of this name have."""
    taken = [model.version for model in service().registry.list(retired=True) if model.name == name]
    return str(max((int(version) for version in taken if version.isdecimal()), default=0) + 1)
