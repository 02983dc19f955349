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

from digitmill.domain import documents, jobs
from digitmill.domain.documents import JobDocument, Row, State, row_documents, time_or_none
from digitmill.domain.page_documents import Count, Time, time_text
from digitmill.models.calibrations import Calibration
from digitmill.models.manifest import OPENVINO_FILES, Manifest
from digitmill.publishing.card import Report
from digitmill.results.rows import Page as DomainPage
from digitmill.review.sampling import Sample as DomainSample
from digitmill.settings import EngineName, PrecisionName
from digitmill.store.endpoint_store import Endpoint
from digitmill.store.templates import TemplateRecord
from digitmill.webhooks.deliveries import Delivery as DomainDelivery

RESULTS_IN_JOB = 1000
"""Rows that a job carries in itself when its submission waited for it."""

EventType = Literal["job.completed", "job.failed", "job.cancelled", "job.drifted", "job.progress"]


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


class Job(JobDocument):
    """One submission. `results` is there when the submission waited and the job got final in time, `report` when it is
    a job that has published a model, and is looked at by itself."""

    results: NotRequired[list[Row]]
    report: NotRequired[Report]


class JobList(TypedDict):
    """The caller's jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None


class DeletedJobs(TypedDict):
    """The ids of the jobs that one call deleted. Where `next_cursor` is not null, there may be more."""

    deleted: list[str]
    next_cursor: str | None


class Page(TypedDict):
    """Rows in upload order. `next_cursor` is null only when the job is final and no rows are left."""

    job_id: str
    state: State
    results: list[Row]
    next_cursor: str | None


class Sample(TypedDict):
    """Rows drawn by chance from the `population` of rows of this status, in the order in which they were drawn; or
    the most useful of a `population` of unanswered rows."""

    job_id: str
    state: State
    population: Count
    results: list[Row]


class OpenVino(TypedDict):
    """The sha256 of a graph (.xml) and of its weights (.bin)."""

    graph_sha256: str
    weights_sha256: str


class Model(Manifest):
    """A published model: its manifest, the `artifacts` for OpenVINO also by the names that they had before, whether
    jobs that read what it reads get it where they name none, whether it is kept for old jobs only, and the calibrations
    of it that jobs may name."""

    openvino: OpenVino | None
    openvino_int8: OpenVino | None
    default: bool
    retired: bool
    calibrations: list[Calibration]


class ModelList(TypedDict):
    """The models, by name, oldest version first."""

    models: list[Model]


class SummaryPage(TypedDict):
    """Pixels of a template's reference picture, and which page of its form it is."""

    width: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    number: Annotated[int, Field(ge=1)]
    of: Annotated[int, Field(ge=1)]


class TemplateSummary(TypedDict):
    """A published template without its fields."""

    name: str
    version: str
    title: str
    page: SummaryPage
    field_count: Count
    published_at: Time


class TemplateList(TypedDict):
    """The templates, by name, oldest version first."""

    templates: list[TemplateSummary]


class Template(TypedDict):
    """A template as it was published, with its defaults filled in."""

    name: str
    version: str
    title: str
    page: dict[str, Any]
    registration: dict[str, Any]
    fields: list[dict[str, Any]]
    checks: list[dict[str, Any]]


class TemplateCheck(TypedDict):
    """Whether a template could be published as it is, and each fault with its place, as `fields[3].boxes[2]`."""

    sound: bool
    errors: list[FieldProblem]


AnyTemplate = Annotated[Any, Field(description="A template as JSON, which may have any fault.")]


class Draft(Template):
    """A template that nobody has looked at yet: its fields, with made-up names, may be none."""


class Attempt(TypedDict):
    """One try to deliver a webhook: the receiver's `status`, or the `error` that kept it from answering. Of one to
    write rows both are null where it worked."""

    at: Time
    seconds: Annotated[float, Field(ge=0)]
    status: int | None
    error: str | None


