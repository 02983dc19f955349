"""Make a model of numbers: teach a network groups of strips, fit its lattice, calibrate it, measure it, convert it."""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path

import cv2
import keras
import numpy as np
from numpy.random import Generator
from pydantic import BaseModel, ConfigDict

from digitmill.domain.rows import NUMBER
from digitmill.errors import TrainingError
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.models.engines.conversion import convert
from digitmill.models.engines.keras import configure, multiply_adds
from digitmill.models.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    OPENVINO_GRAPH,
    Architecture,
    Manifest,
    Metrics,
    Scores,
    Version,
)
from digitmill.models.runtime import Model, open_converted, open_model
from digitmill.settings import DeviceName, EngineName, PrecisionName
from digitmill.strips.lattice import ALPHABET, Weighing
from training.convert import agreement, checksums
from training.learning.architectures import description
from training.pictures.data import Digits, joined
from training.strips.card import CARD_FILE, card
from training.strips.certainty import fitted as fitted_certainty
from training.strips.certainty import gathered, judged, threshold
from training.strips.compose import Composer
from training.strips.edges import NUMBER_CLASSES, labelled_edges, labelled_marks
from training.strips.fit import calibrated, fitted
from training.strips.hands import Hands, Material, material, unseen
from training.strips.measure import (
    REAL,
    Outcome,
    composed,
    examples,
    outcomes,
    real_fields,
    scores_of,
    seen,
)
from training.strips.network import ARCHITECTURE, taught

NAME = "numbers"
DOUBTFUL_CUT = 0.5
"""What a confidence is worth where the strip looks struck out, crossed or like a dash."""
DRAWN_APART = 2
"""Processes that draw at once."""

_log = logging.getLogger(__name__)


