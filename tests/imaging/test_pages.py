from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from digitmill.imaging.files.pages import BrokenChain, count_tiff_pages, looks_like_tiff, page_offsets, with_first_page
from tests.pictures import Grey, big_tiff, deep_tiff, drawn_digit, png, tiff

PICTURE = drawn_digit(side=20)
PLENTY = 100

orders = st.sampled_from("<>")


def chain(order: str, big: bool, nexts: list[int | None], entries: int = 1) -> bytes:
    """A TIFF of empty directories. ``nexts[n]`` is the directory that follows number n, None ends the chain.

    A number beyond the last directory leads out of the file.
    """
    count, offset, entry = ("Q", "Q", 20) if big else ("H", "I", 12)
    head_bytes = 16 if big else 8
    size = struct.calcsize("=" + count + offset) + entries * entry
    mark = {"<": b"II", ">": b"MM"}[order]
    head = mark + (struct.pack(order + "HHHQ", 43, 8, 0, 16) if big else struct.pack(order + "HI", 42, 8))
    body = b"".join(
        struct.pack(order + count, entries)
        + bytes(entries * entry)
        + struct.pack(order + offset, 0 if following is None else head_bytes + following * size)
        for following in nexts
    )
    return head + body


@pytest.mark.parametrize("pages", [1, 2, 3, 7])
@pytest.mark.parametrize("write", [tiff, big_tiff], ids=["classic", "big"])
def test_pages_are_counted_as_pillow_counts_them(pages: int, write: Callable[[Sequence[Grey]], bytes]) -> None:
    data = write([PICTURE] * pages)
    with Image.open(io.BytesIO(data)) as image:
        assert count_tiff_pages(data, PLENTY) == getattr(image, "n_frames", None) == pages
    assert count_tiff_pages(memoryview(data), PLENTY) == pages


@pytest.mark.parametrize("order", "<>")
def test_both_byte_orders_are_read(order: str) -> None:
    assert looks_like_tiff(deep_tiff(PICTURE, order)[:4])
    assert count_tiff_pages(deep_tiff(PICTURE, order), PLENTY) == 1


@given(orders, st.booleans(), st.integers(1, 20), st.integers(0, 3))
def test_a_whole_chain_is_walked_to_its_end(order: str, big: bool, pages: int, entries: int) -> None:
    nexts = [*range(1, pages), None]
    assert count_tiff_pages(chain(order, big, nexts, entries), PLENTY) == pages


@given(orders, st.booleans(), st.integers(1, 20), st.integers(0, 25))
def test_no_more_than_one_page_over_the_limit_is_counted(order: str, big: bool, pages: int, limit: int) -> None:
    assert count_tiff_pages(chain(order, big, [*range(1, pages), None]), limit) == min(pages, limit + 1)


@given(orders, st.booleans(), st.integers(1, 10), st.data())
def test_a_chain_that_bites_its_tail_counts_as_one_page(order: str, big: bool, pages: int, data: st.DataObject) -> None:
    back = data.draw(st.integers(0, pages - 1))
    loop = chain(order, big, [*range(1, pages), back])
    assert count_tiff_pages(loop, PLENTY) == 1
    with pytest.raises(BrokenChain):
        page_offsets(loop, PLENTY)


@given(orders, st.booleans(), st.integers(2, 10), st.data())
def test_a_chain_cut_short_counts_as_one_page(order: str, big: bool, pages: int, data: st.DataObject) -> None:
    whole = chain(order, big, [*range(1, pages), None])
    cut = whole[: data.draw(st.integers(4, len(whole) - 1))]
    assert count_tiff_pages(cut, PLENTY) == 1
    with pytest.raises(BrokenChain):
        page_offsets(cut, PLENTY)


@given(st.binary(max_size=200))
def test_any_bytes_count_as_a_page_at_least(data: bytes) -> None:
    assert count_tiff_pages(data, PLENTY) >= 1
    assert 1 <= count_tiff_pages(b"II*\x00" + data, PLENTY) <= PLENTY + 1
    assert 1 <= count_tiff_pages(b"MM\x00+" + data, PLENTY) <= PLENTY + 1


@given(orders, st.booleans(), st.integers(2, 10), st.data())
def test_any_page_can_be_made_the_first(order: str, big: bool, pages: int, data: st.DataObject) -> None:
    whole = chain(order, big, [*range(1, pages), None])
    page = data.draw(st.integers(0, pages - 1))
    offsets = page_offsets(whole, PLENTY)
    assert page_offsets(with_first_page(whole, offsets[page]), PLENTY) == offsets[page:]


def test_other_files_do_not_look_like_a_tiff() -> None:
    assert not looks_like_tiff(png(PICTURE)[:4])
    assert not looks_like_tiff(b"")
    assert not looks_like_tiff(b"II")
    assert not looks_like_tiff(memoryview(b"MM\x00\x00 and more"))
    assert count_tiff_pages(png(PICTURE), PLENTY) == 1


def test_hundreds_of_pages_are_counted_without_decoding() -> None:
    pages = [np.full((1, 1), number % 256, np.uint8) for number in range(300)]
    assert count_tiff_pages(tiff(pages), 2000) == 300
