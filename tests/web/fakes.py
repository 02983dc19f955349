"""Images that a model of a few lines can tell apart, however they are normalised."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from digitmill.domain.jobs import Computation, Rule
from digitmill.domain.rows import DIGITS
from digitmill.forms.certainty import Looks
from digitmill.imaging.normaliser.normalisers import normalise_with_quality
from digitmill.models.runtime import calibrate
from digitmill.strips.sequence import SequenceNetwork
from digitmill.uploads.spool import HELD_BYTES


class WideMeansSeven:
    """Says 7 for ink wider than it is high, sure to 0.995, and 1 for other ink, sure to 0.98."""

    computed_by = Computation("none", "f32", "cpu")
    normaliser = staticmethod(normalise_with_quality)
    classes = tuple(DIGITS)
    doubtful_cut = 1.0
    lattice = None
    certainty = None
    looks: Looks | None = None
    sequence: SequenceNetwork | None = None

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        answers = np.zeros((len(batch), 10), np.float32)
        for answer, picture in zip(answers, batch, strict=True):
            rows, columns = np.nonzero(picture > 64)
            digit, confidence = (7, 0.995) if np.ptp(columns) > np.ptp(rows) else (1, 0.98)
            answer[:] = (1 - confidence) / 9
            answer[digit] = confidence
        return answers

    def predict_by(self, batch: NDArray[np.uint8], rules: Sequence[Rule | None]) -> NDArray[np.float32]:
        return calibrate(self.predict(batch), np.array([1.0 if rule is None else rule.temperature for rule in rules]))


class WideIsACross(WideMeansSeven):
    """Takes ink wider than it is high for a cross, and for a 7 if it must be a digit."""

    classes = (*DIGITS, "blank", "cross")

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        digits = super().predict(batch)
        crosses = digits.argmax(axis=1) == 7
        digits[crosses] *= 0.125
        kinds = np.zeros((len(batch), 2), np.float32)
        kinds[crosses, 1] = 0.875
        return np.concatenate((digits, kinds), axis=1)


def one(scale: int = 1) -> bytes:
    """A PNG with a high stroke, a 1 for this model."""
    return _png(slice(8, 32), slice(17, 23), scale)


def heavy(size: int = 2 * HELD_BYTES) -> bytes:
    """The same in a file too large to be held in memory, or to lie with its job's plan."""
    text = PngInfo()
    text.add_text("Comment", "-" * size)
    out = io.BytesIO()
    Image.open(io.BytesIO(one())).save(out, "PNG", pnginfo=text)
    return out.getvalue()


def seven(scale: int = 1) -> bytes:
    """A PNG with a broad stroke, a 7 for this model."""
    return _png(slice(16, 24), slice(8, 32), scale)


def blank() -> bytes:
    return _png(slice(0, 0), slice(0, 0), 1)


def _png(rows: slice, columns: slice, scale: int) -> bytes:
    picture = np.full((40, 40), 255, np.uint8)
    picture[rows, columns] = 0
    out = io.BytesIO()
    Image.fromarray(picture.repeat(scale, axis=0).repeat(scale, axis=1)).save(out, "PNG")
    return out.getvalue()
