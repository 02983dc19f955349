"""A field of a page that holds a number in one strip: read as strips are, and taken as its template says.

The model of numbers reads the strip. The model that sees the boxes of the same page is asked about each digit of that
reading as well: two models that agree are surer than either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Options, Polarity
from digitmill.domain.rows import DIGITS, Reason, RowStatus, Value
from digitmill.forms.boxes import written
from digitmill.forms.certainty import of_number
from digitmill.forms.cutting import Cut
from digitmill.forms.digits import PLACES, Rectangle
from digitmill.forms.geometry import Floats
from digitmill.forms.template import Meaning, NumberField
from digitmill.readers.base import Asked
from digitmill.readers.number import NumberReader, OpenedNumber, doubt_in, mark_of, readings_of, value_by, value_of

DARK_ON_LIGHT = Options(polarity=Polarity.DARK_ON_LIGHT, review_below=0.0)
_reader = NumberReader()


@dataclass(frozen=True, slots=True)
class ReadStrip:
    """A strip as the model of numbers reads it.

    Attributes:
        value: the reading, or what the strip means where it holds no number.
        pictures: uint8 [28, 28] of each digit of the reading; empty where there is nothing to ask about.
        mark: what the strip as a whole looks like beside a number, or what speaks against it being one.
    """

    value: Value
    pictures: tuple[NDArray[np.uint8], ...] = ()
    mark: Reason | None = None


def read_strip(field: NumberField, cut: Cut, model: Asked, options: Options) -> ReadStrip:
    """What the model of numbers says of the strip.

    Args:
        cut: of the strip.
        model: one that reads numbers.
        options: resolved.
    """
    strip = opened(cut, model)
    if strip is None:
        return ReadStrip(_void(field, Reason.BLANK))
    seen = model.predict(np.stack(strip.pictures))
    mark = mark_of(strip, seen[0], model)
    if mark in (Reason.DASH, Reason.CROSS) and float(seen[0].max()) >= (options.review_below or 0.0):
        return ReadStrip(_void(field, mark))
    found = readings_of(strip, seen, model)
    asked = replace(DARK_ON_LIGHT, alternatives=options.alternatives)
    doubt = doubt_in(strip, found)
    value = _placed(cut, value_by(found, strip, seen, asked, model, doubt))
    if value.text is None:
        return ReadStrip(value)
    return ReadStrip(value, tuple(strip.pictures[1 + group] for group in found[0].groups), doubt or mark)


def value_of_strip(field: NumberField, strip: ReadStrip, seen: NDArray[np.float32], options: Options) -> Value:
    """The value of the field.

    Args:
        seen: float32 [digits, classes], what the model of the page's boxes says of ``strip.pictures``.
        options: resolved; numbers less sure than ``review_below`` are to review.
    """
    value = strip.value
    if value.text is None or not strip.pictures:
        return value
    many = len(value.text)
    sure = of_number(value.confidence or 0.0, many, agreement(value.text, seen))
    value = value._replace(confidence=round(sure, PLACES))
    least, most = field.length
    if not least <= many <= most:
        return value._replace(status=RowStatus.REVIEW, reason=Reason.LENGTH)
    if sure >= (options.review_below or 0.0) and strip.mark is None:
        return value._replace(status=RowStatus.RECOGNIZED, reason=None)
    return value._replace(status=RowStatus.REVIEW, reason=strip.mark or Reason.UNSURE)


def agreement(text: str, seen: NDArray[np.float32]) -> float:
    """How likely the pictures show these digits, 0 to 1. To a model that knows boxes a line of the frame is no 1.

    Args:
        seen: float32 [digits, classes], what that model says of them; the first ten classes are the digits.
    """
    return float(np.prod(seen[np.arange(len(text)), [DIGITS.index(digit) for digit in text]], dtype=np.float64))


def opened(cut: Cut, model: Asked) -> OpenedNumber | None:
    """The strip taken apart for ``model``; None where it holds no ink."""
    picture = written(cut).picture
    strip = None if picture is None else _reader.open(picture, DARK_ON_LIGHT, model)
    if strip is None or strip.ink is None:
        return None
    # the box was cut out with room around it, and what stands in that was taken out
    strip.ink = strip.ink._replace(lost=False)
    return strip


def read(cut: Cut, strip: OpenedNumber, seen: NDArray[np.float32], model: Asked, alternatives: int) -> Value:
    """The number in a strip, its characters' boxes on the scan.

    Args:
        seen: float32 [pictures, classes], what ``model`` says of the strip's pictures.
    """
    return _placed(cut, value_of(strip, seen, replace(DARK_ON_LIGHT, alternatives=alternatives), model))


def _placed(cut: Cut, value: Value) -> Value:
    """The same with the boxes of its characters on the scan instead of in the cut."""
    parts = tuple(replace(part, box=_rectangle(cut, part.box)) for part in value.parts)
    return value._replace(parts=parts)


def _void(field: NumberField, kind: Reason) -> Value:
    """A strip that is empty, crossed or has a dash."""
    meanings: Mapping[Reason, Meaning] = {
        Reason.BLANK: field.empty,
        Reason.CROSS: field.crossed,
        Reason.DASH: field.dash,
    }
    if meanings[kind] != "empty":
        return Value(None, RowStatus.REVIEW, reason=kind)
    return Value(None, RowStatus.BLANK) if field.length[0] == 0 else Value(None, RowStatus.REVIEW, reason=Reason.LENGTH)


def _rectangle(cut: Cut, box: Rectangle) -> Rectangle:
    """The rectangle on the scan around a box of the cut."""
    left, top, right, bottom = box
    corners: Floats = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float) - 0.5
    points = cut.on_scan(corners)
    (left, top), (right, bottom) = np.floor(points.min(axis=0)).tolist(), np.ceil(points.max(axis=0)).tolist()
    return int(left), int(top), int(right), int(bottom)
