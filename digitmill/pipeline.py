"""One chunk: read, decode, normalise, predict, rows. Pure but for reading the upload; knows no store and no queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from digitmill.domain import Entry, Failure, Guess, Options, Row, RowStatus
from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.decode import decode
from digitmill.imaging.normalise import normalise
from digitmill.uploads.members import read_member
from digitmill.uploads.ranges import ranges

Read = Callable[[int, int], bytes]
"""Bytes of the upload from start to end (exclusive)."""

OnImage = Callable[[int | None], None]


class Predictor(Protocol):
    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities float32[n, 10] of the digits for uint8[n, 28, 28], light ink on dark."""


def answer_chunk(
    entries: Sequence[Entry],
    first: int,
    read: Read,
    model: Predictor,
    options: Options,
    *,
    max_member_bytes: int,
    max_pixels: int,
    on_image: OnImage = lambda _: None,
) -> list[Row]:
    """One row for each entry, in order, numbered from ``first``. An image that cannot be read fails alone.

    ``options`` are resolved (``review_below`` is set). ``on_image`` is called before each image with its place in
    the chunk, from 0, and with None before the model is asked about all of them.
    """
    rows: dict[int, Row] = {}
    pictures: list[NDArray[np.uint8]] = []
    pictured: list[int] = []
    for place, opened in _open_all(entries, read, max_member_bytes, max_pixels, on_image):
        entry = entries[place]
        index = first + place
        if isinstance(opened, Failure):
            rows[place] = Row(index, entry.name, RowStatus.FAILED, failure=opened)
        else:
            picture = normalise(opened, options.polarity)
            if picture is None:
                rows[place] = Row(index, entry.name, RowStatus.BLANK)
            else:
                pictures.append(picture)
                pictured.append(place)
    on_image(None)
    if pictures:
        for place, probabilities in zip(pictured, model.predict(np.stack(pictures)), strict=True):
            rows[place] = _digit_row(first + place, entries[place].name, probabilities, options)
    return [rows[place] for place in range(len(entries))]


def failed_rows(entries: Sequence[Entry], first: int, detail: str) -> list[Row]:
    """Rows for a chunk that could not be worked on at all."""
    failure = Failure(FailureCode.PROCESSING_FAILED, detail)
    return [
        Row(first + place, entry.name, RowStatus.FAILED, failure=entry.refused or failure)
        for place, entry in enumerate(entries)
    ]


def _open_all(
    entries: Sequence[Entry], read: Read, max_member_bytes: int, max_pixels: int, on_image: OnImage
) -> Iterator[tuple[int, NDArray[np.uint8] | Failure]]:
    for place, entry in enumerate(entries):
        if entry.refused is not None:
            yield place, entry.refused
    for span in ranges(entries):
        data = memoryview(read(span.start, span.end))
        unpacked_at, member = -1, b""
        for place in span.positions:
            on_image(place)
            entry = entries[place]
            start = entry.offset - span.start
            try:
                # the pages of one file are neighbours: it is unpacked once for all of them
                if entry.offset != unpacked_at:
                    unpacked_at, member = -1, read_member(data[start : start + entry.span], entry, max_member_bytes)
                    unpacked_at = entry.offset
                yield place, decode(member, page=entry.page, pages=entry.pages, max_pixels=max_pixels)
            except ItemFailure as failure:
                yield place, Failure(failure.failure, failure.detail)


def _digit_row(index: int, name: str, probabilities: NDArray[np.float32], options: Options) -> Row:
    order = np.argsort(-probabilities, kind="stable")
    guesses = [Guess(str(digit), float(probabilities[digit])) for digit in order[: 1 + options.alternatives].tolist()]
    best = guesses[0]
    sure = options.review_below is None or best.confidence >= options.review_below
    return Row(
        index=index,
        name=name,
        status=RowStatus.RECOGNIZED if sure else RowStatus.REVIEW,
        prediction=best.prediction,
        confidence=best.confidence,
        alternatives=tuple(guesses[1:]),
    )
