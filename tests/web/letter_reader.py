"""A reader of letters, as somebody would add it: A to J, for models of ten classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.columns import Columns
from digitmill.domain.jobs import Options
from digitmill.domain.rows import PLAIN, Guess, Reason, RowStatus, Value
from digitmill.readers.base import Opened, Outputs, Reader

LETTERS = "ABCDEFGHIJ"


class LetterReader(Reader[Opened]):
    name = "letter"
    keys = LETTERS
    pattern = "[A-J]"
    groups = tuple(LETTERS)

    def open(self, grey: NDArray[np.uint8], options: Options, model: Outputs) -> Opened:
        picture, _ = model.normaliser(grey, options.polarity)
        return Opened(() if picture is None else (picture,))

    def close(
        self, images: Sequence[Opened], probabilities: NDArray[np.float32], options: Options, model: Outputs
    ) -> Columns:
        answers = iter(probabilities.tolist())
        return Columns.of([{PLAIN: _value(next(answers), options) if image.pictures else BLANK} for image in images])

    def group(self, value: Value) -> str:
        return value.text or ""


class WordReader(LetterReader):
    """As it were of words: what a person says of an image is typed."""

    name = "word"
    pattern = "[A-J]{1,4}"


BLANK = Value(None, RowStatus.BLANK)


def _value(probabilities: Sequence[float], options: Options) -> Value:
    ranked = sorted(map(Guess, LETTERS, probabilities), key=lambda guess: -guess.confidence)
    best, others = ranked[0], tuple(ranked[1 : 1 + options.alternatives])
    if best.confidence >= (options.review_below or 0.0):
        return Value(best.prediction, RowStatus.RECOGNIZED, best.confidence, others)
    return Value(best.prediction, RowStatus.REVIEW, best.confidence, others, Reason.UNSURE)
