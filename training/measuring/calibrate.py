"""Temperature and threshold for an owner's own scans, from labelled rows, and the error that they let through.

Neither moves further than the rows prove:

- The temperature goes from the model's own towards the likeliest one only as far as the 95 % interval of the likelihood
  ratio asks for (Wilks, 1938). Only rows of digits count: what a person calls no digit may be of any kind.
- The threshold that goes with it accepts no row that the model's own would refuse. It is lowered only step by step, as
  long as at each step the error is proven to be at most what was asked for; to stop at the first step that fails keeps
  the chance of going too far at that of one step (fixed sequence testing; Angelopoulos et al., "Learn then Test",
  2021). It is raised where the rows prove the error to be more.

"Proven" is by the interval of Clopper and Pearson ("The Use of Confidence or Fiducial Limits Illustrated in the Case of
the Binomial", Biometrika 26, 1934), 95 %, two-sided: exact, so that it covers the true share at least so often.

The error that is told is measured on rows held out of the fit, in turn, in ``FOLDS`` parts: pages of one scan, and
crops of one form, lie in one part. It is the error on scans such as these: rows that were picked because they were
doubtful tell nothing of others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from digitmill.domain.jobs import Rule
from digitmill.domain.rows import DIGITS
from digitmill.errors import TrainingError
from digitmill.models.calibrations import NAME, CalibratedModel, Calibration, ErrorInterval
from digitmill.models.manifest import Manifest
from digitmill.models.runtime import Model, as_strict, calibrate, of_digits, rule_of
from digitmill.models.scores import ROUNDING
from training.learning.scores import fit_temperature, loss
from training.pictures.own import Own, read_own

FOLDS = 10
CONFIDENCE = 0.95
LIKELY = 3.8415
"""Twice a log likelihood ratio that only 5 % of samples exceed: the quantile of chi squared with one degree."""
STEP, LOWEST = 0.001, 0.5


@dataclass(frozen=True)
class Rows:
    """What a model says of labelled pictures: its own probabilities [n, classes], uncalibrated, and what they are worth
    [n], 0 to 1, by the cut. ``labels`` uint8 [n] as in ``training.pictures.kinds``; ``scans`` [n] number the scans."""

    raw: NDArray[np.float32]
    worth: NDArray[np.float32]
    labels: NDArray[np.uint8]
    scans: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Rows:
        return Rows(self.raw[chosen], self.worth[chosen], self.labels[chosen], self.scans[chosen])

    def confidences(self, temperature: float) -> NDArray[np.float64]:
        """Of the likeliest digits, as the service compares them with a threshold."""
        best = of_digits(calibrate(self.raw, temperature)).max(axis=1)
        return np.asarray(best * self.worth, np.float64)

    @property
    def wrong(self) -> NDArray[np.bool_]:
        return np.asarray(of_digits(self.raw).argmax(axis=1) != self.labels)

    def counts(self, rule: Rule) -> tuple[int, int]:
        """How many rows are accepted, and how many of those are wrong."""
        accepted = self.confidences(rule.temperature) >= rule.review_below
        return int(accepted.sum()), int((accepted & self.wrong).sum())


def read_rows(path: Path, model: Model, max_pixels: int) -> tuple[Rows, dict[str, list[str]]]:
    """The rows of a labelled.zip, or of any source that ``prepare`` takes, and the names that were left out by reason.

    Raises:
        TrainingError: it cannot be read, or holds too few pictures.
    """
    own = read_own([path], model.normaliser, max_pixels)
    return rows_of(own, model), own.left_out


def rows_of(own: Own, model: Model) -> Rows:
    worth = np.where(own.doubtful, model.doubtful_cut, 1.0).astype(np.float32)
    return Rows(model.engine.probabilities(own.images), worth, own.labels, own.scans)


def calibration_of(rows: Rows, manifest: Manifest, name: str, most: float) -> Calibration:
    """The calibration ``name`` of a model for scans such as these; at most ``most`` of what it accepts may be wrong.

    Raises:
        TrainingError: the name is none for a calibration.
    """
    if re.fullmatch(NAME, name) is None:
        raise TrainingError(f"A calibration cannot be called {name!r}. Use a to z, 0 to 9 and -, at most 64 of them.")
    own = rule_of(manifest)
    rule = fit(rows, own, manifest.doubtful_cut, most)
    parts = [
        part.counts(fit(rest, own, manifest.doubtful_cut, most))
        for rest, part in folds(rows)
        if len(part) and len(rest)
    ]
    reference = manifest.reference
    return Calibration(
        name=name,
        model=CalibratedModel(name=reference.name, version=reference.version, sha256=reference.sha256),
        temperature=rule.temperature,
        review_below=rule.review_below,
        rows=len(rows),
        error=error_of(sum(accepted for accepted, _ in parts), sum(wrong for _, wrong in parts), most),
        created_at=datetime.now(UTC).replace(microsecond=0),
    )


def table(rows: Rows, left_out: dict[str, list[str]], manifest: Manifest, found: Calibration) -> str:
    """What was found beside what the model does by itself, for people."""
    own = rule_of(manifest)
    lines = [f"{len(rows):,} rows of {len(np.unique(rows.scans)):,} scans"]
    lines += [f"left out: {len(names):,} {reason}" for reason, names in left_out.items()]
    lines.append(_line(f"{manifest.label} by itself", own, error_of(*rows.counts(own), found.error.most)))
    lines.append(_line("calibrated", Rule(found.temperature, found.review_below), found.error))
    if found.error.high > found.error.most:
        needed = math.ceil(math.log((1 - CONFIDENCE) / 2) / math.log(1 - found.error.most))
        lines.append(
            f"These rows do not prove that at most {found.error.most:.2%} of the accepted are wrong: that takes "
            f"{needed:,} accepted rows, none of them wrong."
        )
    return "\n".join(lines)


def _line(what: str, rule: Rule, error: ErrorInterval) -> str:
    return (
        f"{what}: temperature {rule.temperature:.4f}, review below {rule.review_below:.6f}; "
        f"of {error.accepted:,} accepted {error.wrong:,} wrong: {error.low:.2%} to {error.high:.2%} (95 %)"
    )


def error_of(accepted: int, wrong: int, most: float) -> ErrorInterval:
    low, high = interval(accepted, wrong)
    return ErrorInterval(most=most, accepted=accepted, wrong=wrong, low=round(low, 6), high=round(high, 6))


def interval(accepted: int, wrong: int) -> tuple[float, float]:
    """Between which shares the error lies (Clopper-Pearson, 95 %, two-sided); 0 and 1 where nothing is accepted."""
    if accepted == 0:
        return 0.0, 1.0
    found = binomtest(wrong, accepted).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)


def fit(rows: Rows, own: Rule, doubtful_cut: float, most: float) -> Rule:
    """The temperature and the threshold that ``rows`` prove, beginning with the model's ``own``."""
    temperature = _temperature(rows, own.temperature)
    start = as_strict(own, temperature, rows.raw.shape[1], doubtful_cut)
    return Rule(temperature, _threshold(rows, Rule(temperature, start), most))


