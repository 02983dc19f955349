"""Image bytes to a grey picture, under limits: whatever the bytes are, they cost one ItemFailure at the most."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from digitmill.errors import FailureCode, ItemFailure

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PPM")
LONG_SIDE = 2000
"""A larger JPEG may be decoded at a half, a quarter or an eighth, but never below this many pixels of its long side."""

_OTHER_FORMATS = (
    (b"%PDF", 0, "a PDF"),
    (b"ftypheic", 4, "a HEIC photo"),
    (b"ftypheix", 4, "a HEIC photo"),
    (b"ftypmif1", 4, "a HEIF photo"),
    (b"ftypavif", 4, "an AVIF photo"),
    (b"\x00\x00\x00\x0cjP  ", 0, "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", 0, "a JPEG 2000"),
    (b"8BPS", 0, "a Photoshop file"),
    (b"\x00\x00\x01\x00", 0, "an icon"),
    (b"AT&TFORM", 0, "a DjVu file"),
)
_ARCHIVES = (
    (b"PK\x03\x04", 0),
    (b"PK\x05\x06", 0),
    (b"\x1f\x8b", 0),
    (b"7z\xbc\xaf\x27\x1c", 0),
    (b"Rar!\x1a\x07", 0),
    (b"\xfd7zXZ\x00", 0),
    (b"BZh", 0),
    (b"ustar", 257),
)
# what Pillow's readers are known to raise on damaged files, besides OSError
_DAMAGE = (SyntaxError, ValueError, TypeError, struct.error, EOFError, IndexError, KeyError, ZeroDivisionError,
           OverflowError, AttributeError, zlib.error, NotImplementedError)  # fmt: skip


def decode(data: bytes, *, page: int = 0, pages: int = 1, max_pixels: int) -> NDArray[np.uint8]:
    """The grey picture uint8[height, width], 0 black to 255 white, upright, transparency over white.

    Args:
        data: a PNG, JPEG, TIFF, BMP, GIF, WebP, PGM, PPM or PBM file; of a GIF or WebP the first frame.
        page: which page of a TIFF, from 0.
        pages: how many pages the TIFF was planned with.
        max_pixels: a picture with more is not decoded.

    Raises:
        ItemFailure: not_an_image, truncated_image, unsupported_format, image_too_large or nested_archive.
    """
    _refuse_by_signature(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = _open(data)
        with image:
            _choose_page(image, page, pages)
            _check_size(image, max_pixels)
            _shrink_large_jpeg(image)
            return _grey(_load(image))


def _refuse_by_signature(data: bytes) -> None:
    for signature, offset in _ARCHIVES:
        if data.startswith(signature, offset):
            raise ItemFailure(FailureCode.NESTED_ARCHIVE, "This is an archive within the upload; send it by itself.")
    for signature, offset, what in _OTHER_FORMATS:
        if data.startswith(signature, offset):
            raise ItemFailure(FailureCode.UNSUPPORTED_FORMAT, f"This is {what}; convert it to PNG, JPEG or TIFF.")
    head = data[:512].lstrip().lower()
    if head.startswith((b"<svg", b"<?xml")) and b"<svg" in head:
        raise ItemFailure(FailureCode.UNSUPPORTED_FORMAT, "This is an SVG drawing; convert it to PNG.")


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        if _begins_like_an_image(data):
            raise _truncated() from error
        raise ItemFailure(
            FailureCode.NOT_AN_IMAGE, "This is no image that can be read; send PNG, JPEG, TIFF, BMP, GIF, WebP or PGM."
        ) from error
    except Image.DecompressionBombError as error:
        raise ItemFailure(FailureCode.IMAGE_TOO_LARGE, "This image has too many pixels; scan it smaller.") from error
    except (OSError, *_DAMAGE) as error:
        raise _truncated() from error


def _begins_like_an_image(data: bytes) -> bool:
    return data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\x00", b"MM\x00*", b"GIF8", b"BM", b"RIFF"))


def _choose_page(image: Image.Image, page: int, pages: int) -> None:
    if image.format != "TIFF":
        return
    try:
        found = getattr(image, "n_frames", 1)
        if found != pages:
            raise ItemFailure(
                FailureCode.UNSUPPORTED_FORMAT,
                f"This TIFF has {found} pages; name it .tif, so that every page becomes an image of its own.",
            )
        image.seek(page)
    except (OSError, *_DAMAGE) as error:
        raise _truncated() from error


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ItemFailure(
            FailureCode.IMAGE_TOO_LARGE,
            f"This image has {width} x {height} pixels, and {max_pixels:,} in all are allowed; scan it smaller.",
        )


def _shrink_large_jpeg(image: Image.Image) -> None:
    if image.format == "JPEG" and max(image.size) >= 2 * LONG_SIDE:
        scale = LONG_SIDE / max(image.size)
        image.draft(None, (int(image.width * scale), int(image.height * scale)))


def _load(image: Image.Image) -> Image.Image:
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except (OSError, MemoryError, *_DAMAGE) as error:
        raise _truncated() from error


def _grey(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode == "L" and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return _scaled(np.asarray(image))
    if image.has_transparency_data:
        coloured = image.convert("RGBA")
        paper = Image.new("RGBA", coloured.size, "white")
        return np.asarray(Image.alpha_composite(paper, coloured).convert("L"))
    return np.asarray(image.convert("L"))


def _scaled(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Deep grey to 8 bits: 0-65535 by its depth; floats, and integers beyond it, by their own range."""
    numbers = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if values.dtype.kind != "f" and low >= 0 and high <= 65535:
        low, high = 0.0, 65535.0
    elif low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    if high <= low:
        return np.full(values.shape, 255, np.uint8)
    return np.rint((numbers - low) * (255 / (high - low))).astype(np.uint8)


def _truncated() -> ItemFailure:
    return ItemFailure(FailureCode.TRUNCATED_IMAGE, "This image is damaged or breaks off; scan or export it again.")
