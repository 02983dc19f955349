from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.files.decode import decode
from digitmill.imaging.normaliser.ink import ink_of
from digitmill.imaging.normaliser.normalise import SIDE, normalise
from digitmill.settings import Settings
from tests.pictures import INK, PAPER, Grey, drawn_digit

DIGITS = range(10)
SAMPLES = Path(__file__).parents[2] / "samples" / "digits.zip"


def read(grey: Grey, polarity: Polarity = Polarity.AUTO) -> Grey:
    picture = normalise(grey, polarity)
    assert picture is not None
    assert picture.shape == (SIDE, SIDE)
    assert picture.dtype == np.uint8
    return picture


def likeness(one: Grey, other: Grey) -> float:
    """Correlation of two pictures, 1 for the same; the best of those with one moved by a pixel at the most.

    A pixel, because the centre of mass is rounded to whole ones. Different digits are under 0.75.
    """
    around = np.pad(one, 1)
    moved = (around[y : y + SIDE, x : x + SIDE] for y in range(3) for x in range(3))
    return max(float(np.corrcoef(view.ravel(), other.ravel())[0, 1]) for view in moved)


def noise(shape: tuple[int, ...], strength: float, seed: int = 1) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0, strength, shape)


def grey(values: NDArray[np.float64]) -> Grey:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def samples(source: str) -> dict[str, Grey]:
    with zipfile.ZipFile(SAMPLES) as archive:
        names = [name for name in archive.namelist() if source in name and "broken" not in name]
        return {name: decode(archive.read(name), max_pixels=1_000_000) for name in names}


# as MNIST was made


def test_samples_of_mnist_pass_unchanged_and_come_back_from_their_negative() -> None:
    pictures = samples("mnist").values()
    assert len(pictures) == 10
    for picture in pictures:
        assert np.array_equal(read(picture), picture)
        assert np.array_equal(read(255 - picture), picture)
        assert np.array_equal(read(picture, Polarity.LIGHT_ON_DARK), picture)
        assert np.array_equal(read(255 - picture, Polarity.DARK_ON_LIGHT), picture)


def test_all_of_mnist_passes_unchanged() -> None:
    folder = Settings.load().data
    source = folder / "mnist.npz" if folder else Path.home() / ".keras" / "datasets" / "mnist.npz"
    if not source.is_file():
        pytest.skip("no mnist.npz: set DIGITMILL_DATA")
    with np.load(source) as arrays:
        pictures = np.concatenate((arrays["x_train"], arrays["x_test"]))
    changed = [number for number, picture in enumerate(pictures) if not np.array_equal(read(picture), picture)]
    assert len(pictures) == 70_000
    assert changed == []


def test_mnist_pictures_made_larger_and_printed_on_paper_come_back_alike() -> None:
    for picture in samples("mnist").values():
        larger = np.kron(picture, np.ones((5, 5)))
        scan = grey(PAPER - larger * ((PAPER - INK) / 255) + noise(larger.shape, 2))
        assert likeness(read(scan), picture) > 0.93


@pytest.mark.parametrize("value", DIGITS)
def test_ink_is_twenty_pixels_long_and_balanced_on_the_middle(value: int) -> None:
    picture = read(drawn_digit(value, 120))
    rows, columns = np.nonzero(picture)
    assert 19 <= max(np.ptp(rows), np.ptp(columns)) + 1 <= 20
    assert abs(np.average(rows, weights=picture[rows, columns]) - SIDE / 2) <= 0.5
    assert abs(np.average(columns, weights=picture[rows, columns]) - SIDE / 2) <= 0.5
    assert picture.max() == 255
    assert np.count_nonzero(picture == 0) > picture.size / 2


# polarity


@pytest.mark.parametrize("value", DIGITS)
def test_a_negative_gives_the_same_picture(value: int) -> None:
    scan = drawn_digit(value)
    assert np.array_equal(read(scan), read(255 - scan))


def test_a_forced_polarity_is_obeyed() -> None:
    scan = drawn_digit(3)
    assert np.array_equal(read(scan, Polarity.DARK_ON_LIGHT), read(scan))
    assert likeness(read(scan, Polarity.LIGHT_ON_DARK), read(scan)) < 0.5


