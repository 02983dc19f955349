"""Whether an image in a PDF is whole. PDFium makes a picture of any part of one, and says nothing."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from enum import Enum, auto
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pypdfium2 import PdfImage, PdfPage, raw

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files import jpeg, jpeg2000
from digitmill.imaging.files.fax_data import has_whole_segments, is_whole_fax
from digitmill.imaging.pdf import jpeg as pdf_jpeg

BLOCK_BYTES = 1 << 20
ZLIB_HEAD = 2
"""Bytes before deflated data (RFC 1950)."""
PIXEL_BITS = {
    1: (1,),
    8: (8, 2, 3, 4, 6),
    24: (24, 12, 16, 32, 48, 64),
    32: (24, 1, 2, 3, 4, 6, 8, 12, 16, 32, 48, 64),
}
"""Of which PDFium makes a picture of so many, as ``get_metadata`` tells; the last has a colour that is transparent."""
FREE = 0.01
"""Of the last rows may be missing from data that a program packed and ended so."""
MORE = 64
"""Bytes may follow the samples, where these are of other bits than PDFium tells."""

BROKEN = "The scan on this page of the PDF breaks off or is damaged. Copy, scan or export it again."
NOT_READ = (
    "This page of the PDF has a picture that is stored in a way that is not read. Print the PDF into a new one, or "
    "save the page as PNG."
)
JPEG_NOT_READ = (
    "This page of the PDF has a JPEG of {reason}, which is not read. Print the PDF into a new one, or save the page as "
    "PNG."
)
TOO_LARGE = (
    "The scan on this page of the PDF has {width:,} x {height:,} pixels, and {most:,} in all are allowed. Scan it at a "
    "lower resolution."
)

Decode = Callable[[bytes, int], NDArray[np.uint8]]
"""Of a JPEG or TIFF with at most so many pixels. Raises ItemFailure."""


def check_image(image: PdfImage, page: PdfPage, max_pixels: int, decode: Decode) -> None:
    """Raises ItemFailure, truncated_image, unsupported_format or image_too_large. A JPEG that PDFium does not draw is
    replaced by its picture."""
    width, height = image.get_px_size()
    if width * height > max_pixels:
        detail = TOO_LARGE.format(width=width, height=height, most=max_pixels)
        raise ItemFailure(FailureCode.IMAGE_TOO_LARGE, detail)
    filters = image.get_filters(skip_simple=True)
    code = filters[-1] if filters else ""
    read = partial(_decoded, decode, max_pixels)
    whole = _is_whole_jpeg(image, page, read) if code == "DCTDecode" else _is_whole(image, code, read)
    if not whole:
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, BROKEN)
    # of a JPEG 2000 to ask takes as long as to draw it
    if code != "JPXDecode":
        check_drawn(image)


def check_drawn(image: PdfImage) -> None:
    """Raises ItemFailure, unsupported_format, where PDFium makes nothing of the image."""
    if not image.get_metadata().bits_per_pixel:
        raise ItemFailure(FailureCode.UNSUPPORTED_FORMAT, NOT_READ)


def _is_whole(image: PdfImage, code: str, read: Callable[[bytes], NDArray[np.uint8] | None]) -> bool:
    """Raises ItemFailure, unsupported_format, for what is not told to be whole or not."""
    if not code:
        return _has_samples(image)
    data = bytes(image.get_data(decode_simple=True))
    if code == "CCITTFaxDecode":
        return is_whole_fax(data, image.get_px_size(), read)
    if code == "JPXDecode":
        return _has_tiles(data)
    if code != "JBIG2Decode":
        raise ItemFailure(FailureCode.UNSUPPORTED_FORMAT, NOT_READ)
    return has_whole_segments(data) and _can_be_drawn(image)


def _is_whole_jpeg(image: PdfImage, page: PdfPage, read: Callable[[bytes], NDArray[np.uint8] | None]) -> bool:
    """Raises ItemFailure, unsupported_format, for a kind that is not read."""
    data = bytes(image.get_data(decode_simple=True))
    reason = jpeg.why_not_read(data)
    if reason is not None:
        raise ItemFailure(FailureCode.UNSUPPORTED_FORMAT, JPEG_NOT_READ.format(reason=reason))
    drawn = pdf_jpeg.is_drawn(image, data)
    picture = read(data if drawn else jpeg.without_exif(data))
    if picture is not None and not drawn:
        pdf_jpeg.put_in_place(picture, image, page)
    return picture is not None


def _can_be_drawn(image: PdfImage) -> bool:
    bitmap = raw.FPDFImageObj_GetBitmap(image)
    if bitmap:
        raw.FPDFBitmap_Destroy(bitmap)
    return bool(bitmap)


def _decoded(decode: Decode, max_pixels: int, data: bytes) -> NDArray[np.uint8] | None:
    try:
        return decode(data, max_pixels)
    except ItemFailure:
        return None


def _has_tiles(data: bytes) -> bool:
    try:
        jpeg2000.declared_pixels(data)
    except jpeg2000.Incomplete:
        return False
    return True


class _Packed(Enum):
    """Deflated data: to their end with the right checksum or none, with a wrong one, short of their end, or damaged."""

    SOUND = auto()
    WRONG_CHECKSUM = auto()
    CUT = auto()
    DAMAGED = auto()


def _has_samples(image: PdfImage) -> bool:
    """Whether there are as many as the sides ask for. PDFium tells of how many bits it makes them, not how many there
    are: of a wrong checksum and of fewer bits it must be the very number."""
    packed = _state_of(bytes(image.get_data())) if image.get_filters() == ["FlateDecode"] else None
    if packed is _Packed.DAMAGED:
        return False
    width, height = image.get_px_size()
    there = raw.FPDFImageObj_GetImageDataDecoded(image, None, 0)
    if not there:
        return False
    usual, *others = (
        height * ((width * bits + 7) // 8) for bits in PIXEL_BITS.get(image.get_metadata().bits_per_pixel, (0,))
    )
    if packed is _Packed.WRONG_CHECKSUM:
        return there in (usual, *others)
    least = 1 - FREE if packed is _Packed.SOUND else 1
    more = 0 if packed is _Packed.CUT else MORE
    return there >= least * usual or any(least * each <= there <= each + more for each in others)


def _state_of(data: bytes) -> _Packed:
    checksum, inflater = zlib.adler32(b""), zlib.decompressobj(-zlib.MAX_WBITS)
    data = data[ZLIB_HEAD:]
    try:
        while data and not inflater.eof:
            checksum = zlib.adler32(inflater.decompress(data, BLOCK_BYTES), checksum)
            data = inflater.unconsumed_tail
    except zlib.error:
        return _Packed.DAMAGED
    if not inflater.eof:
        return _Packed.CUT
    said = inflater.unused_data[:4]
    return _Packed.SOUND if len(said) < 4 or said == checksum.to_bytes(4) else _Packed.WRONG_CHECKSUM
