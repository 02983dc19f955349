"""Zips for tests: honest ones, and ones that no honest program writes."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from digitmill.errors import FailureCode

LOCAL_HEADER = struct.Struct("<4s5H3I2H")
RECORD = struct.Struct("<4s6H3I5H2I")
END = struct.Struct("<4s4H2IH")
ELSEWHERE = 0xFFFFFFFF
ENCRYPTED_FLAG = 1 << 0
DESCRIPTOR_FLAG = 1 << 3
UTF8_FLAG = 1 << 11


def zip_of(
    members: Mapping[str, bytes] | Iterable[tuple[str, bytes]],
    *,
    compression: int = zipfile.ZIP_DEFLATED,
    comment: bytes = b"",
) -> bytes:
    """An ordinary zip, as the standard library writes it. Names may come twice."""
    pairs = members.items() if isinstance(members, Mapping) else members
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore", UserWarning)
        for name, data in pairs:
            archive.writestr(name, data)
        archive.comment = comment
    return buffer.getvalue()


@dataclass(frozen=True, kw_only=True)
class Crafted:
    """One member, with any lie. What is None is filled in truthfully."""

    name: str | bytes
    data: bytes = b""
    deflated: bool = True
    flags: int | None = None
    method: int | None = None
    crc: int | None = None
    size: int | None = None
    compressed: int | None = None
    offset: int | None = None
    extra: bytes = b""
    local_extra: bytes = b""
    packed: bytes | None = None
    descriptor: bool = False
    mode: int = 0
    """Of a file on Unix; 0 is a file from elsewhere."""

    @property
    def raw_name(self) -> bytes:
        return self.name.encode() if isinstance(self.name, str) else self.name

    @property
    def all_flags(self) -> int:
        if self.flags is not None:
            return self.flags
        return (UTF8_FLAG if isinstance(self.name, str) else 0) | (DESCRIPTOR_FLAG if self.descriptor else 0)

    @property
    def true_method(self) -> int:
        return 8 if self.deflated else 0

    @property
    def body(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflate(self.data) if self.deflated else self.data

    def local(self) -> bytes:
        """The local header and the packed bytes, told truly but for the flags."""
        crc, body = zlib.crc32(self.data), self.body
        told = (0, 0, 0) if self.descriptor else (crc, len(body), len(self.data) & ELSEWHERE)
        header = LOCAL_HEADER.pack(
            b"PK\x03\x04", 20, self.all_flags, self.true_method, 0, 33, *told,
            len(self.raw_name), len(self.local_extra),
        )  # fmt: skip
        tail = struct.pack("<4s3I", b"PK\x07\x08", crc, len(body), len(self.data)) if self.descriptor else b""
        return header + self.raw_name + self.local_extra + body + tail

    def record(self, offset: int) -> bytes:
        """The directory's record, with the lies in it."""
        return RECORD.pack(
            b"PK\x01\x02", 20 | bool(self.mode) * 3 << 8, 20, self.all_flags,
            self._or(self.method, self.true_method), 0, 33,
            self._or(self.crc, zlib.crc32(self.data)), self._or(self.compressed, len(self.body)),
            self._or(self.size, len(self.data)), len(self.raw_name), len(self.extra), 0, 0, 0, self.mode << 16,
            self._or(self.offset, offset),
        ) + self.raw_name + self.extra  # fmt: skip

    @staticmethod
    def _or(lie: int | None, truth: int) -> int:
        return truth if lie is None else lie


def craft(
    members: Sequence[Crafted],
    *,
    comment: bytes = b"",
    prefix: bytes = b"",
    count: int | None = None,
    directory_size: int | None = None,
    directory_offset: int | None = None,
    disk: int = 0,
) -> bytes:
    """A zip of crafted members. ``prefix`` comes first and is not counted in the offsets."""
    blob, offsets = bytearray(prefix), []
    for member in members:
        offsets.append(len(blob) - len(prefix))
        blob += member.local()
    records = b"".join([member.record(offset) for member, offset in zip(members, offsets, strict=True)])
    start = len(blob) - len(prefix) if directory_offset is None else directory_offset
    size = len(records) if directory_size is None else directory_size
    number = (len(members) if count is None else count) & 0xFFFF
    end = END.pack(b"PK\x05\x06", disk, disk, number, number, size, start, len(comment))
    return bytes(blob) + records + end + comment


