"""The rows of one chunk as bytes: what lies in the store for every finished image.

Version 2, little-endian: ``version u8, images u16, guesses u8``, then by columns ``status u8[images]``,
``reason u8[images]``, ``digit u8[images, guesses]``, ``confidence f4[images, guesses]``, then the failures as JSON
``{offset: [code, detail]}``; all behind the version byte is deflated. Names are not repeated: the plan has them.
Version 1, which is still read, has no reasons.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitmill.domain import DIGITS, Counts, Failure, Guess, Reason, Row, RowStatus
from digitmill.errors import FailureCode
from digitmill.store.reviews import Doubt

VERSION = 2
WITHOUT_REASONS = 1
_HEAD = struct.Struct("<HB")
STATUSES = (RowStatus.RECOGNIZED, RowStatus.REVIEW, RowStatus.BLANK, RowStatus.FAILED)
STATUS_CODES = {status: code for code, status in enumerate(STATUSES)}
REASONS = (
    Reason.UNSURE,
    Reason.CUT_OFF,
    Reason.CROSS,
    Reason.DASH,
    Reason.STRUCK_OUT,
    Reason.SEVERAL,
    Reason.CIRCLED,
    Reason.OTHER,
    Reason.BLANK,
)
REASON_CODES = {reason: code for code, reason in enumerate(REASONS)}
NO_DIGIT = NO_REASON = 255
_REASONS: list[Reason | None] = [*REASONS, *[None] * (NO_REASON + 1 - len(REASONS))]
_REASON_TEXTS = [reason and reason.value for reason in _REASONS]
_STATUS_TEXTS = [status.value for status in STATUSES]
_PREDICTIONS: list[str | None] = [*DIGITS, *[None] * (NO_DIGIT + 1 - len(DIGITS))]
"""By the number of a digit."""

Line = tuple[int, str, str, str | None, float | None, str | None, str | None]
"""Index, name, status, prediction, confidence, the code of a failure and the reason of a review."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a worker says of the n images of one chunk, at most 65,535, by columns.

    Attributes:
        statuses: uint8 [n], each a place in ``STATUSES``.
        digits: uint8 [n, guesses], 0 to 9, the best guess first; NO_DIGIT where there is none.
        confidences: float32 [n, guesses], 0 to 1, of the same guesses.
        failures: those of the rows that failed, by their place in the chunk, from 0.
        reasons: uint8 [n], each a place in ``REASONS``; NO_REASON where the row is not to review.
    """

    statuses: NDArray[np.uint8]
    digits: NDArray[np.uint8]
    confidences: NDArray[np.float32]
    failures: Mapping[int, Failure]
    reasons: NDArray[np.uint8]

    @property
    def counts(self) -> Counts:
        numbers = np.bincount(self.statuses, minlength=len(STATUSES)).tolist()
        named = {status.value: number for status, number in zip(STATUSES, numbers, strict=True)}
        return Counts(total=len(self.statuses), **named)

    def packed(self) -> bytes:
        failures = {place: [failure.code.value, failure.detail] for place, failure in self.failures.items()}
        body = b"".join(
            (
                _HEAD.pack(*self.digits.shape),
                self.statuses.tobytes(),
                self.reasons.tobytes(),
                self.digits.tobytes(),
                self.confidences.astype("<f4", copy=False).tobytes(),
                json.dumps(failures, separators=(",", ":")).encode(),
            )
        )
        return bytes([VERSION]) + zlib.compress(body, 1)

    @classmethod
    def unpacked(cls, packed: bytes) -> Answers:
        """Raises ValueError for another version."""
        version = packed[0]
        if version not in (WITHOUT_REASONS, VERSION):
            raise ValueError(f"rows of version {version}, this code reads {WITHOUT_REASONS} and {VERSION}")
        body = zlib.decompress(packed[1:])
        images, guesses = _HEAD.unpack_from(body)
        reasons_at = digits_at = _HEAD.size + images
        if version == WITHOUT_REASONS:
            reasons = np.full(images, NO_REASON, np.uint8)
        else:
            reasons = np.frombuffer(body, np.uint8, images, reasons_at)
            digits_at += images
        confidences_at = digits_at + images * guesses
        failures = json.loads(body[confidences_at + 4 * images * guesses :])
        return cls(
            np.frombuffer(body, np.uint8, images, _HEAD.size),
            np.frombuffer(body, np.uint8, images * guesses, digits_at).reshape(images, guesses),
            np.frombuffer(body, "<f4", images * guesses, confidences_at).reshape(images, guesses),
            {int(place): Failure(FailureCode(code), detail) for place, (code, detail) in failures.items()},
            reasons,
        )

    def rows(
        self, first: int, names: Sequence[str], places: Sequence[int] | None = None, *, alternatives: bool = True
    ) -> list[Row]:
        """The same as rows, numbered from ``first`` and named by ``names``, one for each image of the chunk.

        With ``places``, counted from 0 within the chunk, only those rows, which takes a fraction of the time; without
        ``alternatives`` rows lack theirs, which takes half.

        Raises:
            ValueError: another number of names.
        """
        self._require_as_many(names)
        digits, confidences = self.digits, self.confidences
        if places is None:
            places = range(len(names))
        else:
            digits, confidences = digits[places], confidences[places]
        statuses, reasons, failures = self.statuses.tolist(), self.reasons.tolist(), self.failures
        rounded = _rounded(confidences).tolist()
        rows = []
        for place, row_digits, row_confidences in zip(places, digits.tolist(), rounded, strict=True):
            known = row_digits[0] != NO_DIGIT
            rows.append(
                Row(
                    first + place,
                    names[place],
                    STATUSES[statuses[place]],
                    DIGITS[row_digits[0]] if known else None,
                    row_confidences[0] if known else None,
                    _alternatives(row_digits, row_confidences) if alternatives and known else (),
                    failures.get(place) if failures else None,
                    None,
                    _REASONS[reasons[place]],
                )
            )
        return rows

    def lines(self, first: int, names: Sequence[str]) -> list[Line]:
        """Of every row what a table has of it, numbered and named as by ``rows``, in a tenth of the time.

        Raises:
            ValueError: another number of names.
        """
        self._require_as_many(names)
        digits = self.digits[:, 0]
        confidences: list[float | None] = _rounded(self.confidences[:, 0]).tolist()
        for place in np.flatnonzero(digits == NO_DIGIT).tolist():
            confidences[place] = None
        codes: list[str | None] = [None] * len(names)
        for place, failure in self.failures.items():
            codes[place] = failure.code.value
        statuses = map(_STATUS_TEXTS.__getitem__, self.statuses.tolist())
        predictions = map(_PREDICTIONS.__getitem__, digits.tolist())
        reasons = map(_REASON_TEXTS.__getitem__, self.reasons.tolist())
        indices = range(first, first + len(names))
        return list(zip(indices, names, statuses, predictions, confidences, codes, reasons, strict=True))

    def doubts(self, first: int) -> list[Doubt]:
        """Only those with the status ``review``, numbered from ``first``: a tenth of the time that all rows take."""
        places = self.places(RowStatus.REVIEW)
        columns = (places + first, self.digits[places, 0], _rounded(self.confidences[places, 0]))
        return [Doubt(*doubt) for doubt in zip(*(column.tolist() for column in columns), strict=True)]

    def places(self, status: RowStatus) -> NDArray[np.intp]:
        """Of the rows with this status, within the chunk, from 0."""
        return np.flatnonzero(self.statuses == STATUS_CODES[status])

    def _require_as_many(self, names: Sequence[str]) -> None:
        if len(self.statuses) != len(names):
            raise ValueError(f"{len(self.statuses)} rows for {len(names)} names")


def _rounded(confidences: NDArray[np.float32]) -> NDArray[np.float64]:
    """To six digits, as they are shown; in float64, where 0.1 is written so."""
    return confidences.astype(np.float64).round(6)


def _alternatives(digits: list[int], confidences: list[float]) -> tuple[Guess, ...]:
    return tuple(
        [
            Guess(DIGITS[digit], confidence)
            for digit, confidence in zip(digits[1:], confidences[1:], strict=True)
            if digit != NO_DIGIT
        ]
    )
