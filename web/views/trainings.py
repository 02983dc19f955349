"""Networks that are trained by the service: ask for a training, follow it, take what it made."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BeforeValidator, Field

from digitmill import errors
from digitmill.desk.trainings import CLASSES, TRAINER_SECONDS, Training
from digitmill.domain.access import Scope
from digitmill.domain.roles import Role
from digitmill.networks.layers import outline
from digitmill.networks.presets import PRESETS
from digitmill.uploads.spool import Spool
from web.access.auditing import audit_call
from web.bodies.multipart import Parts
from web.bodies.upload import JSON, receive_form
from web.context import caller, context, owner, service
from web.documents.answers import compressed, json_answer
from web.documents.corrections import MOST_BYTES, read_json
from web.documents.inputs import Query, digits
from web.documents.openapi import OCTETS, answer, operation
from web.documents.trainings import OutlineRequest, TrainingRequest, outline_document, read_training, training_document
from web.views.jobs import RetryHeaders

PARTS = Parts("data", re.compile(r"data(\[\d*\])?"), "training", MOST_BYTES)
RETRY_SECONDS = "2"

trainings = APIBlueprint("trainings", __name__, tag="Trainings")


class TrainingsQuery(Query):
    limit: Annotated[int, Field(ge=1, le=100, description="Trainings on a page."), BeforeValidator(digits)] = 20
    cursor: (
        Annotated[str, Field(pattern="^[0-9a-z]{26}$", description="The `next_cursor` of the page before.")] | None
    ) = None


@trainings.get("/v1/networks")
@operation(trainings, {200: answer("The networks.", "NetworkList")}, scope=Scope.READ)
def list_networks() -> Response:
    """List networks to begin with, and how each is trained unless a training says otherwise"""
    networks = []
    for name, preset in PRESETS.items():
        layers = list(preset.layers)
        weights = outline(layers, CLASSES).weights if layers else preset.weights
        networks.append({"name": name, **asdict(preset), "layers": layers, "weights": weights})
    return json_answer({"networks": networks})


@trainings.post("/v1/networks/outline")
@operation(
    trainings,
    {200: answer("What the layers make.", "NetworkOutline")},
    errors.BadOptions,
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    scope=Scope.READ,
)
def outline_network() -> Response:
    """See what a list of layers makes: shapes, weights, and what is wrong where

    Nothing is stored. A list that cannot be built is answered too, with its `error`.
    """
    wanted = read_json(request, OutlineRequest)
    return json_answer(outline_document(outline(wanted.layers, CLASSES)))


@trainings.post("/v1/trainings")
@trainings.input(RetryHeaders, location="headers", arg_name="headers")
@operation(
    trainings,
    {202: answer("The training is accepted.", "Training", headers=("Location", "Retry-After"))},
    errors.BadOptions,
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    errors.NotFound,
    errors.Expired,
    errors.IdempotencyConflict,
    errors.Overloaded,
    errors.NoTrainer,
    errors.TooManyJobs,
    scope=Scope.SUBMIT,
)
def submit_training(headers: RetryHeaders) -> Response:
    """Train a network

    JSON, or multipart with the same JSON as `training` and labelled images as `data` (repeatable): zips with a folder
    for each digit, or with a `labels.csv`, such as `labelled.zip` of a job.
    """
    settings = service().settings
    key = headers.idempotency_key
    service().jobs.admit(owner(), idempotency_key=key)
    with (
        context().waiting.upload_slot(owner()),
        Spool(settings.spool, settings.max_upload_bytes, with_digest=key is not None) as spool,
    ):
        if request.mimetype == JSON:
            wanted = read_json(request, TrainingRequest)
        else:
            most = settings.max_upload_bytes + MOST_BYTES
            text = receive_form(request, spool, PARTS, max_bytes=most, max_files=settings.max_files)
            wanted = read_training(text)
        training = service().trainings.begin(
            owner(), wanted.wish(), spool, wanted.options(), idempotency_key=key, sent_by=caller().key_id
        )
    audit_call("train", training.job.id)
    response = _answer(training, 202)
    response.headers["Location"] = f"/v1/trainings/{training.job.id}"
    return response


@trainings.get("/v1/trainings")
@trainings.input(TrainingsQuery, location="query", arg_name="query")
@operation(trainings, {200: answer("A page of trainings.", "TrainingList")}, errors.BadOptions, scope=Scope.READ)
def list_trainings(query: TrainingsQuery) -> Response:
    """List your trainings, newest first"""
    found = service().trainings.list(owner(), before=query.cursor, limit=query.limit + 1)
    page = found[: query.limit]
    documents = []
    for job in page:
        # the pictures of its mistakes are a training's own business
        document = training_document(service().trainings.told(job))
        if document["report"] is not None:
            document["report"] = {**document["report"], "mistakes": []}
        documents.append(document)
    cursor = page[-1].id if len(found) > query.limit else None
    trainers = len(service().store.upkeep.workers(TRAINER_SECONDS, Role.TRAINER))
    return compressed(json_answer({"trainings": documents, "next_cursor": cursor, "trainers": trainers}))


@trainings.get("/v1/trainings/<job_id>")
@operation(
    trainings,
    {200: answer("The training.", "Training", headers=("Retry-After",))},
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def get_training(job_id: str) -> Response:
    """Look at a training: the epochs so far, and when it is over what it reached on the test images"""
    return compressed(_answer(service().trainings.get(owner(), job_id)))


@trainings.post("/v1/trainings/<job_id>/cancel")
@operation(
    trainings,
    {200: answer("The training as it then is.", "Training")},
    errors.NotFound,
    errors.Expired,
    scope=Scope.SUBMIT,
)
def cancel_training(job_id: str) -> Response:
    """Stop a training within seconds

    The best epoch so far stays, to be taken. A final training stays as it is.
    """
    service().trainings.get(owner(), job_id)
    job = service().jobs.cancel(owner(), job_id)
    audit_call("cancel", job_id)
    return json_answer(training_document(service().trainings.told(job)))


@trainings.get("/v1/trainings/<job_id>/model.keras")
@operation(
    trainings,
    {200: answer("The network.", (OCTETS, {"type": "string", "contentMediaType": OCTETS}))},
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def get_trained_model(job_id: str) -> Response:
    """Get the network of the best epoch so far, as a .keras file without code in it"""
    content = service().trainings.model(owner(), job_id)
    name = service().trainings.get(owner(), job_id).task.name
    response = Response(content, content_type=OCTETS)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.keras"'
    return response


def _answer(training: Training, status: int = 200) -> Response:
    response = json_answer(training_document(training), status)
    if not training.job.state.final:
        response.headers["Retry-After"] = RETRY_SECONDS
    return response
