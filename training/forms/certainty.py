"""The weights of ``digitmill.forms.certainty``: fitted on drawn pages, and how they do on others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from digitmill.domain.jobs import Options
from digitmill.domain.rows import RowStatus
from digitmill.errors import ItemFailure
from digitmill.forms import certainty, digits
from digitmill.forms.certainty import Looks, Weights, log_odds
from digitmill.forms.cutting import strip_of
from digitmill.forms.registration.reference import Reference
from digitmill.forms.template import DigitsField
from digitmill.readers.form import FormReader, OpenedPage, OpenedStrip, box_of
from digitmill.readers.number_field import agreement, opened, read
from digitmill.readers.second_look import again_of
from training.forms.capture import KINDS, captured
from training.forms.filling import palest_of, written_on
from training.forms.layout import DPI
from training.forms.measure import form_of
from training.forms.reading import Models
from training.pictures.data import Digits

Features = list[tuple[float, ...]]

STIFFNESS = 1.0
"""Weight of the squared coefficients, of features of spread 1."""
OPTIONS = Options(review_below=0.0)


@dataclass
class Samples:
    """Features of numbers, and whether each was read right: of boxes, of boxes and their strip, of strips alone,
    and of boxes in which no digit was seen."""

    first: Features = field(default_factory=list)
    second: Features = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    numbers: Features = field(default_factory=list)
    numbers_right: list[bool] = field(default_factory=list)
    empty: Features = field(default_factory=list)
    empty_right: list[bool] = field(default_factory=list)


def gathered(pages: Iterable[int], seed: int, models: Models, hands: Digits, templates: int) -> Samples:
    """What drawn pages say, filled in by ``hands``."""
    forms = [form_of(number, seed) for number in range(templates)]
    references = [Reference(form.template, form.blank) for form in forms]
    samples = Samples()
    for index in pages:
        kind, number = KINDS[index % len(KINDS)], index // len(KINDS) % templates
        random = np.random.default_rng([seed, 3, index])
        filled = written_on(forms[number], hands, random, palest_of(kind))
        picture = captured(filled.page, DPI, kind, random).picture
        try:
            page = FormReader([references[number]], numbers=models.numbers).open(picture, OPTIONS, models.digits)
        except ItemFailure:
            continue
        seen = models.digits.predict(np.stack(page.pictures)) if len(page.pictures) else np.empty((0, 0), np.float32)
        _add(samples, page, seen, filled.truth, models)
    return samples


def _add(
    samples: Samples, page: OpenedPage, seen: NDArray[np.float32], truth: dict[str, str | None], models: Models
) -> None:
    for number, (each, found) in enumerate(page.found):
        if isinstance(found, OpenedStrip) and found.read.pictures:
            value, text = found.read.value, found.read.value.text or ""
            own = seen[found.first : found.first + len(text)]
            samples.numbers.append((log_odds(value.confidence or 0.0), len(text), log_odds(agreement(text, own))))
            samples.numbers_right.append(text == truth[each.name])
        if not isinstance(each, DigitsField) or not isinstance(found, list):
            continue
        boxes = [box_of(box, seen, models.digits) for box in found]
        value = digits.value_of(each, boxes, sure_from=0.0, alternatives=0)
        if value.status is RowStatus.BLANK:
            samples.empty.append(digits.evidence(each, boxes).empty)
            samples.empty_right.append(truth[each.name] is None)
        if value.status is not RowStatus.RECOGNIZED:
            continue
        cut = strip_of(page.registration, number)
        strip = opened(cut, models.numbers) if cut is not None else None
        if cut is None or strip is None:
            continue
        other = read(cut, strip, models.numbers.predict(np.stack(strip.pictures)), models.numbers, 0)
        features = digits.evidence(each, boxes).features
        held = [found[place].picture for place in digits.places_of(each, boxes)]
        own = models.numbers.predict(np.stack([page.pictures[place] for place in held if place is not None]))
        samples.first.append(features)
        samples.second.append((*features, *again_of(value, other, own, models.numbers).features))
        samples.right.append(value.text == truth[each.name])


def fitted(features: Features, right: list[bool]) -> Weights:
    """A logistic regression."""
    table, signs = np.array(features, float), np.where(right, 1.0, -1.0)
    middle, spread = table.mean(axis=0), np.maximum(table.std(axis=0), 1e-9)
    scaled = np.column_stack((np.ones(len(table)), (table - middle) / spread))

    def loss(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margins = signs * (scaled @ weights)
        pull = scaled.T @ (signs / (1 + np.exp(margins)))
        stiff = np.concatenate(([0.0], weights[1:]))
        return float(np.logaddexp(0, -margins).sum() + STIFFNESS * (stiff @ stiff) / 2), STIFFNESS * stiff - pull

    found = np.asarray(minimize(loss, np.zeros(scaled.shape[1]), jac=True).x)
    slopes = found[1:] / spread
    return Weights(round(float(found[0] - slopes @ middle), 4), tuple(round(float(slope), 4) for slope in slopes))


def looks_of(fit: Samples, proof: Samples) -> Looks:
    """Those that all of them give."""
    right = fit.right + proof.right
    return Looks(fitted(fit.first + proof.first, right), fitted(fit.second + proof.second, right))


def report(used: Looks, fit: Samples, proof: Samples) -> Iterator[str]:
    """The weights that ``fit`` gives and what they and those in use do on ``proof``, then those of both together, line
    by line. Args: used: those of the model."""
    for name, features, right, known in (
        ("FIRST", "first", "right", used.first),
        ("SECOND", "second", "right", used.second),
        ("NUMBER", "numbers", "numbers_right", certainty.NUMBER),
        ("EMPTY", "empty", "empty_right", certainty.EMPTY),
    ):
        (one, one_right), (other, other_right) = (
            (getattr(each, features), getattr(each, right)) for each in (fit, proof)
        )
        for label, weights in (("fitted", fitted(one, one_right)), ("in use", known)):
            chances = np.array([weights.probability(each) for each in other])
            yield f"{name}, {label}: {_tail(chances, np.array(other_right))}"
        yield f"{name} = {fitted(one + other, one_right + other_right)}"


def _tail(chances: NDArray[np.float64], right: NDArray[np.bool_]) -> str:
    """Of other pages how many numbers lie above some thresholds, and how many of these are wrong."""
    parts = []
    for threshold in (0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995):
        above = chances >= threshold
        wrong, expected = int((above & ~right).sum()), math.fsum(1 - chances[above])
        parts.append(f"{threshold}: {above.mean():.1%}, {wrong} wrong ({expected:.1f} expected)")
    return f"{len(right)} numbers; " + "; ".join(parts)
