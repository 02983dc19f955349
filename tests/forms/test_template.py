"""Templates: parsed strictly, with the place of every fault, within limits, and the same again from their JSON."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from digitmill.errors import BadTemplate
from digitmill.forms.geometry import Quad, cells_of, homography_between, is_convex, mapped, sides_of
from digitmill.forms.template import MOST_BYTES, DigitsField, MarkField, NumberField, Template
from tests.forms.pages import TALLY, tally

FLAT = [[10, 10], [10, 10], [10, 40], [10, 40]]
BACKWARDS = [[100, 0], [0, 0], [0, 50], [100, 50]]
OUTSIDE = [[1600, 100], [1700, 100], [1700, 160], [1600, 160]]


def quads(size: int = 1000) -> st.SearchStrategy[Quad]:
    """Any square of 40 to 200 pixels whose corners each went astray by up to a quarter of its side."""
    shift = st.floats(-0.25, 0.25)

    def bent(x: float, y: float, side: float, moves: list[tuple[float, float]]) -> Quad:
        square = ((0, 0), (1, 0), (1, 1), (0, 1))
        one, two, three, four = (
            (x + side * (a + across), y + side * (b + down))
            for (a, b), (across, down) in zip(square, moves, strict=True)
        )
        return one, two, three, four

    start, moves = st.floats(100, size - 300), st.lists(st.tuples(shift, shift), min_size=4, max_size=4)
    return st.builds(bent, start, start, st.floats(40, 200), moves)


def test_what_the_clerk_does_is_what_a_template_leaves_unsaid() -> None:
    template = Template.parsed(tally())
    station, male, amount, answer = template.fields[:4]
    assert isinstance(station, DigitsField)
    assert isinstance(male, DigitsField)
    assert isinstance(amount, NumberField)
    assert isinstance(answer, MarkField)
    assert station.empty == "refuse"
    assert (male.empty, male.crossed, male.dash, male.struck_out) == ("empty", "empty", "empty", "review")
    assert (male.align, amount.length, answer.choose, answer.blackened) == ("right", (0, 32), "one", "chosen")
    assert template.label == "tally@1"


def test_a_field_has_a_label_of_any_script_and_templates_without_stay_as_they_were() -> None:
    document = json.loads(tally())
    before = Template.parsed(json.dumps(document)).as_json()
    assert '"label"' not in before, "a template that is published has the same text as ever"
    # composed or not, one text
    for place, text in enumerate(("Anzahl der Ma\u0308nner", "Мужчины", "男性の数")):
        document["fields"][place]["label"] = text
    labels = [field.label for field in Template.parsed(json.dumps(document)).fields]
    assert labels[:3] == ["Anzahl der Männer", "Мужчины", "男性の数"]
    assert set(labels[3:]) == {None}
    again = Template.parsed(Template.parsed(json.dumps(document)).as_json())
    assert [field.label for field in again.fields] == labels


@pytest.mark.parametrize("text", ["", " ", "a\nb", "a ", "\u202e12", "x" * 201])
def test_a_label_is_one_line_of_text(text: str) -> None:
    document = json.loads(tally())
    document["fields"][0]["label"] = text
    with pytest.raises(BadTemplate, match=r"fields\[0\]\.label"):
        Template.parsed(json.dumps(document))


def test_a_grid_becomes_boxes_side_by_side() -> None:
    (station, *_) = Template.parsed(tally()).fields
    assert len(station.quads) == 7
    assert np.allclose(station.quads[2], ((200, 100), (250, 100), (250, 160), (200, 160)))


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        ("fields.1.boxes.2", FLAT, "fields[1].boxes[2]"),
        ("fields.1.boxes.2", BACKWARDS, "fields[1].boxes[2]"),
        ("fields.1.boxes.2", OUTSIDE, "fields[1].boxes[2]"),
        ("fields.1.boxes.2", [[1, 2]], "fields[1].boxes[2][1]"),
        ("fields.1.boxes.0.3", [1, "2"], "fields[1].boxes[0][3][1]"),
        ("fields.1.boxes", [], "fields[1].boxes"),
        ("fields.1.length", [3, 1], "fields[1].length"),
        ("fields.1.length", [0, 4], "fields[1]"),
        ("fields.1.name", "station", "fields[1].name"),
        ("fields.1.name", "status", "fields[1].name"),
        ("fields.1.name", "two words", "fields[1].name"),
        ("fields.1.kind", "digit", "fields[1]"),
        ("fields.1.empty", "zero", "fields[1].empty"),
        ("fields.1.colour", "red", "fields[1].colour"),
        ("fields.0.boxes", TALLY["fields"][1]["boxes"], "fields[0]"),
        ("fields.0.grid.cells", 33, "fields[0].grid.cells"),
        ("fields.0.grid.quad", OUTSIDE, "fields[0].grid.quad"),
        ("fields.2.separators", "x", "fields[2].separators"),
        ("fields.3.options", {}, "fields[3].options"),
        ("fields.3.options.B", BACKWARDS, "fields[3].options.B"),
        ("fields.3.options.B", OUTSIDE, "fields[3].options.B"),
        ("fields", [], "fields"),
        ("name", "../tally", "name"),
        ("page.width", 10, "page.width"),
        ("page.width", "1654", "page.width"),
        ("page.number", 2, "page"),
        ("registration.method", "markers", "registration"),
        ("registration.method", "code", "registration"),
        ("registration.markers", [{"kind": "square", "id": 3, "quad": FLAT}], "registration.markers[0].quad"),
        ("checks.0.rule", "", "checks[0].rule"),
        ("checks.0.rule", "x" * 501, "checks[0].rule"),
    ],
)
def test_a_fault_is_named_with_its_place(place: str, value: object, named: str) -> None:
    with pytest.raises(BadTemplate) as refused:
        Template.parsed(tally(place, value))
    assert named in [error.field for error in refused.value.errors]
    assert named in refused.value.detail


@pytest.mark.parametrize("text", ["", "null", "[]", '{"name": "x"', '{"page": NaN}', "\ud800", "{}" * 3, "[" * 10_000])
def test_what_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(BadTemplate):
        Template.parsed(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e308"])
def test_numbers_that_are_none_are_refused(number: str) -> None:
    text = tally("fields.1.boxes.0.0.0", 12345.5).replace("12345.5", number)
    with pytest.raises(BadTemplate):
        Template.parsed(text)


def test_more_fields_boxes_and_bytes_than_a_page_has_are_refused() -> None:
    boxes = [TALLY["fields"][1]["boxes"][0]] * 32
    many = [{"name": f"f{number}", "kind": "digits", "boxes": boxes} for number in range(63)]
    for fields in (many, many[:1] * 501):
        with pytest.raises(BadTemplate):
            Template.parsed(tally("fields", fields))
    most = tally("fields", many[:62]).replace("male == amount", "f0 == f61")
    assert Template.parsed(most).fields[61].name == "f61"
    with pytest.raises(BadTemplate, match="larger"):
        Template.parsed(tally().ljust(MOST_BYTES + 1))


def test_a_hundred_faults_are_told_by_the_first_twenty() -> None:
    with pytest.raises(BadTemplate) as refused:
        Template.parsed(tally("fields", [{"kind": "picture"}] * 100))
    assert len(refused.value.errors) == 20


def test_a_name_of_a_list_that_is_none_is_told_by_that_name() -> None:
    with pytest.raises(BadTemplate) as refusal:
        Template.parsed(json.dumps({**TALLY, "lists": {"all stations": ["1"]}}))
    assert [error.field for error in refusal.value.errors] == ["lists.all stations"]


def test_names_that_two_fields_have_are_told_with_other_faults() -> None:
    first = TALLY["fields"][0]
    fields = [first, {**first, "label": ""}, {**first, "name": "1"}, {**first, "name": "1"}, 5]
    with pytest.raises(BadTemplate) as refusal:
        Template.parsed(json.dumps({**TALLY, "fields": fields}))
    places = [error.field for error in refusal.value.errors]
    assert sorted(places) == ["fields[1].label", "fields[1].name", "fields[2].name", "fields[3].name", "fields[4]"]
    assert [error.message for error in refusal.value.errors][-1] == "fields[0] has this name too"


def test_a_template_cannot_be_changed() -> None:
    template = Template.parsed(tally())
    answer = template.fields[3]
    assert isinstance(answer, MarkField)
    with pytest.raises(ValidationError):
        template.name = "other"  # type: ignore[misc]  # what mypy forbids fails at run time too
    with pytest.raises(TypeError):
        answer.options["A"] = answer.options["B"]  # type: ignore[index]
    with pytest.raises(TypeError):
        template.fields[0] = answer  # type: ignore[index]


@given(quads(), st.integers(1, 32), st.sampled_from(["left", "right"]), st.sampled_from(["empty", "review", "refuse"]))
def test_a_template_is_the_same_again_from_its_json(quad: Quad, cells: int, align: str, meaning: str) -> None:
    field = {"name": "n", "kind": "digits", "grid": {"quad": quad, "cells": cells}, "align": align, "dash": meaning}
    template = Template.parsed(tally("fields.0", field))
    again = Template.parsed(template.as_json())
    assert again == template
    assert again.as_json() == template.as_json()
    assert json.loads(again.as_json())["fields"][0]["grid"]["cells"] == cells


@given(quads(), st.integers(1, 32))
def test_cells_share_their_sides_and_fill_the_quad(quad: Quad, cells: int) -> None:
    parts = cells_of(quad, cells)
    assert np.allclose([parts[0][0], parts[-1][1], parts[-1][2], parts[0][3]], quad, atol=0.01)
    for left, right in pairwise(parts):
        assert (left[1], left[2]) == (right[0], right[3])
    assert all(is_convex(part) for part in parts)


@given(quads(), quads(), st.integers(1, 12))
def test_cells_of_a_page_seen_askew_are_the_cells_askew(quad: Quad, view: Quad, cells: int) -> None:
    """Dividing and looking from aside can change places, but for the rounding of float32 inside OpenCV."""
    askew = homography_between(np.array(((0, 0), (1000, 0), (1000, 1000), (0, 1000)), float), np.array(view))
    seen = mapped(askew, np.array(quad))
    one, two, three, four = ((float(x), float(y)) for x, y in seen)
    if sides_of((one, two, three, four)).min() < 1:
        return
    direct = np.array(cells_of((one, two, three, four), cells)).reshape(-1, 2)
    divided = mapped(askew, np.array(cells_of(quad, cells)).reshape(-1, 2))
    assert np.allclose(direct, divided, atol=0.05)
