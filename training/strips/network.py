"""The network that sees groups of segments: that of single digits, which goes on learning with groups of strips."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from digitmill.models.engines.keras import configure
from digitmill.models.manifest import MODEL_FILE, read_manifest
from digitmill.settings import DeviceName
from digitmill.strips.lattice import DASH, POINT, SIGN
from training.learning.architectures import build
from training.learning.arithmetic import quickest
from training.pictures.data import Digits
from training.strips.edges import NUMBER_CLASSES

ARCHITECTURE = "compact"
BATCH = 256
LEARNING_RATE = 1e-3
"""A third of that of the digits' run: it begins with what that has learnt."""
WEIGHT_DECAY = 0.02

_log = logging.getLogger(__name__)


def taught(
    begin_with: Path, training: Digits, validation: Digits, epochs: int, seed: int, threads: int, out: Path
) -> None:
    """Write to ``out`` the weights of the epoch with the least loss on ``validation``.

    Args:
        begin_with: the folder of a model of digits or of numbers, of the same architecture.
        training, validation: pictures with places in NUMBER_CLASSES.
    """
    _log.info("%s pictures are learnt on the %s.", f"{len(training):,}", configure(DeviceName.AUTO, threads).upper())
    keras.utils.set_random_seed(seed)
    keras.config.set_dtype_policy(quickest())
    try:
        model = build(ARCHITECTURE, len(NUMBER_CLASSES))
    finally:
        keras.config.set_dtype_policy("float32")
    former = keras.saving.load_model(begin_with / MODEL_FILE, compile=False).get_weights()
    model.set_weights(_begun(former, read_manifest(begin_with).classes))
    steps = epochs * -(-len(training) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE / 10, steps, warmup_target=LEARNING_RATE, warmup_steps=steps // 20
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    best = float("inf")
    for epoch in range(epochs):
        order = np.random.default_rng((seed, epoch)).permutation(len(training))
        figures = model.fit(
            _pixels(training, order),
            training.labels[order],
            batch_size=BATCH,
            shuffle=False,
            validation_data=(_pixels(validation), validation.labels),
            validation_batch_size=512,
            verbose=0,
        ).history
        words = ", ".join(f"{name} {values[0]:.4f}" for name, values in figures.items())
        _log.info("epoch %d of %d: %s", epoch + 1, epochs, words)
        if figures["val_loss"][0] < best:
            best = figures["val_loss"][0]
            bare = build(ARCHITECTURE, len(NUMBER_CLASSES))
            bare.set_weights(model.get_weights())
            bare.save(out)


def _begun(former: list[NDArray[Any]], known: Sequence[str]) -> list[NDArray[Any]]:
    """The weights of a network of the classes ``known``, its outputs in the order of ours. A digits' network has no
    class for a point and a sign: they begin as ``other``."""
    near = {DASH: "dash", POINT: "other", SIGN: "other"}
    sources = [known.index(name if name in known else near[name]) for name in NUMBER_CLASSES]
    return [*former[:-2], *(weights[..., sources] for weights in former[-2:])]


def _pixels(digits: Digits, order: NDArray[np.intp] | slice = slice(None)) -> NDArray[np.float32]:
    return digits.images[order][..., None].astype(np.float32) / np.float32(255)
