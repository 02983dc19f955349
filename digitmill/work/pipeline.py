"""One chunk: read, decode, open, predict, close. Pure but for reading the upload; asks no store and no queue.

It knows readers, and nothing of what they read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.columns import Columns
from digitmill.domain.jobs import Options, Rule
from digitmill.domain.planned import Entry
from digitmill.domain.rows import Failure, RowStatus
from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files.decode import decode, out_of_memory
from digitmill.readers import reader_of
from digitmill.readers.base import Asked, Opened, Outputs, Reader
from digitmill.store.rows import Answers
from digitmill.uploads.members import read_member
from digitmill.uploads.ranges import ranges

Read = Callable[[int, int], bytes]
"""Bytes of the upload from start to end (exclusive)."""

LOOK_EVERY = 16
"""Of so many images one is looked at: it costs as much as to read a small one."""
BLOCK_IMAGES, BLOCK_PIXELS = 16, 1 << 20
"""So many images are decoded before they are opened; fewer, where they have so many pixels together."""
OPENING = ("read", "decode", "normalise")
"""The stages of opening a chunk."""
OnImage = Callable[[int | None], None]


class Decode(Protocol):
    """As ``imaging.decode.decode``."""

    def __call__(self, data: bytes, *, page: int, pages: int, max_pixels: int) -> NDArray[np.uint8]: ...


class Predictor(Asked, Protocol):
    def predict_by(self, batch: NDArray[np.uint8], rules: Sequence[Rule | None]) -> NDArray[np.float32]:
        """The same, each row by its own rule; None for the model's."""


@dataclass(slots=True)
class OpenedChunk:
    """A chunk of so many ``images``. Those at ``places``, ascending, were ``opened`` by ``reader``, or by that of the
    options where it needs no preparing; all others are in ``failures``. ``looks`` are what was seen of some;
    ``seconds`` how long each stage took."""

    images: int
    options: Options
    places: list[int] = field(default_factory=list)
    opened: list[Opened] = field(default_factory=list)
    failures: dict[int, Failure] = field(default_factory=dict)
    reader: Reader[Any] | None = None
    looks: list[tuple[float, int]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(OPENING, 0.0))

    @property
    def pictures(self) -> list[NDArray[np.uint8]]:
        return [picture for image in self.opened for picture in image.pictures]


def answer_chunk(
    entries: Sequence[Entry],
    read: Read,
    model: Predictor,
    options: Options,
    *,
    max_member_bytes: int,
    max_pixels: int,
    on_image: OnImage = lambda _: None,
) -> Answers:
    """One answer for each entry, in order. An image that cannot be read fails alone.

    ``options`` are resolved (``review_below`` is set). ``on_image`` is called with the place of an image, from 0,
    before it is decoded and before it is opened, and with None before the model is asked about all of them.
    """
    opened = open_chunk(
        entries,
        read,
        options,
        model,
        max_member_bytes=max_member_bytes,
        max_pixels=max_pixels,
        on_image=on_image,
    )
    return answer_opened([opened], model)[0]


def open_chunk(
    entries: Sequence[Entry],
    read: Read,
    options: Options,
    model: Outputs,
    *,
    max_member_bytes: int,
    max_pixels: int,
    on_image: OnImage,
    decode: Decode = decode,
    reader: Reader[Any] | None = None,
    look: Callable[[NDArray[np.uint8]], tuple[float, int]] | None = None,
) -> OpenedChunk:
    """The first half of ``answer_chunk``: all that comes before this model is asked. ``reader`` is that of the options,
    where it had to be prepared for the job; ``look`` is given some of the images as decoded."""
    reader = reader or reader_of(options.read)
    chunk = OpenedChunk(len(entries), options, reader=reader)
    decoded = _decode_all(entries, read, decode, max_member_bytes, max_pixels, on_image, chunk.seconds)
    for some in _in_blocks(decoded):
        began = perf_counter()
        for place, image in some:
            if isinstance(image, Failure):
                chunk.failures[place] = image
                continue
            on_image(place)
            if look is not None and place % LOOK_EVERY == 0:
                chunk.looks.append(look(image))
            try:
                chunk.opened.append(reader.open(image, options, model))
                chunk.places.append(place)
            except ItemFailure as failure:
                chunk.failures[place] = Failure(failure.failure, failure.detail)
            except (MemoryError, cv2.error) as error:
                chunk.failures[place] = _out_of_memory(error)
        chunk.seconds["normalise"] += perf_counter() - began
    _put_in_order(chunk)
    on_image(None)
    return chunk


