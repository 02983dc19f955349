"""Pictures as a PDF, a page each, written as they come: in memory lies one picture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

POINTS = 842.0
"""Of the longer side of a page: that of A4, in 72nds of an inch."""
FILL = b"%\xe2\xe3\xcf\xd3\n"
"""Four bytes that tell programs which copy the file that it is no text."""
CATALOG, PAGES = 1, 2
_START_OF_FRAME = frozenset({0xC0, 0xC1, 0xC2})


def pdf_of(pictures: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces of the PDF of these pictures, JPEGs in colour. Raises ValueError for what is none."""
    offsets: dict[int, int] = {}
    at = 0

    def piece(content: bytes, number: int | None = None) -> bytes:
        nonlocal at
        if number is not None:
            offsets[number] = at
            content = b"%d 0 obj\n%b\nendobj\n" % (number, content)
        at += len(content)
        return content

    yield piece(b"%PDF-1.4\n" + FILL)
    kids, number = [], PAGES + 1
    for picture in pictures:
        width, height = size_of(picture)
        scale = POINTS / max(width, height)
        across, down = b"%.2f" % (width * scale), b"%.2f" % (height * scale)
        show = b"q %b 0 0 %b 0 0 cm /P Do Q" % (across, down)
        page = b"<</Type/Page/Parent %d 0 R/MediaBox[0 0 %b %b]/Contents %d 0 R/Resources<</XObject<</P %d 0 R>>>>>>"
        yield piece(page % (PAGES, across, down, number + 1, number + 2), number)
        yield piece(_stream(b"", show), number + 1)
        image = (
            b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/DCTDecode"
        )
        yield piece(_stream(image % (width, height), picture), number + 2)
        kids.append(b"%d 0 R" % number)
        number += 3
    yield piece(b"<</Type/Pages/Count %d/Kids[%b]>>" % (len(kids), b" ".join(kids)), PAGES)
    yield piece(b"<</Type/Catalog/Pages %d 0 R>>" % PAGES, CATALOG)
    table = b"".join(b"%010d 00000 n \n" % offsets[each] for each in range(1, number))
    start = at
    yield b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        number,
        table,
        number,
        CATALOG,
        start,
    )


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height of a JPEG, by its frame's head."""
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        if jpeg[at + 1] in _START_OF_FRAME:
            return int.from_bytes(jpeg[at + 7 : at + 9]), int.from_bytes(jpeg[at + 5 : at + 7])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    raise ValueError("This is no JPEG.")


def _stream(entries: bytes, content: bytes) -> bytes:
    return b"<<%b/Length %d>>stream\n%b\nendstream" % (entries, len(content), content)
