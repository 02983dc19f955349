"""What a training of the service is told to have reached: on the test images, once, when it is over."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.models.manifest import MODEL_FILE, Manifest
from digitmill.models.runtime import open_model
from digitmill.models.scores import BINS, calibration_error
from training.pictures.data import CLASSES, NO_DIGITS, Digits, Source, joined

MOST_MISTAKES = 24


def report_of(
    manifest: Manifest, folder: Path, sources: tuple[Source, ...], threads: int, *, in_time: bool
) -> dict[str, Any]:
    """The report as JSON: ``confusion`` counts test images by label, then by answer; ``mistakes`` are the surest.

    Where no source has a test part the validation images stand for it, and ``measured_on`` says so.
    """
    tests = [source.test.digits for source in sources if source.test is not None]
    test = joined(tests) if tests else NO_DIGITS
    measured_on = "test" if len(test) else "validation"
    if not len(test):
        test = joined([source.validation for source in sources])
    model = open_model(manifest, folder / MODEL_FILE, threads=threads)
    probabilities = model.predict(test.images)
    answers, confidence = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = answers == test.labels
    return {
        "measured_on": measured_on,
        "in_time": in_time,
        "images": len(test),
        "accuracy": round(float(right.mean()), 6),
        "calibration_error": round(calibration_error(confidence, right), 6),
        "temperature": manifest.temperature,
        "review_below": manifest.review_below,
        "accepted": round(float((confidence >= manifest.review_below).mean()), 6),
        "weights": manifest.architecture.parameters,
        "training_images": sum(each.training_images for each in manifest.data_sets),
        "validation_images": sum(each.validation_images for each in manifest.data_sets),
        "confusion": _confusion(test, answers),
        "reliability": _reliability(confidence, right),
        "mistakes": _mistakes(test, answers, confidence),
    }


def _confusion(test: Digits, answers: NDArray[np.intp]) -> list[list[int]]:
    counts = np.zeros((len(CLASSES), len(CLASSES)), int)
    np.add.at(counts, (test.labels, answers), 1)
    return [[int(count) for count in row] for row in counts]


def _reliability(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> list[dict[str, float]]:
    """For each bin of confidences that has images: their number, their mean confidence and the share that is right."""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        {
            "images": int(rows.sum()),
            "confidence": round(float(confidence[rows].mean()), 6),
            "right": round(float(right[rows].mean()), 6),
        }
        for rows in (bins == number for number in range(BINS))
        if rows.any()
    ]


def _mistakes(test: Digits, answers: NDArray[np.intp], confidence: NDArray[np.float32]) -> list[dict[str, Any]]:
    wrong = np.flatnonzero(answers != test.labels)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:MOST_MISTAKES]
    return [
        {
            "label": CLASSES[int(test.labels[row])],
            "answer": CLASSES[int(answers[row])],
            "confidence": round(float(confidence[row]), 4),
            # dark ink on light paper, as people know it
            "png": b64encode(bytes(cv2.imencode(".png", 255 - test.images[row])[1])).decode(),
        }
        for row in surest
    ]
