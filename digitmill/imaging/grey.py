"""Any picture that Pillow has loaded to eight bits of grey, with transparent parts white as paper."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

BITS_PER_SAMPLE, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339
WHITE_IS_ZERO = 0
UNSIGNED = 1


def grey_of(image: Image.Image) -> NDArray[np.uint8]:
    """uint8 [height, width], 0 black to 255 white, of a loaded image of any mode.

    Raises:
        ValueError: Pillow knows no way from the image's mode to grey.
    """
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _eight_bits(image)
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        paper = Image.new("RGBA", coloured.size, "white")
        image = Image.alpha_composite(paper, coloured)
    elif image.mode == "LAB":
        image = image.getchannel("L")
    elif image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow takes every JPEG in CMYK for one of Adobe's, which are stored inverted
        image = ImageChops.invert(image)
    return np.asarray(image if image.mode == "L" else image.convert("L"))


def _eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    """Samples of more than eight bits, scaled from their own white."""
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    if image.mode == "I" and tags.get(SAMPLE_FORMAT, (UNSIGNED,)) == (UNSIGNED,):
        values = values.view(np.uint32)
    numbers = np.nan_to_num(values, posinf=0, neginf=0).astype(np.float64)
    black, white = _range(image, numbers)
    scaled = np.clip((numbers - black) * (255 / (white - black)), 0, 255)
    if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        scaled = 255 - scaled
    grey: NDArray[np.uint8] = np.rint(scaled).astype(np.uint8)
    return grey


def _range(image: Image.Image, numbers: NDArray[np.float64]) -> tuple[float, float]:
    """The samples that mean black and white.

    Of 16 bits they are known. Of 32 bits, whole or floating, no standard says them: white is the first of 1, 255
    and 65535 that no sample exceeds; where there is none, or a sample is negative, the picture spans its range.
    """
    if image.mode.startswith("I;16"):
        (bits,) = getattr(image, "tag_v2", {}).get(BITS_PER_SAMPLE, (16,))
        return 0, 2**bits - 1
    if image.format == "PPM":
        return 0, 65535
    lowest, highest = float(numbers.min()), float(numbers.max())
    if lowest >= 0:
        for white in (1, 255, 65535):
            if highest <= white:
                return 0, white
    return lowest, highest if highest > lowest else math.inf
