"""Registration: the page is found on whatever capture of it, and other pages are refused."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.errors import NoTemplate, PageNotRegistered
from digitmill.forms.cutting import cuts_of
from digitmill.forms.geometry import Floats, mapped
from digitmill.forms.registration.bending import Sheet
from digitmill.forms.registration.choosing import page_of
from digitmill.forms.registration.finding import MOST_LENGTH, Registration, Scan, refined, registered
from digitmill.forms.registration.ink import ink_of, resized
from digitmill.forms.registration.reference import Reference
from training.forms.capture import Capture, captured
from training.forms.layout import DPI, Form, filled, laid_out
from training.forms.measure import QUARTER, errors_of

Grey = NDArray[np.uint8]


@cache
def form(seed: int, markers: bool = False, code: bool = False) -> Form:
    return laid_out(np.random.default_rng(seed), f"form-{seed}", markers=markers, code=code)


@cache
def reference(seed: int, markers: bool = False, code: bool = False) -> Reference:
    one = form(seed, markers, code)
    return Reference(one.template, one.blank)


@cache
def page(seed: int, kind: str, luck: int = 0, *, markers: bool = False, code: bool = False) -> Capture:
    """A page as a scanner or a phone sees it, not to be written to."""
    random = np.random.default_rng([seed, luck])
    capture = captured(filled(form(seed, markers, code), random), DPI, kind, random)
    capture.picture.flags.writeable = False
    return capture


def worst(found: Registration, capture: Capture) -> float:
    """The largest distance of a box's middle from its place, in shorter sides of the box."""
    return float(errors_of(found, capture).max())


@pytest.mark.parametrize("kind", ["flatbed", "feeder", "coarse", "fax", "copy", "phone", "folded", "curled"])
def test_every_box_is_found_by_the_print_alone(kind: str) -> None:
    capture = page(3, kind)
    found = registered(Scan(capture.picture), reference(3))
    assert found is not None
    assert found.method == "print"
    assert worst(found, capture) < QUARTER


@cache
def on_a_scanner() -> Registration:
    found = registered(Scan(page(3, "flatbed").picture), reference(3))
    assert found is not None
    return found


@given(
    st.tuples(st.floats(-12, 12), st.floats(-12, 12)),
    st.floats(-0.005, 0.005),
    st.floats(0.995, 1.005),
    st.tuples(st.floats(-3e-6, 3e-6), st.floats(-3e-6, 3e-6)),
)
@settings(max_examples=25)
def test_a_pose_that_features_of_a_part_of_the_page_agree_on_is_made_better(
    shift: tuple[float, float], turn: float, scale: float, tilt: tuple[float, float]
) -> None:
    found = on_a_scanner()
    wrong = np.array([[scale, -turn, shift[0]], [turn, scale, shift[1]], [*tilt, 1.0]])
    better = refined(found.scan, found.reference, found.pose @ wrong)
    assert better is not None
    width, height = found.reference.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    off = np.linalg.norm(mapped(better, corners) - mapped(found.pose, corners), axis=1)
    assert off.max() < 12, "half of how far the paper is followed at first"


@pytest.mark.parametrize("kind", ["flatbed", "phone", "curled"])
def test_every_box_is_found_by_markers(kind: str) -> None:
    capture = page(4, kind, markers=True)
    found = registered(Scan(capture.picture), reference(4, markers=True))
    assert found is not None
    assert worst(found, capture) < QUARTER


def test_a_page_is_found_by_its_markers_though_one_is_torn_off() -> None:
    one = form(4, markers=True)
    torn = filled(one, np.random.default_rng(1))
    torn[:120, :120] = 255
    capture = captured(torn, DPI, "flatbed", np.random.default_rng(6))
    found = registered(Scan(capture.picture), reference(4, markers=True))
    assert found is not None
    assert found.method == "markers"
    assert worst(found, capture) < QUARTER


def test_a_page_is_found_by_its_code() -> None:
    capture = page(5, "flatbed", 2, code=True)
    found = registered(Scan(capture.picture), reference(5, code=True))
    assert found is not None
    assert found.method == "code"
    assert worst(found, capture) < QUARTER


def test_the_score_of_another_form_is_too_low() -> None:
    for seed in (7, 8):
        assert registered(Scan(page(seed, "flatbed").picture), reference(3)) is None


@pytest.mark.parametrize(
    "picture",
    [
        np.full((1000, 800), 255, np.uint8),
        np.zeros((1000, 800), np.uint8),
        np.full((1, 1), 128, np.uint8),
        np.full((3, 5000), 255, np.uint8),
        np.random.default_rng(0).integers(0, 256, (900, 700)).astype(np.uint8),
        np.where(np.indices((900, 700)).sum(axis=0) % 20 < 3, 0, 255).astype(np.uint8),
    ],
    ids=["white", "black", "one pixel", "a strip", "noise", "stripes"],
)
def test_what_is_no_page_is_refused(picture: Grey) -> None:
    for one in (reference(3), reference(4, markers=True), reference(5, code=True)):
        with pytest.raises(PageNotRegistered, match="form-"):
            page_of(Scan(picture), [one])


def test_of_several_templates_the_pages_own_is_chosen() -> None:
    references = [reference(seed) for seed in range(10, 16)]
    for index, kind in ((0, "flatbed"), (3, "phone"), (5, "fax")):
        found = page_of(Scan(page(10 + index, kind).picture), references)
        assert found.reference is references[index]


def test_a_page_of_none_of_several_templates_is_refused() -> None:
    with pytest.raises(NoTemplate):
        page_of(Scan(page(9, "flatbed").picture), [reference(seed) for seed in range(10, 16)])


