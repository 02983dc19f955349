"""The ink of a strip, its segments, and the likeliest text: what must hold for every strip."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.domain.rows import DIGITS
from digitmill.strips.ink import HEIGHT, strip_ink
from digitmill.strips.lattice import SYMBOLS, UNREAD, Lattice, lattice_of, read
from digitmill.strips.segments import INK, Segment, joined, segments_of

Grey = NDArray[np.uint8]


def written(*characters: str, pitch: int = 40, rule: int | None = None, boxed: bool = False) -> Grey:
    """Dark printed characters on white, one every ``pitch`` columns, over a rule or in boxes."""
    strip = np.full((64, 24 + pitch * len(characters)), 255, np.uint8)
    for number, character in enumerate(characters):
        cv2.putText(strip, character, (14 + number * pitch, 48), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0,), 3, cv2.LINE_AA)
    if rule is not None:
        cv2.line(strip, (0, rule), (strip.shape[1], rule), (0,), 2)
    if boxed:
        cv2.rectangle(strip, (6, 8), (6 + pitch * len(characters), 58), (0,), 2)
        for number in range(1, len(characters)):
            cv2.line(strip, (6 + number * pitch, 8), (6 + number * pitch, 58), (0,), 2)
    return strip


def segments(grey: Grey) -> list[Segment]:
    ink = strip_ink(grey, Polarity.AUTO)
    assert ink is not None
    return segments_of(ink.picture)


def digit_groups(grey: Grey) -> list[tuple[int, int]]:
    """Connected ink from left to right, as (left, right): segments between which nothing was cut."""
    found: list[tuple[int, int]] = []
    for segment in segments(grey):
        if segment.cut and found:
            found[-1] = (found[-1][0], segment.right)
        else:
            found.append((segment.left, segment.right))
    return found


def test_paper_alone_has_no_ink() -> None:
    assert strip_ink(np.full((50, 200), 230, np.uint8), Polarity.AUTO) is None
    grainy = np.random.default_rng(1).normal(200, 6, (50, 200)).clip(0, 255).astype(np.uint8)
    assert strip_ink(grainy, Polarity.AUTO) is None


@pytest.mark.parametrize("scale", [0.5, 1.0, 2.5])
def test_ink_is_brought_to_one_height_whatever_the_resolution(scale: float) -> None:
    grey = cv2.resize(written("2", "0", "7"), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    ink = strip_ink(np.asarray(grey, np.uint8), Polarity.AUTO)
    assert ink is not None
    assert abs(ink.picture.shape[0] - HEIGHT) <= 1
    assert len(digit_groups(np.asarray(grey, np.uint8))) == 3


@pytest.mark.parametrize("padding", [0, 3, 25])
def test_paper_around_a_strip_changes_nothing_but_where_its_ink_lies(padding: int) -> None:
    bare, padded = (
        strip_ink(np.pad(written("3", "1", "4"), width, constant_values=255), Polarity.AUTO) for width in (0, padding)
    )
    assert bare is not None
    assert padded is not None
    assert padded.left == pytest.approx(bare.left + padding, abs=2)
    assert padded.picture.shape[1] == pytest.approx(bare.picture.shape[1], rel=0.03)


def test_light_ink_on_dark_is_the_same_ink() -> None:
    grey = written("5", "8")
    dark, light = strip_ink(grey, Polarity.AUTO), strip_ink(np.invert(grey), Polarity.AUTO)
    assert dark is not None
    assert light is not None
    assert np.array_equal(dark.picture, light.picture)


@pytest.mark.parametrize("characters", ["207", "1471", "9008", "77"])
@pytest.mark.parametrize("print_", [{"rule": 56}, {"rule": 52}, {"boxed": True}])
def test_rules_and_boxes_go_and_every_digit_stays(characters: str, print_: dict[str, int]) -> None:
    bare = digit_groups(written(*characters))
    on_form = digit_groups(written(*characters, **print_))  # type: ignore[arg-type]
    assert len(on_form) == len(bare) == len(characters)
    assert on_form == sorted(on_form)


def test_digits_without_a_form_lose_nothing_to_the_search_for_lines() -> None:
    ink = strip_ink(written("7", "4", "1", "7"), Polarity.AUTO)
    assert ink is not None
    whole = cv2.countNonZero(cv2.threshold(np.invert(written("7", "4", "1", "7")), 127, 255, cv2.THRESH_BINARY)[1])
    kept = cv2.countNonZero(cv2.threshold(ink.picture, 127, 255, cv2.THRESH_BINARY)[1]) / ink.scale**2
    assert kept == pytest.approx(whole, rel=0.15)


@given(arrays(np.uint8, st.tuples(st.just(24), st.integers(1, 90)), elements=st.sampled_from([0, 0, 0, 255])))
@settings(max_examples=60, deadline=None)
def test_segments_hold_all_ink_once(ink: Grey) -> None:
    found = segments_of(ink)
    total = np.zeros(ink.shape, np.int32)
    for segment in found:
        total[:, segment.left : segment.right] += segment.ink > 0
    assert not (total > 1).any()
    assert np.array_equal(total > 0, ink > 0) or not (ink > 0).any()


def test_digits_that_touch_are_cut_between_them() -> None:
    touching = written("0", "0", pitch=23)
    ink = strip_ink(touching, Polarity.AUTO)
    assert ink is not None
    count = cv2.connectedComponents(cv2.threshold(ink.picture, 80, 255, cv2.THRESH_BINARY)[1])[0]
    assert count == 2, "the drawn zeros are to touch"
    middle = ink.picture.shape[1] / 2
    assert any(abs(segment.left - middle) < 0.1 * HEIGHT for segment in segments_of(ink.picture))


def lattice(*spans: tuple[int, int]) -> Lattice:
    """Of groups from one segment to before another, each segment 10 pixels wide."""
    starts, ends = np.array(spans, np.intp).T
    boxes = np.stack([10 * starts, np.zeros_like(starts), 10 * ends, np.full_like(starts, 20)], axis=1)
    return Lattice(starts, ends, boxes.astype(np.int32), np.zeros((len(spans), 3)), 20)


SPANS = [(start, end) for start in range(5) for end in range(start + 1, min(start + 3, 5) + 1)]
LATTICE = lattice(*SPANS)


@given(arrays(np.float64, (len(LATTICE), len(SYMBOLS)), elements=st.floats(-8, 0)))
@settings(max_examples=40, deadline=None)
def test_readings_are_probabilities_in_their_order(scored: NDArray[np.float64]) -> None:
    found = read(LATTICE, scored, 6)
    probabilities = [reading.probability for reading in found]
    assert probabilities == sorted(probabilities, reverse=True)
    assert len({reading.text for reading in found}) == len(found)
    assert math.fsum(probabilities) <= 1 + 1e-9
    assert all(set(reading.text) <= {*DIGITS, UNREAD} for reading in found)


def test_a_text_is_as_likely_as_all_paths_that_read_it_together() -> None:
    scored = np.full((len(LATTICE), len(SYMBOLS)), -np.inf)
    by_span = {span: number for number, span in enumerate(SPANS)}
    # "12" as segments 0 to 2 and 3 to 4, or as 0 to 1 and 2 to 4; "3" is another reading of the rest
    for (first, second), weight in {((0, 3), (3, 5)): 0.3, ((0, 2), (2, 5)): 0.2}.items():
        scored[by_span[first], 1] = math.log(weight)
        scored[by_span[second], 2] = 0.0
    scored[by_span[(2, 5)], 3] = math.log(0.5)
    found = {reading.text: reading.probability for reading in read(LATTICE, scored, 3)}
    assert found["12"] == pytest.approx(0.5 / 0.6)
    assert found["13"] == pytest.approx(0.1 / 0.6)


def test_leading_zeros_stay_and_separators_add_nothing() -> None:
    line = lattice(*((number, number + 1) for number in range(4)))
    scored = np.full((4, len(SYMBOLS)), -np.inf)
    for place, symbol in enumerate(("0", "0", "", "7")):
        scored[place, SYMBOLS.index(symbol)] = 0.0
    (best,) = read(line, scored, 1)
    assert best.text == "007"
    assert best.groups == (0, 1, 3)
    assert best.probability == pytest.approx(1.0)


def test_a_strip_without_edges_has_no_reading() -> None:
    nothing, inks = lattice_of([])
    assert inks == []
    assert read(nothing, np.empty((0, len(SYMBOLS))), 3) == []


def test_segments_join_to_the_ink_that_they_were_cut_from() -> None:
    ink = strip_ink(written("8", "8", pitch=23), Polarity.AUTO)
    assert ink is not None
    found = segments_of(ink.picture)
    whole = joined(found)
    place = ink.picture[:, found[0].left : found[0].left + whole.shape[1]]
    assert np.array_equal(whole > INK, place > INK)
