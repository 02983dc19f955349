"""Networks to begin with, and how each is trained where nobody says otherwise.

``training/learning/architectures.py`` builds the same, which a test holds to these lists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Optimizer = Literal["adamw", "adam", "sgd"]


@dataclass(frozen=True, slots=True)
class Preset:
    """``layers``: as JSON, without the answer; empty where the network is no list, and then it has ``weights``."""

    title: str
    layers: tuple[dict[str, Any], ...]
    epochs: int = 10
    optimizer: Optimizer = "adam"
    learning_rate: float = 4e-3
    batch_size: int = 128
    augmentation: bool = False
    weights: int = 0


def _dense(units: int, activation: str = "relu") -> dict[str, Any]:
    return {"type": "dense", "units": units, "activation": activation}


def _conv(filters: int, side: int, padding: str = "valid", activation: str = "relu") -> dict[str, Any]:
    return {"type": "conv", "filters": filters, "kernel_size": side, "padding": padding, "activation": activation}


def _pooling(kind: str = "max") -> dict[str, Any]:
    return {"type": "pooling", "kind": kind, "pool_size": 2}


_FLATTEN: dict[str, Any] = {"type": "flatten"}

PRESETS: Mapping[str, Preset] = {
    "dense-128": Preset("One dense layer of 128", (_FLATTEN, _dense(128))),
    "mlp-256-128": Preset("784-256-128-10", (_FLATTEN, _dense(256), _dense(128))),
    "conv3-dropout": Preset(
        "A 3x3 convolution with dropout",
        (
            _conv(32, 3), _pooling(), {"type": "dropout", "rate": 0.25}, _FLATTEN, _dense(128),
            {"type": "dropout", "rate": 0.5},
        ),
        optimizer="sgd",
        learning_rate=0.05,
    ),
    "conv5-bn": Preset(
        "A 5x5 convolution with batch normalisation", (_conv(32, 5), _pooling(), {"type": "batch_norm"}, _FLATTEN)
    ),
    "lenet5": Preset(
        "LeNet-5",
        (
            _conv(6, 5, "same", "tanh"), _pooling("average"), _conv(16, 5, activation="tanh"), _pooling("average"),
            _FLATTEN, _dense(120, "tanh"), _dense(84, "tanh"),
        ),
        epochs=20,
    ),
    "compact": Preset(
        "compact, as the built-in model", (), epochs=20, optimizer="adamw", learning_rate=3e-3, batch_size=256,
        augmentation=True, weights=415_730,
    ),
}  # fmt: skip
