"""Which models jobs get: the default, what it was before, models on trial, models that are retired."""

from __future__ import annotations

from typing import Annotated, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field

from digitmill import errors
from digitmill.domain.access import Scope
from web.access.auditing import audit_model
from web.context import caller, service
from web.documents.answers import json_answer
from web.documents.corrections import read_json
from web.documents.inputs import Query
from web.documents.openapi import answer, operation
from web.documents.releases import DefaultRequest, RollBackRequest, TrialRequest, releases_document

OF_A_DOCUMENT = (errors.BadOptions, errors.UploadRefused, errors.UploadTooLarge, errors.UnsupportedMediaType)
ANSWERED = {200: answer("Which models jobs get from now on.", "Releases")}

releases = APIBlueprint("releases", __name__, tag="Models")


class TrialQuery(Query):
    reads: Annotated[Literal["digit", "number"], Field(description="Of the models that read this.")] = "digit"


@releases.get("/v1/models/releases")
@operation(releases, {200: answer("Which models jobs get.", "Releases")}, scope=Scope.READ)
def get_releases() -> Response:
    """See which models jobs get, and how those on trial do"""
    return _answer()


@releases.put("/v1/models/default")
@operation(releases, ANSWERED, *OF_A_DOCUMENT, errors.ModelNotFound, errors.Overloaded, scope=Scope.ADMIN)
def set_default() -> Response:
    """Make a model the default

    Jobs that name no model get it from the next second on; jobs under way keep theirs.
    """
    model = read_json(request, DefaultRequest).model
    service().releasing.set_default(model, by=caller().key_id)
    audit_model("set_default", model)
    return _answer()


@releases.post("/v1/models/rollback")
@operation(releases, ANSWERED, *OF_A_DOCUMENT, errors.NothingBefore, errors.Overloaded, scope=Scope.ADMIN)
def roll_back() -> Response:
    """Make the model the default again that was it before

    Again it goes on to the one before that.
    """
    found = service().releasing.roll_back(read_json(request, RollBackRequest).reads, by=caller().key_id)
    audit_model("roll_back", found.label)
    return _answer()


@releases.put("/v1/models/canary")
@operation(releases, ANSWERED, *OF_A_DOCUMENT, errors.ModelNotFound, errors.Overloaded, scope=Scope.ADMIN)
def start_canary() -> Response:
    """Give a model to a share of the jobs

    Jobs that name no model get it by chance, and show it as their `model`.
    """
    asked = read_json(request, TrialRequest)
    service().releasing.try_as_canary(asked.model, asked.share, by=caller().key_id)
    audit_model("start_canary", asked.model, share=str(asked.share))
    return _answer()


@releases.delete("/v1/models/canary")
@releases.input(TrialQuery, location="query", arg_name="query")
@operation(releases, ANSWERED, errors.BadOptions, errors.Overloaded, scope=Scope.ADMIN)
def end_canary(query: TrialQuery) -> Response:
    """Give no job the canary any more"""
    service().releasing.end_canary(query.reads)
    audit_model("end_canary", query.reads)
    return _answer()


@releases.put("/v1/models/shadow")
@operation(releases, ANSWERED, *OF_A_DOCUMENT, errors.ModelNotFound, errors.Overloaded, scope=Scope.ADMIN)
def start_shadow() -> Response:
    """Let a model answer a share of the jobs too

    Its answers do not count; how they differ from those that do is told by `GET /v1/models/releases`.
    """
    asked = read_json(request, TrialRequest)
    service().releasing.try_as_shadow(asked.model, asked.share, by=caller().key_id)
    audit_model("start_shadow", asked.model, share=str(asked.share))
    return _answer()


@releases.delete("/v1/models/shadow")
@releases.input(TrialQuery, location="query", arg_name="query")
@operation(releases, ANSWERED, errors.BadOptions, errors.Overloaded, scope=Scope.ADMIN)
def end_shadow(query: TrialQuery) -> Response:
    """Let no model answer beside the one that counts"""
    service().releasing.end_shadow(query.reads)
    audit_model("end_shadow", query.reads)
    return _answer()


@releases.put("/v1/models/<name>/<version>/retired")
@operation(
    releases, ANSWERED, errors.BadOptions, errors.ModelNotFound, errors.ModelInUse, errors.Overloaded, scope=Scope.ADMIN
)
def retire_model(name: str, version: str) -> Response:
    """Retire a model

    New jobs cannot name it. Not while it is the default, on trial, or that of an open job.
    """
    service().releasing.retire(f"{name}@{version}")
    audit_model("retire_model", f"{name}@{version}")
    return _answer()


@releases.delete("/v1/models/<name>/<version>/retired")
@operation(releases, ANSWERED, errors.ModelNotFound, errors.Overloaded, scope=Scope.ADMIN)
def bring_back_model(name: str, version: str) -> Response:
    """Bring a retired model back"""
    service().releasing.bring_back(f"{name}@{version}")
    audit_model("bring_back_model", f"{name}@{version}")
    return _answer()


def _answer() -> Response:
    return json_answer(releases_document(service().releasing))
