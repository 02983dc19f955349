"""Real pictures that are no digits, cut from scanned forms, to measure what a network has never seen.

``forms/hsf`` holds two pages of NIST's handwriting sample form with the alphabet written out twice, and
``forms/tally`` a photographed sheet of an election, with numbers in words, tallies and crossed-out fields.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import normalise
from training.non_digits.letters import PRINTED
from training.pictures.boxes import Picture, boxes_of, page_of
from training.pictures.data import Images

LETTERS = "letters"
LOOKALIKES = "lookalikes"
CROSSES = "crosses"
TALLIES = "tallies"
EMPTY = "empty boxes"


@dataclass(frozen=True)
class _Line:
    """A line of letters; ``letters`` names each with its first and last column, in pixels."""

    page: str
    top: int
    bottom: int
    margin: int
    letters: str


@dataclass(frozen=True)
class _Grid:
    """Printed cells of one size, read from the corners of the whole, in pixels.

    ``rows`` names what is in each cell: a letter, + for a cross, | for a tally, a space for nothing, and ? for what
    is left out.
    """

    top_left: tuple[int, int]
    top_right: tuple[int, int]
    bottom_left: tuple[int, int]
    bottom_right: tuple[int, int]
    rows: tuple[str, ...]


LINES = (
    _Line(
        "hsf_w4164.png",
        1783,
        1865,
        4,
        "d 248 285 e 320 351 n 383 424 a 444 485 y 503 539 x 575 606 l 641 649 g 685 711 h 747 790 m 849 925 k 961 993"
        " u 1039 1068 f 1103 1143 w 1184 1241 v 1301 1324 s 1455 1480 o 1492 1518 i 1560 1571 t 1600 1652 r 1673 1700"
        " j 1733 1749 c 1789 1812 b 1839 1880 p 1911 1947 z 1981 2034",
    ),
    _Line(
        "hsf_w4164.png",
        1946,
        2032,
        4,
        "F 237 285 T 324 384 U 447 489 J 542 602 S 662 696 P 744 777 N 833 889 O 911 949 I 1030 1040 Y 1098 1151"
        " M 1212 1285 Q 1326 1377 E 1431 1475 L 1520 1555 H 1591 1632 D 1670 1706 X 1738 1776 G 1808 1848"
        " W 1901 1958 A 1980 2013 K 2025 2070 V 2091 2117 B 2130 2166",
    ),
    # its small t is written as a T, and its l, d and i are blotted or grown into others
    _Line(
        "hsf_1989.jpg",
        421,
        443,
        1,
        "g 45 56 y 62 70 x 76 88 a 106 116 k 125 142 p 143 157 s 176 191 b 192 203 T 207 220 z 223 235"
        " r 244 257 u 264 281 m 282 299 w 304 324 f 331 347 q 349 360 j 367 377 e 386 399 n 403 414 h 423 433"
        " o 440 449 c 453 463 v 471 493",
    ),
    _Line(
        "hsf_1989.jpg",
        471,
        492,
        1,
        "Z 44 61 X 65 77 S 78 92 B 92 110 N 112 128 G 133 148 E 152 167 C 171 182 M 186 202 Y 210 220 W 227 240"
        " Q 247 262 T 269 285 K 286 301 F 306 319 L 319 331 U 337 352 O 357 367 H 368 385 P 388 403 I 406 415"
        " R 418 433 V 436 447 D 451 469 J 469 486 A 485 504",
    ),
)
TALLY_PAGE = "pwp_sample_01.jpg"
GRIDS = (
    _Grid((528, 612), (1254, 610), (529, 810), (1254, 808), ("|" * 12, "|" * 12, "|" + "+" * 11, "", "")),
    _Grid((534, 930), (1252, 930), (534, 1122), (1250, 1121), ("|||||||||+++", "", "", "", "")),
    _Grid((536, 1239), (1247, 1238), (536, 1428), (1247, 1428), ("|" * 12, "|?", "", "", "")),
    _Grid((540, 1850), (1248, 1847), (540, 2038), (1248, 2036), ("||||", "", "", "", "")),
)
WORDS = (
    (_Grid((530, 841), (1613, 839), (530, 886), (1613, 884), ("SERATUS DUA PULUH TIGA",)), 35),
    (_Grid((535, 1154), (1609, 1152), (535, 1199), (1609, 1197), ("EMPAT PULUH LIMA",)), 35),
    (_Grid((540, 1460), (1606, 1459), (540, 1504), (1606, 1503), ("ENAM PULUH TUJUH",)), 35),
    (_Grid((540, 1638), (1357, 1637), (540, 1681), (1357, 1680), ("DUA RATUS TIGA PULUH LIMA",)), 27),
    (_Grid((541, 2070), (1600, 2070), (541, 2114), (1600, 2114), ("DELAPANBELAS",)), 35),
    (_Grid((540, 2184), (1355, 2183), (540, 2226), (1355, 2225), ("DUA RATUS LIMA PULUH TIGA",)), 27),
)
TALLY_COLUMNS = 12
CROSS = "cross"
"""What boxes.csv calls a field that is crossed out."""


def strangers(data: Path) -> dict[str, Images]:
    """Pictures [n, 28, 28] of each kind of stranger: letters, letters like a digit, crosses, tallies, empty boxes.

    Those that the normaliser calls blank are left out, for the service answers them without a network. Empty where
    ``data`` has no forms.

    Raises:
        TrainingError: a page cannot be read.
    """
    found: dict[str, list[Picture]] = {}
    for kind, crop in _crops(data / "forms"):
        picture = normalise(crop, Polarity.AUTO)
        if picture is not None:
            found.setdefault(kind, []).append(picture)
    return {kind: np.stack(pictures) for kind, pictures in found.items()}


def _crops(forms: Path) -> Iterator[tuple[str, Picture]]:
    if (forms / "hsf").is_dir():
        for line in LINES:
            yield from _letters(page_of(forms / "hsf" / line.page), line)
    if (forms / "tally").is_dir():
        page = page_of(forms / "tally" / TALLY_PAGE)
        for grid in GRIDS:
            yield from _cells(page, grid, TALLY_COLUMNS)
        for grid, columns in WORDS:
            yield from _cells(page, grid, columns)
        yield from ((CROSSES, box.crop) for box in boxes_of(forms / "tally") if box.label == CROSS)


def _letters(page: Picture, line: _Line) -> Iterator[tuple[str, Picture]]:
    words = line.letters.split()
    for letter, left, right in zip(words[::3], words[1::3], words[2::3], strict=True):
        yield _kind(letter), page[line.top : line.bottom, int(left) - line.margin : int(right) + line.margin]


def _cells(page: Picture, grid: _Grid, columns: int) -> Iterator[tuple[str, Picture]]:
    """Each cell of ``grid`` with its lines, as a reader of forms cuts it."""
    top_left, top_right, bottom_left, bottom_right = (
        np.array(corner) for corner in (grid.top_left, grid.top_right, grid.bottom_left, grid.bottom_right)
    )

    def corner(row: int, column: int) -> tuple[int, int]:
        down, across = row / len(grid.rows), column / columns
        left, right = (1 - down) * top_left + down * bottom_left, (1 - down) * top_right + down * bottom_right
        x, y = np.rint((1 - across) * left + across * right)
        return int(x), int(y)

    for row, text in enumerate(grid.rows):
        for column, character in enumerate(text.ljust(columns)):
            (left, top), (right, bottom) = corner(row, column), corner(row + 1, column + 1)
            if character != "?":
                yield _kind(character), page[top : bottom + 1, left : right + 1]


def _kind(character: str) -> str:
    named = {" ": EMPTY, "+": CROSSES, "|": TALLIES}
    return named.get(character) or (LETTERS if character in PRINTED else LOOKALIKES)
