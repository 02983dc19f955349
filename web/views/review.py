"""The review of a job: corrections, who made them, and who looks at what; and what comes of it for training."""

from __future__ import annotations

import itertools
from typing import Annotated, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field

from digitmill import errors
from digitmill.domain.access import Scope
from digitmill.review.corrections import Correction
from web.access.auditing import audit_call
from web.context import caller, context, owner, service
from web.documents.answers import json_answer, row_answer, stream_answer
from web.documents.corrections import (
    Change,
    Changes,
    CornersRequest,
    FieldName,
    RaiseRequest,
    Reviewer,
    ReviewRequest,
    changed_document,
    history_document,
    holders_document,
    read_json,
    review_document,
)
from web.documents.inputs import Headers, Query
from web.documents.openapi import ZIP, answer, operation
from web.documents.schemas import job_document
from web.views.trials import wait_for_trial

OF_A_JOB = (errors.NotFound, errors.Expired)
OF_A_DOCUMENT = (errors.BadOptions, errors.UploadRefused, errors.UploadTooLarge, errors.UnsupportedMediaType)
"""Errors of calls that are sent JSON."""

review = APIBlueprint("review", __name__, tag="Review")


class ChangeHeaders(Headers):
    if_match: (
        Annotated[
            str,
            Field(
                pattern='^"[0-9]{1,9}"$',
                description="The `ETag` of the row as you saw it. Without it the row must be as the model left it.",
            ),
        ]
        | None
    ) = None

    def seen(self) -> int:
        return int(self.if_match.strip('"')) if self.if_match is not None else 0


class ReviewerQuery(Query):
    reviewer: Reviewer


class LabelledQuery(Query):
    accepted: Annotated[
        Literal["true", "false"],
        Field(description="Of form pages also the boxes of fields that are accepted and that nobody has answered."),
    ] = "false"


class HistoryQuery(Query):
    field: FieldName = ""


@review.patch("/v1/jobs/<job_id>/results/<int:index>")
@review.input(ChangeHeaders, location="headers", arg_name="headers")
@operation(
    review,
    {200: answer("The row as it now is.", "Row", headers=("ETag",))},
    *OF_A_DOCUMENT,
    *OF_A_JOB,
    errors.NoRowYet,
    errors.RowChanged,
    errors.Conflict,
    scope=Scope.REVIEW,
)
def correct_result(job_id: str, index: int, headers: ChangeHeaders) -> Response:
    """Say what an image shows

    The model's own answer stays beside it. What it said, said again, confirms it. Send the row's `ETag` as `If-Match`,
    and nobody's change is overwritten unseen. A change that the row shows already may be sent again. Of a form page
    name the `field`, and send the field's own `revision` as `If-Match`. Of a field that its
    template calls critical, what you say stands among its `entries`, until another person has said the same.
    """
    change = read_json(request, Change)
    correction = Correction(index, headers.seen(), change.verdict(), change.field)
    row = service().review.correct(owner(), job_id, correction, by=caller().key_id)
    audit_call("correct", job_id, rows="1")
    return row_answer(row)


@review.patch("/v1/jobs/<job_id>/results")
@operation(
    review,
    {200: answer("What became of each change.", "ChangedRows")},
    *OF_A_DOCUMENT,
    *OF_A_JOB,
    scope=Scope.REVIEW,
)
def correct_results(job_id: str) -> Response:
    """Say what many images show

    Up to 1,000 changes. Each answers for itself: what can be done is done, and the others have an `error`.
    """
    corrections = [change.corrected() for change in read_json(request, Changes).corrections]
    changed = service().review.correct_many(owner(), job_id, corrections, by=caller().key_id)
    done = sum(row.error is None for row in changed)
    if done:
        audit_call("correct", job_id, rows=str(done))
    return json_answer(changed_document(job_id, changed))


@review.put("/v1/jobs/<job_id>/results/<int:index>/corners")
@operation(
    review,
    {200: answer("The row as it now is.", "Row", headers=("ETag",))},
    *OF_A_DOCUMENT,
    *OF_A_JOB,
    errors.TemplateNotFound,
    errors.Conflict,
    errors.JobNotFinal,
    errors.RowChanged,
    errors.ItemFailure,
    errors.Overloaded,
    errors.NoWorker,
    errors.TooManyJobs,
    errors.QuotaUsed,
    scope=Scope.REVIEW,
)
def place_page(job_id: str, index: int) -> Response:
    """Say where a form page lies on its scan

    For a page that was not found there. It is read again between these corners, and its row is then as if it had been
    found. Where it does not fit its template there either, the row stays, and the answer is 422.
    """
    asked = read_json(request, CornersRequest)
    with context().waiting.require_slot():
        row = service().placing.place(
            owner(), job_id, index, asked.placed(), wait=wait_for_trial(request.environ), by=caller().key_id
        )
    audit_call("place", job_id, rows="1")
    return row_answer(row)


