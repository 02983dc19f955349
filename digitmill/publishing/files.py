"""A stranger's ``.keras`` file before Keras sees it: a zip of three members, layers that are known, plain arrays."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from digitmill.errors import ModelBroken, ModelTooLarge, ModelUnsafe

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
MOST_BYTES = {METADATA: 64 << 10, CONFIG: 1 << 20}
MOST_DEPTH, MOST_OBJECTS = 64, 10_000
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

MODULES = frozenset({
    "keras", "keras.layers", "keras.models", "keras.initializers", "keras.regularizers", "keras.constraints",
    "keras.dtype_policies", "keras.src.models.functional", "keras.src.models.sequential",
})  # fmt: skip
"""From which Keras may take a class: any other name is that of a module, which it would import."""
MODELS = frozenset({"Functional", "Sequential"})
LAYERS = frozenset({
    "InputLayer", "Dense", "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose",
    "MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling2D",
    "Flatten", "Reshape", "Permute", "ZeroPadding2D", "Cropping2D", "UpSampling2D",
    "Dropout", "SpatialDropout2D", "AlphaDropout", "GaussianDropout", "GaussianNoise", "ActivityRegularization",
    "BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization", "Rescaling",
    "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax",
    "Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate",
})  # fmt: skip
PARTS_OF_LAYERS = frozenset({
    "Zeros", "Ones", "Constant", "Identity", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling",
    "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform", "Orthogonal",
    "OrthogonalInitializer", "L1", "L2", "L1L2", "OrthogonalRegularizer",
    "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm", "DTypePolicy", "__keras_tensor__", "__tuple__",
})  # fmt: skip
KNOWN = MODELS | LAYERS | PARTS_OF_LAYERS


def check_file(content: bytes, most_weights: int) -> tuple[str, ...]:
    """Raise where Keras should not be given this file.

    Args:
        most_weights: bytes that its weights may have, unpacked.

    Returns:
        the names of its layers' classes, in order.

    Raises:
        ModelBroken: it is no whole ``.keras`` file.
        ModelTooLarge: a member is larger than it may be.
        ModelUnsafe: it names or holds what a plain network needs not.
    """
    members = _members(content, MOST_BYTES | {WEIGHTS: most_weights})
    try:
        config = json.loads(members[CONFIG])
        json.loads(members[METADATA])
    except (ValueError, RecursionError) as error:
        raise ModelBroken(f"Its {CONFIG} or {METADATA} is no JSON. Save the model again.") from error
    layers = tuple(_checked_objects(config))
    _check_weights(members[WEIGHTS], most_weights)
    return layers


def _members(content: bytes, most: dict[str, int]) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            names = sorted(entry.filename for entry in entries)
            if names != sorted(most):
                there = ", ".join(repr(name[:60]) for name in names[:8]) or "nothing"
                raise ModelUnsafe(
                    f"A .keras file of plain layers holds {', '.join(sorted(most))}, each once, and this one holds "
                    f"{there}. Save it by model.save('model.keras')."
                )
            for entry in entries:
                if entry.flag_bits & 1 or entry.compress_type not in COMPRESSIONS:
                    raise ModelUnsafe(f"{entry.filename} is encrypted or packed in an odd way. Save the model again.")
                if entry.file_size > most[entry.filename]:
                    raise ModelTooLarge(
                        f"{entry.filename} has {entry.file_size:,} bytes, and {most[entry.filename]:,} is the limit. "
                        "Take a smaller network."
                    )
            return {entry.filename: archive.read(entry) for entry in entries}
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        UnicodeError,
        RuntimeError,
    ) as error:
        raise ModelBroken(
            f"This is no whole .keras file ({type(error).__name__}). Save the model with model.save('model.keras')."
        ) from error


def _checked_objects(config: Any) -> Iterator[str]:
    """Check every object that a config describes; the class names of layers among them."""
    if not isinstance(config, dict) or not _among(config.get("class_name"), MODELS):
        raise ModelUnsafe(
            f"Its network is of the class {_shown(config, 'class_name')}. Build it by Sequential or the functional API."
        )
    # what a model was compiled with, optimizer, losses and metrics, is never looked at
    waiting = [({name: value for name, value in config.items() if name != "compile_config"}, 0)]
    objects = 0
    while waiting:
        found, depth = waiting.pop()
        objects += 1
        if depth > MOST_DEPTH or objects > 100 * MOST_OBJECTS:
            raise ModelTooLarge("Its network has too many parts, or parts too deep in each other. Take a smaller one.")
        if isinstance(found, list):
            waiting += [(each, depth + 1) for each in reversed(found)]
        elif isinstance(found, dict):
            if "class_name" in found:
                _check_object(found)
                if _among(found["class_name"], LAYERS):
                    yield found["class_name"]
            waiting += [(each, depth + 1) for each in reversed(found.values())]


def _check_object(found: dict[str, Any]) -> None:
    name = found["class_name"]
    if not _among(name, KNOWN):
        raise ModelUnsafe(
            f"Its network has a part of the class {_shown(found, 'class_name')}, which is not one of the built-in "
            "layers that are taken. Use Dense, Conv2D, pooling, Dropout, BatchNormalization and the like, "
            "no Lambda and no class of your own."
        )
    module, registered = found.get("module"), found.get("registered_name")
    if module is not None and not _among(module, MODULES):
        raise ModelUnsafe(
            f"Its {name} comes from the module {_shown(found, 'module')}, not from Keras. Use built-in layers only."
        )
    if registered not in (None, name):
        raise ModelUnsafe(
            f"Its {name} is a class of your own, {_shown(found, 'registered_name')}. Use built-in layers only."
        )


def _among(value: Any, names: frozenset[str]) -> bool:
    return isinstance(value, str) and value in names


def _shown(found: Any, field: str) -> str:
    value = found.get(field) if isinstance(found, dict) else None
    return repr(str(value)[:60])


def _check_weights(content: bytes, most: int) -> None:
    """Raise where the HDF5 file points to other files, or unpacks to more than it may."""
    # with Keras, where it is installed
    import h5py  # noqa: PLC0415

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            left, objects, waiting = most, 0, [file]
            while waiting:
                group = waiting.pop()
                for name in group:
                    objects += 1
                    if objects > MOST_OBJECTS:
                        raise ModelTooLarge("Its weights have too many parts. Take a smaller network.")
                    if type(group.get(name, getlink=True)) is not h5py.HardLink:
                        raise ModelUnsafe("Its weights point elsewhere by a link. Save the model again.")
                    found = group[name]
                    if isinstance(found, h5py.Group):
                        waiting.append(found)
                    else:
                        left -= _checked_array(found)
                    if left < 0:
                        raise ModelTooLarge(f"Its weights have more than {most:,} bytes. Take a smaller network.")
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ModelBroken(
            f"Its weights are no whole HDF5 file ({type(error).__name__}). Save the model again."
        ) from error


def _checked_array(found: Any) -> int:
    """The bytes of a data set."""
    if found.external or found.is_virtual:
        raise ModelUnsafe("Its weights lie in another file. Save the model again.")
    if found.dtype.kind not in "fiub":
        raise ModelUnsafe("Its weights hold what is no number. Save the model again.")
    return int(found.size) * int(found.dtype.itemsize)
