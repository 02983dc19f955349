"""Give a model of numbers a sequence network: teach it, weigh it beside the lattice, fit how sure both are, measure."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from digitmill.errors import TrainingError
from digitmill.models.engines.base import Converted
from digitmill.models.engines.sequence import OpenVinoSequence
from digitmill.models.manifest import (
    MANIFEST_FILE,
    SEQUENCE_GRAPH,
    SEQUENCE_WEIGHTS,
    Manifest,
    SequencePart,
    Version,
    read_manifest,
)
from digitmill.models.registry import Registry
from digitmill.models.runtime import Model, load_model
from digitmill.readers.number import LEAST_SHARE, shares_of
from digitmill.strips.lattice import Numbers, Weighing
from training.strips.card import CARD_FILE, card
from training.strips.fit import calibrated
from training.strips.hands import material, unseen
from training.strips.make import Counts, settled
from training.strips.measure import Outcome, Seen, composed, seen
from training.strips.sequence import drawn_apart
from training.strips.sequence_network import converted, taught

HEAVIEST = 3.0
"""What the network counts for beside the lattice, at most."""

_log = logging.getLogger(__name__)


class Both(NamedTuple):
    """Of the readings of one strip: ``shares``, the logarithms of those in the lattice but for a constant, ``spelled``,
    the log probabilities by the network, and which are ``right``; each [readings]."""

    shares: Numbers
    spelled: Numbers
    right: NDArray[np.bool_]


class SequencePlan(Counts):
    """Everything that decides a run. The network learns from ``strips``, ``epochs`` times; its weight is fitted on
    ``fitted`` strips of unseen hands, and how sure the shares of both are on as many others."""

    version: Version
    begin_with: Path
    strips: int = 72_000
    epochs: int = 4
    fitted: int = 1500
    seed: int = 1


def make_sequence(plan: SequencePlan, data: Path | None, folder: Path, threads: int) -> tuple[Manifest, list[Outcome]]:
    """Run ``plan`` in a new ``folder``; the manifest, and what was read of the test strips and of the real fields.

    Raises:
        TrainingError: the folder is taken, or the data sets cannot be read.
    """
    if folder.exists():
        raise TrainingError(f"{folder} holds a run already. Take another folder.")
    files = _files(folder)
    strips = drawn_apart(data, plan.seed, plan.strips)
    converted(taught(strips, plan.epochs, plan.seed, threads), files)
    return weighed(plan, data, folder, threads)


def weighed(plan: SequencePlan, data: Path | None, folder: Path, threads: int) -> tuple[Manifest, list[Outcome]]:
    """What comes after the network is taught and lies in ``folder``. As ``make_sequence``."""
    former = read_manifest(plan.begin_with)
    if former.lattice is None:
        raise TrainingError(f"{former.label} reads no numbers. Begin with a model of numbers.")
    for file in former.files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(plan.begin_with / file, folder / file)
    files = _files(folder)
    found = hashlib.sha256(files.graph.read_bytes()), hashlib.sha256(files.weights.read_bytes())
    parameters = files.weights.stat().st_size // np.dtype(np.float32).itemsize
    graph, weights = (each.hexdigest() for each in found)
    part = SequencePart(parameters=parameters, weight=1.0, graph=graph, weights=weights)
    registry = Registry(plan.begin_with.parents[1].absolute().as_uri(), folder / "cache")
    begun = load_model(registry, former.reference, threads=threads)
    hands = material(data, plan.seed)
    strangers, random = unseen(hands, data, former.seed), np.random.default_rng((plan.seed, 8))
    model = _beside(begun, files, part, threads)
    weight = weight_of([_both(each, model) for each in seen(composed(strangers, plan.fitted, random), model)])
    _log.info("weight of the sequence network: %.2f", weight)
    model = _beside(begun, files, part.model_copy(update={"weight": weight}), threads)
    known = [_first(each, model) for each in seen(composed(strangers, plan.fitted, random), model)]
    shares, right = np.array([each[0] for each in known]), np.array([each[1] for each in known])
    manifest = model.manifest.model_copy(
        update={
            "version": plan.version,
            "lattice": calibrated(former.lattice, shares, right),
            "created_at": datetime.now(UTC).replace(microsecond=0),
        }
    )
    manifest, outcomes = settled(Model(manifest, model.engine, model.sequence), hands, data, random, plan)
    (folder / MANIFEST_FILE).write_text(manifest.to_json())
    (folder / CARD_FILE).write_text(card(manifest, plan.model_dump()))
    shutil.rmtree(folder / "cache", ignore_errors=True)
    return manifest, outcomes


def weight_of(strips: Sequence[Both]) -> float:
    """The weight with which the right readings are likeliest among those of their strips.

    Strips of which none is right are left out.
    """

    def loss(weight: float) -> float:
        total = 0.0
        for each in strips:
            if each.right.any():
                logits = each.shares + weight * each.spelled
                total += np.logaddexp.reduce(logits) - np.logaddexp.reduce(logits[each.right])
        return float(total)

    return round(float(minimize_scalar(loss, bounds=(0.0, HEAVIEST), method="bounded").x), 2)


def _files(folder: Path) -> Converted:
    return Converted(folder / SEQUENCE_GRAPH, folder / SEQUENCE_WEIGHTS)


def _beside(begun: Model, files: Converted, part: SequencePart, threads: int) -> Model:
    """The model with this network, and no weights yet that say how sure both are."""
    lattice = replace(begun.manifest.lattice or Weighing({}), slope=1.0, offset=0.0)
    manifest = begun.manifest.model_copy(update={"sequence": part, "certainty": None, "lattice": lattice})
    return Model(manifest, begun.engine, OpenVinoSequence(files, part.weight, threads))


def _both(strip: Seen, model: Model) -> Both:
    found = shares_of(strip.opened, strip.answers, model)
    spelled = np.array([each.spelled for each in found], np.float64)
    shares = np.log([max(each.probability, LEAST_SHARE) for each in found]) - spelled
    return Both(shares, spelled, np.array([each.text == strip.strip.text for each in found], bool))


def _first(strip: Seen, model: Model) -> tuple[float, bool]:
    """The share of the likeliest reading, and whether it is right."""
    found = shares_of(strip.opened, strip.answers, model)
    return (found[0].probability, found[0].text == strip.strip.text) if found else (0.0, False)
