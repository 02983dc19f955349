"""Go on with a finished model of digits on an owner's own rows, without forgetting what it knows.

Each epoch shows the own rows, bent a little, among digits and non-digits drawn anew (``training.learning.epochs``), for
which the model is held to what it answered before (Li and Hoiem, "Learning without Forgetting", 2016). Statistics of
batch normalisation stay as they are. Of the way from the old weights to the new ones as much is then gone as costs
nothing on digits that were held out (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022): a straight line
between such networks is one of networks as good.
"""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.errors import TrainingError
from digitmill.models.engines.keras import configure, load_network
from digitmill.models.manifest import MODEL_FILE
from digitmill.networks.task import BASE_FILE, IMPROVING_BATCH, IMPROVING_RATE
from digitmill.settings import DeviceName
from training.drawn.augment import augment
from training.drawn.ink import bent
from training.learning.history import HISTORY_FILE, Epoch, history_text, read_history
from training.learning.progress import NOT_ONE_EPOCH, Enough, Watch
from training.non_digits import non_digits
from training.pictures.data import Digits, joined
from training.pictures.kinds import targets
from training.pictures.own import Own

REPLAYED = 1500
"""Digits drawn for each epoch, and NON_DIGITS pictures of what is none for each."""
SCAN_SHARE, NON_DIGITS, NON_DIGITS_SEED = 0.6, 0.3, 7
SHOWN = 6
"""Times that an epoch shows each own row."""
DRAWN_HELD, HELD_SEED = 4, 3_000_003
"""One held-out digit in so many is drawn as a scan too."""
FORGIVEN = 0.001
"""Share of the held-out digits that may be lost on the way: chance alone moves it by about as much. What was lost is
measured afterwards, on other pictures."""
WAYS = (0.7, 0.5, 0.3)
"""Of the way from the old weights to the new ones. The last third of it cost most of what was forgotten."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Replay:
    """Of the built-in data sets: digits to be shown again, and ``held`` ones to tell what was forgotten."""

    digits: Digits
    held: Digits


def improve(own: Own, replay: Replay, folder: Path, threads: int, watch: Watch, *, epochs: int, seed: int) -> float:
    """Train BASE_FILE in ``folder`` on and leave it as MODEL_FILE, from the last finished epoch of a run there.

    Args:
        own: what is learnt from; rows to measure by are not among them.

    Returns:
        The share of the way to the new weights that was gone, 0 to 1; 0 where every step of it forgets something.

    Raises:
        TrainingError: ``watch`` had enough before the first epoch was finished.
        ModelRejected: BASE_FILE is no network of digits.
    """
    _log.info("The model is trained on, on the %s.", configure(DeviceName.AUTO, threads).upper())
    base = load_network(folder / BASE_FILE, None)
    classes = int(base.output_shape[-1])
    scans = augment(replay.held[slice(None, None, DRAWN_HELD)], (seed, HELD_SEED), 1.0)
    held = joined([replay.held, scans])
    history = read_history(folder)
    model = keras.saving.load_model(_checkpoint(folder, len(history))) if history else _compiled(folder, own, epochs)
    with watch.run(epochs, len(history), _steps(len(own))), suppress(Enough):
        for epoch in range(len(history), epochs):
            pictures, wanted = _epoch(base, own, replay.digits, classes, (seed, epoch))
            figures = _fit_one(model, pictures, wanted, held, watch, (seed, epoch))
            history.append(figures)
            _save(base, model, history, folder)
            watch.epoch(epoch, figures, float(model.optimizer.learning_rate))
    if not history:
        raise TrainingError(NOT_ONE_EPOCH)
    return _go_back(base, model, held, folder)


def _compiled(folder: Path, own: Own, epochs: int) -> Any:
    model = load_network(folder / BASE_FILE, None)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False
    steps = epochs * _steps(len(own))
    schedule = keras.optimizers.schedules.CosineDecay(
        IMPROVING_RATE / 10, steps, warmup_target=IMPROVING_RATE, warmup_steps=max(1, steps // 10)
    )
    model.compile(keras.optimizers.Adam(schedule), "categorical_crossentropy", metrics=["accuracy"])
    return model


def _steps(rows: int) -> int:
    """Of an epoch."""
    return math.ceil((REPLAYED * (1 + NON_DIGITS) + SHOWN * rows) / IMPROVING_BATCH)


def _epoch(
    base: Any, own: Own, digits: Digits, classes: int, seed: tuple[int, ...]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Pictures uint8 [n, 28, 28], and what is to be answered to them, float32 [n, classes]."""
    random = np.random.default_rng(seed)
    chosen = digits[random.permutation(len(digits))[:REPLAYED]]
    others = non_digits(chosen, round(NON_DIGITS * len(chosen)), (*seed, NON_DIGITS_SEED))
    again = joined([augment(chosen, seed, SCAN_SHARE), others])
    own_bent = [np.stack([bent(image, random) for image in own.images]) for _ in range(SHOWN - 1)]
    wanted = wanted_of(own, answers(base, own.images), classes)
    return (
        np.concatenate([again.images, own.images, *own_bent]),
        np.concatenate([answers(base, again.images), *[wanted] * SHOWN]),
    )


