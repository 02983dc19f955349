"""Cutting: boxes come out straight, without the form's print, and with the ink that people left."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.forms.boxes import written
from digitmill.forms.cutting import COARSEST, FINEST, Cut, cuts_of, without_lines, without_print
from digitmill.forms.registration.finding import Registration, Scan, registered
from digitmill.forms.registration.reference import Reference
from training.forms.capture import captured
from training.forms.layout import DPI, Form, laid_out

Grey = NDArray[np.uint8]

EMPTY, CROSSED = 0, 1
"""What the first two boxes of each field of digits hold in ``page``."""


@cache
def form() -> Form:
    return laid_out(np.random.default_rng(3), "cut")


@cache
def reference() -> Reference:
    return Reference(form().template, form().blank)


def digits() -> list[int]:
    return [number for number, field in enumerate(form().template.fields) if field.kind == "digits"]


def page(kind: str) -> Registration:
    """Of every field the first box is empty, and a stroke runs through the second from below to above it."""
    sheet = form().blank.copy()
    for number in digits():
        (left, top), _, (right, bottom), _ = np.array(form().template.fields[number].quads[CROSSED]).astype(int)
        middle = (left + right) // 2
        cv2.line(sheet, (middle + 6, top - 14), (middle - 6, bottom + 14), 30, 4, cv2.LINE_AA)
    found = registered(Scan(captured(sheet, DPI, kind, np.random.default_rng(8)).picture), reference())
    assert found is not None
    return found


def inside(cut: Cut) -> Grey:
    left, top, right, bottom = cut.box
    return cut.ink[top:bottom, left:right]


@pytest.mark.parametrize("kind", ["flatbed", "feeder", "phone", "curled"])
def test_an_empty_box_has_no_ink_and_a_stroke_goes_on_through_the_lines(kind: str) -> None:
    found = page(kind)
    for number in digits():
        cuts = cuts_of(found, number)
        assert (inside(cuts[EMPTY]) >= 128).mean() < 0.01
        rows = cuts[CROSSED].ink[cuts[CROSSED].box[1] : cuts[CROSSED].box[3]].max(axis=1)
        # between two lines of a table's frame, a millimetre apart, a stroke is too short to be told from their rims
        assert rows[3:-3].min() >= 100


@pytest.mark.parametrize("kind", ["flatbed", "coarse", "phone"])
def test_cuts_have_the_boxes_shape_and_a_margin(kind: str) -> None:
    found = page(kind)
    for number in digits():
        for quad, cut in zip(form().template.fields[number].quads, cuts_of(found, number), strict=True):
            left, top, right, bottom = cut.box
            shorter = min(right - left, bottom - top)
            assert COARSEST - 1 <= shorter <= FINEST + 1
            assert 0.2 * shorter < left < 0.3 * shorter
            assert cut.picture.shape == cut.ink.shape == (bottom + top, right + left)
            (x, y), _, (x_end, y_end), _ = quad
            assert (right - left) / (bottom - top) == pytest.approx((x_end - x) / (y_end - y), abs=0.08)


def test_the_box_of_a_cut_is_where_it_says() -> None:
    number = digits()[0]
    sheet = form().blank.copy()
    (left, top), _, (right, bottom), _ = np.rint(np.array(form().template.fields[number].quads[0])).astype(int)
    sheet[top + 1 : bottom, left + 1 : right] = 0
    found = registered(Scan(sheet), reference())
    assert found is not None
    cut = cuts_of(found, number)[0]
    dark = np.argwhere(cut.picture < 128)
    first_x, first_y, past_x, past_y = cut.box
    near = dark[(abs(dark - (first_y, first_x)).max(axis=1) < 3) | (abs(dark - (past_y, past_x)).max(axis=1) < 3)]
    assert len(near) > 4
    assert cut.picture[first_y + 2 : past_y - 2, first_x + 2 : past_x - 2].max() < 100


BOX = (15, 15, 55, 65)


def box_with_print(line: int) -> Grey:
    picture = np.zeros((80, 70), np.uint8)
    cv2.rectangle(picture, (15, 15), (54, 64), 255, line)
    return picture


@given(st.integers(1, 4), st.integers(-2, 2), st.integers(-2, 2), st.integers(140, 255))
def test_print_alone_leaves_nothing(line: int, across: int, down: int, strength: int) -> None:
    printed = box_with_print(line)
    seen = np.roll(np.minimum(printed, strength).astype(np.uint8), (down, across), (0, 1))
    assert without_print(seen, printed, BOX).max() == 0


@given(st.integers(1, 3), st.integers(24, 45), st.integers(24, 50), st.integers(2, 6))
def test_ink_away_from_print_stays_as_it_is(line: int, x: int, y: int, size: int) -> None:
    printed = box_with_print(line)
    seen = printed.copy()
    cv2.circle(seen, (x, y), size, 200, -1)
    stroke = cv2.circle(np.zeros_like(printed), (x, y), size, 200, -1) > 0
    clear = np.asarray(cv2.dilate(printed, np.ones((9, 9), np.uint8))) == 0
    for rest in (without_print(seen, printed, BOX), without_lines(seen, BOX)):
        assert (rest[stroke & clear] == 200).all()
        assert not rest[clear & ~stroke].any()


# a stroke that leans further to the right than these runs along the side of the box
@given(st.integers(1, 3), st.integers(25, 44), st.integers(-8, 8), st.integers(3, 6))
def test_a_stroke_across_a_line_is_not_cut_in_two(line: int, x: int, slant: int, pen: int) -> None:
    printed = box_with_print(line)
    seen = printed.copy()
    cv2.line(seen, (x, 35), (x + slant, 78), 255, pen)
    for rest in (without_print(seen, printed, BOX), without_lines(seen, BOX)):
        parts, _ = cv2.connectedComponents((rest >= 128).astype(np.uint8))
        assert parts == 2, "the ground and one stroke"


@given(st.integers(0, 100))
def test_paper_without_print_is_left_alone(seed: int) -> None:
    ink = np.random.default_rng(seed).integers(0, 256, (60, 50)).astype(np.uint8)
    assert np.array_equal(without_print(ink, np.zeros_like(ink), BOX), ink)


# the bar of a 7 lies on the upper line, or the stroke ends in a foot on the lower one
@given(st.integers(1, 2), st.integers(5, 7), st.integers(-1, 2), st.booleans(), st.booleans())
def test_a_stroke_that_runs_along_a_line_of_its_box_stays(
    line: int, pen: int, beside: int, low: bool, upright: bool
) -> None:
    y = 64 - beside if low else 15 + beside
    stroke = np.zeros((80, 70), np.uint8)
    cv2.line(stroke, (24, y), (44, y), 255, pen)
    cv2.line(stroke, (44, y), (30, 40), 255, pen)
    printed, box = box_with_print(line), BOX
    if upright:
        printed, stroke, box = np.ascontiguousarray(printed.T), np.ascontiguousarray(stroke.T), (15, 15, 65, 55)
    seen = np.maximum(printed, stroke)
    for rest in (without_print(seen, printed, box), without_lines(seen, box)):
        turned = rest.T if upright else rest
        assert (turned[y - 3 : y + 4, 26:43] >= 128).any(axis=0).all()


def test_a_strip_and_a_box_to_tick_keep_nothing_along_their_lines() -> None:
    printed = box_with_print(2)
    seen = printed.copy()
    cv2.line(seen, (24, 16), (44, 16), 255, 5)
    cv2.line(seen, (44, 16), (30, 40), 255, 5)
    for rest in (without_print(seen, printed, None), without_lines(seen, BOX, along=False)):
        assert not rest[:18, 26:38].any()
    for rest in (without_print(seen, printed, BOX), without_lines(seen, BOX)):
        assert (rest[15:18, 26:38] >= 128).all()


@given(st.integers(1, 2), st.integers(3, 6), st.integers(22, 48))
def test_a_stroke_that_ends_on_a_line_gets_no_bar(line: int, pen: int, x: int) -> None:
    printed = box_with_print(line)
    stroke = np.zeros_like(printed)
    cv2.line(stroke, (x, 15), (x, 58), 255, pen)
    seen = np.maximum(printed, stroke)
    near = np.asarray(cv2.dilate(stroke, np.ones((7, 7), np.uint8))) > 0
    for rest in (without_print(seen, printed, BOX), without_lines(seen, BOX)):
        assert not rest[~near].any()


@given(st.integers(150, 190), st.integers(0, 3), st.integers(2, 4))
@settings(max_examples=30)
def test_a_pencil_that_hardly_shows_beside_black_print_is_ink(tone: int, noise: int, pen: int) -> None:
    assert written(pale(tone, noise, pen)).picture is not None


@given(st.integers(0, 1_000), st.integers(0, 6))
@settings(max_examples=50)
def test_paper_with_grain_is_no_ink(seed: int, noise: int) -> None:
    assert written(pale(None, noise, 3, seed)).picture is None


@given(st.integers(150, 185), st.integers(0, 2), st.integers(2, 4))
@settings(max_examples=30)
def test_a_pencil_pressed_hard_at_one_end_leaves_its_whole_stroke(tone: int, noise: int, pen: int) -> None:
    cut = pale(tone, noise, pen, hard=100)
    picture = written(cut).picture
    assert picture is not None
    along = [picture[y, x - 1 : x + 2].min() for y in range(26, 71) for x in [round(50 - (y - 26) * 12 / 44)]]
    assert max(along) < cut.paper - 20, "none of it is taken for paper"


@given(st.integers(140, 175), st.integers(90, 130), st.integers(8, 10), st.integers(0, 2))
@settings(max_examples=30)
def test_a_broad_pen_that_runs_dry_leaves_all_of_a_digit_that_fills_its_box(
    tone: int, dark: int, pen: int, noise: int
) -> None:
    sheet = np.full((96, 90), 230, np.uint8)
    cv2.ellipse(sheet, (45, 48), (16, 20), 0, 0, 360, tone, pen, cv2.LINE_AA)
    cv2.ellipse(sheet, (45, 48), (16, 20), 0, 200, 300, dark, pen, cv2.LINE_AA)
    cut = boxed(sheet, noise)
    picture = written(cut).picture
    assert picture is not None
    assert (picture[sheet <= tone] < cut.paper - 20).all(), "none of it is taken for paper"


def pale(tone: int | None, noise: int, pen: int, seed: int = 0, hard: int | None = None) -> Cut:
    """A box on grainy paper, its black print already taken out of the ink, with a stroke of this tone. It ends in the
    tone ``hard``."""
    sheet = np.full((96, 90), 230, np.uint8)
    if tone is not None:
        cv2.line(sheet, (50, 26), (38, 70), tone, pen, cv2.LINE_AA)
    if hard is not None:
        cv2.line(sheet, (41, 60), (38, 70), hard, pen, cv2.LINE_AA)
    return boxed(sheet, noise, seed)


def boxed(sheet: Grey, noise: int, seed: int = 0) -> Cut:
    """What is drawn on a ``sheet`` uint8 [96, 90] of paper of 230, in a box of black print on grainy paper."""
    blank = np.full(sheet.shape, 230, np.uint8)
    cv2.rectangle(blank, (16, 16), (73, 79), 20, 2)
    grain = np.random.default_rng(seed).normal(0, noise, sheet.shape)
    picture = np.clip(np.minimum(sheet, blank) + grain, 0, 255).astype(np.uint8)
    scale = 255 / 210
    raw = np.clip((230 - picture.astype(float)) * scale, 0, 255).astype(np.uint8)
    box = (16, 16, 74, 80)
    ink = without_print(raw, np.clip((230 - blank.astype(float)) * scale, 0, 255).astype(np.uint8), box)
    return Cut(picture, ink, raw, box, np.zeros((4, 2)), 230)
