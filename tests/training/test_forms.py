"""Drawn forms and their captures: what they say of themselves is true of their pictures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitmill.forms.template import Template
from training.forms.capture import KINDS, captured
from training.forms.layout import DPI, filled, laid_out
from training.forms.measure import measured


@given(st.integers(0, 10_000), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=25)
def test_every_form_is_a_template_that_can_be_published(seed: int, markers: bool, code: bool, sparse: bool) -> None:
    form = laid_out(np.random.default_rng(seed), markers=markers, code=code, sparse=sparse)
    assert Template.parsed(form.template.as_json()) == form.template
    assert form.blank.shape == (form.template.page.height, form.template.page.width)
    assert any(field.kind == "digits" for field in form.template.fields)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_dot_is_where_the_capture_says(kind: str, seed: int) -> None:
    page = np.full((1170, 827), 255, np.uint8)
    dot = (600, 400)
    page[dot[1] - 12 : dot[1] + 13, dot[0] - 12 : dot[0] + 13] = 0
    capture = captured(page, 100, kind, np.random.default_rng(seed))
    x, y = capture.placed(np.array([dot], float))[0]
    edge = capture.placed(np.array([[dot[0] + 10, dot[1]]], float))[0]
    reach = int(np.hypot(edge[0] - x, edge[1] - y) * 2) + 2
    near = capture.picture[int(y) - reach : int(y) + reach + 1, int(x) - reach : int(x) + reach + 1].astype(float)
    dark = np.clip(np.median(near) - near, 0, None) ** 2
    rows, columns = np.indices(near.shape)
    middle = np.array([(dark * columns).sum(), (dark * rows).sum()]) / dark.sum() + (int(x) - reach, int(y) - reach)
    assert np.abs(middle - (x, y)).max() < 0.15 * reach


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same_page(kind: str) -> None:
    first, second = (
        captured(
            filled(laid_out(np.random.default_rng(4)), np.random.default_rng(5)), DPI, kind, np.random.default_rng(6)
        )
        for _ in range(2)
    )
    assert np.array_equal(first.picture, second.picture)


def test_measuring_counts_every_page_and_every_stranger() -> None:
    table = measured(range(2), 3, 2)
    cells = {column.header: list(column.cells) for column in table.columns}
    assert cells["capture"] == [*KINDS, "all"]
    assert cells["pages"][-1] == "2"
    assert cells["all boxes within 1/4"][-1] == "100.0%"
    assert cells["strangers accepted"][-1] == "0 of 1"
