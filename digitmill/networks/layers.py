"""A network as a JSON list of layers: what each may say, what it makes of the shape before it, and what it weighs.

A list that cannot be built is refused before anything else is done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from digitmill.faults import faults_of, in_words

Shape = tuple[int, ...]
"""(height, width, maps) of pictures, or (length,) of a vector."""

PICTURE: Shape = (28, 28, 1)
Activation = Literal["relu", "elu", "gelu", "tanh", "sigmoid", "linear", "softmax"]
Side = Annotated[int, Field(ge=1, le=28)]
FLATTEN = 'Put {"type": "flatten"} before it.'
MOST_LAYERS = 64


class LayerFault(Exception):
    """Why a list of layers cannot be built, and what to do. ``number`` counts layers from 1 and ``kind`` is the layer's
    type; both are None where the list as a whole is none. ``field`` is the one at fault, if one is."""

    def __init__(self, detail: str, number: int | None = None, kind: str | None = None, field: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.number = number
        self.kind = kind
        self.field = field

    def __str__(self) -> str:
        if self.number is None:
            return self.detail
        return f"layer {self.number}{f' ({self.kind})' if self.kind else ''}: {self.detail}"


class _Layer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    def after(self, shape: Shape) -> Shape:
        """The shape that the layer makes of ``shape``. Raises ValueError with the reason and the remedy."""
        return shape

    def weights(self, shape: Shape) -> int:  # noqa: ARG002
        """Numbers that the layer keeps, learnt or measured, where it reads ``shape``."""
        return 0


class Flatten(_Layer):
    type: Literal["flatten"]

    def after(self, shape: Shape) -> Shape:
        return (prod(shape),)


class Dense(_Layer):
    type: Literal["dense"]
    units: int = Field(ge=1, le=10_000)
    activation: Activation = "relu"

    def after(self, shape: Shape) -> Shape:
        if len(shape) != 1:
            raise ValueError(f"It reads a vector and gets {_words(shape)}. {FLATTEN}")
        return (self.units,)

    def weights(self, shape: Shape) -> int:
        return (prod(shape) + 1) * self.units


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

    def weights(self, shape: Shape) -> int:
        return (self.kernel_size**2 * shape[-1] + 1) * self.filters


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

    def weights(self, shape: Shape) -> int:
        return 4 * shape[-1]


Layer = Annotated[
    Flatten | Dense | Convolution | Pooling | Dropout | BatchNorm,
    Field(discriminator="type"),
]
TYPES = ("flatten", "dense", "conv", "pooling", "dropout", "batch_norm")


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer of a list: the ``shape`` that it makes and its ``weights``; None where it cannot be built, for its
    ``fault`` or for one before it."""

    shape: Shape | None
    weights: int | None
    fault: LayerFault | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """What a list makes, layer by layer, with the ``answer`` that every network ends in, where the list lacks it."""

    layers: tuple[Placed, ...]
    answer: Placed | None
    fault: LayerFault | None

    @property
    def weights(self) -> int:
        placed = [*self.layers, *([self.answer] if self.answer is not None else [])]
        return sum(each.weights or 0 for each in placed)


def layers_of(listed: Any, classes: int) -> tuple[Layer, ...]:
    """The layers that JSON ``listed``, without the answer, which is a dense softmax over ``classes``.

    Raises:
        LayerFault: the first one that cannot be built.
    """
    found = outline(listed, classes)
    if found.fault is not None:
        raise found.fault
    layers = tuple(_parsed(entry, number) for number, entry in enumerate(listed, 1))
    return layers if found.answer is not None else layers[:-1]


def outline(listed: Any, classes: int) -> Outline:
    """What each layer of such a list makes; where one cannot be built, those after it are not looked at."""
    if not isinstance(listed, list) or not listed:
        return Outline((), None, LayerFault('A network is a list of layers, such as [{"type": "flatten"}].'))
    if len(listed) > MOST_LAYERS:
        return Outline((), None, LayerFault(f"{len(listed)} layers are too many. Take at most {MOST_LAYERS}."))
    placed: list[Placed] = []
    shape, has_answer = PICTURE, False
    for number, entry in enumerate(listed, 1):
        try:
            layer = _parsed(entry, number)
            weights, shape = _built(layer, shape, number)
            has_answer = _is_answer(layer, number, classes, last=number == len(listed))
        except LayerFault as fault:
            return Outline((*placed, Placed(None, None, fault)), None, fault)
        placed.append(Placed(shape, weights))
    if has_answer:
        return Outline(tuple(placed), None, None)
    if len(shape) != 1:
        detail = f'The list ends in {_words(shape)}. Add {{"type": "flatten"}} at its end.'
        unended = LayerFault(detail, len(listed), listed[-1]["type"])
        return Outline((*placed[:-1], Placed(shape, placed[-1].weights, unended)), None, unended)
    answer = Dense(type="dense", units=classes, activation="softmax")
    return Outline(tuple(placed), Placed((classes,), answer.weights(shape)), None)


def described(layers: Sequence[Layer]) -> str:
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


def _parsed(entry: Any, number: int) -> Layer:
    kind = entry.get("type") if isinstance(entry, dict) else None
    if kind not in TYPES:
        said = f"the type {kind!r}" if kind is not None else "no type"
        raise LayerFault(f'It has {said}. Write {{"type": …}} with one of {", ".join(TYPES)}.', number, field="type")
    adapter: TypeAdapter[Layer] = TypeAdapter(Layer)
    try:
        return adapter.validate_json(json.dumps(entry))
    except ValidationError as error:
        fault = faults_of(error)[0]
        field = str(fault["loc"][-1])
        raise LayerFault(_explained(field, fault), number, kind, field) from error


def _explained(field: str, fault: Mapping[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return f"It has no field {field}. Remove it, or see docs/model-owner.md for the fields of each layer."
    if fault["type"] == "missing":
        return f"It lacks {field}. Add it."
    return f"{field} is out of range: it {in_words(fault, field)}. Correct it."


def _built(layer: Layer, shape: Shape, number: int) -> tuple[int, Shape]:
    """Weights and shape."""
    try:
        after = layer.after(shape)
    except ValueError as error:
        raise LayerFault(str(error), number, layer.type) from error
    return layer.weights(shape), after


def _is_answer(layer: Layer, number: int, classes: int, *, last: bool) -> bool:
    if getattr(layer, "activation", None) != "softmax":
        return False
    if not (last and isinstance(layer, Dense)):
        detail = "Softmax makes the answer, at the end of the list. Take another activation."
        raise LayerFault(detail, number, layer.type, "activation")
    if layer.units != classes:
        detail = f"There are {classes} digits. Write units: {classes}, or leave the layer out."
        raise LayerFault(detail, number, layer.type, "units")
    return True


def _sides(shape: Shape) -> tuple[int, int]:
    if len(shape) != 3:
        raise ValueError(f"It reads pictures and gets {_words(shape)}. Move it before the flatten.")
    return shape[0], shape[1]


def _words(shape: Shape) -> str:
    if len(shape) == 1:
        return f"a vector of {shape[0]:,}"
    height, width, maps = shape
    return f"pictures of {height}x{width} in {maps} maps"
