"""Train a network, then fit its temperature and its threshold to the validation split.

A run's folder holds ``config.json``, ``training_history.json`` (one entry for each finished epoch),
``checkpoint-N.keras`` (after N epochs, with the optimizer), ``model.keras`` (the best epoch by validation loss,
weights alone), ``manifest.json`` and ``tensorboard/``. The test set is not touched here.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from digitmill.errors import TrainingError
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.models.engines.keras import configure, multiply_adds
from digitmill.models.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    Architecture,
    DataSet,
    Manifest,
    Metrics,
    read_manifest,
)
from digitmill.models.runtime import of_digits, open_model
from digitmill.settings import DeviceName
from training.config import CONFIG_FILE, Arithmetic, Config, read_config
from training.forms.boxes import Boxes, bent_boxes, keep_boxes, kept_boxes
from training.learning.architectures import build, description
from training.learning.doubt import fit_doubtful_cut, worth
from training.learning.epochs import Validation, calibration_scans, epochs, held_out
from training.learning.history import HISTORY_FILE, Epoch, history_text, in_words, read_history
from training.learning.progress import NOT_ONE_EPOCH, Enough, Terminal, Watch
from training.learning.scores import fit_review_below, fit_temperature
from training.pictures.data import CLASSES, Digits, Source, joined
from training.pictures.kinds import KINDS, targets

MOMENTUM = 0.9
"""Of SGD, as in most of what is written about it."""

SMALL = 0.1
"""What outputs that begin again keep of their random weights, beside outputs that are taken up."""

_log = logging.getLogger(__name__)


def start(config: Config, sources: tuple[Source, ...], folder: Path, threads: int, *, resume: bool) -> Manifest:
    """Begin a run in a new ``folder``, or with ``resume`` go on with the one there.

    Raises:
        TrainingError: a new run's folder is taken, or a resumed run is not there or had another configuration.
    """
    path = folder / CONFIG_FILE
    if resume and read_config(folder) != config:
        raise TrainingError(f"{path} is not there or says otherwise. Resume with the options that the run began with.")
    if not resume and path.is_file():
        raise TrainingError(f"{folder} holds a run already. Take another folder, or go on with it by --resume.")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(config.model_dump_json(indent=1) + "\n")
    return train(config, sources, folder, threads, Terminal(folder))


def train(config: Config, sources: tuple[Source, ...], folder: Path, threads: int, watch: Watch) -> Manifest:
    """Run ``config`` in ``folder``, from its checkpoint if there is one; the manifest has no metrics yet.

    Raises:
        TrainingError: ``watch`` had enough before the first epoch was finished.
    """
    _log.info("%s is trained on the %s.", config.architecture, configure(DeviceName.AUTO, threads).upper())
    keras.utils.set_random_seed(config.seed)
    training = joined([source.training for source in sources for _ in range(config.repeated.get(source.name, 1))])
    validation, learnt, held = held_out(sources, config), None, None
    if config.box_forms:
        learnt, held = kept_boxes(folder) or keep_boxes(sources, config.box_forms, config.seed, folder)
        _log.info("%s boxes of drawn forms are learnt besides.", f"{len(learnt.pictures):,}")
        validation = replace(validation, boxes=held.pictures)
    known = validation.known(config)
    history = read_history(folder)
    steps = _steps(config, len(training), 0 if learnt is None else 2 * len(learnt.pictures))
    model = keras.saving.load_model(_checkpoint(folder, len(history))) if history else _compiled(config, steps)
    with watch.run(config.epochs, len(history), steps), suppress(Enough):
        for epoch, digits in epochs(training, config, len(history)):
            shown = (
                digits if learnt is None else joined([digits, learnt.pictures, bent_boxes(learnt, config.seed, epoch)])
            )
            figures = _fit_one(model, shown, known, config, watch, epoch)
            history.append(figures)
            if figures["validation_loss"] == min(entry["validation_loss"] for entry in history):
                _save_weights(model, config, folder / MODEL_FILE)
            _save_progress(model, history, folder)
            _log.info("epoch %d of %d: %s", epoch + 1, config.epochs, in_words(figures))
            watch.epoch(epoch, figures, float(model.optimizer.learning_rate))
    if not history:
        raise TrainingError(NOT_ONE_EPOCH)
    if held is not None:
        return _calibrated_on_boxes(config, sources, held, folder, threads)
    return _calibrated(config, sources, validation, folder, threads)


def _compiled(config: Config, steps_an_epoch: int) -> Any:
    model = _network(config, config.arithmetic)
    if config.begin_with:
        _take_up(model, Path(config.begin_with), config.seed)
    steps = config.epochs * steps_an_epoch
    schedule = keras.optimizers.schedules.CosineDecay(
        config.learning_rate / 10, steps, warmup_target=config.learning_rate, warmup_steps=steps // 20
    )
    model.compile(_optimizer(config, schedule), "categorical_crossentropy", metrics=["accuracy"])
    return model


def _take_up(model: Any, folder: Path, seed: int) -> None:
    """Give ``model`` the weights of the run or of the published model in ``folder``.

    Where the classes differ, the digits keep their outputs, and what was no digit becomes ``other``.

    Raises:
        TrainingError: there is no such run, its network is another, or it held out other digits.
    """
    path = folder / MODEL_FILE
    if not path.is_file() or not any((folder / name).is_file() for name in (CONFIG_FILE, MANIFEST_FILE)):
        raise TrainingError(f"There is no {path} to begin with. Name the folder of a finished run or of a model.")
    began = read_config(folder) or read_manifest(folder)
    if began.seed != seed:
        raise TrainingError(
            f"{folder} held out other digits: what would be held out now, it has learnt. Take --seed {began.seed}."
        )
    former = _fitted(keras.saving.load_model(path, compile=False).get_weights(), model.get_weights())
    if [weight.shape for weight in former] != [weight.shape for weight in model.get_weights()]:
        raise TrainingError(f"{folder} holds another network. Begin with a run of the same architecture and classes.")
    model.set_weights(former)


def _fitted(former: list[NDArray[Any]], fresh: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """``former`` with the head, a kernel and a bias, as wide as that of ``fresh``; new outputs start small."""
    known, wanted, digits = former[-1].shape[-1], fresh[-1].shape[-1], len(CLASSES)
    if known not in (digits, digits + 1) or wanted != digits + len(KINDS):
        return former
    if former[-2].shape[:-1] != fresh[-2].shape[:-1]:
        return former
    head = []
    for old, new in zip(former[-2:], fresh[-2:], strict=True):
        taken = new * SMALL
        taken[..., :digits] = old[..., :digits]
        if known > digits:
            taken[..., -1] = old[..., -1]
        head.append(taken)
    return [*former[:-2], *head]


def _steps(config: Config, training_images: int, boxes: int) -> int:
    """Of an epoch, with the pictures that are no digits."""
    pictures = boxes + training_images * (1 + config.non_digits if config.augmented else 1)
    return math.ceil(pictures / config.batch_size)


def _optimizer(config: Config, schedule: Any) -> Any:
    if config.optimizer == "adamw":
        return keras.optimizers.AdamW(schedule, weight_decay=config.weight_decay)
    if config.optimizer == "adam":
        return keras.optimizers.Adam(schedule)
    return keras.optimizers.SGD(schedule, momentum=MOMENTUM)


def _fit_one(model: Any, training: Digits, validation: Digits, config: Config, watch: Watch, epoch: int) -> Epoch:
    classes = len(classes_of(config))
    order = np.random.default_rng((config.seed, epoch)).permutation(len(training))
    history = model.fit(
        _pixels(training)[order],
        targets(training.labels[order], classes),
        batch_size=config.batch_size,
        shuffle=False,
        validation_data=(_pixels(validation), targets(validation.labels, classes)),
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
    return {ours: round(float(history[theirs][0]), 6) for ours, theirs in names.items()}


def _pixels(digits: Digits) -> NDArray[np.float32]:
    return digits.images[..., None].astype(np.float32) / np.float32(255)


def _save_weights(model: Any, config: Config, path: Path) -> None:
    """The network alone: a copy that was never compiled has no optimizer state to save."""
    bare = _network(config)
    bare.set_weights(model.get_weights())
    _replace(path, bare.save)


def _save_progress(model: Any, history: list[Epoch], folder: Path) -> None:
    """All that a resumed run needs; what the epoch before left is removed last."""
    _replace(_checkpoint(folder, len(history)), model.save)
    _replace(folder / HISTORY_FILE, lambda path: path.write_text(history_text(history)))
    _checkpoint(folder, len(history) - 1).unlink(missing_ok=True)


def classes_of(config: Config) -> tuple[str, ...]:
    return (*CLASSES, *KINDS) if config.non_digits else CLASSES


def _network(config: Config, arithmetic: Arithmetic = "float32") -> Any:
    keras.config.set_dtype_policy(arithmetic)
    try:
        return build(config.architecture, len(classes_of(config)), config.layers)
    finally:
        keras.config.set_dtype_policy("float32")


def _checkpoint(folder: Path, epochs: int) -> Path:
    return folder / f"checkpoint-{epochs}.keras"


def _replace(path: Path, save: Callable[[Path], object]) -> None:
    """Write beside, then move, so that a run killed here goes on from the file before."""
    beside = path.with_name(f"new-{path.name}")
    save(beside)
    beside.replace(path)


def _calibrated(
    config: Config, sources: tuple[Source, ...], validation: Validation, folder: Path, threads: int
) -> Manifest:
    path = folder / MODEL_FILE
    draft = _manifest(config, sources, path)
    model = open_model(draft, path, threads=threads)
    known, scans = validation.known(config), calibration_scans(sources, config)
    raw = model.engine.probabilities(known.images)
    draft = draft.model_copy(update={"temperature": fit_temperature(raw, known.labels)})
    model = open_model(draft, path, threads=threads)
    threshold = fit_review_below(of_digits(model.predict(scans.images)), scans.labels)
    doubtful = fit_doubtful_cut(model.predict, validation.clean, threshold, config.seed) if config.augmented else 1.0
    manifest = draft.model_copy(update={"review_below": threshold, "doubtful_cut": doubtful})
    (folder / MANIFEST_FILE).write_text(manifest.to_json())
    return manifest


def _calibrated_on_boxes(
    config: Config, sources: tuple[Source, ...], held: Boxes, folder: Path, threads: int
) -> Manifest:
    """For a network that is to read boxes of forms: on those alone."""
    path, labels = folder / MODEL_FILE, held.pictures.labels
    draft = _manifest(config, sources, path)
    raw = open_model(draft, path, threads=threads).engine.probabilities(held.pictures.images)
    draft = draft.model_copy(update={"temperature": fit_temperature(raw, labels)})
    seen = open_model(draft, path, threads=threads).predict(held.pictures.images)
    threshold = fit_review_below(of_digits(seen), labels)
    accepted = held.doubtful & (seen.argmax(axis=1) < len(CLASSES)) & (seen.max(axis=1) >= threshold)
    cut = worth(int(np.count_nonzero(accepted & (seen.argmax(axis=1) == labels))), int(np.count_nonzero(accepted)))
    manifest = draft.model_copy(update={"review_below": threshold, "doubtful_cut": cut})
    (folder / MANIFEST_FILE).write_text(manifest.to_json())
    return manifest


def _manifest(config: Config, sources: tuple[Source, ...], path: Path) -> Manifest:
    network = _network(config)
    content = path.read_bytes()
    return Manifest(
        name=config.name,
        version=config.version,
        architecture=Architecture(
            name=config.architecture,
            description=description(config.architecture, config.layers),
            parameters=network.count_params(),
            multiply_adds=multiply_adds(network),
        ),
        data_sets=tuple(
            DataSet(
                name=source.name,
                licence=source.licence,
                training_images=len(source.training),
                validation_images=len(source.validation),
            )
            for source in sources
            if len(source.training)
        ),
        seed=config.seed,
        normaliser=NORMALISER_VERSION,
        classes=classes_of(config),
        temperature=1.0,
        review_below=1.0,
        metrics=Metrics(validation={}),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        created_at=datetime.now(UTC).replace(microsecond=0),
    )
