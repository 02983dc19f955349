"""Whatever bytes arrive, a picture or an ItemFailure comes out."""

from __future__ import annotations

import io
import zlib

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from digitmill.errors import ItemFailure
from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.small_png import MOST_PIXELS, small_grey_png
from tests.pictures import (
    BILEVEL_ENCODINGS,
    COARSE_ENCODINGS,
    ENCODINGS,
    TRANSPARENT_ENCODINGS,
    Grey,
    animated,
    bilevel,
    chunk,
    drawn_digit,
    encoded,
    png,
    tiff,
    tiled_tiff,
    to_be_turned,
)

SMALL = drawn_digit(side=24)
FILES = (
    *(encode(SMALL) for table in (ENCODINGS, COARSE_ENCODINGS, TRANSPARENT_ENCODINGS) for encode in table.values()),
    *(encode(bilevel(SMALL)) for encode in BILEVEL_ENCODINGS.values()),
    *(to_be_turned(SMALL, 6, kind) for kind in ("JPEG", "PNG", "WEBP", "TIFF")),
    *(animated([SMALL, 255 - SMALL], kind) for kind in ("GIF", "PNG", "WEBP", "MPO")),
    tiff([SMALL, SMALL, SMALL]),
    tiff([SMALL], compression="packbits"),
    tiled_tiff(SMALL, 32),
)
EDGES = (0, 1, 127, 128, 255)

small_pictures = arrays(
    np.uint8, st.tuples(st.integers(1, 64), st.integers(1, 64)), elements=st.integers(0, 255), fill=st.just(7)
)


def decoded(data: bytes, page: int = 0, pages: int = 1) -> Grey | None:
    """The picture, or None for an ItemFailure. Anything else goes through."""
    try:
        grey = decode(data, page=page, pages=pages, max_pixels=100_000)
    except ItemFailure:
        return None
    assert grey.ndim == 2
    assert grey.dtype == np.uint8
    assert 0 < grey.size <= 100_000
    return grey


@st.composite
def damaged_files(draw: st.DrawFn) -> bytes:
    """A real file of some format with bytes changed, put in or taken out, or its end cut off."""
    data = bytearray(draw(st.sampled_from(FILES)))
    # half of the damage goes into the header, where the readers decide
    reach = draw(st.sampled_from((64, 256, len(data))))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, min(reach, len(data)) - 1)) if data else 0
        change = draw(st.sampled_from(("set", "set", "insert", "remove", "cut")))
        if change == "set" and data:
            data[place] = draw(st.sampled_from(EDGES) | st.integers(0, 255))
        elif change == "insert":
            data[place:place] = draw(st.binary(min_size=1, max_size=8))
        elif change == "remove":
            del data[place : place + draw(st.integers(1, 16))]
        elif change == "cut":
            del data[len(data) - place :]
    return bytes(data)


@given(damaged_files(), st.integers(0, 2))
@settings(max_examples=1000)
def test_damaged_files_never_raise_anything_else(data: bytes, page: int) -> None:
    decoded(data)
    decoded(data, page, 3)


@given(st.binary(max_size=400))
@example(b"P5 3 3 255\n")
@example(b"P2 3 3 255\n1 2 x")
@settings(max_examples=500)
def test_any_bytes_never_raise_anything_else(data: bytes) -> None:
    decoded(data)


@given(
    st.sampled_from((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00+", b"GIF89a", b"P4 9 9\n")),
    st.binary(),
)
@settings(max_examples=500)
def test_any_bytes_behind_a_signature_never_raise_anything_else(signature: bytes, rest: bytes) -> None:
    decoded(signature + rest)


@given(small_pictures, st.integers(0, 9))
def test_small_grey_pngs_are_read_as_pillow_reads_them(picture: Grey, level: int) -> None:
    data = encoded(Image.fromarray(picture), "PNG", compress_level=level)
    short_way = small_grey_png(data)
    assert short_way is not None
    assert np.array_equal(short_way, picture)


@given(st.data())
@settings(max_examples=500)
def test_the_short_way_takes_no_file_that_pillow_refuses(data: st.DataObject) -> None:
    picture = drawn_digit(side=20)
    height, width = picture.shape
    rows = bytearray(np.pad(picture, ((0, 0), (1, 0))).tobytes())
    rows[data.draw(st.integers(0, len(rows) - 1))] = data.draw(st.integers(0, 255))
    content = bytearray(zlib.compress(bytes(rows[: data.draw(st.integers(len(rows) - 3, len(rows)))])))
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    header = png(picture)[:33]
    file = header + chunk(b"IDAT", bytes(content)) + chunk(b"IEND", b"")
    short_way = small_grey_png(file)
    if short_way is not None:
        assert short_way.shape == (height, width)
        assert np.array_equal(short_way, np.asarray(Image.open(io.BytesIO(file))))


def test_larger_pngs_and_other_kinds_go_the_long_way() -> None:
    side = int(MOST_PIXELS**0.5)
    assert small_grey_png(png(drawn_digit(side=side))) is not None
    assert small_grey_png(png(drawn_digit(side=side + 1))) is None
    coloured = encoded(Image.fromarray(SMALL).convert("RGB"), "PNG")
    assert small_grey_png(coloured) is None
    assert small_grey_png(to_be_turned(SMALL, 6, "PNG")) is None
    assert small_grey_png(b"") is None
