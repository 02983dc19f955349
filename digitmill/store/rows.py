"""The rows of one chunk as bytes: what lies in the store for every finished image.

Version 1, little-endian: ``version u8, images u16, guesses u8``, then by columns ``status u8[images]``,
``digit u8[images, guesses]``, ``confidence f4[images, guesses]``, then the failures as JSON
``{offset: [code, detail]}``; all behind the version byte is deflated. Names are not repeated: the plan has them.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from digitmill.domain import DIGITS, Counts, Failure, Guess, Row, RowStatus
from digitmill.errors import FailureCode
from digitmill.store.reviews import Doubt

VERSION = 1
_HEAD = struct.Struct("<HB")
_STATUSES = (RowStatus.RECOGNIZED, RowStatus.REVIEW, RowStatus.BLANK, RowStatus.FAILED)
_STATUS_CODES = {status: code for code, status in enumerate(_STATUSES)}
_NO_DIGIT = 255


def pack_rows(rows: Sequence[Row]) -> bytes:
    """Pack the rows of one chunk, at most 65,535, in order. Predictions are "0" to "9" or None."""
    guesses = max((1 + len(row.alternatives) for row in rows), default=1)
    status = np.array([_STATUS_CODES[row.status] for row in rows], np.uint8)
    digit = np.full((len(rows), guesses), _NO_DIGIT, np.uint8)
    confidence = np.zeros((len(rows), guesses), "<f4")
    failures: dict[int, list[str]] = {}
    for offset, row in enumerate(rows):
        if row.prediction is not None and row.confidence is not None:
            digit[offset, 0], confidence[offset, 0] = int(row.prediction), row.confidence
            for rank, guess in enumerate(row.alternatives, 1):
                digit[offset, rank], confidence[offset, rank] = int(guess.prediction), guess.confidence
        if row.failure is not None:
            failures[offset] = [row.failure.code.value, row.failure.detail]
    body = b"".join(
        (
            _HEAD.pack(len(rows), guesses),
            status.tobytes(),
            digit.tobytes(),
            confidence.tobytes(),
            json.dumps(failures, separators=(",", ":")).encode(),
        )
    )
    return bytes([VERSION]) + zlib.compress(body, 1)


def unpack_rows(
    packed: bytes, first: int, names: Sequence[str], places: Sequence[int] | None = None, *, alternatives: bool = True
) -> list[Row]:
    """The rows again, numbered from ``first`` and named by ``names``, one for each image of the chunk.

    With ``places``, counted from 0 within the chunk, only those rows, which takes a fraction of the time; without
    ``alternatives`` rows lack theirs, which takes half.

    Raises:
        ValueError: another version, or another number of names.
    """
    body = _body(packed)
    images, guesses = _HEAD.unpack_from(body)
    if images != len(names):
        raise ValueError(f"{images} rows for {len(names)} names")
    at = _HEAD.size
    statuses = body[at : at + images]
    at += images
    digits = np.frombuffer(body, np.uint8, images * guesses, at).reshape(images, guesses)
    at += images * guesses
    confidences = np.frombuffer(body, "<f4", images * guesses, at).reshape(images, guesses)
    failures = json.loads(body[at + 4 * images * guesses :])
    if places is None:
        places = range(images)
    else:
        digits, confidences = digits[places], confidences[places]
    rounded = np.round(confidences.astype(np.float64), 6).tolist()
    rows = []
    for place, row_digits, row_confidences in zip(places, digits.tolist(), rounded, strict=True):
        best, failure = row_digits[0], failures.get(str(place)) if failures else None
        known = best != _NO_DIGIT
        rows.append(
            Row(
                first + place,
                names[place],
                _STATUSES[statuses[place]],
                DIGITS[best] if known else None,
                row_confidences[0] if known else None,
                _alternatives(row_digits, row_confidences) if alternatives and known else (),
                Failure(FailureCode(failure[0]), failure[1]) if failure else None,
            )
        )
    return rows


def _alternatives(digits: list[int], confidences: list[float]) -> tuple[Guess, ...]:
    return tuple(
        [
            Guess(DIGITS[digit], confidence)
            for digit, confidence in zip(digits[1:], confidences[1:], strict=True)
            if digit != _NO_DIGIT
        ]
    )


def unpack_doubts(packed: bytes, first: int) -> list[Doubt]:
    """Only the rows with the status ``review``, numbered from ``first``: a tenth of the time that all rows take.

    Raises:
        ValueError: another version.
    """
    body = _body(packed)
    images, guesses = _HEAD.unpack_from(body)
    statuses = np.frombuffer(body, np.uint8, images, _HEAD.size)
    digits = np.frombuffer(body, np.uint8, images * guesses, _HEAD.size + images)[::guesses]
    confidences = np.frombuffer(body, "<f4", images * guesses, _HEAD.size + images * (1 + guesses))[::guesses]
    places = np.flatnonzero(statuses == _STATUS_CODES[RowStatus.REVIEW])
    columns = (places + first, digits[places], np.round(confidences[places].astype(np.float64), 6))
    return [Doubt(*doubt) for doubt in zip(*(column.tolist() for column in columns), strict=True)]


def unpack_failed(packed: bytes) -> list[int]:
    """The places within the chunk, from 0, of the rows with the status ``failed``.

    Raises:
        ValueError: another version.
    """
    body = _body(packed)
    images, _ = _HEAD.unpack_from(body)
    statuses = np.frombuffer(body, np.uint8, images, _HEAD.size)
    found: list[int] = np.flatnonzero(statuses == _STATUS_CODES[RowStatus.FAILED]).tolist()
    return found


def _body(packed: bytes) -> bytes:
    if packed[0] != VERSION:
        raise ValueError(f"rows of version {packed[0]}, this code reads {VERSION}")
    return zlib.decompress(packed[1:])


def count_rows(rows: Sequence[Row]) -> Counts:
    """The counts of one chunk."""
    by_status = dict.fromkeys(RowStatus, 0)
    for row in rows:
        by_status[row.status] += 1
    return Counts(total=len(rows), **{status.value: number for status, number in by_status.items()})
