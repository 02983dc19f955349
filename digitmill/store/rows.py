"""The rows of one chunk as bytes: what lies in the store for every finished image.

Version 3, little-endian: ``version u8``, then deflated ``images u16, values u32, guesses u8, texts u32, named u8``;
the texts as ``length u16[texts]`` in bytes and one blob in UTF-8; where fields are ``named`` also ``size u16[images]``
and ``place u16[values]``; then by columns ``status u8[values]``, ``reason u8[values]``, ``code u8[values, guesses]``
(u16 from 256 texts on, u32 from 65,536), ``confidence f4[values, guesses]``; last a JSON object of what few rows have:
``failures`` {image: [code, detail]}, ``parts`` {value: [[box, [[text, confidence], …]], …]}, ``fields``, the names
of fields, ``pages`` {image: [template, method, score, corners, {field: corners}, checks]}, and ``sketches`` {image:
[digest, sketch in base64]}. Names of images are not repeated: the plan has them.

Versions 1 and 2, which are still read, hold one digit an image: ``images u16, guesses u8``, the columns ``status``,
``reason`` (not in version 1), ``digit u8[images, guesses]`` (255: none) and ``confidence``, and the failures as JSON.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.columns import NO_REASON, REASONS, STATUS_CODES, STATUSES, Columns, Fields, code_type
from digitmill.domain.form_page import Corners, FormPage
from digitmill.domain.jobs import Counts
from digitmill.domain.rows import DIGITS, PLAIN, Address, Failure, Guess, Part, Reason, Row, RowStatus, Value
from digitmill.errors import FailureCode
from digitmill.store.reviews import Doubt

VERSION = 3
PAGE_PARTS = 6
"""Of a page, which rows of an earlier release had too: processes of that take no more."""
_HEAD = struct.Struct("<HIBIB")
_OLD_HEAD = struct.Struct("<HB")
_REASONS: list[Reason | None] = [*REASONS, *[None] * (NO_REASON + 1 - len(REASONS))]
_REASON_TEXTS = [reason and reason.value for reason in _REASONS]
_STATUS_TEXTS = [status.value for status in STATUSES]

Places = Sequence[int] | NDArray[np.intp] | None
"""Within the chunk, from 0; None for all."""

Line = tuple[int, str, str, str | None, float | None, str | None, str | None]
"""Index, name, status, prediction, confidence, the code of a failure and the reason of a review."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a worker says of the images of one chunk, at most 65,535.

    Attributes:
        values: what was read, by columns.
        failures: those of the images that failed, by their place in the chunk, from 0. Where images have fields, one
            that failed has no values.
    """

    values: Columns
    failures: Mapping[int, Failure]

    @property
    def images(self) -> int:
        return len(self.values.statuses if self.values.fields is None else self.values.fields.sizes)

    @property
    def statuses(self) -> NDArray[np.uint8]:
        """uint8 [images], each a place in ``STATUSES``. An image of which a field is to review, or failed, is to
        review; one whose fields are all blank is blank."""
        fields = self.values.fields
        if fields is None:
            return self.values.statuses
        owners = np.repeat(np.arange(len(fields.sizes)), fields.sizes)
        found = np.full(len(fields.sizes), STATUS_CODES[RowStatus.BLANK], np.uint8)
        for status in (RowStatus.RECOGNIZED, RowStatus.FAILED, RowStatus.REVIEW):
            shown = RowStatus.RECOGNIZED if status is RowStatus.RECOGNIZED else RowStatus.REVIEW
            found[owners[self.values.statuses == STATUS_CODES[status]]] = STATUS_CODES[shown]
        found[list(self.failures)] = STATUS_CODES[RowStatus.FAILED]
        return found

    @property
    def counts(self) -> Counts:
        numbers = np.bincount(self.statuses, minlength=len(STATUSES)).tolist()
        return Counts(total=self.images, statuses=Counter(dict(zip(_STATUS_TEXTS, numbers, strict=True))))

    def packed(self) -> bytes:
        values, fields = self.values, self.values.fields
        texts = [text.encode() for text in values.texts]
        few = {
            "failures": {place: [failure.code.value, failure.detail] for place, failure in self.failures.items()},
            "parts": {place: _packed_parts(parts) for place, parts in values.parts.items()},
            "fields": [] if fields is None else list(fields.names),
            "pages": {place: page[:PAGE_PARTS] for place, page in values.pages.items()},
            "sketches": {
                place: [page.digest, b64encode(page.sketch).decode()]
                for place, page in values.pages.items()
                if page.digest
            },
        }
        body = b"".join(
            (
                _HEAD.pack(self.images, *values.codes.shape, len(texts), fields is not None),
                np.array([len(text) for text in texts], "<u2").tobytes(),
                *texts,
                b"" if fields is None else fields.sizes.astype("<u2", copy=False).tobytes(),
                b"" if fields is None else fields.places.astype("<u2", copy=False).tobytes(),
                values.statuses.tobytes(),
                values.reasons.tobytes(),
                values.codes.astype(_packed_codes(len(texts)), copy=False).tobytes(),
                values.confidences.astype("<f4", copy=False).tobytes(),
                json.dumps({what: some for what, some in few.items() if some}, separators=(",", ":")).encode(),
            )
        )
        return bytes([VERSION]) + zlib.compress(body, 1)

    @classmethod
    def unpacked(cls, packed: bytes) -> Answers:
        """Raises ValueError for another version."""
        version = packed[0]
        if not 1 <= version <= VERSION:
            raise ValueError(f"rows of version {version}, this code reads 1 to {VERSION}")
        body = _Body(zlib.decompress(packed[1:]))
        return _answers(body) if version == VERSION else _digits(body, reasons=version > 1)

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
        at = range(self.images) if places is None else places
        indices, shown = [first + place for place in at], [names[place] for place in at]
        failures = map(self.failures.get, at)
        if self.values.fields is not None:
            codes = self.statuses[list(at)].tolist()
            fields = self._named_values(alternatives=alternatives)
            return [
                Row(
                    index,
                    name,
                    STATUSES[code],
                    failure=failure,
                    fields=fields[place],
                    page=self.values.pages.get(place),
                )
                for place, index, name, code, failure in zip(at, indices, shown, codes, failures, strict=True)
            ]
        texts, statuses, confidences, others, reasons, parts = self._lists(places, alternatives=alternatives)
        return list(
            map(Row, indices, shown, statuses, texts, confidences, others, failures, repeat(None), reasons, parts)
        )

    def lines(self, first: int, names: Sequence[str]) -> list[Line]:
        """Of every row what a table has of it, numbered and named as by ``rows``, in a tenth of the time.

        Raises:
            ValueError: another number of names.
        """
        self._require_as_many(names)
        nothing: list[Any] = [None] * len(names)
        texts, confidences, reasons = nothing, nothing, nothing
        if self.values.fields is None:
            texts, confidences = self._texts(), self._confidences()
            reasons = [_REASON_TEXTS[reason] for reason in self.values.reasons.tolist()]
        codes: list[str | None] = [None] * len(names)
        for place, failure in self.failures.items():
            codes[place] = failure.code.value
        statuses = map(_STATUS_TEXTS.__getitem__, self.statuses.tolist())
        indices = range(first, first + len(names))
        return list(zip(indices, names, statuses, texts, confidences, codes, reasons, strict=True))

    def doubts(self, first: int, group: Callable[[Value], str], below: float | None = None) -> list[Doubt]:
        """Only the values to review, of rows numbered from ``first``, each in its ``group``: a tenth of the time that
        all rows take. ``below`` a raised threshold those that were accepted are to review too."""
        places = np.flatnonzero(self._doubted(below))
        values = map(Value, *self._lists(places, alternatives=False))
        return [
            Doubt(Address(first + image, field), group(value), value.confidence or 0.0)
            for (image, field), value in zip(self._addresses(places), values, strict=False)
        ]

    def doubted(self, below: float | None = None) -> Iterator[tuple[int, str]]:
        """Image, within the chunk from 0, and field of each value to review; ``below`` as in ``doubts``."""
        return self._addresses(np.flatnonzero(self._doubted(below)))

    def _doubted(self, below: float | None) -> NDArray[np.bool_]:
        """bool [values]: those to review."""
        found: NDArray[np.bool_] = self.values.statuses == STATUS_CODES[RowStatus.REVIEW]
        if below is None:
            return found
        accepted = self.values.statuses == STATUS_CODES[RowStatus.RECOGNIZED]
        unsure: NDArray[np.bool_] = _rounded(self.values.confidences[:, 0]) < below
        found |= accepted & unsure
        return found

    def places(self, status: RowStatus) -> NDArray[np.intp]:
        """Of the images with this status, within the chunk, from 0."""
        return np.flatnonzero(self.statuses == STATUS_CODES[status])

    def _addresses(self, places: NDArray[np.intp]) -> Iterator[tuple[int, str]]:
        """The image within the chunk and the field of the values at these places."""
        fields = self.values.fields
        if fields is None:
            return zip(places.tolist(), repeat(PLAIN))
        owners = np.repeat(np.arange(len(fields.sizes)), fields.sizes)[places].tolist()
        return zip(owners, (fields.names[field] for field in fields.places[places].tolist()), strict=True)

    def _named_values(self, *, alternatives: bool) -> list[dict[str, Value]]:
        """The values of each image by the names of their fields."""
        found: list[dict[str, Value]] = [{} for _ in range(self.images)]
        every = np.arange(len(self.values.statuses))
        values = map(Value, *self._lists(None, alternatives=alternatives))
        for (image, field), value in zip(self._addresses(every), values, strict=True):
            found[image][field] = value
        return found

    def _lists(self, places: Places, *, alternatives: bool) -> tuple[Sequence[Any], ...]:
        """The values at these places, or all, as lists: one for each of the first columns of a Value."""
        values = self.values
        texts = self._texts(places)
        others: Sequence[tuple[Guess, ...]] = [()] * len(texts)
        if alternatives and values.codes.shape[1] > 1:
            known = [*values.texts, None]
            codes, confidences = _some(values.codes[:, 1:], places), _some(values.confidences[:, 1:], places)
            pairs = zip(codes.tolist(), _rounded(confidences).tolist(), strict=True)
            others = [_alternatives(known, *pair) for pair in pairs]
        statuses = [STATUSES[code] for code in _some(values.statuses, places).tolist()]
        reasons = [_REASONS[code] for code in _some(values.reasons, places).tolist()]
        parts: Sequence[tuple[Part, ...]] = [()] * len(texts)
        if values.parts:
            parts = [values.parts.get(place, ()) for place in (range(len(texts)) if places is None else places)]
        return texts, statuses, self._confidences(places), others, reasons, parts

    def _texts(self, places: Places = None) -> list[str | None]:
        texts = [*self.values.texts, None]
        return [texts[code] for code in _some(self.values.codes[:, 0], places).tolist()]

    def _confidences(self, places: Places = None) -> list[float | None]:
        found: list[float | None] = _rounded(_some(self.values.confidences[:, 0], places)).tolist()
        nothing = _some(self.values.codes[:, 0], places) == len(self.values.texts)
        for place in np.flatnonzero(nothing).tolist():
            found[place] = None
        return found

    def _require_as_many(self, names: Sequence[str]) -> None:
        if self.images != len(names):
            raise ValueError(f"{self.images} rows for {len(names)} names")


class _Body:
    """Takes one part after another from the unpacked bytes."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def head(self, layout: struct.Struct) -> tuple[Any, ...]:
        return layout.unpack(self.take(layout.size))

    def column(self, dtype: Any, *shape: int) -> NDArray[Any]:
        count = math.prod(shape)
        found = np.frombuffer(self._body, dtype, count, self._at).reshape(shape)
        self._at += found.nbytes
        return found

    def take(self, length: int) -> bytes:
        self._at += length
        return self._body[self._at - length : self._at]

    def json(self) -> Any:
        return json.loads(self._body[self._at :])


