"""The models that jobs may ask for."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field

from digitmill import errors
from digitmill.domain.access import Scope
from digitmill.models.manifest import Manifest
from digitmill.publishing.card import MOST_CARD_BYTES, Card
from digitmill.uploads.spool import Spool
from web.access.auditing import audit_model
from web.bodies.multipart import Parts
from web.bodies.upload import receive_parts
from web.context import caller, context, owner, service
from web.documents.answers import json_answer
from web.documents.inputs import Query
from web.documents.openapi import answer, operation
from web.documents.schemas import job_document, model_document

PARTS = Parts.of_files("model", text="card", text_bytes=MOST_CARD_BYTES)
RETRY_AFTER = "5"

models = APIBlueprint("models", __name__, tag="Models")


class ModelsQuery(Query):
    retired: Annotated[
        Literal["true", "false"],
        Field(description="Also built-in models that a newer version has followed: they are kept for jobs of theirs."),
    ] = "false"


@models.get("/v1/models")
@models.input(ModelsQuery, location="query", arg_name="query")
@operation(models, {200: answer("The models.", "ModelList")}, errors.BadOptions, scope=Scope.READ)
def list_models(query: ModelsQuery) -> Response:
    """List the models, by name, oldest version first"""
    return json_answer(
        {"models": [_document(manifest) for manifest in service().registry.list(retired=query.retired == "true")]}
    )


@models.post("/v1/models")
@operation(
    models,
    {202: answer("The job is accepted.", "Job", headers=("Location", "Retry-After"))},
    errors.BadOptions,
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    errors.Conflict,
    errors.Overloaded,
    errors.NoTrainer,
    errors.TooManyJobs,
    scope=Scope.ADMIN,
)
def publish_model() -> Response:
    """Publish a model

    Multipart: `card`, JSON with at least `name` and `version`, and `model`, a `.keras` file. The job that is made of it
    is done by a trainer: it looks at the file in a walled-in process, measures it on the reference pictures that ship
    with the service, converts it and publishes it. The completed job has the `report`; a file that is refused fails its
    job with `model_broken`, `model_unsafe`, `model_too_large` or `model_unfit`.
    """
    settings = service().settings
    service().trainings.require_trainer()
    with (
        context().waiting.upload_slot(owner()),
        Spool(settings.spool, settings.max_model_bytes) as spool,
    ):
        text = receive_parts(request, spool, PARTS, max_bytes=settings.max_model_bytes + 2 * MOST_CARD_BYTES)
        card = Card.parse(text)
        sha256 = hashlib.sha256(spool.read(0, spool.length)).hexdigest()
        job = service().desk.publish(owner(), card, spool.source, sha256, by=caller().key_id)
    audit_model("publish_model", card.label, job=job.id)
    response = json_answer(job_document(job), 202)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    response.headers["Retry-After"] = RETRY_AFTER
    return response


@models.get("/v1/models/<name>/<version>")
@operation(models, {200: answer("The model.", "Model")}, errors.ModelNotFound, scope=Scope.READ)
def get_model(name: str, version: str) -> Response:
    """Look at a model's manifest: where it comes from, how good it is"""
    return json_answer(_document(service().registry.get(name, version)))


@models.get("/v1/models/<name>/<version>/pictures/<picture>")
@operation(
    models,
    {200: answer("The picture.", ("image/png", {"type": "string", "contentMediaType": "image/png"}))},
    errors.ModelNotFound,
    scope=Scope.READ,
)
def get_picture(name: str, version: str, picture: str) -> Response:
    """Get a picture of a model's report

    How its confidences fit, what it mistakes for what, how it was trained: the manifest names them as `pictures`.
    """
    response = Response(service().registry.picture(name, version, picture).read_bytes(), content_type="image/png")
    # a version never changes
    response.headers["Cache-Control"] = "private, max-age=86400"
    return response


def _document(manifest: Manifest) -> dict[str, Any]:
    registry = service().registry
    retired, calibrations = registry.is_retired(manifest), registry.calibrations.of(manifest)
    return model_document(manifest, default=registry.is_default(manifest), retired=retired, calibrations=calibrations)
