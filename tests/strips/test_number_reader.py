"""Numbers as the service reads them, by the built-in model: real fields, changed as scans differ, and what is none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.domain.rows import Reason, Row, RowStatus
from digitmill.readers.number import NumberReader
from tests.numbers import fields, label_of, rows_of

Grey = NDArray[np.uint8]

NAMES = sorted(fields())


def accepted(row: Row) -> str | None:
    return row.prediction if row.status is RowStatus.RECOGNIZED else None


def paper(height: int = 80, width: int = 320, level: int = 235) -> Grey:
    noise = np.random.default_rng(0).normal(level, 3, (height, width))
    return noise.clip(0, 255).astype(np.uint8)


def with_print(grey: Grey, *, rule: bool = False, boxes: int = 0) -> Grey:
    height, width = grey.shape
    if rule:
        cv2.line(grey, (0, height - 14), (width, height - 14), (60,), 2)
    if boxes:
        cv2.rectangle(grey, (4, 6), (width - 6, height - 8), (60,), 2)
        for number in range(1, boxes):
            x = 4 + number * (width - 10) // boxes
            cv2.line(grey, (x, 6), (x, height - 8), (60,), 2)
    return grey


def test_real_fields_are_read_and_none_is_accepted_wrong() -> None:
    rows = rows_of(*(fields()[name] for name in NAMES))
    right = sum(row.prediction == label_of(name) for name, row in zip(NAMES, rows, strict=True))
    assert right >= len(NAMES) - 2
    assert all(accepted(row) in (None, label_of(name)) for name, row in zip(NAMES, rows, strict=True))
    assert any(accepted(row) is not None for row in rows)


def test_the_characters_stand_in_their_order_within_the_picture() -> None:
    for name, row in zip(NAMES, rows_of(*(fields()[name] for name in NAMES)), strict=True):
        assert row.prediction is not None
        assert "".join(part.guesses[0].prediction for part in row.parts) == row.prediction
        height, width = fields()[name].shape
        for left, top, right, bottom in (part.box for part in row.parts):
            assert 0 <= left < right <= width + 1
            assert 0 <= top < bottom <= height + 1
            assert fields()[name][top:bottom, left:right].min() < 128
        assert [part.box[0] for part in row.parts] == sorted(part.box[0] for part in row.parts)


@given(
    st.sampled_from(NAMES),
    st.floats(0.5, 2.5),
    st.tuples(*[st.integers(0, 120)] * 4),
    st.booleans(),
    st.sampled_from([None, 40, 90]),
)
@settings(max_examples=60, deadline=None)
def test_how_a_strip_was_cut_scaled_inverted_and_stored_changes_no_accepted_number(
    name: str, scale: float, padding: tuple[int, int, int, int], inverted: bool, quality: int | None
) -> None:
    top, bottom, left, right = padding
    changed = np.pad(fields()[name], ((top, bottom), (left, right)), constant_values=255)
    changed = np.asarray(cv2.resize(changed, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    if inverted:
        changed = np.invert(changed)
    if quality is not None:
        stored = cv2.imencode(".jpg", changed, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        changed = np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), np.uint8)
    (row,) = rows_of(changed)
    assert row.status is not RowStatus.BLANK
    assert accepted(row) in (None, label_of(name))


@pytest.mark.parametrize("printed", [{}, {"rule": True}, {"boxes": 1}, {"boxes": 6}])
@pytest.mark.parametrize("height", [40, 80, 400])
def test_a_strip_that_nobody_wrote_on_is_no_number(printed: dict[str, int], height: int) -> None:
    (row,) = rows_of(with_print(paper(height, 4 * height), **printed))  # type: ignore[arg-type]
    # lines as coarse as these are to the smallest boxes may be taken for ink, and never for a number
    assert row.status is RowStatus.BLANK or (height == 40 and row.status is RowStatus.REVIEW)


def test_a_dash_in_the_place_of_a_number_is_told() -> None:
    strip = paper()
    cv2.line(strip, (60, 42), (250, 38), (30,), 4)
    (row,) = rows_of(strip)
    assert (row.status, row.reason) == (RowStatus.REVIEW, Reason.DASH)


def test_a_number_that_a_level_line_strikes_out_is_to_review() -> None:
    for name in NAMES[:4]:
        strip = fields()[name].copy()
        middle = strip.shape[0] // 2
        cv2.line(strip, (3, middle), (strip.shape[1] - 4, middle), (0,), 4)
        (row,) = rows_of(strip)
        assert row.status is RowStatus.REVIEW


def test_a_page_is_no_number() -> None:
    page = np.full((1600, 1200), 245, np.uint8)
    for line in range(40, 1600, 40):
        cv2.putText(page, "0123 456 7890 12 345", (30, line), cv2.FONT_HERSHEY_SIMPLEX, 1, (20,), 2)
    (row,) = rows_of(page)
    assert row.status is RowStatus.REVIEW


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (400, 1), (3, 3)])
def test_the_smallest_pictures_are_answered(shape: tuple[int, int]) -> None:
    for level in (0, 255):
        (row,) = rows_of(np.full(shape, level, np.uint8))
        assert row.status in (RowStatus.BLANK, RowStatus.REVIEW)


@pytest.mark.parametrize(
    ("text", "accepts"), [("0", True), ("007", True), ("1" * 32, True), ("1" * 33, False), ("", False), ("1.5", False)]
)
def test_a_person_may_type_1_to_32_digits(text: str, accepts: bool) -> None:
    assert NumberReader().accepts(text) is accepts
