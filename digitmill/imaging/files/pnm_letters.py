"""PGM, PPM and PBM whose samples are written out in letters (Netpbm, pgm(5): "plain"), turned to those of bytes.

Pillow reads them letter by letter: a page of A4 took half a minute.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from digitmill.errors import FailureCode, ItemFailure

# a comment ends with its line
_GAP = rb"(?:\s|#[^\r\n]*[\r\n])+"
_SIDES = rb"%s(\d{1,9})%s(\d{1,9})" % (_GAP, _GAP)
_HEAD = re.compile(rb"P(?:1%s|[23]%s%s(\d{1,5}))(?=[\s#]|\Z)" % (_SIDES, _SIDES, _GAP))
_COMMENT = re.compile(rb"#[^\r\n]*")
_NUMBERS = re.compile(rb"[0-9\s]*")
_NO_SAMPLE = re.compile(rb"[0-9]{10}")
"""Longer than any sample, and than what numpy reads as the number that it is."""
_SPACE = b" \t\n\v\f\r"
HIGHEST = 65535
DAMAGED = "This PGM, PPM or PBM file breaks off or is damaged. Copy, scan or export it again."


def in_bytes(data: bytes, max_pixels: int) -> bytes:
    """The first picture of ``data`` with its samples in bytes: P4 of P1, P5 of P2, P6 of P3. Anything else, or of more
    than ``max_pixels``, comes back as it is.

    Raises:
        ItemFailure: truncated_image, where samples are missing, too high or no numbers.
    """
    head = _HEAD.match(data)
    if head is None:
        return data
    width, height = int(head[1] or head[3]), int(head[2] or head[4])
    if not 0 < width * height <= max_pixels:
        return data
    samples = data[head.end() :]
    if b"#" in samples:
        samples = _COMMENT.sub(b"", samples)
    if head[5] is None:
        return b"P4 %d %d\n" % (width, height) + np.packbits(_bits(samples, width, height), axis=1).tobytes()
    most = int(head[5])
    if not 0 < most <= HIGHEST:
        return data
    colours = 3 if data.startswith(b"P3") else 1
    numbers = _numbers(samples, width * height * colours, most)
    kind = np.dtype(np.uint8) if most <= 255 else np.dtype(">u2")
    return b"P%d %d %d %d\n" % (6 if colours == 3 else 5, width, height, most) + numbers.astype(kind).tobytes()


def _bits(samples: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """Between ones and zeros there may be space, or none."""
    letters = np.frombuffer(samples.translate(None, _SPACE), np.uint8)[: width * height]
    bits = letters - np.uint8(ord("0"))
    if bits.size < width * height or bits.max(initial=0) > 1:
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, DAMAGED)
    return bits.reshape(height, width)


def _numbers(samples: bytes, count: int, most: int) -> NDArray[np.int32]:
    found = _NUMBERS.match(samples)
    assert found is not None
    if _NO_SAMPLE.search(found[0]):
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, DAMAGED)
    letters = np.frombuffer(found[0], np.uint8) >= ord("0")
    # counted first: where they are too few, numpy fills up with whatever lies in its memory
    if int(np.count_nonzero(letters[1:] & ~letters[:-1])) + int(letters[:1].any()) < count:
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, DAMAGED)
    numbers = np.fromstring(found[0], np.int32, count, sep=" ")
    if int(numbers.min()) < 0 or int(numbers.max()) > most:
        raise ItemFailure(FailureCode.TRUNCATED_IMAGE, DAMAGED)
    return numbers
