"""Any picture that Pillow has loaded to eight bits of grey, with a ground put under transparent parts that shows ink.

Large pictures are turned band by band, so that a picture of 50 million samples of 16 bits takes 150 MB and not 1.4 GB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from digitmill.imaging.files.colour import COLOURED, by_colour, hides_ink

BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
WHITE_IS_ZERO = 0
UNSIGNED = 1
BAND_PIXELS = 1 << 20
LIGHT, INKED, MOST_OF_CANVAS = 128, 96, 0.75
"""Strokes on a transparent canvas are light from this grey on; paper with ink differs by so much, or covers so much."""

Grey = NDArray[np.uint8]


def grey_of(image: Image.Image) -> Grey:
    """uint8 [height, width], 0 black to 255 white, of a loaded image of any mode.

    Raises:
        ValueError: Pillow knows no way from the image's mode to grey.
    """
    return with_ink_of_colour(_in_bands(image, _way_to_grey(image)), image)


def with_ink_of_colour(grey: Grey, image: Image.Image) -> Grey:
    """``grey`` of a loaded ``image``, or where it hides ink the channel of the image's colours that shows it."""
    if image.mode not in COLOURED or not hides_ink(grey):
        return grey
    colours = _way_to_colours(image)
    return by_colour(grey, lambda number: _in_bands(image, lambda band: np.asarray(colours(band).getchannel(number))))


def _in_bands(image: Image.Image, convert: Callable[[Image.Image], Grey]) -> Grey:
    if image.width * image.height <= BAND_PIXELS:
        return convert(image)
    grey = np.empty((image.height, image.width), np.uint8)
    top = 0
    for band in _bands(image):
        grey[top : top + band.height] = convert(band)
        top += band.height
    return grey


def _bands(image: Image.Image) -> Iterator[Image.Image]:
    rows = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, rows):
        yield image.crop((0, top, image.width, min(top + rows, image.height)))


def _way_to_grey(image: Image.Image) -> Callable[[Image.Image], Grey]:
    """What turns a band of this image to grey; a band by itself no longer knows of its file."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _to_eight_bits(image)
    if image.mode == "LAB":
        return lambda band: np.asarray(band.getchannel("L"))
    if image.mode == "YCbCr":
        return lambda band: np.asarray(band.getchannel("Y"))
    if image.mode == "L" and not image.has_transparency_data:
        return np.asarray
    colours = _way_to_colours(image)
    return lambda band: np.asarray(colours(band).convert("L"))


def _way_to_colours(image: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """What gives a band its colours, over a ground where it is transparent."""
    if image.has_transparency_data:
        return _over(_ground(image))
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow takes every JPEG in CMYK for one of Adobe's, which are stored inverted
        return lambda band: ImageChops.invert(band).convert("RGB")
    return lambda band: band.convert("RGB")


def _over(ground: int | None) -> Callable[[Image.Image], Image.Image]:
    """Puts a grey of 0 to 255 under the picture, or, where it is None, takes the colours as they are."""

    def convert(band: Image.Image) -> Image.Image:
        coloured = band.convert("RGBA")
        if ground is not None:
            paper = Image.new("RGBA", coloured.size, (ground, ground, ground, 255))
            coloured = Image.alpha_composite(paper, coloured)
        return coloured.convert("RGB")

    return convert


def _ground(image: Image.Image) -> int | None:
    """What is to lie under a picture with transparent parts; None where all of it is opaque, or all transparent, which
    programs write that leave the fourth channel empty.

    White, as paper is; black under strokes so light that white would hide them. A sheet of paper that is smaller than
    its canvas is light too, but has ink on it or fills most of the canvas.
    """
    lowest, highest = 255, 0
    for band in _bands(image):
        alpha = np.asarray(band.convert("RGBA").getchannel("A"))
        lowest, highest = min(lowest, int(alpha.min())), max(highest, int(alpha.max()))
    if lowest == highest and lowest in (0, 255):
        return None
    greys = np.zeros(256)
    for band in _bands(image):
        coloured = band.convert("RGBA")
        shown = np.asarray(coloured.convert("RGB").convert("L")).ravel()
        greys += np.bincount(shown, np.asarray(coloured.getchannel("A")).ravel(), minlength=256)
    share, up_to = greys.sum() / (255 * image.width * image.height), np.cumsum(greys) / greys.sum()
    low, middle, high = (int(np.searchsorted(up_to, part)) for part in (0.01, 0.5, 0.99))
    return 0 if share < MOST_OF_CANVAS and middle >= LIGHT and high - low < INKED else 255


def _to_eight_bits(image: Image.Image) -> Callable[[Image.Image], Grey]:
    """For samples of more than eight bits: they are scaled from their own white."""
    tags = getattr(image, "tag_v2", {})
    unsigned = image.mode == "I" and tags.get(SAMPLE_FORMAT, (UNSIGNED,)) == (UNSIGNED,)
    black, white = _range(image, unsigned)
    inverted = tags.get(PHOTOMETRIC) == WHITE_IS_ZERO

    def convert(band: Image.Image) -> Grey:
        scaled = np.clip((_numbers(band, unsigned) - black) * (255 / (white - black)), 0, 255)
        grey: Grey = np.rint(255 - scaled if inverted else scaled).astype(np.uint8)
        return grey

    return convert


def _numbers(band: Image.Image, unsigned: bool) -> NDArray[np.float64]:
    values = np.asarray(band)
    if unsigned:
        values = values.view(np.uint32)
    numbers: NDArray[np.float64] = np.nan_to_num(values, posinf=0, neginf=0).astype(np.float64)
    return numbers


def _range(image: Image.Image, unsigned: bool) -> tuple[float, float]:
    """The samples that mean black and white.

    Of 16 bits they are known. Of 32 bits, whole or floating, no standard says them: white is the first of 1, 255
    and 65535 that no sample exceeds; where there is none, or a sample is negative, the picture spans its range.
    """
    if image.mode.startswith("I;16"):
        (bits,) = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (16,))
        return 0, 2**bits - 1
    if image.format == "PPM":
        return 0, 65535
    lowest, highest = math.inf, -math.inf
    for band in _bands(image):
        numbers = _numbers(band, unsigned)
        lowest, highest = min(lowest, float(numbers.min())), max(highest, float(numbers.max()))
    if lowest >= 0:
        for white in (1, 255, 65535):
            if highest <= white:
                return 0, white
    return lowest, highest if highest > lowest else math.inf
