"""From what a model says of the boxes of a field to the number that stands in them, as the template reads them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS, Guess, Part, Reason, RowStatus, Value
from digitmill.forms.boxes import NO_TRACE, Trace
from digitmill.forms.certainty import USUAL, Evidence, Looks, first_look, nothing
from digitmill.forms.template import DigitsField, Meaning

VOID = (Reason.BLANK, Reason.CROSS, Reason.DASH)
"""What a box may hold that is no digit and no doubt either: the template says what each means."""
LIKELY_DIGITS = (Reason.OTHER, Reason.SEVERAL, Reason.CIRCLED)
"""What the model takes a box for that holds a digit all the same where only digits can stand."""
STANDING, MAYBE = 0.5, 0.05
"""Ink that is taken for none may be a digit where it is higher than this share of its box, and so likely one: a person
looks, however sure the others are. A 1 that is written well is taken for a remain of the form's lines now and then. Of
2,007 accepted fields on drawn pages (150 pages of seed 701) 5 had such ink, one of the 5 that were wrong among them."""
GUESSES_OF_A_BOX = 3
LEAST_HEIGHT = 0.01
"""Of a digit by its box's."""
PLACES = 6
"""Digits of a confidence, as rows show them."""

Rectangle = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Box:
    """What the model says of one box.

    Attributes:
        place: left, top, right and bottom on the scan.
        shares: probability of each of VOID.
        guesses: the digits, the likeliest first.
        kind: what it is taken for, where that is no digit.
        doubtful: ink of it may be missing.
        digit: probability of all digits together.
        trace: what its ink and print tell.
        beyond: a digit stands beside it where no box is.
        covered: it has no ink, and something lies on it that hides its print.
    """

    place: Rectangle
    shares: tuple[float, ...]
    guesses: tuple[Guess, ...]
    kind: Reason | None
    doubtful: bool = False
    digit: float = 0.0
    trace: Trace = NO_TRACE
    beyond: bool = False
    covered: bool = False

    @classmethod
    def empty(cls, place: Rectangle, trace: Trace = NO_TRACE) -> Box:
        """One without ink."""
        return cls(place, (1.0, 0.0, 0.0), (), Reason.BLANK, trace=trace)

    @classmethod
    def said(
        cls,
        place: Rectangle,
        probabilities: NDArray[np.float32],
        classes: Sequence[str],
        worth: float,
        *,
        doubtful: bool,
        trace: Trace = NO_TRACE,
    ) -> Box:
        """Args: probabilities: float32 [classes] of the model; worth: what those of digits are multiplied by."""
        order = np.argsort(-probabilities[: len(DIGITS)], kind="stable")[:GUESSES_OF_A_BOX].tolist()
        guesses = tuple(Guess(DIGITS[digit], round(float(probabilities[digit]) * worth, PLACES)) for digit in order)
        shares = tuple(
            float(probabilities[classes.index(kind.value)]) if kind.value in classes else 0.0 for kind in VOID
        )
        said = classes[int(probabilities.argmax())]
        kind = None if said in DIGITS else Reason(said) if said in set(Reason) else Reason.OTHER
        digit = float(probabilities[: len(DIGITS)].sum())
        return cls(place, shares, guesses, kind, doubtful, digit, trace)


def value_of(
    field: DigitsField,
    boxes: Sequence[Box],
    *,
    sure_from: float,
    alternatives: int,
    looks: Looks = USUAL,
    dashes: bool = False,
) -> Value:
    """The value of a field by its boxes, in the order of reading.

    Args:
        looks: those of the model.
        dashes: whether any field of the page ``is_dashed``.
    """
    meanings: dict[Reason, Meaning] = {
        Reason.BLANK: field.empty,
        Reason.CROSS: field.crossed,
        Reason.DASH: field.dash,
        Reason.STRUCK_OUT: field.struck_out,
    }
    places = places_of(field, boxes)
    written = [boxes[place] for place in places]
    text = "".join(box.guesses[0].prediction for box in written) or None
    reason = _objection(field, boxes, places, meanings)
    if reason is None and _may_be_minus(field, boxes, places, dashes=dashes):
        reason = Reason.DASH
    seen = evidence(field, boxes)
    if reason is None and text is None:
        sure = nothing(seen) >= sure_from
        return Value(None, RowStatus.BLANK if sure else RowStatus.REVIEW, reason=None if sure else Reason.BLANK)
    refused = any(meanings.get(box.kind) == "refuse" for box in boxes if box.kind is not None)
    if text is None or refused:
        return Value(None, RowStatus.REVIEW, reason=reason)
    confidence = first_look(seen, looks)
    if reason is None and confidence < sure_from:
        weakest = min(written, key=lambda box: box.guesses[0].confidence)
        reason = Reason.CUT_OFF if weakest.doubtful else Reason.UNSURE
    return Value(
        text,
        RowStatus.RECOGNIZED if reason is None else RowStatus.REVIEW,
        round(confidence, PLACES),
        _others(written, text, confidence)[:alternatives],
        reason,
        tuple(Part(box.place, box.guesses) for box in written),
    )


