"""Values by columns: what a reader says of all images of a chunk, without an object for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.form_page import FormPage
from digitmill.domain.rows import PLAIN, Guess, Part, Reason, RowStatus, Value

STATUSES = tuple(RowStatus)
STATUS_CODES = {status: code for code, status in enumerate(STATUSES)}
REASONS = tuple(Reason)
REASON_CODES = {reason: code for code, reason in enumerate(REASONS)}
NO_REASON = 255

Codes = NDArray[np.unsignedinteger]


@dataclass(frozen=True, slots=True)
class Fields:
    """Which value is which, where images have several.

    Attributes:
        names: of the fields, each once.
        sizes: uint16 [images], how many of the values are of each image.
        places: uint16 [values], each a place in ``names``.
    """

    names: Sequence[str]
    sizes: NDArray[np.uint16]
    places: NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Columns:
    """The values of some images, in their order.

    Attributes:
        texts: the texts that were read, each once.
        codes: unsigned [values, guesses], each a place in ``texts``, the best guess first; ``len(texts)`` where there
            is none.
        confidences: float32 [values, guesses], 0 to 1, of the same guesses.
        statuses: uint8 [values], each a place in ``STATUSES``.
        reasons: uint8 [values], each a place in ``REASONS``; NO_REASON where the value is not to review.
        parts: the characters of values, by the place of the value, for those that have any.
        fields: None where each image has one value, of the field PLAIN.
        pages: of form pages, by the place of the image.
    """

    texts: Sequence[str]
    codes: Codes
    confidences: NDArray[np.float32]
    statuses: NDArray[np.uint8]
    reasons: NDArray[np.uint8]
    parts: Mapping[int, tuple[Part, ...]] = field(default_factory=dict)
    fields: Fields | None = None
    pages: Mapping[int, FormPage] = field(default_factory=dict)

    @classmethod
    def empty(cls, values: int, guesses: int, texts: Sequence[str], status: RowStatus) -> Columns:
        """So many values without a text, all of this status."""
        return cls(
            texts,
            np.full((values, guesses), len(texts), code_type(len(texts))),
            np.zeros((values, guesses), np.float32),
            np.full(values, STATUS_CODES[status], np.uint8),
            np.full(values, NO_REASON, np.uint8),
        )

    @classmethod
    def of(cls, images: Sequence[Mapping[str, Value]], pages: Mapping[int, FormPage] | None = None) -> Columns:
        """The columns of values that are objects, by the names of their fields: for readers that take long for each
        value anyway. An image has at most 65,535 of them. ``pages`` are those of forms, which have fields though there
        are none of them here."""
        values = [value for image in images for value in image.values()]
        guesses = [_guesses(value) for value in values]
        codes = {
            text: code for code, text in enumerate(dict.fromkeys(each.prediction for row in guesses for each in row))
        }
        found = cls.empty(len(values), max(map(len, guesses), default=1) or 1, tuple(codes), RowStatus.BLANK)
        for place, (value, row) in enumerate(zip(values, guesses, strict=True)):
            found.codes[place, : len(row)] = [codes[each.prediction] for each in row]
            found.confidences[place, : len(row)] = [each.confidence for each in row]
            found.statuses[place] = STATUS_CODES[value.status]
            found.reasons[place] = NO_REASON if value.reason is None else REASON_CODES[value.reason]
        parts = {place: value.parts for place, value in enumerate(values) if value.parts}
        named = pages is not None or not all(tuple(image) == (PLAIN,) for image in images)
        return replace(found, parts=parts, fields=_fields(images) if named else None, pages=pages or {})

    def among(self, images: int, places: Sequence[int]) -> Columns:
        """The same values as those of the images at ``places``, ascending, of a chunk of so many; the others failed."""
        if len(places) == images:
            return self
        if self.fields is not None:
            sizes = np.zeros(images, np.uint16)
            sizes[list(places)] = self.fields.sizes
            pages = {places[place]: page for place, page in self.pages.items()}
            return replace(self, fields=replace(self.fields, sizes=sizes), pages=pages)
        at = np.array(places, np.intp)
        found = Columns.empty(images, self.codes.shape[1], self.texts, RowStatus.FAILED)
        found.codes[at], found.confidences[at] = self.codes, self.confidences
        found.statuses[at], found.reasons[at] = self.statuses, self.reasons
        return replace(found, parts={places[place]: parts for place, parts in self.parts.items()})


def code_type(texts: int) -> type[np.unsignedinteger]:
    """The least type that holds a code of so many texts, and the one for no text."""
    return np.uint8 if texts < 2**8 else np.uint16 if texts < 2**16 else np.uint32


def _guesses(value: Value) -> tuple[Guess, ...]:
    return () if value.text is None else (Guess(value.text, value.confidence or 0.0), *value.alternatives)


def _fields(images: Sequence[Mapping[str, Value]]) -> Fields:
    names = {name: place for place, name in enumerate(dict.fromkeys(name for image in images for name in image))}
    places = [names[name] for image in images for name in image]
    return Fields(tuple(names), np.array([len(image) for image in images], np.uint16), np.array(places, np.uint16))
