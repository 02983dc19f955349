"""Jobs: submit, list, look, cancel, delete."""

from __future__ import annotations

from contextlib import closing, nullcontext
from typing import Annotated, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BeforeValidator, Field
from werkzeug.http import parse_dict_header

from digitmill import domain, errors
from digitmill.domain import Scope
from digitmill.jobs import Submission
from digitmill.results import EVERY_ROW, Page
from digitmill.uploads.spool import Spool
from web.answers import json_answer
from web.auditing import audit_call
from web.context import caller, context, owner, service
from web.inputs import Headers, Query, digits
from web.openapi import answer, operation
from web.options import OptionsQuery
from web.schemas import RESULTS_IN_JOB, job_document
from web.upload import check_upload, receive

MOST_WAIT_SECONDS = 60
LARGE_JOB_IMAGES = 10_000

jobs = APIBlueprint("jobs", __name__, tag="Jobs")


class RetryHeaders(Headers):
    idempotency_key: (
        Annotated[
            str,
            Field(
                pattern=r"^[\x21-\x7e]{1,255}$",
                description="The same key with the same request gives the same job, however often it is sent.",
            ),
        ]
        | None
    ) = None


class SubmitHeaders(RetryHeaders):
    prefer: Annotated[
        str, Field(description="`wait=N` (1 to 60): answer only when the job is final, or after N seconds.")
    ] = ""


class ConditionalHeaders(Headers):
    if_none_match: Annotated[str, Field(description="The ETag of a former answer.")] | None = None


