"""Pictures whose pixels are no squares, such as a fax of 204x98 dots per inch, brought back into shape."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

LEAST, MOST = 1.1, 4.0
"""A pixel's sides may differ by so much before anything is done, and by no more than can be meant."""
ORIENTATION, ON_ITS_SIDE = 274, (5, 6, 7, 8)


def height_of_pixels(image: Image.Image) -> float:
    """How high a pixel is, as wide as 1, by what the file says of its resolution; 1.0 where it says nothing sensible.

    To be asked before the image is loaded: Pillow then turns a TIFF, and forgets that it did.
    """
    info = image.info
    density = info.get("dpi") or info.get("resolution") or info.get("aspect") or info.get("jfif_density")
    try:
        across, down = (float(number) for number in density or ())
        height = across / down
    except (TypeError, ValueError, ArithmeticError):
        return 1.0
    if image.format == "TIFF" and getattr(image, "tag_v2", {}).get(ORIENTATION) in ON_ITS_SIDE:
        height = 1 / height if height else 1.0
    # what is no number fails this too
    return height if 1 / MOST <= height <= 1 / LEAST or LEAST <= height <= MOST else 1.0


def with_square_pixels(grey: NDArray[np.uint8], height: float, max_pixels: int) -> NDArray[np.uint8]:
    """The picture [rows, columns] with the side of coarser resolution stretched, or, where that would exceed
    ``max_pixels``, the other one shrunk."""
    if height == 1.0:
        return grey
    rows, columns = grey.shape
    if rows * columns * max(height, 1 / height) <= max_pixels:
        rows, columns = round(rows * max(height, 1)), round(columns * max(1 / height, 1))
    else:
        rows, columns = round(rows * min(height, 1)), round(columns * min(1 / height, 1))
    size = max(columns, 1), max(rows, 1)
    return np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BILINEAR))