def _temperature(rows: Rows, own: float) -> float:
    """The nearest to ``own`` that the rows do not rule out."""
    digits = rows[rows.labels < len(DIGITS)]
    if not len(digits):
        return own
    best = math.log(fit_temperature(digits.raw, digits.labels))
    least = loss(digits.raw, digits.labels, best)

    def ruled_out(log_temperature: float) -> bool:
        return 2 * len(digits) * (loss(digits.raw, digits.labels, log_temperature) - least) > LIKELY

    out, within = math.log(own), best
    if not ruled_out(out):
        return own
    while abs(out - within) > 1e-4:
        middle = (out + within) / 2
        out, within = (middle, within) if ruled_out(middle) else (out, middle)
    return round(math.exp(within), 4)


def _threshold(rows: Rows, start: Rule, most: float) -> float:
    confidences, wrong = rows.confidences(start.temperature), rows.wrong

    def counts(threshold: float) -> tuple[int, int]:
        accepted = confidences >= threshold
        return int(accepted.sum()), int((accepted & wrong).sum())

    threshold = start.review_below
    if interval(*counts(threshold))[0] > most:
        # the model's own threshold is no guide here: the least at which no more than that share of the rows is wrong
        above = np.sort(confidences[wrong & (confidences >= threshold)]) + 2 * ROUNDING
        good = (each for each in above if counts(each)[1] <= most * counts(each)[0])
        return min(1.0, math.ceil(next(good, 1.0) * 1e6) / 1e6)
    lower = threshold
    while lower >= LOWEST and interval(*counts(lower))[1] <= most:
        threshold, lower = lower, round(lower - STEP, 6)
    return threshold


def folds(rows: Rows) -> Iterator[tuple[Rows, Rows]]:
    """(the other rows, a part of them) for each part; a scan lies in one part, and the parts are always the same."""
    part = np.random.default_rng(1).permutation(int(rows.scans.max()) + 1)[rows.scans] % FOLDS
    for number in range(FOLDS):
        yield rows[part != number], rows[part == number]
