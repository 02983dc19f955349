"""Boxes that are shaded on the form: digits in them are seen, and shade alone is no ink."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from digitmill.forms.boxes import written
from digitmill.forms.cutting import PRINT, cuts_of
from digitmill.forms.registration.finding import Registration, Scan, registered
from digitmill.forms.registration.reference import Reference
from digitmill.forms.shades import shade_of, without_shade
from training.forms.capture import captured
from training.forms.layout import DPI, Form, laid_out

Grey = NDArray[np.uint8]

PAPER = 240


def quads_of(form: Form, number: int) -> NDArray[np.int64]:
    return np.asarray(np.rint(np.array(form.template.fields[number].quads)), np.int64)


def shaded_page(tone: int, kind: str) -> tuple[Registration, list[int]]:
    """A page whose boxes for digits are shaded: of each field the first is empty, and the second has a stroke."""
    form = laid_out(np.random.default_rng(3), "shaded")
    blank = form.blank.copy()
    digits = [number for number, field in enumerate(form.template.fields) if field.kind == "digits"]
    for number in digits:
        for (left, top), _, (right, bottom), _ in quads_of(form, number):
            part = blank[top:bottom, left:right]
            part[:] = np.minimum(part, tone)
    sheet = blank.copy()
    for number in digits:
        (left, top), _, (right, bottom), _ = quads_of(form, number)[1]
        x, y, reach = (left + right) // 2, (top + bottom) // 2, (bottom - top) * 3 // 10
        cv2.line(sheet, (x + 6, y - reach), (x - 6, y + reach), 40, 5, cv2.LINE_AA)
    scan = Scan(captured(sheet, DPI, kind, np.random.default_rng(8)).picture)
    found = registered(scan, Reference(form.template, blank))
    assert found is not None
    return found, digits


@pytest.mark.parametrize(("kind", "tone"), [("flatbed", 170), ("flatbed", 235), ("coarse", 205), ("phone", 170)])
def test_a_stroke_in_a_shaded_box_is_seen_and_shade_alone_is_no_ink(kind: str, tone: int) -> None:
    page, digits = shaded_page(tone, kind)
    for number in digits:
        empty, stroke = cuts_of(page, number)[:2]
        left, top, right, bottom = empty.box
        assert (empty.ink[top:bottom, left:right] >= PRINT).mean() < 0.02
        found = written(stroke)
        assert found.picture is not None
        assert 0.4 < found.trace.tall < 0.9, "of all of the stroke, and of nothing else"


def box(tone: int, inside: bool) -> Grey:
    """A cut of an empty form that is shaded within its box, or around it."""
    picture = np.full((96, 90), PAPER if inside else tone, np.uint8)
    picture[16:80, 16:74] = tone if inside else PAPER
    return picture


@given(st.integers(130, 230), st.booleans(), st.floats(0.8, 1.0), st.integers(-2, 2))
def test_shade_becomes_paper_and_ink_on_it_stays_ink(tone: int, inside: bool, light: float, beside: int) -> None:
    blank = box(tone, inside)
    page = np.roll((blank * light).astype(np.uint8), beside, axis=1)
    page[30:60, 40:44] = page[4:8, 20:60] = 30
    lit = without_shade(page, shade_of(blank))
    ink = page == 30
    assert lit[ink].max() <= 60
    # a frame of a pixel where blank form and scan meet is allowed for
    calm = np.asarray(cv2.medianBlur(lit, 5))[
        ~np.asarray(cv2.dilate(ink.astype(np.uint8), np.ones((9, 9)))).astype(bool)
    ]
    assert calm.min() >= PAPER * light - 8


@given(st.integers(0, 120), st.integers(1, 5))
def test_lines_black_areas_and_even_ground_are_no_shade(tone: int, line: int) -> None:
    plain = np.full((96, 90), PAPER, np.uint8)
    cv2.rectangle(plain, (16, 16), (73, 79), tone, line)
    plain[:10] = 0
    assert not shade_of(plain).size
    assert without_shade(plain, shade_of(plain)) is plain
    assert not shade_of(np.full((96, 90), max(tone, 1), np.uint8)).size
