"""The models that jobs may ask for."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from digitmill import errors
from digitmill.domain import ModelReference, Scope
from digitmill.errors import ModelNotFound
from digitmill.models.manifest import Manifest
from web.answers import json_answer
from web.context import service
from web.inputs import Query
from web.openapi import answer, operation
from web.schemas import model_document

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
    return model_document(manifest, _default(), retired=retired, calibrations=calibrations)


def _default() -> ModelReference | None:
    """The model of jobs that name none; None where the default names a model that is not there."""
    try:
        return service().registry.default().reference
    except ModelNotFound:
        return None
