"""Drafts in processes apart: the same as here, and given up where they take too much."""

from __future__ import annotations

import numpy as np
import pytest

from digitmill.errors import FailureCode, ItemFailure
from digitmill.forms.draft import drafted
from digitmill.forms.drafting import drafted_apart
from digitmill.settings import Settings
from training.forms.measure import form_of

SETTINGS = Settings.load(env_file=None)
SQUARES = np.kron(np.indices((40, 40)).sum(axis=0) % 2 * 255, np.ones((20, 20))).astype(np.uint8)


def test_a_draft_that_is_made_apart_is_the_same() -> None:
    page = form_of(0, 77).blank
    assert drafted_apart(page, "tally", 200, SETTINGS, blank=True) == drafted(page, "tally", 200, blank=True)


@pytest.mark.parametrize("limit", [{"image_seconds": 0.001}, {"image_memory_bytes": 100_000}])
def test_a_page_that_takes_too_much_is_given_up(limit: dict[str, float]) -> None:
    with pytest.raises(ItemFailure) as given_up:
        drafted_apart(SQUARES, "tally", 200, SETTINGS.model_copy(update=limit), blank=True)
    assert given_up.value.failure is FailureCode.POISON_IMAGE


def test_a_page_of_any_shape_is_drafted() -> None:
    assert drafted_apart(np.full((3, 70_000), 255, np.uint8), "tally", None, SETTINGS, blank=False)["fields"] == []
