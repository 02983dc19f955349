"""Forms as people fill them in: one hand a page, and what stands in boxes that hold no digit, with the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.forms.template import DigitsField, MarkField, NumberField
from training.forms.layout import Form
from training.pictures.data import Digits
from training.pictures.kinds import label_of
from training.scans.pens import Texture, laid, texture_of_a_pen
from training.strips.hands import HEIGHT, PoolHand

Grey = NDArray[np.uint8]
Point = tuple[float, float]

LEFT_OUT = 0.15
"""Share of fields in which nobody wrote."""
VOIDED = 0.03
"""Share of fields through which somebody drew a line, as for nothing to say."""
VOIDS = ("blank", "blank", "blank", "cross", "dash", "line")
"""What stands before a number, one kind a field: in each box, or one line through all of them."""
CORRECTED = 0.02
"""Share of numbers one digit of which was struck out, and the right one written small beside it."""
STRAY = 0.01
"""Share of empty boxes with a dot or a slip of the pen."""
CARELESS = 0.25
"""Share of people whose digits are too large, too small or beside their boxes."""
CROSS: Sequence[Sequence[Point]] = (((0.2, 0.2), (0.8, 0.8)), ((0.8, 0.2), (0.2, 0.8)))
FILLED, CROSSED, TICKED = 0.2, 0.5, 0.9
"""Up to which draw a mark fills its box, crosses it, or is a tick; the others are one slanted stroke."""
PALEST = 170
"""Grey level of the palest ink, a pencil's."""
NUMBER_LONGEST = 7
FULLER = 3
"""Of a page to learn from so many times fewer fields are left out, and so many lengths of a number are drawn, of which
it gets the greatest: empty boxes teach little."""
BLANK, DASH = label_of("blank"), label_of("dash")
SEEN = 0.25
"""Share of a box's width from which on a line through several boxes is a dash in it."""


@dataclass(frozen=True)
class Filled:
    """``page`` is the form with something written in it; ``truth`` the value of each field, None for none; ``boxes``
    what is in each box of the numbers in boxes, by the labels of training/pictures/kinds.py."""

    page: Grey
    truth: dict[str, str | None]
    boxes: dict[str, list[int]]


@dataclass(frozen=True)
class Odd:
    """What is no digit: ``ink`` uint8 [height, width], light on 0, cut to its ink, and its label."""

    ink: Grey
    label: int


@dataclass(frozen=True)
class Writer:
    """Who fills a page in.

    Attributes:
        hand: draws the digits.
        pen: width of a stroke in pixels of the page.
        tone: grey level of the ink.
        size: height of a digit by that of its box.
        aside: how far from the middle of its box a digit stands, by the box's side.
        texture: how the pen lays its ink, None for evenly.
    """

    hand: PoolHand
    pen: int
    tone: int
    size: float
    aside: float
    texture: Texture | None


def written_on(
    form: Form, digits: Digits, random: Generator, palest: int = PALEST, odd: Callable[[], Odd | None] | None = None
) -> Filled:
    """The form with right-aligned numbers in its boxes, and numbers on strips, and marks, by one hand of ``digits``.

    Args:
        odd: of a page to learn from, of which more is filled in, what is drawn into a box in the place of a digit, or
            None for the digit. The ``truth`` of such a page is not true.
    """
    page, truth, boxes = form.blank.copy(), dict[str, str | None](), dict[str, list[int]]()
    writer = _writer(digits, palest, random)
    for field in form.template.fields:
        truth[field.name] = None
        if isinstance(field, DigitsField):
            boxes[field.name] = [BLANK] * len(field.quads)
        if random.random() < (LEFT_OUT if odd is None else LEFT_OUT / FULLER):
            for quad in field.quads if isinstance(field, DigitsField) else ():
                _maybe_stray(page, np.array(quad), writer, random)
        elif isinstance(field, DigitsField) and random.random() < VOIDED:
            boxes[field.name] = _through(page, np.array(field.quads), writer, random)
        elif isinstance(field, DigitsField):
            truth[field.name], boxes[field.name] = _number(page, field, writer, random, odd)
        elif isinstance(field, MarkField):
            name = str(random.choice(list(field.options)))
            _mark(page, np.array(field.options[name]), writer, random)
            truth[field.name] = name
        elif isinstance(field, NumberField):
            truth[field.name] = _strip(page, np.array(field.quad), writer, random)
    return Filled(page, truth, boxes)


def palest_of(kind: str) -> int:
    """The palest ink that a capture of this kind leaves on its picture: one bit loses what is paler."""
    return 50 if kind in ("fax", "copy", "feeder") else PALEST