class Delivery(TypedDict):
    """The way of one webhook to its receiver, under its `webhook-id`, or with the event `results` of the rows to where
    they are to be written. `gone`: the receiver answered 410; `failed`: given up. `webhook` is the id of a registered
    one, whose `url` is empty once it was removed; `job_id` is null of a test."""

    id: str
    job_id: str | None
    webhook: str | None
    event: EventType | Literal["results", "webhook.test"]
    url: str
    state: Literal["pending", "delivered", "gone", "failed"]
    attempts: list[Attempt]
    next_attempt_at: Time | None


class DeliveryList(TypedDict):
    """The webhooks of one job, and the writing of its rows."""

    deliveries: list[Delivery]


class DeliveryPage(TypedDict):
    """Deliveries of all jobs, those of the newest job first."""

    deliveries: list[Delivery]
    next_cursor: str | None


class Webhook(TypedDict):
    """A receiver that is told of all jobs of yours. `last_test` is that of the last days."""

    id: str
    url: str
    events: list[EventType]
    description: str
    enabled: bool
    created_at: Time
    last_test: Delivery | None


class WebhookWithSecret(Webhook):
    """`secret` signs what is sent there, and is shown only now."""

    secret: str


class WebhookList(TypedDict):
    """The webhooks, oldest first."""

    webhooks: list[Webhook]


class Tried(TypedDict):
    """Which webhook is tried."""

    webhook: str


class TestEvent(TypedDict):
    """The body of a webhook that is tried."""

    type: Literal["webhook.test"]
    timestamp: Time
    data: Tried


class Event(TypedDict):
    """The body of a webhook: `data` is the job, without its rows."""

    type: EventType
    timestamp: Time
    data: Job


class Health(TypedDict):
    """What a probe is told."""

    status: Literal["alive", "ready"]


def job_document(job: jobs.Job, page: DomainPage | None = None, report: Report | None = None) -> Job:
    """``page`` holds the first rows of a job that was waited for."""
    document = cast(Job, documents.job_document(job))  # a Job may lack its results
    if report is not None:
        document["report"] = cast(Any, report.model_dump(mode="json"))
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


def delivery_document(delivery: DomainDelivery) -> dict[str, Any]:
    attempts = [{**asdict(attempt), "at": time_text(attempt.at)} for attempt in delivery.attempts]
    return {
        "id": delivery.id,
        "job_id": delivery.job_id,
        "webhook": delivery.endpoint,
        "event": delivery.event,
        "url": delivery.url,
        "state": delivery.state.value,
        "attempts": attempts,
        "next_attempt_at": time_or_none(delivery.next_attempt_at),
    }


def webhook_document(endpoint: Endpoint, last_test: DomainDelivery | None) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "description": endpoint.description,
        "enabled": endpoint.enabled,
        "created_at": time_text(endpoint.created_at),
        "last_test": None if last_test is None else delivery_document(last_test),
    }


def model_document(
    manifest: Manifest,
    *,
    default: bool,
    retired: bool,
    calibrations: Sequence[Calibration],
) -> dict[str, Any]:
    return {
        **manifest.model_dump(mode="json"),
        "openvino": _openvino(manifest, PrecisionName.F32),
        "openvino_int8": _openvino(manifest, PrecisionName.INT8),
        "default": default,
        "retired": retired,
        "calibrations": [each.model_dump(mode="json") for each in calibrations],
    }


def template_summary(record: TemplateRecord) -> TemplateSummary:
    return {
        "name": record.name,
        "version": record.version,
        "title": record.title,
        "page": {"width": record.width, "height": record.height, "number": record.number, "of": record.of},
        "field_count": record.fields,
        "published_at": time_text(record.published_at),
    }


def _openvino(manifest: Manifest, precision: PrecisionName) -> OpenVino | None:
    artifact = manifest.artifact(EngineName.OPENVINO, precision)
    if not artifact:
        return None
    graph, weights = (artifact[file] for file in OPENVINO_FILES[precision])
    return {"graph_sha256": graph, "weights_sha256": weights}
