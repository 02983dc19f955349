"""Writing a zip as it is sent, in memory that does not grow. Numbers such as 4.3.7 are sections of PKWARE's APPNOTE."""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from collections.abc import Iterator
from typing import IO

from digitmill.uploads.zip_end import (
    END,
    END_SIGNATURE,
    LOCAL_SIGNATURE,
    ZIP64_END_SIGNATURE,
    ZIP64_LOCATOR_SIGNATURE,
)

BLOCK_BYTES = 256 << 10
DIRECTORY_IN_MEMORY = 1 << 20
"""A longer directory waits in a temporary file."""

RECORD_SIGNATURE = b"PK\x01\x02"
# signature, version, flags, method, time, date, checksum, packed size, size, lengths of name and extra fields
LOCAL_HEADER = struct.Struct("<4s5H3I2H")  # 4.3.7
# the same behind the version that made it; then the comment's length, disk, inner and outer attributes, offset
RECORD = struct.Struct("<4s6H3I5H2I")  # 4.3.12
ZIP64_OFFSET = struct.Struct("<2HQ")  # 4.5.3
ZIP64_END = struct.Struct("<4sQ2H2I4Q")  # 4.3.14
ZIP64_LOCATOR = struct.Struct("<4sIQI")  # 4.3.15

VERSION, ZIP64_VERSION = 20, 45
MADE_ON_UNIX = 3 << 8
ORDINARY_FILE = 0o100644 << 16
UTF8_NAME = 1 << 11
STORED = 0
FIRST_DATE = 1 << 5 | 1
"""1980-01-01, the same in every zip."""
MOST_16, MOST_32 = 0xFFFF, 0xFFFFFFFF


class ZipStream:
    """A zip of uncompressed members, each known whole before it is sent. Send what ``add`` yields, and last ``end``."""

    def __init__(self) -> None:
        self._directory = tempfile.SpooledTemporaryFile(DIRECTORY_IN_MEMORY)  # noqa: SIM115 (``end`` closes it)
        self._count = 0
        self._offset = 0

    def add(self, name: str, content: bytes | IO[bytes]) -> Iterator[bytes]:
        """A member, from the beginning of a file that can be read twice.

        Raises:
            ValueError: it has 4 GiB or more.
        """
        file = io.BytesIO(content) if isinstance(content, bytes) else content
        checksum = size = 0
        for block in _blocks(file):
            checksum, size = zlib.crc32(block, checksum), size + len(block)
        if size > MOST_32:
            raise ValueError(f"{name} is too large for this zip: {size:,} bytes")
        written = name.encode()
        facts = (UTF8_NAME, STORED, 0, FIRST_DATE, checksum, size, size, len(written))
        self._directory.write(self._record(facts, written))
        self._count += 1
        self._offset += LOCAL_HEADER.size + len(written) + size
        yield LOCAL_HEADER.pack(LOCAL_SIGNATURE, VERSION, *facts, 0) + written
        yield from _blocks(file)

    def end(self) -> Iterator[bytes]:
        """The directory; nothing can be added after it."""
        with self._directory as directory:
            size = directory.tell()
            yield from _blocks(directory)
        start, end = self._offset, self._offset + size
        if self._count >= MOST_16 or end > MOST_32:
            yield ZIP64_END.pack(
                ZIP64_END_SIGNATURE, ZIP64_END.size - 12, MADE_ON_UNIX | ZIP64_VERSION, ZIP64_VERSION, 0, 0,
                self._count, self._count, size, start,
            )  # fmt: skip
            yield ZIP64_LOCATOR.pack(ZIP64_LOCATOR_SIGNATURE, 0, end, 1)
        count = min(self._count, MOST_16)
        yield END.pack(END_SIGNATURE, 0, 0, count, count, min(size, MOST_32), min(start, MOST_32), 0)

    def close(self) -> None:
        """Let go of the directory of a zip that is not sent to its end."""
        self._directory.close()

    def _record(self, facts: tuple[int, ...], name: bytes) -> bytes:
        far = self._offset >= MOST_32
        version = ZIP64_VERSION if far else VERSION
        extra = ZIP64_OFFSET.pack(1, 8, self._offset) if far else b""
        record = RECORD.pack(
            RECORD_SIGNATURE, MADE_ON_UNIX | version, version, *facts, len(extra), 0, 0, 0, ORDINARY_FILE,
            min(self._offset, MOST_32),
        )  # fmt: skip
        return record + name + extra


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The whole file."""
    file.seek(0)
    while block := file.read(BLOCK_BYTES):
        yield block
