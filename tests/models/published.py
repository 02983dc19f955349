"""Models for tests: a small network, and manifests that fit it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.models.engines.keras import configure
from digitmill.models.manifest import Architecture, Artifacts, DataSet, Manifest, Metrics, Scores, openvino_artifact
from digitmill.settings import DeviceName, EngineName, PrecisionName

SCORES = Scores(images=10, accuracy=0.9, calibration_error=0.01, coverage=0.8, accepted_error=0.0)


def manifest_of(content: bytes, name: str = "digits", version: str = "7", **changes: Any) -> Manifest:
    """A manifest that fits ``content``, the bytes of a model file."""
    fields: dict[str, Any] = {
        "name": name,
        "version": version,
        "architecture": Architecture(name="small", description="For tests.", parameters=90, multiply_adds=80),
        "data_sets": (DataSet(name="mnist", licence="CC BY-SA 3.0", training_images=9, validation_images=1),),
        "seed": 1,
        "normaliser": NORMALISER_VERSION,
        "classes": tuple("0123456789"),
        "temperature": 1.5,
        "review_below": 0.9,
        "metrics": Metrics(validation={"all": SCORES}, test={"mnist": SCORES}),
        "sha256": hashlib.sha256(content).hexdigest(),
        "size": len(content),
        "created_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    return Manifest(**(fields | changes))


def openvino_of(graph: str, weights: str, precision: PrecisionName = PrecisionName.F32) -> Artifacts:
    """The artifacts of a model for OpenVINO in this precision, from the sha256 of its files."""
    return {EngineName.OPENVINO: {precision: openvino_artifact(graph, weights, precision)}}


def random_images(count: int, seed: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), np.uint8)


def save_network(path: Path, *, side: int = 28, classes: int = 10) -> Path:
    """A network of random weights, the same in every call, saved to ``path``; of some random images it is sure."""
    configure(DeviceName.CPU, 1)
    import keras

    keras.utils.set_random_seed(5)
    network = keras.Sequential(
        [
            keras.Input((side, side, 1)),
            keras.layers.Conv2D(4, 5, strides=3, activation="relu", kernel_initializer="he_normal"),
            keras.layers.Flatten(),
            keras.layers.Dense(classes, activation="softmax", kernel_initializer="he_normal"),
        ]
    )
    kernel, bias = network.layers[-1].get_weights()
    network.layers[-1].set_weights([20 * kernel, bias])
    network.save(path)
    return path
