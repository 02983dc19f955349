"""The reference of the HTTP interface as a page, made of its OpenAPI document."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from digitmill.settings import Settings
from tests.in_process import in_process
from web.app import create_app

Document = Mapping[str, Any]

HEAD = """# The HTTP interface

Made of the description that the service answers at `/openapi.json`. [For integrators](integrator.md) tells how to use
it.
Beside the answers that stand with each call, all of `/v1` may answer with
[errors that any call may have](integrator.md#when-a-request-is-refused).
"""
EVERYWHERE = {"401", "403", "429", "500", "503"}
"""Statuses that any call may have."""


def description() -> Document:
    """The OpenAPI document of a service with the usual settings."""
    with tempfile.TemporaryDirectory() as var:
        here = in_process(Settings(var=Path(var)))
        found: Document = create_app(here.service).test_client().get("/openapi.json").get_json()
        here.store.close()
    return found


def page(document: Document) -> str:
    """The calls by their tags, then the schemas that they name."""
    calls = [
        (method.upper(), path, call) for path, calls in document["paths"].items() for method, call in calls.items()
    ]
    parts = [HEAD]
    for tag in dict.fromkeys(call["tags"][0] for _, _, call in calls):
        parts.append(f"## {tag}\n")
        parts += [_call(method, path, call) for method, path, call in calls if call["tags"][0] == tag]
    parts.append("## What the service sends\n")
    for name, item in document["webhooks"].items():
        parts.append(f"### Webhook `{name}`\n\n{item['post']['summary']}. {_body(item['post'])}\n")
    parts.append("## Schemas\n")
    parts += [_schema(name, schema) for name, schema in document["components"]["schemas"].items()]
    return "\n".join(parts)


def _call(method: str, path: str, call: Document) -> str:
    parts = [f"### {method} {path}\n", f"{call.get('summary', '')}.\n", call.get("description", ""), ""]
    if parameters := call.get("parameters"):
        rows = (
            (f"`{each['name']}`", each["in"], _kind(each["schema"]), each.get("description", "")) for each in parameters
        )
        parts += [_table(("parameter", "in", "is", "what"), rows)]
    if "requestBody" in call:
        parts += [_body(call), ""]
    answers = (
        (status, answer["description"], _contents(answer))
        for status, answer in call["responses"].items()
        if status not in EVERYWHERE
    )
    parts += [_table(("status", "what", "content"), answers)]
    return "\n".join(parts)


def _body(call: Document) -> str:
    body = call["requestBody"]
    return f"**Body** {body.get('description', '')} {_contents(body)}".strip()


def _contents(of: Document) -> str:
    return " · ".join(f"`{kind}`: {_kind(each.get('schema', {}))}" for kind, each in of.get("content", {}).items())


def _schema(name: str, schema: Document) -> str:
    parts = [f"### {name}\n", schema.get("description", ""), ""]
    required = schema.get("required", ())
    if properties := schema.get("properties"):
        rows = (
            (f"`{each}`{'' if each in required else ' (may be left out)'}", _kind(what), what.get("description", ""))
            for each, what in properties.items()
        )
        parts += [_table(("field", "is", "what"), rows)]
    else:
        parts += [f"{_kind(schema)}\n"]
    return "\n".join(parts)


def _kind(schema: Document) -> str:
    """In words, with links to schemas that have a name."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema and "properties" not in schema:
            return " or ".join(dict.fromkeys(_kind(each) for each in schema[several]))
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(each)}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if "properties" in schema:
        return "object of " + ", ".join(f"`{name}`: {_kind(each)}" for name, each in schema["properties"].items())
    return f"{schema.get('type', 'anything')}{_bounds(schema)}"


def _bounds(schema: Document) -> str:
    words = (
        ("from", "minimum"), ("above", "exclusiveMinimum"), ("to", "maximum"), ("at least long", "minLength"),
        ("at most long", "maxLength"), ("like", "pattern"), ("as", "format"),
    )  # fmt: skip
    told = [f"{word} `{schema[name]}`" for word, name in words if name in schema]
    return f" {', '.join(told)}" if told else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(_lines(head, rows))


def _lines(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |\n|{' --- |' * len(head)}\n"
    for row in rows:
        cells = (" ".join(cell.split()).replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |\n"