def deflate(data: bytes, level: int = 9) -> bytes:
    """Raw deflate, as zips hold it."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    return compressor.compress(data) + compressor.flush()


def zip64_extra(*values: int) -> bytes:
    return struct.pack(f"<HH{len(values)}Q", 0x0001, 8 * len(values), *values)


def unicode_path_extra(raw_name: bytes, name: str) -> bytes:
    """Info-ZIP's extra field with the name in UTF-8; it counts while ``raw_name`` is the member's name."""
    content = b"\x01" + zlib.crc32(raw_name).to_bytes(4, "little") + name.encode()
    return struct.pack("<HH", 0x7075, len(content)) + content


def lying_bomb(unpacked: int = 100_000_000, promised: int = 1000) -> bytes:
    """A zip of one member that unpacks to far more than the directory promises."""
    return craft([Crafted(name="bomb.png", data=bytes(unpacked), size=promised)])


def overlapping_bomb(members: int = 20, kernel_bytes: int = 1_000_000) -> bytes:
    """A zip whose members all unpack to the same bytes, each quoting the headers of those behind it.

    Source: David Fifield, "A better zip bomb" (WOOT 2019), section 3.2.
    """
    data, packed = bytes(kernel_bytes), deflate(bytes(kernel_bytes))
    nested: list[tuple[Crafted, int]] = []
    tail = b""
    for number in reversed(range(members)):
        if tail:
            quoted = tail[: len(tail) - len(packed)]
            data = quoted + data
            packed = b"\x00" + struct.pack("<HH", len(quoted), len(quoted) ^ 0xFFFF) + tail
        member = Crafted(name=f"{number}.png", data=data, packed=packed)
        tail = member.local()
        nested.append((member, len(tail)))
    records = b"".join([member.record(len(tail) - length) for member, length in reversed(nested)])
    end = END.pack(b"PK\x05\x06", 0, 0, members, members, len(records), len(tail), 0)
    return tail + records + end


def bad_members(image: bytes) -> tuple[bytes, dict[str, FailureCode | None]]:
    """A zip with good images (copies of ``image``) between bad members, and each one's failure in order."""
    other = image + b"more"
    cases: list[tuple[Crafted, FailureCode | None]] = [
        (Crafted(name="first.png", data=image), None),
        (Crafted(name="encrypted.png", data=image, flags=ENCRYPTED_FLAG), FailureCode.ENCRYPTED_MEMBER),
        (Crafted(name="checksum.png", data=image, crc=1), FailureCode.CORRUPT_MEMBER),
        (Crafted(name="longer.png", data=image, size=10), FailureCode.CORRUPT_MEMBER),
        (Crafted(name="shorter.png", data=image, size=len(other)), FailureCode.CORRUPT_MEMBER),
        (Crafted(name="stream.png", data=image, packed=b"\xff" * 20), FailureCode.CORRUPT_MEMBER),
        (Crafted(name="middle.png", data=image, deflated=False), None),
        (Crafted(name="huge.png", data=image, size=4_000_000_000), FailureCode.MEMBER_TOO_LARGE),
        (Crafted(name="method.png", data=image, method=14), FailureCode.UNSUPPORTED_FORMAT),
        (Crafted(name="inner.7z", data=b"7z\xbc\xaf\x27\x1c" + image), FailureCode.NESTED_ARCHIVE),
        (Crafted(name="hidden.png", data=zip_of({"a.png": image})), FailureCode.NESTED_ARCHIVE),
        (Crafted(name="empty.png"), FailureCode.NOT_AN_IMAGE),
        (Crafted(name="words.png", data=b"no image at all, but words"), FailureCode.NOT_AN_IMAGE),
        (Crafted(name="last.png", data=image), None),
    ]
    expected = {str(member.name): failure for member, failure in cases}
    return craft([member for member, _ in cases]), expected
