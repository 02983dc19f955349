"""Pictures with a channel of alpha: ink that a person sees stays ink, whatever the channel says."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digitmill.imaging.files import grey as greying
from digitmill.imaging.files.decode import decode
from tests.imaging.tiffs import SHORT, grey_tags, written
from tests.pictures import Grey, drawn_digit, encoded

Coloured = NDArray[np.uint8]
"""[height, width, 4]: red, green, blue, and how opaque."""

FILES = Path(__file__).parent / "files"
PLENTY = 1_000_000
PICTURE = drawn_digit(4, 64)
STROKES = drawn_digit(7, 64, ink=255, paper=0)
"""How opaque a stroke on a transparent canvas is."""


def bmp(coloured: Coloured, header_bytes: int) -> bytes:
    """A BMP of 32 bits with a mask for alpha; the header of version 4 has 108 bytes, that of version 5 124."""
    height, width, _ = coloured.shape
    masks = (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000)
    rows = coloured[::-1, :, [2, 1, 0, 3]].tobytes()
    header = struct.pack("<IiiHHIIiiII4I", header_bytes, width, height, 1, 32, 3, len(rows), 2835, 2835, 0, 0, *masks)
    header = header.ljust(header_bytes, b"\x00")
    return b"BM" + struct.pack("<IHHI", 14 + len(header) + len(rows), 0, 0, 14 + len(header)) + header + rows


def tiff(coloured: Coloured) -> bytes:
    """With alpha that the colours were not multiplied by (ExtraSamples 2)."""
    tags = {258: (SHORT, [8] * 4), 262: (SHORT, [2]), 277: (SHORT, [4]), 338: (SHORT, [2])}
    return written([({**grey_tags(coloured[:, :, 0]), **tags}, [coloured.tobytes()])])


WRITE: dict[str, Callable[[Coloured], bytes]] = {
    "png": lambda coloured: encoded(Image.fromarray(coloured), "PNG"),
    "png in grey": lambda coloured: encoded(
        Image.merge("LA", [Image.fromarray(np.ascontiguousarray(coloured[:, :, channel])) for channel in (0, 3)]), "PNG"
    ),
    "webp": lambda coloured: encoded(Image.fromarray(coloured), "WEBP", lossless=True, exact=True),
    "tiff": tiff,
    "bmp, version 4": lambda coloured: bmp(coloured, 108),
    "bmp, version 5": lambda coloured: bmp(coloured, 124),
    "jpeg 2000": lambda coloured: encoded(Image.fromarray(coloured), "JPEG2000"),
}
formats = pytest.mark.parametrize("write", WRITE.values(), ids=WRITE.keys())


def coloured(grey: Grey | int, alpha: Grey | int) -> Coloured:
    picture = np.empty((64, 64, 4), np.uint8)
    picture[:, :, :3] = np.broadcast_to(grey, (64, 64))[:, :, None]
    picture[:, :, 3] = alpha
    return picture


def decoded(data: bytes) -> Grey:
    return decode(data, max_pixels=PLENTY)


@formats
@pytest.mark.parametrize("alpha", [0, 255])
def test_a_channel_that_is_the_same_throughout_is_no_transparency(
    write: Callable[[Coloured], bytes], alpha: int
) -> None:
    assert np.array_equal(decoded(write(coloured(PICTURE, alpha))), PICTURE)


@formats
@pytest.mark.parametrize("ink", [255, 230, 200, 160])
def test_light_strokes_on_a_transparent_canvas_lie_on_black(write: Callable[[Coloured], bytes], ink: int) -> None:
    shown = decoded(write(coloured(ink, STROKES)))
    assert np.abs(shown.astype(int) - STROKES * (ink / 255)).max() <= 2


@formats
@pytest.mark.parametrize("ink", [0, 60, 110])
def test_dark_strokes_on_a_transparent_canvas_lie_on_white(write: Callable[[Coloured], bytes], ink: int) -> None:
    shown = decoded(write(coloured(ink, STROKES)))
    assert np.abs(shown.astype(int) - (255 - STROKES * ((255 - ink) / 255))).max() <= 2


@pytest.mark.parametrize("behind", [0, 128, 255])
def test_colours_that_nobody_sees_do_not_count(behind: int) -> None:
    """Programs leave anything under pixels that are wholly transparent."""
    colours = np.where(STROKES > 0, 255, behind).astype(np.uint8)
    assert np.array_equal(decoded(WRITE["png"](coloured(colours, STROKES))), STROKES)


@pytest.mark.parametrize("corner", [5, 15, 25])
@pytest.mark.parametrize("ink", [30, 120])
def test_a_sheet_with_transparent_corners_stays_on_white(corner: int, ink: int) -> None:
    shape = Image.new("L", (64, 64))
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, 63, 63), corner, fill=255)
    sheet = drawn_digit(4, 64, ink=ink)
    shown = decoded(WRITE["png"](coloured(sheet, np.asarray(shape))))
    assert np.array_equal(shown[28:36], np.where(np.asarray(shape) > 0, sheet, 255)[28:36])
    assert shown[0, 0] == 255


@pytest.mark.parametrize("ink", [30, 120])
def test_a_small_sheet_on_a_large_transparent_canvas_stays_on_white(ink: int) -> None:
    sheet, alpha = np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8)
    sheet[16:48, 16:48] = drawn_digit(4, 32, ink=ink)
    alpha[16:48, 16:48] = 255
    shown = decoded(WRITE["png"](coloured(sheet, alpha)))
    assert shown[0, 0] == 255
    assert np.array_equal(shown[16:48, 16:48], sheet[16:48, 16:48])


def test_an_empty_sheet_with_transparent_corners_stays_empty() -> None:
    shape = Image.new("L", (64, 64))
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, 63, 63), 12, fill=255)
    assert decoded(WRITE["png"](coloured(255, np.asarray(shape)))).min() == 255


@pytest.mark.parametrize("ink", [255, 40])
def test_large_pictures_are_judged_as_a_whole(ink: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = WRITE["png"](coloured(ink, STROKES))
    whole = decoded(data)
    monkeypatch.setattr(greying, "BAND_PIXELS", 130)
    assert np.array_equal(decoded(data), whole)


def test_white_strokes_of_a_drawing_program_are_seen() -> None:
    shown = decoded((FILES / "7_white_strokes_on_transparent_canvas.png").read_bytes())
    assert shown.max() == 255
    assert shown.min() == 0
    assert shown.mean() < 60
