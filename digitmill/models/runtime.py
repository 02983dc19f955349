"""A published model, loaded and calibrated: the one way to a prediction, for workers and for evaluation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Computation, ModelReference, Rule
from digitmill.domain.rows import DIGITS
from digitmill.forms.certainty import Looks
from digitmill.imaging.normaliser.normalisers import Normaliser
from digitmill.models.choice import choose
from digitmill.models.engines.base import Batch, Converted, Engine, Probabilities
from digitmill.models.engines.conversion import convert_apart
from digitmill.models.engines.keras import KerasEngine
from digitmill.models.engines.openvino import SURE, OpenVinoEngine
from digitmill.models.engines.sequence import OpenVinoSequence
from digitmill.models.manifest import SEQUENCE_GRAPH, SEQUENCE_WEIGHTS, Manifest, normaliser_for
from digitmill.models.registry import Registry
from digitmill.settings import DeviceName, EngineName, PrecisionName
from digitmill.strips.certainty import Certainty
from digitmill.strips.lattice import Weighing
from digitmill.strips.sequence import SequenceNetwork

LAST_BELOW_ONE = 1 - 2**-20
"""Nearer to 1 the probabilities of float32 are hardly apart."""
ROUNDED = 1e-6
"""Thresholds are rounded up to multiples of it."""


class Model:
    """A manifest and the engine that holds its weights; ``sequence`` reads strips as one sequence, where it has such a
    network."""

    def __init__(self, manifest: Manifest, engine: Engine, sequence: SequenceNetwork | None = None) -> None:
        self.manifest = manifest
        self.engine = engine
        self.sequence = sequence
        self.normaliser: Normaliser = normaliser_for(manifest)

    @property
    def computed_by(self) -> Computation:
        return Computation(self.engine.name, self.engine.precision, self.engine.device)

    @property
    def classes(self) -> tuple[str, ...]:
        """Of the columns of what ``predict`` returns: the ten digits, then the kinds that the model knows."""
        return self.manifest.classes

    @property
    def doubtful_cut(self) -> float:
        """What probabilities are worth, 0 to 1, where the picture may lack a part of the digit."""
        return self.manifest.doubtful_cut

    @property
    def lattice(self) -> Weighing | None:
        """How its answers become a number; None where it sees single digits."""
        return self.manifest.lattice

    @property
    def certainty(self) -> Certainty | None:
        """How sure numbers on strips are by its answers; None where their share in the lattice alone says."""
        return self.manifest.certainty

    @property
    def looks(self) -> Looks | None:
        """How sure numbers in boxes of form pages are by its answers; None for the usual weights."""
        return self.manifest.looks

    def predict(self, batch: Batch) -> Probabilities:
        """Calibrated probabilities of all ``classes``.

        Args:
            batch: uint8 [n, 28, 28] from ``self.normaliser``, n >= 0.

        Returns:
            float32 [n, classes], rows that sum to 1.
        """
        return calibrate(self.engine.probabilities(batch), self.manifest.temperature)

    def predict_by(self, batch: Batch, rules: Sequence[Rule | None]) -> Probabilities:
        """The same, each row calibrated by the temperature of its own rule, None for the model's.

        Rows that a fast precision might put on the other side of their rule's threshold are computed in f32.
        """
        own = rule_of(self.manifest)
        cut, classes = self.doubtful_cut, len(self.classes)
        sure = {rule: sure_of(rule, cut, classes) for rule in set(rules) if rule is not None}
        raw = self.engine.probabilities(batch, np.array([0.0 if rule is None else sure[rule] for rule in rules]))
        return calibrate(raw, np.array([(rule or own).temperature for rule in rules]))

    def warm_up(self) -> None:
        """Do now what the first predictions would otherwise wait for."""
        self.engine.warm_up()


def rule_of(manifest: Manifest) -> Rule:
    return Rule(manifest.temperature, manifest.review_below)


def load_model(
    registry: Registry,
    reference: ModelReference,
    *,
    engine: EngineName = EngineName.AUTO,
    device: DeviceName = DeviceName.AUTO,
    precision: PrecisionName = PrecisionName.AUTO,
    threads: int = 1,
) -> Model:
    """Load ``reference`` from the registry; ``model.engine`` says what was taken.

    Raises:
        ModelNotFound: there is no such model.
        ModelRejected: its files or manifest are broken, or this release lacks its normaliser.
        EngineUnavailable: what the settings name is missing or does not go together, or the framework already
            runs with other settings.
    """
    manifest = registry.exact(reference)
    normaliser_for(manifest)
    engine, precision = choose(manifest, engine, device, precision)
    classes = len(manifest.classes)
    sequence = _sequence(manifest, registry.sequence(reference), threads)
    if engine is EngineName.KERAS:
        path = registry.path(reference)
        return Model(manifest, KerasEngine(path, classes=classes, device=device, threads=threads), sequence)
    files = registry.converted(reference)
    if files is None:
        files = convert_apart(registry.path(reference), registry.cache / f"{reference.sha256}.openvino", classes)
    int8 = registry.quantised(reference) if precision is PrecisionName.INT8 else None
    return open_converted(manifest, files, int8, precision=precision, threads=threads, sequence=sequence)


def _sequence(manifest: Manifest, files: Converted | None, threads: int) -> SequenceNetwork | None:
    if files is None or manifest.sequence is None:
        return None
    return OpenVinoSequence(files, manifest.sequence.weight, threads)


def open_converted(
    manifest: Manifest,
    files: Converted,
    int8: Converted | None,
    *,
    precision: PrecisionName,
    threads: int,
    sequence: SequenceNetwork | None = None,
) -> Model:
    """The model in OpenVINO, from its files in f32 and, for that precision, in int8. Raises as ``load_model``."""
    engine = OpenVinoEngine(
        files,
        classes=len(manifest.classes),
        precision=precision,
        threads=threads,
        int8=int8,
        sure=sure_of(rule_of(manifest), manifest.doubtful_cut, len(manifest.classes)),
    )
    return Model(manifest, engine, sequence)


def sure_of(rule: Rule, doubtful_cut: float, classes: int) -> float:
    """How sure of itself, before calibration, a fast precision must be: half the way to 1 from the least probability
    that ``rule`` accepts of a doubtful cut, however the other classes share what is left. Infinite where float32 is too
    coarse to tell.

    So no row is accepted in one precision and set aside for a person in another.
    """
    accepted, temperature = rule.review_below, rule.temperature
    if doubtful_cut > accepted:
        accepted /= doubtful_cut
    odds = math.pow((1 + accepted) / max(1 - accepted, 1e-6), temperature)
    # a temperature above 1 takes most from the first where the others are equal
    odds *= max(1.0, math.pow(classes - 1, temperature - 1))
    sure = 1 - 1 / (1 + odds)
    return max(SURE, sure) if sure < LAST_BELOW_ONE else math.inf


def as_strict(own: Rule, temperature: float, classes: int, doubtful_cut: float) -> float:
    """The least threshold, to 6 digits, that at ``temperature`` accepts no row which ``own`` refuses.

    Args:
        classes: of the model; the more there are, the more a lower temperature can favour the first.
        doubtful_cut: what probabilities of doubtful cuts are multiplied by, 0 to 1.
    """
    if temperature == own.temperature:
        return own.review_below
    power = own.temperature / temperature
    # powers of the others' probabilities sum to least where these are equal (power > 1), or all but one 0
    spread = min(1.0, math.pow(classes - 1, 1 - power))

    def at(accepted: float) -> float:
        first, others = math.pow(accepted, power), math.pow(1 - accepted, power)
        return first / (first + spread * others)

    least = at(own.review_below)
    if doubtful_cut < 1:
        refused = own.review_below / doubtful_cut
        least = max(least, doubtful_cut * at(refused) if refused <= 1 else doubtful_cut + ROUNDED)
    return min(1.0, math.ceil(least / ROUNDED) * ROUNDED)


def open_model(manifest: Manifest, path: Path, *, threads: int) -> Model:
    """The weights in ``path``, which fit ``manifest``, in Keras on the device that there is. Raises as ``load_model``.

    What Keras says is what other engines are held to.
    """
    normaliser_for(manifest)
    engine = KerasEngine(path, classes=len(manifest.classes), device=DeviceName.AUTO, threads=threads)
    beside = Converted(path.parent / SEQUENCE_GRAPH, path.parent / SEQUENCE_WEIGHTS)
    return Model(manifest, engine, _sequence(manifest, beside, threads))


def of_digits(probabilities: Probabilities) -> Probabilities:
    """Of what a model predicts, [n, classes], the part [n, 10] that says how likely each digit is."""
    return probabilities[:, : len(DIGITS)]


def calibrate(probabilities: Probabilities, temperature: float | NDArray[np.float64]) -> Probabilities:
    """Temperature scaling (Guo et al., "On Calibration of Modern Neural Networks", 2017): softmax(log p / T).

    Args:
        probabilities: float [n, classes], rows that sum to 1; zeros are allowed.
        temperature: above 1 makes the model less sure, below 1 surer; the order of classes stays. One for all rows, or
            one for each [n].

    Returns:
        float32 [n, classes], rows that sum to 1.
    """
    logits: NDArray[np.float64] = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny), dtype=np.float64)
    logits /= np.reshape(temperature, (-1, 1))
    logits -= logits.max(axis=1, keepdims=True, initial=-np.inf)
    powers: NDArray[np.float64] = np.exp(logits)
    powers /= powers.sum(axis=1, keepdims=True)
    return powers.astype(np.float32)
