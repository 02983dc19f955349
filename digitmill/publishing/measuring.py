"""The figures of a model on the reference pictures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from digitmill.models.engines.base import Converted, Probabilities
from digitmill.models.engines.openvino import OpenVinoEngine
from digitmill.models.manifest import NonDigitScores
from digitmill.models.reference import FIT, NON_DIGITS, Part
from digitmill.models.runtime import calibrate, of_digits
from digitmill.models.scores import accepted_digits, scores_of
from digitmill.publishing.card import Figures
from digitmill.publishing.exchange import Known
from digitmill.settings import PrecisionName


def figures_of(calibrated: Mapping[str, Probabilities], reference: Mapping[str, Part], review_below: float) -> Figures:
    """Of calibrated answers to the parts of the reference pictures, [n, classes] each by the part's name."""
    others = accepted_digits(calibrated[NON_DIGITS], review_below)
    return Figures(
        reference={
            name: scores_of(of_digits(found), reference[name].own, review_below)
            for name, found in calibrated.items()
            if name != NON_DIGITS
        },
        non_digits={NON_DIGITS: NonDigitScores(images=len(others), accepted=round(float(others.mean()), 6))},
    )


def measured(known: Known, reference: Mapping[str, Part]) -> Figures:
    """Of a model that is published."""
    files = Converted(Path(known.graph), Path(known.weights))
    engine = OpenVinoEngine(files, classes=known.classes, precision=PrecisionName.F32, threads=1)
    calibrated = {
        name: calibrate(engine.probabilities(part.images), known.temperature)
        for name, part in reference.items()
        if name != FIT
    }
    return figures_of(calibrated, reference, known.review_below)