def _answers(body: _Body) -> Answers:
    images, values, guesses, texts, are_named = body.head(_HEAD)
    found = tuple(body.take(length).decode() for length in body.column("<u2", texts).tolist())
    sizes, places = (body.column("<u2", images), body.column("<u2", values)) if are_named else (None, None)
    statuses, reasons = body.column(np.uint8, values), body.column(np.uint8, values)
    codes = body.column(_packed_codes(texts), values, guesses)
    confidences = body.column("<f4", values, guesses)
    few = body.json()
    parts = {int(place): _parts(packed) for place, packed in few.get("parts", {}).items()}
    named = None if sizes is None or places is None else Fields(few.get("fields", ()), sizes, places)
    sketches = few.get("sketches", {})
    pages = {int(place): _page(packed, sketches.get(place)) for place, packed in few.get("pages", {}).items()}
    columns = Columns(found, codes, confidences, statuses, reasons, parts, named, pages)
    return Answers(columns, _failures(few.get("failures", {})))


def _digits(body: _Body, *, reasons: bool) -> Answers:
    """Of versions 1 and 2."""
    images, guesses = body.head(_OLD_HEAD)
    statuses = body.column(np.uint8, images)
    found = body.column(np.uint8, images) if reasons else np.full(images, NO_REASON, np.uint8)
    codes = np.minimum(body.column(np.uint8, images, guesses), np.uint8(len(DIGITS)))
    columns = Columns(tuple(DIGITS), codes, body.column("<f4", images, guesses), statuses, found)
    return Answers(columns, _failures(body.json()))


