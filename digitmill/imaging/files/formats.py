"""Every format that is read, one entry each. What else a file may be stands in ``foreign.py``.

Upload, decoder, command line, page and docs take what they know of a format from FORMATS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from digitmill.imaging.files.foreign import foreign

LOOKED_AT = 64 << 10
"""A format shows within so many first bytes, or is none: a file of one long comment costs no time."""

# a comment ends with its line, so that there is one way alone to read many of them
_COMMENTS = rb"(#[^\r\n]*[\r\n]\s*)*"
_SIDES = rb"\s+%s\d+\s+%s\d+\s" % (_COMMENTS, _COMMENTS)


@dataclass(frozen=True, slots=True)
class Format:
    """``name`` is what messages call it, ``reader`` Pillow's name of what reads it, ``signature`` how its files begin.

    ``suffixes`` are in lower case; downloads get the first. Of a ``paged`` format each page, or
    picture, is an image of its own; one
    of a ``slow`` format takes up to a second, and is opened elsewhere. ``pixel_bytes`` of memory for each pixel
    are enough for the reader, as measured on pictures of 49 million.
    """

    name: str
    reader: str
    signature: re.Pattern[bytes]
    suffixes: tuple[str, ...]
    media_type: str
    paged: bool = False
    slow: bool = False
    pixel_bytes: int = 9


PNG = Format("PNG", "PNG", re.compile(rb"\x89PNG\r\n\x1a\n"), (".png",), "image/png")
JPEG = Format("JPEG", "JPEG", re.compile(rb"\xff\xd8\xff(?!\xf7)"), (".jpg", ".jpeg", ".jpe", ".jfif"), "image/jpeg")
TIFF = Format("TIFF", "TIFF", re.compile(rb"II[*+]\x00|MM\x00[*+]"), (".tif", ".tiff"), "image/tiff", paged=True)
GIF = Format("GIF", "GIF", re.compile(rb"GIF8[79]a"), (".gif",), "image/gif")
WEBP = Format("WebP", "WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL), (".webp",), "image/webp", pixel_bytes=16)
# two letters begin many a text: the header's size, or two numbers, must follow
BMP = Format(
    "BMP",
    "BMP",
    re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", re.DOTALL),
    (".bmp", ".dib"),
    "image/bmp",
)
PNM = Format(
    "PGM, PPM or PBM",
    "PPM",
    re.compile(rb"P([14]%s|[2356]%s\s*%s(\d|$))" % (_SIDES, _SIDES, _COMMENTS)),
    (".pnm", ".pbm", ".pgm", ".ppm"),
    "image/x-portable-anymap",
    paged=True,
)
# brands of both name mif1 first at times: those that go with it then tell
AVIF = Format(
    "AVIF",
    "AVIF",
    re.compile(rb".{4}ftyp(avi[fs]|m[is]f1.{4}(.{4}){0,16}?avi[fs])", re.DOTALL),
    (".avif",),
    "image/avif",
)
HEIF = Format(
    "HEIC",
    "HEIF",
    re.compile(rb".{4}ftyp(hei[cxms]|m[is]f1)", re.DOTALL),
    (".heic", ".heif", ".hif"),
    "image/heic",
    paged=True,
)
JPEG2000 = Format(
    "JPEG 2000",
    "JPEG2000",
    re.compile(rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "image/jp2",
    pixel_bytes=20,
)

# printers' commands may stand before the file (PDF 1.7, implementation note 13)
PDF = Format(
    "PDF",
    "PDF",
    re.compile(rb".{0,1019}?%PDF-\d", re.DOTALL),
    (".pdf",),
    "application/pdf",
    paged=True,
    slow=True,
)

# AVIF before HEIC, whose signature takes both; PDF after most, as it may begin with anything
FORMATS = (PNG, JPEG, TIFF, BMP, GIF, WEBP, AVIF, HEIF, JPEG2000, PDF, PNM)
NAMES = ", ".join(known.name for known in FORMATS)

READ_ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")


def format_of(data: bytes) -> Format | None:
    """The format that ``data`` begins like; whether the rest holds is not looked at."""
    for known in FORMATS:
        if known.signature.match(data, 0, LOOKED_AT):
            return known
    return None


def recognise(data: bytes) -> Format:
    """As ``format_of``, for what is to be decoded.

    Raises:
        ItemFailure: nested_archive, unsupported_format or not_an_image.
    """
    known = format_of(data)
    if known is None:
        raise foreign(data, NAMES)
    return known
