"""A random sample of rows, to find out how good the answers are, and what can be said of them then."""

from __future__ import annotations

from typing import Annotated, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BeforeValidator, Field

from digitmill import errors
from digitmill.domain.access import Scope
from digitmill.domain.rows import RowStatus
from web.access.auditing import audit_call
from web.context import caller, owner, service
from web.documents.answers import json_answer
from web.documents.certificates import certificate_of
from web.documents.corrections import CheckRequest, read_json
from web.documents.inputs import Query, digits
from web.documents.openapi import answer, operation
from web.documents.schemas import sample_document

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


class NextQuery(Query):
    size: Annotated[int, Field(ge=1, le=1000, description="The most rows to give."), BeforeValidator(digits)] = 50


@sample.get("/v1/jobs/<job_id>/next")
@sample.input(NextQuery, location="query", arg_name="query")
@operation(
    sample,
    {200: answer("The rows, the most useful first.", "Sample")},
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def next_to_answer(job_id: str, query: NextQuery) -> Response:
    """Get the rows that are worth most to be answered next, for a model to learn from

    In turns one of each pair of answers that the model wavers between, the pair with the most doubt first, and of a
    pair the row first whose two likeliest answers are nearest to each other. Rows that somebody has answered are left
    out, and pages of forms. Of a job of more than 10,000 images they are chosen among so many, by chance;
    `population` says among how many.
    """
    return json_answer(sample_document(service().labelling.next_rows(owner(), job_id, query.size)))


@sample.put("/v1/jobs/<job_id>/check")
@operation(
    sample,
    {200: answer("What can be said of the job now.", "Certificate")},
    errors.BadOptions,
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    errors.NotFound,
    errors.Expired,
    scope=Scope.REVIEW,
)
def note_check(job_id: str) -> Response:
    """Say what you have found in a sample

    Of accepted rows that were drawn by chance: how many you have looked at, and how many of these the model misread. It
    takes the place of what was said before.
    """
    found = read_json(request, CheckRequest)
    job = service().review.note_check(owner(), job_id, seen=found.seen, wrong=found.wrong, by=caller().key_id)
    audit_call("check", job_id, seen=str(found.seen), wrong=str(found.wrong))
    return json_answer(certificate_of(job))


@sample.get("/v1/jobs/<job_id>/certificate")
@operation(
    sample,
    {200: answer("What can be said of the job.", "Certificate")},
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def get_certificate(job_id: str) -> Response:
    """See what can be said of a job's rows

    The model and its threshold, who has answered how many rows, how many of the accepted ones are misread by the last
    sample that somebody has looked at, and what was not read.
    """
    return json_answer(certificate_of(service().jobs.get(owner(), job_id)))
