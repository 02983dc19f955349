"""The members that a zip's directory lists, as a stream.

The standard library's zipfile builds an object of half a kilobyte for each member before the first can be
looked at; this reader keeps eight bytes for each, so that a million members cost 8 MB. Names, offsets, sizes,
checksums and methods are those that zipfile finds. Numbers such as 4.3.12 are sections of PKWARE's APPNOTE.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import IO, Any, NamedTuple

import numpy

from digitmill.errors import CorruptArchive, TooManyImages
from digitmill.uploads.zip_end import find_directory

RECORD_SIGNATURE = b"PK\x01\x02"
# signature, (versions), flags, method, (time, date), checksum, compressed size, size, lengths of name, extra
# fields and comment, (disk, attributes), offset of the local header
RECORD = struct.Struct("<4s4x2H4x3I3H8xI")  # 4.3.12
LONGEST_RECORD = RECORD.size + 3 * 0xFFFF
LOCAL_HEADER_BYTES = 30
BLOCK_BYTES = 256 << 10

ENCRYPTED_FLAG = 1 << 0
UTF8_FLAG = 1 << 11
ELSEWHERE = 0xFFFFFFFF
"""A number that stands in the zip64 extra field instead (4.5.3)."""
ZIP64_EXTRA = 0x0001
UNICODE_PATH_EXTRA = 0x7075
UNICODE_PATH_MARK = b"up"

LOCAL_SLACK = LOCAL_HEADER_BYTES + 2 * 0xFFFF + 24
"""The most that a member takes beside its compressed bytes: local header, name, extra, data descriptor."""

DAMAGED = "The zip's directory is damaged at entry {number:,}. Make the zip again and upload that."
MISCOUNTED = (
    "The zip's directory lists {found:,} entries where its end record says {count:,}: the file is damaged. "
    "Make it again and upload that."
)


class Member(NamedTuple):
    """One record of the directory.

    ``span`` bytes from ``offset`` (a position in the file) hold the local header and the packed bytes; it
    never reaches into another member. ``overlaps`` says that the promised bytes would: no honest writer
    makes such a zip, and reading it would unpack the same bytes many times over.
    """

    name: str
    offset: int
    span: int
    size: int
    compressed: int
    crc: int
    method: int
    encrypted: bool
    overlaps: bool


class ZipDirectory:
    """The directory of one zip. The file must stay open and unchanged while members are read."""

    def __init__(self, file: IO[bytes], start: int, length: int, max_members: int) -> None:
        """Read the directory once, to check it and to learn where members begin.

        Raises:
            CorruptArchive: the end record or the directory is missing, damaged or contradicts itself.
            TooManyImages: more than ``max_members`` members are listed.
        """
        self._file = file
        self._place = find_directory(file, start, length)
        self._max_members = max_members
        self._offsets, self._ascending = self._read_offsets()

    def __len__(self) -> int:
        return len(self._offsets)

    def members(self) -> Iterator[Member]:
        """The members in the order of the directory."""
        offsets, directory_start = self._offsets, self._place.start
        last = len(offsets) - 1
        for number, (header, variable) in enumerate(self._records()):
            _, flags, method, crc, compressed, size, name_length, extra_length, _, offset = header
            extra = variable[name_length : name_length + extra_length] if extra_length else b""
            if ELSEWHERE in (size, compressed, offset):
                size, compressed, offset = _zip64_values(extra, size, compressed, offset, number)
            offset += self._place.shift
            place = number if self._ascending else bisect_left(offsets, offset)
            room = (offsets[place + 1] if place < last else directory_start) - offset
            yield Member(
                _decode_name(variable[:name_length], flags, extra),
                offset,
                min(room, compressed + LOCAL_SLACK),
                size,
                compressed,
                crc,
                method,
                bool(flags & ENCRYPTED_FLAG),
                LOCAL_HEADER_BYTES + name_length + compressed > room,
            )

    def _read_offsets(self) -> tuple[array[int], bool]:
        """Positions of all local headers, sorted, and whether the directory lists them in ascending order."""
        offsets = array("Q")
        ascending, previous = True, -1
        shift = self._place.shift
        highest = self._place.start - LOCAL_HEADER_BYTES
        for number, (header, variable) in enumerate(self._records()):
            offset = header[-1]
            if offset == ELSEWHERE:
                _, _, _, _, compressed, size, name_length, extra_length, _, _ = header
                extra = variable[name_length : name_length + extra_length]
                _, _, offset = _zip64_values(extra, size, compressed, offset, number)
            offset += shift
            if offset > highest:
                raise CorruptArchive(DAMAGED.format(number=number + 1))
            if number == self._max_members:
                raise TooManyImages(
                    f"The zip lists more than {self._max_members:,} entries; split it into several uploads."
                )
            ascending = ascending and offset > previous
            previous = offset
            offsets.append(offset)
        self._check_count(len(offsets))
        if not ascending:
            numpy.frombuffer(offsets, dtype=numpy.uint64).sort()
        return offsets, ascending

    def _check_count(self, found: int) -> None:
        promised = self._place.count
        # writers without zip64 (macOS is one) give the count of a long directory modulo 65,536
        if promised != (found if self._place.exact else found & 0xFFFF):
            raise CorruptArchive(MISCOUNTED.format(found=found, count=promised))

    def _records(self) -> Iterator[tuple[tuple[Any, ...], bytes]]:
        """Fixed fields (see RECORD), and name, extra fields and comment, of each record."""
        buffer, at = b"", 0
        position, end = self._place.start, self._place.end
        number = 0
        while True:
            if len(buffer) - at < LONGEST_RECORD and position < end:
                self._file.seek(position)
                block = self._file.read(min(BLOCK_BYTES, end - position))
                buffer, at = buffer[at:] + block, 0
                position += len(block)
            if at == len(buffer):
                return
            number += 1
            if len(buffer) - at < RECORD.size:
                raise CorruptArchive(DAMAGED.format(number=number))
            header = RECORD.unpack_from(buffer, at)
            variable_at = at + RECORD.size
            at = variable_at + header[6] + header[7] + header[8]
            if header[0] != RECORD_SIGNATURE or at > len(buffer):
                raise CorruptArchive(DAMAGED.format(number=number))
            yield header, buffer[variable_at:at]


def _decode_name(raw: bytes, flags: int, extra: bytes) -> str:
    """The member's name: UTF-8 where the zip says so, else code page 437 (appendix D).

    Names that are not marked but read as UTF-8 are taken as that: macOS and Linux tools write such.
    """
    if UNICODE_PATH_MARK in extra:
        field = _extra_field(extra, UNICODE_PATH_EXTRA)
        # version 1, checksum of the plain name (a tool may have renamed the member since), name (4.6.9)
        if field is not None and field[:5] == b"\x01" + zlib.crc32(raw).to_bytes(4, "little"):
            return field[5:].decode("utf-8", "replace")
    if flags & UTF8_FLAG:
        return raw.decode("utf-8", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _zip64_values(extra: bytes, size: int, compressed: int, offset: int, number: int) -> tuple[int, int, int]:
    """Size, compressed size and offset, with those that stand in the zip64 extra field taken from there."""
    field = _extra_field(extra, ZIP64_EXTRA)
    if field is None:
        return size, compressed, offset
    values = [size, compressed, offset]
    at = 0
    for position, value in enumerate(values):
        if value == ELSEWHERE:
            if at + 8 > len(field):
                raise CorruptArchive(DAMAGED.format(number=number + 1))
            values[position] = int.from_bytes(field[at : at + 8], "little")
            at += 8
    return values[0], values[1], values[2]


def _extra_field(extra: bytes, wanted: int) -> bytes | None:
    """Content of the extra field of that kind, if there is one (4.5.1)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return None
