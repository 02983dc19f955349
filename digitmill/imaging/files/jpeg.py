"""What is to be known of a JPEG beside its pixels: why it is not read, and whether only its end is missing."""

from __future__ import annotations

import struct
from collections.abc import Iterator

START_OF_SCAN, END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
RESTARTS = range(0xD0, 0xD8)
APPLICATION_1 = 0xE1
MOST_SCANS = 200
"""Of a JPEG. Progressive ones have about ten; each goes over the whole picture, and may take but a few bytes."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC} | {0xF7}
"""Of T.81, and of JPEG-LS (T.87), which may have other segments before it."""
_SEQUENTIAL = frozenset({0xC0, 0xC1, 0xC9})
_READ_FRAMES = _SEQUENTIAL | {0xC2, 0xCA}
"""Sequential and progressive, in Huffman's or arithmetic code; others are lossless or hierarchical (T.81, B.1)."""
_ARITHMETIC = frozenset({0xC9, 0xCA})


def too_many_scans(data: bytes) -> bool:
    return data.count(START_OF_SCAN) > MOST_SCANS


def may_lack_only_its_end(data: bytes) -> bool:
    """Whether the last marker is missing from a JPEG that says all of a pixel at once.

    Of a progressive one whole scans may be missing, and nothing tells.
    """
    frame = _frame(data)
    return frame is not None and frame[0] in _SEQUENTIAL and not data.rstrip(b"\x00\r\n").endswith(END_OF_IMAGE)


def ended_anyhow(data: bytes) -> tuple[bytes, bytes]:
    """The JPEG with two ends of other bits. A picture that lacks pixels takes them from there, so the two differ.

    Where the code is written in parts, between markers of a row of eight, the end goes on with the next of these.
    """
    begun = data.rstrip(b"\xff")
    _, last = max((begun.rfind(bytes((0xFF, marker))), marker) for marker in RESTARTS)
    return begun + _tail(0, last), begun + _tail(101, last)


def _tail(start: int, last: int) -> bytes:
    bits = bytes((start + 7 * place) % 255 for place in range(512))
    following = (RESTARTS[(last - RESTARTS[0] + step) % len(RESTARTS)] for step in range(1, 1 + len(RESTARTS)))
    return bits + b"".join(bytes((0xFF, marker)) + bits for marker in following) + END_OF_IMAGE


def why_not_read(data: bytes) -> str | None:
    """What kind of JPEG this is that no decoder here reads, as in "a JPEG of …"; None where it is an ordinary one."""
    frame = _frame(data)
    if frame is None:
        return None
    marker, bits = frame
    if marker not in _READ_FRAMES:
        return "lossless or hierarchical compression"
    return f"{bits} bits a sample" if bits != 8 else None


def is_arithmetic(data: bytes) -> bool:
    """Whether it is in arithmetic code (T.81, annex D), which few programs read."""
    frame = _frame(data)
    return frame is not None and frame[0] in _ARITHMETIC


def channels(data: bytes) -> int:
    """1 of a grey one, 3 of colours, 4 of CMYK; 0 where it does not say."""
    place = _frame_place(data)
    return data[place + 9] if place is not None and place + 9 < len(data) else 0


def without_exif(data: bytes) -> bytes:
    """The JPEG without what a camera says of it, such as how it was held, which counts for nothing in a PDF."""
    out, kept = [data[:2]], 2
    for place, marker, length in _segments(data):
        if marker == APPLICATION_1:
            out.append(data[kept:place])
            kept = place + 2 + length
    return b"".join((*out, data[kept:]))


def _frame(data: bytes) -> tuple[int, int] | None:
    """Marker and bits a sample of the frame header, if there is one before the first scan."""
    place = _frame_place(data)
    return None if place is None else (data[place + 1], data[place + 4])


def _frame_place(data: bytes) -> int | None:
    return next((place for place, marker, _ in _segments(data) if marker in _FRAMES), None)


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Place, marker and length of each segment before the first scan."""
    place = 2
    while place + 5 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == START_OF_SCAN[1]:
            return
        (length,) = struct.unpack_from(">H", data, place + 2)
        yield place, marker, length
        place += 2 + length
