"""The IDX format, in which MNIST and its descendants are published (http://yann.lecun.com/exdb/mnist/).

Two bytes of 0, a byte for the type of the numbers, a byte for the count of dimensions, each dimension as a
big-endian 32-bit integer, then the numbers, the last dimension fastest. Files are often gzipped.
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from digitmill.errors import TrainingError

GZIP_SIGNATURE = b"\x1f\x8b"
MOST_DEFLATED = 1032
"""Bytes that one byte of deflate can stand for, at most."""
MOST_DIMENSIONS = 3
UNSIGNED_BYTE = 0x08
TYPES = {
    UNSIGNED_BYTE: "uint8",
    0x09: "int8",
    0x0B: "int16",
    0x0C: "int32",
    0x0D: "float32",
    0x0E: "float64",
}


def parse_idx(data: bytes, name: str) -> NDArray[np.uint8]:
    """The array in ``data``, the content of the file ``name``, gzipped or not.

    Raises:
        TrainingError: it is no IDX file of bytes, or it is shorter or longer than its head says.
    """
    stream = gzip.GzipFile(fileobj=io.BytesIO(data)) if data.startswith(GZIP_SIGNATURE) else io.BytesIO(data)
    try:
        shape = _shape(stream.read(4), stream, name)
        length = math.prod(shape)
        if length > MOST_DEFLATED * len(data):
            raise TrainingError(f"{name} promises {length:,} numbers, more than it can hold. Download it again.")
        # one byte more than promised tells a longer file, without unpacking all of it
        content = stream.read(length + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise TrainingError(f"{name} is gzipped and damaged: {error}. Download it again.") from error
    if len(content) != length:
        held = "more" if len(content) > length else f"{len(content):,}"
        raise TrainingError(f"{name} promises {length:,} numbers and holds {held}. Download it again.")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _shape(magic: bytes, stream: io.BytesIO | gzip.GzipFile, name: str) -> tuple[int, ...]:
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES:
        raise TrainingError(f"{name} is no IDX file: it begins with {magic.hex() or 'nothing'}. Name another file.")
    if magic[2] != UNSIGNED_BYTE:
        raise TrainingError(f"{name} holds {TYPES[magic[2]]}; only unsigned bytes are read. Convert it first.")
    if not 1 <= magic[3] <= MOST_DIMENSIONS:
        raise TrainingError(f"{name} has {magic[3]} dimensions; images have 3 and labels 1. Name another file.")
    head = stream.read(4 * magic[3])
    if len(head) < 4 * magic[3]:
        raise TrainingError(f"{name} breaks off within its head. Download it again.")
    return struct.unpack(f">{magic[3]}I", head)
