"""Two pages on one scan: told, and never one read and the other lost."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.errors import SeveralPages
from digitmill.forms.registration.choosing import only_page_of, page_of
from digitmill.forms.registration.finding import Scan
from digitmill.forms.registration.several import another_on
from tests.forms.test_registration import form, page, reference
from training.forms.capture import captured
from training.forms.layout import DPI, filled

Grey = NDArray[np.uint8]


def side_by_side(*seeds: int, kind: str = "flatbed", down: bool = False) -> Grey:
    pages = [filled(form(seed), np.random.default_rng([seed, number])) for number, seed in enumerate(seeds)]
    if down:
        pages = [np.ascontiguousarray(np.rot90(each)) for each in pages]
    height, width = (max(each.shape[side] for each in pages) for side in (0, 1))
    pages = [
        np.pad(each, ((0, height - each.shape[0]), (0, width - each.shape[1])), constant_values=255) for each in pages
    ]
    sheet = (np.vstack if down else np.hstack)(pages)
    return captured(sheet, DPI, kind, np.random.default_rng(seeds[0])).picture


@pytest.mark.parametrize(("kind", "down"), [("flatbed", False), ("phone", False), ("flatbed", True)])
def test_two_pages_of_one_form_are_told(kind: str, down: bool) -> None:
    scan = Scan(side_by_side(3, 3, kind=kind, down=down))
    with pytest.raises(SeveralPages, match=r"two pages of form-3@1\. Cut it apart"):
        only_page_of(scan, [reference(3)])


def test_pages_of_two_forms_are_told() -> None:
    scan = Scan(side_by_side(3, 4))
    with pytest.raises(SeveralPages, match="a page of form-3@1 and one of form-4@1"):
        only_page_of(scan, [reference(3), reference(4)])


@pytest.mark.parametrize("kind", ["flatbed", "phone", "curled", "fax"])
@pytest.mark.parametrize("luck", range(3))
def test_one_page_is_read_as_before(kind: str, luck: int) -> None:
    picture = page(3, kind, luck).picture
    found, plain = only_page_of(Scan(picture), [reference(3)]), page_of(Scan(picture), [reference(3)])
    assert np.array_equal(found.corners, plain.corners)


@pytest.mark.parametrize(("kind", "down"), [("flatbed", False), ("phone", False), ("fax", True)])
def test_a_page_of_no_template_beside_one_that_is_known_is_told(kind: str, down: bool) -> None:
    scan = Scan(side_by_side(3, 5, kind=kind, down=down))
    with pytest.raises(SeveralPages, match="a page of form-3@1 and one of no template of this job"):
        only_page_of(scan, [reference(3)])


def test_a_page_beside_empty_paper_or_on_a_table_with_things_is_read() -> None:
    alone = filled(form(3), np.random.default_rng(1))
    empty = np.full_like(alone, 255)
    scan = Scan(captured(np.hstack([alone, empty]), DPI, "flatbed", np.random.default_rng(1)).picture)
    assert another_on(scan, page_of(scan, [reference(3)]), [reference(3)]) is None
    assert only_page_of(scan, [reference(3)]).reference.template.name == "form-3"
    table = np.full_like(alone, 120)
    random = np.random.default_rng(2)
    for _ in range(400):
        x, y = random.integers(0, table.shape[1]), random.integers(0, table.shape[0])
        cv2.rectangle(table, (int(x), int(y)), (int(x) + 18, int(y) + 14), 20, -1)
    scan = Scan(captured(np.hstack([alone, table]), DPI, "flatbed", np.random.default_rng(1)).picture)
    assert only_page_of(scan, [reference(3)]).reference.template.name == "form-3"


def test_a_page_on_a_large_dark_table_of_streaks_is_read() -> None:
    alone = np.rot90(filled(form(3), np.random.default_rng(1)))
    grain = np.random.default_rng(2).normal(0, 200, (alone.shape[0] * 2, alone.shape[1] * 2))
    table = np.clip(60 + cv2.blur(grain, (3, 61)), 0, 255).astype(np.uint8)
    top, left = alone.shape[0] // 2, alone.shape[1] // 2
    table[top : top + alone.shape[0], left : left + alone.shape[1]] = alone * 0.7
    assert only_page_of(Scan(table), [reference(3)]).reference.template.name == "form-3"
