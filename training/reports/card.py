"""``MODEL_CARD.md``: what a model is, what it was made from and how good it is, for people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from digitmill.models.manifest import Manifest, Metrics, Scores
from training.config import Config
from training.measuring.answers import Answers
from training.pictures.data import CLASSES, Source

PAIRS = 5
"""Confusions that are listed."""


def card(manifest: Manifest, config: Config, sources: tuple[Source, ...], metrics: Metrics, answers: Answers) -> str:
    """The card as Markdown; the same run gives the same text."""
    parts = (
        _head(manifest),
        _recipe(manifest, config),
        _data(sources, config),
        _figures(metrics, manifest.review_below),
        *([_non_digits(metrics)] if metrics.non_digits else []),
        _digits(answers),
        PICTURES,
        LIMITS,
    )
    return "\n".join(parts)


def _head(manifest: Manifest) -> str:
    network = manifest.architecture
    return f"""# {manifest.label}

Reads one handwritten digit from a 28x28 picture and says how sure it is. Once it is published, jobs name it as
`{manifest.label}`.

{network.description} {network.parameters:,} weights, {network.multiply_adds:,} multiply-adds an image, \
{manifest.size:,} bytes, sha256 `{manifest.sha256}`.

Its outputs are made honest by the temperature {manifest.temperature}, and rows below {manifest.review_below} are set \
aside for a person. Pictures come from version {manifest.normaliser} of the normaliser.
"""


def _recipe(manifest: Manifest, config: Config) -> str:
    pictures, remark = " as they are", ""
    if config.augmented:
        pictures = f", half of them drawn again for every epoch, {100 * config.scan_share:g} % as scans"
        pictures += f", with {config.non_digits:g} pictures of no digit for each digit" if config.non_digits else ""
        remark = " As training saw harder pictures than validation, its curves may look the worse of the two."
    return f"""## How it was trained

`{manifest.architecture.name}`, {config.epochs} epochs of batches of {config.batch_size} with {config.optimizer} at a \
learning rate of up to {config.learning_rate:g}, seed {config.seed}, in {config.arithmetic}; pictures{pictures}.\
{_repeated(config)}{_begun(config)} Of all epochs the one with \
the least validation loss was kept. The temperature and the threshold were fitted to the validation images.\
{remark}
"""


def _repeated(config: Config) -> str:
    often = [
        f"{name} {times} times" for name, times in config.repeated.items() if name in config.data_sets and times > 1
    ]
    return f" An epoch has each digit once, those of {', '.join(often)}." if often else ""


def _begun(config: Config) -> str:
    return f" It began with the weights of the run in `{config.begin_with}`." if config.begin_with else ""


def _data(sources: tuple[Source, ...], config: Config) -> str:
    lines = [
        f"| {source.name} | {len(source.training):,} | {len(source.validation):,} | "
        f"{'none' if source.test is None else f'{len(source.test):,}'} | {source.licence} |"
        for source in sources
    ]
    return "\n".join(
        (
            "## What it was trained on",
            "",
            f"Split by the seed {config.seed}, class by class, where a set has no test part of its own. Test images "
            "serve for the last figures alone. Digits of the public sets that plainly show another one than their "
            "label says are in neither training nor validation.",
            "",
            "| data set | training | validation | test | licence |",
            "| --- | --- | --- | --- | --- |",
            *lines,
            "",
        )
    )


def _figures(metrics: Metrics, review_below: float) -> str:
    return "\n".join(
        (
            "## How good it is",
            "",
            f"Accepted are the images at {review_below} or surer. Calibration error: how far confidences are from "
            "the truth, on average (Guo et al., 2017).",
            "",
            "| images | how many | read right | calibration error | accepted | wrong among those |",
            "| --- | --- | --- | --- | --- | --- |",
            *_lines("validation", metrics.validation),
            *_lines("test", metrics.test),
            "",
        )
    )


def _lines(part: str, figures: Mapping[str, Scores]) -> list[str]:
    return [
        f"| {name}, {part} | {scores.images:,} | {_percent(scores.accuracy)} | "
        f"{_percent(scores.calibration_error)} | {_percent(scores.coverage)} | {_percent(scores.accepted_error)} |"
        for name, scores in figures.items()
    ]


def _non_digits(metrics: Metrics) -> str:
    lines = [
        f"| {name} | {scores.images:,} | {_percent(scores.accepted)} |" for name, scores in metrics.non_digits.items()
    ]
    return "\n".join(
        (
            "Pictures of what is no digit (crosses, letters, scribbles, two digits in a box, empty boxes), and the "
            "share of them that got a digit above the threshold. Those drawn are of the kinds that training drew; "
            "those of a data set are of its test part; the others are cut from real forms, and training had no part in "
            "them.",
            "",
            "| no digit | how many | accepted as a digit |",
            "| --- | --- | --- |",
            *lines,
            "",
        )
    )


def _digits(answers: Answers) -> str:
    counts = answers.confusion
    totals = counts.sum(axis=1)
    shares = [_percent(counts[row, row] / totals[row]) if totals[row] else "none" for row in range(len(CLASSES))]
    errors = counts - np.diag(np.diag(counts))
    order = np.argsort(-errors, axis=None, kind="stable")[:PAIRS]
    pairs = [(row, column) for row, column in zip(*np.unravel_index(order, errors.shape), strict=True)]
    confused = [f"{CLASSES[row]} as {CLASSES[column]} ({errors[row, column]})" for row, column in pairs]
    confused = [words for words, (row, column) in zip(confused, pairs, strict=True) if errors[row, column]]
    return f"""Of the {answers.what}, read right by digit:

| {" | ".join(CLASSES)} |
|{" --- |" * len(CLASSES)}
| {" | ".join(shares)} |

Most often confused: {", ".join(confused) or "none"}.
"""


def _percent(share: float) -> str:
    return f"{share:.2%}".replace("%", " %")


PICTURES = """## Pictures

![Loss and accuracy by epoch](training_curves.png)
![Share of right answers by confidence](reliability.png)
![Error by accepted share](coverage.png)
![Error by accepted share, set by set](coverage_by_set.png)
![Confusion matrix](confusion_matrix.png)
![Some answers](predictions.png)
![The surest wrong answers](misclassified.png)
"""

LIMITS = """## What it is not for

Letters, and numbers of several digits. Scans that are unlike the data sets above are read worse than the figures say:
measure on a labelled sample of your own before you trust the threshold. Names, amounts and the like that matter need a
check beyond single digits.
"""