def test_a_page_that_fits_two_templates_alike_is_refused() -> None:
    one = form(3)
    twin = Reference(one.template.model_copy(update={"name": "twin"}), one.blank)
    with pytest.raises(NoTemplate, match="equally well"):
        page_of(Scan(page(3, "flatbed").picture), [reference(3), twin])


def test_a_field_that_is_covered_is_not_read_though_its_page_is() -> None:
    one = form(3)
    covered = filled(one, np.random.default_rng(1))
    box = np.array(one.template.fields[2].quads).reshape(-1, 2)
    (left, top), (right, bottom) = box.min(axis=0).astype(int), box.max(axis=0).astype(int)
    covered[top - 60 : bottom + 60, max(left - 200, 0) : right + 200] = 255
    found = registered(Scan(covered), reference(3))
    assert found is not None
    assert not found.is_at_its_place(2)
    assert found.is_at_its_place(0)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turning_the_scan_turns_the_places(turns: int) -> None:
    picture = page(3, "flatbed").picture
    straight = registered(Scan(picture), reference(3))
    turned = registered(Scan(np.ascontiguousarray(np.rot90(picture, -turns))), reference(3))
    assert straight is not None
    assert turned is not None
    height, width = picture.shape
    x, y = straight.corners.T
    expected = {1: (height - 1 - y, x), 2: (width - 1 - x, height - 1 - y), 3: (y, width - 1 - x)}[turns]
    scale = width / 1654
    assert np.abs(turned.corners - np.column_stack(expected)).max() < 4 * scale


def test_paper_around_the_page_moves_the_places_and_nothing_else() -> None:
    picture = page(3, "feeder").picture
    bare = registered(Scan(picture), reference(3))
    wide = registered(Scan(np.pad(picture, ((150, 60), (90, 200)), constant_values=255)), reference(3))
    assert bare is not None
    assert wide is not None
    assert np.abs(wide.corners - bare.corners - (90, 150)).max() < 4 * picture.shape[0] / 2339


def test_the_same_page_gives_the_same_places_twice() -> None:
    picture = page(3, "phone").picture
    first, second = (registered(Scan(picture), reference(3)) for _ in range(2))
    assert first is not None
    assert second is not None
    assert np.array_equal(first.corners, second.corners)


def test_a_reference_of_another_size_than_its_template_says_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="not"):
        Reference(form(3).template, form(3).blank[1:])


@given(st.integers(1, 60), st.integers(1, 60), st.floats(0.05, 1.7))
@settings(max_examples=60)
def test_a_resized_picture_knows_the_way_back(width: int, height: int, factor: float) -> None:
    """The middles of the corners' pixels map to where their parts of the picture lie."""
    small, back = resized(np.zeros((height, width), np.uint8), factor)
    ends = mapped(back, np.array([[-0.5, -0.5], [small.shape[1] - 0.5, small.shape[0] - 0.5]]))
    assert np.allclose(ends, [[-0.5, -0.5], [width - 0.5, height - 0.5]])


@given(st.integers(30, 220), st.integers(0, 60))
def test_ink_is_the_same_under_any_even_light(paper: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    strokes = cv2.blur((random.random((80, 80)) < 0.05).astype(np.float32), (3, 3)) * 4
    white, dim = (
        np.rint(tone * (1 - 0.6 * np.clip(strokes, 0, 1))).astype(np.uint8) for tone in (230, 60 + paper // 2)
    )
    assert np.abs(ink_of(white).astype(int) - ink_of(dim)).mean() < 12


def plane(sheet: Sheet, matrix: Floats, move: Floats) -> Floats:
    """A bend that is linear over the whole sheet, at its nodes."""
    width, height = 830, 1170
    x, y = np.meshgrid(np.linspace(0, width, sheet.columns), np.linspace(0, height, sheet.rows))
    return np.asarray(np.column_stack((x.ravel(), y.ravel())) @ matrix + move)


@given(st.lists(st.floats(-0.1, 0.1), min_size=4, max_size=4), st.lists(st.floats(-30, 30), min_size=2, max_size=2))
def test_a_sheet_follows_any_linear_displacement_exactly(linear: list[float], shift: list[float]) -> None:
    sheet = Sheet(830, 1170)
    matrix, move = np.array(linear).reshape(2, 2), np.array(shift)
    bend = plane(sheet, matrix, move)
    points = np.random.default_rng(0).uniform(0, 1, (20, 2)) * (830, 1170)
    assert np.allclose(sheet.weights(points) @ bend, points @ matrix + move)
    nodes, shares = sheet.corners(points)
    assert np.allclose(np.einsum("nk,nkd->nd", shares, bend[nodes]), points @ matrix + move)
    crossings = sheet.displaced(bend, points[:, 0], points[:, 1])
    assert np.allclose(crossings[np.arange(20), np.arange(20)], points @ matrix + move)
    assert np.allclose(sheet.stiff(1, 0) @ bend.ravel(), 0, atol=1e-3)


def test_a_fine_scan_is_kept_smaller_and_places_are_told_in_its_own_pixels() -> None:
    scan = page(3, "flatbed").picture
    factor = 1.5 * MOST_LENGTH / max(scan.shape)
    fine = np.asarray(cv2.resize(scan, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR), np.uint8)
    coarse_one, fine_one = registered(Scan(scan), reference(3)), registered(Scan(fine), reference(3))
    assert coarse_one is not None
    assert fine_one is not None
    assert max(fine_one.scan.picture.shape) <= MOST_LENGTH
    assert np.abs(fine_one.corners / factor - coarse_one.corners).max() < 4
    (cut, *_), (same, *_) = cuts_of(fine_one, 0), cuts_of(coarse_one, 0)
    assert np.abs(cut.corners / factor - same.corners).max() < 4
