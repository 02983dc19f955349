"""The second look at numbers in boxes, by the model of numbers: each box once more, and their row as one strip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Options
from digitmill.domain.rows import Guess, Reason, RowStatus, Value
from digitmill.forms.certainty import USUAL, Again, Evidence, Looks, second_look
from digitmill.forms.cutting import Cut, strip_of
from digitmill.forms.digits import PLACES
from digitmill.forms.registration.finding import Registration
from digitmill.forms.template import DigitsField
from digitmill.readers.base import Asked
from digitmill.readers.number import OpenedNumber
from digitmill.readers.number_field import opened, read

UNSURE = (Reason.UNSURE, Reason.CUT_OFF)
"""Reasons that are gone when the number is sure."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A field of this ``number`` whose ``value`` the ``boxes`` alone do not make sure.

    ``pictures``: of the boxes of its digits, each uint8 [28, 28], in their order; ``before``: what
    ``unsure_before`` says of the boxes before them; ``looks``: those of the model.
    """

    number: int
    field: DigitsField
    boxes: Evidence
    value: Value
    pictures: Sequence[NDArray[np.uint8]]
    before: str = ""
    looks: Looks = USUAL


def looked_at_again(page: Registration, doubts: Sequence[Doubt], model: Asked, options: Options) -> dict[str, Value]:
    """The values of these fields as both readings have them, by their names. The model is asked once for all."""
    strips: list[tuple[Doubt, Cut, OpenedNumber]] = []
    for doubt in doubts:
        cut = strip_of(page, doubt.number)
        strip = opened(cut, model) if cut is not None else None
        if cut is not None and strip is not None:
            strips.append((doubt, cut, strip))
    if not strips:
        return {}
    seen = model.predict(np.stack([each for doubt, _, strip in strips for each in (*doubt.pictures, *strip.pictures)]))
    values, start = dict[str, Value](), 0
    for doubt, cut, strip in strips:
        middle = start + len(doubt.pictures)
        end = middle + len(strip.pictures)
        other = read(cut, strip, seen[middle:end], model, options.alternatives)
        again = again_of(doubt.value, other, seen[start:middle], model)
        values[doubt.field.name] = both(doubt, other, again, options.review_below or 0.0, options.alternatives)
        start = end
    return values


def again_of(value: Value, strip: Value, seen: NDArray[np.float32], model: Asked) -> Again:
    """Args: seen: float32 [digits, classes], what ``model`` says of the boxes of the digits of ``value``."""
    columns = [model.classes.index(digit) for digit in value.text or ""]
    sure = [float(row[column]) for row, column in zip(seen, columns, strict=True)]
    return Again(sure, strip.confidence or 0.0, strip.text == value.text)


def both(doubt: Doubt, strip: Value, again: Again, sure_from: float, alternatives: int) -> Value:
    """One value of two readings. Those that differ stay in doubt, the likelier one first."""
    value, sure = doubt.value, again.strip
    confidence = round(second_look(doubt.boxes, again, doubt.looks), PLACES)
    if again.same:
        certain = confidence >= sure_from and value.reason in (None, *UNSURE)
        return value._replace(
            confidence=confidence,
            status=RowStatus.RECOGNIZED if certain else RowStatus.REVIEW,
            reason=None if certain else value.reason or Reason.UNSURE,
        )
    accepted = value.reason is None and confidence >= sure_from
    if not accepted:
        value = value._replace(status=RowStatus.REVIEW, reason=value.reason or Reason.UNSURE)
    if strip.text is None:
        return value._replace(confidence=confidence)
    boxes = float(np.prod(doubt.boxes.digits))
    fewest, most = doubt.field.length or (1, len(doubt.field.quads))
    rest = round(min(sure, 1 - confidence), PLACES)
    likelier = sure > boxes or _begins_earlier(strip.text, value.text or "", doubt.before)
    if not accepted and likelier and fewest <= len(strip.text) <= most:
        others = (Guess(value.text or "", confidence), *strip.alternatives)
        reading = value._replace(text=strip.text, confidence=rest, parts=strip.parts)
    else:
        others = (Guess(strip.text, rest), *value.alternatives)
        reading = value._replace(confidence=confidence)
    distinct = {guess.prediction: guess for guess in others if guess.prediction not in ("", reading.text)}
    return reading._replace(alternatives=tuple(distinct.values())[:alternatives])


def _begins_earlier(strip: str, text: str, before: str) -> bool:
    """Whether the strip reads a digit in a box that was taken for none, and the same as that box would be: of 14 such
    numbers on drawn pages 11 were as the strip has them, and 1 as the boxes have them."""
    return len(strip) > len(text) and (before + text).endswith(strip)
