"""What PDFium passes over in silence: content of a page that is missing, and the PDFs within a portfolio.

It tells nothing of a file's objects, but writes them all in the open: they are looked for in what it writes.
"""

from __future__ import annotations

import io
import re
import zlib

from pypdfium2 import PdfDocument, PdfPage, raw

from digitmill.imaging.pdf.images import ZLIB_HEAD

LOOKED_AT = 16 << 20
"""So much of a page, copied into a file of its own, is looked at."""
DRAWN_BY_NAME = (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM)

# PDFium writes each file alike: objects without a generation, one space between the parts of a reference
_STREAM = re.compile(rb"\n(\d+) 0 obj\r\n(<<[^\r\n]*>>)stream\r\n")
_LENGTH = re.compile(rb"/Length (\d+)")
_PAGE = re.compile(rb"/Kids\[ (\d+) 0 R")
_CONTENTS = re.compile(rb"/Contents\s*(\[[^\]]*\]|\d+ 0 R)")
_ARRAY = re.compile(rb"\n(\d+) 0 obj\r\n(\[[^\]]*\])")
_REFERENCE = re.compile(rb"(\d+) 0 R")
_FILTERS = re.compile(rb"/Filter\s*(\[[^\]]*\]|/\w+)")
_TEXT = re.compile(rb"\((?:[^()\\]|\\.)*\)", re.DOTALL)
_DRAWS_BY_NAME = re.compile(rb"/[^\s/()<>\[\]{}%]+\s+Do(?![^\s/()<>\[\]{}%])")
_PORTFOLIO = re.compile(rb"/Collection[ <]")
LONGEST_NAME = 12
"""Bytes of what is looked for, so that it is found across two pieces."""
_FORM = re.compile(rb"/Subtype/Form\b")


def lacks_content(document: PdfDocument, page: PdfPage, place: int) -> bool:
    """Whether the page, number ``place`` from 0, has a content stream that is missing or breaks off, or names images
    that are not there. False where the page is too large to look at. For pages on which nothing is to be seen."""
    alone = _alone(document, place)
    if len(alone) >= LOOKED_AT:
        return False
    streams = _streams(alone)
    contents = [streams.get(number) for number in _numbers_of_contents(alone)]
    forms = [each for each in streams.values() if _FORM.search(each[0])]
    if None in contents or not all(_is_whole(*each) for each in (*filter(None, contents), *forms)):
        return True
    named = sum(len(_DRAWS_BY_NAME.findall(_TEXT.sub(b"", _unpacked(*each)[0]))) for each in filter(None, contents))
    return named > sum(1 for each in page.get_objects(max_depth=1) if each.type in DRAWN_BY_NAME)


def is_portfolio(document: PdfDocument) -> bool:
    """Whether the file is a cover of others that lie in it (PDF 1.7, 12.3.5)."""
    if not raw.FPDFDoc_GetAttachmentCount(document):
        return False
    search = _Search()
    document.save(search, flags=raw.FPDF_NO_INCREMENTAL)
    return search.found


class _Search:
    """Whether what is written to it, piece by piece, names a portfolio."""

    def __init__(self) -> None:
        self.found, self._last = False, b""

    def write(self, some: bytes) -> int:
        pieces = self._last + bytes(some)
        self.found = self.found or _PORTFOLIO.search(pieces) is not None
        self._last = pieces[-LONGEST_NAME:]
        return len(some)


class _Beginning(io.BytesIO):
    """Keeps the first LOOKED_AT bytes of what is written to it."""

    def write(self, some: bytes) -> int:  # type: ignore[override]
        if self.tell() < LOOKED_AT:
            super().write(some)
        return len(some)


def _alone(document: PdfDocument, place: int) -> bytes:
    """The page as a file of its own, as PDFium writes it: without encryption, and all objects in the open."""
    copy = PdfDocument.new()
    try:
        copy.import_pages(document, [place])
        written = _Beginning()
        copy.save(written)
        return written.getvalue()
    finally:
        copy.close()


def _streams(alone: bytes) -> dict[int, tuple[bytes, bytes]]:
    """Dictionary and data of each, by the number of the object."""
    found = {}
    for each in _STREAM.finditer(alone):
        length = _LENGTH.search(each[2])
        found[int(each[1])] = each[2], alone[each.end() : each.end() + int(length[1] if length else 0)]
    return found


def _numbers_of_contents(alone: bytes) -> list[int]:
    kid = _PAGE.search(alone)
    page = re.search(rb"\n%s 0 obj\r\n(<<[^\r\n]*>>)\r\nendobj" % kid[1], alone) if kid else None
    contents = _CONTENTS.search(page[1]) if page else None
    if contents is None:
        return []
    arrays = {int(number): listed for number, listed in _ARRAY.findall(alone)}
    numbers: list[int] = []
    for number in map(int, _REFERENCE.findall(contents[1])):
        listed = arrays.get(number)
        numbers += [number] if listed is None else map(int, _REFERENCE.findall(listed))
    return numbers


def _is_whole(head: bytes, data: bytes) -> bool:
    return _unpacked(head, data)[1]


def _unpacked(head: bytes, data: bytes) -> tuple[bytes, bool]:
    """The beginning of the content, and whether it is whole. What is packed in rare ways is taken for that."""
    filters = _FILTERS.search(head)
    names = re.findall(rb"/(\w+)", filters[1]) if filters else []
    if not names:
        return data, True
    if names != [b"FlateDecode"] or not data.strip():
        return b"", True
    # without the checksum, which some programs leave out
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        content = inflater.decompress(data[ZLIB_HEAD:], LOOKED_AT)
    except zlib.error:
        return b"", False
    return content, inflater.eof or bool(inflater.unconsumed_tail)
