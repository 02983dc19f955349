"""The JSON documents of a job and of a row, for answers of the API, webhooks and files of rows.

TypedDicts: the type checker holds the code to them, and pydantic makes the API's description of them. Times are
RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any, Literal, NotRequired, TypeVar, cast

from pydantic import Field
from typing_extensions import TypedDict

from digitmill.domain import jobs, rows
from digitmill.domain.page_documents import (
    Character,
    Check,
    CopyOf,
    Correction,
    Count,
    FormPlace,
    Guess,
    PageField,
    Probability,
    Reason,
    Registration,
    Status,
    TemplateReference,
    Time,
    character_documents,
    copy_document,
    correction_document,
    guess_documents,
    page_of_row,
    time_text,
)
from digitmill.domain.precedence import Priority
from digitmill.domain.set_documents import Sets, sets_document

COPIES_TOLD = 50
State = Literal["queued", "running", "completed", "cancelled", "failed"]
Value = TypeVar("Value")


class JobProblem(TypedDict):
    """Why a job as a whole could not be worked on."""

    type: str
    title: str
    detail: str
    code: str


class Counts(TypedDict):
    """Images of a job. `done` is the sum of the statuses; `skipped` are folders and system files; `corrected` are
    rows of any status on which a person has the last word, and `unanswered` the rows to review on which nobody has."""

    total: Count
    done: Count
    recognized: Count
    review: Count
    blank: Count
    failed: Count
    skipped: Count
    corrected: Count
    unanswered: Count


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
    `temperature`, which is that of the calibration, are there where one was named, and `template` with `read` form;
    `priority` where it is not normal; `webhook_drift` where the webhook is told of that too."""

    model: str
    read: str
    polarity: Literal["auto", "dark_on_light", "light_on_dark"]
    review_below: Probability
    alternatives: Annotated[int, Field(ge=0, le=9)]
    expires_in: Annotated[int, Field(ge=1)]
    webhook_url: str | None
    names: NotRequired[Annotated[str, Field(description="The code page, where one was chosen.")]]
    calibration: NotRequired[str]
    temperature: NotRequired[float]
    results_url: NotRequired[str]
    template: NotRequired[Annotated[list[str], Field(description="The templates that pages are read by.")]]
    priority: NotRequired[Literal["low", "high"]]
    webhook_drift: NotRequired[Literal[True]]


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


class RaisedThreshold(TypedDict):
    """That somebody, with this key, has let accepted `rows` less sure than `below` wait for a person too."""

    below: Probability
    rows: Count
    by: str
    at: Time


class Drift(TypedDict):
    """How a completed job of 20 images and more compares with what is usual: with its owner's earlier jobs (`past`), or
    else with the model's test images. `sentence` is empty where nothing is unusual. `review` is the share to review,
    `ink` how far the ink's grey is from the paper's, `height` that of the pictures in pixels."""

    sentence: str
    past: bool
    review: Probability
    usual_review: Probability | None
    ink: float | None
    usual_ink: float | None
    height: float | None
    usual_height: float | None


class Copy(TypedDict):
    """A page that was sent before in the same job: its row, by its `index`, the row `of` which it is a copy, and what
    is the `same` of both, as in `copy_of` of rows."""

    index: Count
    of: Count
    same: Literal["picture", "writing"]


class Copies(TypedDict):
    """How many `pages` of a completed job were sent before in it, and the `first` 50 of them."""

    pages: Count
    first: list[Copy]


class JobDocument(TypedDict):
    """One submission, without its rows. `number_model` reads strips of form pages."""

    id: str
    kind: Annotated[str, Field(description="What workers do for it: `read`, read images; `publish`, publish a model.")]
    state: State
    created_at: Time
    started_at: Time | None
    finished_at: Time | None
    expires_at: Time | None
    counts: Counts
    progress: Probability
    model: ModelReference
    number_model: NotRequired[ModelReference]
    computed_by: list[Computation]
    options: ResolvedOptions
    metadata: dict[str, Any]
    upload: NotRequired[Findings]
    raised: NotRequired[RaisedThreshold]
    drift: NotRequired[Drift]
    copies: NotRequired[Copies]
    sets: NotRequired[Sets]
    error: JobProblem | None
    links: Links


class RowProblem(TypedDict):
    """Why this image got no answer."""

    code: str
    detail: str


class Row(TypedDict):
    """The answer for one image. `confidence` is a probability; a `review` row lies below the job's threshold, and its
    `reason` says why. All is the model's own answer but `correction`; `revision` counts its changes, and is the row's
    ETag. `characters` are there where a number was read."""

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
    characters: NotRequired[list[Character]]
    template: NotRequired[TemplateReference | None]
    registration: NotRequired[Registration | None]
    fields: NotRequired[dict[str, PageField]]
    checks: NotRequired[list[Check]]
    copy_of: NotRequired[CopyOf]
    form: NotRequired[FormPlace]


