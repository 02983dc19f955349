"""Contact sheets of the pairs that are to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice, zip_longest
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from training.metamorphic.measure import Offenders, Pair
from training.metamorphic.pictures import Grey, grey

TILE, CAPTION, COLUMNS, MOST = 96, 26, 8, 96
"""Pixels of a picture and of the lines below it; pairs in a row, and on a sheet."""
BACKGROUND = 128


class Cell(NamedTuple):
    """Pictures side by side, and two lines about them."""

    pictures: Sequence[Grey]
    lines: tuple[str, str]


def write_sheets(offenders: Offenders, folder: Path) -> list[Path]:
    """``changed.png``, ``wrong.png`` and ``blank.png`` in ``folder``: before and after, each set's surest first."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {"changed": offenders.changed, "wrong": offenders.wrong, "blank": offenders.blank}
    written = []
    for name, pairs in found.items():
        if pairs:
            written.append(folder / f"{name}.png")
            write_sheet(map(_cell, _mixed(pairs)), written[-1])
    return written


def _mixed(pairs: Sequence[Pair]) -> list[Pair]:
    """The surest of every set and digit, then their second surest, and so on: no set fills the sheet alone."""
    kinds: dict[tuple[str, int, int | None], list[Pair]] = {}
    for pair in sorted(pairs, key=lambda pair: -min(pair.before.confidence, pair.after.confidence)):
        kinds.setdefault((pair.digit.source, pair.digit.label, pair.after.digit), []).append(pair)
    rounds = (pair for turn in zip_longest(*kinds.values()) for pair in turn if pair is not None)
    return list(islice(rounds, MOST))


def write_sheet(cells: Iterable[Cell], path: Path) -> None:
    """All ``cells`` as one PNG."""
    tiles = [_tile(cell) for cell in cells]
    empty = np.full_like(tiles[0], BACKGROUND)
    tiles += [empty] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[start : start + COLUMNS]) for start in range(0, len(tiles), COLUMNS)]
    _, data = cv2.imencode(".png", np.vstack(rows))
    path.write_bytes(data.tobytes())


def _cell(pair: Pair) -> Cell:
    before, after = (
        "blank" if each.digit is None else f"{each.digit} {each.confidence:.4f}" for each in (pair.before, pair.after)
    )
    about = f"{pair.digit.label}: {before} > {after}"
    return Cell((pair.digit.picture, pair.asked.picture), (about, f"{pair.digit.source}, {pair.transformation}"))


def _tile(cell: Cell) -> Grey:
    shown = np.hstack([_fitted(picture) for picture in cell.pictures])
    lines = np.full((CAPTION, shown.shape[1]), 255, np.uint8)
    for number, text in enumerate(cell.lines):
        cv2.putText(lines, text, (2, 10 + 12 * number), cv2.FONT_HERSHEY_SIMPLEX, 0.3, 0, 1, cv2.LINE_AA)
    return grey(np.pad(np.vstack([shown, lines]), 2, constant_values=BACKGROUND))


def _fitted(picture: Grey) -> Grey:
    """On ``TILE`` x ``TILE``, in its proportions; the ground tells how far the picture reaches."""
    factor = (TILE - 4) / max(picture.shape)
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_NEAREST)
    tile = np.full((TILE, TILE), BACKGROUND, np.uint8)
    top, left = (TILE - size[1]) // 2, (TILE - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile
