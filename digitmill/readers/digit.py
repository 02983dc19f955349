"""The reader of images that show one digit each. It answers a whole chunk at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.columns import REASON_CODES, STATUS_CODES, Columns
from digitmill.domain.jobs import Options
from digitmill.domain.rows import DIGIT, DIGITS, KINDS, Reason, RowStatus, Value
from digitmill.imaging.normaliser.bar import with_paper_around, with_paper_around_blot
from digitmill.imaging.normaliser.loops import struck_through
from digitmill.imaging.normaliser.overlooked import overlooked_ink
from digitmill.readers.base import Opened, Outputs, Reader

NOTHING = np.zeros((28, 28), np.uint8)
"""What the model is shown of ink of which the normaliser makes no picture."""


@dataclass(slots=True)
class OpenedDigit(Opened):
    """``pictures`` are one, or none where the image is blank. ``doubtful``: it may lack a part of the digit.
    ``several``: there is other ink apart from it."""

    doubtful: bool
    several: bool = False


class DigitReader(Reader[OpenedDigit]):
    name = DIGIT
    keys = "1234567890"
    pattern = "[0-9]"
    groups = tuple(DIGITS)

    def open(self, grey: NDArray[np.uint8], options: Options, model: Outputs) -> OpenedDigit:
        grey = with_paper_around(grey, options.polarity)
        picture, doubtful = model.normaliser(grey, options.polarity)
        if picture is not None:
            return OpenedDigit((picture,), doubtful)
        overlooked = overlooked_ink(grey, options.polarity)
        if overlooked is None:
            blot = with_paper_around_blot(grey, options.polarity)
            picture, _ = (None, False) if blot is None else model.normaliser(blot, options.polarity)
            return OpenedDigit(() if picture is None else (picture,), doubtful=picture is not None)
        picture, _ = model.normaliser(overlooked.crop, options.polarity)
        # a person is to see what even from near is no digit to the normaliser
        pictures = (NOTHING if picture is None else picture,)
        return OpenedDigit(pictures, doubtful=True, several=overlooked.several or picture is None)

    def close(
        self, images: Sequence[OpenedDigit], probabilities: NDArray[np.float32], options: Options, model: Outputs
    ) -> Columns:
        guesses = 1 + options.alternatives
        found = Columns.empty(len(images), guesses, tuple(DIGITS), RowStatus.BLANK)
        order = np.argsort(-probabilities[:, : len(DIGITS)], axis=1, kind="stable")[:, :guesses]
        doubtful = np.array([image.doubtful for image in images if image.pictures], np.bool_)
        several = np.array([image.several for image in images if image.pictures], np.bool_)
        plain = np.take_along_axis(probabilities, order, axis=1)
        sure_from = 0.0 if options.review_below is None else options.review_below
        pictures = [picture for image in images for picture in image.pictures]
        struck = struck_through(pictures, order[:, 0], plain[:, 0], sure_from)
        worth = np.where(doubtful | struck, model.doubtful_cut, 1.0).astype(np.float32)
        ranked = plain * worth[:, None]
        reasons = _reasons(probabilities, model.classes, doubtful)
        reasons[struck] = REASON_CODES[Reason.STRUCK_OUT]
        reasons[several] = REASON_CODES[Reason.SEVERAL]
        likeliest = probabilities.max(axis=1) * worth
        # as float64, or the threshold would be rounded to float32 before it is compared
        sure = (ranked[:, 0].astype(np.float64) >= sure_from) & ~several
        inked = (reasons != REASON_CODES[Reason.BLANK]) | (likeliest.astype(np.float64) < sure_from)
        # a doubtful cut makes a digit less sure, but what is none no surer: that has what the digits leave of the whole
        shows_none = (reasons != REASON_CODES[Reason.UNSURE]) & (reasons != REASON_CODES[Reason.CUT_OFF])
        shows_none &= plain[:, 0].astype(np.float64) < sure_from
        ranked[shows_none] = plain[shows_none]
        places = np.array([place for place, image in enumerate(images) if image.pictures], np.intp)
        found.codes[places[inked]], found.confidences[places[inked]] = order[inked], ranked[inked]
        found.statuses[places[inked & sure]] = STATUS_CODES[RowStatus.RECOGNIZED]
        found.statuses[places[inked & ~sure]] = STATUS_CODES[RowStatus.REVIEW]
        found.reasons[places[inked & ~sure]] = reasons[inked & ~sure]
        return found

    def group(self, value: Value) -> str:
        return value.text or ""


def _reasons(
    probabilities: NDArray[np.float32], classes: Sequence[str], doubtful: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """For each picture the code of the reason that its value has if it is to review."""
    kinds = [Reason(name) if name in KINDS else Reason.OTHER for name in classes[len(DIGITS) :]]
    codes = np.array([REASON_CODES[reason] for reason in (*[Reason.UNSURE] * len(DIGITS), *kinds)], np.uint8)
    found = codes[probabilities.argmax(axis=1)]
    cut_off = doubtful & (found == REASON_CODES[Reason.UNSURE])
    return np.where(cut_off, np.uint8(REASON_CODES[Reason.CUT_OFF]), found)
