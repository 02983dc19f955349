"""The command ``metamorphic``: open the model, gather the digits, measure, write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.models.registry import Registry
from digitmill.settings import Settings
from training.metamorphic.asking import open_reader
from training.metamorphic.digits import digits_of
from training.metamorphic.kinds import KindsReport, kinds_table, measure_kinds, write_kinds
from training.metamorphic.measure import Report, measure, tables
from training.metamorphic.sheet import write_sheets
from training.metamorphic.transformations import transformations

LEAST_OF_A_SET, EACH_DIGIT = 500, 80
"""Digits that are read of each set at least, where it has them, and else one for so many pairs."""


@dataclass(frozen=True)
class Run:
    """``model`` as ``open_reader`` takes it; ``report`` and ``pictures`` are a file and a folder to write, if any."""

    model: str | None
    seed: int
    report: Path | None
    pictures: Path | None
    threads: int


def run_pairs(run: Run, settings: Settings, registry: Registry, pairs: int) -> str:
    """The tables of ``pairs`` pairs. Raises TrainingError and ModelError."""
    manifest, reader = open_reader(run.model, registry, settings.var / "cache" / "models", run.threads)
    most = max(LEAST_OF_A_SET, pairs // EACH_DIGIT)
    digits = digits_of(settings.data, most, np.random.default_rng(run.seed))
    report = Report(model=manifest.label, normaliser=NORMALISER_VERSION, seed=run.seed)
    offenders = measure(digits, transformations(), reader, pairs, run.seed, report)
    if run.report is not None:
        run.report.write_text(report.model_dump_json(indent=2) + "\n")
    if run.pictures is not None:
        write_sheets(offenders, run.pictures)
    return tables(report)


def run_kinds(run: Run, settings: Settings, registry: Registry, each: int) -> str:
    """The table of ``each`` pictures of every kind. Raises TrainingError and ModelError."""
    manifest, reader = open_reader(run.model, registry, settings.var / "cache" / "models", run.threads)
    digits = digits_of(settings.data, max(LEAST_OF_A_SET, each), np.random.default_rng(run.seed))
    report = KindsReport(model=manifest.label, normaliser=NORMALISER_VERSION, seed=run.seed)
    offenders = measure_kinds(digits, reader, each, run.seed, report)
    if run.report is not None:
        run.report.write_text(report.model_dump_json(indent=2) + "\n")
    if run.pictures is not None:
        write_kinds(offenders, run.pictures)
    return kinds_table(report)
