"""Files of several pictures: each of a PGM, PPM, PBM or HEIC is one to read; of films the first frame is."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.heif_items import count_heif_pictures
from digitmill.imaging.files.pnm import count_pnm_pictures
from digitmill.imaging.files.pnm_letters import in_bytes
from tests.pictures import Grey, animated, bilevel, drawn_digit, encoded, heic, heic_of

PLENTY = 1_000_000
DIGITS = [drawn_digit(value, side) for value, side in ((1, 64), (4, 96), (7, 64))]


def in_letters(grey: Grey) -> bytes:
    height, width = grey.shape
    return f"P2\n# P5 4 4 255\n{width} {height}\n255\n{' '.join(map(str, grey.ravel()))}\n".encode()


def commented(grey: Grey) -> bytes:
    height, width = grey.shape
    return f"P5 # made by hand\n#\n{width} # wide\n{height}\n255\n".encode() + grey.tobytes()


WRITERS = {
    "pgm": lambda grey: encoded(Image.fromarray(grey), "PPM"),
    "pgm of 16 bits": lambda grey: encoded(Image.fromarray(grey.astype(np.uint16) * 257), "PPM"),
    "pgm with comments": commented,
    "ppm": lambda grey: encoded(Image.fromarray(grey).convert("RGB"), "PPM"),
    "pgm in letters": in_letters,
}


def shown(data: bytes, page: int, pages: int) -> Grey:
    return decode(data, page=page, pages=pages, max_pixels=PLENTY)


def failure_of(data: bytes, page: int = 0, pages: int = 1) -> FailureCode:
    with pytest.raises(ItemFailure) as caught:
        shown(data, page, pages)
    assert caught.value.detail.endswith(".")
    return caught.value.failure


@pytest.mark.parametrize("between", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("kind", WRITERS)
def test_each_picture_of_a_pgm_or_ppm_is_shown(kind: str, between: bytes) -> None:
    data = between.join(WRITERS[kind](grey) for grey in DIGITS)
    assert count_pnm_pictures(data, 9) == len(DIGITS)
    for page, grey in enumerate(DIGITS):
        assert np.array_equal(shown(data, page, len(DIGITS)), grey)


def test_each_picture_of_a_pbm_is_shown() -> None:
    greys = [bilevel(grey)[:, :-3] for grey in DIGITS]
    data = b"".join(encoded(Image.fromarray(grey).convert("1"), "PPM") for grey in greys)
    assert count_pnm_pictures(data, 9) == len(greys)
    for page, grey in enumerate(greys):
        assert np.array_equal(shown(data, page, len(greys)), grey)


@pytest.mark.parametrize("behind", [b"", b"\n", b"\0\0\0", b"end of file\n"])
@pytest.mark.parametrize("kind", WRITERS)
def test_what_lies_behind_a_picture_is_none(kind: str, behind: bytes) -> None:
    data = WRITERS[kind](DIGITS[0]) + behind
    assert count_pnm_pictures(data, 9) == 1
    if kind != "pgm in letters":
        assert np.array_equal(shown(data, 0, 1), DIGITS[0])


@given(st.binary(max_size=200))
def test_no_bytes_make_counting_fail(some: bytes) -> None:
    for head in (b"P5 ", b"P4 1 1 ", b"P2\n", b""):
        assert 1 <= count_pnm_pictures(head + some, 5) <= 6
    for whole in (some, struct.pack(">I4s", 24, b"ftypheic"[:4]) + bytes(16) + struct.pack(">I4s", 0, b"meta") + some):
        assert count_heif_pictures(whole) >= 1


def test_no_more_pictures_are_looked_for_than_may_be_there() -> None:
    assert count_pnm_pictures(b"P5 1 1 255\n\0" * 1000, 7) == 8


def test_a_picture_that_breaks_off_costs_itself_alone() -> None:
    data = b"".join(map(WRITERS["pgm"], DIGITS))[:-100]
    assert count_pnm_pictures(data, 9) == 3
    assert np.array_equal(shown(data, 1, 3), DIGITS[1])
    assert failure_of(data, 2, 3) is FailureCode.TRUNCATED_IMAGE


@pytest.mark.parametrize("main", [0, 1, 2])
def test_each_picture_of_a_heic_is_shown_in_its_order_whichever_is_the_main_one(main: int) -> None:
    data = heic_of(DIGITS, primary_index=main)
    assert count_heif_pictures(data) == len(DIGITS)
    for page, grey in enumerate(DIGITS):
        found = shown(data, page, len(DIGITS))
        assert found.shape == grey.shape
        assert np.abs(found.astype(int) - grey).max() <= 24


def with_references(data: bytes, kind: bytes, pairs: Sequence[tuple[int, int]]) -> bytes:
    """The HEIC with references of the kind from items to others, in a box that stands last within ``meta``."""
    references = b"".join(struct.pack(">I4s3H", 14, kind, item, 1, other) for item, other in pairs)
    box = struct.pack(">I4sI", 12 + len(references), b"iref", 0) + references
    place = data.index(b"meta") - 4
    (size,) = struct.unpack_from(">I", data, place)
    longer = struct.pack(">I", size + len(box))
    return data[:place] + longer + data[place + 4 : place + size] + box + data[place + size :]


@pytest.mark.parametrize(("kind", "pairs"), [(b"thmb", [(2, 1)]), (b"auxl", [(2, 1)]), (b"dimg", [(1, 2)])])
def test_what_belongs_to_a_picture_is_none_of_its_own(kind: bytes, pairs: Sequence[tuple[int, int]]) -> None:
    data = with_references(heic_of(DIGITS[:2]), kind, pairs)
    assert count_heif_pictures(data) == 1


def test_a_hidden_picture_is_none() -> None:
    data = heic_of(DIGITS[:2])
    second = data.index(b"infe", data.index(b"infe") + 4)
    assert count_heif_pictures(data[: second + 7] + b"\1" + data[second + 8 :]) == 1


@pytest.mark.parametrize("data", [heic_of(DIGITS), b"".join(map(WRITERS["pgm"], DIGITS))], ids=["heic", "pgm"])
def test_a_file_of_several_pictures_that_was_planned_as_one_is_told(data: bytes) -> None:
    assert failure_of(data) is FailureCode.UNSUPPORTED_FORMAT


def test_a_photo_with_a_thumbnail_is_one() -> None:
    assert count_heif_pictures(heic_of(DIGITS[:1], thumbnails=[32])) == 1
    assert count_heif_pictures(heic(DIGITS[0])) == 1


@pytest.mark.parametrize(
    ("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("AVIF", {"quality": 95})]
)
def test_of_a_film_the_first_frame_is_shown(kind: str, options: dict[str, object]) -> None:
    same_size = [drawn_digit(value, 64) for value in (1, 4, 7)]
    found = shown(animated(same_size, kind, **options), 0, 1)
    assert np.abs(found.astype(int) - same_size[0]).max() <= 24


@pytest.mark.parametrize("comment", [b"", b"# 255 of them\n"])
def test_samples_in_letters_become_those_of_bytes(comment: bytes) -> None:
    assert in_bytes(b"P1 3 2\n" + comment + b"101 0\n1 1", PLENTY) == b"P4 3 2\n\xa0\x60"
    assert in_bytes(b"P2 2 1 " + comment + b"9\n" + comment + b"0 " + comment + b"9", PLENTY) == b"P5 2 1 9\n\0\x09"
    assert in_bytes(b"P2 1 1 65535 258", PLENTY) == b"P5 1 1 65535\n\x01\x02"
    assert in_bytes(b"P3 1 1 255\n" + comment + b"1 2 3\n", PLENTY) == b"P6 1 1 255\n\1\2\3"


@pytest.mark.parametrize(
    "samples",
    [
        b"",
        b" \n",
        b"1 2 3",
        b"1 2 x 4",
        b"1,2,3,4",
        b"1 2 3 99999999999",
        b"1 2 3 4294967300",
        b"1 2 3 256",
        b"-1 2 3 4",
    ],
)
def test_samples_in_letters_that_are_none_are_damage(samples: bytes) -> None:
    assert failure_of(b"P2 2 2 255\n" + samples) is FailureCode.TRUNCATED_IMAGE
    assert failure_of(b"P1 2 2\n" + samples) is FailureCode.TRUNCATED_IMAGE


def test_a_page_in_letters_is_never_given_to_a_reader_that_takes_half_a_minute() -> None:
    for data in (b"P1 1 1 0", b"P2 1 1 255 0", b"P3 1 1 255 0 0 0"):
        assert in_bytes(data, PLENTY)[:2] in (b"P4", b"P5", b"P6")
    large = b"P2 2000 2000 255 0"
    assert in_bytes(large, PLENTY) == large
    assert failure_of(large) is FailureCode.IMAGE_TOO_LARGE
