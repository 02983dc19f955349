"""Pages whose printed code says that they are of another form: the pages and versions of one form look alike."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray

from digitmill.errors import NoTemplate, PageNotRegistered
from digitmill.forms.printed import PrintedPage, printed, wanted_of
from digitmill.forms.registration.choosing import page_of
from digitmill.forms.registration.finding import Scan
from digitmill.forms.registration.reference import Reference
from training.forms.capture import captured
from training.forms.layout import DPI


@cache
def pages(version: str = "1") -> list[PrintedPage]:
    """Two pages with fields at the same places."""
    rows = [{"name": f"n{number}", "length": "5"} for number in range(30)]
    return printed(wanted_of(rows), "census", version=version)


def reference(page: PrintedPage) -> Reference:
    return Reference(page.template, page.picture)


def scan(page: PrintedPage, picture: NDArray[np.uint8] | None = None) -> Scan:
    paper = page.picture if picture is None else picture
    return Scan(captured(paper, DPI, "flatbed", np.random.default_rng(5)).picture)


def test_a_page_of_another_code_is_not_read_by_the_only_template() -> None:
    first, second = pages()
    with pytest.raises(PageNotRegistered, match="census-2@1"):
        page_of(scan(second), [reference(first)])
    with pytest.raises(PageNotRegistered, match="census-1@1"):
        page_of(scan(first), [reference(pages("2")[0])])
    assert page_of(scan(first), [reference(first)]).reference.template.label == "census-1@1"


def test_a_page_of_another_code_is_read_by_none_of_several_templates() -> None:
    first, second = pages()
    with pytest.raises(NoTemplate):
        page_of(scan(first), [reference(second), reference(pages("2")[0])])


def test_a_code_at_another_place_says_nothing_of_the_form() -> None:
    (first, _), (left, top) = pages(), (300, 2900)
    sticker = np.kron(
        np.asarray(
            zxingcpp.write_barcode_to_image(
                zxingcpp.create_barcode("paper 17", zxingcpp.BarcodeFormat.QRCode), scale=1, add_quiet_zones=False
            )
        ),
        np.ones((8, 8), np.uint8),
    )
    paper = first.picture.copy()
    paper[top : top + sticker.shape[0], left : left + sticker.shape[1]] = sticker
    assert page_of(scan(first, paper), [reference(first)]).reference.template.label == "census-1@1"
    code = first.template.registration.code
    assert code is not None
    (x, y), _, (x_end, y_end), _ = np.rint(np.array(code.quad)).astype(int).tolist()
    paper[y - 5 : y_end + 5, x - 5 : x_end + 5] = 255
    assert page_of(scan(first, paper), [reference(first)]).method == "markers"
