"""One chunk: read, decode, normalise, predict, answers. Pure but for reading the upload; asks no store and no queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain import DIGITS, KINDS, Entry, Failure, Options, Reason, RowStatus, Rule
from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.decode import decode, out_of_memory
from digitmill.imaging.normalisers import Normaliser
from digitmill.store.rows import NO_DIGIT, NO_REASON, REASON_CODES, STATUS_CODES, Answers
from digitmill.uploads.members import read_member
from digitmill.uploads.ranges import ranges

Read = Callable[[int, int], bytes]
"""Bytes of the upload from start to end (exclusive)."""

OnImage = Callable[[int | None], None]


class Predictor(Protocol):
    @property
    def normaliser(self) -> Normaliser:
        """What made the pictures that it was trained with."""

    @property
    def classes(self) -> Sequence[str]:
        """The ten digits, then any of ``KINDS``, or ``none``, which is taken for ``other``."""

    @property
    def doubtful_cut(self) -> float:
        """What probabilities are multiplied by, 0 to 1, where the normaliser finds the cut doubtful."""

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities float32[n, classes] for uint8[n, 28, 28], light ink on dark."""

    def predict_by(self, batch: NDArray[np.uint8], rules: Sequence[Rule | None]) -> NDArray[np.float32]:
        """The same, each row by its own rule; None for the model's."""


@dataclass(slots=True)
class Opened:
    """A chunk whose images were read. ``pictures``, each uint8[28, 28], are of the images at ``places`` in the chunk,
    and ``doubtful`` says of each whether its cut is; of the others those in ``failures`` could not be read, and the
    rest are blank."""

    images: int
    options: Options
    failures: dict[int, Failure] = field(default_factory=dict)
    pictures: list[NDArray[np.uint8]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    doubtful: list[bool] = field(default_factory=list)


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

    ``options`` are resolved (``review_below`` is set). ``on_image`` is called before each image with its place in
    the chunk, from 0, and with None before the model is asked about all of them.
    """
    opened = open_chunk(
        entries,
        read,
        options,
        model.normaliser,
        max_member_bytes=max_member_bytes,
        max_pixels=max_pixels,
        on_image=on_image,
    )
    return answer_opened([opened], model)[0]


def open_chunk(
    entries: Sequence[Entry],
    read: Read,
    options: Options,
    normaliser: Normaliser,
    *,
    max_member_bytes: int,
    max_pixels: int,
    on_image: OnImage,
) -> Opened:
    """The first half of ``answer_chunk``: all that comes before the model, for one of this ``normaliser``."""
    opened = Opened(len(entries), options)
    for place, image in _open_all(entries, read, max_member_bytes, max_pixels, on_image):
        if isinstance(image, Failure):
            opened.failures[place] = image
            continue
        try:
            picture, doubtful = normaliser(image, options.polarity)
        except (MemoryError, cv2.error) as error:
            opened.failures[place] = _out_of_memory(error)
            continue
        if picture is not None:
            opened.pictures.append(picture)
            opened.places.append(place)
            opened.doubtful.append(doubtful)
    on_image(None)
    return opened


def answer_opened(chunks: Sequence[Opened], model: Predictor) -> list[Answers]:
    """The second half, for chunks of any jobs in one batch through ``model``: the answers to each."""
    probabilities = _predicted(chunks, model)
    answers, start = [], 0
    for chunk in chunks:
        end = start + len(chunk.places)
        answers.append(_answers(chunk, probabilities[start:end], model.classes, model.doubtful_cut))
        start = end
    return answers


def _predicted(chunks: Sequence[Opened], model: Predictor) -> NDArray[np.float32]:
    pictures = [picture for chunk in chunks for picture in chunk.pictures]
    if not pictures:
        return np.empty((0, len(model.classes)), np.float32)
    rules = [chunk.options.rule for chunk in chunks for _ in chunk.pictures]
    if any(rules):
        return model.predict_by(np.stack(pictures), rules)
    return model.predict(np.stack(pictures))


def all_failed(entries: Sequence[Entry], detail: str) -> Answers:
    """The answers to a chunk that could not be worked on at all."""
    failure = Failure(FailureCode.PROCESSING_FAILED, detail)
    opened = Opened(len(entries), Options())
    opened.failures.update((place, entry.refused or failure) for place, entry in enumerate(entries))
    return _answers(opened, np.empty((0, len(DIGITS)), np.float32), DIGITS, doubtful_cut=1.0)


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


def _answers(chunk: Opened, probabilities: NDArray[np.float32], classes: Sequence[str], doubtful_cut: float) -> Answers:
    """``probabilities`` [pictures, classes] of the chunk's pictures."""
    options, guesses = chunk.options, 1 + chunk.options.alternatives
    statuses = np.full(chunk.images, STATUS_CODES[RowStatus.BLANK], np.uint8)
    reasons = np.full(chunk.images, NO_REASON, np.uint8)
    digits = np.full((chunk.images, guesses), NO_DIGIT, np.uint8)
    confidences = np.zeros((chunk.images, guesses), np.float32)
    order = np.argsort(-probabilities[:, : len(DIGITS)], axis=1, kind="stable")[:, :guesses]
    doubtful = np.array(chunk.doubtful, np.bool_)
    worth = np.where(doubtful, doubtful_cut, 1.0).astype(np.float32)
    ranked = np.take_along_axis(probabilities, order, axis=1) * worth[:, None]
    found = _reasons(probabilities, classes, doubtful)
    likeliest = probabilities.max(axis=1) * worth
    sure_from = 0.0 if options.review_below is None else options.review_below
    # as float64, or the threshold would be rounded to float32 before it is compared
    sure = ranked[:, 0].astype(np.float64) >= sure_from
    inked = (found != REASON_CODES[Reason.BLANK]) | (likeliest.astype(np.float64) < sure_from)
    places = np.array(chunk.places, np.intp)
    digits[places[inked]], confidences[places[inked]] = order[inked], ranked[inked]
    statuses[places[inked & sure]] = STATUS_CODES[RowStatus.RECOGNIZED]
    statuses[places[inked & ~sure]] = STATUS_CODES[RowStatus.REVIEW]
    reasons[places[inked & ~sure]] = found[inked & ~sure]
    statuses[list(chunk.failures)] = STATUS_CODES[RowStatus.FAILED]
    return Answers(statuses, digits, confidences, chunk.failures, reasons)


def _reasons(
    probabilities: NDArray[np.float32], classes: Sequence[str], doubtful: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """For each picture the code of the reason that its row has if it is to review."""
    kinds = [Reason(name) if name in KINDS else Reason.OTHER for name in classes[len(DIGITS) :]]
    codes = np.array([REASON_CODES[reason] for reason in (*[Reason.UNSURE] * len(DIGITS), *kinds)], np.uint8)
    found = codes[probabilities.argmax(axis=1)]
    cut_off = doubtful & (found == REASON_CODES[Reason.UNSURE])
    return np.where(cut_off, np.uint8(REASON_CODES[Reason.CUT_OFF]), found)
