"""Faxes in TIFFs that declare more rows than they have: those that are there are read, or the file fails."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files.decode import decode
from tests.pictures import Grey, drawn_digit, encoded

PLENTY = 10_000_000
METHODS = ["group4", "group3", "tiff_ccitt"]
LENGTH, OFFSETS, ROWS, COUNTS = 257, 273, 278, 279


def page() -> Grey:
    grey = np.full((600, 500), 255, np.uint8)
    grey[20:220, 50:250], grey[380:580, 250:450] = drawn_digit(4, 200), drawn_digit(7, 200)
    return np.where(grey < 128, np.uint8(0), np.uint8(255))


def fax(method: str, white: int = 0, **tags: int) -> bytes:
    info = {262: white, **{int(tag): value for tag, value in tags.items()}}
    return encoded(Image.fromarray(page()).convert("1"), "TIFF", compression=method, tiffinfo=info)


def entries(data: bytes) -> dict[int, int]:
    """Where the entry of each tag of the first directory lies."""
    (place,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, place)
    return {struct.unpack_from("<H", data, at)[0]: at for at in range(place + 2, place + 2 + 12 * count, 12)}


def with_tags(data: bytes, tags: dict[int, int]) -> bytes:
    changed = bytearray(data)
    for tag, value in tags.items():
        struct.pack_into("<HHII", changed, entries(data)[tag], tag, 4, 1, value)
    return bytes(changed)


def value(data: bytes, tag: int) -> int:
    _, kind, _, short, high = struct.unpack_from("<HHIHH", data, entries(data)[tag])
    return int(short if kind == 3 else short + (high << 16))


def shown(data: bytes) -> Grey:
    return decode(data, max_pixels=PLENTY)


@pytest.mark.parametrize("white", [0, 1])
@pytest.mark.parametrize("method", METHODS)
def test_a_fax_with_all_its_rows_is_as_it_was(method: str, white: int) -> None:
    assert np.array_equal(shown(fax(method, white)), page())


@pytest.mark.parametrize("white", [0, 1])
@pytest.mark.parametrize("declared", [612, 700, 2000, 9999])
def test_rows_before_the_mark_of_their_end_are_read_and_no_others(declared: int, white: int) -> None:
    data = with_tags(fax("group4", white), {LENGTH: declared, ROWS: declared})
    assert np.array_equal(shown(data), page())
    assert np.array_equal(shown(with_tags(data, {ROWS: 2**32 - 1})), page())


@pytest.mark.parametrize("declared", [700, 2000])
def test_the_same_of_group_3_with_its_return_to_control(declared: int) -> None:
    data = fax("group3")
    start, length = value(data, OFFSETS), value(data, COUNTS)
    end = int("000000000001" * 6, 2).to_bytes(9)
    longer = data[: start + length] + end + data[start + length :]
    (directory,) = struct.unpack_from("<I", longer, 4)
    moved = longer[:4] + struct.pack("<I", directory + (len(end) if directory > start else 0)) + longer[8:]
    moved = with_tags(moved, {COUNTS: length + len(end)})
    assert np.array_equal(shown(moved), page())
    assert np.array_equal(shown(with_tags(moved, {LENGTH: declared, ROWS: declared})), page())


@pytest.mark.parametrize("white", [0, 1])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("part", [0.3, 0.5, 0.8, 0.95])
def test_a_fax_that_breaks_off_fails_and_is_not_half_read(method: str, part: float, white: int) -> None:
    data = fax(method, white)
    with pytest.raises(ItemFailure) as caught:
        shown(with_tags(data, {COUNTS: int(part * value(data, COUNTS))}))
    assert caught.value.failure is FailureCode.TRUNCATED_IMAGE
    assert "rows" in caught.value.detail or "damaged" in caught.value.detail


def test_bits_in_the_other_order_and_several_strips_make_no_difference() -> None:
    data = fax("group4", **{"266": 1})
    start, length = value(data, OFFSETS), value(data, COUNTS)
    turned = bytes(int(f"{byte:08b}"[::-1], 2) for byte in data[start : start + length])
    swapped = with_tags(data[:start] + turned + data[start + length :], {266: 2})
    assert np.array_equal(shown(swapped), page())
    assert np.array_equal(shown(with_tags(swapped, {LENGTH: 900, ROWS: 900})), page())
    strips = fax("group4", **{str(ROWS): 100})
    assert np.array_equal(shown(strips), page())
