"""Which directories of a TIFF are pages, and so rows: thumbnails, masks and levels of a pyramid are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.pages import count_tiff_pages, directory_offsets, page_offsets
from tests.archives import zip_of
from tests.imaging.tiffs import LONG, SHORT, Tags, grey_tags, written
from tests.pictures import Grey, drawn_digit
from tests.uploads.planning import plan_of, plan_zip

FILES = Path(__file__).parent / "files"
PLENTY = 1_000_000
PAGE, OTHER = drawn_digit(4, 64), drawn_digit(7, 90)
THUMBNAIL, MASK, BOTH, A_PAGE = (({254: (LONG, [bits])}) for bits in (1, 4, 5, 2))
OLD_THUMBNAIL: Tags = {255: (SHORT, [2])}
PLAIN: Tags = {}

layouts = pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True), (">", True)])


def small(grey: Grey) -> Grey:
    return np.asarray(Image.fromarray(grey).resize((grey.shape[1] // 4, grey.shape[0] // 4)))


def tiff(directories: Sequence[tuple[Grey, Tags]], order: str = "<", *, big: bool = False) -> bytes:
    return written([({**grey_tags(grey), **tags}, [grey.tobytes()]) for grey, tags in directories], order, big=big)


def pages_of(data: bytes) -> list[Grey]:
    count = count_tiff_pages(data, 100)
    return [decode(data, page=page, pages=count, max_pixels=PLENTY) for page in range(count)]


CASES: Mapping[str, tuple[Sequence[tuple[Grey, Tags]], Sequence[Grey]]] = {
    "a thumbnail behind its page": ([(PAGE, PLAIN), (small(PAGE), THUMBNAIL)], [PAGE]),
    "a thumbnail before its page": ([(small(PAGE), THUMBNAIL), (PAGE, PLAIN)], [PAGE]),
    "a thumbnail of the old kind": ([(PAGE, PLAIN), (small(PAGE), OLD_THUMBNAIL)], [PAGE]),
    "a mask": ([(PAGE, PLAIN), (PAGE, MASK)], [PAGE]),
    "the mask of a thumbnail": ([(PAGE, PLAIN), (small(PAGE), THUMBNAIL), (small(PAGE), BOTH)], [PAGE]),
    "two pages with a thumbnail each": (
        [(PAGE, A_PAGE), (small(PAGE), THUMBNAIL), (OTHER, A_PAGE), (small(OTHER), THUMBNAIL)],
        [PAGE, OTHER],
    ),
    "a thumbnail alone": ([(small(PAGE), THUMBNAIL)], [small(PAGE)]),
    "pages that say that they are": ([(PAGE, A_PAGE), (OTHER, A_PAGE), (PAGE, A_PAGE)], [PAGE, OTHER, PAGE]),
}


@layouts
@pytest.mark.parametrize(("directories", "expected"), CASES.values(), ids=CASES.keys())
def test_pages_alone_are_rows(
    directories: Sequence[tuple[Grey, Tags]], expected: Sequence[Grey], order: str, *, big: bool
) -> None:
    shown = pages_of(tiff(directories, order, big=big))
    assert len(shown) == len(expected)
    for one, other in zip(shown, expected, strict=True):
        assert np.array_equal(one, other)


def numbered(grey: Grey, number: int, of: int) -> tuple[Grey, Tags]:
    return grey, {254: (LONG, [2]), 297: (SHORT, [number, of])}


@layouts
@pytest.mark.parametrize("side", [64, 90, 75, 101])
def test_levels_of_a_pyramid_are_no_rows(side: int, order: str, *, big: bool) -> None:
    first = drawn_digit(4, side)
    for rounded_up in (False, True):
        levels, grey = [numbered(first, 0, 4)], first
        while min(grey.shape) > 8:
            halved = [(length + rounded_up) // 2 for length in grey.shape]
            grey = np.asarray(Image.fromarray(grey).resize((halved[1], halved[0])))
            levels.append(numbered(grey, 0, 4))
        (shown,) = pages_of(tiff(levels, order, big=big))
        assert np.array_equal(shown, first)


def test_pages_of_half_the_size_with_numbers_of_their_own_are_rows() -> None:
    half = drawn_digit(7, 32)
    assert len(pages_of(tiff([numbered(PAGE, 0, 2), numbered(half, 1, 2)]))) == 2
    assert len(pages_of(tiff([(PAGE, PLAIN), (half, PLAIN)]))) == 2
    assert len(pages_of(tiff([numbered(PAGE, 0, 2), numbered(PAGE, 0, 2)]))) == 2


def test_a_pyramid_of_imagemagick_is_one_row(tmp_path: Path) -> None:
    data = (FILES / "4_pyramid.tif").read_bytes()
    assert plan_of(tmp_path, ("4.tif", data)).names == ["4.tif"]


def test_rows_are_planned_for_pages_alone(tmp_path: Path) -> None:
    with_thumbnail = tiff([(PAGE, PLAIN), (small(PAGE), THUMBNAIL)])
    two = tiff([(PAGE, A_PAGE), (small(PAGE), THUMBNAIL), (OTHER, A_PAGE), (PAGE, MASK)])
    assert plan_of(tmp_path, ("a.tif", with_thumbnail), ("b.tif", two)).names == ["a.tif", "b.tif#1", "b.tif#2"]
    assert plan_zip(tmp_path, zip_of({"a.tif": with_thumbnail, "b.tif": two})).names == ["a.tif", "b.tif#1", "b.tif#2"]


def test_thumbnails_do_not_count_towards_the_limit_of_pages() -> None:
    data = tiff([(PAGE, A_PAGE), (small(PAGE), THUMBNAIL)] * 20)
    assert count_tiff_pages(data, 20) == 20
    assert count_tiff_pages(data, 10) == 11


def test_a_job_that_was_planned_before_goes_on_with_the_rows_that_it_has() -> None:
    data = tiff([(PAGE, PLAIN), (small(PAGE), THUMBNAIL)])
    assert np.array_equal(decode(data, page=0, pages=2, max_pixels=PLENTY), PAGE)
    assert np.array_equal(decode(data, page=1, pages=2, max_pixels=PLENTY), small(PAGE))
    assert len(page_offsets(data, 9)) == 1
    assert len(directory_offsets(data, 9)) == 2
