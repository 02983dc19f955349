"""Faults of what strangers send are told in words, and each once."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import web
from digitmill.faults import faults_of, in_words
from digitmill.forms.template import Template
from digitmill.publishing.card import Card

ONE = '{"kind": "one"}'


class _One(BaseModel):
    kind: Literal["one"]


class _Two(BaseModel):
    kind: Literal["two"]


class _Sent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    parts: Annotated[tuple[Annotated[_One | _Two, Field(discriminator="kind")], ...], Field(min_length=1, max_length=2)]
    boxes: Annotated[list[int], Field(min_length=2)] = [1, 2]
    place: tuple[int, int] = (1, 2)
    inner: _One | None = None
    share: float = Field(0.5, ge=0, le=1)


def told(sent: str) -> list[str]:
    with pytest.raises(ValidationError) as refusal:
        _Sent.model_validate_json(sent)
    faults = faults_of(refusal.value)
    return [f"{'.'.join(map(str, fault['loc']))} {in_words(fault)}".strip() for fault in faults]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("{}", ["parts is missing"]),
        ("[]", ["must be a JSON object"]),
        ('{"parts": []}', ["parts must not be empty"]),
        ('{"parts": 3}', ["parts must be a list"]),
        ('{"parts": [{"kind": "one"}], "name": ""}', ["name must not be empty"]),
        ('{"parts": [{"kind": "one"}], "name": "long"}', ["name must have at most 3 characters"]),
        ('{"parts": [{"kind": "one"}], "name": 3}', ["name must be a text"]),
        ('{"parts": [{"kind": "one"}], "more": 3}', ["more is not known here"]),
        ('{"parts": [{"kind": "one"}], "inner": 3}', ["inner must be a JSON object"]),
        ('{"parts": [{"kind": "one"}], "boxes": [1]}', ["boxes must have at least 2 entries"]),
        ('{"parts": [{"kind": "one"}], "share": 2}', ["share must be less than or equal to 1"]),
        ('{"parts": [{}]}', ["parts.0 must have 'kind'"]),
        ('{"parts": [{"kind": "ten"}]}', ["parts.0 must have one of these as 'kind': 'one', 'two'"]),
        (f'{{"parts": [{", ".join([ONE] * 3)}]}}', ["parts has too many entries: at most 2"]),
    ],
)  # fmt: skip
def test_a_fault_is_told_once_and_in_words(sent: str, expected: list[str]) -> None:
    assert told(sent) == expected


def test_what_is_no_json_is_told_so() -> None:
    (message,) = told("{")
    assert message.startswith("is no JSON: ")


def _models(of: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in of.__subclasses__():
        if model.__module__.startswith(("web.", "digitmill.forms.template")):
            yield model
        yield from _models(model)


def _patterns(schema: Any) -> Iterator[tuple[str, str]]:
    """Each pattern of a text, with the name of its field."""
    if isinstance(schema, list):
        for each in schema:
            yield from _patterns(each)
    elif isinstance(schema, dict):
        for name, said in schema.get("properties", {}).items():
            yield from ((name, pattern) for _, pattern in _patterns(said))
        if isinstance(schema.get("pattern"), str):
            yield "", schema["pattern"]
        for name, said in schema.items():
            if name != "properties":
                yield from _patterns(said)


def test_no_text_that_is_written_otherwise_is_answered_with_a_regular_expression() -> None:
    for module in pkgutil.walk_packages(web.__path__, "web."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    models: set[type[BaseModel]] = {Template, Card, *_models(BaseModel)}
    found = {pair for model in models for pair in _patterns(model.model_json_schema())}
    assert len(found) > 10
    faults = [
        (name, {"type": "string_pattern_mismatch", "loc": (name,), "msg": "", "ctx": {"pattern": pattern}})
        for name, pattern in found
    ]
    assert [(name, fault["ctx"]) for name, fault in faults if in_words(fault, name).startswith("is not written")] == []
