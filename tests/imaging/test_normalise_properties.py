"""What holds of every picture, and of a digit wherever and however large it is drawn."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import SIDE, WORKING_SIDE, normalise
from tests.imaging.test_normalise import likeness, read
from tests.pictures import PAPER, Grey, drawn_digit

polarities = st.sampled_from(Polarity)
digits = st.integers(0, 9)
margins = st.integers(0, 40)


@st.composite
def pictures(draw: st.DrawFn, most: int = 200) -> Grey:
    """Any size from 1 to ``most``: few levels or many, in blocks or in single pixels."""
    height, width = draw(st.integers(1, most)), draw(st.integers(1, most))
    block = draw(st.sampled_from((1, 2, 5, 20)))
    rows, columns = -(-height // block), -(-width // block)
    levels = draw(st.sampled_from((2, 3, 256)))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = random.integers(0, levels, (rows, columns)) * (255 // (levels - 1))
    if draw(st.booleans()):
        values[random.random(values.shape) < draw(st.floats(0, 1))] = values.flat[0]
    blocks = np.kron(values, np.ones((block, block), int))
    return blocks[:height, :width].astype(np.uint8)


def held(picture: Grey | None) -> None:
    if picture is not None:
        assert picture.shape == (SIDE, SIDE)
        assert picture.dtype == np.uint8
        assert picture.max() > 0


@given(pictures(), polarities)
@settings(max_examples=600)
def test_any_picture_is_blank_or_becomes_28_by_28(picture: Grey, polarity: Polarity) -> None:
    held(normalise(picture, polarity))


@given(arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12))), polarities)
@settings(max_examples=600)
def test_any_tiny_picture_is_blank_or_becomes_28_by_28(picture: Grey, polarity: Polarity) -> None:
    held(normalise(picture, polarity))


@given(pictures(most=WORKING_SIDE))
@settings(max_examples=300)
def test_forced_polarities_are_mirror_images(picture: Grey) -> None:
    dark = normalise(picture, Polarity.DARK_ON_LIGHT)
    light = normalise(255 - picture, Polarity.LIGHT_ON_DARK)
    assert (dark is None) == (light is None)
    if dark is not None and light is not None:
        assert np.array_equal(dark, light)


@given(pictures())
@settings(max_examples=300)
def test_the_polarity_found_is_one_of_the_two(picture: Grey) -> None:
    found = normalise(picture, Polarity.AUTO)
    either = [normalise(picture, Polarity.DARK_ON_LIGHT), normalise(picture, Polarity.LIGHT_ON_DARK)]
    assert any(
        found is forced or (found is not None and forced is not None and np.array_equal(found, forced))
        for forced in either
    )


@given(digits, margins, margins, margins, margins)
def test_where_the_digit_stands_does_not_matter(value: int, top: int, bottom: int, left: int, right: int) -> None:
    scan = drawn_digit(value)
    moved = np.pad(scan, ((top, bottom), (left, right)), constant_values=PAPER)
    assert likeness(read(moved), read(scan)) > 0.85


@given(digits, st.integers(2, 6))
def test_how_large_the_digit_is_does_not_matter(value: int, scale: int) -> None:
    scan = drawn_digit(value)
    larger = np.kron(scan, np.ones((scale, scale), np.uint8))
    assert likeness(read(larger), read(scan)) > 0.85


@given(digits, st.integers(60, 235), st.integers(0, 235))
def test_how_dark_paper_and_ink_are_does_not_matter(value: int, paper: int, ink: int) -> None:
    if paper - ink >= 20:
        assert likeness(read(drawn_digit(value, paper=paper, ink=ink)), read(drawn_digit(value))) > 0.9


@given(digits)
def test_a_normalised_picture_is_left_nearly_as_it_is(value: int) -> None:
    once = read(drawn_digit(value))
    assert likeness(read(once), once) > 0.97
