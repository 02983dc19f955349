"""How well strips are read as the service reads them: composed strings by the way they are written, real fields."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from rich.table import Table

from digitmill.domain.columns import STATUS_CODES
from digitmill.domain.jobs import Options
from digitmill.domain.rows import RowStatus
from digitmill.models.manifest import Scores
from digitmill.models.runtime import Model
from digitmill.readers.number import NumberReader, OpenedNumber
from digitmill.strips.lattice import features
from training.pictures.boxes import page_of
from training.strips.compose import Composer, Strip
from training.strips.fit import Example
from training.strips.hands import Hands

BATCH = 200
"""Strips whose pictures lie in memory at once."""
BINS = 10
"""Of the expected calibration error."""
LETS_THROUGH = 0.002
"""Share of wrong numbers among the accepted ones, for the share that is accepted and for the threshold."""
FIELDS = Path("forms", "hsf", "fields.csv")
REAL = "hsf"
"""What the real fields are called: those of NIST's handwriting sample forms in the data folder."""


@dataclass(frozen=True)
class Outcome:
    """Of one strip: its text, what was read, whether that is right, how sure it was, and whether it was accepted."""

    kind: str
    text: str
    read: str | None
    confidence: float
    accepted: bool

    @property
    def right(self) -> bool:
        return self.read == self.text

    def judged(self, review_below: float) -> Outcome:
        """The same where this threshold decides what is accepted."""
        return replace(self, accepted=self.read is not None and self.confidence >= review_below)


def composed(hands: Hands, count: int, random: Generator) -> list[Strip]:
    composer = Composer(hands)
    return [composer.draw(random) for _ in range(count)]


def real_fields(data: Path) -> list[Strip]:
    """The fields of several digits of the forms in the data folder, as cut from their pages; none where there are none.

    Raises:
        TrainingError: a page cannot be read.
    """
    path = data / FIELDS
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    pages = {row["page"]: page_of(path.parent / row["page"]) for row in rows}
    found = []
    for row in rows:
        x, y, width, height = (int(row[name]) for name in ("x", "y", "w", "h"))
        picture = np.ascontiguousarray(pages[row["page"]][y : y + height, x : x + width])
        found.append(Strip(picture, row["label"], REAL, row["label"], ()))
    return found


@dataclass(frozen=True)
class Seen:
    """A strip that was taken apart, and what the network says of its pictures: float32 [pictures, classes]."""

    strip: Strip
    opened: OpenedNumber
    answers: NDArray[np.float32]


def seen(strips: Sequence[Strip], model: Model) -> list[Seen]:
    reader, found = NumberReader(), []
    for start in range(0, len(strips), BATCH):
        some = strips[start : start + BATCH]
        opened = [reader.open(strip.picture, Options(), model) for strip in some]
        pictures = [picture for each in opened for picture in each.pictures]
        answers = model.predict(np.stack(pictures)) if pictures else np.empty((0, len(model.classes)), np.float32)
        ends = np.cumsum([len(each.pictures) for each in opened])
        parts = np.split(answers, ends[:-1])
        found += [Seen(*each) for each in zip(some, opened, parts, strict=True)]
    return found


def examples(strips: Sequence[Seen], model: Model) -> list[Example]:
    """What the weights of the lattice are fitted to."""
    return [
        Example(lattice.starts, lattice.ends, features(lattice, each.answers[1:], model.classes), each.strip.text)
        for each in strips
        if (lattice := each.opened.lattice) is not None
    ]


def outcomes(strips: Sequence[Seen], model: Model) -> list[Outcome]:
    """What the service would say of these strips."""
    options = Options(review_below=model.manifest.review_below, alternatives=0)
    answers = [each.answers for each in strips] or [np.empty((0, len(model.classes)), np.float32)]
    values = NumberReader().close([each.opened for each in strips], np.concatenate(answers), options, model)
    texts = [*values.texts, None]
    read = [texts[code] for code in values.codes[:, 0].tolist()]
    accepted = values.statuses == STATUS_CODES[RowStatus.RECOGNIZED]
    rows = zip(strips, read, values.confidences[:, 0].tolist(), accepted.tolist(), strict=True)
    return [Outcome(each.strip.kind, each.strip.text, text, sure, taken) for each, text, sure, taken in rows]


def accepted_share(found: Sequence[Outcome], wrong: float = LETS_THROUGH) -> float:
    """The largest share of the surest strips among which no larger share than ``wrong`` is wrong."""
    ordered = sorted(found, key=lambda each: -each.confidence)
    errors = np.cumsum([not each.right for each in ordered])
    fits = np.flatnonzero(errors <= wrong * np.arange(1, len(ordered) + 1))
    return float(fits[-1] + 1) / len(ordered) if len(fits) else 0.0


def calibration_error(found: Sequence[Outcome]) -> float:
    """Expected calibration error over ten bins (Naeini et al., "Obtaining well calibrated probabilities using Bayesian
    binning", 2015)."""
    confidences = np.array([each.confidence for each in found])
    right = np.array([each.right for each in found])
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    gaps = [
        abs(confidences[bins == n].mean() - right[bins == n].mean()) * (bins == n).mean() for n in set(bins.tolist())
    ]
    return float(sum(gaps))


def scores_of(found: Sequence[Outcome]) -> Scores:
    accepted = [each for each in found if each.accepted]
    return Scores(
        images=len(found),
        accuracy=round(float(np.mean([each.right for each in found])), 6),
        calibration_error=round(calibration_error(found), 6),
        coverage=round(len(accepted) / len(found), 6),
        accepted_error=round(float(np.mean([not each.right for each in accepted])), 6) if accepted else 0.0,
    )


def table_of(found: Sequence[Outcome]) -> Table:
    heads = ("written", "strips", "right, %", "accepted, %", "wrong of those, %", "calibration error, %")
    table = Table(*heads, f"acceptable at {LETS_THROUGH:.1%} wrong, %")
    kinds = sorted({each.kind for each in found})
    for kind in (*kinds, "all") if len(kinds) > 1 else kinds:
        some = [each for each in found if kind in (each.kind, "all")]
        each = scores_of(some)
        figures = (each.accuracy, each.coverage, each.accepted_error, each.calibration_error, accepted_share(some))
        table.add_row(kind, f"{each.images:,}", *(f"{100 * figure:.2f}" for figure in figures))
    return table
