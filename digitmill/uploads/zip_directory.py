"""The members that a zip's directory lists, as a stream.

The standard library's zipfile builds an object of half a kilobyte for each member before the first can be
looked at; this reader keeps eight bytes for each, so that a million members cost 8 MB. Names, offsets, sizes,
checksums and methods are those that zipfile finds. Numbers such as 4.3.12 are sections of PKWARE's APPNOTE.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from digitmill.errors import CorruptArchive, TooManyImages
from digitmill.uploads.zip_end import find_directory
from digitmill.uploads.zip_names import code_page, decode_name

RECORD_SIGNATURE = b"PK\x01\x02"
RECORD = np.dtype(
    [
        ("signature", "S4"), ("versions", "<u4"), ("flags", "<u2"), ("method", "<u2"), ("time and date", "<u4"),
        ("crc", "<u4"), ("compressed", "<u4"), ("size", "<u4"), ("name", "<u2"), ("extra", "<u2"),
        ("comment", "<u2"), ("disk", "V4"), ("attributes", "<u4"), ("offset", "<u4"),
    ]
)  # fmt: skip
"""4.3.12. Lengths of name, extra fields and comment, which follow; the offset is that of the local header."""
LENGTHS = struct.Struct("<3H")
LENGTHS_AT = RECORD.fields["name"][1]  # type: ignore[index]
LOCAL_HEADER_BYTES = 30
BLOCK_BYTES = 64 << 10
KEPT_BYTES = 1 << 20
"""The records of a directory no longer than this, of some ten thousand members, are kept from when it was checked."""

ENCRYPTED_FLAG = 1 << 0
UTF8_FLAG = 1 << 11
DEFLATE64 = 9
ELSEWHERE = 0xFFFFFFFF
"""A number that stands in the zip64 extra field instead (4.5.3)."""
MOST = 1 << 62
"""A larger number is a lie, and would not fit into 64 bits with what is added to it."""
ZIP64_EXTRA = 0x0001
UNICODE_PATH_EXTRA = 0x7075
UNICODE_PATH_MARK = b"up"

UNIXES = (3, 19)
"""Unix and macOS, as hosts that made a record."""
FILE_TYPE, LINK, LONGEST_PATH = 0o170000, 0o120000, 4096

LOCAL_SLACK = LOCAL_HEADER_BYTES + 2 * 0xFFFF + 24
"""The most that a member takes beside its compressed bytes: local header, name, extra, data descriptor."""

DAMAGED = "The zip's directory is damaged at entry {number:,}. Make the zip again and upload that."
MISCOUNTED = (
    "The zip's directory lists {found:,} entries where its end record says {count:,}: the file is damaged. "
    "Make it again and upload that."
)


class Names(list[str]):
    """The names of a run of members. ``raw`` holds, by position, the bytes of those that are not plain ASCII."""

    def __init__(self) -> None:
        self.raw: dict[int, bytes] = {}


@dataclass(frozen=True, slots=True)
class Members:
    """A run of records of the directory, as columns: ``names`` of n members and arrays [n].

    ``spans`` bytes from ``offsets`` (positions in the file) hold the local header and the packed bytes; they
    never reach into another member. ``overlap`` says that the promised bytes would: no honest writer
    makes such a zip, and reading it would unpack the same bytes many times over.
    """

    names: Names
    offsets: NDArray[np.int64]
    spans: NDArray[np.int64]
    sizes: NDArray[np.int64]
    compressed: NDArray[np.int64]
    crcs: NDArray[np.uint32]
    methods: NDArray[np.uint16]
    encrypted: NDArray[np.bool]
    overlap: NDArray[np.bool]
    links: NDArray[np.bool]
    """Symbolic links: their content is the path of another file."""


class ZipDirectory:
    """The directory of one zip. The file must stay open and unchanged while members are read.

    ``code_page`` is that of the names of which the zip does not say it; None as long as there was none.
    ``mostly_deflate64`` says that most files in it are compressed in a way that nothing here reads.
    """

    def __init__(
        self, file: IO[bytes], start: int, length: int, max_members: int, *, code_page: str | None = None
    ) -> None:
        """Read the directory once, to check it and to learn where members begin. ``code_page`` None is told by the
        names themselves.

        Raises:
            CorruptArchive: the end record or the directory is missing, damaged or contradicts itself.
            TooManyImages: more than ``max_members`` members are listed.
        """
        self._file = file
        self._place = find_directory(file, start, length)
        self._max_members = max_members
        self._told = code_page
        self.code_page: str | None = None
        self._kept: list[Records] = []
        self._files = self._deflate64 = 0
        self._offsets, self._ascending = self._read_offsets()

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def mostly_deflate64(self) -> bool:
        return self._deflate64 > self._files / 2

    def members(self) -> Iterator[Members]:
        """The members in the order of the directory, about a thousand at a time."""
        ends = np.append(self._offsets[1:], self._place.start)
        first = 0
        for records in self._kept or self._blocks():
            offsets, sizes, compressed = self._numbers(records)
            last = first + len(offsets)
            places = slice(first, last) if self._ascending else np.searchsorted(self._offsets, offsets)
            rooms = ends[places] - offsets
            fields = records.fields
            yield Members(
                names=records.names(self._decode),
                offsets=offsets,
                spans=np.minimum(rooms, compressed + LOCAL_SLACK),
                sizes=sizes,
                compressed=compressed,
                crcs=fields["crc"],
                methods=fields["method"],
                encrypted=fields["flags"] & ENCRYPTED_FLAG != 0,
                overlap=compressed + LOCAL_HEADER_BYTES + fields["name"] > rooms,
                links=_links(fields, sizes),
            )
            first = last

    def _decode(self, raw: bytes) -> str:
        """A name that is not marked as UTF-8: macOS and Linux tools write such as UTF-8, Windows in its code page."""
        if self.code_page is None:
            unmarked = (name for records in self._kept or self._blocks() for name in records.unmarked())
            self.code_page = self._told or code_page(unmarked)
        if self._told is not None:
            return raw.decode(self._told, "replace")
        return decode_name(raw, self.code_page)

    def _read_offsets(self) -> tuple[NDArray[np.int64], bool]:
        """Positions of all local headers, sorted, and whether the directory lists them in ascending order."""
        parts: list[NDArray[np.int64]] = []
        found = 0
        highest = self._place.start - LOCAL_HEADER_BYTES
        for records in self._blocks():
            offsets, _, _ = self._numbers(records)
            if (beyond := offsets > highest).any():
                raise records.damaged(int(beyond.argmax()))
            found += len(offsets)
            if found > self._max_members:
                raise TooManyImages(
                    f"The zip lists more than {self._max_members:,} entries; split it into several uploads."
                )
            parts.append(offsets)
            self._files += int(np.count_nonzero(records.fields["size"]))
            self._deflate64 += int(np.count_nonzero(records.fields["method"] == DEFLATE64))
            if self._place.end - self._place.start <= KEPT_BYTES:
                self._kept.append(records)
        self._check_count(found)
        offsets = np.concatenate(parts) if parts else np.empty(0, np.int64)
        ascending = bool((offsets[1:] > offsets[:-1]).all())
        if not ascending:
            offsets.sort()
        return offsets, ascending

    def _check_count(self, found: int) -> None:
        promised = self._place.count
        # writers without zip64 (macOS is one) give the count of a long directory modulo 65,536
        if promised != (found if self._place.exact else found & 0xFFFF):
            raise CorruptArchive(MISCOUNTED.format(found=found, count=promised))

    def _numbers(self, records: Records) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Offsets in the file, sizes and compressed sizes, each int64 [n]."""
        size, compressed, offset = (records.fields[name].astype(np.int64) for name in ("size", "compressed", "offset"))
        elsewhere = (size == ELSEWHERE) | (compressed == ELSEWHERE) | (offset == ELSEWHERE)
        for row in np.flatnonzero(elsewhere).tolist():
            values = int(size[row]), int(compressed[row]), int(offset[row])
            size[row], compressed[row], offset[row] = records.zip64_values(row, values)
        return offset + self._place.shift, size, compressed

    def _blocks(self) -> Iterator[Records]:
        """The records, about a thousand at a time."""
        rest, number = b"", 0
        position, end = self._place.start, self._place.end
        while position < end:
            self._file.seek(position)
            block = self._file.read(min(BLOCK_BYTES, end - position))
            position += len(block)
            records = Records(rest + block, number)
            number += len(records.starts)
            rest = records.rest
            if records.starts:
                yield records
            if not block:
                break
        if rest:
            raise CorruptArchive(DAMAGED.format(number=number + 1))


