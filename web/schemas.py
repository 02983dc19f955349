"""The JSON documents that the API answers with, and how the core's types become them.

They are TypedDicts: the type checker holds the code to them, pydantic makes the API's description of them, and a
row costs no more than a dict. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal, NotRequired, cast

from pydantic import Field
from typing_extensions import TypedDict

from digitmill import documents, domain
from digitmill.documents import Count, JobDocument, Probability, State, Time, time_or_none, time_text
from digitmill.models.calibrations import Calibration
from digitmill.models.manifest import Manifest
from digitmill.results import Page as DomainPage
from digitmill.sampling import Sample as DomainSample
from digitmill.webhooks.deliveries import Delivery as DomainDelivery

RESULTS_IN_JOB = 1000
"""Rows that a job carries in itself when its submission waited for it."""

EventType = Literal["job.completed", "job.failed", "job.cancelled"]
Status = Literal["recognized", "review", "blank", "failed"]
Reason = Literal["unsure", "cut_off", "cross", "dash", "struck_out", "several", "circled", "other", "blank"]
VerdictName = Literal["recognized", "blank", "not_a_digit"]


class FieldProblem(TypedDict):
    """One faulty input, by the name that the caller wrote."""

    field: str
    message: str


class Problem(TypedDict):
    """Why a request was not served (RFC 9457). `code` is stable; `detail` says what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: NotRequired[list[FieldProblem]]


class Guess(TypedDict):
    """A less likely answer and its probability."""

    prediction: str
    confidence: Probability


class RowProblem(TypedDict):
    """Why this image got no answer."""

    code: str
    detail: str


class Correction(TypedDict):
    """What a person has said of the image. `by` is the id of the key that was sent."""

    prediction: str | None
    status: VerdictName
    by: str
    at: Time


class Row(TypedDict):
    """The answer for one image. `confidence` is a probability; a `review` row lies below the job's threshold, and its
    `reason` says why. All is the model's own answer but `correction`; `revision` counts its changes, and is the row's
    ETag."""

    index: Count
    name: str
    status: Status
    prediction: str | None
    confidence: Probability | None
    alternatives: list[Guess]
    error: RowProblem | None
    correction: Correction | None
    revision: Count
    reason: Reason | None


class Job(JobDocument):
    """One submission. `results` is there when the submission waited and the job got final in time."""

    results: NotRequired[list[Row]]


class JobList(TypedDict):
    """The caller's jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None


class Page(TypedDict):
    """Rows in upload order. `next_cursor` is null only when the job is final and no rows are left."""

    job_id: str
    state: State
    results: list[Row]
    next_cursor: str | None


class Sample(TypedDict):
    """Rows drawn by chance from the `population` of rows of this status, in the order in which they were drawn."""

    job_id: str
    state: State
    population: Count
    results: list[Row]


class Model(Manifest):
    """A published model: its manifest, whether jobs get it that name none, whether it is kept for old jobs only, and
    the calibrations of it that jobs may name."""

    default: bool
    retired: bool
    calibrations: list[Calibration]


class ModelList(TypedDict):
    """The models, by name, oldest version first."""

    models: list[Model]


class Attempt(TypedDict):
    """One try to deliver a webhook: the receiver's `status`, or the `error` that kept it from answering."""

    at: Time
    seconds: Annotated[float, Field(ge=0)]
    status: int | None
    error: str | None


class Delivery(TypedDict):
    """The way of one webhook to its receiver, under its `webhook-id`. `gone`: the receiver answered 410; `failed`:
    given up after the last attempt."""

    id: str
    event: EventType
    url: str
    state: Literal["pending", "delivered", "gone", "failed"]
    attempts: list[Attempt]
    next_attempt_at: Time | None


class DeliveryList(TypedDict):
    """The webhooks of one job."""

    deliveries: list[Delivery]


class Event(TypedDict):
    """The body of a webhook: `data` is the job, without its rows."""

    type: EventType
    timestamp: Time
    data: Job


class Health(TypedDict):
    """What a probe is told."""

    status: Literal["alive", "ready"]


def job_document(job: domain.Job, page: DomainPage | None = None) -> Job:
    """``page`` holds the first rows of a job that was waited for."""
    document = cast(Job, documents.job_document(job))  # a Job may lack its results
    if page is not None:
        document["results"] = row_documents(page.rows)
        if page.next_cursor is not None:
            document["links"]["next"] = f"{document['links']['results']}?cursor={page.next_cursor}"
    return document


def page_document(page: DomainPage) -> Page:
    return {
        "job_id": page.job.id,
        "state": page.job.state.value,
        "results": row_documents(page.rows),
        "next_cursor": page.next_cursor,
    }


def sample_document(sample: DomainSample) -> Sample:
    return {
        "job_id": sample.job.id,
        "state": sample.job.state.value,
        "population": sample.population,
        "results": row_documents(sample.rows),
    }


def row_documents(rows: Sequence[domain.Row]) -> list[Row]:
    return [row_document(row) for row in rows]


def row_document(row: domain.Row) -> Row:
    failure = row.failure
    return {
        "index": row.index,
        "name": row.name,
        "status": row.status.value,
        "prediction": row.prediction,
        "confidence": row.confidence,
        "alternatives": [
            {"prediction": guess.prediction, "confidence": guess.confidence} for guess in row.alternatives
        ],
        "error": None if failure is None else {"code": failure.code.value, "detail": failure.detail},
        "correction": correction_document(row.revision),
        "revision": row.revision.number if row.revision is not None else 0,
        "reason": None if row.reason is None else row.reason.value,
    }


def correction_document(revision: domain.Revision | None) -> Correction | None:
    """What a person said last, unless it was taken back."""
    if revision is None or revision.verdict is None:
        return None
    said = revision.verdict
    return {
        "prediction": said.prediction,
        "status": said.status.value,
        "by": revision.by,
        "at": time_text(revision.at),
    }


def delivery_document(delivery: DomainDelivery) -> dict[str, Any]:
    attempts = [{**asdict(attempt), "at": time_text(attempt.at)} for attempt in delivery.attempts]
    return {
        "id": delivery.id,
        "event": delivery.event,
        "url": delivery.url,
        "state": delivery.state.value,
        "attempts": attempts,
        "next_attempt_at": time_or_none(delivery.next_attempt_at),
    }


def model_document(
    manifest: Manifest,
    default: domain.ModelReference | None,
    *,
    retired: bool,
    calibrations: Sequence[Calibration],
) -> dict[str, Any]:
    return {
        **manifest.model_dump(mode="json"),
        "default": manifest.reference == default,
        "retired": retired,
        "calibrations": [each.model_dump(mode="json") for each in calibrations],
    }
