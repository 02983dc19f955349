"""The networks, by name. Each reads float32 [n, 28, 28, 1] in 0..1 and ends in a softmax over the classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import Input, Model, layers

DESCRIPTIONS = {
    "compact": "Six convolutions with batch normalisation, 28x28 to 2x2, then the average of each map.",
    "tiny": "Two strided convolutions, for tests.",
}


def build(name: str, classes: int) -> Any:
    """A new, untrained Keras model; ``name`` is one of ``DESCRIPTIONS``."""
    builders: dict[str, Callable[[Any], Any]] = {"compact": _compact, "tiny": _tiny}
    pixels = Input((28, 28, 1))
    answer = layers.Dense(classes, activation="softmax")(builders[name](pixels))
    return Model(pixels, answer, name=name)


def multiply_adds(model: Any) -> int:
    """Multiplications with an addition that one image costs, in convolutions and dense layers."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, layers.Conv2D):
            total += int(np.prod(layer.kernel.shape)) * int(np.prod(layer.output.shape[1:3]))
        elif isinstance(layer, layers.Dense):
            total += int(np.prod(layer.kernel.shape))
    return total


def _compact(x: Any) -> Any:
    """The first step halves the picture: full-size maps would cost half of all the work and add little."""
    x = _convolution(x, 32, side=5, stride=2)
    x = _convolution(x, 48)
    x = _convolution(x, 64, stride=2)
    x = _convolution(x, 64)
    x = _convolution(x, 128, stride=2)
    x = _convolution(x, 128, padding="valid")
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dropout(0.2)(x)


def _tiny(x: Any) -> Any:
    x = _convolution(x, 8, stride=2)
    x = _convolution(x, 16, stride=2)
    return layers.Flatten()(x)


def _convolution(x: Any, maps: int, *, side: int = 3, stride: int = 1, padding: str = "same") -> Any:
    x = layers.Conv2D(maps, side, strides=stride, padding=padding, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))
