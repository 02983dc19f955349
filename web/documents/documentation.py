"""The OpenAPI document arranged for reading, and what each error code means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from digitmill.errors import DigitmillError, FailureCode
from web.errors import INTERNAL_ERROR, status_of

MEANINGS: Mapping[str, str] = {
    "bad_options": "A parameter, a header, an option or a part is unknown or out of range; `errors` names it.",
    "upload_refused": "The body broke off before its end, or is not the gzip that its header says.",
    "empty_upload": "The upload holds not a single byte.",
    "bad_request": "The request is not one that the server can read.",
    "unauthorized": "The key is missing or wrong. Send `Authorization: Bearer <key>`.",
    "forbidden": "The key is valid, and lacks the scope that the call asks for. Use one that has it.",
    "not_found": "There is nothing here for you: no such job, row or address.",
    "model_not_found": "There is no such model; `/v1/models` lists them.",
    "template_not_found": "There is no such template; `/v1/templates` lists them.",
    "method_not_allowed": "The address does not take this method; the `Allow` header says which it takes.",
    "requested_range_not_satisfiable": "The `Range` asks for bytes behind the end.",
    "conflict": "What the call asks for goes against what is there already; `detail` says how.",
    "idempotency_conflict": "The `Idempotency-Key` was used with another body or other options.",
    "row_changed": "Somebody has changed this row meanwhile. Read it again, then send its `ETag` as `If-Match`.",
    "no_row_yet": "The image is still to be read; correct its row when it is there.",
    "job_not_final": "The job is still worked on. Ask again when it is final.",
    "model_in_use": "The model is the default, on trial, or that of open jobs; `detail` says which.",
    "nothing_before": "No other model is known to have been the default before.",
    "nothing_failed": "None of the job's images has failed, so there is nothing to try again.",
    "expired": "The job was finished, and its rows were kept for as long as it asked.",
    "upload_too_large": "The upload has more bytes than the service takes; split it.",
    "too_many_images": "The upload has more images, or more files, than the service takes; split it.",
    "unsupported_media_type": "Send multipart/form-data, a raw zip or image, or application/json; `detail` says which.",
    "corrupt_archive": "A zip is damaged or cut off; make it again.",
    "no_images": "The upload holds only folders and system files, or an empty zip.",
    "source_failed": "A file of the source cannot be had: it is not there, or may not be read. `detail` says which.",
    "source_unavailable": "The source does not answer at this moment; try again after `Retry-After` seconds.",
    "rate_limited": "Too many requests in a minute; wait for `Retry-After` seconds.",
    "too_many_jobs": "Your open jobs are as many as they may be; wait until one is done, or cancel one.",
    "quota_used": "The key may submit no more images today: `Retry-After` leads to midnight (UTC).",
    "overloaded": "The service has too much to do at this moment; wait for `Retry-After` seconds.",
    "storage_unavailable": "Redis or the upload storage does not answer; try again in a moment.",
    "no_worker": "No worker process is alive.",
    "no_trainer": "No trainer is alive, which the call needs; its administrator is to start one.",
    "store_replaced": "The service has lost its records; its administrator is to restore a backup.",
    INTERNAL_ERROR: "The server failed; its log says why, under the answer's `X-Request-Id`.",
    "upload_lost": "A job failed because its upload is no longer stored.",
    "unknown_kind": "No worker knows the kind of work that a job is; its administrator is to update the workers.",
    "model_rejected": "A model's files do not fit its manifest, or need another release.",
    "model_broken": "A file that was to be published is no whole `.keras` file. Save the model again.",
    "model_unsafe": "A file that was to be published holds what a network of built-in layers needs not.",
    "model_too_large": "A model that was to be published takes more bytes, memory or time than one may.",
    "model_unfit": "A network that was to be published does not do what a model of digits must; `detail` says what.",
    "engine_unavailable": "The engine or the device that the settings ask for is not there.",
}
FAILURES: Mapping[FailureCode, str] = {
    FailureCode.NOT_AN_IMAGE: "The file is no image.",
    FailureCode.TRUNCATED_IMAGE: "The image is cut off.",
    FailureCode.UNSUPPORTED_FORMAT: "The image or its compression is of a kind that is not read.",
    FailureCode.IMAGE_TOO_LARGE: "The image has too many pixels or pages.",
    FailureCode.ENCRYPTED_MEMBER: "The zip member is encrypted.",
    FailureCode.CORRUPT_MEMBER: "The zip member is damaged.",
    FailureCode.MEMBER_TOO_LARGE: "The file has too many bytes.",
    FailureCode.NESTED_ARCHIVE: "The file is an archive within an archive.",
    FailureCode.PROCESSING_FAILED: "The workers failed several times on the images around this one.",
    FailureCode.PAGE_NOT_REGISTERED: "The page does not show the form of the job's template.",
    FailureCode.NO_TEMPLATE: "The page shows none of the job's templates, or fits two equally well.",
    FailureCode.SEVERAL_PAGES: "The scan shows two pages of the job's templates: cut it apart.",
    FailureCode.POISON_IMAGE: "The image ended every worker that tried to read it.",
}
OTHER_STATUSES: Mapping[str, int] = {
    "bad_request": 400,
    "method_not_allowed": 405,
    "requested_range_not_satisfiable": 416,
    INTERNAL_ERROR: 500,
}
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Field:
    """A row of a table: ``place`` is where a parameter comes (query, header, path), or empty."""

    name: str
    kind: str
    text: str
    place: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    id: str
    method: str
    path: str
    summary: str
    text: str
    parameters: list[Field]
    bodies: list[Field]
    answers: list[Field]


@dataclass(frozen=True, slots=True)
class ErrorCode:
    code: str
    status: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Documentation:
    tags: dict[str, list[Call]]
    documents: dict[str, tuple[str, list[Field]]]
    errors: list[ErrorCode]
    failures: list[ErrorCode]


def document_for_people(openapi: Mapping[str, Any]) -> Documentation:
    tags: dict[str, list[Call]] = {tag["name"]: [] for tag in openapi["tags"]}
    for path, operations in openapi["paths"].items():
        for method in METHODS:
            if method in operations:
                call = _call(method, path, operations[method])
                tags[operations[method]["tags"][0]].append(call)
    return Documentation(
        tags=tags,
        documents={
            name: (schema.get("description", ""), list(_properties(schema)))
            for name, schema in openapi["components"]["schemas"].items()
            if "properties" in schema
        },
        errors=sorted(error_codes(), key=lambda error: (error.status or 0, error.code)),
        failures=[ErrorCode(code.value, None, text) for code, text in FAILURES.items()],
    )


def error_codes() -> Iterator[ErrorCode]:
    """Every code that a problem or a failed job can carry, beside the failures of single images."""
    statuses = {kind.code: int(status_of(kind)) for kind in _kinds(DigitmillError)}
    for code, text in MEANINGS.items():
        yield ErrorCode(code, OTHER_STATUSES.get(code, statuses.get(code)), text)


def _kinds(kind: type[DigitmillError]) -> Iterator[type[DigitmillError]]:
    for child in kind.__subclasses__():
        yield child
        yield from _kinds(child)


def _call(method: str, path: str, described: Mapping[str, Any]) -> Call:
    return Call(
        id=described["operationId"],
        method=method.upper(),
        path=path,
        summary=described.get("summary", ""),
        text=described.get("description", ""),
        parameters=[
            Field(
                parameter["name"],
                kind_of(parameter["schema"]),
                parameter.get("description", ""),
                parameter["in"],
                parameter.get("required", False),
            )
            for parameter in described["parameters"]
        ],
        bodies=[
            Field(media_type, "", ", ".join(content["schema"].get("properties", {})) or _name_of(content["schema"]))
            for media_type, content in described.get("requestBody", {}).get("content", {}).items()
        ],
        answers=[
            Field(f"{status} {HTTPStatus(int(status)).phrase}", ", ".join(_contents(answer)), answer["description"])
            for status, answer in sorted(described["responses"].items())
        ],
    )


def _contents(answer: Mapping[str, Any]) -> Iterator[str]:
    for media_type, content in answer.get("content", {}).items():
        name = _name_of(content["schema"])
        yield f"{media_type}: {name}" if name else media_type


def _name_of(schema: Mapping[str, Any]) -> str:
    """The document that a schema refers to, if any."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _properties(schema: Mapping[str, Any]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, described in schema["properties"].items():
        yield Field(name, kind_of(described), described.get("description", ""), required=name in required)


def kind_of(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(kind_of(choice) for choice in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kind = str(schema.get("type", "anything"))
    if kind == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    if "minimum" in schema and "maximum" in schema:
        return f"{kind}, {schema['minimum']:g} to {schema['maximum']:g}"
    return f"{kind} ({schema['format']})" if "format" in schema else kind