class Counts(BaseModel):
    """Of strips: certainty and threshold are fitted on ``calibrated`` of unseen hands, and the last figures taken on
    ``tested`` of test digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    calibrated: int = 8000
    tested: int = 4000


class Plan(Counts):
    """Everything that decides a run.

    ``strips`` are composed to learn from, and a sixth of them for validation; the weights of the lattice are fitted on
    ``fitted`` strips of validation digits, and how sure its shares are on as many others.
    """

    version: Version
    begin_with: Path
    strips: int = 8000
    epochs: int = 4
    fitted: int = 1200
    seed: int = 1


def make(plan: Plan, data: Path | None, folder: Path, threads: int) -> tuple[Manifest, list[Outcome]]:
    """Run ``plan`` in a new ``folder``; the manifest, and what was read of the test strips and of the real fields.

    Raises:
        TrainingError: the folder is taken, or the data sets cannot be read.
    """
    path = folder / MODEL_FILE
    if path.exists():
        raise TrainingError(f"{folder} holds a run already. Take another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    training, validation = _pictures(plan, data)
    taught(plan.begin_with, training, validation, plan.epochs, plan.seed, threads, path)
    return finish(plan, data, folder, threads, validation)


def finish(
    plan: Plan, data: Path | None, folder: Path, threads: int, validation: Digits
) -> tuple[Manifest, list[Outcome]]:
    """What comes after the network is taught: convert, fit, calibrate, measure."""
    hands, random = material(data, plan.seed), np.random.default_rng((plan.seed, 3))
    model = _with(_converted(plan, folder, validation, threads), data_sets=hands.sets)
    weighing = fitted(examples(seen(composed(hands.validation, plan.fitted, random), model), model))
    _log.info("lattice: %s", weighing)
    model = _with(model, lattice=weighing)
    known = outcomes(seen(composed(hands.validation, plan.fitted, random), model), model)
    confidences = np.array([each.confidence for each in known])
    model = _with(model, lattice=calibrated(weighing, confidences, np.array([each.right for each in known])))
    manifest, found = settled(model, hands, data, random, plan)
    (folder / MANIFEST_FILE).write_text(manifest.to_json())
    (folder / CARD_FILE).write_text(card(manifest, plan.model_dump()))
    return manifest, found


def settled(
    model: Model, hands: Material, data: Path | None, random: Generator, plan: Counts
) -> tuple[Manifest, list[Outcome]]:
    """The manifest of the model with its certainty, threshold and figures, and what was read of the test strips and of
    the real fields.

    Args:
        hands: of the seed of the model.
        random: draws the strips of unseen hands.
    """
    seed = model.manifest.seed
    model, validation = surer(model, unseen(hands, data, seed), plan.calibrated, random)
    test = outcomes(seen(composed(hands.test, plan.tested, np.random.default_rng((seed, 4))), model), model)
    real = outcomes(seen(real_fields(data), model), model) if data is not None else []
    tests = {"composed": scores_of(test)} | ({REAL: scores_of(real)} if real else {})
    metrics = Metrics(validation={"composed": validation}, test=tests)
    return model.manifest.model_copy(update={"metrics": metrics}), [*test, *real]


def surer(model: Model, hands: Hands, strips: int, random: Generator) -> tuple[Model, Scores]:
    """The model with its certainty and its threshold, and what they do on strips that they were not fitted to."""
    found = gathered(hands, strips, random, model)
    known = judged(found)
    review_below = threshold(known)
    sure = _with(model, certainty=fitted_certainty(found.read), review_below=review_below)
    return sure, scores_of([each.judged(review_below) for each in known])


def _pictures(plan: Plan, data: Path | None) -> tuple[Digits, Digits]:
    """What the network learns from, and what chooses its best epoch."""
    half, sixth = plan.strips // DRAWN_APART, plan.strips // 6
    jobs = [("training", half, number) for number in range(DRAWN_APART)] + [("validation", sixth, DRAWN_APART)]
    with ProcessPoolExecutor(DRAWN_APART, get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)) as pool:
        drawn = [pool.submit(_drawn, plan.seed, data, *job) for job in jobs]
        *training, validation = [each.result() for each in drawn]
    return joined(training), validation


def _drawn(seed: int, data: Path | None, part: str, strips: int, number: int) -> Digits:
    hands: Hands = getattr(material(data, seed), part)
    edges = labelled_edges(Composer(hands), strips, np.random.default_rng((seed, 1, number)))
    return joined([edges, labelled_marks(hands.digits, strips, (seed, 2, number))])


def _with(model: Model, **changed: object) -> Model:
    return Model(model.manifest.model_copy(update=changed), model.engine, model.sequence)


def _manifest(plan: Plan, path: Path) -> Manifest:
    content, network = path.read_bytes(), keras.saving.load_model(path, compile=False)
    return Manifest(
        name=NAME,
        version=plan.version,
        architecture=Architecture(
            name=ARCHITECTURE,
            description=description(ARCHITECTURE),
            parameters=network.count_params(),
            multiply_adds=multiply_adds(network),
        ),
        data_sets=(),
        seed=plan.seed,
        normaliser=NORMALISER_VERSION,
        reads=NUMBER,
        alphabet=ALPHABET,
        classes=NUMBER_CLASSES,
        temperature=1.0,
        review_below=1.0,
        doubtful_cut=DOUBTFUL_CUT,
        lattice=Weighing({}),
        metrics=Metrics(validation={}),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


def _converted(plan: Plan, folder: Path, validation: Digits, threads: int) -> Model:
    """The network in OpenVINO, in f32 alone: most groups of a strip are no character, and of these a coarser precision
    is so unsure that f32 would be asked for nearly all of them again."""
    path = folder / MODEL_FILE
    configure(DeviceName.AUTO, threads)
    draft = _manifest(plan, path)
    files = convert(path, (folder / OPENVINO_GRAPH).parent, len(draft.classes))
    model = open_converted(draft, files, None, precision=PrecisionName.F32, threads=threads)
    expected = open_model(draft, path, threads=threads).predict(validation.images)
    agreed = agreement(model.predict(validation.images), expected, PrecisionName.F32)
    artifacts = {EngineName.OPENVINO: {PrecisionName.F32: checksums(files, PrecisionName.F32)}}
    return _with(model, artifacts=artifacts, engines=(agreed,))