class Records:
    """The whole records in a stretch of the directory; ``rest`` is what follows the last, the beginning of another.

    ``starts`` are their places in the stretch, and ``fields`` an array of RECORD [n]. ``before`` counts the records
    that went before.
    """

    def __init__(self, stretch: bytes, before: int) -> None:
        """Raises CorruptArchive where one does not begin as a record does."""
        self._stretch = stretch
        self._before = before
        self.starts: list[int] = []
        at, last = 0, len(stretch) - RECORD.itemsize
        while at <= last:
            name, extra, comment = LENGTHS.unpack_from(stretch, at + LENGTHS_AT)
            end = at + RECORD.itemsize + name + extra + comment
            if end > len(stretch):
                break
            self.starts.append(at)
            at = end
        self.rest = stretch[at:]
        if self.starts:
            windows = sliding_window_view(np.frombuffer(stretch, np.uint8), RECORD.itemsize)
            self.fields = windows[self.starts].view(RECORD)[:, 0]
            if (wrong := self.fields["signature"] != RECORD_SIGNATURE).any():
                raise self.damaged(int(wrong.argmax()))

    def names(self, decode: Callable[[bytes], str]) -> Names:
        """The names; ``decode`` reads those of which the record does not say in what encoding they are."""
        found = Names()
        for plain, raw, flags, extra in self._raw_names():
            if plain is None:
                name = _marked_name(raw, flags, extra)
                found.raw[len(found)] = raw
                found.append(decode(raw) if name is None else name)
            else:
                found.append(plain)
        return found

    def unmarked(self) -> Iterator[bytes]:
        """Those names, beyond ASCII, of which the record does not say it."""
        for plain, raw, flags, extra in self._raw_names():
            if plain is None and _marked_name(raw, flags, extra) is None:
                yield raw

    def _raw_names(self) -> Iterator[tuple[str | None, bytes, int, bytes]]:
        """Each name if it is plain ASCII; else None, its bytes, flags and extra fields."""
        stretch, fields = self._stretch, self.fields
        # most names are plain, and cut out of a text in a third of the time that it takes to decode each
        text = stretch.decode("latin-1")
        lengths = (fields[field].tolist() for field in ("name", "extra", "flags"))
        for start, length, extra, flags in zip(self.starts, *lengths, strict=True):
            at = start + RECORD.itemsize
            end = at + length
            plain = text[at:end]
            # the name of an extra field counts for a plain one too
            if plain.isascii() and (not extra or UNICODE_PATH_MARK not in stretch[end : end + extra]):
                yield plain, b"", flags, b""
            else:
                yield None, stretch[at:end], flags, stretch[end : end + extra]

    def zip64_values(self, row: int, values: tuple[int, int, int]) -> tuple[int, int, int]:
        """Size, compressed size and offset, with those that stand in the zip64 extra field taken from there.

        Raises CorruptArchive where that is too short."""
        at = self.starts[row] + RECORD.itemsize + int(self.fields["name"][row])
        field = _extra_field(self._stretch[at : at + int(self.fields["extra"][row])], ZIP64_EXTRA)
        if field is None:
            return values
        found, at = list(values), 0
        for place, value in enumerate(values):
            if value == ELSEWHERE:
                if at + 8 > len(field):
                    raise self.damaged(row)
                found[place] = min(int.from_bytes(field[at : at + 8], "little"), MOST)
                at += 8
        return found[0], found[1], found[2]

    def damaged(self, row: int) -> CorruptArchive:
        return CorruptArchive(DAMAGED.format(number=self._before + row + 1))


