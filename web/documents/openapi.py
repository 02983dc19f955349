"""The OpenAPI 3.1 document: APIFlask lists routes and parameters, this adds bodies, answers and keys.

Answers are described here rather than with APIFlask's ``output``, which knows one media type for a status and
names the parts of a schema after the first document that holds them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias, TypeVar

from apiflask import APIBlueprint, APIFlask
from pydantic import TypeAdapter

from digitmill import __version__, errors
from digitmill.domain import documents
from digitmill.domain.access import Scope
from digitmill.errors import DigitmillError, FailureCode, ItemFailure
from digitmill.publishing.card import Card
from digitmill.settings import Settings
from web.access.auth import ask_scope, needs_key
from web.bodies import json_upload
from web.documents import certificates, corrections, published, registering, releases, schemas, trainings
from web.documents.options import JobChange, Options
from web.errors import INTERNAL_ERROR, PROBLEM, status_of

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EVENTS = "text/event-stream"
ZIP = "application/zip"
OCTETS = "application/octet-stream"
REFERENCE = "#/components/schemas/{model}"
KEY_SCHEME = "key"

Document: TypeAlias = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])
Mode: TypeAlias = Literal["validation", "serialization"]

COMPONENTS: Mapping[str, tuple[Any, Mode]] = {
    "Job": (schemas.Job, "serialization"),
    "JobList": (schemas.JobList, "serialization"),
    "DeletedJobs": (schemas.DeletedJobs, "serialization"),
    "Page": (schemas.Page, "serialization"),
    "Row": (documents.Row, "serialization"),
    "Sample": (schemas.Sample, "serialization"),
    "Model": (schemas.Model, "serialization"),
    "ModelList": (schemas.ModelList, "serialization"),
    "Card": (Card, "validation"),
    "Releases": (releases.Releases, "serialization"),
    "DefaultRequest": (releases.DefaultRequest, "validation"),
    "RollBackRequest": (releases.RollBackRequest, "validation"),
    "TrialRequest": (releases.TrialRequest, "validation"),
    "Draft": (schemas.Draft, "serialization"),
    "Template": (schemas.Template, "serialization"),
    "TemplateList": (schemas.TemplateList, "serialization"),
    "TemplateCheck": (schemas.TemplateCheck, "serialization"),
    "AnyTemplate": (schemas.AnyTemplate, "validation"),
    "Change": (corrections.Change, "validation"),
    "Changes": (corrections.Changes, "validation"),
    "ChangedRows": (corrections.ChangedRows, "serialization"),
    "History": (corrections.History, "serialization"),
    "ReviewRequest": (corrections.ReviewRequest, "validation"),
    "RaiseRequest": (corrections.RaiseRequest, "validation"),
    "Review": (corrections.Review, "serialization"),
    "Holders": (corrections.Holders, "serialization"),
    "CheckRequest": (corrections.CheckRequest, "validation"),
    "CornersRequest": (corrections.CornersRequest, "validation"),
    "Certificate": (certificates.Certificate, "serialization"),
    "Limits": (published.Limits, "serialization"),
    "Delivery": (schemas.Delivery, "serialization"),
    "DeliveryList": (schemas.DeliveryList, "serialization"),
    "DeliveryPage": (schemas.DeliveryPage, "serialization"),
    "Event": (schemas.Event, "serialization"),
    "TestEvent": (schemas.TestEvent, "serialization"),
    "Webhook": (schemas.Webhook, "serialization"),
    "WebhookList": (schemas.WebhookList, "serialization"),
    "WebhookWithSecret": (schemas.WebhookWithSecret, "serialization"),
    "WebhookRequest": (registering.WebhookRequest, "validation"),
    "WebhookChange": (registering.WebhookChange, "validation"),
    "SecretRequest": (registering.SecretRequest, "validation"),
    "Health": (schemas.Health, "serialization"),
    "Problem": (schemas.Problem, "serialization"),
    "Options": (Options, "validation"),
    "JobChange": (JobChange, "validation"),
    "NetworkList": (trainings.NetworkList, "serialization"),
    "NetworkOutline": (trainings.NetworkOutline, "serialization"),
    "OutlineRequest": (trainings.OutlineRequest, "validation"),
    "Training": (trainings.Training, "serialization"),
    "TrainingList": (trainings.TrainingList, "serialization"),
    "TrainingRequest": (trainings.TrainingRequest, "validation"),
    "JsonUpload": (json_upload.JsonUpload, "validation"),
}
BODIES: Mapping[str, str] = {
    "correct_result": "Change",
    "correct_results": "Changes",
    "review_job": "ReviewRequest",
    "change_job": "JobChange",
    "add_webhook": "WebhookRequest",
    "change_webhook": "WebhookChange",
    "renew_webhook_secret": "SecretRequest",
    "raise_threshold": "RaiseRequest",
    "note_check": "CheckRequest",
    "place_page": "CornersRequest",
    "set_default": "DefaultRequest",
    "roll_back": "RollBackRequest",
    "start_canary": "TrialRequest",
    "start_shadow": "TrialRequest",
    "check_template": "AnyTemplate",
    "outline_network": "OutlineRequest",
}
"""Calls whose body is a JSON document."""
PAGES = ("/v1/templates/draft", "/v1/templates/picture", "/v1/templates/{name}/{version}/try")
"""Calls whose body is a page."""
EVERYWHERE: tuple[type[DigitmillError], ...] = (
    errors.Unauthorized,
    errors.Forbidden,
    errors.RateLimited,
    errors.StorageUnavailable,
    errors.StoreReplaced,
)
HEADERS: Mapping[str, str] = {
    "Location": "Where the job is.",
    "Retry-After": "Seconds after which asking again makes sense.",
    "ETag": "Changes whenever the answer does: of a job for If-None-Match, of a row for If-Match.",
    "Content-Range": "Which bytes these are, and how many there are in all.",
    "Digitmill-Rows": "`ROWS of IMAGES`, where the job ended before all of its images were read, or a PDF "
    "has some of its pages.",
    "Preference-Applied": "The part of Prefer that was followed.",
    "WWW-Authenticate": "How to send the key.",
    "RateLimit-Limit": "Requests a minute, where the service limits them; on every other answer too.",
    "RateLimit-Remaining": "Requests that are left of it.",
    "RateLimit-Reset": "Seconds until the minute is over.",
    "Digitmill-Pages": "How many pages the file has, where that is known.",
    "Digitmill-Scale": "Pixels of this picture for each pixel of the page as it is decoded.",
}
PROBLEM_HEADERS: Mapping[int, tuple[str, ...]] = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"),
    503: ("Retry-After",),
}


def answer(description: str, *contents: str | tuple[str, Document], headers: tuple[str, ...] = ()) -> Document:
    """One response. A content is the name of a component, sent as JSON, or a media type with its schema."""
    described: Document = {"description": description}
    if contents:
        pairs = [(JSON, reference(content)) if isinstance(content, str) else content for content in contents]
        described["content"] = {media_type: {"schema": schema} for media_type, schema in pairs}
    if headers:
        described["headers"] = {name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in headers}
    return described


def reference(name: str) -> Document:
    return {"$ref": REFERENCE.format(model=name)}


BYTES = answer("There are no such bytes.", (PROBLEM, reference("Problem")), headers=("Content-Range",))
"""416, where a Range asks for what lies behind the end."""


def operation(
    blueprint: APIBlueprint,
    answers: Mapping[int, Document],
    *kinds: type[DigitmillError],
    scope: Scope = Scope.ADMIN,
    everywhere: bool = True,
) -> Callable[[View], View]:
    """Describe a view: its answers, the errors that it may raise beside those of every call to /v1, and the scope
    that it asks of a key, which is the highest unless another is named."""
    problems = _problems((*kinds, *EVERYWHERE) if everywhere else kinds)
    if 403 in problems:
        problems[403]["description"] += f": the key lacks the scope `{scope}`"

    def describe(view: View) -> View:
        responses: Any = {**answers, **problems}
        described: View = blueprint.doc(operation_id=view.__name__, responses=responses)(view)
        ask_scope(described, scope)
        return described

    return describe


def _problems(kinds: tuple[type[DigitmillError], ...]) -> dict[int, Document]:
    codes: dict[int, list[str]] = {500: [INTERNAL_ERROR]}
    for kind in kinds:
        codes.setdefault(int(status_of(kind)), []).extend(FailureCode if kind is ItemFailure else [kind.code])
    found = {}
    for status, names in sorted(codes.items()):
        headers = PROBLEM_HEADERS.get(status, ())
        text = " or ".join(f"`{name}`" for name in dict.fromkeys(names))
        found[status] = answer(text, (PROBLEM, reference("Problem")), headers=headers)
    return found


def init_openapi(app: APIFlask, settings: Settings) -> None:
    """Configure APIFlask's own generation and finish what it makes."""
    app.config.update(
        AUTO_SERVERS=False,
        AUTO_200_RESPONSE=False,
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        OPENAPI_VERSION="3.1.0",
    )
    app.description = (
        "Post images or zips of handwritten digits, poll the job, read a digit and a confidence per image."
    )
    app.license = {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    app.version = __version__
    app.spec_processor(functools.partial(_finish, with_key=settings.admin_key is not None))


def _finish(document: Document, *, with_key: bool) -> Document:
    """``with_key`` False: one is asked as soon as one was made, which may be at any time."""
    document["servers"] = [{"url": "/", "description": "This service."}]
    document["tags"] = list({tag["name"]: tag for tag in document["tags"]}.values())
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(_schemas())
    for path, operations in document["paths"].items():
        for described in operations.values():
            described["parameters"] = [_parameter(parameter) for parameter in described["parameters"]]
            if (body := BODIES.get(described["operationId"])) is not None:
                described["requestBody"] = {"required": True, "content": {JSON: {"schema": reference(body)}}}
            keys: list[Document] = [{KEY_SCHEME: []}] if with_key else [{KEY_SCHEME: []}, {}]
            described["security"] = keys if needs_key(path) else []
    document["paths"]["/v1/jobs"]["post"]["requestBody"] = _submission()
    for parameter in document["paths"]["/v1/jobs"]["post"]["parameters"]:
        # generated clients send defaults, and beside a form or JSON, which hold the options then, they are refused
        parameter["schema"].pop("default", None)
    for path in PAGES:
        document["paths"][path]["post"]["requestBody"] = _page()
    document["paths"]["/v1/templates"]["post"]["requestBody"] = _template("reference")
    document["paths"]["/v1/templates/try"]["post"]["requestBody"] = _template("reference", "page")
    document["paths"]["/v1/models"]["post"]["requestBody"] = _model()
    document["paths"]["/v1/trainings"]["post"]["requestBody"] = _training()
    document["webhooks"] = {
        "job": {"post": _webhook("A job is final")},
        "drift": {"post": _webhook("A completed job is unlike those before, where `webhook_drift` asks for it")},
        "progress": {"post": _webhook("Another tenth of a job is done, for registered webhooks that ask for it")},
        "test": {"post": _webhook("A registered webhook is tried", "TestEvent")},
    }
    components["securitySchemes"] = {KEY_SCHEME: {"type": "http", "scheme": "bearer"}}
    return document


def _schemas() -> Document:
    inputs = [(name, mode, TypeAdapter(kind)) for name, (kind, mode) in COMPONENTS.items()]
    by_name, shared = TypeAdapter.json_schemas(inputs, ref_template=REFERENCE)
    found: Document = dict(shared.get("$defs", {}))
    for (name, _), schema in by_name.items():
        if "$ref" not in schema:
            found[name] = schema
    return {name: _tidied(schema) for name, schema in sorted(found.items())}


def _tidied(schema: Any) -> Any:
    """Without the titles that pydantic makes of names, and with patterns as JSON Schema writes them (ECMA 262)."""
    if isinstance(schema, list):
        return [_tidied(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    tidied: Document = {}
    for name, value in schema.items():
        if name == "properties":
            # a property may well be called title
            tidied[name] = {inner: _tidied(part) for inner, part in value.items()}
        elif name == "pattern":
            tidied[name] = _ecma(value)
        elif name == "patternProperties":
            tidied[name] = {_ecma(pattern): _tidied(part) for pattern, part in value.items()}
        elif name != "title":
            tidied[name] = _tidied(value)
    # some generators of clients, and linters, know no arrays without it
    return {"items": tidied["prefixItems"][0], **tidied} if "prefixItems" in tidied else tidied


def _ecma(pattern: str) -> str:
    return pattern.replace(r"\A", "^").replace(r"\z", "$")


def _parameter(parameter: Document) -> Document:
    schema = _tidied(parameter.get("schema", {}))
    described = {**parameter, "schema": schema}
    if parameter["in"] == "path":
        described["required"] = True
    if parameter["in"] == "header":
        described["name"] = parameter["name"].title()
    if "description" in schema:
        described["description"] = schema.pop("description")
    return described


def _webhook(summary: str, body: str = "Event") -> Document:
    """What the service sends to a job's ``webhook_url``, and to registered webhooks."""
    headers = {
        "webhook-id": "The same for every attempt: what was seen before can be passed over.",
        "webhook-timestamp": "Seconds since 1970 at which this attempt was made.",
        "webhook-signature": "`v1,` and the signature in base64; while a secret is rotated two, with a space between.",
    }
    return {
        "summary": summary,
        "description": "Signed by the Standard Webhooks specification; sent again for a day until it is answered.",
        "parameters": [
            {"in": "header", "name": name, "description": text, "required": True, "schema": {"type": "string"}}
            for name, text in headers.items()
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": reference(body)}}},
        "security": [],
        "responses": {
            "2XX": {"description": "The event has arrived."},
            "410": {"description": "Send no more; every other answer has the event sent again."},
        },
    }


def _page() -> Document:
    kinds = ("image/*", "application/pdf", OCTETS)
    content = {kind: {"schema": {"type": "string", "contentMediaType": kind}} for kind in kinds}
    return {"description": "A picture of a page, or a PDF.", "required": True, "content": content}


def _template(*files: str) -> Document:
    octets = {"type": "string", "contentMediaType": OCTETS}
    form = {
        "type": "object",
        "properties": {"template": {"type": "object"}, **dict.fromkeys(files, octets)},
        "required": ["template", *files],
        "additionalProperties": False,
    }
    described = "The template's JSON as `template`, and a file of its reference picture as `reference`"
    return {
        "description": f"{described}, and one of the page as `page`." if "page" in files else f"{described}.",
        "required": True,
        "content": {"multipart/form-data": {"schema": form, "encoding": {"template": {"contentType": JSON}}}},
    }


def _model() -> Document:
    octets = {"type": "string", "contentMediaType": OCTETS}
    form = {
        "type": "object",
        "properties": {"card": reference("Card"), "model": octets},
        "required": ["card", "model"],
        "additionalProperties": False,
    }
    return {
        "description": "What is told of the model as `card`, and its `.keras` file as `model`.",
        "required": True,
        "content": {"multipart/form-data": {"schema": form, "encoding": {"card": {"contentType": JSON}}}},
    }


def _training() -> Document:
    files = {"type": "array", "items": {"type": "string", "contentMediaType": OCTETS}}
    form = {
        "type": "object",
        "properties": {"training": reference("TrainingRequest"), "data": files},
        "required": ["training"],
        "additionalProperties": False,
    }
    return {
        "description": "The training as JSON, or as the part `training` beside zips of labelled images as `data`.",
        "required": True,
        "content": {
            JSON: {"schema": reference("TrainingRequest")},
            "multipart/form-data": {"schema": form, "encoding": {"training": {"contentType": JSON}}},
        },
    }


def _binary(media_type: str) -> Document:
    """Bytes, in the words of OpenAPI 3.1 and in those of 3.0, by which clients are generated still."""
    return {"type": "string", "contentMediaType": media_type, "format": "binary"}


def _submission() -> Document:
    binary = _binary(OCTETS)
    form = {
        "type": "object",
        "properties": {"files": {"type": "array", "items": binary, "minItems": 1}, "options": reference("Options")},
        "required": ["files"],
        "additionalProperties": False,
    }
    content: Document = {
        "multipart/form-data": {"schema": form, "encoding": {"options": {"contentType": JSON}}},
        ZIP: {"schema": _binary(ZIP)},
        "application/x-zip-compressed": {"schema": _binary(ZIP)},
        "image/*": {"schema": _binary("image/*")},
        OCTETS: {"schema": binary},
        JSON: {"schema": reference("JsonUpload")},
    }
    return {
        "description": "Images and zips as `files`, one raw body with options in the query, or JSON with base64.",
        "required": True,
        "content": content,
    }