def _failures(packed: Mapping[str, Sequence[str]]) -> dict[int, Failure]:
    return {int(place): Failure(FailureCode(code), detail) for place, (code, detail) in packed.items()}


def _packed_parts(parts: Sequence[Part]) -> list[Any]:
    return [[part.box, [[guess.prediction, guess.confidence] for guess in part.guesses]] for part in parts]


def _parts(packed: Sequence[Any]) -> tuple[Part, ...]:
    return tuple(Part(tuple(box), tuple(Guess(*guess) for guess in guesses)) for box, guesses in packed)


def _page(packed: Sequence[Any], sketched: Sequence[str] | None) -> FormPage:
    template, method, score, corners, places, checks = packed
    named = {field: _corners(four) for field, four in places.items()}
    digest, sketch = sketched or ("", "")
    rules = tuple((rule, holds) for rule, holds in checks)
    return FormPage(template, method, score, _corners(corners), named, rules, digest, b64decode(sketch))


def _corners(packed: Sequence[Sequence[float]]) -> Corners:
    return tuple((x, y) for x, y in packed)


def _packed_codes(texts: int) -> str:
    return np.dtype(code_type(texts)).newbyteorder("<").str


def _some(column: NDArray[Any], places: Places) -> NDArray[Any]:
    return column if places is None else column[places]


def _rounded(confidences: NDArray[np.float32]) -> NDArray[np.float64]:
    """To six digits, as they are shown; in float64, where 0.1 is written so."""
    return confidences.astype(np.float64).round(6)


def _alternatives(texts: Sequence[str | None], codes: list[int], confidences: list[float]) -> tuple[Guess, ...]:
    return tuple(
        [
            Guess(text, confidence)
            for code, confidence in zip(codes, confidences, strict=True)
            if (text := texts[code]) is not None
        ]
    )
