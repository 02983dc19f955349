from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageChops

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files import grey as greying
from digitmill.imaging.files.decode import REDUCED_SIDE, decode
from digitmill.imaging.files.pages import page_offsets
from tests.pictures import (
    BAD_FILES,
    BILEVEL_ENCODINGS,
    COARSE_ENCODINGS,
    ENCODINGS,
    TRANSPARENT_ENCODINGS,
    Grey,
    animated,
    bilevel,
    drawn_digit,
    encoded,
    jpeg,
    png,
    png_declaring,
    tiff,
    tiff_by_hand,
    tiled_tiff,
    to_be_turned,
)

PICTURE = np.ascontiguousarray(drawn_digit()[3:, 8:58])
"""Higher than wide, so that a picture on its side is noticed."""
PLENTY = 1_000_000
INSTRUCTIONS = ("Send ", "Save ", "Scan ", "Copy, scan or export ", "Unpack ", "Name ")

STORED = {
    1: PICTURE,
    2: PICTURE[:, ::-1],
    3: PICTURE[::-1, ::-1],
    4: PICTURE[::-1],
    5: PICTURE.T,
    6: PICTURE[:, ::-1].T,
    7: PICTURE[::-1, ::-1].T,
    8: PICTURE[::-1].T,
}
"""How the upright picture lies in a file of each orientation (EXIF 2.32, tag 274: where row 0 and column 0 are)."""


def failure_of(data: bytes, *, page: int = 0, pages: int = 1, max_pixels: int = PLENTY) -> ItemFailure:
    with pytest.raises(ItemFailure) as caught:
        decode(data, page=page, pages=pages, max_pixels=max_pixels)
    assert caught.value.detail.endswith(".")
    assert any(instruction in caught.value.detail for instruction in INSTRUCTIONS), caught.value.detail
    return caught.value


def distance(one: Grey, other: Grey) -> int:
    assert one.shape == other.shape
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_every_grey_level_survives(encode: Callable[[Grey], bytes]) -> None:
    grey = decode(encode(PICTURE), max_pixels=PLENTY)
    assert grey.dtype == np.uint8
    assert grey.flags.c_contiguous
    assert distance(grey, PICTURE) == 0


@pytest.mark.parametrize("encode", COARSE_ENCODINGS.values(), ids=COARSE_ENCODINGS.keys())
def test_lossy_encodings_come_near(encode: Callable[[Grey], bytes]) -> None:
    assert distance(decode(encode(PICTURE), max_pixels=PLENTY), PICTURE) <= 12


@pytest.mark.parametrize("encode", [*ENCODINGS.values(), *COARSE_ENCODINGS.values()])
def test_large_pictures_are_turned_to_grey_band_by_band_with_the_same_result(
    encode: Callable[[Grey], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decode(encode(PICTURE), max_pixels=PLENTY)
    monkeypatch.setattr(greying, "BAND_PIXELS", 170)
    assert np.array_equal(decode(encode(PICTURE), max_pixels=PLENTY), whole)


@pytest.mark.parametrize("encode", BILEVEL_ENCODINGS.values(), ids=BILEVEL_ENCODINGS.keys())
def test_one_bit_is_black_and_white(encode: Callable[[Grey], bytes]) -> None:
    sharp = bilevel(PICTURE)
    assert distance(decode(encode(sharp), max_pixels=PLENTY), sharp) == 0


@pytest.mark.parametrize("encode", TRANSPARENT_ENCODINGS.values(), ids=TRANSPARENT_ENCODINGS.keys())
def test_a_transparent_palette_colour_is_paper(encode: Callable[[Grey], bytes]) -> None:
    red = 76
    assert distance(decode(encode(PICTURE), max_pixels=PLENTY), np.where(bilevel(PICTURE), 255, red)) <= 1


def test_a_cmyk_jpeg_that_adobe_did_not_write_is_not_inverted() -> None:
    inverted = ImageChops.invert(Image.fromarray(PICTURE).convert("CMYK"))
    written = encoded(inverted, "JPEG", quality=95)
    adobe = written.index(b"\xff\xee")
    length = int.from_bytes(written[adobe + 2 : adobe + 4], "big")
    bare = written[:adobe] + written[adobe + 2 + length :]
    assert distance(decode(bare, max_pixels=PLENTY), PICTURE) <= 12


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ],
    ids=["jpeg", "png", "webp", "tiff", "tiff, LZW"],
)
def test_pictures_are_turned_upright(orientation: int, kind: str, options: dict[str, object]) -> None:
    data = to_be_turned(STORED[orientation], orientation, kind, **options)
    assert distance(decode(data, max_pixels=PLENTY), PICTURE) <= 12


def test_damaged_exif_data_do_not_cost_the_picture() -> None:
    data = encoded(
        Image.fromarray(PICTURE), "JPEG", quality=95, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x00" + b"\x07" * 30
    )
    assert distance(decode(data, max_pixels=PLENTY), PICTURE) <= 12


