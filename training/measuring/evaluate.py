"""Measure a model on the held-out digits of every source and on MNIST's test set, as the service reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from digitmill.imaging.normaliser.loops import struck_through
from digitmill.models.engines.base import Probabilities
from digitmill.models.manifest import MODEL_FILE, Manifest, Metrics, NonDigitScores, Scores, Sha256, read_manifest
from digitmill.models.runtime import Model, of_digits, open_model
from digitmill.models.scores import accepted_digits
from training.config import Config
from training.forms.boxes import kept_boxes
from training.learning.epochs import Validation, held_out
from training.learning.scores import score
from training.pictures.data import CLASSES, Digits, Images, Source
from training.pictures.kinds import KINDS, classes_of_labels

METRICS_FILE = "metrics.json"
ALL = "all"
"""The held-out digits of all sources together."""
DRAWN = "drawn"
"""The pictures that were drawn for validation: scans of held-out digits, and what is no digit."""

BOXES = "boxes"
"""Those of drawn forms, filled in with held-out digits."""


class Report(BaseModel):
    """``metrics.json``: the figures of exactly the weights with this ``sha256``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: str
    sha256: Sha256
    metrics: Metrics


def evaluate(
    folder: Path,
    config: Config,
    sources: tuple[Source, ...],
    output: Path,
    threads: int,
    strangers: Mapping[str, Images] | None = None,
) -> Report:
    """Measure the model in ``folder`` (``model.keras`` and ``manifest.json``) and write the figures.

    The same weights, data and machine give the same file. ``strangers`` are pictures that are no digits and that
    training had no part in, by what they are.

    Raises:
        ModelRejected: the manifest or the model cannot be used.
    """
    model = open_model(read_manifest(folder), folder / MODEL_FILE, threads=threads)
    return write_report(
        measure(model, sources, validation_of(folder, sources, config), strangers), model.manifest, output
    )


def validation_of(folder: Path, sources: tuple[Source, ...], config: Config) -> Validation:
    """What the run in ``folder`` was held to, with the boxes that it drew."""
    found, boxes = held_out(sources, config), kept_boxes(folder)
    return found if boxes is None else replace(found, boxes=boxes[1].pictures)


def measure(
    model: Model, sources: tuple[Source, ...], validation: Validation, strangers: Mapping[str, Images] | None = None
) -> Metrics:
    """The figures of ``model``, as ``evaluate`` writes them."""
    parts = {source.name: source.validation for source in sources} | {ALL: validation.clean, DRAWN: validation.drawn}
    parts[BOXES] = validation.boxes
    tests = {source.name: source.test for source in sources if source.test is not None}
    others = {DRAWN: validation.others.images} | {name: part.others for name, part in tests.items()}
    others |= strangers or {}
    kinds = _kinds(model, validation.others)
    return Metrics(
        validation={name: _measure(model, part.digits) for name, part in parts.items() if len(part.digits)},
        test={name: _measure(model, part.digits) for name, part in tests.items()},
        non_digits={name: _accepted(model, images) for name, images in others.items() if len(images)} | kinds,
    )


def write_report(metrics: Metrics, manifest: Manifest, output: Path) -> Report:
    report = Report(model=manifest.label, sha256=manifest.sha256, metrics=metrics)
    output.write_text(json.dumps(report.model_dump(mode="json"), indent=2) + "\n")
    return report


def table(report: Report) -> str:
    """The figures as lines of text, one for each set of images."""
    lines = [f"{report.model}  {'images':>20} {'accuracy':>9} {'ECE':>7} {'coverage':>9} {'wrong':>8}"]
    for kind, figures in (("validation", report.metrics.validation), ("test", report.metrics.test)):
        for name, scores in figures.items():
            lines.append(
                f"{kind + ' ' + name:<24}{scores.images:>7} {scores.accuracy:>9.4f} "
                f"{scores.calibration_error:>7.4f} {scores.coverage:>9.4f} {scores.accepted_error:>8.5f}"
            )
    for name, others in report.metrics.non_digits.items():
        lines.append(
            f"{'no digit, ' + name:<24}{others.images:>7} {'accepted':>26} {others.accepted:>8.4f}{_told(others)}"
        )
    return "\n".join(lines)


def _told(others: NonDigitScores) -> str:
    return "" if others.told is None else f"  told {others.told:.4f}"


def _accepted(model: Model, images: Images) -> NonDigitScores:
    accepted = accepted_digits(_answers(model, images), model.manifest.review_below)
    return NonDigitScores(images=len(images), accepted=round(float(accepted.mean()), 6))


def _kinds(model: Model, drawn: Digits) -> dict[str, NonDigitScores]:
    """Each kind of the drawn pictures, with the share told as such, where ``model`` knows the kinds."""
    if model.manifest.classes[len(CLASSES) :] != KINDS or not len(drawn):
        return {}
    own = classes_of_labels(drawn.labels)
    accepted = accepted_digits(_answers(model, drawn.images), model.manifest.review_below)
    told = model.engine.probabilities(drawn.images).argmax(axis=1) == own
    return {
        f"{DRAWN} {kind}": NonDigitScores(
            images=int(rows.sum()),
            accepted=round(float(accepted[rows].mean()), 6),
            told=round(float(told[rows].mean()), 6),
        )
        for kind, rows in ((kind, own == len(CLASSES) + number) for number, kind in enumerate(KINDS))
        if rows.any()
    }


def _measure(model: Model, digits: Digits) -> Scores:
    return score(of_digits(_answers(model, digits.images)), digits.labels, model.manifest.review_below)


def _answers(model: Model, images: Images) -> Probabilities:
    """Calibrated probabilities float32 [n, classes], less of each digit that a stroke goes through, as readers do."""
    found = model.predict(images)
    digits = found[:, : len(CLASSES)]
    struck = struck_through(images, digits.argmax(axis=1), digits.max(axis=1), model.manifest.review_below)
    found[struck, : len(CLASSES)] *= np.float32(model.doubtful_cut)
    return found