def _put_in_order(chunk: OpenedChunk) -> None:
    """The images were opened as they lie in the upload: an archive in an archive is unpacked behind it, and the
    directory of a zip may have an order of its own."""
    order = sorted(range(len(chunk.places)), key=chunk.places.__getitem__)
    chunk.places = [chunk.places[each] for each in order]
    chunk.opened = [chunk.opened[each] for each in order]


def answer_opened(chunks: Sequence[OpenedChunk], model: Predictor) -> list[Answers]:
    """The second half, for chunks of any jobs in one batch through ``model``: the answers to each."""
    pictures = [chunk.pictures for chunk in chunks]
    probabilities = _predicted(chunks, pictures, model)
    answers, start = [], 0
    for chunk, own in zip(chunks, pictures, strict=True):
        end = start + len(own)
        reader = chunk.reader or reader_of(chunk.options.read)
        values = reader.close(chunk.opened, probabilities[start:end], chunk.options, model)
        answers.append(Answers(values.among(chunk.images, chunk.places), chunk.failures))
        start = end
    return answers


def _predicted(
    chunks: Sequence[OpenedChunk], pictures: Sequence[Sequence[NDArray[np.uint8]]], model: Predictor
) -> NDArray[np.float32]:
    every = [picture for own in pictures for picture in own]
    if not every:
        return np.empty((0, len(model.classes)), np.float32)
    rules = [chunk.options.rule for chunk, own in zip(chunks, pictures, strict=True) for _ in own]
    if any(rules):
        return model.predict_by(np.stack(every), rules)
    return model.predict(np.stack(every))


def all_failed(entries: Sequence[Entry], detail: str) -> Answers:
    """The answers to a chunk that could not be worked on at all."""
    failure = Failure(FailureCode.PROCESSING_FAILED, detail)
    values = Columns.empty(len(entries), 1, (), RowStatus.FAILED)
    return Answers(values, {place: entry.refused or failure for place, entry in enumerate(entries)})


def _in_blocks(
    decoded: Iterator[tuple[int, NDArray[np.uint8] | Failure]],
) -> Iterator[list[tuple[int, NDArray[np.uint8] | Failure]]]:
    """A few at a time: to decode an image and open it in turns takes up to a quarter longer, as the processor's caches
    hold the code of one or the other."""
    some, pixels = [], 0
    for place, image in decoded:
        some.append((place, image))
        pixels += 0 if isinstance(image, Failure) else image.size
        if len(some) == BLOCK_IMAGES or pixels >= BLOCK_PIXELS:
            yield some
            some, pixels = [], 0
    if some:
        yield some


def _decode_all(
    entries: Sequence[Entry],
    read: Read,
    decode: Decode,
    max_member_bytes: int,
    max_pixels: int,
    on_image: OnImage,
    seconds: dict[str, float],
) -> Iterator[tuple[int, NDArray[np.uint8] | Failure]]:
    for place, entry in enumerate(entries):
        if entry.refused is not None:
            yield place, entry.refused
    for span in ranges(entries):
        began = perf_counter()
        data = memoryview(read(span.start, span.end))
        seconds["read"] += perf_counter() - began
        unpacked_at, member = -1, b""
        for place in span.positions:
            on_image(place)
            entry = entries[place]
            image: NDArray[np.uint8] | Failure
            start = entry.offset - span.start
            began = perf_counter()
            try:
                # the pages of one file are neighbours: it is unpacked once for all of them
                if entry.offset != unpacked_at:
                    unpacked_at, member = -1, read_member(data[start : start + entry.span], entry, max_member_bytes)
                    unpacked_at = entry.offset
                image = decode(member, page=entry.page, pages=entry.pages, max_pixels=max_pixels)
            except ItemFailure as failure:
                image = Failure(failure.failure, failure.detail)
            except MemoryError as error:
                image = _out_of_memory(error)
            seconds["decode"] += perf_counter() - began
            yield place, image


def _out_of_memory(error: MemoryError | cv2.error) -> Failure:
    """The row's failure; raises what is no lack of memory."""
    if isinstance(error, cv2.error) and error.code != cv2.Error.StsNoMem:
        raise error
    failure = out_of_memory()
    return Failure(failure.failure, failure.detail)
