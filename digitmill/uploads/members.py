"""One entry's image bytes, out of the span of the blob that holds them.

Nothing that the zip promises is trusted: at most the promised size and one byte more are ever unpacked.
"""

from __future__ import annotations

import struct
import zlib

from digitmill.domain.planned import Entry, Packing
from digitmill.errors import FailureCode, ItemFailure
from digitmill.uploads.zip_directory import ENCRYPTED_FLAG
from digitmill.uploads.zip_end import LOCAL_SIGNATURE

# signature, (version), flags, method, (time, date, checksum, sizes), lengths of name and extra fields
LOCAL_HEADER = struct.Struct("<4s2x2H16x2H")  # APPNOTE 4.3.7
METHODS = {0: Packing.STORED, 8: Packing.DEFLATED}
"""The compression methods that we read (APPNOTE 4.4.5)."""

RAW_DEFLATE = -zlib.MAX_WBITS

DAMAGED = "The file is damaged: {what}. Upload it again, in a new zip if it came in one."
TOO_LARGE = (
    "The file has {size:,} bytes; {limit:,} are allowed. Split it if it has several pages, else scan at a lower "
    "resolution or crop it."
)
ENCRYPTED = "The zip member is encrypted. Upload the zip without a password."


def read_member(data: memoryview, entry: Entry, max_bytes: int) -> bytes:
    """The bytes of the entry's image file. ``data`` are the entry's ``span`` bytes of the blob.

    Raises:
        ItemFailure: the entry was refused when it was planned, or its bytes are damaged, encrypted or more
            than ``max_bytes``.
    """
    if entry.refused is not None:
        raise ItemFailure(entry.refused.code, entry.refused.detail)
    if entry.size > max_bytes:
        detail = TOO_LARGE.format(size=entry.size, limit=max_bytes)
        raise ItemFailure(FailureCode.MEMBER_TOO_LARGE, detail)
    content = unpack(data, entry, entry.size + 1)
    if len(content) != entry.size:
        more = "more" if len(content) > entry.size else "fewer"
        raise _damaged(f"it holds {more} bytes than the {entry.size:,} promised")
    if entry.crc is not None and zlib.crc32(content) != entry.crc:
        raise _damaged("its checksum is wrong")
    return content


def unpack(data: memoryview, entry: Entry, at_most: int) -> bytes:
    """The first bytes of the entry's file, up to ``at_most`` (1 or more), unchecked. Raises as above."""
    if entry.packing is Packing.RAW:
        return bytes(data[:at_most])
    body = behind_local_header(data, entry.packing)
    if entry.packing is Packing.STORED:
        return bytes(body[: min(at_most, entry.size)])
    inflater = zlib.decompressobj(RAW_DEFLATE)
    try:
        content = inflater.decompress(body, at_most)
    except zlib.error as error:
        raise _damaged("it cannot be unpacked") from error
    if not inflater.eof and len(content) < at_most:
        raise _damaged("its end is missing")
    return content


def behind_local_header(data: memoryview, packing: Packing) -> memoryview:
    """What follows the local header of a member with which ``data`` begin. Raises as ``read_member`` does."""
    if len(data) < LOCAL_HEADER.size:
        raise _damaged("its header is cut off")
    signature, flags, method, name_length, extra_length = LOCAL_HEADER.unpack_from(data)
    if signature != LOCAL_SIGNATURE:
        raise _damaged("its header is not where the zip's directory says")
    if flags & ENCRYPTED_FLAG:
        raise ItemFailure(FailureCode.ENCRYPTED_MEMBER, ENCRYPTED)
    if METHODS.get(method) is not packing:
        raise _damaged("its header and the zip's directory name different compressions")
    return data[LOCAL_HEADER.size + name_length + extra_length :]


def _damaged(what: str) -> ItemFailure:
    return ItemFailure(FailureCode.CORRUPT_MEMBER, DAMAGED.format(what=what))
