"""PDFs that ask for far more than they are, in the process that opens them: memory holds, and the next file is read."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.settings import Settings
from tests.hostile.bombs import MUCH, zeros
from tests.pdfs import Page, Stored, flate, jbig2, pdf, put_together, scan, stream, written
from tests.pictures import drawn_digit
from tests.uploads.planning import plan_of

MEMORY = 384 << 20
"""More than a process takes that reads the largest picture of the settings here."""
STARTED = 160 << 20
"""What Python and its libraries take before."""
MAX_PIXELS = 10_000_000

TOO_LARGE, DAMAGED, POISON = FailureCode.IMAGE_TOO_LARGE, FailureCode.TRUNCATED_IMAGE, FailureCode.POISON_IMAGE
NOT_READ = {TOO_LARGE, DAMAGED, POISON}
WHATEVER = None
"""A picture or a failure: the bomb costs time, of which a busy machine gives more or less."""
SOUND = pdf([scan(flate(drawn_digit(side=80)))])


def declaring(stored: Stored, width: int, height: int) -> bytes:
    return pdf([scan(Stored(stored.entries, stored.data, (width, height)))])


def with_content(content: bytes, entries: str = "") -> bytes:
    """A page whose content is deflated."""
    body = stream(f"<< /Filter /FlateDecode {entries}", zlib.compress(content, 9))
    return pdf([Page(b"", 400, 400, more="/Contents 9000 0 R")], objects={9000: body})


def in_each_other(depth: int) -> bytes:
    """Arrays in arrays, of which the page has one for an annotation."""
    return pdf([Page(b"", 400, 400, more="/Annots " + "[" * depth + "]" * depth)])


def packed_many_times(times: int) -> bytes:
    data = bytes(MUCH)
    for _ in range(times):
        data = zlib.compress(data, 9)
    filters = "/Filter [" + "/FlateDecode " * times + "]"
    entries = f"/ColorSpace /DeviceGray /BitsPerComponent 8 {filters}"
    return pdf([scan(Stored(entries, data, (40, 40)))])


def forms_that_call_each_other() -> bytes:
    entries = "<< /Type /XObject /Subtype /Form /BBox [0 0 400 400] /Resources << /XObject << /Fm0 {} 0 R >> >>"
    calls = b"/Fm0 Do " * 10
    objects = {9000 + place: stream(entries.format(9000 + (place + 1) % 20), calls) for place in range(20)}
    return pdf([Page(b"/Fm0 Do", 400, 400, more="/Resources << /XObject << /Fm0 9000 0 R >> >>")], objects=objects)


def tree_in_a_loop() -> bytes:
    return put_together(
        {1: b"<< /Type /Catalog /Pages 2 0 R >>", 2: b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 3 /Parent 2 0 R >>"}
    )


def pages_that_say(count: int) -> bytes:
    return pdf([written("1")]).replace(b"/Count 1", b"/Count %d" % count)


def objects_in_a_stream_of_streams() -> bytes:
    """An object stream that is said to lie in itself (PDF 1.7, 7.5.7 and 7.5.8)."""
    body = stream("<< /Type /ObjStm /N 1 /First 4 /Extends 4 0 R", b"1 0 << /Type /Catalog /Pages 2 0 R >>")
    rows = b"".join(struct.pack(">BIH", *row) for row in [(0, 0, 0), (2, 4, 0), (2, 4, 1), (2, 4, 2), (2, 4, 3)])
    table = stream("<< /Type /XRef /Size 5 /W [1 4 2] /Root 1 0 R", rows)
    return b"%PDF-1.7\n4 0 obj\n" + body + b"\nendobj\n5 0 obj\n" + table + b"\nendobj\nstartxref\n9\n%%EOF"


def tile_of_nothing() -> bytes:
    tile = stream(
        "<< /Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 1 1] /XStep 0.001 /YStep 0.001 "
        "/Resources << >>",
        b"0 g 0 0 1 1 re f",
    )
    page = Page(b"/Pattern cs /P0 scn 0 0 400 400 re f", 400, 400, more="/Resources << /Pattern << /P0 9000 0 R >> >>")
    return pdf([page], objects={9000: tile})


def mask_of(side: int) -> bytes:
    """A small scan whose transparency is a picture of side x side."""
    mask = stream(
        f"<< /Type /XObject /Subtype /Image /Width {side} /Height {side} /ColorSpace /DeviceGray /BitsPerComponent 8 "
        "/Filter /FlateDecode",
        zeros(MUCH),
    )
    stored = flate(np.zeros((40, 40), np.uint8))
    return pdf([scan(Stored(stored.entries + " /SMask 9000 0 R", stored.data, stored.size))], objects={9000: mask})


BOMBS: Mapping[str, tuple[Callable[[], bytes], set[FailureCode] | None]] = {
    "a page of 10^6 x 10^6 points": (lambda: pdf([written("1", 1e6, 1e6)]), {TOO_LARGE}),
    "a page of 10^30 x 10^30 points": (lambda: pdf([written("1", 1e30, 1e30)]), NOT_READ),
    "a page of 10^6 x 1 points": (lambda: pdf([written("1", 1e6, 1)]), {TOO_LARGE}),
    "a scan of 60,000 x 60,000": (
        lambda: declaring(Stored(flate(drawn_digit(side=40)).entries, zeros(MUCH), (1, 1)), 60_000, 60_000),
        {TOO_LARGE},
    ),
    "a scan of 2^31 x 2^31": (lambda: declaring(flate(drawn_digit(side=40)), 2**31, 2**31), NOT_READ),
    "a JBIG2 of 2^32 - 1 rows": (lambda: declaring(jbig2(drawn_digit(side=40)), 40, 2**32 - 1), NOT_READ),
    "96 MB of pixels for a small picture": (
        lambda: declaring(Stored(flate(drawn_digit(side=40)).entries, zeros(MUCH), (1, 1)), 40, 40),
        WHATEVER,
    ),
    "pixels packed five times": (lambda: packed_many_times(5), WHATEVER),
    "a mask of 9,000 x 9,000": (lambda: mask_of(9000), WHATEVER),
    "96 MB of content": (lambda: with_content(bytes(MUCH)), WHATEVER),
    "10 MB of states saved": (lambda: with_content(b"q " * 5_000_000), WHATEVER),
    "a million lines": (lambda: with_content(b"0 0 m 400 400 l S " * 1_000_000), WHATEVER),
    "arrays 100,000 deep": (lambda: in_each_other(100_000), WHATEVER),
    "forms that call each other": (forms_that_call_each_other, WHATEVER),
    "a tree of pages in a loop": (tree_in_a_loop, NOT_READ | {FailureCode.UNSUPPORTED_FORMAT}),
    "objects in a stream of streams": (objects_in_a_stream_of_streams, NOT_READ),
    "a pattern of steps of nothing": (tile_of_nothing, WHATEVER),
}


@pytest.fixture(scope="module")
def drawers() -> Drawers:
    settings = Settings(image_memory_bytes=MEMORY, image_seconds=8, max_image_pixels=MAX_PIXELS)
    return Drawers(settings)


def most_resident(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def outcome(drawers: Drawers, data: bytes) -> FailureCode | None:
    try:
        drawers.grey(data, 0, 1)
    except ItemFailure as failure:
        return failure.failure
    return None


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_its_own_row_and_bounded_memory(drawers: Drawers, name: str) -> None:
    make, expected = BOMBS[name]
    found = outcome(drawers, make())
    if expected is not None:
        assert found in expected
    for pid in drawers.pids:
        assert most_resident(pid) < STARTED + MEMORY
    assert drawers.grey(SOUND, 0, 1).shape == (80, 80)


@pytest.mark.parametrize("name", BOMBS)
def test_pages_of_a_bomb_are_counted_or_it_is_refused(drawers: Drawers, name: str, tmp_path: Path) -> None:
    planned = plan_of(tmp_path, ("a.pdf", BOMBS[name][0]()), count_pages=drawers.count_pages)
    assert 1 <= planned.total <= 3


@pytest.mark.parametrize("count", [51, 100_000, 2**31 - 1, -5])
def test_a_file_that_says_too_many_pages_is_one_failed_image(drawers: Drawers, count: int, tmp_path: Path) -> None:
    planned = plan_of(tmp_path, ("a.pdf", pages_that_say(count)), count_pages=drawers.count_pages)
    assert planned.names == ["a.pdf"]


def test_100_000_pages_are_counted_and_refused(drawers: Drawers, tmp_path: Path) -> None:
    kids = b" ".join([b"3 0 R"] * 100_000)
    data = put_together(
        {
            1: b"<< /Type /Catalog /Pages 2 0 R >>",
            2: b"<< /Type /Pages /Kids [" + kids + b"] /Count 100000 >>",
            3: b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>",
        }
    )
    planned = plan_of(tmp_path, ("a.pdf", data), count_pages=drawers.count_pages)
    (entry,) = planned.entries
    assert entry.refused is not None
    assert entry.refused.code is TOO_LARGE
