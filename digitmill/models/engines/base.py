"""The interface of an engine: what a runtime needs in order to run a model's weights."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

Batch = NDArray[np.uint8]
Probabilities = NDArray[np.float32]


class Converted(NamedTuple):
    """The two files of a model in OpenVINO's format: its graph (XML) and its weights."""

    graph: Path
    weights: Path


class Engine(Protocol):
    """One model in memory. Calls from several threads are safe."""

    @property
    def name(self) -> str:
        """The value of the setting ENGINE that asks for this engine."""

    @property
    def device(self) -> str:
        """Where it runs: ``cpu`` or ``gpu``."""

    @property
    def precision(self) -> str:
        """The value of the setting PRECISION that asks for its arithmetic."""

    def probabilities(self, batch: Batch, sure: NDArray[np.float64] | float = 0.0) -> Probabilities:
        """The model's own answer, uncalibrated.

        Args:
            batch: uint8 [n, 28, 28], light ink on 0, n >= 0.
            sure: one for all rows or one for each [n]: a row whose best digit is less probable than this is computed in
                f32, though the engine goes by a faster precision. It may have bounds of its own besides.

        Returns:
            float32 [n, classes], rows that sum to 1. A row does not depend on its neighbours beyond rounding.
        """

    def warm_up(self) -> None:
        """Do now what the first calls would otherwise wait for."""
