"""A box that something lies on, such as correction fluid over a digit."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Options
from digitmill.domain.rows import DIGITS, Reason, RowStatus
from digitmill.forms.digits import Box, value_of
from digitmill.forms.registration.reference import Reference
from digitmill.forms.template import DigitsField, Template
from digitmill.readers.form import FormReader
from training.forms.boxes import Seeing
from training.forms.capture import captured

Grey = NDArray[np.uint8]

SIZE = (1240, 877)
WIDE, TALL, CELLS = 40, 50, 4
LEFT, FRAMED, DOTTED = 300, 300, 450
"""The left side of both fields, and their upper ones: of a comb, and of dotted boxes."""


def template(*, blank: bool) -> Template:
    def row(name: str, top: int) -> dict[str, object]:
        quad = [[LEFT, top], [LEFT + CELLS * WIDE, top], [LEFT + CELLS * WIDE, top + TALL], [LEFT, top + TALL]]
        return {"name": name, "kind": "digits", "grid": {"quad": quad, "cells": CELLS}}

    height, width = SIZE
    page = {"width": width, "height": height, "dpi": 105, "blank": blank}
    fields = [row("framed", FRAMED), row("dotted", DOTTED)]
    return Template.model_validate({"name": "covered", "version": "1", "page": page, "fields": fields}, strict=False)


@cache
def sheet() -> Grey:
    page = np.full(SIZE, 255, np.uint8)
    framed, dotted = template(blank=True).fields
    for quad in framed.quads:
        cv2.polylines(page, [np.array(quad, np.int32)], True, 60, 2)
    for (left, top), _, (right, bottom), _ in dotted.quads:
        for x in range(round(left), round(right), 5):
            for y in (round(top), round(bottom)):
                page[y : y + 2, x : x + 2] = 0
    random = np.random.default_rng(4)
    for line in range(24):
        text = "".join(random.choice(list("abcdefghklmnopqrstuvwxyz   "), 34))
        cv2.putText(page, text, (60, 60 + line * 14 if line < 12 else 560 + line * 25), 0, 0.5, 0, 1, cv2.LINE_AA)
    return page


def with_ones(top: int, places: tuple[int, ...]) -> Grey:
    page = sheet().copy()
    for place in places:
        x, y = LEFT + place * WIDE + WIDE // 2, top + TALL // 2
        cv2.line(page, (x + 2, y - 18), (x - 2, y + 18), 40, 4, cv2.LINE_AA)
    return page


def covered_in(page: Grey, field: int, kind: str = "flatbed", *, blank: bool = True) -> list[bool]:
    picture = captured(page, 105, kind, np.random.default_rng(8)).picture
    opened = FormReader([Reference(template(blank=blank), sheet())]).open(picture, Options(), Seeing())
    _, boxes = opened.found[field]
    assert isinstance(boxes, list)
    return [box.covered for box in boxes]


def fluid(page: Grey, top: int, place: int, beyond: int, above: int) -> None:
    """White over a box, from ``above`` pixels over its upper line on and so many beyond its other sides."""
    left = LEFT + place * WIDE
    page[top - above : top + TALL + beyond, left - beyond : left + WIDE + beyond] = 253


@pytest.mark.parametrize("kind", ["flatbed", "coarse", "fax", "phone"])
@pytest.mark.parametrize("above", [5, -6])
def test_a_box_whose_lines_are_hidden_is_covered(kind: str, above: int) -> None:
    page = with_ones(FRAMED, (1, 2, 3))
    fluid(page, FRAMED, 1, beyond=4, above=above)
    assert covered_in(page, 0, kind) == [False, True, False, False]


@pytest.mark.parametrize("kind", ["flatbed", "phone"])
def test_a_box_of_dots_may_be_covered_too(kind: str) -> None:
    page = with_ones(DOTTED, (0, 1, 2, 3))
    fluid(page, DOTTED, 0, beyond=4, above=5)
    assert covered_in(page, 1, kind) == [True, False, False, False]


@pytest.mark.parametrize("kind", ["flatbed", "coarse", "fax", "phone"])
def test_empty_boxes_are_not_taken_for_covered(kind: str) -> None:
    page = with_ones(FRAMED, (3,))
    assert not any(covered_in(page, 0, kind))
    assert not any(covered_in(page, 1, kind))


def test_what_was_written_on_the_cover_is_read() -> None:
    page = with_ones(FRAMED, (2, 3))
    fluid(page, FRAMED, 1, beyond=4, above=5)
    cv2.line(page, (LEFT + 62, FRAMED + 7), (LEFT + 58, FRAMED + 43), 40, 4, cv2.LINE_AA)
    assert not any(covered_in(page, 0))


def test_nothing_is_said_where_no_blank_page_tells_what_is_print() -> None:
    page = with_ones(FRAMED, (1, 2, 3))
    fluid(page, FRAMED, 1, beyond=4, above=5)
    assert not any(covered_in(page, 0, blank=False))


@pytest.mark.parametrize(("digits", "text"), [(2, "11"), (0, None)])
def test_a_field_with_a_covered_box_goes_to_review(digits: int, text: str | None) -> None:
    field = template(blank=True).fields[0]
    assert isinstance(field, DigitsField)
    probabilities = np.full(len(DIGITS), 1e-6, np.float32)
    probabilities[1] = 1
    boxes = [Box.empty((0, 0, 9, 9))] * (CELLS - digits)
    boxes += [Box.said((0, 0, 9, 9), probabilities, DIGITS, 1.0, doubtful=False)] * digits
    plain = value_of(field, boxes, sure_from=0.5, alternatives=1)
    assert (plain.text, plain.reason) == (text, None)
    value = value_of(field, [replace(boxes[0], covered=True), *boxes[1:]], sure_from=0.5, alternatives=1)
    assert (value.text, value.status, value.reason) == (text, RowStatus.REVIEW, Reason.DISPLACED)
