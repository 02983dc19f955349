"""Ink that is as bright as its paper is read by its colour; what grey shows is read in grey, byte for byte."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from digitmill.domain.jobs import Polarity
from digitmill.imaging.files.decode import decode
from digitmill.imaging.normaliser.normalise import normalise
from tests.pictures import Grey, drawn_digit, encoded
from training.drawn.likeness import likeness

Colour = tuple[int, int, int]
Coloured = NDArray[np.uint8]

PLENTY = 10_000_000
ALIKE = 0.9
WRITE: dict[str, Callable[[Image.Image], bytes]] = {
    "png": lambda image: encoded(image, "PNG"),
    "palette": lambda image: encoded(image.quantize(200), "PNG"),
    "gif": lambda image: encoded(image.quantize(200), "GIF"),
    "opaque": lambda image: encoded(image.convert("RGBA"), "PNG"),
    "webp": lambda image: encoded(image, "WEBP", quality=80),
    "tiff": lambda image: encoded(image, "TIFF"),
    "tiff in cmyk": lambda image: encoded(image.convert("CMYK"), "TIFF"),
    "jpeg 90": lambda image: encoded(image, "JPEG", quality=90),
    "jpeg 20": lambda image: encoded(image, "JPEG", quality=20),
    "jpeg in cmyk": lambda image: encoded(image.convert("CMYK"), "JPEG", quality=90),
}
# each pair is as bright in grey, within 2 levels
PAIRS: dict[str, tuple[Colour, Colour]] = {
    "red on grey": ((220, 60, 60), (108, 108, 108)),
    "red on buff": ((235, 90, 80), (140, 132, 110)),
    "blue on grey": ((70, 90, 235), (101, 101, 101)),
    "green on pink": ((80, 190, 90), (190, 125, 140)),
    "grey on orange": ((160, 160, 160), (240, 140, 55)),
}


def painted(ink: Colour, paper: Colour, side: int = 80, digit: int = 5) -> Image.Image:
    share = drawn_digit(digit, side, ink=255, paper=0)[:, :, None] / 255
    return Image.fromarray(np.rint(share * ink + (1 - share) * np.array(paper)).astype(np.uint8))


def found_in(data: bytes, polarity: Polarity = Polarity.AUTO) -> Grey | None:
    return normalise(decode(data, max_pixels=PLENTY), polarity)


def tinted(paper: Colour, noise: float, seed: int) -> Image.Image:
    values = np.array(paper) + np.random.default_rng(seed).normal(0, noise, (90, 70, 3))
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("write", WRITE.values(), ids=WRITE)
def test_ink_as_bright_as_its_paper_is_read(write: Callable[[Image.Image], bytes], pair: tuple[Colour, Colour]) -> None:
    assert np.ptp(np.asarray(painted(*pair).convert("L")).astype(int)) <= 8
    expected = normalise(drawn_digit(5, 80), Polarity.AUTO)
    for polarity in (Polarity.AUTO, Polarity.DARK_ON_LIGHT):
        found = found_in(write(painted(*pair)), polarity)
        assert found is not None
        assert expected is not None
        assert likeness(found, expected) >= ALIKE


def test_so_is_ink_on_a_transparent_canvas_over_white() -> None:
    yellow = painted((255, 255, 60), (255, 255, 255)).convert("RGBA")
    yellow.putpixel((0, 0), (255, 255, 255, 0))
    assert found_in(encoded(yellow, "PNG")) is not None


def test_a_large_picture_is_read_as_a_small_one_is() -> None:
    small = painted(*PAIRS["red on buff"], side=96)
    large = small.resize((1536, 1536), Image.Resampling.NEAREST)
    one, other = found_in(encoded(small, "PNG")), found_in(encoded(large, "PNG"))
    assert one is not None
    assert other is not None
    assert likeness(one, other) >= ALIKE


@given(st.tuples(*[st.integers(0, 255)] * 3), st.tuples(*[st.integers(0, 255)] * 3))
def test_what_grey_shows_stays_as_grey_has_it(ink: Colour, paper: Colour) -> None:
    image = painted(ink, paper)
    grey = np.asarray(image.convert("L"))
    decoded = decode(encoded(image, "PNG"), max_pixels=PLENTY)
    if int(grey.max()) - int(grey.min()) >= 40:
        np.testing.assert_array_equal(decoded, grey)


@given(st.integers(0, 255), st.integers(0, 255))
def test_a_grey_picture_in_colours_stays_as_it_is(ink: int, paper: int) -> None:
    decoded = decode(encoded(painted((ink,) * 3, (paper,) * 3), "PNG"), max_pixels=PLENTY)
    np.testing.assert_array_equal(decoded, painted((ink,) * 3, (paper,) * 3).convert("L"))


@pytest.mark.parametrize("quality", [20, 50, 90, None])
@given(st.tuples(*[st.integers(110, 255)] * 3), st.floats(0, 8), st.integers(0, 99))
def test_the_colours_of_blank_paper_are_no_ink(quality: int | None, paper: Colour, noise: float, seed: int) -> None:
    image = tinted(paper, noise, seed)
    data = encoded(image, "PNG") if quality is None else encoded(image, "JPEG", quality=quality)
    grey = Image.open(io.BytesIO(data))
    grey.draft("L", grey.size)
    np.testing.assert_array_equal(decode(data, max_pixels=PLENTY), np.asarray(grey.convert("L")))
