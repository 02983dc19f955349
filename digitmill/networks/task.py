"""What one training of the service is to do, as it stands in the plan of its job and is handed to its process."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from digitmill.networks.layers import Layer
from digitmill.networks.presets import Optimizer

TASK_FILE = "task.json"
BASE_FILE = "base.keras"
"""The model that is improved."""
IMPROVING_EPOCHS, IMPROVING_BATCH, IMPROVING_RATE = 5, 64, 2e-3
"""Epochs of 2,000 drawn pictures, and of each own row six times: with 330 rows a minute or two on two cores."""


class Base(BaseModel):
    """The exact weights of a published model."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str
    sha256: str

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"


class Zip(BaseModel):
    """Labelled images: ``length`` bytes of the job's upload from ``start``."""

    model_config = ConfigDict(frozen=True)

    name: str
    start: int
    length: int


class Task(BaseModel):
    """``layers`` are empty where ``architecture`` names the network. ``images``: learn from so many at most, None for
    all. ``seconds``: how long it may take, from now on. ``improves``: the model that is gone on with, by what people
    answered; then most of the rest says nothing."""

    model_config = ConfigDict(frozen=True)

    name: str
    architecture: str
    layers: tuple[Layer, ...]
    weights: int
    epochs: int
    batch_size: int
    optimizer: Optimizer
    learning_rate: float
    augmentation: bool
    mnist: bool
    images: int | None
    seed: int
    seconds: float
    jobs: tuple[str, ...] = ()
    zips: tuple[Zip, ...] = ()
    improves: Base | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the zips in the folder of the process."""
        return tuple(f"{each.name}.zip" for each in self.zips)
