"""What is written in a strip and is not one number on one line: it is never accepted as one."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.domain.rows import Reason, RowStatus
from digitmill.imaging.normaliser.normalise import in_mnist_form
from digitmill.strips.ink import strip_ink
from digitmill.strips.lattice import Reading, lattice_of
from digitmill.strips.one_number import doubt_of
from digitmill.strips.segments import segments_of
from tests.numbers import fields, label_of, rows_of
from tests.strips.test_strips import written

Grey = NDArray[np.uint8]


def doubt(grey: Grey, text: str, *, skipped: int = 0, marked: bool = False) -> Reason | None:
    """What speaks against ``text``, whose characters are the ink behind the first so many pieces that stand apart."""
    ink = strip_ink(grey, Polarity.AUTO)
    assert ink is not None
    segments = segments_of(ink.picture)
    lattice, inks = lattice_of(segments)
    first = [place for place, segment in enumerate(segments) if not segment.cut or not place]
    spans = list(pairwise([*first, len(segments)]))[skipped:]
    known = dict(
        zip(zip(lattice.starts.tolist(), lattice.ends.tolist(), strict=True), range(len(lattice)), strict=True)
    )
    assert len(spans) == len(text)
    reading = Reading(text, 1.0, tuple(known[span] for span in spans))
    return doubt_of(ink.picture, lattice, reading, [in_mnist_form(each) for each in inks], marked=marked)


def beside(*strips: Grey, gap: int) -> Grey:
    paper = np.full((strips[0].shape[0], gap), 255, np.uint8)
    parts = [part for strip in strips for part in (strip, paper)][:-1]
    return np.ascontiguousarray(np.hstack(parts))


def slash(lean: float, tall: int = 36) -> Grey:
    picture = np.full((64, 40), 255, np.uint8)
    begin, end = (round(20 - lean * tall / 2), 48), (round(20 + lean * tall / 2), 48 - tall)
    cv2.line(picture, begin, end, (0,), 3, cv2.LINE_AA)
    return picture


def upright(grey: Grey) -> Grey:
    rows, columns = np.flatnonzero((grey < 128).any(axis=1)), np.flatnonzero((grey < 128).any(axis=0))
    return grey[rows[0] - 2 : rows[-1] + 3, columns[0] - 2 : columns[-1] + 3]


@pytest.mark.parametrize("characters", ["4096", "207", "35", "8"])
@pytest.mark.parametrize("pitch", [32, 40, 50])
def test_digits_that_stand_evenly_are_one_number(characters: str, pitch: int) -> None:
    assert doubt(written(*characters, pitch=pitch), characters) is None


def test_digits_in_boxes_that_lie_far_apart_are_one_number() -> None:
    assert doubt(written(*"4096", pitch=90), "4096") is None


@pytest.mark.parametrize("gap", [25, 60, 150])
def test_a_wide_gap_is_between_two_numbers(gap: int) -> None:
    assert doubt(beside(written(*"46"), written(*"20"), gap=gap), "4620") is Reason.SEVERAL
    assert doubt(beside(written("4"), written(*"205"), gap=gap), "4205") is Reason.SEVERAL


def test_a_stroke_before_the_digits_may_be_a_minus() -> None:
    strip = beside(np.full((64, 30), 255, np.uint8), written(*"46"), gap=0)
    strip[32:35, 8:28] = 0
    assert doubt(strip, "46", skipped=1) is Reason.DASH


def test_a_short_stroke_is_a_minus_where_a_network_takes_it_for_a_mark() -> None:
    strip = beside(np.full((64, 30), 255, np.uint8), written(*"46"), gap=0)
    strip[30:37, 14:26] = 0
    assert doubt(strip, "46", skipped=1) is None
    assert doubt(strip, "46", skipped=1, marked=True) is Reason.DASH


def test_a_point_before_the_digits_is_no_minus() -> None:
    strip = beside(np.full((64, 30), 255, np.uint8), written(*"46"), gap=0)
    strip[44:48, 24:28] = 0
    assert doubt(strip, "46", skipped=1) is None
    assert doubt(strip, "46", skipped=1, marked=True) is None


def test_small_digits_that_are_raised_are_a_number_of_their_own() -> None:
    small = np.full((64, 60), 255, np.uint8)
    cv2.putText(small, "9", (2, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0,), 2, cv2.LINE_AA)
    cv2.putText(small, "5", (24, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0,), 2, cv2.LINE_AA)
    assert doubt(beside(written(*"46"), small, gap=0), "4695") is Reason.SEVERAL


def test_digits_above_each_other_are_two_lines() -> None:
    above, under = upright(written("3")), upright(written("5"))
    paper = np.full((8, above.shape[1]), 255, np.uint8)
    strip = np.vstack([above, paper, cv2.resize(under, above.shape[::-1])])
    assert doubt(np.pad(strip, 12, constant_values=255), "8") is Reason.SEVERAL


@pytest.mark.parametrize("lean", [0.5, 0.7, 1.0])
def test_a_slash_between_digits_is_no_one(lean: float) -> None:
    assert doubt(beside(written(*"46"), slash(lean), written("7"), gap=0), "4617") is Reason.SEVERAL


@pytest.mark.parametrize("lean", [-0.2, 0.0, 0.15])
def test_a_stroke_that_stands_as_the_digits_do_is_a_one(lean: float) -> None:
    assert doubt(beside(written(*"46"), slash(lean), written("7"), gap=0), "4617") is None


def test_digits_that_all_lean_have_ones_that_lean() -> None:
    strip = beside(written(*"30"), slash(0.0, 27), written("8"), gap=0)
    leaning = cv2.warpAffine(strip, np.array([[1, -0.5, 32], [0, 1, 0]]), strip.shape[::-1], borderValue=(255,))
    assert doubt(np.asarray(leaning, np.uint8), "3018") is None


def on_paper(digits: list[Grey], gaps: list[int]) -> Grey:
    """Digits in a row, their lower edges on one line, with so many columns of paper before each."""
    strip = np.full((max(map(len, digits)) + 40, sum(gaps) + sum(each.shape[1] for each in digits) + 30), 235, np.uint8)
    left = 0
    for digit, gap in zip(digits, gaps, strict=True):
        left += gap
        strip[-20 - len(digit) : -20, left : left + digit.shape[1]] = np.minimum(digit, 235)
        left += digit.shape[1]
    return strip


def test_real_digits_are_to_review_as_two_numbers_and_behind_a_minus() -> None:
    kinds: list[list[Grey]] = [[], [], []]
    rows = rows_of(*(fields()[name] for name in sorted(fields())))
    for name, row in zip(sorted(fields()), rows, strict=True):
        if row.status is not RowStatus.RECOGNIZED or row.prediction != label_of(name) or len(row.parts) < 2:
            continue
        boxes = (part.box for part in row.parts[:2])
        digits = [fields()[name][top:bottom, left:right] for left, top, right, bottom in boxes]
        tall = max(map(len, digits))
        even, minus = (on_paper(digits, [2 * tall, 8]) for _ in range(2))
        minus[-22 - tall // 2 : -19 - tall // 2, tall : tall + tall // 2] = 40
        for kind, strip in zip(kinds, (even, on_paper(digits, [2 * tall, 2 * tall]), minus), strict=True):
            kind.append(strip)
    as_one, apart, behind_minus = (rows_of(*kind) for kind in kinds)
    sure = [place for place, row in enumerate(as_one) if row.status is RowStatus.RECOGNIZED]
    assert len(sure) > len(as_one) / 2
    for some, reason in ((apart, Reason.SEVERAL), (behind_minus, Reason.DASH)):
        assert {some[place].status for place in sure} == {RowStatus.REVIEW}
        assert {some[place].reason for place in sure} == {reason}
