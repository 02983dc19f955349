"""A random sample of rows, to find out how good the answers are."""

from __future__ import annotations

from typing import Annotated, Literal

from apiflask import APIBlueprint
from flask import Response
from pydantic import BeforeValidator, Field

from digitmill import errors
from digitmill.domain import RowStatus, Scope
from web.answers import json_answer
from web.context import owner, service
from web.inputs import Query, digits
from web.openapi import answer, operation
from web.schemas import sample_document

sample = APIBlueprint("sample", __name__, tag="Review")


class SampleQuery(Query):
    size: Annotated[int, Field(ge=1, le=1000, description="The most rows to draw."), BeforeValidator(digits)] = 200
    seed: Annotated[
        int,
        Field(ge=0, le=2**32 - 1, description="Another number, another sample; the same number, the same sample."),
        BeforeValidator(digits),
    ] = 0
    status: Annotated[
        Literal["recognized", "review", "blank", "failed"], Field(description="Only rows of this status.")
    ] = "recognized"


@sample.get("/v1/jobs/<job_id>/sample")
@sample.input(SampleQuery, location="query", arg_name="query")
@operation(
    sample,
    {200: answer("The rows, in the order in which they were drawn.", "Sample")},
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def draw_sample(job_id: str, query: SampleQuery) -> Response:
    """Draw rows at random

    Each row of the status is as likely as any other, and none comes twice; the first rows of a sample are a sample
    themselves. The rows are the same each time once the job is final. Where less than one row in fifty has the
    status, there may be fewer rows than you asked for.
    """
    drawn = service().sampling.draw(owner(), job_id, status=RowStatus(query.status), size=query.size, seed=query.seed)
    return json_answer(sample_document(drawn))
