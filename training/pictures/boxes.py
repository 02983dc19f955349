"""Digits in the boxes of real, filled-in forms, for testing alone.

``forms/<name>/boxes.csv`` in the data folder has a line for each box: ``label``, ``page`` (a picture beside it) and
the corners ``x0,y0`` to ``x3,y3`` in its pixels. Every page is a source of its own.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.errors import ItemFailure, TrainingError
from digitmill.imaging.files.decode import decode
from training.pictures.data import CLASSES, NO_DIGITS, Digits, Source, normalised

Picture = NDArray[np.uint8]

BOXES_FILE = "boxes.csv"
LICENCES = {"hsf": "public domain (NIST)", "tally": "Apache-2.0 (c.digital)"}
LARGEST_PAGE = 100_000_000
"""Pixels."""


@dataclass(frozen=True)
class Box:
    """``crop`` uint8 [height, width], grey as scanned; ``label``: a digit, or a word for what else is there."""

    page: str
    label: str
    crop: Picture


def form_boxes(data: Path) -> list[Source]:
    """A source for each page under ``forms`` in the data folder, with its digits as the test part."""
    return [source for folder in _folders(data) for source in _sources(folder)]


def boxes_of(folder: Path) -> Iterator[Box]:
    """All boxes that ``boxes.csv`` in ``folder`` names, in its order.

    Raises:
        TrainingError: the file lacks a column, or a page is missing or too large.
    """
    pages: dict[str, Picture] = {}
    with (folder / BOXES_FILE).open(newline="") as file:
        for line in csv.DictReader(file):
            try:
                columns, rows = ([float(line[f"{axis}{corner}"]) for corner in range(4)] for axis in "xy")
                page, label = line["page"], line["label"]
            except (KeyError, ValueError) as error:
                raise TrainingError(f"{folder / BOXES_FILE}: {error} is missing or no number. Correct it.") from error
            if page not in pages:
                pages[page] = page_of(folder / page)
            inside = np.s_[round(min(rows)) : round(max(rows)), round(min(columns)) : round(max(columns))]
            yield Box(page, label, pages[page][inside])


def _folders(data: Path) -> list[Path]:
    return sorted(path.parent for path in (data / "forms").glob(f"*/{BOXES_FILE}"))


def _sources(folder: Path) -> Iterator[Source]:
    pages: dict[str, list[Box]] = {}
    for box in boxes_of(folder):
        if box.label in CLASSES:
            pages.setdefault(Path(box.page).stem, []).append(box)
    for page, boxes in pages.items():
        labels = np.array([int(box.label) for box in boxes], np.uint8)
        test = Digits(normalised([box.crop for box in boxes], Polarity.AUTO), labels)
        yield Source(page, LICENCES.get(folder.name, "not stated"), NO_DIGITS, NO_DIGITS, test)


def page_of(path: Path) -> Picture:
    """The scanned form in ``path``, uint8 [height, width], grey as scanned.

    Raises:
        TrainingError: there is no such file, or it is no image.
    """
    if not path.is_file():
        raise TrainingError(f"{path} is missing. Put the page beside {BOXES_FILE}.")
    try:
        return decode(path.read_bytes(), max_pixels=LARGEST_PAGE)
    except ItemFailure as failure:
        raise TrainingError(f"{path} cannot be read: {failure.detail} Put the page beside {BOXES_FILE}.") from failure
