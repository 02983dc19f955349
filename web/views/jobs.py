"""Jobs: submit, list, look, cancel, go on, keep, delete."""

from __future__ import annotations

import json
from contextlib import closing, nullcontext
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

from apiflask import APIBlueprint
from flask import Response, request
from pydantic import BeforeValidator, Field
from werkzeug.http import parse_dict_header

from digitmill import errors
from digitmill.domain import jobs as domain_jobs
from digitmill.domain.access import Scope
from digitmill.errors import BadOptions, FieldError
from digitmill.jobs.finding import Sought, delete_found, found
from digitmill.jobs.jobs import Submission
from digitmill.results.rows import EVERY_ROW, Page
from digitmill.uploads.spool import Spool
from web.access.auditing import audit_call
from web.bodies.upload import check_upload, receive
from web.context import caller, context, owner, service
from web.documents.answers import compressed, json_answer
from web.documents.corrections import read_json
from web.documents.inputs import ConditionalHeaders, Headers, Query, digits, split
from web.documents.openapi import answer, operation
from web.documents.options import JobChange, OptionsQuery
from web.documents.schemas import RESULTS_IN_JOB, job_document

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


_CLOCK = r"T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
Time = Annotated[str, Field(pattern=f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}({_CLOCK})?$")]


class JobsQuery(Query):
    state: (
        Annotated[
            list[Literal["queued", "running", "completed", "cancelled", "failed"]],
            BeforeValidator(split),
            Field(min_length=1, description="Only jobs in these states; repeated, or with commas."),
        ]
        | None
    ) = None
    unanswered: Annotated[
        Literal["true", "false"], Field(description="Only jobs with rows to review that nobody has answered.")
    ] = "false"
    created_after: (
        Annotated[Time, Field(description="Only jobs made then or later: a day (UTC), or a time with its zone.")] | None
    ) = None
    created_before: Annotated[Time, Field(description="Only jobs made earlier.")] | None = None
    metadata: (
        Annotated[
            str,
            Field(
                max_length=4096,
                description='Only jobs whose metadata hold these pairs, a JSON object: `{"batch": "A7"}`.',
            ),
        ]
        | None
    ) = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Jobs on a page."), BeforeValidator(digits)] = 100
    cursor: (
        Annotated[str, Field(pattern="^[0-9a-z]{26}$", description="The `next_cursor` of the page before.")] | None
    ) = None

    def sought(self) -> Sought:
        """Raises BadOptions."""
        after, before = (None if said is None else _seconds(said) for said in (self.created_after, self.created_before))
        states = frozenset(domain_jobs.JobState(state) for state in self.state or ())
        return Sought(states, self.unanswered == "true", after, before, _pairs(self.metadata))


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
    errors.SourceFailed,
    errors.Overloaded,
    errors.SourceUnavailable,
    errors.TooManyJobs,
    errors.QuotaUsed,
    scope=Scope.SUBMIT,
)
def submit_job(headers: SubmitHeaders, query: OptionsQuery) -> Response:
    """Submit images and zips as one job

    Multipart `files` (repeatable) with an optional `options` part of JSON; or one raw body of `application/zip`,
    `application/pdf`, a tar, `image/*` or `application/octet-stream` with the options in the query; or JSON with the
    files in base64, or with the addresses of a `source` from which the service fetches them. Any of them may come with
    `Content-Encoding: gzip`.
    """
    settings = service().settings
    service().jobs.admit(owner(), idempotency_key=headers.idempotency_key, sent_by=caller().key_id)
    check_upload(request, settings.max_upload_bytes)
    key = headers.idempotency_key
    # an answer that was waited for holds rows
    seconds = wait_seconds(headers.prefer) if caller().may(Scope.READ) else None
    with (
        context().waiting.upload_slot(owner()),
        Spool(settings.spool, settings.max_upload_bytes, with_digest=key is not None) as spool,
    ):
        received = receive(
            request,
            query,
            spool,
            max_bytes=settings.max_upload_bytes,
            max_files=settings.max_files,
            folder=settings.spool,
        )
        source = received.source
        submit = service().jobs.submit if source is None else partial(service().sources.submit, source)
        submission = submit(
            owner(),
            spool,
            received.options.resolve(),
            idempotency_key=key,
            follow=seconds is not None,
            sent_by=caller().key_id,
        )
    if submission.created:
        audit_call("submit", submission.job.id)
    if seconds is None:
        return _accepted(submission.job)
    with nullcontext() if submission.completion is None else closing(submission.completion):
        return _waited(submission, seconds)


@jobs.get("/v1/jobs")
@jobs.input(JobsQuery, location="query", arg_name="query")
@operation(jobs, {200: answer("A page of jobs.", "JobList")}, errors.BadOptions, scope=Scope.READ)
def list_jobs(query: JobsQuery) -> Response:
    """List your jobs, newest first

    Follow `next_cursor` until it is null: where few of many jobs are sought, a page may hold none though more follow.
    """
    page, cursor = found(service().store, owner(), query.sought(), before=query.cursor, limit=query.limit)
    return compressed(json_answer({"jobs": [job_document(job) for job in page], "next_cursor": cursor}))


