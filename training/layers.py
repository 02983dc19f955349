"""A network as a JSON list of layers: what each may say, and what each makes of the shape before it.

Loads no framework: a list that cannot be built is refused before anything else is done.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from digitmill.errors import TrainingError

Shape = tuple[int, ...]
"""(height, width, maps) of pictures, or (length,) of a vector."""

PICTURE: Shape = (28, 28, 1)
Activation = Literal["relu", "elu", "gelu", "tanh", "sigmoid", "linear", "softmax"]
Side = Annotated[int, Field(ge=1, le=28)]
FLATTEN = 'Put {"type": "flatten"} before it.'


class _Layer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def after(self, shape: Shape) -> Shape:
        """The shape that the layer makes of ``shape``. Raises ValueError with the reason and the remedy."""
        return shape


class Flatten(_Layer):
    type: Literal["flatten"]

    def after(self, shape: Shape) -> Shape:
        length = 1
        for side in shape:
            length *= side
        return (length,)


class Dense(_Layer):
    type: Literal["dense"]
    units: int = Field(ge=1, le=10_000)
    activation: Activation = "relu"

    def after(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"It reads a vector and gets {_words(shape)}. {FLATTEN}")
        return (self.units,)


class Convolution(_Layer):
    type: Literal["conv"]
    filters: int = Field(ge=1, le=1000)
    kernel_size: Side
    strides: Side = 1
    padding: Literal["same", "valid"] = "same"
    activation: Activation = "relu"

    def after(self, shape: Shape) -> Shape:
        height, width = _sides(shape)
        kernel = self.kernel_size if self.padding == "valid" else 1
        if min(height, width) < kernel:
            raise ValueError(
                f"Its {kernel}x{kernel} kernel is larger than the {_words(shape)} before it. "
                'Take a smaller kernel_size, "padding": "same", or one pooling less.'
            )
        return ((height - kernel) // self.strides + 1, (width - kernel) // self.strides + 1, self.filters)


class Pooling(_Layer):
    type: Literal["pooling"]
    kind: Literal["max", "average"] = "max"
    pool_size: Side = 2

    def after(self, shape: Shape) -> Shape:
        height, width = _sides(shape)
        if min(height, width) < self.pool_size:
            raise ValueError(f"It has nothing left to pool of the {_words(shape)} before it. Leave it out.")
        return (height // self.pool_size, width // self.pool_size, shape[2])


class Dropout(_Layer):
    type: Literal["dropout"]
    rate: float = Field(gt=0, lt=1)


class BatchNorm(_Layer):
    type: Literal["batch_norm"]


Layer = Annotated[
    Flatten | Dense | Convolution | Pooling | Dropout | BatchNorm,
    Field(discriminator="type"),
]
TYPES = ("flatten", "dense", "conv", "pooling", "dropout", "batch_norm")


def read_layers(path: Path, classes: int) -> tuple[Layer, ...]:
    """The layers in the JSON file ``path``, without the answer, which is a dense softmax over ``classes``.

    Raises:
        TrainingError: which layer cannot be built, why, and what to do.
    """
    try:
        listed = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise TrainingError(f"{path} does not exist. Name a JSON file with a list of layers.") from error
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} is not a JSON file: {error}. Correct it, or name another.") from error
    if not isinstance(listed, list) or not listed:
        raise TrainingError(f'{path} must hold a list of layers, such as [{{"type": "flatten"}}].')
    layers = tuple(_parsed(entry, f"{path}: layer {number}") for number, entry in enumerate(listed, 1))
    return _checked(layers, classes, path)


def described(layers: tuple[Layer, ...]) -> str:
    """The layers in a few words: ``conv 32 5x5, pooling 2, flatten, dense 128``."""
    words = []
    for layer in layers:
        if isinstance(layer, Convolution):
            words.append(f"conv {layer.filters} {layer.kernel_size}x{layer.kernel_size}")
        elif isinstance(layer, Dense):
            words.append(f"dense {layer.units}")
        elif isinstance(layer, Pooling):
            words.append(f"pooling {layer.pool_size}")
        else:
            words.append(layer.type)
    return ", ".join(words)


def _parsed(entry: Any, where: str) -> Layer:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if kind not in TYPES:
        said = f"the type {kind!r}" if kind is not None else "no type"
        raise TrainingError(f'{where} has {said}. Write {{"type": …}} with one of {", ".join(TYPES)}.')
    adapter: TypeAdapter[Layer] = TypeAdapter(Layer)
    try:
        return adapter.validate_json(json.dumps(entry))
    except ValidationError as error:
        raise TrainingError(f"{where} ({kind}): {_explained(error)}") from error


def _explained(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    field = str(fault["loc"][-1])
    if fault["type"] == "extra_forbidden":
        return f"It has no field {field}. Remove it, or see docs/model-owner.md for the fields of each layer."
    if fault["type"] == "missing":
        return f"It lacks {field}. Add it."
    return f"{field} is out of range: {fault['msg'].lower()}. Correct it."


def _checked(layers: tuple[Layer, ...], classes: int, path: Path) -> tuple[Layer, ...]:
    shape = PICTURE
    for number, layer in enumerate(layers, 1):
        where = f"{path}: layer {number} ({layer.type})"
        last = number == len(layers)
        if getattr(layer, "activation", None) == "softmax" and not (last and isinstance(layer, Dense)):
            raise TrainingError(f"{where}: Softmax makes the answer, at the end of the list. Take another activation.")
        try:
            shape = layer.after(shape)
        except ValueError as error:
            raise TrainingError(f"{where}: {error}") from error
    end = layers[-1]
    if isinstance(end, Dense) and end.activation == "softmax":
        if end.units != classes:
            raise TrainingError(f"{where}: There are {classes} digits. Write units: {classes}, or leave the layer out.")
        return layers[:-1]
    if len(shape) != 1:
        raise TrainingError(f'{where}: The list ends in {_words(shape)}. Add {{"type": "flatten"}} at its end.')
    return layers


def _sides(shape: Shape) -> tuple[int, int]:
    if len(shape) != 3:
        raise ValueError(f"It reads pictures and gets {_words(shape)}. Move it before the flatten.")
    return shape[0], shape[1]


def _words(shape: Shape) -> str:
    if len(shape) == 1:
        return f"a vector of {shape[0]:,}"
    height, width, maps = shape
    return f"pictures of {height}x{width} in {maps} maps"