def _marked_name(raw: bytes, flags: int, extra: bytes) -> str | None:
    """The name as the record says it: plain, in its Unicode extra field, or in UTF-8. None where it does not say."""
    if UNICODE_PATH_MARK in extra:
        field = _extra_field(extra, UNICODE_PATH_EXTRA)
        # version 1, checksum of the plain name (a tool may have renamed the member since), name (4.6.9)
        if field is not None and field[:5] == b"\x01" + zlib.crc32(raw).to_bytes(4, "little"):
            return field[5:].decode("utf-8", "replace")
    if flags & UTF8_FLAG or raw.isascii():
        return raw.decode("utf-8", "replace")
    return None


def _links(fields: NDArray[np.void], sizes: NDArray[np.int64]) -> NDArray[np.bool]:
    """Which records of systems with links are such, by their mode (4.4.2, 4.4.15), and short enough to be paths."""
    host, mode = fields["versions"] >> 8 & 0xFF, fields["attributes"] >> 16
    found: NDArray[np.bool] = np.isin(host, UNIXES) & (mode & FILE_TYPE == LINK) & (sizes <= LONGEST_PATH)
    return found


def _extra_field(extra: bytes, wanted: int) -> bytes | None:
    """Content of the extra field of that kind, if there is one (4.5.1)."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, at)
        if kind == wanted:
            return extra[at + 4 : at + 4 + length]
        at += 4 + length
    return None