def wanted_of(own: Own, before: NDArray[np.float32], classes: int) -> NDArray[np.float32]:
    """What is to be answered to own rows, float32 [n, classes]. A person who says that it is no digit does not say of
    which kind, so the kinds keep the shares that the model gave them ``before``."""
    wanted = targets(own.labels, classes)
    rest = before[:, len(DIGITS) :]
    if rest.shape[1]:
        none = own.labels == len(DIGITS)
        shares = rest / np.maximum(rest.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
        wanted[none] = np.hstack((np.zeros((len(own), len(DIGITS)), np.float32), shares))[none]
    return wanted


def _fit_one(
    model: Any,
    pictures: NDArray[np.uint8],
    wanted: NDArray[np.float32],
    held: Digits,
    watch: Watch,
    seed: tuple[int, ...],
) -> Epoch:
    order = np.random.default_rng(seed).permutation(len(pictures))
    told = model.fit(
        _pixels(pictures)[order],
        wanted[order],
        batch_size=IMPROVING_BATCH,
        shuffle=False,
        validation_data=(_pixels(held.images), targets(held.labels, wanted.shape[1])),
        validation_batch_size=512,
        callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=watch.step)],
        verbose=0,
    ).history
    names = {
        "training_loss": "loss",
        "training_accuracy": "accuracy",
        "validation_loss": "val_loss",
        "validation_accuracy": "val_accuracy",
    }
    return {ours: round(float(told[theirs][0]), 6) for ours, theirs in names.items()}


def _go_back(base: Any, model: Any, held: Digits, folder: Path) -> float:
    """Save the network furthest from ``base`` that reads the held-out digits as well, and how far that is."""
    old, new = base.get_weights(), model.get_weights()
    between = keras.models.clone_model(base)
    least = _right(base, held) - FORGIVEN * len(held)
    for way in WAYS:
        between.set_weights([(1 - way) * before + way * after for before, after in zip(old, new, strict=True)])
        if _right(between, held) >= least:
            break
    else:
        way = 0.0
        between.set_weights(old)
    _replace(folder / MODEL_FILE, between)
    return way


def _right(model: Any, held: Digits) -> int:
    found = answers(model, held.images)[:, : len(DIGITS)].argmax(axis=1)
    return int((found == held.labels).sum())


def answers(model: Any, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Of a Keras model, float32 [n, classes], uncalibrated."""
    return np.asarray(model.predict(_pixels(images), batch_size=512, verbose=0), np.float32)


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images[..., None].astype(np.float32) / np.float32(255)


def _save(base: Any, model: Any, history: list[Epoch], folder: Path) -> None:
    """All that a process after this one needs; what the epoch before left is removed last."""
    bare = keras.models.clone_model(base)
    bare.set_weights(model.get_weights())
    _replace(folder / MODEL_FILE, bare)
    _replace(_checkpoint(folder, len(history)), model)
    beside = folder / f"new-{HISTORY_FILE}"
    beside.write_text(history_text(history))
    beside.replace(folder / HISTORY_FILE)
    _checkpoint(folder, len(history) - 1).unlink(missing_ok=True)


def _checkpoint(folder: Path, epochs: int) -> Path:
    return folder / f"checkpoint-{epochs}.keras"


def _replace(path: Path, model: Any) -> None:
    """Write beside, then move, so that a run killed here goes on from the file before."""
    beside = path.with_name(f"new-{path.name}")
    model.save(beside)
    beside.replace(path)
