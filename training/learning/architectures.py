"""The networks, by name. Each reads float32 [n, 28, 28, 1] in 0..1 and ends in a softmax over the classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import Input, Model, layers

from digitmill.networks.layers import BatchNorm, Convolution, Dense, Dropout, Flatten, Layer, Pooling, described

DESCRIPTIONS = {
    "compact": "Seven convolutions with batch normalisation, a shortcut past two, then the average of each map.",
    "conv5-bn": "A 5x5 convolution, a pooling and batch normalisation.",
    "conv3-dropout": "A 3x3 convolution, a pooling, dropout, and a dense layer of 128.",
    "mlp-256-128": "Two dense layers, of 256 and 128.",
    "dense-128": "A dense layer of 128.",
    "lenet5": "LeNet-5: two 5x5 convolutions with averaging, then dense layers of 120 and 84.",
    "tiny": "Two strided convolutions, for tests.",
}


def build(name: str, classes: int, listed: tuple[Layer, ...] = ()) -> Any:
    """A new, untrained Keras model: of the ``listed`` layers, or else the one of ``DESCRIPTIONS`` called ``name``."""
    builders: dict[str, Callable[[Any], Any]] = {
        "compact": _compact,
        "conv5-bn": _conv5_bn,
        "conv3-dropout": _conv3_dropout,
        "mlp-256-128": _mlp_256_128,
        "dense-128": _dense_128,
        "lenet5": _lenet5,
        "tiny": _tiny,
    }
    pixels = Input((28, 28, 1))
    # made first, as in every run so far: layers draw their seeds in the order in which they are made
    answer = layers.Dense(classes, activation="softmax", dtype="float32")
    features = _of_list(listed, pixels) if listed else builders[name](pixels)
    return Model(pixels, answer(features), name=name)


def description(name: str, listed: tuple[Layer, ...] = ()) -> str:
    """What ``build`` makes of the same arguments, in words."""
    return f"From a list of layers: {described(listed)}." if listed else DESCRIPTIONS[name]


def _compact(x: Any) -> Any:
    """The first step halves the picture: full-size maps would cost half of all the work and add little.

    Most weights are in the last maps, where they cost least; 128 maps there instead of 256 read drawn scans worse.
    One layer more at 7x7, for narrower ones before it, read most real scans better at the same cost.
    """
    x = _convolution(x, 24, side=5, stride=2)
    x = _convolution(x, 32)
    x = _convolution(x, 64, stride=2)
    x = _with_shortcut(x)
    x = _convolution(x, 108, stride=2)
    x = _convolution(x, 256, padding="valid")
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dropout(0.3)(x)


def _conv5_bn(x: Any) -> Any:
    """Normalised after the pooling: the same for a quarter of the work."""
    x = layers.Conv2D(32, 5, activation="relu")(x)
    x = layers.BatchNormalization()(layers.MaxPooling2D(2)(x))
    return layers.Flatten()(x)


def _conv3_dropout(x: Any) -> Any:
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.Dropout(0.25)(layers.MaxPooling2D(2)(x))
    x = layers.Dense(128, activation="relu")(layers.Flatten()(x))
    return layers.Dropout(0.5)(x)


def _mlp_256_128(x: Any) -> Any:
    x = layers.Dense(256, activation="relu")(layers.Flatten()(x))
    return layers.Dense(128, activation="relu")(x)


def _dense_128(x: Any) -> Any:
    return layers.Dense(128, activation="relu")(layers.Flatten()(x))


def _lenet5(x: Any) -> Any:
    """Figure 2 of LeCun et al., "Gradient-based learning applied to document recognition", 1998.

    As it is built today: the second convolution reads all maps, and a softmax stands for the radial basis functions.
    """
    x = layers.Conv2D(6, 5, padding="same", activation="tanh")(x)
    x = layers.AveragePooling2D(2)(x)
    x = layers.Conv2D(16, 5, activation="tanh")(x)
    x = layers.Flatten()(layers.AveragePooling2D(2)(x))
    x = layers.Dense(120, activation="tanh")(x)
    return layers.Dense(84, activation="tanh")(x)


def _tiny(x: Any) -> Any:
    x = _convolution(x, 8, stride=2)
    x = _convolution(x, 16, stride=2)
    return layers.Flatten()(x)


def _of_list(listed: tuple[Layer, ...], x: Any) -> Any:
    for layer in listed:
        x = _of_listed(layer)(x)
    return x


def _of_listed(layer: Layer) -> Any:
    match layer:
        case Flatten():
            return layers.Flatten()
        case Dense():
            return layers.Dense(layer.units, activation=layer.activation)
        case Convolution():
            return layers.Conv2D(
                layer.filters, layer.kernel_size, layer.strides, layer.padding, activation=layer.activation
            )
        case Pooling(kind="max"):
            return layers.MaxPooling2D(layer.pool_size)
        case Pooling():
            return layers.AveragePooling2D(layer.pool_size)
        case Dropout():
            return layers.Dropout(layer.rate)
        case BatchNorm():
            return layers.BatchNormalization()


def _with_shortcut(x: Any) -> Any:
    """Two convolutions that add to what they read (He et al., "Deep residual learning for image recognition", 2016)."""
    maps = x.shape[-1]
    inner = layers.Conv2D(maps, 3, padding="same", use_bias=False)(_convolution(x, maps))
    return layers.ReLU()(layers.Add()([x, layers.BatchNormalization()(inner)]))


def _convolution(x: Any, maps: int, *, side: int = 3, stride: int = 1, padding: str = "same") -> Any:
    x = layers.Conv2D(maps, side, strides=stride, padding=padding, use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))
