"""A digit beside the boxes of a number, for which there was no box left."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS, Reason, RowStatus
from digitmill.forms.beyond import has_digit_beyond
from digitmill.forms.digits import Box, value_of
from digitmill.forms.registration.finding import Registration, Scan, registered
from digitmill.forms.registration.reference import Reference
from digitmill.forms.template import DigitsField, Template
from training.forms.capture import captured

Grey = NDArray[np.uint8]

SIZE = (1240, 877)
CELL, TALL = 40, 50
LEFT, TOP = 300, 300
FREE, LABELLED, NEAR = 0, 1, 2
"""Fields: with paper on both sides; between printed words; directly before the boxes of another."""


def template(*, blank: bool) -> Template:
    def row(name: str, left: int, top: int) -> dict[str, object]:
        quad = [[left, top], [left + 3 * CELL, top], [left + 3 * CELL, top + TALL], [left, top + TALL]]
        return {"name": name, "kind": "digits", "grid": {"quad": quad, "cells": 3}}

    height, width = SIZE
    document = {
        "name": "beyond",
        "version": "1",
        "page": {"width": width, "height": height, "dpi": 105, "blank": blank},
        "fields": [
            row("free", LEFT, TOP),
            row("labelled", LEFT, TOP + 200),
            row("near", LEFT, TOP + 400),
            row("next", LEFT + 3 * CELL + 6, TOP + 400),
        ],
    }
    return Template.model_validate(document, strict=False)


@cache
def sheet() -> Grey:
    page = np.full(SIZE, 255, np.uint8)
    for field in template(blank=True).fields:
        for quad in field.quads:
            cv2.polylines(page, [np.array(quad, np.int32)], True, 60, 2)
    random = np.random.default_rng(4)
    for line in range(14):
        text = "".join(random.choice(list("abcdefghklmnopqrstuvwxyz   "), 34))
        cv2.putText(page, text, (60, 60 + line * 14 if line < 7 else 860 + line * 25), 0, 0.5, 0, 1, cv2.LINE_AA)
    words = {"boys": (LEFT - 75, TOP + 232), "of them": (LEFT + 3 * CELL + 8, TOP + 232)}
    for word, place in words.items():
        cv2.putText(page, word, place, 0, 0.7, 0, 2, cv2.LINE_AA)
    return page


def written(*strokes: tuple[int, int], tall: int = 36) -> Grey:
    """The sheet with upright strokes, each given by its middle."""
    page = sheet().copy()
    for x, y in strokes:
        cv2.line(page, (x + 2, y - tall // 2), (x - 2, y + tall // 2), 40, 4, cv2.LINE_AA)
    return page


def found(page: Grey, kind: str = "flatbed", *, blank: bool = True) -> Registration:
    scan = Scan(captured(page, 105, kind, np.random.default_rng(8)).picture)
    registration = registered(scan, Reference(template(blank=blank), sheet()))
    assert registration is not None
    return registration


def boxes_of(row: int) -> list[tuple[int, int]]:
    return [(LEFT + CELL // 2 + box * CELL, TOP + TALL // 2 + 200 * row) for box in range(3)]


@pytest.mark.parametrize("kind", ["flatbed", "coarse", "fax", "phone"])
@pytest.mark.parametrize("beside", [-CELL // 2 - 4, 3 * CELL + CELL // 2 + 4])
def test_a_digit_on_either_side_of_the_boxes_is_seen(kind: str, beside: int) -> None:
    _, middle = boxes_of(FREE)[0]
    assert has_digit_beyond(found(written(*boxes_of(FREE), (LEFT + beside, middle)), kind), FREE)


@pytest.mark.parametrize("kind", ["flatbed", "coarse", "fax", "phone"])
def test_digits_within_their_boxes_are_not_taken_for_one_beside(kind: str) -> None:
    registration = found(written(*(place for row in (FREE, LABELLED, NEAR) for place in boxes_of(row))), kind)
    assert not any(has_digit_beyond(registration, row) for row in (FREE, LABELLED, NEAR))


def test_a_digit_that_leans_out_of_the_last_box_is_its_own() -> None:
    *others, (x, y) = boxes_of(FREE)
    assert not has_digit_beyond(found(written(*others, (x + CELL // 2 - 4, y))), FREE)


def test_a_dot_beside_the_boxes_is_no_digit() -> None:
    right, middle = LEFT + 3 * CELL + CELL // 2, boxes_of(FREE)[0][1]
    page = cv2.circle(written(*boxes_of(FREE)), (right, middle + 15), 3, 40, -1)
    assert not has_digit_beyond(found(np.asarray(page, np.uint8)), FREE)


@pytest.mark.parametrize("row", [LABELLED, NEAR])
def test_nothing_is_said_where_print_or_another_field_stands_beside_the_boxes(row: int) -> None:
    _, middle = boxes_of(row)[0]
    assert not has_digit_beyond(found(written((LEFT + 3 * CELL + CELL // 2 + 4, middle))), row)


def test_nothing_is_said_where_no_blank_page_tells_what_is_print() -> None:
    _, middle = boxes_of(FREE)[0]
    page = written((LEFT + 3 * CELL + CELL // 2 + 4, middle))
    assert not has_digit_beyond(found(page, blank=False), FREE)


@pytest.mark.parametrize(("beyond", "reason"), [(False, None), (True, Reason.LENGTH)])
def test_a_number_with_a_digit_beside_its_boxes_goes_to_review(beyond: bool, reason: Reason | None) -> None:
    field = template(blank=True).fields[FREE]
    assert isinstance(field, DigitsField)
    probabilities = np.full((3, len(DIGITS)), 1e-6, np.float32)
    probabilities[:, 1] = 1
    boxes = [Box.said((0, 0, 9, 9), each, DIGITS, 1.0, doubtful=False) for each in probabilities]
    boxes[-1] = replace(boxes[-1], beyond=beyond)
    value = value_of(field, boxes, sure_from=0.5, alternatives=1)
    assert (value.text, value.status is RowStatus.REVIEW, value.reason) == ("111", beyond, reason)
