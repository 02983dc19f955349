"""Characters as the pen went, in the format UNIPEN (Guyon et al., "UNIPEN project of on-line data exchange and
recognizer benchmarks", 1994), and drawn as pictures.

Two uses of the format are read. UCI's pendigits has each digit's own strokes behind its ``.SEGMENT DIGIT 0 ? "8"``.
The release ``train_r01_v07`` has files of segments, such as ``.SEGMENT CHARACTER 2-3 ? "8"``, which number strokes in
the file of strokes that they ``.INCLUDE``. A stroke begins after ``.PEN_DOWN``, a point of two whole numbers on a line,
y upwards, and ends at the next line with a keyword; further numbers of a point, such as its time, and other lines are
passed over.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.errors import TrainingError

Picture = NDArray[np.uint8]
Stroke = NDArray[np.float32]
"""Points (x, y) in the pen's own units, y downwards: [n, 2]."""

SIZE = 60
"""Pixels of a character's longer side: enough for the normaliser to choose from, as in a scan."""
MARGIN = 12
WIDTHS = 4, 8
"""Pixels of the pen, of those 60, from so many to fewer than so many: MNIST's pens are as wide."""
FRACTION = 4
"""Bits of a pixel's fraction in which points are drawn."""

_SEGMENT = re.compile(r'\.SEGMENT\s+DIGIT\s.*"([^"]*)"')
_NUMBERED = re.compile(r'\.SEGMENT\s+CHARACTER\s+([0-9,-]+)\s+\S+\s+"(.)"')
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
_POINT = re.compile(r"\s*(-?[0-9]{1,7})\s+(-?[0-9]{1,7})(?:\s+-?[0-9]+)*\s*")


@dataclass(frozen=True)
class PenCharacter:
    """``writer`` is empty where the file does not say who it was."""

    label: str
    strokes: tuple[Stroke, ...]
    writer: str = ""


def parse_unipen(text: str, name: str) -> list[PenCharacter]:
    """The digits in ``text``, the content of the file ``name`` of UCI's, in its order.

    Raises:
        TrainingError: it holds none, one has another label or no strokes, or a line between pen down and pen up is
            no point.
    """
    digits = [_digit(label, lines, name) for label, lines in _segments(text)]
    if not digits:
        raise TrainingError(f"{name} holds no digit: no line begins with .SEGMENT DIGIT. Download it again.")
    return digits


def read_release(folder: Path, segments: Path, labels: Collection[str]) -> list[PenCharacter]:
    """The characters labelled as one of ``labels`` that a file of segments of the release in ``folder`` has.

    Left out are those that begin or end within a stroke.

    Raises:
        TrainingError: a file that it includes is not there, a segment numbers strokes that are not, or a line between
            pen down and pen up is no point.
    """
    ink = _Ink()
    found: list[PenCharacter] = []
    wanted: list[tuple[str, str]] = []
    for line in segments.read_text("latin-1").splitlines():
        if line.startswith(".INCLUDE"):
            ink.read(folder, line.removeprefix(".INCLUDE").strip())
        elif (segment := _NUMBERED.match(line)) is not None and segment[2] in labels:
            wanted.append((segment[1], segment[2]))
    for numbers, label in wanted:
        parts = ink.parts(numbers, str(segments))
        strokes = tuple(np.array(part.points, np.float32) for part in parts if part.down)
        if strokes:
            found.append(PenCharacter(label, strokes, parts[0].writer or segments.stem))
    return found


def drawn(character: PenCharacter, random: Generator) -> Picture:
    """``character`` by a pen of some width, uint8 [84, 84], light ink on 0."""
    points = np.concatenate(character.strokes)
    low, high = points.min(axis=0), points.max(axis=0)
    scale = SIZE / max(float((high - low).max()), 1.0)
    side = SIZE + 2 * MARGIN
    width = int(random.integers(*WIDTHS))
    canvas = np.zeros((side, side), np.uint8)
    for stroke in character.strokes:
        places = (stroke - (low + high) / 2) * scale + side / 2
        fixed = np.round(places * (1 << FRACTION)).astype(np.int32)
        if len(fixed) == 1:
            # OpenCV draws no line of one point
            fixed = np.repeat(fixed, 2, axis=0)
        cv2.polylines(canvas, [fixed], False, 255, width, cv2.LINE_AA, FRACTION)
    return canvas


@dataclass(frozen=True)
class _Part:
    """What the pen did from one ``.PEN_DOWN`` or ``.PEN_UP`` to the next: segments number those with points."""

    down: bool
    writer: str
    points: list[tuple[int, int]] = field(default_factory=list)


class _Ink:
    """The parts, with points, of a file of strokes; what such a file includes itself is documentation."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def read(self, folder: Path, included: str) -> None:
        root = (folder / "include").resolve()
        path = (root / included).resolve()
        if not path.is_relative_to(root) or not path.is_file():
            raise TrainingError(f"{path} is not there, though a file of segments includes it. Unpack {folder} again.")
        part, writer = None, ""
        for line in path.read_text("latin-1").splitlines():
            if line.startswith("."):
                keyword, *words = line.split()
                part = None
                if keyword in (".PEN_DOWN", ".PEN_UP"):
                    part = _Part(keyword == ".PEN_DOWN", writer)
                    self._parts.append(part)
                elif keyword == ".WRITER_ID":
                    writer = " ".join(words)
            elif part is not None and line.strip():
                part.points.append(_point(line, str(path)))
        self._parts = [part for part in self._parts if part.points]

    def parts(self, numbers: str, name: str) -> list[_Part]:
        """Those that ``numbers`` names, such as ``2-3`` or ``4,6``."""
        found: list[_Part] = []
        for text in numbers.split(","):
            between = _RANGE.fullmatch(text)
            first, last = (0, -1) if between is None else (int(between[1]), int(between[2] or between[1]))
            if not first <= last < len(self._parts):
                raise TrainingError(f"{name} has a segment of the strokes {numbers}, which are not there.")
            found += self._parts[first : last + 1]
        return found


def _segments(text: str) -> Iterator[tuple[str, list[str]]]:
    """(label, the lines up to the next) of every segment."""
    label, lines = "", list[str]()
    begun = False
    for line in text.splitlines():
        segment = _SEGMENT.match(line)
        if segment is None:
            lines.append(line)
            continue
        if begun:
            yield label, lines
        label, lines, begun = segment[1], [], True
    if begun:
        yield label, lines


def _digit(label: str, lines: Sequence[str], name: str) -> PenCharacter:
    if len(label) != 1 or label not in DIGITS:
        raise TrainingError(f"{name} has a segment labelled {label[:20]!r}, which is no digit. Name a file of digits.")
    strokes: list[list[tuple[int, int]]] = []
    down = False
    for line in lines:
        if line.startswith("."):
            down = line.startswith(".PEN_DOWN")
            if down:
                strokes.append([])
        elif down and line.strip():
            strokes[-1].append(_point(line, name))
    found = tuple(np.array(stroke, np.float32) for stroke in strokes if stroke)
    if not found:
        raise TrainingError(f"{name} has a {label} without a stroke. Download it again.")
    return PenCharacter(label, found)


def _point(line: str, name: str) -> tuple[int, int]:
    point = _POINT.fullmatch(line)
    if point is None:
        raise TrainingError(f"{name} has {line[:40]!r} in the place of a point. Download it again.")
    return int(point[1]), -int(point[2])
