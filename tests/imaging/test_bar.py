"""A 1 that was cut at its ink is a 1, though there is no paper about it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.bar import with_paper_around, with_paper_around_blot
from digitmill.imaging.normaliser.normalise import normalise
from tests.pictures import INK, PAPER, Grey


def one(thickness: int, slant: int = 0) -> Grey:
    """An upright stroke with round ends, cut at its ink."""
    sheet = np.full((140, 80), PAPER, np.uint8)
    cv2.line(sheet, (40 + slant, 30), (40 - slant, 110), INK, thickness, cv2.LINE_AA)
    x, y, width, height = cv2.boundingRect((sheet < 150).astype(np.uint8))
    return sheet[y : y + height, x : x + width]


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("told", [False, True])
@pytest.mark.parametrize(("thickness", "slant"), [(8, 0), (12, 0), (16, 1), (20, 2)])
def test_a_one_that_is_cut_at_its_ink_is_a_stroke(thickness: int, slant: int, told: bool, light: bool) -> None:
    picture = np.invert(one(thickness, slant)) if light else one(thickness, slant)
    polarity = (Polarity.LIGHT_ON_DARK if light else Polarity.DARK_ON_LIGHT) if told else Polarity.AUTO
    found = normalise(with_paper_around(picture, polarity), polarity)
    assert found is not None
    rows = np.flatnonzero((found > 128).any(axis=1))
    assert len(rows) >= 19
    # solid from its top to its foot
    assert (found[rows, found.sum(axis=0).argmax()] > 128).all()


SLOPE = np.repeat(np.linspace(120, 230, 20).astype(np.uint8)[None], 100, axis=0)
OTHERS = {
    "slanting": one(8, 10),
    "with paper": np.pad(one(10), ((6, 6), (8, 8)), constant_values=PAPER),
    "wide": np.full((60, 50), INK, np.uint8),
    "level": one(12).T,
    "plain": np.full((90, 14), 128, np.uint8),
    "unevenly lit": SLOPE,
    "lit from above": np.ascontiguousarray(SLOPE.T[:, :6]),
    "a dot": np.zeros((2, 1), np.uint8),
}


@pytest.mark.parametrize("picture", OTHERS.values(), ids=OTHERS.keys())
def test_other_crops_stay_as_they_are(picture: Grey) -> None:
    for polarity in Polarity:
        assert with_paper_around(picture, polarity) is picture


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize(("thickness", "slant"), [(12, 3), (18, 2), (14, 5)])
def test_a_one_that_was_stretched_to_a_square_is_ink(thickness: int, slant: int, light: bool) -> None:
    picture = np.asarray(cv2.resize(one(thickness, slant), (28, 28), interpolation=cv2.INTER_AREA), np.uint8)
    blot = with_paper_around_blot(np.invert(picture) if light else picture, Polarity.AUTO)
    assert normalise(picture, Polarity.AUTO) is not None or blot is not None
    told = with_paper_around_blot(picture, Polarity.DARK_ON_LIGHT)
    assert told is not None
    assert normalise(told, Polarity.DARK_ON_LIGHT) is not None


def box(thickness: int) -> Grey:
    sheet = np.full((60, 50), PAPER, np.uint8)
    cv2.rectangle(sheet, (0, 0), (49, 59), INK, thickness)
    return sheet


GRAIN = (150 + np.random.default_rng(1).normal(0, 18, (60, 60))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "picture", [box(3), box(9), SLOPE, GRAIN, OTHERS["plain"], np.full((1, 1), 9, np.uint8)], ids=range(6)
)
def test_boxes_shade_and_grain_are_no_blot(picture: Grey) -> None:
    for polarity in (Polarity.AUTO, Polarity.DARK_ON_LIGHT):
        assert with_paper_around_blot(picture, polarity) is None
