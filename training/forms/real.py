"""How well the real pages of the data folder are read: a NIST form of two writers, and a tally of an election.

The NIST pages are read by a template made of the other writer's page; the tally by one made of itself, since there is
but one. All are read as they are, and captured once more as scanners and phones do.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from digitmill.domain.jobs import Options
from digitmill.domain.rows import RowStatus
from digitmill.forms.certainty import REVIEW_BELOW
from digitmill.forms.registration.reference import Reference
from digitmill.forms.template import Template
from digitmill.readers.form import FormReader
from training.forms.capture import captured
from training.forms.reading import Models, read_page

Grey = NDArray[np.uint8]

HSF = {"hsf_w4164.png": 300.0, "hsf_1989.jpg": 76.0}
"""The NIST pages, and their dots per inch."""
TALLY, TALLY_DPI = "pwp_sample_01.jpg", 216.0
INSIDE = 0.06
"""Of a NIST frame's height, what its crop has of paper around it."""
CAPTURES = ("as it is", "flatbed", "fax", "phone", "curled")
HEADINGS = ("page", "capture", "fields", "exact", "accepted", "wrong accepted")


@dataclass(frozen=True)
class RealPage:
    """A page, what it is read by, and the value of each field."""

    name: str
    picture: Grey
    dpi: float
    reference: Reference
    truth: dict[str, str | None]


def measured(forms: Path, models: Models, seed: int) -> Table:
    """A row for each page and capture."""
    table = Table(*HEADINGS)
    for page in [*_nist(forms / "hsf"), *_tally(forms / "tally")]:
        for kind in CAPTURES:
            random = np.random.default_rng([seed, CAPTURES.index(kind)])
            picture = page.picture if kind == CAPTURES[0] else captured(page.picture, page.dpi, kind, random).picture
            table.add_row(page.name, kind, *_outcome(page, picture, models))
    return table


def _outcome(page: RealPage, picture: Grey, models: Models) -> tuple[str, ...]:
    reader = FormReader([page.reference], numbers=models.numbers)
    row = read_page(picture, reader, models.digits, Options(review_below=REVIEW_BELOW))
    if row is None or row.fields is None:
        return str(len(page.truth)), "not found", "", ""
    right = {name: row.fields[name].text == text for name, text in page.truth.items()}
    taken = [name for name in right if row.fields[name].status in (RowStatus.RECOGNIZED, RowStatus.BLANK)]
    wrong = [f"{name}: {page.truth[name]} as {row.fields[name].text}" for name in taken if not right[name]]
    return str(len(right)), str(sum(right.values())), str(len(taken)), ", ".join(wrong) or "0"


def _nist(folder: Path) -> Iterator[RealPage]:
    fields: dict[str, list[dict[str, str]]] = defaultdict(list)
    for line in _lines(folder / "fields.csv"):
        fields[line["page"]].append(line)
    one, other = HSF
    for page, by in ((one, other), (other, one)):
        quads = {f"f{number:02}": _frame(line) for number, line in enumerate(fields[by])}
        document = [{"name": name, "kind": "number", "quad": quad} for name, quad in quads.items()]
        truth: dict[str, str | None] = {f"f{number:02}": line["label"] for number, line in enumerate(fields[page])}
        reference = _reference(_grey(folder / by), HSF[by], document)
        yield RealPage(page, _grey(folder / page), HSF[page], reference, truth)


def _frame(line: dict[str, str]) -> list[list[float]]:
    x, y, width, height = (float(line[key]) for key in "xywh")
    room = INSIDE * height
    left, top, right, bottom = x + room, y + room, x + width - room, y + height - room
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def _tally(folder: Path) -> Iterator[RealPage]:
    fields: dict[str, list[dict[str, str]]] = defaultdict(list)
    for line in _lines(folder / "boxes.csv"):
        fields[line["field"]].append(line)
    document = [
        {
            "name": name,
            "kind": "digits",
            "boxes": [[[float(box[f"x{corner}"]), float(box[f"y{corner}"])] for corner in range(4)] for box in boxes],
        }
        for name, boxes in fields.items()
    ]
    truth: dict[str, str | None] = {
        name: "".join(box["label"] for box in boxes if box["label"].isdigit()) for name, boxes in fields.items()
    }
    checks = [{"rule": "f00 + f01 + f02 == f03"}, {"rule": "f03 + f04 == f05"}]
    picture = _grey(folder / TALLY)
    for name, rules in (("tally", []), ("tally, its sums checked", checks)):
        yield RealPage(name, picture, TALLY_DPI, _reference(picture, TALLY_DPI, document, rules), truth)


def _reference(
    picture: Grey, dpi: float, fields: list[dict[str, Any]], checks: list[dict[str, str]] | None = None
) -> Reference:
    size = {"width": picture.shape[1], "height": picture.shape[0], "dpi": dpi}
    document = {"name": "real", "version": "1", "page": size, "fields": fields, "checks": checks or []}
    return Reference(Template.parsed(json.dumps(document)), picture)


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def _grey(path: Path) -> Grey:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
