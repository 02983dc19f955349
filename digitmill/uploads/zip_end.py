"""Where a zip's directory lies, from its end record. Numbers such as 4.3.16 are sections of PKWARE's APPNOTE."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO

from digitmill.errors import CorruptArchive

LOCAL_SIGNATURE = b"PK\x03\x04"
END_SIGNATURE = b"PK\x05\x06"
SPLIT_SIGNATURE = b"PK\x07\x08"
"""How the first volume of a split zip begins (8.5.3)."""
ZIP64_END_SIGNATURE = b"PK\x06\x06"
ZIP64_LOCATOR_SIGNATURE = b"PK\x06\x07"

# signature, this disk, disk of the directory, records on this disk, records, size, offset, comment's length
END = struct.Struct("<4s4H2IH")  # 4.3.16
# signature, (size, versions), this disk, disk of the directory, records on this disk, records, size, offset
ZIP64_END = struct.Struct("<4s12x2I4Q")  # 4.3.14
# signature, (disk), offset of the zip64 end record, number of disks
ZIP64_LOCATOR = struct.Struct("<4s4xQI")  # 4.3.15
SIGNATURES = (LOCAL_SIGNATURE, b"PK\x01\x02", END_SIGNATURE, ZIP64_END_SIGNATURE)
LONGEST_COMMENT = 0xFFFF

CUT_OFF = "The zip has no end: it was cut off on its way or is damaged. Make it again and upload that."
SPLIT = "The file is one volume of a split archive. Join the volumes into one zip and upload that."
UNFIT = "The zip's end record does not fit its contents: the file is damaged. Make it again and upload that."
TWO_IN_A_ROW = (
    "The zip's directory does not cover the whole file, as when two zips are joined into one file. "
    "Upload them as separate files."
)
NOT_SAID = 0xFFFFFFFF
"""The offset of a directory that stands in the zip64 end record."""


@dataclass(frozen=True, slots=True)
class DirectoryPlace:
    """Where the directory lies in the file, from ``start`` to ``end`` (exclusive).

    ``shift`` turns the offsets that it holds into offsets in the file. ``count`` is the number of records
    that the end record promises, modulo 65,536 unless ``exact``.
    """

    start: int
    end: int
    shift: int
    count: int
    exact: bool


def find_directory(file: IO[bytes], start: int, length: int) -> DirectoryPlace:
    """Find the directory of the zip that fills ``length`` bytes of ``file`` from ``start``.

    Bytes before the first member (a self-extractor's program) are allowed for.

    Raises:
        CorruptArchive: there is no end record, it contradicts the file, or the archive has several volumes.
    """
    end_position, behind = _find_end(file, start, length)
    _, disk, directory_disk, _, count, size, offset, _ = END.unpack(_read(file, end_position, END.size))
    after, exact = end_position, False
    locator_position = end_position - ZIP64_LOCATOR.size
    if locator_position >= start and _read(file, locator_position, 4) == ZIP64_LOCATOR_SIGNATURE:
        after, fields = _zip64_end(file, start, locator_position)
        _, disk, directory_disk, _, count, size, offset = fields
        exact = True
    if disk or directory_disk:
        raise CorruptArchive(SPLIT)
    if offset == NOT_SAID and not exact:
        # Info-ZIP ends a zip so that it was told to write with long sizes into a pipe
        offset = after - size - start
    place = DirectoryPlace(after - size, after, after - size - offset, count, exact)
    if behind and place.shift != start:
        raise CorruptArchive(CUT_OFF)
    if place.shift < start:
        raise CorruptArchive(UNFIT)
    if place.shift > start and _read(file, start, 4) == LOCAL_SIGNATURE:
        raise CorruptArchive(TWO_IN_A_ROW)
    return place


def _find_end(file: IO[bytes], start: int, length: int) -> tuple[int, int]:
    """Position of the end record, and how many bytes are behind its comment.

    The first record whose comment ends where the file ends counts, since a comment may quote another. Where there is
    none, bytes behind the last one are passed over as unzip does, unless they look like parts of a zip: the rest of
    one that was cut off would be lost without a word. For the same reason the caller makes sure that the zip begins
    where the file does: else one cut off within a stored zip would pass for that inner one.
    """
    tail_length = min(length, END.size + LONGEST_COMMENT)
    tail = _read(file, start + length - tail_length, tail_length)
    at = tail.find(END_SIGNATURE)
    last = (-1, 0)
    while 0 <= at <= len(tail) - END.size:
        end = at + END.size + END.unpack_from(tail, at)[-1]
        behind = len(tail) - end
        if behind == 0:
            return start + length - tail_length + at, 0
        if behind > 0 and not any(signature in tail[end:] for signature in SIGNATURES):
            last = (at, behind)
        at = tail.find(END_SIGNATURE, at + 1)
    if last[1] == 0:
        raise CorruptArchive(CUT_OFF)
    return start + length - tail_length + last[0], last[1]


def _zip64_end(file: IO[bytes], start: int, locator_position: int) -> tuple[int, tuple[int, ...]]:
    """Position and fields of the zip64 end record."""
    _, offset, disks = ZIP64_LOCATOR.unpack(_read(file, locator_position, ZIP64_LOCATOR.size))
    if disks > 1:
        raise CorruptArchive(SPLIT)
    # the second place is right when bytes were put before the archive and its offsets left as they were
    for position in (start + offset, locator_position - ZIP64_END.size):
        if start <= position <= locator_position - ZIP64_END.size:
            fields = ZIP64_END.unpack(_read(file, position, ZIP64_END.size))
            if fields[0] == ZIP64_END_SIGNATURE:
                return position, fields
    raise CorruptArchive(UNFIT)


def _read(file: IO[bytes], position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)
