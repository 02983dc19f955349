"""Everything that decides a training run, with the reason for each default."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from digitmill.models.manifest import Name, Version
from digitmill.networks.layers import Layer
from training.pictures.data import DATA_SETS

CONFIG_FILE = "config.json"

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Optimizer = Literal["adamw", "adam", "sgd"]
Arithmetic = Literal["float32", "mixed_bfloat16"]


class Config(BaseModel):
    """One run. Written to ``config.json`` in the run's folder; a resumed run must match it.

    The defaults are the recipe of ``compact``; those of the other architectures are in recipes.py.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name = "digits"
    version: Version
    architecture: Name = "compact"
    """8.0 M multiply-adds an image: 13,000 images a second on one core, in f32 by OpenVINO."""
    layers: tuple[Layer, ...] = ()
    """Of a network that came from a JSON file; none where ``architecture`` is one of ours."""
    epochs: Count = 120
    """At 40 seconds each on two cores; of 64 the last ten still lowered the validation loss."""
    batch_size: Count = 256
    """With bf16 as fast on a CPU as larger ones are, and with twice their steps."""
    arithmetic: Arithmetic = "mixed_bfloat16"
    """Of the layers while they are trained; 1.3 to 1.6 times as fast on CPUs that have it, and taken by ``train`` on
    those and on GPUs alone. What is saved is float32."""
    optimizer: Optimizer = "adamw"
    """Its rate warms up and then follows a cosine to zero, as with the other optimizers."""
    learning_rate: Positive = 3e-3
    """Adam with batch normalisation bears it at this batch size; the cosine brings it to zero."""
    weight_decay: float = Field(0.02, ge=0)
    """Decoupled from the loss (AdamW), so that it does not distort confidences; the other optimizers take none."""
    augmented: bool = True
    """Digits are drawn again for every epoch, as real scans are unlike MNIST; without, they are taken as they are."""
    scan_share: float = Field(0.6, ge=0, le=1)
    """Most images that come in are scans; the rest keeps the clean digit in sight."""
    non_digits: float = Field(0.3, ge=0, le=1)
    """Crosses, letters, scribbles, pairs and the like, so many for each digit: seven classes of their own. With 0 the
    network has the ten digits alone."""
    data_sets: tuple[str, ...] = DATA_SETS
    """All that there are: every country writes its own ones and sevens."""
    repeated: dict[str, Count] = Field(default_factory=lambda: {"optdigits": 4, "semeion": 4, "unipen": 2})
    """How often an epoch draws each digit of some of them: Turks and Italians write as Europeans do, and are few; the
    246 writers of UNIPEN come from a dozen laboratories, with few digits each."""
    left_out: tuple[str, ...] = ()
    """Of those, the ones kept for testing alone: how a network reads what it has never seen."""
    data: tuple[str, ...] = ()
    """Further sources, as ``--data`` named them: the built-in sets need none."""
    begin_with: str = ""
    """The folder of another run of the same network, whose weights are taken up; none where it begins from nothing."""
    box_forms: int = Field(0, ge=0)
    """Drawn forms the boxes of which are learnt besides, nine pages each: for a network that reads boxes of forms."""
    seed: int = 1


def read_config(folder: Path) -> Config | None:
    """The configuration of the run in ``folder``; None where there is no run."""
    path = folder / CONFIG_FILE
    return Config.model_validate_json(path.read_bytes()) if path.is_file() else None
