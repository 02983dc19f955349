"""What Pillow does not know of a TIFF: which directory is the page, and pictures in it that other readers take."""

from __future__ import annotations

from PIL import Image
from PIL.TiffImagePlugin import COMPRESSION_INFO

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files import big_tiff
from digitmill.imaging.files.pages import (
    WALKED,
    BrokenChain,
    directory_offsets,
    first_directory,
    first_values,
    page_offsets,
    with_first_page,
)

COMPRESSION, TILE_WIDTH, TILE_LENGTH, JPEG_OFFSET = 259, 322, 323, 513
OLD_STYLE_JPEG = 6
"""TIFF 6.0, section 22: tags point at a JPEG, whole or in parts."""
COMPRESSIONS = {
    7: "JPEG that is lossless or of more than 8 bits",
    9: "JBIG",
    10: "JBIG",
    22610: "JPEG XR",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34712: "JPEG 2000",
    34713: "the method of raw photos",
    34887: "LERC",
    34892: "the method of raw photos",
    34933: "PNG",
    34934: "JPEG XR",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
"""By the value of COMPRESSION, those that are not read."""
JPEG_BEGINS = b"\xff\xd8\xff"


def with_page_first(data: bytes, page: int, pages: int) -> bytes:
    """The TIFF with the wanted one of its ``pages`` pages made its first, so that Pillow parses no other.

    Raises:
        ItemFailure: it has another number of pages, or the chain of them is broken.
    """
    limit = max(pages, WALKED)
    try:
        first = first_directory(data)
        offsets = page_offsets(data, limit)
        if len(offsets) != pages:
            # a job that was planned before thumbnails were told from pages goes on as it began
            offsets = directory_offsets(data, limit)
    except BrokenChain as error:
        raise ItemFailure(
            FailureCode.TRUNCATED_IMAGE, "This TIFF file breaks off or is damaged. Copy, scan or export it again."
        ) from error
    if len(offsets) != pages:
        raise ItemFailure(
            FailureCode.UNSUPPORTED_FORMAT,
            "This file is a TIFF of several pages. Name it .tif, so that each page becomes an image of its own.",
        )
    if data.startswith(big_tiff.HEAD):
        try:
            return big_tiff.ordinary(data, offsets[page])
        except big_tiff.NotConvertible as error:
            raise unsupported(data) from error
    return data if offsets[page] == first else with_first_page(data, offsets[page])


def old_style_jpeg(data: bytes) -> bytes | None:
    """The whole JPEG that the first page of the TIFF is, if it is one of that kind."""
    values = first_values(data)
    start = values.get(JPEG_OFFSET, 0)
    if values.get(COMPRESSION) != OLD_STYLE_JPEG or not data.startswith(JPEG_BEGINS, start):
        return None
    return data[start:]


def tile_pixels(image: Image.Image) -> int:
    """Pixels of one tile, which may be larger than the picture; 0 where there are none."""
    tags = getattr(image, "tag_v2", {})
    return int(tags.get(TILE_WIDTH, 0) * tags.get(TILE_LENGTH, 0))


def unsupported(data: bytes) -> ItemFailure:
    """The failure of a TIFF of which Pillow does not know the layout or the compression."""
    if first_values(data).get(COMPRESSION, 1) not in COMPRESSION_INFO:
        return compression_not_read(data)
    return ItemFailure(
        FailureCode.UNSUPPORTED_FORMAT,
        "This TIFF is laid out in a way that is not read, or damaged. Save it as PNG, or as TIFF of grey or colours.",
    )


def compression_not_read(data: bytes) -> ItemFailure:
    method = first_values(data).get(COMPRESSION, 1)
    name = COMPRESSIONS.get(method, f"method {method}")
    return ItemFailure(
        FailureCode.UNSUPPORTED_FORMAT,
        f"This TIFF is compressed by {name}, which is not read. Save it as PNG, or as TIFF without compression.",
    )