@pytest.mark.parametrize("thickness", [1, 2, 3, 4])
@pytest.mark.parametrize("value", DIGITS)
def test_a_dark_frame_is_not_taken_for_a_dark_ground(value: int, thickness: int) -> None:
    framed = drawn_digit(value)
    framed[:thickness], framed[-thickness:], framed[:, :thickness], framed[:, -thickness:] = (INK,) * 4
    assert likeness(read(framed), read(drawn_digit(value))) > 0.85
    assert likeness(read(255 - framed), read(drawn_digit(value))) > 0.85


def test_a_digit_cut_tight_keeps_its_polarity() -> None:
    for name, scan in samples("hsf-w4164").items():
        rows, columns = np.nonzero(read(scan))
        tight = read(scan)[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        larger = np.kron(tight, np.ones((3, 3), np.uint8))
        for cut in (larger, 255 - larger):
            assert likeness(read(cut), read(scan)) > 0.85, name


# scans of every quality


@pytest.mark.parametrize("source", ["hsf-w4164", "hsf-1989"])
def test_digits_of_real_forms_are_found(source: str) -> None:
    for name, scan in samples(source).items():
        picture = normalise(scan, Polarity.AUTO)
        assert (picture is None) == ("blank" in name), name


@pytest.mark.parametrize("side", [1, 2, 3])
@pytest.mark.parametrize("edge", range(4))
@pytest.mark.parametrize("value", DIGITS)
def test_a_box_line_along_an_edge_is_left_out(value: int, edge: int, side: int) -> None:
    lined = drawn_digit(value)
    np.rot90(lined, edge)[:side] = INK
    assert likeness(read(lined), read(drawn_digit(value))) > 0.85


@pytest.mark.parametrize(("turns", "at"), [(0, 20), (0, 32), (0, 48), (1, 20), (1, 46)])
@pytest.mark.parametrize("thickness", [1, 2])
@pytest.mark.parametrize("value", [1, 2, 3, 5, 6, 7, 8, 9])
def test_a_rule_through_the_crop_is_left_out(value: int, thickness: int, at: int, turns: int) -> None:
    ruled = drawn_digit(value)
    np.rot90(ruled, turns)[at : at + thickness] = INK
    assert likeness(read(ruled), read(drawn_digit(value))) > 0.8


@pytest.mark.parametrize("contrast", [40, 80])
@pytest.mark.parametrize("value", DIGITS)
def test_pencil_in_a_box_of_dark_lines_is_read(value: int, contrast: int) -> None:
    pencil = drawn_digit(value, 90, ink=PAPER - contrast)
    boxed = grey(pencil + noise(pencil.shape, 1.5))
    boxed[:3], boxed[:, -4:] = INK, INK
    assert likeness(read(boxed), read(drawn_digit(value, 90))) > 0.85


def test_the_bar_of_a_seven_cut_tight_is_no_box_line() -> None:
    seven = np.full((40, 24), PAPER, np.uint8)
    seven[:4] = INK
    cv2.line(seven, (21, 2), (8, 39), INK, 4)
    picture = read(seven)
    top = np.flatnonzero(picture.max(axis=1))[0]
    assert np.count_nonzero(picture[top + 1] > 128) > 9


def test_a_neighbours_stroke_at_the_edge_is_left_out() -> None:
    scan = drawn_digit(5, 64)
    crowded = np.pad(scan, ((0, 0), (0, 8)), constant_values=PAPER)
    cv2.line(crowded, (71, 10), (66, 50), INK, 3)
    assert likeness(read(crowded), read(scan)) > 0.95


@pytest.mark.parametrize("value", DIGITS)
def test_specks_are_left_out(value: int) -> None:
    speckled = drawn_digit(value, 100)
    random = np.random.default_rng(value)
    speckled[random.integers(0, 100, 40), random.integers(0, 100, 40)] = INK
    assert likeness(read(speckled), read(drawn_digit(value, 100))) > 0.95


@pytest.mark.parametrize("value", DIGITS)
@pytest.mark.parametrize("column", [7, 57])
def test_a_full_stop_beside_a_digit_is_left_out(value: int, column: int) -> None:
    scan = drawn_digit(value)
    dotted = scan.copy()
    cv2.circle(dotted, (column, 50), 3, INK, cv2.FILLED)
    assert likeness(read(dotted), read(scan)) > 0.97


def test_a_bar_set_apart_and_a_dot_within_the_digit_stay() -> None:
    apart = drawn_digit(1)
    cv2.line(apart, (12, 8), (36, 8), INK, 5)
    assert read(apart)[:7].any()
    knotted = drawn_digit(0)
    cv2.circle(knotted, (32, 40), 3, INK, cv2.FILLED)
    assert read(knotted)[16:20, 12:16].max() > 128


def test_where_a_stroke_is_faint_it_keeps_its_share_of_darkness() -> None:
    light = np.zeros((40, 40), np.uint8)
    light[8:32, 18:22] = 200
    light[19, 18:22] = 30
    ink = ink_of(light)
    assert ink is not None
    assert ink.picture.shape == (24, 4)
    np.testing.assert_allclose(ink.picture[19 - 8], 255 * 30 / 200, atol=6)


@pytest.mark.parametrize("contrast", [12, 20, 40])
@pytest.mark.parametrize("value", DIGITS)
def test_faint_pencil_is_read(value: int, contrast: int) -> None:
    faint = drawn_digit(value, 90, ink=PAPER - contrast)
    scan = grey(faint + noise(faint.shape, 1.5))
    assert likeness(read(scan), read(drawn_digit(value, 90))) > 0.9


@pytest.mark.parametrize("levels", [8, 9, 25])
def test_a_faint_seven_of_few_pixels_is_read(levels: int) -> None:
    """Its strokes are a pixel or two wide, and fall off to the paper within one."""
    strokes = np.zeros((120, 112), np.uint8)
    cv2.polylines(strokes, [np.array([(22, 20), (84, 24), (30, 98)], np.int32)], False, 255, 10, cv2.LINE_AA)
    share = cv2.resize(strokes, (14, 15), interpolation=cv2.INTER_AREA) / 255
    assert normalise(grey(240 - levels * share / share.max()), Polarity.AUTO) is not None


@pytest.mark.parametrize(
    "light",
    [
        lambda side: np.linspace(0.4, 1, side)[None, :],
        lambda side: np.where(np.arange(side) < side * 0.45, 0.5, 1)[None, :],
        lambda side: 1 - 0.5 * np.hypot(*np.mgrid[-0.6 : 0.6 : side * 1j, -0.6 : 0.6 : side * 1j]),
    ],
    ids=["from one side", "with the sharp edge of a shadow", "darker to the corners"],
)
@pytest.mark.parametrize("value", DIGITS)
def test_uneven_light_is_taken_out(value: int, light: Callable[[int], NDArray[np.float64]]) -> None:
    scan = drawn_digit(value, 160)
    photo = grey(scan * light(160) + noise(scan.shape, 3))
    assert likeness(read(photo), read(scan)) > 0.8


@pytest.mark.parametrize("side", [8, 10, 16, 24, 50, 300, 1000, 4000])
@pytest.mark.parametrize("value", [1, 4, 7, 8])
def test_any_size_gives_the_same_digit(value: int, side: int) -> None:
    resized = cv2.resize(drawn_digit(value, 240), (side, side), interpolation=cv2.INTER_AREA)
    assert likeness(read(np.asarray(resized, np.uint8)), read(drawn_digit(value, 240))) > 0.75


@pytest.mark.parametrize("place", [(0, 0), (0, 250), (200, 0), (200, 250)])
def test_a_digit_in_the_corner_of_a_large_crop_is_found(place: tuple[int, int]) -> None:
    scan = drawn_digit(6)[8:-8, 8:-8]
    page = np.full((260, 310), PAPER, np.uint8)
    page[6:-6, 6:-6][place[0] : place[0] + 48, place[1] : place[1] + 48] = scan
    assert likeness(read(page), read(drawn_digit(6))) > 0.8