def evidence(field: DigitsField, boxes: Sequence[Box]) -> Evidence:
    """How sure the model is of each digit that ``value_of`` makes of the boxes, and of all others together."""
    empties = {Reason.BLANK: field.empty, Reason.CROSS: field.crossed, Reason.DASH: field.dash}
    voids = tuple(empties[kind] == "empty" for kind in VOID)
    places = places_of(field, boxes)
    rest = [box for place, box in enumerate(boxes) if place not in places]
    tall = [boxes[place].trace.tall for place in places]
    before = boxes[places[0] - 1] if places and places[0] else None
    return Evidence(
        [boxes[place].guesses[0].confidence for place in places],
        math.prod(_void(box, voids) for box in rest),
        lost=max((box.digit for box in rest), default=0.0),
        inky=any(_is_inky(box) for box in rest),
        beside=0.0 if before is None else 1.0 if _is_inky(before) else before.trace.faint,
        faint=max((box.trace.faint for box in rest), default=0.0),
        short=min(tall, default=1.0),
        even=min(tall) / max(max(tall), LEAST_HEIGHT) if tall else 1.0,
        above=max((boxes[place].trace.above for place in places), default=0.0),
        along=max((boxes[place].trace.along for place in places), default=0.0),
        strange=max((1 - boxes[place].digit - sum(boxes[place].shares) for place in places), default=0.0),
    )


def _is_inky(box: Box) -> bool:
    """Whether there is ink that the model takes for none."""
    return box.kind is Reason.BLANK and bool(box.guesses)


def places_of(field: DigitsField, boxes: Sequence[Box]) -> list[int]:
    """The places of the boxes that hold a digit: also of those behind the first, or before the last where ``align`` is
    left, in which the model sees what is no digit, though somebody has to look at them."""
    digits = [place for place, box in enumerate(boxes) if box.kind is None]
    if not digits:
        return []
    within = range(digits[0], len(boxes)) if field.align == "right" else range(digits[-1] + 1)
    return [place for place in within if boxes[place].kind is None or boxes[place].kind in LIKELY_DIGITS]


def unsure_before(field: DigitsField, boxes: Sequence[Box]) -> str:
    """What the boxes directly before the first digit hold if they hold digits, though the model takes them for what is
    none: for a digit that runs along its frame, or into a dash."""
    places = places_of(field, boxes)
    text = ""
    if field.align == "right" and places:
        for box in reversed(boxes[: places[0]]):
            if not box.guesses or (box.kind not in LIKELY_DIGITS and not _may_be_digit(box)):
                break
            text = box.guesses[0].prediction + text
    return text


def _may_be_digit(box: Box) -> bool:
    """Whether ink that the model takes for none stands in the box as a digit does, and may be one."""
    return box.trace.tall >= STANDING and box.digit >= MAYBE


def _void(box: Box, voids: tuple[bool, ...]) -> float:
    """How likely the box holds none."""
    return min(1.0, sum(share for share, is_void in zip(box.shares, voids, strict=True) if is_void))


def _objection(
    field: DigitsField, boxes: Sequence[Box], filled: Sequence[int], meanings: dict[Reason, Meaning]
) -> Reason | None:
    """Why a person must look, however sure the model is. Args: filled: the places of the digits."""
    for box in boxes:
        if box.kind is not None and meanings.get(box.kind, "review") != "empty":
            return box.kind
    least, most = field.length or (0, len(boxes))
    if not least <= len(filled) <= most or any(box.beyond for box in boxes):
        return Reason.LENGTH
    if any(box.covered for box in boxes):
        return Reason.DISPLACED
    if _is_digit_lost(field, boxes, filled) or any(
        _may_be_digit(box) for place, box in enumerate(boxes) if place not in filled
    ):
        return Reason.BLANK
    if not filled:
        return None
    behind = field.align == "right" and filled[-1] != len(boxes) - 1
    return Reason.GAP if behind or filled[-1] - filled[0] >= len(filled) else None


def _is_digit_lost(field: DigitsField, boxes: Sequence[Box], filled: Sequence[int]) -> bool:
    """Who crosses or dashes boxes does so up to the number: where the box beside it is empty its ink may be lost."""
    kinds = [box.kind for box in boxes]
    if field.align == "right":
        before = kinds[: filled[0] if filled else len(kinds)]
    else:
        before = kinds[: filled[-1] if filled else None : -1]
    crossed = Reason.CROSS in before or Reason.DASH in before
    return crossed and before[-1] is Reason.BLANK


def is_dashed(field: DigitsField, boxes: Sequence[Box]) -> bool:
    """Whether two boxes or more without a digit are dashed: a habit of its writer, and no minus."""
    places = places_of(field, boxes)
    return sum(box.kind is Reason.DASH for place, box in enumerate(boxes) if place not in places) > 1


def _may_be_minus(field: DigitsField, boxes: Sequence[Box], filled: Sequence[int], *, dashes: bool) -> bool:
    """Whether there is one dash, directly before the number, that is not there to fill its box: who fills boxes so
    fills all that are free, and those of other fields too."""
    before = [box.kind for box in boxes[: filled[0]]] if filled else []
    if not before or before[-1] is not Reason.DASH:
        return False
    others = before[:-1]
    if field.align == "left" or (others and all(kind is Reason.BLANK for kind in others)):
        return True
    return not others and not dashes


def _others(written: Sequence[Box], text: str, confidence: float) -> tuple[Guess, ...]:
    """The likeliest texts that differ in one digit."""
    found = [
        Guess(text[:place] + guess.prediction + text[place + 1 :], guess.confidence / box.guesses[0].confidence)
        for place, box in enumerate(written)
        for guess in box.guesses[1:]
        if box.guesses[0].confidence > 0
    ]
    found.sort(key=lambda guess: -guess.confidence)
    return tuple(Guess(guess.prediction, round(confidence * guess.confidence, PLACES)) for guess in found)
