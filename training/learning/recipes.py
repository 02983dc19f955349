"""How each architecture is trained: the recipes beside ``compact``'s, which is ``Config`` itself.

The classics are trained as those who praise them do, on MNIST as it is, so that what they claim can be checked.
A recipe only sets defaults: what a run was trained with stands in its ``config.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, ValidationError

from digitmill.errors import TrainingError
from digitmill.faults import faults_of, in_words
from digitmill.models.manifest import Name
from digitmill.networks.layers import Layer, LayerFault, layers_of
from training.config import Arithmetic, Config, Count, Optimizer, Positive
from training.pictures.data import CLASSES


class Classic(Config):
    """What the classics have in common, and what a network from a JSON file begins with."""

    claim: ClassVar[str] = ""
    """Test accuracy on MNIST that is commonly claimed for it, and by whom; empty where nobody claims one."""

    epochs: Count = 10
    """What the claims name; small networks on MNIST gain little after it."""
    optimizer: Optimizer = "adam"
    """What most of the claims name."""
    learning_rate: Positive = 4e-3
    """Four times Adam's default, for batches four times Keras's; for dense layers better than one or two times."""
    batch_size: Count = 128
    """What the claims name, or near it."""
    arithmetic: Arithmetic = "float32"
    """That of the claims; bf16 gains nothing on networks this small."""
    augmented: bool = False
    """The claims are about MNIST as it is."""
    non_digits: float = Field(0, ge=0, le=1)
    """As before."""
    data_sets: tuple[str, ...] = ("mnist",)
    """As before."""
    repeated: dict[str, Count] = Field(default_factory=dict)
    """As before."""


class Conv5BatchNorm(Classic):
    claim: ClassVar[str] = "98 to 99 %, in 10 epochs of Adam"

    name: Name = "conv5-bn"
    """Published under its own name, so that it never becomes a version of ``digits`` by mistake."""
    architecture: Name = "conv5-bn"


class Conv3Dropout(Classic):
    claim: ClassVar[str] = "98.4 %, in 10 epochs of SGD"

    name: Name = "conv3-dropout"
    architecture: Name = "conv3-dropout"
    optimizer: Optimizer = "sgd"
    """What the claim names."""
    learning_rate: Positive = 0.05
    """With momentum 0.9; 0.01, Keras's default, is not done after 10 epochs, and 0.1 is unsteady with dropout."""


class TwoDense(Classic):
    claim: ClassVar[str] = "over 99 %, with Adam"

    name: Name = "mlp-256-128"
    architecture: Name = "mlp-256-128"


class OneDense(Classic):
    claim: ClassVar[str] = "about 98 %, in TensorFlow's first tutorial"

    name: Name = "dense-128"
    architecture: Name = "dense-128"


class LeNet5(Classic):
    claim: ClassVar[str] = "99.05 %, after 20 passes without distortions (LeCun et al., 1998)"

    name: Name = "lenet5"
    architecture: Name = "lenet5"
    epochs: Count = 20
    """The paper's number of passes."""


class Tiny(Config):
    """For tests: a run of seconds."""

    name: Name = "tiny"
    architecture: Name = "tiny"
    epochs: Count = 2
    """Enough to see the loss fall."""
    arithmetic: Arithmetic = "float32"
    """So that runs repeat each other to the last digit."""


CLASSICS: dict[str, type[Classic]] = {
    "conv5-bn": Conv5BatchNorm,
    "conv3-dropout": Conv3Dropout,
    "mlp-256-128": TwoDense,
    "dense-128": OneDense,
    "lenet5": LeNet5,
}
RECIPES: dict[str, type[Config]] = {"compact": Config, **CLASSICS, "tiny": Tiny}


def configured(architecture: str, options: Mapping[str, Any]) -> Config:
    """The run of ``architecture``, a name in ``RECIPES`` or a JSON file of layers, by its recipe and ``options``.

    Raises:
        TrainingError: there is no such architecture, or an option or a layer cannot be used.
    """
    if architecture.endswith(".json"):
        path = Path(architecture)
        name = path.stem.lower().replace("_", "-").replace(" ", "-")
        listed = {"layers": read_layers(path, len(CLASSES)), "architecture": name, "name": name}
        return _valid(Classic, listed | dict(options))
    if architecture not in RECIPES:
        raise TrainingError(
            f"There is no architecture {architecture!r}. Name one of {', '.join(RECIPES)}, or a .json file of layers."
        )
    return _valid(RECIPES[architecture], options)


def read_layers(path: Path, classes: int) -> tuple[Layer, ...]:
    """The layers in the JSON file ``path``, without the answer, which is a dense softmax over ``classes``.

    Raises:
        TrainingError: which layer cannot be built, why, and what to do.
    """
    try:
        return layers_of(json.loads(path.read_bytes()), classes)
    except FileNotFoundError as error:
        raise TrainingError(f"{path} does not exist. Name a JSON file with a list of layers.") from error
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} is not a JSON file: {error}. Correct it, or name another.") from error
    except LayerFault as fault:
        raise TrainingError(f"{path}: {fault}") from fault


def _valid(recipe: type[Config], options: Mapping[str, Any]) -> Config:
    try:
        # a run is a plain Config, whatever recipe it began with: that is what config.json is read back as
        return Config.model_validate(recipe(**options).model_dump())
    except ValidationError as error:
        fault = faults_of(error)[0]
        raise TrainingError(f"{fault['loc'][0]} {in_words(fault)}. Correct this option.") from error
