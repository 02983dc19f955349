"""Two captures of one sheet are known by their sketches, and two sheets with the same values are told apart."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from digitmill.forms.cutting import cuts_of
from digitmill.forms.registration.choosing import only_page_of
from digitmill.forms.registration.finding import Scan
from digitmill.forms.registration.reference import Reference
from digitmill.forms.sketch import SAME_FROM, Sketch, digest_of, likeness
from digitmill.forms.template import DigitsField
from tests.forms.made import Grey, form_named, handwritten, scanned
from training.forms import filling
from training.forms.layout import Form

TEXT = "4071923856"


@pytest.fixture(scope="module")
def form() -> Form:
    return form_named("claim", 3)


@cache
def sheet(hand: int) -> Grey:
    """The same digits in all boxes, by another hand for each number."""
    form, random = form_named("claim", 3), np.random.default_rng(hand)
    writer, page = filling._writer(handwritten(), 60, random), form.blank.copy()
    for field in form.template.fields:
        if isinstance(field, DigitsField):
            for place, quad in enumerate(field.quads):
                filling._digit(page, np.array(quad), TEXT[place % len(TEXT)], writer, random)
    return page


def sketched(form: Form, picture: Grey) -> np.ndarray:
    reference = Reference(form.template, form.blank)
    page, sketch = only_page_of(Scan(picture), [reference]), Sketch(form.template)
    for number, field in enumerate(form.template.fields):
        if isinstance(field, DigitsField):
            for place, cut in enumerate(cuts_of(page, number)):
                sketch.add(number, place, cut)
    return np.frombuffer(sketch.packed(), np.uint8)


@pytest.mark.parametrize(("kind", "seed"), [("flatbed", 2), ("feeder", 3), ("phone", 4), ("fax", 5)])
def test_another_capture_of_a_sheet_is_known_and_another_sheet_with_its_values_is_none(
    form: Form, kind: str, seed: int
) -> None:
    known = sketched(form, scanned(sheet(1), "flatbed", 1))
    again, other = (sketched(form, scanned(sheet(hand), kind, seed)) for hand in (1, 2))
    same, another = likeness(known, np.stack([again, other]))
    assert same >= SAME_FROM
    assert another < SAME_FROM - 0.1


def test_no_two_scans_have_one_digest(form: Form) -> None:
    page = scanned(form.blank)
    assert digest_of(page) == digest_of(page.copy())
    assert digest_of(page) != digest_of(scanned(form.blank, seed=2))
    assert digest_of(page) != digest_of(np.ascontiguousarray(page[: len(page) - 1]))
