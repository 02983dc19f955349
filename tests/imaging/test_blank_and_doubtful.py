"""What is blank, and which cuts are doubtful."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import normalise, normalise_with_quality
from tests.imaging.test_normalise import grey, noise, read, samples
from tests.pictures import INK, PAPER, Grey, drawn_digit
from training.metamorphic.pictures import cut_to, ink_box

# no ink

BLANKS: dict[str, Grey] = {
    "white": np.full((60, 40), 255, np.uint8),
    "black": np.zeros((28, 28), np.uint8),
    "one pixel": np.full((1, 1), 80, np.uint8),
    "the noise of a scanner": grey(230 + noise((80, 60), 4)),
    "the noise of a camera": grey(150 + noise((300, 200), 18)),
    "noise in a small crop": grey(200 + noise((20, 20), 6)),
    "uneven light": grey(np.linspace(120, 220, 90)[None, :] + noise((70, 90), 2)),
}


@pytest.mark.parametrize("picture", BLANKS.values(), ids=BLANKS.keys())
def test_paper_without_ink_is_blank(picture: Grey) -> None:
    for polarity in Polarity:
        assert normalise(picture, polarity) is None


def test_most_empty_boxes_scanned_askew_are_blank_and_few_of_the_others_are_trusted() -> None:
    random = np.random.default_rng(15)
    answers = [normalise_with_quality(askew_box(random), Polarity.DARK_ON_LIGHT) for _ in range(2000)]
    assert sum(answer is not None for answer in answers) < 300
    assert sum(answer is not None and not answer.doubtful for answer in answers) < 20


def askew_box(random: np.random.Generator) -> Grey:
    """Some of the four lines of a box, at most a degree askew, with a scanner's noise."""
    height, width = (int(side) for side in random.integers(30, 140, 2))
    box = np.full((height, width), random.uniform(200, 250))
    inset, thickness, ink = int(random.integers(0, 4)), int(random.integers(1, 4)), random.uniform(10, 150)
    for line, drawn in zip((box, box[::-1], box.T, box.T[::-1]), random.random(4) < 0.7, strict=True):
        if drawn:
            line[inset : inset + thickness] = ink
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), random.uniform(-1, 1), 1)
    turned = cv2.warpAffine(box, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return grey(turned + random.normal(0, random.uniform(0, 4), box.shape))


@pytest.mark.parametrize("thickness", [1, 2, 3])
@pytest.mark.parametrize("inset", [0, 1, 2])
def test_an_empty_box_is_blank(thickness: int, inset: int) -> None:
    box = np.full((60, 50), PAPER, np.uint8)
    cv2.rectangle(box, (inset, inset), (49 - inset, 59 - inset), INK, thickness)
    assert normalise(box, Polarity.AUTO) is None


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("beyond", [2, 4])
@pytest.mark.parametrize("thickness", [2, 4])
def test_a_corner_of_a_box_whose_lines_go_on_where_they_cross_is_blank(turns: int, beyond: int, thickness: int) -> None:
    corner = np.full((60, 52), PAPER, np.uint8)
    corner[beyond : beyond + thickness] = INK
    corner[:, -beyond - thickness : -beyond] = INK
    assert normalise(np.rot90(corner, turns), Polarity.AUTO) is None


@pytest.mark.parametrize("margins", [(0, 0, 0, 0), (5, 0, 0, 5), (5, 4, 0, 0), (0, 3, 3, 0)])
def test_a_seven_of_a_level_and_an_upright_stroke_is_not_blank(margins: tuple[int, int, int, int]) -> None:
    seven = np.full((100, 90), PAPER, np.uint8)
    seven[20:25, 20:70] = seven[20:80, 65:70] = INK
    assert normalise(margins_left(seven, *margins), Polarity.AUTO) is not None


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("height", [30, 60, 110])
def test_light_that_falls_off_to_one_side_of_a_slim_crop_is_blank(turns: int, height: int) -> None:
    slope = np.repeat(np.linspace(180, 225, 32)[:, None], height, axis=1).T
    assert normalise(np.rot90(grey(slope + noise(slope.shape, 2)), turns), Polarity.AUTO) is None


def test_a_faint_stroke_in_such_light_is_read() -> None:
    slope = np.repeat(np.linspace(180, 225, 32)[:, None], 80, axis=1).T
    for first in (0, 13, 27):
        stroke = slope.copy()
        stroke[:, first : first + 5] -= 20
        assert normalise(grey(stroke), Polarity.AUTO) is not None


@pytest.mark.parametrize("turns", range(4))
def test_a_slanting_line_of_a_box_by_itself_is_blank(turns: int) -> None:
    scan = np.full((46, 40), PAPER, np.uint8)
    cv2.line(scan, (33, 0), (31, 45), INK, 2)
    assert normalise(np.rot90(scan, turns), Polarity.AUTO) is None


def test_a_tall_one_is_no_line_of_a_box() -> None:
    middle = np.full((46, 40), PAPER, np.uint8)
    cv2.line(middle, (22, 1), (19, 44), INK, 3)
    slim = middle[:, 10:30]
    for scan in (middle, slim):
        assert read(scan).any()


def test_paper_with_specks_alone_is_blank() -> None:
    specks = np.full((120, 100), 255, np.uint8)
    specks[[10, 60, 61, 100], [20, 50, 50, 90]] = 0
    assert normalise(specks, Polarity.AUTO) is None


def test_the_callers_picture_is_left_as_it_was() -> None:
    scan = drawn_digit(2)
    scan.setflags(write=False)
    copy = scan.copy()
    read(scan)
    assert np.array_equal(scan, copy)


def test_a_part_of_a_larger_array_is_read_like_a_copy_of_it() -> None:
    page = np.pad(drawn_digit(9), 30, constant_values=PAPER)
    part = page[20:100, 25:99]
    assert np.array_equal(read(part), read(part.copy()))


def pen(*points: tuple[int, int]) -> Grey:
    """One stroke with round ends, dark on light, with paper around it."""
    sheet = np.full((140, 120), 235, np.uint8)
    cv2.polylines(sheet, [np.array(points, np.int32)], False, 40, 11, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(sheet, (0, 0), 1.2), np.uint8)


OPEN_ZERO = pen((35, 25), (25, 70), (40, 115), (75, 112), (90, 70), (80, 25))
SEVEN = pen((30, 30), (85, 30), (55, 115))


def margins_left(picture: Grey, left: int, top: int, right: int, bottom: int) -> Grey:
    """``picture`` cut so many pixels from its ink; below 0 they cut into it."""
    x, y, width, height = cv2.boundingRect((picture < 150).astype(np.uint8))
    return picture[y - top : y + height + bottom, x - left : x + width + right]


@pytest.mark.parametrize("picture", [OPEN_ZERO, SEVEN], ids=["open zero", "seven"])
@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("margins", [(0, 0, 0, 0), (4, 0, 4, 4), (1, 1, 1, 1), (0, 6, 3, 0)])
def test_a_digit_that_is_cut_at_its_ink_is_not_doubtful(
    picture: Grey, turns: int, margins: tuple[int, int, int, int]
) -> None:
    found = normalise_with_quality(margins_left(np.rot90(picture, turns), *margins), Polarity.AUTO)
    assert found is not None
    assert not found.doubtful


@pytest.mark.parametrize("inner", [7, 8])
def test_two_strokes_that_end_flat_where_a_crop_was_cut_at_its_ink_are_not_doubtful(inner: int) -> None:
    five = np.full((100, 80), PAPER, np.uint8)
    for top, bottom, left, right in ((20, 28, 20, 60), (20, 52, 20, 28), (44, 52, 20, 60), (44, 80, 52, 60)):
        five[top:bottom, left:right] = INK
    five[72:80, 20:60] = INK
    # its strokes are a little thinner where they end
    five[20 : 20 + 8 - inner, 20:22] = five[72 : 72 + 8 - inner, 20:22] = PAPER
    found = normalise_with_quality(margins_left(five, 0, 0, 0, 0), Polarity.AUTO)
    assert found is not None
    assert not found.doubtful


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("others", [0, 5])
def test_two_strokes_that_are_cut_through_are_doubtful(turns: int, others: int) -> None:
    cut = np.rot90(margins_left(OPEN_ZERO, others, -20, others, others), turns)
    found = normalise_with_quality(cut, Polarity.AUTO)
    assert found is not None
    assert found.doubtful


def test_so_is_one_stroke_at_the_top_or_the_bottom_where_there_is_paper_beside_it() -> None:
    for cut in (margins_left(SEVEN, 4, -20, 4, 4), margins_left(SEVEN, 4, 4, 4, -20)):
        found = normalise_with_quality(cut, Polarity.AUTO)
        assert found is not None
        assert found.doubtful


@pytest.mark.parametrize("lost", [2, 3])
def test_so_is_a_seven_whose_bar_and_stem_meet_outside_of_a_coarse_scan(lost: int) -> None:
    seven = samples("7_hsf-1989_129")["7_hsf-1989_129.bmp"]
    x, _, width, _ = cv2.boundingRect((seven < 150).astype(np.uint8))
    found = normalise_with_quality(seven[:, : x + width - lost], Polarity.AUTO)
    assert found is not None
    assert found.doubtful


def test_a_stroke_that_was_cut_at_its_ink_but_for_a_pixel_is_not_doubtful() -> None:
    one = samples("1_hsf-w4164_021")["1_hsf-w4164_021.jpg"]
    box = ink_box(one)
    assert box is not None
    found = normalise_with_quality(cut_to(one, box, (0, 0, 0, 0)), Polarity.AUTO)
    assert found is not None
    assert not found.doubtful