@review.get("/v1/jobs/<job_id>/results/<int:index>/history")
@review.input(HistoryQuery, location="query", arg_name="query")
@operation(review, {200: answer("The changes.", "History")}, errors.BadOptions, *OF_A_JOB, scope=Scope.READ)
def get_history(job_id: str, index: int, query: HistoryQuery) -> Response:
    """See who said what of a row, or of a field of a form page

    Every change is kept as long as the job, oldest first, those that were taken back too.
    """
    return json_answer(history_document(job_id, index, service().review.history(owner(), job_id, index, query.field)))


@review.post("/v1/jobs/<job_id>/review")
@operation(
    review,
    {200: answer("The rows that are yours.", "Review")},
    *OF_A_DOCUMENT,
    *OF_A_JOB,
    scope=Scope.REVIEW,
)
def review_job(job_id: str) -> Response:
    """Get doubtful rows to answer

    Rows with the status `review` that nobody has answered, the least sure first. They are yours alone for so many
    seconds: ask again to keep what you have not answered and to get as many more; what you held and is not in the
    answer goes to others. Who you are is your key and your `reviewer`.
    """
    asked = read_json(request, ReviewRequest)
    if asked.take_over is not None:
        service().review.release(owner(), job_id, asked.take_over)
        audit_call("take_over", job_id)
    hold = service().review.hold(
        owner(),
        job_id,
        _reviewer(asked.reviewer),
        limit=asked.limit,
        prediction=asked.prediction,
        seconds=asked.seconds,
    )
    return json_answer(review_document(hold))


@review.get("/v1/jobs/<job_id>/review")
@operation(review, {200: answer("Who holds rows.", "Holders")}, *OF_A_JOB, scope=Scope.READ)
def get_holders(job_id: str) -> Response:
    """See who looks at doubtful rows"""
    (holders,) = service().review.holders([service().jobs.get(owner(), job_id)])
    return json_answer(holders_document(job_id, holders))


@review.patch("/v1/jobs/<job_id>/review")
@operation(
    review,
    {200: answer("The job as it then is.", "Job")},
    *OF_A_DOCUMENT,
    *OF_A_JOB,
    errors.JobNotFinal,
    scope=Scope.REVIEW,
)
def raise_threshold(job_id: str) -> Response:
    """Let more rows wait for a person

    Accepted rows that are less sure than `below` come up in the review too. Their status stays; the job's `raised` says
    who has done so, and when.
    """
    asked = read_json(request, RaiseRequest)
    job = service().review.raise_threshold(owner(), job_id, asked.below, by=caller().key_id)
    audit_call("raise", job_id, below=str(asked.below))
    return json_answer(job_document(job))


@review.delete("/v1/jobs/<job_id>/review")
@review.input(ReviewerQuery, location="query", arg_name="query")
@operation(
    review,
    {204: answer("You hold nothing more.")},
    *OF_A_JOB,
    errors.BadOptions,
    scope=Scope.REVIEW,
)
def end_review(job_id: str, query: ReviewerQuery) -> Response:
    """Give back the rows that you hold

    Others get them at once, instead of when your time is up.
    """
    service().review.release(owner(), job_id, _reviewer(query.reviewer))
    return Response(status=204)


@review.get("/v1/jobs/<job_id>/labelled.zip")
@review.input(LabelledQuery, location="query", arg_name="query")
@operation(
    review,
    {200: answer("The zip.", (ZIP, {"type": "string", "contentMediaType": ZIP}))},
    *OF_A_JOB,
    errors.BadOptions,
    errors.Overloaded,
    scope=Scope.READ,
)
def get_labelled(job_id: str, query: LabelledQuery) -> Response:
    """Get the answered images to train with

    The files as uploaded, of rows that a person has corrected or confirmed, and a `labels.csv` with `name` and `label`:
    the digit, `blank`, or `none` for what is no digit. Of form pages the boxes of the fields of digits, as the model
    saw them, whose names keep the row, the page's name, the field and the box.
    """
    pieces = service().labelled.pack(owner(), job_id, accepted=query.accepted == "true")
    # what can go wrong at once is told as a problem, not by a broken stream
    first = next(pieces)
    slot = context().waiting.require_slot()
    response = stream_answer(itertools.chain([first], pieces), ZIP, slot)
    response.headers["Content-Disposition"] = f'attachment; filename="digitmill-{job_id}-labelled.zip"'
    return response


def _reviewer(name: str) -> str:
    return f"{caller().key_id}/{name}"
