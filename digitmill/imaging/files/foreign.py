"""What files are that are sent by mistake, by their first bytes, and what is to be done with each: one table.

Formats that are read stand in ``formats.py``, which asks here about all others.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

from digitmill.errors import FailureCode, ItemFailure

LOOKED_AT = 64 << 10
"""A file shows within so many first bytes what it is, or a zip within so many last ones."""
TEXT_LOOKED_AT = 512
LIST_END = struct.Struct("<4sHHHHIIH")
"""The end of a zip's directory, with its bytes in the sixth place (APPNOTE 4.3.16)."""
LISTED = struct.Struct("<4s24xHHH12x")
"""A record of the directory: lengths of name, extra field and comment, and the name behind it (4.3.12)."""

READ_ARCHIVES = re.compile(rb"PK\x03\x04|PK\x05\x06|PK\x07\x08|\x1f\x8b|.{257}ustar", re.DOTALL)
"""Zips, tars and what is compressed by gzip, which may be a tar: an upload may be one, or hold one."""


class Advice(NamedTuple):
    """``code`` of the failure, and the sentence behind what the file is."""

    code: FailureCode
    sentence: str


PICTURE = Advice(FailureCode.UNSUPPORTED_FORMAT, "which is not read. Save it as PNG, JPEG or TIFF.")
FILM = Advice(FailureCode.UNSUPPORTED_FORMAT, "which is not read. Send a photo or a scan.")
DOCUMENT = Advice(FailureCode.UNSUPPORTED_FORMAT, "which is not read. Save or print it as PDF, and send that.")
ARCHIVE = Advice(FailureCode.NESTED_ARCHIVE, "which is not opened. Unpack it, and send the images in a zip or tar.")
MAIL = Advice(FailureCode.NOT_AN_IMAGE, "and not an image. Save the scans that came with it, and send these.")
POINTER = Advice(FailureCode.NOT_AN_IMAGE, "and not the image that it leads to. Send that file itself.")
LETTERS = Advice(FailureCode.NOT_AN_IMAGE, "and not the image itself. Send the bytes that the letters stand for.")
LOCKED = Advice(FailureCode.NOT_AN_IMAGE, "and no image as it is. Send it decrypted.")
NO_IMAGE = Advice(FailureCode.NOT_AN_IMAGE, "and not an image. Send {names}.")

