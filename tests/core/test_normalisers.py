"""A job is read with the normaliser of its model, whatever version is the newest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.drawn.drawing import View, draw
from digitmill.imaging.files.decode import decode
from digitmill.imaging.normaliser import normalisers
from digitmill.work.loading import Models
from tests.core.conftest import DarkMeansSeven, Mill, png, publish

OLD = 1


def all_ink(grey: NDArray[np.uint8], polarity: Polarity) -> tuple[NDArray[np.uint8], bool]:
    return np.full((28, 28), 255, np.uint8), False


@pytest.fixture
def old_normaliser(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release that holds an old version which sees a 7 everywhere."""
    held: dict[int, Any] = {**normalisers._HELD, OLD: all_ink}
    monkeypatch.setattr(normalisers, "_HELD", held)


def test_images_reach_the_model_by_the_normaliser_that_it_was_trained_with(mill: Mill) -> None:
    model = DarkMeansSeven()
    worker = mill.service.work(Models(lambda _: model))
    model.normaliser = all_ink
    job = mill.submit({"thin.png": png()})
    assert worker.run() == 1
    assert mill.service.results.row("ann", job.id, 0).prediction == "7"


def test_what_the_model_saw_is_shown_by_its_own_normaliser(mill: Mill, old_normaliser: None) -> None:
    publish(mill.service.settings.var / "models", "digits", "old", normaliser=OLD)
    job = mill.submit({"thin.png": png()})
    picture = mill.service.results.picture("ann", job.id, 0, View.NORMALISED)
    drawn = draw(picture, View.NORMALISED, max_pixels=10_000)
    assert drawn is not None
    assert decode(drawn, max_pixels=10_000).min() == 255
