"""Drafts of templates: what a page has to write into is found, and proposed as fields that a template may have."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.forms.draft import drafted
from digitmill.forms.geometry import Floats, mapped
from digitmill.forms.template import DigitsField, MarkField, Template
from training.forms.layout import DPI, filled
from training.forms.measure import form_of

Grey = NDArray[np.uint8]
SEED = 77
QUARTER = 0.25
"""Distance of a box's middle from the one that is drawn, in its shorter sides."""


def template_of(page: Grey, dpi: float | None = None) -> Template:
    return Template.parsed(json.dumps(drafted(page, "drafted", dpi)))


def boxes_of(template: Template) -> Floats:
    """The boxes of its fields but codes, float[n, 4, 2]."""
    return np.array([quad for field in template.fields if field.kind != "code" for quad in field.quads])


def met(true: Floats, found: Floats) -> tuple[int, int, int, int]:
    """True boxes that were found, and all of them; found boxes that are true, and all of them."""
    off = np.linalg.norm(true.mean(axis=1)[:, None] - found.mean(axis=1), axis=2)
    near = off <= QUARTER * np.linalg.norm(true - np.roll(true, 1, axis=1), axis=2).min(axis=1)[:, None]
    return int(near.any(axis=1).sum()), len(true), int(near.any(axis=0).sum()), len(found)


def turned(page: Grey, degrees: float, dpi: float) -> tuple[Grey, Floats]:
    """A scan of the page, and the homography float[3, 3] from the page to it."""
    height, width = page.shape
    scale = dpi / DPI
    size = round(width * scale), round(height * scale)
    small = cv2.resize(page, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    move = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), degrees, 1.0)
    noise = np.random.default_rng(SEED).normal(0, 6, size[::-1])
    scan = cv2.warpAffine(small, move, size, borderValue=(240,)) + noise
    way: Floats = np.vstack((move, [0, 0, 1])) @ np.diag([scale, scale, 1])
    return np.clip(scan, 0, 255).astype(np.uint8), way


@pytest.mark.parametrize(("degrees", "dpi", "least"), [(0, 200, 0.9), (-2, 75, 0.8), (3, 600, 0.9)])
def test_nearly_all_boxes_of_a_blank_page_are_found_and_hardly_anything_else(
    degrees: float, dpi: float, least: float
) -> None:
    counts = np.zeros(4, int)
    for number in (0, 3):
        form = form_of(number, SEED)
        scan, way = turned(form.blank, degrees, dpi)
        true = np.array([quad for field in form.template.fields for quad in field.quads], float)
        true = mapped(way, true.reshape(-1, 2)).reshape(-1, 4, 2)
        counts += met(true, boxes_of(template_of(scan)))
    assert counts[0] >= least * counts[1], "found"
    assert counts[2] >= least * counts[3], "right"


def test_most_boxes_of_a_page_full_of_strokes_are_found() -> None:
    form = form_of(1, SEED)
    page = filled(form, np.random.default_rng(SEED))
    true = np.array([quad for field in form.template.fields for quad in field.quads], float)
    counts = met(true, boxes_of(template_of(page)))
    assert counts[0] >= 0.75 * counts[1]
    assert counts[2] >= 0.75 * counts[3]


def test_boxes_bubbles_and_frames_become_fields_in_the_order_of_reading() -> None:
    page = np.full((1169, 827), 255, np.uint8)
    for at in range(5):
        cv2.rectangle(page, (100 + 25 * at, 100), (125 + 25 * at, 130), 0, 1)
    cv2.rectangle(page, (400, 100), (600, 130), 0, 2)
    for at in range(3):
        cv2.circle(page, (110 + 90 * at, 200), 9, 0, 1)
    cv2.rectangle(page, (100, 300), (340, 335), 0, 2)
    for at in range(1, 8):
        cv2.line(page, (100 + 30 * at, 327), (100 + 30 * at, 335), 0, 1)
    boxes, frame, bubbles, comb = template_of(page, 100).fields
    assert isinstance(boxes, DigitsField)
    assert len(boxes.quads) == 5
    assert np.allclose(boxes.quads[1], ((125, 100), (150, 100), (150, 130), (125, 130)), atol=2)
    assert frame.kind == "number"
    assert isinstance(bubbles, MarkField)
    assert list(bubbles.options) == ["A", "B", "C"]
    assert isinstance(comb, DigitsField)
    assert len(comb.quads) == 8


@pytest.mark.parametrize("number", [0, 3])
def test_whether_somebody_has_written_on_a_page_is_told_by_its_boxes(number: int) -> None:
    form = form_of(number, SEED)
    page = filled(form, np.random.default_rng(SEED))

    def is_blank(picture: Grey, said: bool | None = None) -> bool:
        return bool(drafted(picture, "drafted", DPI, blank=said)["page"]["blank"])

    assert is_blank(form.blank)
    assert is_blank(turned(form.blank, 1.0, DPI)[0])
    assert not is_blank(page)
    assert is_blank(page, said=True)
    assert not is_blank(form.blank, said=False)


def test_shade_pale_lines_and_words_in_a_table_are_nobodys_writing() -> None:
    page = np.full((1169, 827), 255, np.uint8)
    for at in range(6):
        cv2.rectangle(page, (100 + 35 * at, 100), (125 + 35 * at, 130), 225, -1)
        cv2.rectangle(page, (100 + 35 * at, 100), (125 + 35 * at, 130), 190, 1)
        cv2.rectangle(page, (100, 300 + 40 * at), (300, 340 + 40 * at), 0, 2)
        cv2.rectangle(page, (300, 300 + 40 * at), (500, 340 + 40 * at), 0, 2)
        cv2.putText(page, "Cows", (110, 330 + 40 * at), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 0, 2)
    found = drafted(page, "table", 100)
    assert {"digits", "number"} <= {field["kind"] for field in found["fields"]}
    assert found["page"]["blank"]
    for at in (1, 2):
        cv2.putText(page, "7", (105 + 35 * at, 127), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 60, 2)
    assert not drafted(page, "table", 100)["page"]["blank"]


def test_of_a_page_without_boxes_it_is_not_sure_that_nobody_has_written_on_it() -> None:
    assert not drafted(np.full((600, 500), 255, np.uint8), "empty")["page"]["blank"]


@pytest.mark.parametrize("shape", [(3, 3), (1, 4000), (2000, 30), (600, 100)])
def test_a_page_with_nothing_to_fill_in_has_no_fields(shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 255, shape).astype(np.uint8)
    for page in (np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), noise):
        assert drafted(page, "empty")["fields"] == []
