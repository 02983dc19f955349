"""Curves of a report: how training went, whether confidences are honest, what a threshold gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from digitmill.models.scores import ACCEPTED_ERROR, BINS, calibration_error
from training.learning.history import Epoch
from training.measuring.answers import Answers
from training.reports.drawing import BLUE, GREEN, GREY, ORANGE, RED, picture

Floats = NDArray[np.float64]


def draw_training(history: list[Epoch], path: Path) -> None:
    """Loss and accuracy by epoch, with the epoch whose weights were kept."""
    epochs = range(1, len(history) + 1)
    best = min(epochs, key=lambda epoch: history[epoch - 1]["validation_loss"])
    with picture(path, 9, 3.8) as figure:
        for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            for part, colour, mark in (("training", BLUE, "o"), ("validation", ORANGE, "s")):
                values = [epoch[f"{part}_{name}"] for epoch in history]
                axes.plot(epochs, values, color=colour, marker=mark, markersize=4, label=part)
            axes.axvline(best, color=GREY, linestyle=":", label=f"kept: epoch {best}")
            axes.set(xlabel="epoch", ylabel=name)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.legend()
            if name == "accuracy":
                axes.yaxis.set_major_formatter(PercentFormatter(1))
            else:
                axes.set_ylim(bottom=0)


def draw_reliability(answers: Answers, path: Path) -> None:
    """Share of right answers by confidence, in the bins of the calibration error, above how many images each has."""
    confidences = answers.confidences.astype(np.float64)
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    filled = np.flatnonzero(counts)
    said = np.bincount(bins, confidences, minlength=BINS)[filled] / counts[filled]
    right = np.bincount(bins, answers.right, minlength=BINS)[filled] / counts[filled]
    low, high = wilson(right, counts[filled])
    with picture(path, 6, 6.4) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        above.plot((0, 1), (0, 1), color=GREY, linestyle="--", label="honest")
        above.errorbar(
            said,
            right,
            yerr=(np.maximum(right - low, 0), np.maximum(high - right, 0)),
            fmt="o",
            color=BLUE,
            capsize=3,
            label="measured, with its 95 % interval",
        )
        gap = calibration_error(answers.confidences, answers.right)
        above.set(ylabel="read right", title=f"Confidences of {answers.what}\ncalibration error {gap:.2%}")
        figure.legend(loc="outside lower center", ncols=2)
        below.bar((np.arange(BINS) + 0.5) / BINS, counts, width=0.9 / BINS, color=BLUE, log=True)
        below.set(xlabel="confidence", ylabel="images", xlim=(0, 1.02), ylim=(0.7, None))
        _as_percent(above)


def draw_coverage(answers: Answers, path: Path) -> None:
    """Error among the accepted rows by how many are accepted, from the surest on, with the threshold marked."""
    order = np.argsort(-answers.confidences, kind="stable")
    wrong = np.cumsum(~answers.right[order])
    accepted = np.arange(1, len(answers) + 1)
    errors = wrong / accepted
    at = int((answers.confidences >= answers.review_below).sum())
    with picture(path, 7, 4.6) as figure:
        axes = figure.subplots()
        axes.plot(accepted / len(answers), errors, color=BLUE, label="wrong among the accepted")
        axes.axhline(ACCEPTED_ERROR, color=GREEN, linestyle="--", label=f"aim: at most {ACCEPTED_ERROR:.1%}")
        axes.axvline(at / len(answers), color=RED, linestyle=":", label=f"threshold {answers.review_below:.4f}")
        if at:
            axes.plot(at / len(answers), errors[at - 1], "D", color=RED)
        error = errors[at - 1] if at else 0.0
        axes.set(
            xlabel="accepted without review",
            ylabel="wrong among the accepted",
            title=f"{answers.what}\n{at / len(answers):.2%} accepted, of which {error:.2%} wrong",
            xlim=(_left_end(errors, at), 1),
            ylim=(0, 1.2 * max(errors[-1], 2 * ACCEPTED_ERROR)),
        )
        axes.legend(loc="upper left")
        _as_percent(axes)


def draw_coverage_by_set(sets: list[Answers], path: Path) -> None:
    """Error among the accepted rows by how many are accepted, for each set on its own; a mark at the threshold."""
    with picture(path, 8, 5) as figure:
        axes = figure.subplots()
        for number, answers in enumerate(sets):
            order = np.argsort(-answers.confidences, kind="stable")
            accepted = np.arange(1, len(answers) + 1)
            errors = np.cumsum(~answers.right[order]) / accepted
            colour = f"C{number % 10}"
            axes.plot(accepted / len(answers), errors, color=colour, label=answers.what)
            at = int((answers.confidences >= answers.review_below).sum())
            if at:
                axes.plot(at / len(answers), errors[at - 1], "D", color=colour)
        axes.axhline(ACCEPTED_ERROR, color=GREY, linestyle="--", label=f"aim: at most {ACCEPTED_ERROR:.1%}")
        axes.set(
            xlabel="accepted without review",
            ylabel="wrong among the accepted",
            title="Each set on its own, with a mark where the threshold lies",
            xlim=(0.5, 1.005),
            ylim=(0, 0.03),
        )
        axes.legend(loc="upper left", fontsize=8)
        _as_percent(axes)


def wilson(share: Floats, counts: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The 95 % score interval of ``share`` of ``counts`` (Wilson, JASA 22, 1927)."""
    z = 1.96
    middle = (share + z * z / (2 * counts)) / (1 + z * z / counts)
    half = z / (1 + z * z / counts) * np.sqrt(share * (1 - share) / counts + z * z / (4 * counts**2))
    return middle - half, middle + half


def _left_end(errors: Floats, accepted: int) -> float:
    """Where the axis of accepted shares begins, so that the errors and the threshold fill two thirds of the picture."""
    first = min(int((errors == 0).sum()), accepted) / len(errors)
    return max(0.0, 1 - 1.5 * max(1 - first, 0.01))


def _as_percent(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