@pytest.mark.parametrize(
    ("kind", "options"), [("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}), ("MPO", {"quality": 95})]
)
def test_of_several_frames_the_first_is_read(kind: str, options: dict[str, object]) -> None:
    data = animated([PICTURE, 255 - PICTURE], kind, **options)
    assert distance(decode(data, max_pixels=PLENTY), PICTURE) <= 12


@pytest.mark.parametrize(("data", "expected"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_bad_files_fail_with_their_reason(data: bytes, expected: FailureCode) -> None:
    assert failure_of(data).failure is expected


@pytest.mark.parametrize(
    "encode", [*ENCODINGS.values(), *COARSE_ENCODINGS.values()], ids=[*ENCODINGS.keys(), *COARSE_ENCODINGS.keys()]
)
def test_a_file_cut_short_is_truncated_and_not_another_format(encode: Callable[[Grey], bytes]) -> None:
    data = encode(PICTURE)
    assert failure_of(data[: len(data) * 6 // 10]).failure is FailureCode.TRUNCATED_IMAGE


def test_the_limit_is_the_last_size_that_passes() -> None:
    data = png(PICTURE)
    assert decode(data, max_pixels=PICTURE.size).shape == PICTURE.shape
    assert failure_of(data, max_pixels=PICTURE.size - 1).failure is FailureCode.IMAGE_TOO_LARGE
    assert failure_of(jpeg(PICTURE), max_pixels=PICTURE.size - 1).failure is FailureCode.IMAGE_TOO_LARGE


def test_a_tiff_with_a_tile_larger_than_its_picture_counts_by_its_tile() -> None:
    assert distance(decode(tiled_tiff(PICTURE, 64), max_pixels=64 * 64), PICTURE) == 0
    assert failure_of(tiled_tiff(PICTURE, 64), max_pixels=64 * 64 - 1).failure is FailureCode.IMAGE_TOO_LARGE


def test_every_page_of_a_tiff_can_be_read() -> None:
    pages = [PICTURE, 255 - PICTURE, np.full((20, 30), 90, np.uint8)]
    for options in ({}, {"compression": "group4"}, {"big_tiff": True}):
        written = [bilevel(page) for page in pages] if "compression" in options else pages
        images = [Image.fromarray(page).convert("1" if "compression" in options else "L") for page in written]
        data = encoded(images[0], "TIFF", save_all=True, append_images=images[1:], **options)
        for number, page in enumerate(written):
            assert distance(decode(data, page=number, pages=3, max_pixels=PLENTY), page) == 0


def test_a_tiff_with_more_pages_than_planned_says_how_to_name_it() -> None:
    failure = failure_of(tiff([PICTURE, PICTURE]))
    assert failure.failure is FailureCode.UNSUPPORTED_FORMAT
    assert ".tif" in failure.detail


def test_a_tiff_whose_chain_of_pages_is_broken_loses_none_in_silence() -> None:
    data = tiff([PICTURE, PICTURE, PICTURE])
    cut = data[: page_offsets(data, 3)[2] + 6]
    assert failure_of(cut).failure is FailureCode.TRUNCATED_IMAGE


def test_a_page_without_all_its_pixels_fails_alone() -> None:
    cut = tiff([PICTURE, PICTURE, PICTURE])[:-20]
    assert distance(decode(cut, page=1, pages=3, max_pixels=PLENTY), PICTURE) == 0
    assert failure_of(cut, page=2, pages=3).failure is FailureCode.TRUNCATED_IMAGE


def test_a_tiff_of_a_kind_that_is_not_read_is_called_unsupported() -> None:
    doubles = PICTURE.astype(np.float64).tobytes()
    height, width = PICTURE.shape
    tags = {256: width, 257: height, 258: 64, 259: 1, 262: 1, 273: None, 277: 1, 279: len(doubles), 339: 3}
    assert failure_of(tiff_by_hand(tags, doubles)).failure is FailureCode.UNSUPPORTED_FORMAT


def test_a_large_photo_is_read_at_a_fraction_and_always_the_same() -> None:
    photo = np.kron(PICTURE, np.full((100, 100), 1, np.uint8))
    data = jpeg(photo)
    grey = decode(data, max_pixels=photo.size)
    assert max(photo.shape) > 2 * REDUCED_SIDE
    assert REDUCED_SIDE <= max(grey.shape) < 2 * REDUCED_SIDE
    assert np.array_equal(grey, decode(data, max_pixels=photo.size))
    centres = grey[25::50, 25::50]
    assert distance(centres, PICTURE) <= 12


def test_a_photo_of_ordinary_size_is_read_whole() -> None:
    photo = np.full((2 * REDUCED_SIDE - 1, 40), 128, np.uint8)
    assert decode(jpeg(photo), max_pixels=photo.size).shape == photo.shape


def test_pillows_warnings_do_not_leak_and_others_still_count() -> None:
    alarming = png_declaring(10_000, 10_000)
    assert failure_of(alarming).failure is FailureCode.IMAGE_TOO_LARGE
    with pytest.warns(UserWarning, match="ours"):
        warnings.warn("ours", UserWarning, stacklevel=1)
