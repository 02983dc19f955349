"""Pages with what was read drawn over them: outlines where the fields are, and ink that stays."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from digitmill.domain.form_page import Corners
from digitmill.imaging.drawn.marking import (
    EMPTY_PAGE,
    LONGEST,
    LONGEST_TEXT,
    SHORTEST,
    Look,
    Mark,
    Marking,
    marked,
    scaled,
    size_of,
    writable,
)

WIDTH, HEIGHT = 1000, 1400
WHOLE: Corners = ((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT))


def drawn(page: NDArray[np.uint8] | None, what: Marking) -> NDArray[np.uint8]:
    """The picture below its strip, uint8 [height, width, 3]."""
    picture = np.asarray(Image.open(io.BytesIO(marked(page, what, "PNG"))))
    return picture[-(EMPTY_PAGE[0] if page is None else page.shape[0]) :]


def paper(ink: bool = False) -> NDArray[np.uint8]:
    page = np.full((HEIGHT, WIDTH), 250, np.uint8)
    if ink:
        random = np.random.default_rng(1)
        for _ in range(60):
            (x, y), shift = random.integers(0, (WIDTH, HEIGHT)), random.integers(-80, 80, 2)
            cv2.line(page, (int(x), int(y)), (int(x + shift[0]), int(y + shift[1])), int(random.integers(0, 120)), 4)
    return page


def box(left: float, top: float, right: float, bottom: float) -> Corners:
    return ((left, top), (right, top), (right, bottom), (left, bottom))


def coloured(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(np.ptp(picture.astype(int), axis=2) > 25)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(list(Look)),
    st.floats(0.1, 0.6),
    st.floats(0.1, 0.8),
    st.floats(-0.04, 0.04),
    st.lists(st.floats(-60, 60), min_size=8, max_size=8),
)
def test_an_outline_lies_where_the_field_lies_on_the_page(
    look: Look, x: float, y: float, turn: float, bent: list[float]
) -> None:
    """The page lies askew on the scan, and the corners of page and field are told in pixels of that."""
    shifts = np.array(bent, np.float32).reshape(4, 2)
    corners = np.array(WHOLE, np.float32) * 1.3 + 200 + shifts
    way = cv2.getPerspectiveTransform(np.array(WHOLE, np.float32), corners.astype(np.float32))
    middle = np.array([x * WIDTH + 120, y * HEIGHT + 40])
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    on_page = (np.array(box(-100, -30, 100, 30)) @ spin.T + middle).astype(np.float32)
    on_scan = cv2.perspectiveTransform(on_page[None], way)[0]
    mark = Mark(tuple((float(a), float(b)) for a, b in on_scan), look, "")
    of_page: Corners = tuple((float(a), float(b)) for a, b in corners)
    width, height = size_of(of_page)
    picture = drawn(np.full((height, width), 255, np.uint8), Marking("a.png", of_page, (mark,)))
    expected = on_page * (width / WIDTH, height / HEIGHT)
    touched = picture.min(axis=2) < 200
    for start, end in zip(expected, np.roll(expected, -1, axis=0), strict=True):
        side = np.linspace(start, end, 60)
        near = [touched[int(b) - 4 : int(b) + 5, int(a) - 4 : int(a) + 5].any() for a, b in side]
        # dots have gaps
        assert np.mean(near) > 0.7
    inside = cv2.fillConvexPoly(np.zeros((height, width), np.uint8), expected.astype(np.int32), 1)
    assert not touched[cv2.erode(inside, np.ones((17, 17), np.uint8)) > 0].any(), "nothing lies in the field itself"


def test_ink_stays_as_dark_as_it_was_whatever_lies_over_it() -> None:
    page = paper(ink=True)
    marks = tuple(
        Mark(box(x, y, x + 110, y + 44), list(Look)[(x + y) % 5], "0123456789")
        for x in range(20, 860, 118)
        for y in range(20, 1300, 50)
    )
    picture = drawn(page, Marking("a.png", WHOLE, marks))
    assert (picture <= page[:, :, None]).all()
    assert coloured(picture).mean() > 0.05


def test_looks_differ_without_their_colours() -> None:
    def grey(look: Look) -> NDArray[np.uint8]:
        picture = drawn(paper(), Marking("a.png", WHOLE, (Mark(box(300, 300, 700, 400), look, "7"),)))
        return np.where(picture.min(axis=2) < 160, 0, 255).astype(np.uint8)

    shapes = {look: grey(look) for look in Look}
    for one in Look:
        for other in Look:
            if one is not other:
                differing = shapes[one] != shapes[other]
                assert differing[290:410, 290:710].sum() > 100, f"lines of {one} and {other}"
                assert differing[:290].sum() + differing[410:].sum() > 30, f"signs of {one} and {other}"


def test_a_value_stands_on_free_paper_beside_its_field_or_within_it_where_there_is_none() -> None:
    alone = Mark(box(400, 600, 600, 660), Look.ACCEPTED, "42")
    busy = paper()
    cv2.rectangle(busy, (350, 540), (650, 598), 0, -1)
    picture = drawn(busy, Marking("a.png", WHOLE, (alone,)))
    rows, columns = np.nonzero(coloured(picture))
    beside = (columns > 610) & (columns < 800)
    assert beside.sum() > 100, "at its right, since above is black"
    rows, columns = rows[beside], columns[beside]
    assert rows.min() >= 600
    assert rows.max() <= 660

    table = [
        Mark(
            box(x, y, x + 150, y + 60),
            Look.ACCEPTED if (x, y) == (450, 660) else Look.BLANK,
            "42" if (x, y) == (450, 660) else "",
        )
        for x in range(300, 750, 150)
        for y in range(600, 780, 60)
    ]
    inside = coloured(drawn(paper(), Marking("a.png", WHOLE, tuple(table))))
    assert inside[664:716, 456:594].sum() > 50


def test_pages_are_drawn_in_a_size_that_can_be_read_and_is_limited() -> None:
    assert max(size_of(box(0, 0, 5000, 9000))) == LONGEST
    assert max(size_of(box(0, 0, 300, 500))) == SHORTEST
    assert size_of(box(0, 0, 1200, 1700)) == (1200, 1700)
    assert max(scaled(np.zeros((9000, 100), np.uint8)).shape) == LONGEST
    assert scaled(np.zeros((1, 20_000), np.uint8)).shape == (1, LONGEST)


@pytest.mark.parametrize("page", [None, paper()])
def test_a_page_without_fields_has_its_sentence(page: NDArray[np.uint8] | None) -> None:
    said = Image.open(io.BytesIO(marked(page, Marking("a.png", sentence="The page was not found. " * 20), "PNG")))
    less = Image.open(io.BytesIO(marked(page, Marking("a.png", sentence="The page was not found."), "PNG")))
    none = Image.open(io.BytesIO(marked(page, Marking("a.png"), "PNG")))
    assert said.width == less.width == none.width
    assert said.height > less.height > none.height, "a longer sentence has more lines"


def test_texts_are_shown_in_the_letters_that_there_are_and_shortened() -> None:
    assert writable("0123 yes", 24) == "0123 yes"
    assert writable("Größe", 24) == "Grosse"
    assert writable("はい, 7", 24) == "hai, 7"
    assert writable("ガス", 24) == "gasu"
    assert writable("Щука, Йод", 24) == "Shchuka, Iod"
    assert writable("Αθήνα", 24) == "Athina"
    assert writable("Łódź № ٣", 24) == "Lodz No 3"
    assert writable("한국", 24) == "hangug"
    assert writable("東京7", 24) == "…7"
    assert len(writable("x" * 1000, LONGEST_TEXT)) == LONGEST_TEXT
