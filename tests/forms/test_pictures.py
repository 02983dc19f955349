"""Fields that are kept as pictures: one word in them is told, and shade, folds and the paper's grain are not taken for
one."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.forms.pictures import is_written
from digitmill.forms.printed import DPI, PrintedPage, printed, wanted_of
from digitmill.forms.registration.finding import Scan, registered
from digitmill.forms.registration.reference import Reference
from training.forms.capture import captured

Grey = NDArray[np.uint8]

EMPTY, WORD = 1, 2
"""The number of the field in which nobody wrote, and of that with a short word in one corner."""
LINED = 0.5
"""Where in a field's height a line to write on runs."""


@cache
def form() -> PrintedPage:
    rows = [{"name": "station", "length": "7"}, *({"name": name, "kind": "picture"} for name in ("empty", "word"))]
    return printed(wanted_of(rows), "remarks")[0]


def corners(number: int) -> tuple[int, int, int, int]:
    (quad,) = form().template.fields[number].quads
    (left, top), (right, bottom) = np.array(quad).min(axis=0).astype(int), np.array(quad).max(axis=0).astype(int)
    return int(left), int(top), int(right), int(bottom)


def page(tone: int = 110) -> Grey:
    sheet = np.asarray(form().picture).copy()
    left, _, _, bottom = corners(WORD)
    cv2.putText(sheet, "no", (left + 60, bottom - 60), cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, 1.2, tone, 3, cv2.LINE_AA)
    return sheet


def told(sheet: Grey, reference: Reference, kind: str, seed: int) -> tuple[bool, bool]:
    found = registered(Scan(captured(sheet, DPI, kind, np.random.default_rng(seed)).picture), reference)
    assert found is not None
    return is_written(found, EMPTY), is_written(found, WORD)


@pytest.mark.parametrize(
    ("kind", "seed"), [("flatbed", 0), ("coarse", 0), ("phone", 0), ("folded", 1), ("crumpled", 1), ("crumpled", 4)]
)
def test_a_word_is_told_and_an_empty_field_is_empty(kind: str, seed: int) -> None:
    assert told(page(), Reference(form().template, np.asarray(form().picture)), kind, seed) == (False, True)


def test_lines_to_write_on_are_no_writing_where_no_blank_page_tells_what_is_print() -> None:
    sheet = page()
    for number in (EMPTY, WORD):
        left, top, right, bottom = corners(number)
        y = round(top + LINED * (bottom - top))
        cv2.line(sheet, (left, y), (right, y), 60, 2)
    template = form().template
    filled = template.model_copy(update={"page": template.page.model_copy(update={"blank": False})})
    assert told(sheet, Reference(filled, sheet), "flatbed", 0) == (False, True)
