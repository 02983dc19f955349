"""The JSON document of a job, for answers of the API and for webhooks.

TypedDicts: the type checker holds the code to them, and pydantic makes the API's description of them. Times are
RFC 3339 in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NotRequired, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

from digitmill import domain

State = Literal["queued", "running", "completed", "cancelled", "failed"]
Probability = Annotated[float, Field(ge=0, le=1)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]

Value = TypeVar("Value")


class JobProblem(TypedDict):
    """Why a job as a whole could not be worked on."""

    type: str
    title: str
    detail: str
    code: str


class Counts(TypedDict):
    """Images of a job. `done` is the sum of the four statuses; `skipped` are folders and system files; `corrected` are
    rows of any status on which a person has the last word."""

    total: Count
    done: Count
    recognized: Count
    review: Count
    blank: Count
    failed: Count
    skipped: Count
    corrected: Count


class ModelReference(TypedDict):
    """One exact set of weights."""

    name: str
    version: str
    sha256: str


class Computation(TypedDict):
    """How workers answered: the engine, the precision that it computes in, and the device."""

    engine: str
    precision: str
    device: str


class ResolvedOptions(TypedDict):
    """The options that the job is worked on with; what was left open is filled in. `calibration` and
    `temperature`, which is that of the calibration, are there where one was named."""

    model: str
    read: Literal["digit"]
    polarity: Literal["auto", "dark_on_light", "light_on_dark"]
    review_below: Probability
    alternatives: Annotated[int, Field(ge=0, le=9)]
    expires_in: Annotated[int, Field(ge=1)]
    webhook_url: str | None
    names: NotRequired[Annotated[str, Field(description="The code page, where one was chosen.")]]
    calibration: NotRequired[str]
    temperature: NotRequired[float]


class Findings(TypedDict):
    """What was noticed in the upload. `code_pages` are those of names in zips that do not say it, as they were chosen
    or told by the names; `skipped` are the names of the first 50 files that are no scans."""

    code_pages: list[str]
    skipped: list[str]


class Links(TypedDict):
    """Where more of the job is. `next` leads to the rows after those in `results`."""

    self: str
    results: str
    events: str
    cancel: str
    next: NotRequired[str]


class JobDocument(TypedDict):
    """One submission, without its rows."""

    id: str
    state: State
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    expires_at: Time | None
    counts: Counts
    progress: Probability
    model: ModelReference
    computed_by: list[Computation]
    options: ResolvedOptions
    metadata: dict[str, Any]
    upload: NotRequired[Findings]
    error: JobProblem | None
    links: Links


def job_document(job: domain.Job) -> JobDocument:
    options = job.options
    here = f"/v1/jobs/{job.id}"
    document: JobDocument = {
        "id": job.id,
        "state": job.state.value,
        "created_at": time_text(job.created_at),
        "started_at": time_or_none(job.started_at),
        "finished_at": time_or_none(job.finished_at),
        "expires_at": time_or_none(job.expires_at),
        "counts": counts_document(job.counts),
        "progress": round(job.progress, 6),
        "model": {"name": job.model.name, "version": job.model.version, "sha256": job.model.sha256},
        "computed_by": [
            {"engine": way.engine, "precision": way.precision, "device": way.device} for way in job.computed_by
        ],
        "options": _options_document(options),
        "metadata": dict(options.metadata),
        "error": _job_problem(job.error),
        "links": {"self": here, "results": f"{here}/results", "events": f"{here}/events", "cancel": f"{here}/cancel"},
    }
    if options.names is not None:
        document["options"]["names"] = options.names
    if job.findings != domain.Findings():
        document["upload"] = {
            "code_pages": list(job.findings.code_pages),
            "skipped": list(job.findings.skipped),
        }
    return document


def _options_document(options: domain.Options) -> ResolvedOptions:
    document: ResolvedOptions = {
        "model": _resolved(options.model),
        "read": "digit",
        "polarity": options.polarity.value,
        "review_below": _resolved(options.review_below),
        "alternatives": options.alternatives,
        "expires_in": _resolved(options.expires_in),
        "webhook_url": options.webhook_url,
    }
    if options.calibration is not None:
        document["calibration"] = options.calibration
        document["temperature"] = _resolved(options.temperature)
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
        "corrected": counts.corrected,
    }


def title_of(code: str) -> str:
    return code.replace("_", " ").capitalize()


def type_of(code: str) -> str:
    """Where the documentation says what this error means."""
    return f"/docs#errors-{code}"


def time_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_or_none(seconds: float | None) -> str | None:
    return None if seconds is None else time_text(seconds)


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