def job_document(job: jobs.Job) -> JobDocument:
    options = job.options
    here = f"/v1/jobs/{job.id}"
    document: JobDocument = {
        "id": job.id,
        "kind": job.kind,
        "state": job.state.value,
        "created_at": time_text(job.created_at),
        "started_at": time_or_none(job.started_at),
        "finished_at": time_or_none(job.finished_at),
        "expires_at": time_or_none(job.expires_at),
        "counts": counts_document(job.counts),
        "progress": round(job.progress, 6),
        "model": _model_document(job.model),
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
    if job.number_model is not None:
        document["number_model"] = _model_document(job.number_model)
    if job.raised is not None:
        raised = job.raised
        document["raised"] = {
            "below": raised.below,
            "rows": raised.rows,
            "by": raised.by,
            "at": time_text(raised.at),
        }
    if job.drift is not None:
        document["drift"] = cast(Drift, dict(job.drift))
    if job.copies is not None and job.copies.pages:
        document["copies"] = _copies_document(job.copies)
    if job.sets is not None and job.sets.forms:
        document["sets"] = sets_document(job.sets)
    if job.findings != jobs.Findings():
        document["upload"] = {
            "code_pages": list(job.findings.code_pages),
            "skipped": list(job.findings.skipped),
        }
    return document


def _model_document(model: jobs.ModelReference) -> ModelReference:
    return {"name": model.name, "version": model.version, "sha256": model.sha256}


def _options_document(options: jobs.Options) -> ResolvedOptions:
    document: ResolvedOptions = {
        "model": _resolved(options.model),
        "read": options.read,
        "polarity": options.polarity.value,
        "review_below": _resolved(options.review_below),
        "alternatives": options.alternatives,
        "expires_in": _resolved(options.expires_in),
        "webhook_url": options.webhook_url,
    }
    if options.calibration is not None:
        document["calibration"] = options.calibration
        document["temperature"] = _resolved(options.temperature)
    if options.results_url is not None:
        document["results_url"] = options.results_url
    if options.template:
        document["template"] = list(options.template)
    if options.priority is not Priority.NORMAL:
        document["priority"] = "low" if options.priority is Priority.LOW else "high"
    if options.webhook_drift:
        document["webhook_drift"] = True
    return document


def _copies_document(copies: jobs.Copies) -> Copies:
    listed = ((run, step) for run in copies.runs for step in range(run.pages))
    first: list[Copy] = [
        {"index": run.index + step, "of": run.of + step, "same": copy_document(0, run.same)["same"]}
        for run, step in islice(listed, COPIES_TOLD)
    ]
    return {"pages": copies.pages, "first": first}


def counts_document(counts: jobs.Counts) -> Counts:
    statuses = {status.value: counts.statuses[status] for status in rows.RowStatus}
    return cast(
        Counts,
        {
            "total": counts.total,
            "done": counts.done,
            **statuses,
            "skipped": counts.skipped,
            "corrected": counts.corrected,
            "unanswered": counts.unanswered,
        },
    )


def row_documents(these: Sequence[rows.Row]) -> list[Row]:
    return [row_document(row) for row in these]


def row_document(row: rows.Row) -> Row:
    failure = row.failure
    document: Row = {
        "index": row.index,
        "name": row.name,
        "status": row.status.value,
        "prediction": row.prediction,
        "confidence": row.confidence,
        "alternatives": guess_documents(row.alternatives),
        "error": None if failure is None else {"code": failure.code.value, "detail": failure.detail},
        "correction": correction_document(row.revision),
        "revision": row.revision.number if row.revision is not None else 0,
        "reason": None if row.reason is None else row.reason.value,
    }
    if row.parts:
        document["characters"] = character_documents(row.parts)
    if row.fields is not None:
        # mypy knows no update of one TypedDict by another
        document |= cast(Any, page_of_row(row, row.fields))
    return document


def title_of(code: str) -> str:
    return code.replace("_", " ").capitalize()


def type_of(code: str) -> str:
    """Where the documentation says what this error means."""
    return f"/docs#errors-{code}"


def time_or_none(seconds: float | None) -> str | None:
    return None if seconds is None else time_text(seconds)


def _resolved(value: Value | None) -> Value:
    if value is None:
        raise ValueError("the options of a recorded job are resolved")
    return value


def _job_problem(problem: jobs.Problem | None) -> JobProblem | None:
    if problem is None:
        return None
    return {
        "type": type_of(problem.code),
        "title": title_of(problem.code),
        "detail": problem.detail,
        "code": problem.code,
    }
