"""Write what a run gave into its folder: figures, pictures and the model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from digitmill.errors import TrainingError
from digitmill.models.manifest import MODEL_FILE, read_manifest
from digitmill.models.runtime import open_model
from training.config import Config
from training.learning.history import HISTORY_FILE, history_text, read_history
from training.measuring.answers import answered, answered_by_set
from training.measuring.evaluate import METRICS_FILE, measure, validation_of, write_report
from training.pictures.data import Images, Source
from training.reports.card import card
from training.reports.curves import draw_coverage, draw_coverage_by_set, draw_reliability, draw_training
from training.reports.grids import draw_confusion, draw_misclassified, draw_predictions

CARD_FILE = "MODEL_CARD.md"
CURVES_FILE = "training_curves.png"
SETS_FILE = "coverage_by_set.png"
PICTURES = {
    "reliability.png": draw_reliability,
    "coverage.png": draw_coverage,
    "confusion_matrix.png": draw_confusion,
    "predictions.png": draw_predictions,
    "misclassified.png": draw_misclassified,
}

PICTURE_FILES = (CURVES_FILE, SETS_FILE, *PICTURES)


def report(
    folder: Path,
    config: Config,
    sources: tuple[Source, ...],
    threads: int,
    strangers: Mapping[str, Images] | None = None,
) -> list[Path]:
    """Write the files of the report on the run in ``folder``; the same run gives the same bytes.

    Raises:
        ModelRejected: the manifest or the model cannot be used.
        TrainingError: the run has no history.
    """
    history = read_history(folder)
    if not history:
        raise TrainingError(f"{folder} has no {HISTORY_FILE}. Name the folder of a run of `python -m training train`.")
    manifest = read_manifest(folder)
    model = open_model(manifest, folder / MODEL_FILE, threads=threads)
    validation = validation_of(folder, sources, config)
    metrics = measure(model, sources, validation, strangers)
    write_report(metrics, manifest, folder / METRICS_FILE)
    answers = answered(model, sources)
    (folder / HISTORY_FILE).write_text(history_text(history))
    draw_training(history, folder / CURVES_FILE)
    draw_coverage_by_set(answered_by_set(model, sources, validation.drawn), folder / SETS_FILE)
    for name, draw in PICTURES.items():
        draw(answers, folder / name)
    (folder / CARD_FILE).write_text(card(manifest, config, sources, metrics, answers))
    return [folder / name for name in (HISTORY_FILE, *PICTURE_FILES, METRICS_FILE, CARD_FILE)]
