"""What a file is, by its first bytes: a format that is read, a known other one, an archive or no picture at all."""

from __future__ import annotations

import re

from digitmill.errors import FailureCode, ItemFailure

LOOKED_AT = 64 << 10
"""A format shows within so many first bytes, or is none: a file of one long comment costs no time."""

# a comment ends with its line, so that there is one way alone to read many of them
_COMMENTS = rb"(#[^\r\n]*[\r\n]\s*)*"
_SIDES = rb"\s+%s\d+\s+%s\d+\s" % (_COMMENTS, _COMMENTS)

# PPM stands for PBM, PGM and PPM
_READABLE = (
    ("PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    ("JPEG", re.compile(rb"\xff\xd8\xff")),
    ("TIFF", re.compile(rb"II[*+]\x00|MM\x00[*+]")),
    ("GIF", re.compile(rb"GIF8[79]a")),
    ("WEBP", re.compile(rb"RIFF....WEBP", re.DOTALL)),
    # two letters begin many a text: the header's size, or two numbers, must follow
    ("BMP", re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", re.DOTALL)),
    ("PPM", re.compile(rb"P([14]%s|[2356]%s\s*%s(\d|\Z))" % (_SIDES, _SIDES, _COMMENTS))),
)
_ARCHIVES = re.compile(
    rb"PK\x03\x04|PK\x05\x06|PK\x07\x08|\x1f\x8b|7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\xfd7zXZ\x00|BZh[1-9]1AY&SY"
    rb"|\x28\xb5\x2f\xfd|\x1f\x9d|MSCF\x00|.{257}ustar",
    re.DOTALL,
)
_OTHERS = (
    ("a PDF", re.compile(rb"[^%]{0,64}%PDF-")),
    ("a HEIC photo", re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)),
    ("an AVIF picture", re.compile(rb".{4}ftypavi[fs]", re.DOTALL)),
    ("a film", re.compile(rb".{4}ftyp|RIFF.{4}AVI ", re.DOTALL)),
    ("a JPEG 2000 picture", re.compile(rb"\x00\x00\x00\x0cjP  \r\n|\xff\x4f\xff\x51")),
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


def recognise(data: bytes) -> str:
    """Pillow's name of the format that ``data`` begins like; whether the rest holds is not looked at.

    Raises:
        ItemFailure: nested_archive, unsupported_format or not_an_image.
    """
    for name, signature in _READABLE:
        if signature.match(data, 0, LOOKED_AT):
            return name
    if _ARCHIVES.match(data, 0, LOOKED_AT):
        raise ItemFailure(
            FailureCode.NESTED_ARCHIVE,
            "This file is an archive. Unpack it and send the images in it, or send it alone.",
        )
    for kind, signature in _OTHERS:
        if signature.match(data, 0, LOOKED_AT):
            raise ItemFailure(
                FailureCode.UNSUPPORTED_FORMAT, f"This file is {kind}, which is not read. Save it as PNG, JPEG or TIFF."
            )
    if not data:
        raise ItemFailure(FailureCode.NOT_AN_IMAGE, "This file is empty. Send the image again.")
    raise ItemFailure(
        FailureCode.NOT_AN_IMAGE,
        "This file is not an image. Send PNG, JPEG, TIFF, BMP, GIF, WebP, PGM, PPM or PBM.",
    )