class JobsQuery(Query):
    state: (
        Annotated[
            Literal["queued", "running", "completed", "cancelled", "failed"],
            Field(description="Only jobs in this state."),
        ]
        | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Jobs on a page."), BeforeValidator(digits)] = 100
    cursor: (
        Annotated[str, Field(pattern="^[0-9a-z]{26}$", description="The `next_cursor` of the page before.")] | None
    ) = None


@jobs.post("/v1/jobs")
@jobs.input(SubmitHeaders, location="headers", arg_name="headers")
@jobs.input(OptionsQuery, location="query", arg_name="query")
@operation(
    jobs,
    {
        200: answer("The job is final, and holds its first rows.", "Job", headers=("Location", "Preference-Applied")),
        202: answer("The job is accepted.", "Job", headers=("Location", "Retry-After", "Preference-Applied")),
    },
    errors.EmptyUpload,
    errors.BadOptions,
    errors.UploadRefused,
    errors.IdempotencyConflict,
    errors.Expired,
    errors.UploadTooLarge,
    errors.TooManyImages,
    errors.UnsupportedMediaType,
    errors.CorruptArchive,
    errors.NoImages,
    errors.Overloaded,
    errors.TooManyJobs,
    scope=Scope.SUBMIT,
)
def submit_job(headers: SubmitHeaders, query: OptionsQuery) -> Response:
    """Submit images and zips as one job

    Multipart `files` (repeatable) with an optional `options` part of JSON, or one raw body of `application/zip`
    or `image/*` with the options in the query.
    """
    settings = service().settings
    service().jobs.admit(owner(), idempotency_key=headers.idempotency_key)
    check_upload(request, settings.max_upload_bytes)
    key = headers.idempotency_key
    # an answer that was waited for holds rows
    seconds = wait_seconds(headers.prefer) if caller().may(Scope.READ) else None
    with (
        context().waiting.upload_slot(owner()),
        Spool(settings.spool, settings.max_upload_bytes, with_digest=key is not None) as spool,
    ):
        options = receive(request, query, spool, max_bytes=settings.max_upload_bytes, max_files=settings.max_files)
        submission = service().jobs.submit(
            owner(),
            spool,
            options.resolve(),
            idempotency_key=key,
            follow=seconds is not None,
            sent_by=caller().key_id,
        )
    if submission.created:
        audit_call("submit", submission.job.id)
    if seconds is None:
        return _accepted(submission.job)
    with nullcontext() if submission.ending is None else closing(submission.ending):
        return _waited(submission, seconds)


@jobs.get("/v1/jobs")
@jobs.input(JobsQuery, location="query", arg_name="query")
@operation(jobs, {200: answer("A page of jobs.", "JobList")}, errors.BadOptions, scope=Scope.READ)
def list_jobs(query: JobsQuery) -> Response:
    """List your jobs, newest first"""
    state = None if query.state is None else domain.JobState(query.state)
    found = service().jobs.list(owner(), state=state, before=query.cursor, limit=query.limit + 1)
    page = found[: query.limit]
    more = len(found) > query.limit
    return json_answer({"jobs": [job_document(job) for job in page], "next_cursor": page[-1].id if more else None})


@jobs.get("/v1/jobs/<job_id>")
@jobs.input(ConditionalHeaders, location="headers", arg_name="headers")
@operation(
    jobs,
    {
        200: answer("The job.", "Job", headers=("ETag", "Retry-After")),
        304: answer("The job is as it was when you got this ETag.", headers=("ETag", "Retry-After")),
    },
    errors.NotFound,
    errors.Expired,
    scope=Scope.READ,
)
def get_job(job_id: str, headers: ConditionalHeaders) -> Response:  # noqa: ARG001
    """Look at a job

    Ask again after `Retry-After` seconds; the header is missing once the job is final.
    """
    job = service().jobs.get(owner(), job_id)
    response = _with_retry(json_answer(job_document(job)), job)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


@jobs.post("/v1/jobs/<job_id>/cancel")
@operation(jobs, {200: answer("The job as it then is.", "Job")}, errors.NotFound, errors.Expired, scope=Scope.SUBMIT)
def cancel_job(job_id: str) -> Response:
    """Stop a job within one chunk

    Rows that are done stay. A final job stays as it is.
    """
    job = service().jobs.cancel(owner(), job_id)
    audit_call("cancel", job_id)
    return json_answer(job_document(job))


@jobs.post("/v1/jobs/<job_id>/retry")
@jobs.input(RetryHeaders, location="headers", arg_name="headers")
@operation(
    jobs,
    {202: answer("The new job is accepted.", "Job", headers=("Location", "Retry-After"))},
    errors.BadOptions,
    errors.NotFound,
    errors.Expired,
    errors.JobNotFinal,
    errors.NothingFailed,
    errors.IdempotencyConflict,
    errors.Overloaded,
    errors.TooManyJobs,
    scope=Scope.SUBMIT,
)
def retry_job(job_id: str, headers: RetryHeaders) -> Response:
    """Try the failed images of a job again

    As a new job of those images alone, under their names and with the same options; you need not send them again. Its
    metadata are those of the old job and `retry_of`, the old id. What is no image or damaged fails again; what workers
    gave up on may be read this time.
    """
    service().jobs.admit(owner(), idempotency_key=headers.idempotency_key)
    with context().waiting.upload_slot(owner()):
        submission = service().retrying.retry(
            owner(), job_id, idempotency_key=headers.idempotency_key, sent_by=caller().key_id
        )
    if submission.created:
        audit_call("retry", submission.job.id, retry_of=job_id)
    return _accepted(submission.job)


@jobs.delete("/v1/jobs/<job_id>")
@operation(jobs, {204: answer("The job is gone.")}, errors.NotFound, errors.Expired, scope=Scope.SUBMIT)
def delete_job(job_id: str) -> Response:
    """Remove a job, its rows and its upload

    An open job is cancelled first.
    """
    service().jobs.delete(owner(), job_id)
    audit_call("delete", job_id)
    return Response(status=204)


def wait_seconds(prefer: str) -> int | None:
    """The seconds of ``Prefer: wait=N``. What cannot be followed is ignored, as RFC 7240 asks."""
    value = parse_dict_header(prefer).get("wait") or ""
    if not (value.isascii() and value.isdigit() and len(value) <= 9) or int(value) == 0:
        return None
    return min(int(value), MOST_WAIT_SECONDS)


def _waited(submission: Submission, seconds: int) -> Response:
    job, jobs, waiting = submission.job, service().jobs, context().waiting
    slot = waiting.slot()
    if slot is None:
        return _accepted(job)
    opening = None
    with slot:
        if submission.ending is None:
            waiting.for_job(jobs, owner(), job.id, seconds=seconds, environ=request.environ)
        else:
            waiting.for_end(jobs, owner(), job.id, submission.ending, seconds=seconds, environ=request.environ)
            opening = submission.ending.opening()
    page = service().results.page(owner(), job.id, rows=EVERY_ROW, limit=RESULTS_IN_JOB, cursor=None, opening=opening)
    response = _answered(page) if page.job.state.final else _accepted(page.job)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def _accepted(job: domain.Job) -> Response:
    response = _with_retry(json_answer(job_document(job), 202), job)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return response


def _answered(page: Page) -> Response:
    response = json_answer(job_document(page.job, page))
    response.headers["Location"] = f"/v1/jobs/{page.job.id}"
    return response


def _with_retry(response: Response, job: domain.Job) -> Response:
    if not job.state.final:
        response.headers["Retry-After"] = "1" if job.counts.total < LARGE_JOB_IMAGES else "5"
    return response
