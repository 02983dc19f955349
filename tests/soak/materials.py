"""What the jobs of a soak are made of: single digits, strips with numbers, pages of a form."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.end_to_end.test_service import SAMPLES, sample_images
from tests.forms.made import filled_in, first_of, form_named, png

DIGITS = "digits"
FORM = form_named("soak", 3)
TEXTS = ("1", "7", "17", "71", "117", "171")
STRIP_IMAGES = 5
"""Single digits that take about the time of one strip."""
PAGE_IMAGES = 100
"""Single digits that take about the time of one page, or more."""


@dataclass(frozen=True)
class Material:
    """``query`` asks for the reader. ``costs`` is the number of single digits in whose place one image stands, in the
    most that a job may hold. ``weight`` is how often it is chosen. ``upgraded``: the default model reads it, which
    upgrades change."""

    name: str
    query: Mapping[str, str]
    images: Mapping[str, bytes]
    costs: int
    weight: int
    upgraded: bool


@cache
def materials() -> tuple[Material, ...]:
    with zipfile.ZipFile(SAMPLES / "numbers.zip") as archive:
        strips = {name: archive.read(name) for name in archive.namelist()}
    field = first_of(FORM, "digits")
    pages = {f"{text}.png": png(filled_in(FORM, field, text)) for text in TEXTS}
    pages |= {"other form.png": png(form_named("other", 4).blank), "broken.png": b"no picture"}
    return (
        Material(DIGITS, {}, sample_images(), 1, 6, True),
        Material("numbers", {"read": "number"}, strips, STRIP_IMAGES, 2, False),
        Material("forms", {"read": "form", "template": "soak@1"}, pages, PAGE_IMAGES, 1, True),
    )


def template() -> dict[str, tuple[str, bytes, str]]:
    """The parts that publish the template of the pages."""
    return {
        "template": ("template.json", FORM.template.as_json().encode(), "application/json"),
        "reference": ("reference.png", png(FORM.blank), "image/png"),
    }


def answer(row: Mapping[str, Any]) -> str:
    """What must be the same whenever it is asked: all but confidences, whose last digit may vary."""
    fields = {name: (field["status"], field["value"], field["reason"]) for name, field in row.get("fields", {}).items()}
    return json.dumps([row["status"], row.get("prediction"), row["error"] and row["error"]["code"], fields])
