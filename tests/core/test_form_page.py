"""Where characters of a page lie, as a reader of the page sees them."""

from __future__ import annotations

import numpy as np
import pytest

from digitmill.domain.form_page import AROUND_CHARACTER, Corners, turned_like

FIELD: Corners = ((100, 100), (400, 100), (400, 160), (100, 160))


@pytest.mark.parametrize("turns", range(4))
def test_a_character_stands_upright_on_a_page_that_lies_in_any_way(turns: int) -> None:
    """The page is turned by quarters about the scan's origin."""
    turn = np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), turns)
    upright = np.array([[150, 110], [180, 110], [180, 150], [150, 150]], float)
    on_scan = upright @ turn.T
    field: Corners = tuple((float(x), float(y)) for x, y in np.array(FIELD) @ turn.T)
    (left, top), (right, bottom) = on_scan.min(axis=0).astype(int).tolist(), on_scan.max(axis=0).astype(int).tolist()
    found = np.array(turned_like(field, (left, top, right, bottom)))
    middle = upright.mean(axis=0)
    expected = (middle + (upright - middle) * (1 + 2 * AROUND_CHARACTER)) @ turn.T
    assert found == pytest.approx(expected, abs=1e-6)
