"""Real form pages from the data folder: two captures of a NIST form, and a photograph of a tally sheet."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.forms.registration.finding import Scan, registered
from digitmill.forms.registration.reference import Reference
from digitmill.forms.template import Template
from training.forms.capture import captured
from training.forms.measure import QUARTER, errors_of

FORMS = Path(os.environ.get("DIGITMILL_DATA", "data")) / "forms"
SCAN, COARSE = "hsf_w4164.png", "hsf_1989.jpg"
DPI = {SCAN: 300, COARSE: 76}

pytestmark = pytest.mark.skipif(not FORMS.is_dir(), reason="DIGITMILL_DATA has no forms")

Grey = NDArray[np.uint8]


def picture(path: str) -> Grey:
    return np.asarray(cv2.imread(str(FORMS / path), cv2.IMREAD_GRAYSCALE), np.uint8)


def frames(page: str) -> NDArray[np.float64]:
    """The quads float[28, 4, 2] of the fields of one of the two pages, which hold different numbers."""
    with (FORMS / "hsf" / "fields.csv").open() as file:
        places = [[float(row[key]) for key in "xywh"] for row in csv.DictReader(file) if row["page"] == page]
    return np.array([[[x, y], [x + w, y], [x + w, y + h], [x, y + h]] for x, y, w, h in places])


def reference(page: Grey, dpi: float, quads: NDArray[np.float64]) -> Reference:
    fields = [{"name": f"f{number}", "kind": "number", "quad": quad.tolist()} for number, quad in enumerate(quads)]
    size = {"width": page.shape[1], "height": page.shape[0], "dpi": dpi}
    document = {"name": "real", "version": "1", "page": size, "fields": fields}
    return Reference(Template.parsed(json.dumps(document)), page)


@pytest.mark.parametrize(("known", "new"), [(SCAN, COARSE), (COARSE, SCAN)])
def test_a_filled_page_of_another_printing_serves_as_reference(known: str, new: str) -> None:
    """One is bilevel at 300 dots per inch, one grey at 76; their titles, numbers and lower halves differ."""
    found = registered(Scan(picture(f"hsf/{new}")), reference(picture(f"hsf/{known}"), DPI[known], frames(known)))
    assert found is not None
    true = frames(new)
    seen = found.map(frames(known).reshape(-1, 2)).reshape(-1, 4, 2)
    off = np.linalg.norm(seen.mean(axis=1) - true.mean(axis=1), axis=1) / np.linalg.norm(
        true[:, 3] - true[:, 0], axis=1
    )
    assert len(off) == 28
    assert off.max() < 0.1
    assert all(found.is_at_its_place(number) for number in range(28))


@pytest.mark.parametrize(
    "kind", ["flatbed", "feeder", "coarse", "fax", "copy", "phone", "folded", "curled", "crumpled"]
)
@pytest.mark.parametrize(("known", "new"), [(SCAN, COARSE), (COARSE, SCAN)])
def test_it_serves_for_pages_that_a_fax_or_a_phone_takes(known: str, new: str, kind: str) -> None:
    capture = captured(picture(f"hsf/{new}"), DPI[new], kind, np.random.default_rng([1, len(kind)]))
    found = registered(Scan(capture.picture), reference(picture(f"hsf/{known}"), DPI[known], frames(known)))
    assert found is not None
    true = capture.placed(frames(new).reshape(-1, 2)).reshape(-1, 4, 2)
    seen = found.map(frames(known).reshape(-1, 2)).reshape(-1, 4, 2)
    off = np.linalg.norm(seen.mean(axis=1) - true.mean(axis=1), axis=1) / np.linalg.norm(
        true[:, 3] - true[:, 0], axis=1
    )
    assert off.max() < QUARTER


@pytest.mark.parametrize("kind", ["flatbed", "phone", "curled"])
def test_a_photograph_of_a_tally_is_found_again(kind: str) -> None:
    with (FORMS / "tally" / "boxes.csv").open() as file:
        quads = np.array(
            [[[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in range(4)] for row in csv.DictReader(file)]
        )
    page = picture("tally/pwp_sample_01.jpg")
    capture = captured(page, 216, kind, np.random.default_rng(5))
    found = registered(Scan(capture.picture), reference(page, 216, quads))
    assert found is not None
    assert errors_of(found, capture).max() < QUARTER


def test_neither_form_is_taken_for_the_other() -> None:
    tally = picture("tally/pwp_sample_01.jpg")
    assert registered(Scan(tally), reference(picture(f"hsf/{SCAN}"), 300, frames(SCAN))) is None
    quad = np.array([[[100, 100], [300, 100], [300, 200], [100, 200]]], float)
    assert registered(Scan(picture(f"hsf/{SCAN}")), reference(tally, 216, quad)) is None