def _writer(digits: Digits, palest: int, random: Generator) -> Writer:
    rows = [np.flatnonzero(digits.labels == label) for label in range(10)]
    weights = digits.images.astype(np.float32).sum(axis=(1, 2)) / 255
    careless = random.random() < CARELESS
    return Writer(
        PoolHand(digits, rows, weights, random),
        pen=int(random.integers(2, 6)),
        tone=min(palest, int(random.integers(0, 120 if random.random() < 0.8 else PALEST))),
        size=float(random.uniform(0.4, 1.15) if careless else random.uniform(0.55, 0.9)),
        aside=0.11 if careless else 0.05,
        texture=texture_of_a_pen(random),
    )


def _number(
    page: Grey, field: DigitsField, writer: Writer, random: Generator, odd: Callable[[], Odd | None] | None
) -> tuple[str, list[int]]:
    """The number, and the label of each box."""
    boxes = np.array(field.quads)
    many = max(int(random.integers(1, len(boxes) + 1)) for _ in range(1 if odd is None else FULLER))
    first, void, text = len(boxes) - many, str(random.choice(VOIDS)), ""
    labels = [BLANK] * first
    if void == "line" and first > 1:
        labels = _through(page, boxes[:first], writer, random)
    for place, box in enumerate(boxes[:first]):
        if void == "cross":
            _strokes(page, box, CROSS, writer, random)
            labels[place] = label_of("cross")
        elif void == "dash":
            _strokes(page, box, [((0.2, 0.5), (0.8, 0.5))], writer, random)
            labels[place] = DASH
        elif void == "blank":
            _maybe_stray(page, box, writer, random)
    mended = int(random.integers(first, len(boxes))) if random.random() < CORRECTED else -1
    for place in range(first, len(boxes)):
        label = DIGITS[int(random.integers(10))]
        if place == mended:
            struck = DIGITS[int(random.integers(10))]
            _digit(page, boxes[place], struck, writer, random)
            _strokes(page, boxes[place], [((0.1, 0.8), (0.9, 0.2))], writer, random)
            _digit(page, boxes[place] + (0.25, -0.7) * np.ptp(boxes[place], axis=0), label, writer, random, 0.5)
            labels.append(label_of("struck_out", int(struck)))
        elif odd is not None and (drawn := odd()) is not None:
            _odd(page, boxes[place], drawn, writer, random)
            labels.append(drawn.label)
        else:
            _digit(page, boxes[place], label, writer, random)
            labels.append(int(label))
        text += label
    return text, labels


def _odd(page: Grey, box: NDArray[np.float64], drawn: Odd, writer: Writer, random: Generator) -> None:
    """Something else than a digit about the middle of a box."""
    low, high = box.min(axis=0), box.max(axis=0)
    factor = writer.size * float(np.min((high - low) / drawn.ink.shape[::-1]))
    size = [max(3, round(side * factor)) for side in drawn.ink.shape[::-1]]
    ink = laid(np.asarray(cv2.resize(drawn.ink, size, interpolation=cv2.INTER_AREA), np.uint8), writer.texture, random)
    middle = (low + high) / 2 + random.normal(0, writer.aside, 2) * (high - low)
    _laid(page, ink, middle - np.array(ink.shape[::-1]) / 2, writer.tone)


def _digit(
    page: Grey, box: NDArray[np.float64], label: str, writer: Writer, random: Generator, scale: float = 1.0
) -> None:
    """One digit about the middle of a box."""
    low, high = box.min(axis=0), box.max(axis=0)
    tall = scale * writer.size * (high[1] - low[1]) * float(np.exp(random.normal(0, 0.08)))
    ink = _inked(writer, label, tall, random)
    middle = (low + high) / 2 + random.normal(0, writer.aside, 2) * (high - low)
    _laid(page, ink, middle - np.array(ink.shape[::-1]) / 2, writer.tone)


def _inked(writer: Writer, label: str, tall: float, random: Generator) -> Grey:
    """A digit as high as ``tall`` pixels, or as much lower as digits of its hand are."""
    glyph = writer.hand.glyph(label, random)
    factor = tall / HEIGHT
    size = max(3, round(glyph.shape[1] * factor)), max(3, round(glyph.shape[0] * factor))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return laid(np.asarray(cv2.resize(glyph, size, interpolation=way), np.uint8), writer.texture, random)


