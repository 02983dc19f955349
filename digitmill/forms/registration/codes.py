"""Codes on a page, by zxing-cpp: QR, Data Matrix and Code 128. They say which page of which template it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.forms.geometry import Floats, mapped
from digitmill.forms.registration.ink import resized

if TYPE_CHECKING:
    import zxingcpp

Grey = NDArray[np.uint8]

LONGEST = 65535
"""Pixels of a side that the library takes."""
QUICK_LENGTH = 1800
"""Pixels of the longer side in a quick look, 150 dots per inch of A4: the modules of most codes are 3 pixels wide."""


@dataclass(frozen=True)
class Read:
    """``text`` of a code and its ``corners`` float[4, 2], TL TR BR BL of the code itself, in the picture's pixels."""

    text: str
    corners: Floats


def codes_in(picture: Grey) -> list[Read]:
    """The codes of a page, uint8 [height, width]: those that a quick look finds, or else all that can be read."""
    # a process that ends with it loaded, as web servers would, complains of what the library leaves behind
    import zxingcpp  # noqa: PLC0415

    kinds = zxingcpp.BarcodeFormat
    formats = zxingcpp.BarcodeFormats((kinds.QRCode, kinds.DataMatrix, kinds.Code128))
    small, back = resized(picture, min(1.0, QUICK_LENGTH / max(picture.shape)))
    quick = zxingcpp.read_barcodes(small, formats=formats, try_invert=False, try_rotate=False, try_downscale=False)
    found = [Read(one.text, mapped(back, _corners(one))) for one in quick if one.valid]
    if found or max(picture.shape) > LONGEST:
        return found
    thorough = zxingcpp.read_barcodes(np.ascontiguousarray(picture), formats=formats, try_invert=False)
    return [Read(one.text, _corners(one)) for one in thorough if one.valid]


def _corners(code: zxingcpp.Barcode) -> Floats:
    place = code.position
    four = place.top_left, place.top_right, place.bottom_right, place.bottom_left
    return np.array([(point.x, point.y) for point in four], float)


def pose_of(code: Read, wanted: Floats) -> Floats | None:
    """A first pose float[3, 3] that takes a printed code's corners float[4, 2] to where it was read.

    A similarity: four corners so close together say nothing of the perspective that the far end of a page is seen in.
    """
    similar, _ = cv2.estimateAffinePartial2D(wanted.astype(np.float32), code.corners.astype(np.float32))
    return None if similar is None else np.vstack((similar, [0, 0, 1]))
