"""What an evaluation counts as accepted is what the reader of single digits accepts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitmill.models.registry import Registry
from digitmill.models.runtime import Model
from training.learning.epochs import Validation
from training.measuring.evaluate import measure
from training.pictures.data import NO_DIGITS, Digits, Source

SURE = 0.999
"""Enough to be accepted, but not beyond doubt."""


class SureOfZero:
    """An engine to which everything is a 0."""

    name, device, precision = "fake", "cpu", "f32"

    def __init__(self, classes: int) -> None:
        self._classes = classes

    def probabilities(self, batch: NDArray[np.uint8], sure: NDArray[np.float64] | float = 0.0) -> NDArray[np.float32]:
        found = np.full((len(batch), self._classes), (1 - SURE) / (self._classes - 1), np.float32)
        found[:, 0] = SURE
        return found

    def warm_up(self) -> None:
        """There is nothing to do."""


def test_a_zero_with_a_line_through_it_is_not_counted_as_accepted() -> None:
    ring = np.zeros((28, 28), np.uint8)
    ring[4:24, 8:20] = 255
    ring[7:21, 11:17] = 0
    struck = ring.copy()
    struck[12:15, 2:26] = 255
    test = Digits(np.stack([ring, struck]), np.zeros(2, np.uint8))
    manifest = Registry("memory://none", Path("unused")).default().model_copy(update={"temperature": 1.0})
    model = Model(manifest, SureOfZero(len(manifest.classes)))
    metrics = measure(model, (Source("rings", "", NO_DIGITS, NO_DIGITS, test),), Validation(NO_DIGITS))
    assert (metrics.test["rings"].accuracy, metrics.test["rings"].coverage) == (1, 0.5)
