"""Image bytes to a grey picture, under limits: whatever the bytes are, they cost one ItemFailure at the most."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.formats import recognise
from digitmill.imaging.grey import grey_of
from digitmill.imaging.pages import BrokenChain, page_offsets, with_first_page
from digitmill.imaging.small_png import small_grey_png

REDUCED_SIDE = 2000
"""A JPEG is decoded at a half, a quarter or an eighth where its longest side keeps so many pixels."""
WALKED_PAGES = 10_000
"""So far the chain of a TIFF's pages is followed, to tell a broken one from one of another length."""
START_OF_SCAN = b"\xff\xda"
MOST_SCANS = 200
"""Of a JPEG. Progressive ones have about ten; each goes over the whole picture, and may take but a few bytes."""
ORIENTATION, TILE_WIDTH, TILE_LENGTH = 274, 322, 323

_DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    EOFError,
    NotImplementedError,
    AssertionError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow's readers raise on damaged files: found by feeding them such files, and by reading them."""
_PILLOWS_WARNINGS = ("ignore", None, Warning, re.compile(r"PIL\."), 0)


def decode(data: bytes, *, page: int = 0, pages: int = 1, max_pixels: int) -> NDArray[np.uint8]:
    """The grey picture uint8 [height, width], 0 black to 255 white, upright, transparency over white.

    Args:
        data: a PNG, JPEG, TIFF, BMP, GIF, WebP, PGM, PPM or PBM file; of a GIF or WebP the first frame.
        page: which page of a TIFF, from 0.
        pages: how many pages the TIFF was planned with.
        max_pixels: a picture that declares more is not decoded.

    Raises:
        ItemFailure: not_an_image, truncated_image, unsupported_format, image_too_large or nested_archive.
    """
    picture = small_grey_png(data)
    if picture is not None and picture.size <= max_pixels:
        return picture
    kind = recognise(data)
    _ignore_pillows_warnings()
    if kind == "TIFF":
        data = _page(data, page, pages)
    if kind == "JPEG" and data.count(START_OF_SCAN) > MOST_SCANS:
        raise _damaged(kind)
    with _opened(data, kind) as image:
        try:
            _check_size(image, max_pixels)
            if kind == "JPEG":
                _reduce(image)
            image.load()
            return _upright(grey_of(image), image)
        except MemoryError as error:
            raise out_of_memory() from error
        except _DAMAGE as error:
            raise _damaged(kind) from error


def _ignore_pillows_warnings() -> None:
    """Pillow warns of odd files, which says nothing to a service.

    The filter stays: to set and restore it around each image is not safe in threads.
    """
    if _PILLOWS_WARNINGS not in warnings.filters:
        warnings.filterwarnings("ignore", module=_PILLOWS_WARNINGS[3].pattern)


def _page(data: bytes, page: int, pages: int) -> bytes:
    """The TIFF with the wanted page made its first, so that the pages before it are not parsed every time."""
    try:
        offsets = page_offsets(data, max(pages, WALKED_PAGES))
    except BrokenChain as error:
        raise _damaged("TIFF") from error
    if len(offsets) != pages:
        raise ItemFailure(
            FailureCode.UNSUPPORTED_FORMAT,
            "This file is a TIFF of several pages. Name it .tif, so that each page becomes an image of its own.",
        )
    return with_first_page(data, offsets[page]) if page else data


def _opened(data: bytes, kind: str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=(kind,))
    except Image.DecompressionBombError as error:
        raise ItemFailure(
            FailureCode.IMAGE_TOO_LARGE, "This image has too many pixels. Scan it at a lower resolution, or crop it."
        ) from error
    except UnidentifiedImageError as error:
        if kind == "TIFF":
            raise ItemFailure(
                FailureCode.UNSUPPORTED_FORMAT,
                "This TIFF is damaged, or of a kind that is not read. Save it as grey or colour of 8 bits.",
            ) from error
        raise _damaged(kind) from error
    except MemoryError as error:
        raise out_of_memory() from error
    except _DAMAGE as error:
        raise _damaged(kind) from error


def out_of_memory() -> ItemFailure:
    """The failure of an image that needs more memory than this process may take."""
    return ItemFailure(
        FailureCode.IMAGE_TOO_LARGE,
        "This image needs more memory than one image may take. Scan it at a lower resolution, or save it anew as PNG.",
    )


def _check_size(image: Image.Image, max_pixels: int) -> None:
    """By what the file declares, before anything is decoded. A TIFF's tile may be larger than its picture."""
    width, height = image.size
    tags = getattr(image, "tag_v2", {})
    tile = tags.get(TILE_WIDTH, 0) * tags.get(TILE_LENGTH, 0)
    if max(width * height, tile) > max_pixels:
        raise ItemFailure(
            FailureCode.IMAGE_TOO_LARGE,
            f"This image has {width:,} x {height:,} pixels, and {max_pixels:,} in all are allowed. "
            "Scan it at a lower resolution, or crop it.",
        )


def _reduce(image: Image.Image) -> None:
    """Let the JPEG decoder give brightness alone, and of a photo with pixels to spare a smaller picture."""
    fraction = max(1, max(image.size) // REDUCED_SIDE)
    image.draft("L", (max(1, image.width // fraction), max(1, image.height // fraction)))


def _upright(grey: NDArray[np.uint8], image: Image.Image) -> NDArray[np.uint8]:
    """Turned and mirrored as the EXIF data say. Pillow has done so already for TIFF."""
    if "exif" not in image.info or image.format == "TIFF":
        return grey
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except (MemoryError, *_DAMAGE):
        # damaged EXIF data beside a sound picture: cameras and editors write such
        return grey
    if orientation in (5, 6, 7, 8):
        grey = grey.T
    if orientation in (2, 3, 6, 7):
        grey = grey[:, ::-1]
    if orientation in (3, 4, 7, 8):
        grey = grey[::-1]
    return np.ascontiguousarray(grey)


def _damaged(kind: str) -> ItemFailure:
    name = "PGM, PPM or PBM" if kind == "PPM" else kind
    return ItemFailure(
        FailureCode.TRUNCATED_IMAGE, f"This {name} file breaks off or is damaged. Copy, scan or export it again."
    )
