"""Marks: which options of a page are marked, by how dark their boxes are beside its empty ones."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from digitmill.domain.rows import Reason, RowStatus, Value
from digitmill.forms.marks import BLACKENED, EMPTY, MARKED, rest_of, value_of
from digitmill.forms.template import MarkField

QUAD = ((0, 0), (20, 0), (20, 20), (0, 20))
BETWEEN = (EMPTY + MARKED) / 2


def value(ink: Mapping[str, float], rest: float = 0.0, **more: str) -> Value:
    document = {"name": "a", "kind": "mark", "options": dict.fromkeys("ABC", QUAD), **more}
    field = MarkField.model_validate(document, strict=False)
    return value_of(field, {name: ink.get(name, 0.0) + rest for name in "ABC"}, rest)


@pytest.mark.parametrize("rest", [0.0, 0.05])
def test_a_mark_is_ink_beyond_what_the_pages_empty_boxes_have(rest: float) -> None:
    assert value({"B": MARKED}, rest)[:2] == ("B", RowStatus.RECOGNIZED)
    assert value({"B": EMPTY}, rest) == Value(None, RowStatus.BLANK)


def test_what_is_hardly_a_mark_is_looked_at() -> None:
    found = value({"B": BETWEEN})
    assert (found.text, found.status, found.reason) == ("B", RowStatus.REVIEW, Reason.UNSURE)


def test_of_more_marks_than_may_be_a_person_chooses() -> None:
    found = value({"A": MARKED, "C": MARKED})
    assert (found.status, found.reason) == (RowStatus.REVIEW, Reason.SEVERAL)
    assert value({"A": MARKED, "C": MARKED}, choose="any").text == "A,C"


def test_a_blackened_box_means_what_the_template_says() -> None:
    ink = {"A": BLACKENED, "B": MARKED}
    assert value(ink, blackened="taken_back").text == "B"
    assert value(ink).reason is Reason.SEVERAL


def test_what_print_leaves_is_measured_on_the_emptier_boxes() -> None:
    assert rest_of([0.04, 0.05, 0.06, 0.5, 0.6]) == 0.05
    assert rest_of([0.5, 0.6, 0.7]) < MARKED + 0.1, "a page on which all are marked"
    assert rest_of([]) == 0
