"""Whether a PDF has more pages than it says. PDFium believes the number in the root of the pages, and the pages behind
it would be lost without a word.

PDFium tells nothing of a file's objects, but writes them all in the open: the tree is walked in what it writes.
"""

from __future__ import annotations

import re

from pypdfium2 import PdfDocument, raw

MOST_BYTES = 64 << 20
"""Of all objects without their streams are looked at."""

_PAGE_IN_THE_OPEN = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_HIDDEN = b"/ObjStm"
"""Of streams that hold objects."""
_STREAM, _STREAM_ENDS = b">>stream\r\n", b"endstream"
_OBJECT = re.compile(rb"\n(\d+) 0 obj\r\n(.*?)endobj", re.DOTALL)
_ROOT, _PAGES = re.compile(rb"/Root (\d+) 0 R"), re.compile(rb"/Pages (\d+) 0 R")
_LEAF = re.compile(rb"/Type/Page(?![A-Za-z])")
_KIDS = re.compile(rb"/Kids\s*(\[[^\]]*\]|\d+ 0 R)")
_REFERENCE = re.compile(rb"(\d+) 0 R")


def has_more_pages(document: PdfDocument, data: bytes) -> bool:
    """Whether the tree of pages of the ``document``, opened from ``data``, holds more pages than its root says."""
    said = len(document)
    if _HIDDEN not in data and len(_PAGE_IN_THE_OPEN.findall(data)) <= said:
        return False
    written = _Objects()
    document.save(written, flags=raw.FPDF_NO_INCREMENTAL)
    objects = {int(number): body for number, body in _OBJECT.findall(written.kept)}
    roots = _ROOT.findall(written.kept)
    pages = _PAGES.search(objects.get(int(roots[-1]), b"")) if roots else None
    return pages is not None and _leaves(objects, int(pages[1]), said) > said


def _leaves(objects: dict[int, bytes], root: int, most: int) -> int:
    """Pages below ``root``, counted until there are more than ``most``."""
    found, seen, left = 0, set(), [root]
    while left and found <= most:
        number = left.pop()
        body = objects.get(number, b"")
        kids = None if _LEAF.search(body) else _KIDS.search(body)
        if kids is None:
            found += body.startswith(b"<<") and number != root
        elif number not in seen:
            seen.add(number)
            listed = kids[1] if kids[1].startswith(b"[") else objects.get(int(kids[1].split()[0]), b"")
            left += map(int, _REFERENCE.findall(listed))
    return found


class _Objects:
    """Keeps what is written to it, piece by piece, without the data of streams."""

    def __init__(self) -> None:
        self.kept, self._rest, self._within = bytearray(), bytearray(), False

    def write(self, some: bytes) -> int:
        self._rest += bytes(some)
        while self._pass_on():
            pass
        return len(some)

    def _pass_on(self) -> bool:
        """Whether there may be more to do with what has come so far."""
        if self._within:
            end = self._rest.find(_STREAM_ENDS)
            del self._rest[: end if end >= 0 else -len(_STREAM_ENDS)]
            self._within = end < 0
            return end >= 0
        start = self._rest.find(_STREAM)
        taken = start + 2 if start >= 0 else len(self._rest) - len(_STREAM)
        if taken > 0 and len(self.kept) < MOST_BYTES:
            self.kept += self._rest[:taken]
        del self._rest[: max(0, taken)]
        self._within = start >= 0
        return start >= 0