def _laid(page: Grey, ink: Grey, corner: NDArray[np.float64], tone: int) -> None:
    """Ink as dark as ``tone`` on the page, its upper left corner there; what lies beyond the page's edge is lost."""
    left, top = np.rint(corner).astype(int).tolist()
    part = page[max(top, 0) : max(top + ink.shape[0], 0), max(left, 0) : max(left + ink.shape[1], 0)]
    seen = ink[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]].astype(np.float32)
    part[:] = np.minimum(part, 255 - seen / 255 * (255 - tone)).astype(np.uint8)


def _strip(page: Grey, box: NDArray[np.float64], writer: Writer, random: Generator) -> str:
    """A number on a strip, digit beside digit, some of them touching."""
    low, high = box.min(axis=0), box.max(axis=0)
    tall = float(random.uniform(0.45, 0.75) * (high[1] - low[1]))
    x, text, gap = float(low[0] + random.uniform(0.1, 0.6) * tall), "", float(random.uniform(0.02, 0.25) * tall)
    base = float(low[1] + random.uniform(0.8, 0.92) * (high[1] - low[1]))
    for _ in range(int(random.integers(1, NUMBER_LONGEST + 1))):
        label = DIGITS[int(random.integers(10))]
        ink = _inked(writer, label, tall * float(np.exp(random.normal(0, 0.08))), random)
        if text and x + ink.shape[1] > high[0] - 0.1 * tall:
            break
        _laid(page, ink, np.array((x, base - ink.shape[0])), writer.tone)
        x += ink.shape[1] + gap * float(random.uniform(0.3, 1.7))
        text += label
    return text


def _mark(page: Grey, box: NDArray[np.float64], writer: Writer, random: Generator) -> None:
    kind = random.random()
    if kind < FILLED:
        low, high = box.min(axis=0), box.max(axis=0)
        radius = int(random.uniform(0.3, 0.48) * min(high - low))
        middle = np.rint((low + high) / 2).astype(int).tolist()
        cv2.circle(page, middle, radius, writer.tone, -1, cv2.LINE_AA)
        return
    reach = float(random.uniform(0.7, 1.3))
    lines: Sequence[Sequence[Point]] = (((0.1, 0.9), (0.9, 0.1)),)
    if kind < CROSSED:
        lines = (((0.1, 0.1), (0.9, 0.9)), ((0.9, 0.1), (0.1, 0.9)))
    elif kind < TICKED:
        lines = (((0.1, 0.5), (0.4, 0.9), (1.0, 0.0)),)
    middle = box.mean(axis=0)
    _strokes(page, middle + reach * (box - middle), lines, writer, random)


def _through(page: Grey, boxes: NDArray[np.float64], writer: Writer, random: Generator) -> list[int]:
    """One line, straight or wavy, through the middle of some boxes side by side; the label of each."""
    points = boxes.reshape(-1, 2)
    box = np.array([points.min(axis=0), points.max(axis=0)])
    many = int(random.choice([2, 2, 5, 9]))
    line = [(x, 0.5) for x in np.linspace(random.uniform(0.02, 0.2), random.uniform(0.8, 0.98), many)]
    _strokes(page, box, [line], writer, random, unsteady=0.06)
    start, end = (box[0, 0] + line[place][0] * np.ptp(box[:, 0]) for place in (0, -1))
    left, right = boxes[:, :, 0].min(axis=1), boxes[:, :, 0].max(axis=1)
    crossed = (np.minimum(right, end) - np.maximum(left, start)) / (right - left)
    return [DASH if share >= SEEN else BLANK for share in crossed]


def _maybe_stray(page: Grey, box: NDArray[np.float64], writer: Writer, random: Generator) -> None:
    if random.random() >= STRAY:
        return
    x, y = random.uniform(0.2, 0.8, 2).tolist()
    reach = float(random.choice([0.0, 0.0, 0.1]))
    _strokes(page, box, [((x, y), (x + reach, y - reach))], writer, random, unsteady=0.01)


def _strokes(
    page: Grey,
    box: NDArray[np.float64],
    lines: Sequence[Sequence[Point]],
    writer: Writer,
    random: Generator,
    unsteady: float = 0.04,
) -> None:
    """Lines through points given by the box's width and height, drawn by a hand that is not quite steady."""
    low, high = box.min(axis=0), box.max(axis=0)
    for line in lines:
        points = low + (np.array(line) + random.normal(0, unsteady, (len(line), 2))) * (high - low)
        cv2.polylines(page, [np.rint(points).astype(np.int32)], False, writer.tone, writer.pen, cv2.LINE_AA)
