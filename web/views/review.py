"""The review of a job: corrections, who made them, and who looks at what; and what comes of it for training."""

from __future__ import annotations

import itertools
from typing import Annotated

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import Field

from digitmill import errors
from digitmill.domain import Scope
from digitmill.review import Correction
from web.answers import json_answer, row_answer, stream_answer
from web.auditing import audit_call
from web.context import caller, context, owner, service
from web.corrections import (
    Change,
    Changes,
    Reviewer,
    ReviewRequest,
    changed_document,
    history_document,
    read_json,
    review_document,
)
from web.inputs import Headers, Query
from web.openapi import ZIP, answer, operation

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


@review.patch("/v1/jobs/<job_id>/results/<int:index>")
@review.input(ChangeHeaders, location="headers", arg_name="headers")
@operation(
    review,
    {200: answer("The row as it now is.", "Row", headers=("ETag",))},
    *OF_A_DOCUMENT,
    *OF_A_JOB,
    errors.NoRowYet,
    errors.RowChanged,
    scope=Scope.REVIEW,
)
def correct_result(job_id: str, index: int, headers: ChangeHeaders) -> Response:
    """Say what an image shows

    The model's own answer stays beside it. What it said, said again, confirms it. Send the row's `ETag` as `If-Match`,
    and nobody's change is overwritten unseen. A change that the row shows already may be sent again.
    """
    change = read_json(request, Change)
    correction = Correction(index, headers.seen(), change.verdict())
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


@review.get("/v1/jobs/<job_id>/results/<int:index>/history")
@operation(review, {200: answer("The changes.", "History")}, *OF_A_JOB, scope=Scope.READ)
def get_history(job_id: str, index: int) -> Response:
    """See who said what of a row

    Every change is kept as long as the job, oldest first, those that were taken back too.
    """
    return json_answer(history_document(job_id, index, service().review.history(owner(), job_id, index)))


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
    hold = service().review.hold(
        owner(),
        job_id,
        _reviewer(asked.reviewer),
        limit=asked.limit,
        prediction=asked.prediction,
        seconds=asked.seconds,
    )
    return json_answer(review_document(hold))


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
@operation(
    review,
    {200: answer("The zip.", (ZIP, {"type": "string", "contentMediaType": ZIP}))},
    *OF_A_JOB,
    errors.Overloaded,
    scope=Scope.READ,
)
def get_labelled(job_id: str) -> Response:
    """Get the answered images to train with

    The files as uploaded, of rows that a person has corrected or confirmed, and a `labels.csv` with `name` and `label`:
    the digit, `blank`, or `none` for what is no digit.
    """
    pieces = service().labelled.pack(owner(), job_id)
    # what can go wrong at once is told as a problem, not by a broken stream
    first = next(pieces)
    slot = context().waiting.require_slot()
    response = stream_answer(itertools.chain([first], pieces), ZIP, slot)
    response.headers["Content-Disposition"] = f'attachment; filename="digitmill-{job_id}-labelled.zip"'
    return response


def _reviewer(name: str) -> str:
    return f"{caller().key_id}/{name}"
