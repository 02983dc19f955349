"""JPEGs in a PDF of which PDFium makes nothing, white or black: shown is what the decoder of JPEG files sees."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pypdfium2 import PdfBitmap, PdfImage, PdfPage, raw

from digitmill.imaging.files import jpeg

CHANNELS = {
    raw.FPDF_COLORSPACE_DEVICEGRAY: 1,
    raw.FPDF_COLORSPACE_CALGRAY: 1,
    raw.FPDF_COLORSPACE_DEVICERGB: 3,
    raw.FPDF_COLORSPACE_CALRGB: 3,
    raw.FPDF_COLORSPACE_LAB: 3,
    raw.FPDF_COLORSPACE_DEVICECMYK: 4,
}
"""Of the spaces that have a certain number of them."""
ONE_CHANNEL_BITS = 8
"""A pixel of any other space of one; of more it has more."""


def is_drawn(image: PdfImage, data: bytes) -> bool:
    """Whether PDFium draws this JPEG: it knows no arithmetic code, and needs as many channels as the PDF says."""
    if jpeg.is_arithmetic(data):
        return False
    told, there = image.get_metadata(), jpeg.channels(data)
    channels = CHANNELS.get(told.colorspace)
    if channels is not None:
        return channels == there
    return (told.bits_per_pixel == ONE_CHANNEL_BITS) is (there == 1) and told.bits_per_pixel > 0


def put_in_place(picture: NDArray[np.uint8], image: PdfImage, page: PdfPage) -> None:
    """Let ``image`` show the grey ``picture``, uint8 [height, width]."""
    height, width = picture.shape
    bitmap = PdfBitmap.new_native(width, height, raw.FPDFBitmap_Gray)
    try:
        bitmap.to_numpy()[:, :width] = picture.reshape(bitmap.to_numpy()[:, :width].shape)
        image.set_bitmap(bitmap, [page])
    finally:
        bitmap.close()
