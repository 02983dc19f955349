"""What normaliser and model answer to pictures, in batches."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS, Reason
from digitmill.imaging.normaliser.bar import with_paper_around
from digitmill.imaging.normaliser.loops import struck_through
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.imaging.normaliser.normalisers import normaliser_of
from digitmill.models.engines.base import Converted
from digitmill.models.engines.conversion import convert_apart
from digitmill.models.manifest import MODEL_FILE, Manifest, read_manifest
from digitmill.models.registry import Registry
from digitmill.models.runtime import Model, open_converted
from digitmill.settings import PrecisionName
from training.metamorphic.transformations import Asked

BATCH = 2048

Case = TypeVar("Case")

_log = logging.getLogger(__name__)


class Predictor(Protocol):
    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Calibrated probabilities float32 [n, classes] of the digits and of what is none, for uint8 [n, 28, 28]."""


@dataclass(frozen=True)
class Answer:
    """``digit`` is None for blank; ``accepted`` where its row would need no review."""

    digit: int | None
    confidence: float
    accepted: bool


@dataclass(frozen=True)
class Reader:
    """Answers as the service does: by ``classes``, ``review_below`` and ``doubtful_cut`` of the model's manifest."""

    model: Predictor
    review_below: float
    classes: tuple[str, ...] = tuple(DIGITS)
    doubtful_cut: float = 1.0

    def answers(self, asked: Sequence[Asked]) -> list[Answer]:
        """One answer each, in order."""
        normaliser = normaliser_of(NORMALISER_VERSION)
        found = [normaliser(with_paper_around(each.picture, each.polarity), each.polarity) for each in asked]
        inked = [picture for picture, _ in found if picture is not None]
        rows = iter(self.model.predict(np.stack(inked)) if inked else ())
        return [
            Answer(None, 0.0, False) if picture is None else self._answer(next(rows), picture, doubtful)
            for picture, doubtful in found
        ]

    def answered(self, cases: Iterable[tuple[Case, Asked]]) -> Iterator[tuple[Case, Asked, Answer]]:
        """The same for any number of pictures, each with what it is of."""
        left = iter(cases)
        while batch := list(islice(left, BATCH)):
            answers = self.answers([asked for _, asked in batch])
            for (case, asked), answer in zip(batch, answers, strict=True):
                yield case, asked, answer

    def _answer(self, row: NDArray[np.float32], picture: NDArray[np.uint8], doubtful: bool) -> Answer:
        likeliest = np.array([row[: len(DIGITS)].argmax()])
        doubtful |= bool(struck_through(picture[None], likeliest, row[likeliest], self.review_below)[0])
        row = row * np.float32(self.doubtful_cut if doubtful else 1)
        best, digit = int(row.argmax()), int(row[: len(DIGITS)].argmax())
        # as the service does: in float64, or the threshold would be rounded before it is compared
        confidence = float(row[digit])
        if self.classes[best] == Reason.BLANK and float(row[best]) >= self.review_below:
            return Answer(None, 0.0, False)
        return Answer(digit, confidence, confidence >= self.review_below)


def open_reader(name: str | None, registry: Registry, cache: Path, threads: int) -> tuple[Manifest, Reader]:
    """The model ``name@version``, ``name``, or the default for None, or of a run's folder, in f32 on OpenVINO.

    A model that was made for another version of the normaliser is taken too, which is logged: what a change of the
    normaliser does is to be seen before a model is trained with it.

    Raises:
        ModelError: there is none, or it cannot be used here.
    """
    if name is not None and Path(name).is_dir():
        manifest = read_manifest(Path(name))
        files = convert_apart(Path(name) / MODEL_FILE, cache / f"{manifest.sha256}.openvino", len(manifest.classes))
    else:
        manifest = registry.resolve(name)
        files = _files_of(manifest, registry)
    if manifest.normaliser != NORMALISER_VERSION:
        _log.warning(
            "%s was trained with version %s of the normaliser, and this is version %s.",
            manifest.label,
            manifest.normaliser,
            NORMALISER_VERSION,
        )
    model: Model = open_converted(manifest, files, None, precision=PrecisionName.F32, threads=threads)
    return manifest, Reader(model, manifest.review_below, manifest.classes, manifest.doubtful_cut)


def _files_of(manifest: Manifest, registry: Registry) -> Converted:
    reference = manifest.reference
    files = registry.converted(reference)
    if files is not None:
        return files
    folder = registry.cache / f"{reference.sha256}.openvino"
    return convert_apart(registry.path(reference), folder, len(manifest.classes))
