"""What a template is held to that somebody wants to publish, beyond those that were published before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from digitmill.errors import BadTemplate
from digitmill.forms.imported import from_widgets
from digitmill.forms.proposed import proposed
from digitmill.forms.template import Template


def with_options(*names: str, **said: Any) -> str:
    boxes = {name: [[x, 100], [x + 30, 100], [x + 30, 130], [x, 130]] for x, name in enumerate(names, start=100)}
    field = {"name": "answer", "kind": "mark", "options": boxes, **said}
    page = {"width": 800, "height": 1100, "dpi": 100}
    return json.dumps({"name": "form", "version": "1", "page": page, "fields": [field]})


@pytest.mark.parametrize("text", [with_options("はい", "yes, often"), with_options("a b", "=x", choose="any")])
def test_options_that_a_person_can_answer_with_are_taken(text: str) -> None:
    assert proposed(text) == Template.parsed(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (with_options("a", "b,c", choose="any"), "fields[0].options.b,c"),
        (with_options("a", " b"), "fields[0].options. b"),
        (with_options("a\nb"), "fields[0].options.a\nb"),
    ],
)
def test_options_that_nobody_can_answer_with_are_refused_and_still_read(text: str, place: str) -> None:
    with pytest.raises(BadTemplate) as refusal:
        proposed(text)
    assert [error.field for error in refusal.value.errors] == [place]
    assert Template.parsed(text)


def test_ticks_of_a_pdf_get_names_that_can_be_answered_with() -> None:
    ticks: list[Any] = [
        {"type": "tick", "name": "answer", "value": value, "box": (place / 10, 0.5, place / 10 + 0.05, 0.55)}
        for place, value in enumerate((" yes,\tof course ", "", "no"), start=1)
    ]
    draft = from_widgets(ticks, "form", (800, 1100))
    assert list(draft["fields"][0]["options"]) == ["yes of course", "yes", "no"]
    proposed(json.dumps(draft))