@jobs.delete("/v1/jobs")
@jobs.input(JobsQuery, location="query", arg_name="query")
@operation(jobs, {200: answer("What was deleted.", "DeletedJobs")}, errors.BadOptions, scope=Scope.SUBMIT)
def delete_jobs(query: JobsQuery) -> Response:
    """Remove all jobs of yours that the filters find, with their rows and uploads

    At least one filter must be given. Open jobs are left, unless `state` names theirs: then they are cancelled first.
    As many as `limit` go in one call: go on with `next_cursor` until it is null.
    """
    deleted, cursor = delete_found(
        service().store, service().jobs, owner(), query.sought(), before=query.cursor, limit=query.limit
    )
    for job_id in deleted:
        audit_call("delete", job_id)
    return json_answer({"deleted": deleted, "next_cursor": cursor})


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
    response = _with_retry(json_answer(job_document(job, report=service().desk.report(job))), job)
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
    errors.QuotaUsed,
    scope=Scope.SUBMIT,
)
def retry_job(job_id: str, headers: RetryHeaders) -> Response:
    """Try the failed images of a job again

    As a new job of those images alone, under their names and with the same options; you need not send them again. Its
    metadata are those of the old job and `retry_of`, the old id. What is no image or damaged fails again; what workers
    gave up on may be read this time.
    """
    service().jobs.admit(owner(), idempotency_key=headers.idempotency_key, sent_by=caller().key_id)
    with context().waiting.upload_slot(owner()):
        submission = service().retrying.retry(
            owner(), job_id, idempotency_key=headers.idempotency_key, sent_by=caller().key_id
        )
    if submission.created:
        audit_call("retry", submission.job.id, retry_of=job_id)
    return _accepted(submission.job)


@jobs.post("/v1/jobs/<job_id>/resume")
@operation(
    jobs,
    {200: answer("The job as it then is.", "Job")},
    errors.NotFound,
    errors.Expired,
    errors.Overloaded,
    errors.TooManyJobs,
    scope=Scope.SUBMIT,
)
def resume_job(job_id: str) -> Response:
    """Let a cancelled job go on

    With the images that have no row yet; rows that are done stay. Any other job stays as it is.
    """
    job = service().jobs.resume(owner(), job_id)
    audit_call("resume", job_id)
    return json_answer(job_document(job))


@jobs.patch("/v1/jobs/<job_id>")
@operation(
    jobs,
    {200: answer("The job as it then is.", "Job")},
    errors.BadOptions,
    errors.UploadRefused,
    errors.UploadTooLarge,
    errors.UnsupportedMediaType,
    errors.NotFound,
    errors.Expired,
    scope=Scope.SUBMIT,
)
def change_job(job_id: str) -> Response:
    """Keep a job longer, or less long

    `expires_in` counts from now where the job is final, else from its end.
    """
    change = read_json(request, JobChange)
    job = service().jobs.keep(owner(), job_id, seconds=change.expires_in)
    audit_call("keep", job_id, expires_in=str(change.expires_in))
    return json_answer(job_document(job))


@jobs.delete("/v1/jobs/<job_id>")
@operation(jobs, {204: answer("The job is gone.")}, errors.NotFound, errors.Expired, scope=Scope.SUBMIT)
def delete_job(job_id: str) -> Response:
    """Remove a job, its rows and its upload

    An open job is cancelled first.
    """
    service().jobs.delete(owner(), job_id)
    audit_call("delete", job_id)
    return Response(status=204)


def _seconds(said: str) -> float:
    """Since 1970. Raises BadOptions."""
    try:
        time = datetime.fromisoformat(said)
    except ValueError as error:
        raise BadOptions(f"There is no day or time {said}.") from error
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def _pairs(said: str | None) -> dict[str, Any]:
    """Raises BadOptions."""
    try:
        pairs = {} if said is None else json.loads(said)
    except ValueError:
        pairs = None
    if not isinstance(pairs, dict):
        message = 'must be a JSON object, such as {"batch": "A7"}'
        raise BadOptions(f"metadata {message}.", errors=(FieldError("metadata", message),))
    return pairs


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
    first_chunk = None
    with slot:
        if submission.completion is None:
            waiting.for_job(jobs, owner(), job.id, seconds=seconds, environ=request.environ)
        else:
            waiting.for_end(jobs, owner(), job.id, submission.completion, seconds=seconds, environ=request.environ)
            first_chunk = submission.completion.first_chunk()
    page = service().results.page(
        owner(), job.id, rows=EVERY_ROW, limit=RESULTS_IN_JOB, cursor=None, first_chunk=first_chunk
    )
    response = _answered(page) if page.job.state.final else _accepted(page.job)
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response


def _accepted(job: domain_jobs.Job) -> Response:
    response = _with_retry(json_answer(job_document(job), 202), job)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return response


def _answered(page: Page) -> Response:
    response = compressed(json_answer(job_document(page.job, page)))
    response.headers["Location"] = f"/v1/jobs/{page.job.id}"
    return response


def _with_retry(response: Response, job: domain_jobs.Job) -> Response:
    if not job.state.final:
        response.headers["Retry-After"] = "1" if job.counts.total < LARGE_JOB_IMAGES else "5"
    return response
