"""The weights of the lattice, fitted so that what is written is as likely as can be among all readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from digitmill.strips.lattice import FEATURES, SYMBOLS, Numbers, Weighing, scores

PENALTY = 1e-3
"""Of the squared weights, for each strip: keeps them small where data say nothing."""
LEAST = 1e-6
"""Nearer to 0 and 1 confidences are not told apart."""
FIRST_WEIGHTS = {
    "digit": 1.0,
    "certainty": 1.0,
    "segments": 0.5,
    "separator": -1.0,
    "separator certainty": 1.0,
    "sign": -2.0,
    "sign certainty": 1.0,
    "unread": -6.0,
}
"""To begin with; the others begin with 0."""


@dataclass(frozen=True)
class Example:
    """A strip: the ends of its groups, what is known of them [groups, symbols, features], and what is written."""

    starts: NDArray[np.intp]
    ends: NDArray[np.intp]
    features: Numbers
    text: str


def fitted(examples: Sequence[Example]) -> Weighing:
    """The weights of maximum likelihood. Strips whose text no path reads are left out."""

    def loss(weights: Numbers) -> tuple[float, Numbers]:
        total, slope = 0.0, np.zeros_like(weights)
        for example in examples:
            one = likelihood(example, weights)
            if one is not None:
                total, slope = total - one[0], slope - one[1]
        count = len(examples)
        return total / count + PENALTY * float(weights @ weights), slope / count + 2 * PENALTY * weights

    start = Weighing(FIRST_WEIGHTS).vector
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
    return Weighing({name: round(float(weight), 4) for name, weight in zip(FEATURES, found.x, strict=True)})


def calibrated(weighing: Weighing, confidences: NDArray[np.float64], right: NDArray[np.bool_]) -> Weighing:
    """``weighing`` with the slope and the offset that make the log odds of ``confidences`` [n] those of being right
    (Platt, "Probabilistic outputs for support vector machines", 1999).

    Args:
        confidences: those that ``weighing`` gave, with a slope of 1 and an offset of 0.
    """
    kept = np.clip(confidences, LEAST, 1 - LEAST)
    odds = np.log(kept / (1 - kept))

    def loss(line: Numbers) -> float:
        logits = line[0] * odds + line[1]
        return float(np.mean(np.logaddexp(0, np.where(right, -logits, logits))))

    found = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead")
    return replace(weighing, slope=round(float(found.x[0]), 4), offset=round(float(found.x[1]), 4))


def likelihood(example: Example, weights: Numbers) -> tuple[float, Numbers] | None:
    """The logarithm of the probability of the text, and its slope by the weights; None where no path reads it."""
    scored = scores(example.features, weights)
    known = np.where(np.isneginf(example.features), 0.0, example.features)
    every, all_shares = _all_paths(example, scored)
    spelled = _paths_of_text(example, scored)
    if spelled is None:
        return None
    slope = np.einsum("es,esf->f", spelled[1] - all_shares, known)
    return spelled[0] - every, slope


def _all_paths(example: Example, scored: Numbers) -> tuple[float, Numbers]:
    """The logarithm of the weight of all paths, and the share of each edge and symbol in them."""
    last = int(example.ends.max())
    order = np.argsort(example.starts, kind="stable")
    totals = np.logaddexp.reduce(scored, axis=1)
    forward, backward = np.full(last + 1, -np.inf), np.full(last + 1, -np.inf)
    forward[0] = backward[last] = 0.0
    for n in order:
        end = example.ends[n]
        forward[end] = np.logaddexp(forward[end], forward[example.starts[n]] + totals[n])
    for n in order[::-1]:
        start = example.starts[n]
        backward[start] = np.logaddexp(backward[start], backward[example.ends[n]] + totals[n])
    whole = forward[last]
    shares = np.exp(forward[example.starts][:, None] + scored + backward[example.ends][:, None] - whole)
    return float(whole), shares


def _paths_of_text(example: Example, scored: Numbers) -> tuple[float, Numbers] | None:
    last, length = int(example.ends.max()), len(example.text)
    wanted = np.array([SYMBOLS.index(character) for character in example.text], np.intp)
    separator = SYMBOLS.index("")
    order = np.argsort(example.starts, kind="stable")
    forward, backward = np.full((last + 1, length + 1), -np.inf), np.full((last + 1, length + 1), -np.inf)
    forward[0, 0] = backward[last, length] = 0.0
    for n in order:
        start, end = example.starts[n], example.ends[n]
        forward[end, 1:] = np.logaddexp(forward[end, 1:], forward[start, :-1] + scored[n, wanted])
        forward[end] = np.logaddexp(forward[end], forward[start] + scored[n, separator])
    whole = forward[last, length]
    if np.isneginf(whole):
        return None
    for n in order[::-1]:
        start, end = example.starts[n], example.ends[n]
        backward[start, :-1] = np.logaddexp(backward[start, :-1], backward[end, 1:] + scored[n, wanted])
        backward[start] = np.logaddexp(backward[start], backward[end] + scored[n, separator])
    shares = np.zeros_like(scored)
    for n in order:
        start, end = example.starts[n], example.ends[n]
        of_digits = np.exp(forward[start, :-1] + scored[n, wanted] + backward[end, 1:] - whole)
        np.add.at(shares[n], wanted, of_digits)
        shares[n, separator] += np.exp(forward[start] + scored[n, separator] + backward[end] - whole).sum()
    return float(whole), shares
