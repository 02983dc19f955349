"""Every format that is read, one entry each, and what else a file may be by its first bytes.

Upload, decoder, command line, page and docs take what they know of a format from FORMATS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from digitmill.errors import FailureCode, ItemFailure

LOOKED_AT = 64 << 10
"""A format shows within so many first bytes, or is none: a file of one long comment costs no time."""

# a comment ends with its line, so that there is one way alone to read many of them
_COMMENTS = rb"(#[^\r\n]*[\r\n]\s*)*"
_SIDES = rb"\s+%s\d+\s+%s\d+\s" % (_COMMENTS, _COMMENTS)


@dataclass(frozen=True, slots=True)
class Format:
    """``name`` is what messages call it, ``reader`` Pillow's name of what reads it, ``signature`` how its files begin.

    ``suffixes`` are in lower case; downloads get the first. Of a ``paged`` format each page is an image of its own.
    ``pixel_bytes`` of memory for each pixel are enough for the reader, as measured on pictures of 49 million.
    """

    name: str
    reader: str
    signature: re.Pattern[bytes]
    suffixes: tuple[str, ...]
    media_type: str
    paged: bool = False
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
    re.compile(rb"P([14]%s|[2356]%s\s*%s(\d|\Z))" % (_SIDES, _SIDES, _COMMENTS)),
    (".pnm", ".pbm", ".pgm", ".ppm"),
    "image/x-portable-anymap",
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
    "HEIC", "HEIF", re.compile(rb".{4}ftyp(hei[cxms]|m[is]f1)", re.DOTALL), (".heic", ".heif", ".hif"), "image/heic"
)
JPEG2000 = Format(
    "JPEG 2000",
    "JPEG2000",
    re.compile(rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"),
    (".jp2", ".j2k", ".j2c", ".jpc", ".jpf", ".jpx"),
    "image/jp2",
    pixel_bytes=20,
)

# AVIF before HEIC, whose signature takes both
FORMATS = (PNG, JPEG, TIFF, BMP, GIF, WEBP, AVIF, HEIF, JPEG2000, PNM)
NAMES = ", ".join(known.name for known in FORMATS)

_ARCHIVES = re.compile(
    rb"PK\x03\x04|PK\x05\x06|PK\x07\x08|\x1f\x8b|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\xfd7zXZ\x00|BZh[1-9]1AY&SY"
    rb"|\x28\xb5\x2f\xfd|\x1f\x9d|MSCF\x00|.{257}ustar",
    re.DOTALL,
)
_OTHERS = (
    ("a PDF", re.compile(rb"[^%]{0,64}%PDF-")),
    ("a HEIC film", re.compile(rb".{4}ftyphev[cxms]", re.DOTALL)),
    ("a film", re.compile(rb".{4}ftyp|RIFF.{4}AVI ", re.DOTALL)),
    ("a JPEG-LS picture", re.compile(rb"\xff\xd8\xff\xf7")),
    # T.82, 6.2: all layers from 0 on, a reserved byte, sides below 65,536 of which none is 0, no unknown order
    (
        "a JBIG picture",
        re.compile(rb"\x00[\x00-\x08]\x01\x00(\x00\x00(?!\x00\x00)..){2}.{4}.[\x00-\x7f][\x00-\x0f]", re.DOTALL),
    ),
    ("a JBIG2 picture", re.compile(rb"\x97JB2\r\n\x1a\n")),
    ("a JPEG XL picture", re.compile(rb"\x00\x00\x00\x0cJXL \r\n|\xff\x0a")),
    (
        "an SVG drawing",
        re.compile(rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]{0,200}>\s*)?(<!(--|DOCTYPE)[^>]{0,400}>\s*){0,4}<svg"),
    ),
    ("an icon", re.compile(rb"\x00\x00[\x01\x02]\x00[^\x00]\x00|icns")),
    ("a Photoshop document", re.compile(rb"8BPS\x00")),
    ("a GIMP document", re.compile(rb"gimp xcf")),
    ("a DjVu document", re.compile(rb"AT&TFORM")),
    ("a PostScript document", re.compile(rb"%!PS|\xc5\xd0\xd3\xc6")),
    ("a JPEG XR picture", re.compile(rb"II\xbc")),
    ("a DICOM picture", re.compile(rb".{128}DICM", re.DOTALL)),
    ("a FITS picture", re.compile(rb"SIMPLE  =")),
    ("an OpenEXR picture", re.compile(rb"\x76\x2f\x31\x01")),
    ("a Radiance picture", re.compile(rb"#\?R(ADIANC|GB)E")),
    ("a QOI picture", re.compile(rb"qoif")),
    ("a PAM or PFM picture", re.compile(rb"P[7Ff]\n")),
    ("a DirectDraw texture", re.compile(rb"DDS \x7c")),
    ("a Word, Excel or PowerPoint document", re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")),
)


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
    if known is not None:
        return known
    if _ARCHIVES.match(data, 0, LOOKED_AT):
        raise ItemFailure(
            FailureCode.NESTED_ARCHIVE,
            "This file is an archive. Unpack it and send the images in it, or send a zip of them.",
        )
    for kind, signature in _OTHERS:
        if signature.match(data, 0, LOOKED_AT):
            raise ItemFailure(
                FailureCode.UNSUPPORTED_FORMAT, f"This file is {kind}, which is not read. Save it as PNG, JPEG or TIFF."
            )
    if not data:
        raise ItemFailure(FailureCode.NOT_AN_IMAGE, "This file is empty. Send the image again.")
    raise ItemFailure(FailureCode.NOT_AN_IMAGE, f"This file is not an image. Send {NAMES}.")
