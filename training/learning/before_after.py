"""What an improvement of a model is told to have reached: before and after, on rows that nothing was learnt from.

Three rules are compared on the owner's held-out rows: the model as it was, the same with a temperature and a threshold
for these scans (``training.measuring.calibrate``), and the model that was trained on, by the temperature of the one
before and a threshold that is as strict or stricter (``training.learning.caution``). How much could be accepted at all
is told by the share of rows, the surest first, of which at most ``MOST`` are wrong; its interval is that of samples
drawn anew by scans (Efron's bootstrap), since rows of one scan are alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Rule
from digitmill.domain.rows import DIGITS
from digitmill.models.reference import FIT, NON_DIGITS, Part, load_reference
from digitmill.models.runtime import Model, calibrate, of_digits, rule_of
from training.learning.caution import allowed, cautious
from training.measuring.calibrate import Rows, error_of, fit, rows_of
from training.pictures.data import MNIST, Digits
from training.pictures.own import Own

MOST = 0.002
"""Share of the accepted rows that may be wrong."""
FEWEST_TO_LEARN = 200
"""Rows to learn from: with fewer the model is calibrated alone."""
LOST = 0.0005
"""Share of the reference pictures that may be read worse than before."""
SAMPLES, PERCENTILES = 1000, (2.5, 97.5)


@dataclass(frozen=True)
class Split:
    """Own rows to learn from, and others to measure by: no scan is in both."""

    learnt: Own
    held: Own


HELD_OUT = 4
"""One scan in so many is held out."""


def split_of(own: Own, seed: int) -> Split:
    """By scans, the same for the same seed."""
    part = np.random.default_rng(seed).permutation(int(own.scans.max()) + 1)[own.scans] % HELD_OUT
    held = part == 0
    if held.all() or not held.any():
        # too few scans to part them: nothing is measured
        held = np.zeros(len(own), bool)
    return Split(own[~held], own[held])


def own_figures(rows: Rows, rule: Rule, counted: tuple[int, int] | None = None) -> dict[str, Any]:
    """Of held-out rows: how many are read right, accepted by the rule, and could be accepted.

    Args:
        counted: how many are accepted, and wrong of those, where the rule was found by these very rows.
    """
    confidences, wrong = rows.confidences(rule.temperature), rows.wrong
    accepted, errors = rows.counts(rule) if counted is None else counted
    low, high = _interval(confidences, wrong, rows.scans)
    return {
        "images": len(rows),
        "right": _share(~wrong),
        "acceptable": round(acceptable(confidences, wrong), 6),
        "acceptable_low": round(low, 6),
        "acceptable_high": round(high, 6),
        "accepted": round(accepted / max(1, len(rows)), 6),
        "error": error_of(accepted, errors, MOST).model_dump(),
    }


def acceptable(confidences: NDArray[np.float64], wrong: NDArray[np.bool_]) -> float:
    """The largest share of the rows, the surest first, of which at most ``MOST`` are wrong."""
    if not len(wrong):
        return 0.0
    order = np.argsort(-confidences, kind="stable")
    counts = np.arange(1, len(wrong) + 1)
    good = np.flatnonzero(np.cumsum(wrong[order]) <= MOST * counts)
    return float(counts[good[-1]] / len(wrong)) if len(good) else 0.0


def _interval(
    confidences: NDArray[np.float64], wrong: NDArray[np.bool_], scans: NDArray[np.intp]
) -> tuple[float, float]:
    """Of what is acceptable, 95 %."""
    if not len(wrong):
        return 0.0, 1.0
    random = np.random.default_rng(1)
    members = [np.flatnonzero(scans == scan) for scan in np.unique(scans)]
    found = []
    for _ in range(SAMPLES):
        rows = np.concatenate([members[each] for each in random.integers(len(members), size=len(members))])
        found.append(acceptable(confidences[rows], wrong[rows]))
    low, high = np.percentile(found, PERCENTILES)
    return float(low), float(high)


def reference_figures(model: Model, parts: Mapping[str, Part], rule: Rule) -> dict[str, Any]:
    """Of the reference pictures of digits, all together, and of those of no digit."""
    names = [name for name in parts if name not in (FIT, NON_DIGITS)]
    digits = np.concatenate([parts[name].images for name in names])
    own = np.concatenate([parts[name].own for name in names])
    return {
        **figures_of(model, digits, own, rule),
        "non_digits_accepted": _taken(model, parts[NON_DIGITS].images, rule),
    }


def figures_of(model: Model, images: NDArray[np.uint8], labels: NDArray[Any], rule: Rule) -> dict[str, Any]:
    """Of digits: how many there are, the share read right, the share accepted, and how many of those are wrong."""
    found = of_digits(calibrate(model.engine.probabilities(images), rule.temperature))
    right = found.argmax(axis=1) == labels
    accepted = found.max(axis=1) >= rule.review_below
    return {
        "images": len(images),
        "right": _share(right),
        "accepted": _share(accepted),
        "wrong": int((accepted & ~right).sum()),
    }


def _known(before: Model, after: Model, fit_part: Part, rule: Rule) -> float:
    """The threshold that the reference pictures allow ``after``, by those that thresholds are found on."""
    was, now = (
        of_digits(calibrate(model.engine.probabilities(fit_part.images), rule.temperature)) for model in (before, after)
    )
    wrong = (was.max(axis=1) >= rule.review_below) & (was.argmax(axis=1) != fit_part.own)
    return allowed(now, fit_part.own, rule.review_below, int(wrong.sum()))


def _taken(model: Model, images: NDArray[np.uint8], rule: Rule) -> float:
    found = calibrate(model.engine.probabilities(images), rule.temperature)
    return _share((found.argmax(axis=1) < len(DIGITS)) & (found.max(axis=1) >= rule.review_below))


def _share(rows: NDArray[np.bool_]) -> float:
    return round(float(rows.mean()), 6) if len(rows) else 0.0


def before_and_after(split: Split, before: Model, after: Model | None, mnist: Digits) -> dict[str, Any]:
    """The part of the report with figures: ``own``, ``reference`` and ``mnist``, the rule to publish by, and what
    follows from them.

    Args:
        after: the model that was trained on; None where there were too few rows for that, or all was forgotten again.
        mnist: its test part; empty where nothing was learnt.
    """
    rule = rule_of(before.manifest)
    learnt, held = rows_of(split.learnt, before), rows_of(split.held, before)
    calibrated = fit(learnt, rule, before.doubtful_cut, MOST)
    parts = load_reference()
    own = {"before": own_figures(held, rule), "calibrated": own_figures(held, calibrated)}
    reference = {"before": reference_figures(before, parts, rule)}
    digits = {"before": figures_of(before, mnist.images, mnist.labels, rule)} if len(mnist) else None
    published = rule
    if after is not None:
        held = rows_of(split.held, after)
        found = cautious(held, rule, MOST, _known(before, after, parts[FIT], rule))
        published = found.rule
        own["after"] = own_figures(held, published, (found.accepted, found.wrong))
        reference["after"] = reference_figures(after, parts, published)
        if digits is not None:
            digits["after"] = figures_of(after, mnist.images, mnist.labels, published)
    return {
        "temperature": published.temperature,
        "review_below": published.review_below,
        "review_below_before": rule.review_below,
        "own": own,
        "reference": reference,
        MNIST: digits,
        "calibration": {"temperature": calibrated.temperature, "review_below": calibrated.review_below},
        **verdict(own, reference, digits),
    }


def verdict(own: Mapping[str, Any], reference: Mapping[str, Any], mnist: Mapping[str, Any] | None) -> dict[str, Any]:
    """Whether the owner's rows and the reference pictures both hold, and what that suggests."""
    after = own.get("after")
    own_holds = after is not None and better(own["before"], after)
    reference_holds = after is not None and all(
        kept(each["before"], each["after"]) for each in (reference, mnist) if each is not None
    )
    suggestion = "publish" if own_holds and reference_holds else "keep"
    if suggestion == "keep" and _accepts_more(own["before"], own["calibrated"]):
        suggestion = "calibrate"
    return {"own_holds": own_holds, "reference_holds": reference_holds, "suggestion": suggestion}


def better(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """On own rows: more can be accepted, as many are read right, and what is accepted is not less, but for what was
    wrong too often, nor wrong more often."""
    enough = after["accepted"] >= before["accepted"] or before["error"]["wrong"] > MOST * before["error"]["accepted"]
    return bool(
        enough
        and after["acceptable"] > before["acceptable"]
        and after["right"] >= before["right"]
        and after["error"]["wrong"] <= max(before["error"]["wrong"], MOST * after["error"]["accepted"])
    )


def kept(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """On pictures that it could read before: none but ``LOST`` of them is lost, or accepted wrong."""
    return bool(
        after["right"] >= before["right"] - LOST
        and after["wrong"] <= before["wrong"] + LOST * after["images"]
        and after.get("non_digits_accepted", 0) <= before.get("non_digits_accepted", 0) + LOST
    )


def _accepts_more(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return bool(after["accepted"] > before["accepted"] and after["error"]["wrong"] <= MOST * after["error"]["accepted"])