_TABLE: tuple[tuple[Advice, str, bytes], ...] = (
    (ARCHIVE, "an archive of 7-Zip", rb"7z\xbc\xaf\x27\x1c"),
    (ARCHIVE, "an archive of WinRAR", rb"Rar!\x1a\x07"),
    (ARCHIVE, "compressed by xz", rb"\xfd7zXZ\x00"),
    (ARCHIVE, "compressed by bzip2", rb"BZh[1-9]1AY&SY"),
    (ARCHIVE, "compressed by Zstandard", rb"\x28\xb5\x2f\xfd"),
    (ARCHIVE, "compressed by LZ4", rb"\x04\x22\x4d\x18"),
    (ARCHIVE, "compressed by lzip", rb"LZIP\x01"),
    (ARCHIVE, "compressed by compress", rb"\x1f\x9d"),
    (ARCHIVE, "a Windows cabinet", rb"MSCF\x00"),
    (ARCHIVE, "an archive of cpio", rb"07070[127][0-9A-Fa-f]{6}|(\xc7\x71|\x71\xc7).{24}"),
    (ARCHIVE, "an archive of LHA", rb"..-l[hz][0-9ds]-"),
    (ARCHIVE, "an archive of ARJ", rb"\x60\xea..[\x1e-\x40]"),
    (ARCHIVE, "an archive of ACE", rb".{7}\*\*ACE\*\*"),
    (ARCHIVE, "an archive of StuffIt", rb"SIT!|StuffIt "),
    (ARCHIVE, "a package of Debian", rb"!<arch>\ndebian"),
    (ARCHIVE, "a package of RPM", rb"\xed\xab\xee\xdb"),
    (ARCHIVE, "the image of a CD", rb".{32769}CD001"),
    (FILM, "a HEIC film", rb".{4}ftyphev[cxms]"),
    (PICTURE, "a camera's raw photo", rb".{4}ftypcrx|FUJIFILMCCD-RAW|IIR[OS]|IIU\x00|FOVb|\x00MRM"),
    (
        NO_IMAGE,
        "a sound recording",
        rb".{4}ftypM4[AB]|RIFF.{4}WAVE|ID3[\x02-\x04]|fLaC|OggS|FORM.{4}AIF[FC]|#!AMR|\xff[\xf2\xf3\xfb]",
    ),
    (FILM, "a film", rb".{4}ftyp|RIFF.{4}AVI |\x1a\x45\xdf\xa3|\x00\x00\x01\xba|FLV\x01|\x30\x26\xb2\x75\x8e\x66"),
    (PICTURE, "a JPEG-LS picture", rb"\xff\xd8\xff\xf7"),
    # T.82, 6.2: all layers from 0 on, a reserved byte, sides below 65,536 of which none is 0, no unknown order
    (PICTURE, "a JBIG picture", rb"\x00[\x00-\x08]\x01\x00(\x00\x00(?!\x00\x00)..){2}.{4}.[\x00-\x7f][\x00-\x0f]"),
    (PICTURE, "a JBIG2 picture", rb"\x97JB2\r\n\x1a\n"),
    (PICTURE, "a JPEG XL picture", rb"\x00\x00\x00\x0cJXL \r\n|\xff\x0a"),
    (
        PICTURE,
        "an SVG drawing",
        rb"(\xef\xbb\xbf)?\s*(<\?xml[^>]{0,200}>\s*)?(<!(--|DOCTYPE)[^>]{0,400}>\s*){0,4}<svg",
    ),
    (PICTURE, "an icon", rb"\x00\x00[\x01\x02]\x00[^\x00]\x00|icns"),
    (PICTURE, "a Photoshop document", rb"8BPS\x00"),
    (PICTURE, "a GIMP document", rb"gimp xcf"),
    (PICTURE, "a DjVu document", rb"AT&TFORM"),
    (DOCUMENT, "a PostScript document", rb"%!PS|\xc5\xd0\xd3\xc6"),
    (PICTURE, "a JPEG XR picture", rb"II\xbc"),
    (PICTURE, "a DICOM picture", rb".{128}DICM"),
    (PICTURE, "a FITS picture", rb"SIMPLE  ="),
    (PICTURE, "an OpenEXR picture", rb"\x76\x2f\x31\x01"),
    (PICTURE, "a DPX picture", rb"SDPX|XPDS"),
    (PICTURE, "a Cineon picture", rb"\x80\x2a\x5f\xd7|\xd7\x5f\x2a\x80"),
    (PICTURE, "a Radiance picture", rb"#\?R(ADIANC|GB)E"),
    (PICTURE, "a QOI picture", rb"qoif"),
    (PICTURE, "a PAM or PFM picture", rb"P[7Ff]\n"),
    (PICTURE, "a DirectDraw texture", rb"DDS \x7c"),
    (PICTURE, "a PCX picture", rb"\x0a[\x00\x02-\x05][\x00\x01][\x01\x02\x04\x08]"),
    (PICTURE, "an SGI picture", rb"\x01\xda[\x00\x01][\x01\x02]\x00[\x01-\x03]"),
    (PICTURE, "a Sun raster picture", rb"\x59\xa6\x6a\x95"),
    (PICTURE, "an XBM picture", rb"(/\*.{0,400}?\*/\s*)?#define\s+\S{1,200}_width\s+\d"),
    (PICTURE, "an XPM picture", rb"/\* XPM"),
    # behind 512 bytes for programs of their own: length and frame, then the version
    (PICTURE, "a PICT picture", rb".{522}(\x00\x11\x02\xff\x0c\x00|\x11\x01)"),
    (PICTURE, "a MIFF picture", rb"id=ImageMagick"),
    (PICTURE, "a Windows metafile", rb"\xd7\xcd\xc6\x9a|\x01\x00\x00\x00.{36} EMF"),
    (PICTURE, "a CorelDRAW drawing", rb"RIFF.{4}[Cc][Dd][Rr]"),
    (PICTURE, "an AutoCAD drawing", rb"AC10[0-9]{2}\x00"),
    (PICTURE, "a page of Microsoft Document Imaging", rb"EP\*\x00"),
    (DOCUMENT, "an RTF document", rb"\{\\rtf"),
    (DOCUMENT, "a WordPerfect document", rb"\xffWPC"),
    (
        MAIL,
        "a message of Outlook",
        rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1.{500,65000}?_\x00_\x00s\x00u\x00b\x00s\x00t\x00g\x00",
    ),
    (DOCUMENT, "a Word, Excel or PowerPoint document", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    (
        MAIL,
        "an e-mail",
        rb"(Return-Path|Received|Delivered-To|MIME-Version|Message-ID|X-[\w-]{1,40}): |From .{1,200}\n[\w-]{2,40}: "
        rb"|(From|To|Subject|Date): [^\n]{0,300}\n(From|To|Subject|Date): ",
    ),
    (
        NO_IMAGE,
        "a web page",
        rb"(\xef\xbb\xbf)?\s*(<!--.{0,400}?-->\s*)?<(![Dd][Oo][Cc][Tt][Yy][Pp][Ee] )?[Hh]([Tt][Mm][Ll]|[Ee][Aa][Dd])\b",
    ),
    (POINTER, "a shortcut", rb"L\x00\x00\x00\x01\x14\x02\x00|\[InternetShortcut\]|book\x00\x00\x00\x00mark"),
    (NO_IMAGE, "the data of a form without its pages", rb"%FDF-"),
    (NO_IMAGE, "a program", rb"MZ.{58}.{2}\x00\x00|\x7fELF|[\xcf\xce]\xfa\xed\xfe"),
    (NO_IMAGE, "a database", rb"SQLite format 3\x00|\x00\x01\x00\x00Standard (Jet|ACE) DB"),
    (LOCKED, "encrypted", rb"-----BEGIN PGP|Salted__"),
    (LETTERS, "an image in letters (base64)", rb"data:image/|(iVBORw0KGgo|/9j/4AAQ|JVBERi0x)[A-Za-z0-9+/]"),
    # without a mark: no palette, or one from its first colour on; a known kind, sides that are not 0, known bits
    (
        PICTURE,
        "a TGA picture",
        rb".(\x00[\x02\x03\x0a\x0b]\x00{5}|\x01[\x01\x09]\x00\x00..[\x0f\x10\x18\x20])"
        rb".{4}(?!\x00\x00)..(?!\x00\x00)..[\x01\x08\x0f\x10\x18\x20][\x00-\x3f]",
    ),
)
OTHER_ARCHIVES = re.compile(b"|".join(signature for advice, _, signature in _TABLE if advice is ARCHIVE))
_KINDS = tuple((advice, kind, re.compile(signature, re.DOTALL)) for advice, kind, signature in _TABLE)

_TEXT = re.compile(
    rb"(\xef\xbb\xbf)?[\t\n\r\f\x20-\x7e\x80-\xff]{4,}\Z|\xff\xfe[\x09-\x7e]\x00|\xfe\xff\x00[\x09-\x7e]"
)
_BY_TYPE = re.compile(
    rb"mimetypeapplication/(vnd\.oasis\.opendocument\.(text|spreadsheet|presentation|graphics)|epub\+zip)"
)
_OPEN_DOCUMENTS = {
    b"text": "an OpenDocument text",
    b"spreadsheet": "an OpenDocument spreadsheet",
    b"presentation": "an OpenDocument presentation",
    b"graphics": "an OpenDocument drawing",
    None: "an e-book",
}
_BY_FOLDER = {
    b"word/": "a Word document",
    b"xl/": "an Excel workbook",
    b"ppt/": "a PowerPoint presentation",
    b"visio/": "a Visio drawing",
    b"Documents/": "an XPS document",
}
_TYPES, _APPLES = b"[Content_Types].xml", (b"Index/Document.iwa", b"Index.zip", b"index.apxl", b"index.xml.gz")


def document_in_zip(head: bytes, tail: bytes) -> str | None:
    """What a document is that is kept as a zip (of Word, Excel, PowerPoint, OpenDocument, Apple ...), by the first and
    last bytes of the zip; None for any other zip. ``tail`` are LOOKED_AT last bytes, or all."""
    by_type = _BY_TYPE.match(head, 30)
    if by_type is not None:
        return _OPEN_DOCUMENTS[by_type[2]]
    names = _listed(tail)
    if _TYPES in names:
        found = (kind for folder, kind in _BY_FOLDER.items() if any(name.startswith(folder) for name in names))
        return next(found, "a Word, Excel or PowerPoint document")
    return "a Pages, Numbers or Keynote document" if not names.isdisjoint(_APPLES) else None


def _listed(tail: bytes) -> set[bytes]:
    """Names in the directory at the end of a zip, as far as it lies in ``tail``."""
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or len(tail) - end < LIST_END.size:
        return set()
    place = end - LIST_END.unpack_from(tail, end)[5]
    names = set()
    while 0 <= place <= end - LISTED.size and tail.startswith(b"PK\x01\x02", place):
        _, name, extra, comment = LISTED.unpack_from(tail, place)
        start = place + LISTED.size
        names.add(tail[start : start + name])
        place = start + name + extra + comment
    return names


def document(kind: str) -> ItemFailure:
    return _failure(DOCUMENT, kind, "")


def foreign(data: bytes, names: str) -> ItemFailure:
    """The failure of a file that is of no format that is read; ``names`` are those that are."""
    if READ_ARCHIVES.match(data, 0, LOOKED_AT):
        kind = document_in_zip(data[:LOOKED_AT], data[-LOOKED_AT:])
        return _failure(ARCHIVE, "an archive", names) if kind is None else document(kind)
    for advice, kind, signature in _KINDS:
        if signature.match(data, 0, LOOKED_AT):
            return _failure(advice, kind, names)
    if not data:
        return ItemFailure(FailureCode.NOT_AN_IMAGE, "This file is empty. Send the image again.")
    if not data.strip(b"\x00"):
        return ItemFailure(
            FailureCode.NOT_AN_IMAGE,
            "This file is nothing but zeros. Copy, scan or export it again.",
        )
    if _TEXT.match(data, 0, TEXT_LOOKED_AT):
        return _failure(NO_IMAGE, "a text", names)
    return ItemFailure(FailureCode.NOT_AN_IMAGE, f"This file is not an image. Send {names}.")


def _failure(advice: Advice, kind: str, names: str) -> ItemFailure:
    comma = "," if advice.sentence.startswith("which") else ""
    return ItemFailure(advice.code, f"This file is {kind}{comma} {advice.sentence.format(names=names)}")
