"""Pictures of digits in a report: what was confused with what, what was read right and what wrong."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from training.measuring.answers import Answers
from training.pictures.data import CLASSES
from training.reports.drawing import GREEN, RED, picture

COLUMNS, ROWS = 10, 4
SEED = 1
"""Of the choice of images that are shown."""
RIGHT, WRONG = "\N{CHECK MARK}", "\N{BALLOT X}"


def draw_confusion(answers: Answers, path: Path) -> None:
    """Counts by label and answer; a wrong answer is the darker, the larger its share of the label's images."""
    counts = answers.confusion
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares = counts / totals
    errors = np.where(np.eye(len(CLASSES), dtype=bool), np.nan, shares)
    darkest = max(float(np.nanmax(errors)), 1e-9)
    with picture(path, 6.6, 6.2) as figure:
        axes = figure.subplots()
        axes.grid(visible=False)
        axes.imshow(errors, cmap="Oranges", norm=Normalize(0, 1.3 * darkest))
        for label, prediction in np.ndindex(counts.shape):
            count = counts[label, prediction]
            if count:
                weight = "bold" if label == prediction else "normal"
                axes.text(prediction, label, f"{count:,}", ha="center", va="center", fontsize=9, fontweight=weight)
        recalls = np.diag(shares)
        axes.set_xticks(range(len(CLASSES)), CLASSES)
        names = [f"{name}   {recall:.1%}" for name, recall in zip(CLASSES, recalls, strict=True)]
        axes.set_yticks(range(len(CLASSES)), names)
        wrong = len(answers) - int(np.trace(counts))
        axes.set(xlabel="read as", ylabel="is, and how many of them are read right")
        axes.set_title(f"{answers.what}: {wrong:,} read wrong")


def draw_predictions(answers: Answers, path: Path) -> None:
    """Three lines of images drawn at random, and one of those that were read wrong, as far as there are any."""
    random = np.random.default_rng(SEED)
    wrong = answers.misclassified
    wrong = np.sort(random.choice(wrong, min(COLUMNS, len(wrong)), replace=False))
    shown = min(COLUMNS * ROWS - (COLUMNS if len(wrong) else 0), len(answers))
    rows = [*np.sort(random.choice(len(answers), shown, replace=False)), *wrong]
    title = f"{shown} of the {answers.what}, at random"
    if len(wrong):
        title += f"; last line: {len(wrong)} of the {len(answers.misclassified):,} that were read wrong"
    _draw_grid(answers, rows, title, path)


def draw_misclassified(answers: Answers, path: Path) -> None:
    """The images that were read wrong, the most confident first, as many as fit."""
    rows = answers.misclassified[: COLUMNS * ROWS]
    wrong = len(answers.misclassified)
    shown = "all of them" if len(rows) == wrong else f"the {len(rows)} surest"
    title = f"{wrong:,} read wrong of the {answers.what}: {shown}, surest first" if wrong else "None was read wrong"
    _draw_grid(answers, rows, title, path)


def _draw_grid(answers: Answers, rows: Iterable[int], title: str, path: Path) -> None:
    with picture(path, 10, 6) as figure:
        figure.suptitle(f"{title}\nabove each: what it was read as, and how surely")
        grid = figure.subplots(ROWS, COLUMNS).ravel()
        for axes in grid:
            axes.set_axis_off()
        for axes, row in zip(grid, rows, strict=False):
            _draw_digit(axes, answers, int(row))


def _draw_digit(axes: Axes, answers: Answers, row: int) -> None:
    right, label = answers.right[row], CLASSES[answers.digits.labels[row]]
    prediction, confidence = CLASSES[answers.predictions[row]], answers.confidences[row]
    axes.imshow(answers.digits.images[row], cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    words = f"{prediction} {RIGHT}" if right else f"{prediction} {WRONG} is {label}"
    axes.set_title(f"{words}\n{confidence:.1%}", color=GREEN if right else RED, fontsize=10, pad=2)
