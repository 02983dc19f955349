"""The JSON documents that the API answers with, and how the core's types become them.

They are TypedDicts: the type checker holds the code to them, pydantic makes the API's description of them, and a
row costs no more than a dict. Times are RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

from digitmill import domain
from digitmill.models.manifest import Manifest
from digitmill.results import Page as DomainPage

RESULTS_IN_JOB = 1000
"""Rows that a job carries in itself when its submission waited for it."""

State = Literal["queued", "running", "completed", "cancelled", "failed"]
Status = Literal["recognized", "review", "blank", "failed"]
Probability = Annotated[float, Field(ge=0, le=1)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]

Value = TypeVar("Value")


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


class JobProblem(TypedDict):
    """Why a job as a whole could not be worked on."""

    type: str
    title: str
    detail: str
    code: str


class Counts(TypedDict):
    """Images of a job. `done` is the sum of the four statuses; `skipped` are folders and system files."""

    total: Count
    done: Count
    recognized: Count
    review: Count
    blank: Count
    failed: Count
    skipped: Count


class ModelReference(TypedDict):
    """One exact set of weights."""

    name: str
    version: str
    sha256: str


class ResolvedOptions(TypedDict):
    """The options that the job is worked on with; what was left open is filled in."""

    model: str
    read: Literal["digit"]
    polarity: Literal["auto", "dark_on_light", "light_on_dark"]
    review_below: Probability
    alternatives: Annotated[int, Field(ge=0, le=9)]
    expires_in: Annotated[int, Field(ge=1)]


class Links(TypedDict):
    """Where more of the job is. `next` leads to the rows after those in `results`."""

    self: str
    results: str
    events: str
    cancel: str
    next: NotRequired[str]


class Guess(TypedDict):
    """A less likely answer and its probability."""

    prediction: str
    confidence: Probability


class RowProblem(TypedDict):
    """Why this image got no answer."""

    code: str
    detail: str


class Correction(TypedDict):
    """What a person said instead of the model."""

    prediction: str | None
    status: Status
    by: str | None
    at: Time


class Row(TypedDict):
    """The answer for one image. `confidence` is a probability; a `review` row lies below the job's threshold."""

    index: Count
    name: str
    status: Status
    prediction: str | None
    confidence: Probability | None
    alternatives: list[Guess]
    error: RowProblem | None
    correction: Correction | None


class Job(TypedDict):
    """One submission. `results` is there when the submission waited and the job got final in time."""

    id: str
    state: State
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    expires_at: Time | None
    counts: Counts
    progress: Probability
    model: ModelReference
    options: ResolvedOptions
    metadata: dict[str, Any]
    error: JobProblem | None
    links: Links
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


class Model(Manifest):
    """A published model: its manifest, and whether jobs get it that name none."""

    default: bool


class ModelList(TypedDict):
    """All models, by name, oldest version first."""

    models: list[Model]


class Health(TypedDict):
    """What a probe is told."""

    status: Literal["alive", "ready"]


def title_of(code: str) -> str:
    return code.replace("_", " ").capitalize()


def type_of(code: str) -> str:
    """Where the documentation says what this error means."""
    return f"/docs#errors-{code}"


def job_document(job: domain.Job, page: DomainPage | None = None) -> Job:
    """``page`` holds the first rows of a job that was waited for."""
    options = job.options
    here = f"/v1/jobs/{job.id}"
    document: Job = {
        "id": job.id,
        "state": job.state.value,
        "created_at": _time(job.created_at),
        "started_at": _time_or_none(job.started_at),
        "finished_at": _time_or_none(job.finished_at),
        "expires_at": _time_or_none(job.expires_at),
        "counts": counts_document(job.counts),
        "progress": round(job.progress, 6),
        "model": {"name": job.model.name, "version": job.model.version, "sha256": job.model.sha256},
        "options": {
            "model": _resolved(options.model),
            "read": "digit",
            "polarity": options.polarity.value,
            "review_below": _resolved(options.review_below),
            "alternatives": options.alternatives,
            "expires_in": _resolved(options.expires_in),
        },
        "metadata": dict(options.metadata),
        "error": _job_problem(job.error),
        "links": {"self": here, "results": f"{here}/results", "events": f"{here}/events", "cancel": f"{here}/cancel"},
    }
    if page is not None:
        document["results"] = row_documents(page.rows)
        if page.next_cursor is not None:
            document["links"]["next"] = f"{here}/results?cursor={page.next_cursor}"
    return document


def counts_document(counts: domain.Counts) -> Counts:
    return {
        "total": counts.total,
        "done": counts.done,
        "recognized": counts.recognized,
        "review": counts.review,
        "blank": counts.blank,
        "failed": counts.failed,
        "skipped": counts.skipped,
    }


def page_document(page: DomainPage) -> Page:
    return {
        "job_id": page.job.id,
        "state": page.job.state.value,
        "results": row_documents(page.rows),
        "next_cursor": page.next_cursor,
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
        "correction": None,
    }


def model_document(manifest: Manifest, default: domain.ModelReference | None) -> dict[str, Any]:
    document = manifest.model_dump(mode="json")
    return {**document, "default": manifest.reference == default}


def _resolved(value: Value | None) -> Value:
    if value is None:
        raise ValueError("the options of a recorded job are resolved")
    return value


def _job_problem(problem: domain.Problem | None) -> JobProblem | None:
    if problem is None:
        return None
    return {
        "type": type_of(problem.code),
        "title": title_of(problem.code),
        "detail": problem.detail,
        "code": problem.code,
    }


def _time_or_none(seconds: float | None) -> str | None:
    return None if seconds is None else _time(seconds)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
