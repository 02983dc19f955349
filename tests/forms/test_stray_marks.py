"""A mark beside the box that it is for: on the option's printed label, or around it."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Options
from digitmill.domain.rows import Reason, RowStatus, Value
from digitmill.forms.registration.finding import Scan, registered
from digitmill.forms.registration.reference import Reference
from digitmill.forms.stray_marks import has_mark_beside
from digitmill.forms.template import Template
from digitmill.readers.form import FormReader
from training.forms.boxes import Seeing
from training.forms.capture import captured

Grey = NDArray[np.uint8]

SIZE = (1240, 877)
SIDE, LEFT, STEP = 30, 200, 160
ROWS = {"one": 250, "any": 350, "taken_back": 450, "close": 550}
LABELS = {"A": "yes", "B": "seldom", "C": "never"}
CAPTURES = ["flatbed", "coarse", "fax", "phone"]


def left_of(row: str, option: str) -> int:
    return LEFT + "ABC".index(option) * (SIDE + 10 if row == "close" else STEP)


def template(*, blank: bool) -> Template:
    def box(row: str, option: str) -> list[list[int]]:
        left, top = left_of(row, option), ROWS[row]
        return [[left, top], [left + SIDE, top], [left + SIDE, top + SIDE], [left, top + SIDE]]

    def field(row: str, **more: str) -> dict[str, object]:
        return {"name": row, "kind": "mark", "options": {option: box(row, option) for option in LABELS}, **more}

    fields = [field("one"), field("any", choose="any"), field("taken_back", blackened="taken_back"), field("close")]
    height, width = SIZE
    page = {"width": width, "height": height, "dpi": 105, "blank": blank}
    return Template.model_validate({"name": "marks", "version": "1", "page": page, "fields": fields}, strict=False)


@cache
def sheet() -> Grey:
    page = np.full(SIZE, 255, np.uint8)
    for row, top in ROWS.items():
        for option, label in LABELS.items():
            middle = (left_of(row, option) + SIDE // 2, top + SIDE // 2)
            cv2.circle(page, middle, SIDE // 2, 0, 2, cv2.LINE_AA)
            if row != "close":
                cv2.putText(page, label, (middle[0] + SIDE, middle[1] + 7), 0, 0.7, 0, 2, cv2.LINE_AA)
    random = np.random.default_rng(4)
    for line in range(20):
        text = "".join(random.choice(list("abcdefghklmnopqrstuvwxyz   "), 34))
        cv2.putText(page, text, (60, 60 + line * 14 if line < 10 else 580 + line * 25), 0, 0.5, 0, 1, cv2.LINE_AA)
    return page


def spot(row: str, option: str, beside: float = 0.0) -> tuple[int, int]:
    """The middle of a box, or what lies so many of its widths to its right."""
    return round(left_of(row, option) + SIDE * (0.5 + beside)), ROWS[row] + SIDE // 2


def crossed(page: Grey, middle: tuple[int, int], reach: int = 13) -> None:
    x, y = middle
    for way in (-1, 1):
        cv2.line(page, (x - reach, y - way * reach), (x + reach, y + way * reach), 40, 3, cv2.LINE_AA)


def ringed(page: Grey, middle: tuple[int, int], axes: tuple[int, int]) -> None:
    cv2.ellipse(page, middle, axes, 0, 0, 360, 40, 3, cv2.LINE_AA)


def read(page: Grey, kind: str = "flatbed") -> dict[str, Value]:
    picture = captured(page, 105, kind, np.random.default_rng(8)).picture
    opened = FormReader([Reference(template(blank=True), sheet())]).open(picture, Options(), Seeing())
    values = {field.name: found for field, found in opened.found if isinstance(found, Value)}
    assert values.keys() == ROWS.keys()
    return values


@pytest.mark.parametrize("kind", CAPTURES)
def test_a_cross_on_the_label_of_an_option_is_no_empty_field(kind: str) -> None:
    page = sheet().copy()
    crossed(page, spot("one", "B", 1.6))
    found = read(page, kind)
    assert (found["one"].status, found["one"].reason) == (RowStatus.REVIEW, Reason.BLANK)
    assert all(found[row].status is RowStatus.BLANK for row in ("any", "taken_back", "close"))


@pytest.mark.parametrize("kind", CAPTURES)
def test_a_tick_before_the_first_box_or_behind_the_last_label_is_seen(kind: str) -> None:
    page = sheet().copy()
    crossed(page, spot("one", "A", -1.4))
    x, y = spot("any", "C", 2.2)
    cv2.polylines(page, [np.array([(x - 10, y), (x - 2, y + 10), (x + 14, y - 14)])], False, 40, 3, cv2.LINE_AA)
    found = read(page, kind)
    assert [found[row].reason for row in ("one", "any")] == [Reason.BLANK, Reason.BLANK]


@pytest.mark.parametrize("kind", CAPTURES)
def test_a_ring_around_a_label_is_no_empty_field(kind: str) -> None:
    page = sheet().copy()
    ringed(page, spot("one", "B", 2.1), (40, 22))
    assert read(page, kind)["one"].reason is Reason.BLANK


def test_a_ring_around_a_box_and_its_label_is_no_empty_field() -> None:
    page = sheet().copy()
    ringed(page, spot("one", "B", 1.4), (78, 30))
    assert read(page)["one"].reason is Reason.BLANK


@pytest.mark.parametrize(("row", "reason"), [("one", Reason.SEVERAL), ("any", Reason.UNSURE)])
def test_of_a_mark_in_a_box_and_another_one_beside_a_person_chooses(row: str, reason: Reason) -> None:
    page = sheet().copy()
    crossed(page, spot(row, "A"), 10)
    crossed(page, spot(row, "C", 1.6))
    found = read(page)[row]
    assert (found.text, found.status, found.reason) == ("A", RowStatus.REVIEW, reason)


@pytest.mark.parametrize("kind", CAPTURES)
def test_a_mark_that_reaches_far_out_of_its_box_is_its_own(kind: str) -> None:
    page = sheet().copy()
    x, y = spot("one", "B")
    cv2.polylines(page, [np.array([(x - 12, y), (x, y + 12), (x + 60, y - 26)])], False, 40, 3, cv2.LINE_AA)
    crossed(page, spot("any", "A"), 24)
    crossed(page, spot("close", "B"), 12)
    found = read(page, kind)
    assert {row: found[row].text for row in ("one", "any", "close")} == {"one": "B", "any": "A", "close": "B"}
    assert all(found[row].status is RowStatus.RECOGNIZED for row in ("one", "any", "close"))


def test_a_box_that_was_taken_back_may_be_blackened_beyond_its_line() -> None:
    page = sheet().copy()
    cv2.circle(page, spot("taken_back", "A"), 22, 40, -1, cv2.LINE_AA)
    crossed(page, spot("taken_back", "B"), 10)
    assert read(page)["taken_back"][:2] == ("B", RowStatus.RECOGNIZED)


def test_a_dot_and_a_slip_of_the_pen_are_no_marks() -> None:
    page = sheet().copy()
    x, y = spot("one", "A", 1.0)
    cv2.circle(page, (x, y + 16), 2, 40, -1)
    cv2.line(page, (x + 70, y), (x + 74, y - 3), 40, 2)
    assert read(page)["one"].status is RowStatus.BLANK


@pytest.mark.parametrize("blank", [False, True])
def test_nothing_is_said_where_no_blank_page_tells_what_is_print(blank: bool) -> None:
    page = sheet().copy()
    crossed(page, spot("one", "B", 1.6))
    picture = captured(page, 105, "flatbed", np.random.default_rng(8)).picture
    registration = registered(Scan(picture), Reference(template(blank=blank), sheet()))
    assert registration is not None
    assert has_mark_beside(registration, 0, ()) is blank
