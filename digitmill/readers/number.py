"""The reader of strips that show a number of 1 to 32 digits each, touching or not, with or without boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.columns import Columns
from digitmill.domain.jobs import Options
from digitmill.domain.rows import DIGITS, NUMBER, PLAIN, Guess, Part, Reason, RowStatus, Value
from digitmill.imaging.normaliser.normalise import in_mnist_form
from digitmill.imaging.normaliser.overlooked import overlooked_ink
from digitmill.readers.base import Opened, Outputs, Reader
from digitmill.strips.certainty import evidence_of
from digitmill.strips.ink import StripInk, strip_ink
from digitmill.strips.lattice import (
    DASH,
    UNREAD,
    Lattice,
    Numbers,
    Reading,
    Weighing,
    features,
    lattice_of,
    read,
    read_as,
    scores,
)
from digitmill.strips.one_number import doubt_of
from digitmill.strips.segments import segments_of
from digitmill.strips.sequence import begins_with_mark, best_text, log_likelihoods, sequence_picture

LONGEST = 32
"""Digits."""
MOST_SEGMENTS = 6 * LONGEST
"""A picture with more is no strip, but a page, or dirt."""
FURTHER = 24
"""Readings that are looked through for such as are numbers."""
MARKS = {DASH: Reason.DASH, "cross": Reason.CROSS, "struck_out": Reason.STRUCK_OUT}
"""What the strip as a whole may look like: a number in it is doubtful then."""
LOST = 0.8
"""How sure a number is at most of which a part may be lost: of 119 strips by validation hands that were sure and had
this, drawn as they were, cut through at a side, or with a pen that fades out, 98 were read right."""
CONTRADICTED = 0.1
"""A digit alone that the network of groups finds less likely than this is doubtful, however sure the other network is:
of a piece of a picture that is no strip, a page for one, it may be so too."""
LEAST_SHARE = 1e-30
"""Of a reading in the lattice; smaller ones are taken for this one."""
PROBABILITIES = 1e-9
"""Nearer to 0 and 1 log odds are not told apart."""


@dataclass(slots=True)
class OpenedNumber(Opened):
    """``pictures`` are the strip's ink as one, then each group of the ``lattice``; none where the strip is blank, and
    the first alone where there is no lattice, for there is more ink than a number has. ``overlooked``: there is
    ink, but far too small to be that of a strip. ``strip`` is for the model's sequence network, where it has one, and
    ``columns`` what that says of it."""

    ink: StripInk | None
    lattice: Lattice | None
    overlooked: bool = False
    strip: NDArray[np.uint8] | None = None
    columns: NDArray[np.float32] | None = None


class NumberReader(Reader[OpenedNumber]):
    name = NUMBER
    pictures = NUMBER
    keys = "1234567890"
    pattern = f"[0-9]{{1,{LONGEST}}}"
    longest = LONGEST
    # a strip asks the model dozens of times, and the lease of a chunk is to outlive that on a busy machine
    images_a_chunk = 64
    groups = (NUMBER,)

    def open(self, grey: NDArray[np.uint8], options: Options, model: Outputs) -> OpenedNumber:
        ink = strip_ink(grey, options.polarity)
        if ink is None:
            return OpenedNumber((), None, None, overlooked_ink(grey, options.polarity) is not None)
        whole = in_mnist_form(ink.picture)
        segments = segments_of(ink.picture)
        if not 0 < len(segments) <= MOST_SEGMENTS:
            return OpenedNumber((whole,), ink, None)
        lattice, inks = lattice_of(segments)
        strip = None if model.sequence is None else sequence_picture(grey, ink)
        return OpenedNumber((whole, *map(in_mnist_form, inks)), ink, lattice, strip=strip)

    def close(
        self, images: Sequence[OpenedNumber], probabilities: NDArray[np.float32], options: Options, model: Outputs
    ) -> Columns:
        values, start = [], 0
        for image in images:
            end = start + len(image.pictures)
            seen = probabilities[start:end]
            found = surest_of(image, seen, model)
            values.append({PLAIN: value_by(found, image, seen, options, model, doubt_in(image, found))})
            start = end
        return Columns.of(values)

    def group(self, value: Value) -> str:  # noqa: ARG002
        return NUMBER


def mark_of(image: OpenedNumber, whole: NDArray[np.float32], model: Outputs) -> Reason | None:
    """What speaks against a number in the strip as a whole. Args: whole: float32 [classes], of its ink as one."""
    if image.ink is not None and image.ink.struck:
        return Reason.STRUCK_OUT
    mark = MARKS.get(model.classes[int(whole.argmax())])
    return Reason.CUT_OFF if mark is None and image.ink is not None and image.ink.lost else mark


def value_of(image: OpenedNumber, seen: NDArray[np.float32], options: Options, model: Outputs) -> Value:
    """Args: seen: float32 [pictures, classes], of all pictures of the strip."""
    return value_by(readings_of(image, seen, model), image, seen, options, model)


def surest_of(image: OpenedNumber, seen: NDArray[np.float32], model: Outputs) -> list[Reading]:
    """As ``readings_of``, but the first as sure as the model's ``certainty`` makes it. Fields of pages have weights of
    their own, which were fitted to the confidence of ``readings_of``. Args: seen: as for ``value_of``."""
    if image.lattice is None or model.certainty is None:
        return readings_of(image, seen, model)
    found = shares_of(image, seen, model)
    if not found:
        return []
    first = model.certainty.probability(evidence_of(image.lattice, found, seen[1:], model.classes))
    return _with_first(found, min(first, LOST) if _contradicted(found[0], seen[1:], model) else first)


def _contradicted(reading: Reading, seen: NDArray[np.float32], model: Outputs) -> bool:
    if reading.spelled is None or len(reading.text) > 1:
        return False
    return bool(seen[reading.groups[0], model.classes.index(reading.text)] < CONTRADICTED)


def readings_of(image: OpenedNumber, seen: NDArray[np.float32], model: Outputs) -> list[Reading]:
    """The numbers that may be written there, likeliest first, each with the probability that it is, by its share; none
    where the strip cannot be taken apart. Args: seen: as for ``value_of``."""
    found = shares_of(image, seen, model)
    return _with_first(found, _calibrated(found[0].probability, _weighing(model))) if found else []


def doubt_in(image: OpenedNumber, found: Sequence[Reading]) -> Reason | None:
    """What speaks against the likeliest of the readings being one number. It is for strips alone: boxes of a form may
    lie apart."""
    if image.ink is None or image.lattice is None or not found:
        return None
    marked = image.columns is not None and begins_with_mark(image.columns)
    return doubt_of(image.ink.picture, image.lattice, found[0], image.pictures[1:], marked=marked)


def value_by(
    found: Sequence[Reading],
    image: OpenedNumber,
    seen: NDArray[np.float32],
    options: Options,
    model: Outputs,
    doubt: Reason | None = None,
) -> Value:
    """The value of a strip by its readings, likeliest first.

    Args:
        seen: as for ``value_of``.
        doubt: of ``doubt_in``.
    """
    if image.ink is None:
        return Value(None, RowStatus.REVIEW, reason=Reason.OTHER) if image.overlooked else Value(None, RowStatus.BLANK)
    mark = mark_of(image, seen[0], model)
    if image.lattice is None or not found:
        return Value(None, RowStatus.REVIEW, reason=mark or Reason.OTHER)
    most = LOST if doubt is not None else 1.0
    guesses = [
        Guess(reading.text, min(most, _doubted(reading.probability, mark, model)))
        for reading in found[: 1 + options.alternatives]
    ]
    best, others = guesses[0], tuple(guesses[1:])
    sure = best.confidence >= (options.review_below or 0.0)
    return Value(
        best.prediction,
        RowStatus.RECOGNIZED if sure else RowStatus.REVIEW,
        best.confidence,
        others,
        None if sure else doubt or mark or Reason.UNSURE,
        _parts(image.ink, image.lattice, found[0], seen[1:], 1 + options.alternatives),
    )


def _doubted(probability: float, mark: Reason | None, model: Outputs) -> float:
    if mark is Reason.CUT_OFF:
        return min(probability, LOST)
    return probability if mark is None else probability * model.doubtful_cut


def shares_of(image: OpenedNumber, seen: NDArray[np.float32], model: Outputs) -> list[Reading]:
    """The same, each with its share in all: those of the lattice, and of what the sequence network says where the model
    has one. Args: seen: as for ``value_of``."""
    if image.lattice is None:
        return []
    scored = scores(features(image.lattice, seen[1:], model.classes), _weighing(model).vector)
    found = [each for each in read(image.lattice, scored, FURTHER) if _is_number(each.text)]
    if model.sequence is None or image.strip is None:
        return found
    image.columns = model.sequence.columns(image.strip)
    return by_both(image.lattice, scored, found, image.columns, model.sequence.weight)


def by_both(
    lattice: Lattice, scored: Numbers, found: Sequence[Reading], columns: NDArray[np.float32], weight: float
) -> list[Reading]:
    """The readings ``found`` in the lattice and what a sequence network reads itself, likeliest first by both.

    Args:
        scored: the ``scores`` of the lattice's groups.
        columns: what the network says of the strip, float32 [columns, OUTPUTS].
        weight: of the network.
    """
    own = best_text(columns)
    if _is_number(own) and own not in [each.text for each in found]:
        found = [*found, *filter(None, [read_as(lattice, scored, own)])]
    if not found:
        return []
    spelled = log_likelihoods(columns, [each.text for each in found])
    logits = np.log(np.maximum([each.probability for each in found], LEAST_SHARE)) + weight * spelled
    shares = np.exp(logits - np.logaddexp.reduce(logits))
    order = np.argsort(-shares, kind="stable").tolist()
    return [found[n]._replace(probability=float(shares[n]), spelled=float(spelled[n])) for n in order]


def _weighing(model: Outputs) -> Weighing:
    if model.lattice is None:
        raise ValueError("a model that reads numbers has the weights of its lattice")
    return model.lattice


def _is_number(text: str) -> bool:
    return 0 < len(text) <= LONGEST and UNREAD not in text


def _calibrated(share: float, weighing: Weighing) -> float:
    """How likely the first reading is right, by the log odds of its share."""
    likely = min(max(share, PROBABILITIES), 1 - PROBABILITIES)
    return 1 / (1 + math.exp(-weighing.slope * math.log(likely / (1 - likely)) - weighing.offset))


def _with_first(readings: Sequence[Reading], first: float) -> list[Reading]:
    """Readings with their shares: the first with the probability ``first``, others with their share in the rest."""
    rest = (1 - first) / max(1 - readings[0].probability, PROBABILITIES)
    return [
        readings[0]._replace(probability=first),
        *(each._replace(probability=min(first, rest * each.probability)) for each in readings[1:]),
    ]


def _parts(
    ink: StripInk, lattice: Lattice, reading: Reading, seen: NDArray[np.float32], guesses: int
) -> tuple[Part, ...]:
    """The characters of a reading, their boxes in pixels of the image."""
    found = []
    for character, group in zip(reading.text, reading.groups, strict=True):
        left, top, right, bottom = (lattice.boxes[group] / ink.scale).tolist()
        box = (
            math.floor(ink.left + left),
            math.floor(ink.top + top),
            math.ceil(ink.left + right),
            math.ceil(ink.top + bottom),
        )
        digits = seen[group, : len(DIGITS)].astype(np.float64)
        shares = (digits / max(float(digits.sum()), PROBABILITIES)).round(6)
        order = sorted(range(len(DIGITS)), key=lambda place: (DIGITS[place] != character, -shares[place]))
        found.append(Part(box, tuple(Guess(DIGITS[place], float(shares[place])) for place in order[:guesses])))
    return tuple(found)
