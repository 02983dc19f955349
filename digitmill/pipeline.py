"""One chunk: read, decode, normalise, predict, rows. Pure but for reading the upload; knows no store and no queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain import DIGITS, Entry, Failure, Guess, Options, Row, RowStatus
from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.decode import decode, out_of_memory
from digitmill.imaging.normalise import normalise
from digitmill.uploads.members import read_member
from digitmill.uploads.ranges import ranges

Read = Callable[[int, int], bytes]
"""Bytes of the upload from start to end (exclusive)."""

OnImage = Callable[[int | None], None]


class Predictor(Protocol):
    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities float32[n, 10] of the digits for uint8[n, 28, 28], light ink on dark."""


@dataclass(slots=True)
class Opened:
    """A chunk whose images were read. ``rows`` by place in the chunk answer those that the model is not asked about;
    ``pictures``, each uint8[28, 28], are of the images at ``places``."""

    entries: Sequence[Entry]
    first: int
    options: Options
    rows: dict[int, Row] = field(default_factory=dict)
    pictures: list[NDArray[np.uint8]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)


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
    opened = open_chunk(
        entries, first, read, options, max_member_bytes=max_member_bytes, max_pixels=max_pixels, on_image=on_image
    )
    return answer_opened([opened], model)[0]


def open_chunk(
    entries: Sequence[Entry],
    first: int,
    read: Read,
    options: Options,
    *,
    max_member_bytes: int,
    max_pixels: int,
    on_image: OnImage,
) -> Opened:
    """The first half of ``answer_chunk``: all that comes before the model."""
    opened = Opened(entries, first, options)
    for place, image in _open_all(entries, read, max_member_bytes, max_pixels, on_image):
        name, index = entries[place].name, first + place
        if isinstance(image, Failure):
            opened.rows[place] = Row(index, name, RowStatus.FAILED, failure=image)
            continue
        try:
            picture = normalise(image, options.polarity)
        except (MemoryError, cv2.error) as error:
            opened.rows[place] = Row(index, name, RowStatus.FAILED, failure=_out_of_memory(error))
            continue
        if picture is None:
            opened.rows[place] = Row(index, name, RowStatus.BLANK)
        else:
            opened.pictures.append(picture)
            opened.places.append(place)
    on_image(None)
    return opened


def answer_opened(chunks: Sequence[Opened], model: Predictor) -> list[list[Row]]:
    """The second half, for chunks of any jobs in one batch through ``model``: the rows of each."""
    pictures = [picture for chunk in chunks for picture in chunk.pictures]
    probabilities = model.predict(np.stack(pictures)) if pictures else np.empty((0, 10), np.float32)
    answers, start = [], 0
    for chunk in chunks:
        end = start + len(chunk.places)
        answers.append(_rows(chunk, probabilities[start:end]))
        start = end
    return answers


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
            except MemoryError as error:
                yield place, _out_of_memory(error)


def _out_of_memory(error: MemoryError | cv2.error) -> Failure:
    """The row's failure; raises what is no lack of memory."""
    if isinstance(error, cv2.error) and error.code != cv2.Error.StsNoMem:
        raise error
    failure = out_of_memory()
    return Failure(failure.failure, failure.detail)


def _rows(chunk: Opened, probabilities: NDArray[np.float32]) -> list[Row]:
    options, rows = chunk.options, dict(chunk.rows)
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, : 1 + options.alternatives]
    sure_from = 0.0 if options.review_below is None else options.review_below
    confidences = np.take_along_axis(probabilities, order, axis=1).tolist()
    for place, digits, ranked in zip(chunk.places, order.tolist(), confidences, strict=True):
        rows[place] = Row(
            chunk.first + place,
            chunk.entries[place].name,
            RowStatus.RECOGNIZED if ranked[0] >= sure_from else RowStatus.REVIEW,
            DIGITS[digits[0]],
            ranked[0],
            tuple([Guess(DIGITS[digit], value) for digit, value in zip(digits[1:], ranked[1:], strict=True)]),
        )
    return [rows[place] for place in range(len(chunk.entries))]
