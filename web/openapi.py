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
from digitmill.domain import Scope
from digitmill.errors import DigitmillError
from digitmill.settings import Settings
from web import corrections, published, schemas
from web.auth import ask_scope, needs_key
from web.errors import INTERNAL_ERROR, PROBLEM, status_of
from web.options import Options

JSON = "application/json"
NDJSON = "application/x-ndjson"
CSV = "text/csv"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EVENTS = "text/event-stream"
ZIP = "application/zip"
REFERENCE = "#/components/schemas/{model}"
KEY_SCHEME = "key"

Document: TypeAlias = dict[str, Any]
View = TypeVar("View", bound=Callable[..., Any])
Mode: TypeAlias = Literal["validation", "serialization"]

COMPONENTS: Mapping[str, tuple[Any, Mode]] = {
    "Job": (schemas.Job, "serialization"),
    "JobList": (schemas.JobList, "serialization"),
    "Page": (schemas.Page, "serialization"),
    "Row": (schemas.Row, "serialization"),
    "Sample": (schemas.Sample, "serialization"),
    "Model": (schemas.Model, "serialization"),
    "ModelList": (schemas.ModelList, "serialization"),
    "Change": (corrections.Change, "validation"),
    "Changes": (corrections.Changes, "validation"),
    "ChangedRows": (corrections.ChangedRows, "serialization"),
    "History": (corrections.History, "serialization"),
    "ReviewRequest": (corrections.ReviewRequest, "validation"),
    "Review": (corrections.Review, "serialization"),
    "Limits": (published.Limits, "serialization"),
    "Delivery": (schemas.Delivery, "serialization"),
    "DeliveryList": (schemas.DeliveryList, "serialization"),
    "Event": (schemas.Event, "serialization"),
    "Health": (schemas.Health, "serialization"),
    "Problem": (schemas.Problem, "serialization"),
    "Options": (Options, "validation"),
}
BODIES: Mapping[str, str] = {
    "correct_result": "Change",
    "correct_results": "Changes",
    "review_job": "ReviewRequest",
}
"""Calls whose body is a JSON document."""
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
    "Preference-Applied": "The part of Prefer that was followed.",
    "WWW-Authenticate": "How to send the key.",
    "RateLimit-Limit": "Requests a minute, where the service limits them; on every other answer too.",
    "RateLimit-Remaining": "Requests that are left of it.",
    "RateLimit-Reset": "Seconds until the minute is over.",
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
        codes.setdefault(int(status_of(kind)), []).append(kind.code)
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
    document["tags"] = list({tag["name"]: tag for tag in document["tags"]}.values())
    components = document.setdefault("components", {})
    components.setdefault("schemas", {}).update(_schemas())
    for path, operations in document["paths"].items():
        for described in operations.values():
            described["parameters"] = [_parameter(parameter) for parameter in described["parameters"]]
            if (body := BODIES.get(described["operationId"])) is not None:
                described["requestBody"] = {"required": True, "content": {JSON: {"schema": reference(body)}}}
            if needs_key(path):
                described["security"] = [{KEY_SCHEME: []}] if with_key else [{KEY_SCHEME: []}, {}]
    document["paths"]["/v1/jobs"]["post"]["requestBody"] = _submission()
    document["webhooks"] = {"job": {"post": _webhook()}}
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
            tidied[name] = value.replace(r"\A", "^").replace(r"\z", "$")
        elif name != "title":
            tidied[name] = _tidied(value)
    return tidied


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


def _webhook() -> Document:
    """What the service sends to a job's ``webhook_url``."""
    headers = {
        "webhook-id": "The same for every attempt: what was seen before can be passed over.",
        "webhook-timestamp": "Seconds since 1970 at which this attempt was made.",
        "webhook-signature": "`v1,` and the signature in base64; while a secret is rotated two, with a space between.",
    }
    return {
        "summary": "A job is final",
        "description": "Signed by the Standard Webhooks specification; sent again for a day until it is answered.",
        "parameters": [
            {"in": "header", "name": name, "description": text, "required": True, "schema": {"type": "string"}}
            for name, text in headers.items()
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": reference("Event")}}},
        "responses": {
            "2XX": {"description": "The event has arrived."},
            "410": {"description": "Send no more; every other answer has the event sent again."},
        },
    }


def _submission() -> Document:
    binary = {"type": "string", "contentMediaType": "application/octet-stream"}
    form = {
        "type": "object",
        "properties": {"files": {"type": "array", "items": binary, "minItems": 1}, "options": reference("Options")},
        "required": ["files"],
        "additionalProperties": False,
    }
    content: Document = {
        "multipart/form-data": {"schema": form, "encoding": {"options": {"contentType": JSON}}},
        ZIP: {"schema": {"type": "string", "contentMediaType": ZIP}},
        "application/x-zip-compressed": {"schema": {"type": "string", "contentMediaType": ZIP}},
        "image/*": {"schema": {"type": "string", "contentMediaType": "image/*"}},
    }
    return {
        "description": "Images and zips as `files`, or one raw body with options in the query.",
        "required": True,
        "content": content,
    }
