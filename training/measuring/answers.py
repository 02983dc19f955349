"""What a model answers to labelled images, as the pictures and the card of a report show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitmill.models.runtime import Model, of_digits
from training.pictures.data import CLASSES, Digits, Source, joined

MOST_NAMES = 45
"""Letters of the names of sets for which the titles of pictures have space."""


@dataclass(frozen=True)
class Answers:
    """``predictions`` int [n] and calibrated ``confidences`` float32 [n] for ``digits``; ``what`` names those."""

    what: str
    digits: Digits
    predictions: NDArray[np.intp]
    confidences: NDArray[np.float32]
    review_below: float

    def __len__(self) -> int:
        return len(self.digits)

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.asarray(self.predictions == self.digits.labels)

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Images [label, prediction]."""
        counts = np.zeros((len(CLASSES), len(CLASSES)), np.int64)
        np.add.at(counts, (self.digits.labels, self.predictions), 1)
        return counts

    @property
    def misclassified(self) -> NDArray[np.intp]:
        """Rows that were read wrong, the most confident first."""
        wrong = np.flatnonzero(~self.right)
        return wrong[np.argsort(-self.confidences[wrong], kind="stable")]


def answered(model: Model, sources: tuple[Source, ...]) -> Answers:
    """What ``model`` answers to the test parts of all ``sources`` that have one."""
    tests = {source.name: source.test for source in sources if source.test is not None}
    digits = joined(list(tests.values())).digits
    names = ", ".join(tests)
    if len(names) > MOST_NAMES:
        names = f"{len(tests)} data sets"
    return _answers(model, f"{len(digits):,} test images of {names}", digits)


def answered_by_set(model: Model, sources: tuple[Source, ...], drawn: Digits) -> list[Answers]:
    """What ``model`` answers to each set of digits: the test parts, the held-out ones, and those ``drawn`` as scans."""
    sets = {f"{source.name}, test": source.test for source in sources if source.test is not None}
    sets |= {f"{source.name}, validation": source.validation for source in sources if len(source.validation)}
    sets |= {"drawn, validation": drawn} if len(drawn) else {}
    return [_answers(model, f"{name} ({len(part.digits):,})", part.digits) for name, part in sets.items()]


def _answers(model: Model, what: str, digits: Digits) -> Answers:
    probabilities = of_digits(model.predict(digits.images))
    return Answers(what, digits, probabilities.argmax(axis=1), probabilities.max(axis=1), model.manifest.review_below)
