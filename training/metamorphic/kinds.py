"""How often what is not one whole digit is accepted as a digit, and what comes back as blank."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.random import Generator
from pydantic import BaseModel, ConfigDict

from training.metamorphic.asking import Answer, Reader
from training.metamorphic.digits import Digit
from training.metamorphic.not_one_digit import (
    Case,
    Pick,
    blank_paper,
    circled,
    cross,
    cut_off,
    dash,
    empty_box,
    faint,
    overwritten,
    struck_out,
    two_digits,
)
from training.metamorphic.pictures import ink_box
from training.metamorphic.sheet import Cell, write_sheet
from training.metamorphic.transformations import Asked

Draw = Callable[[Pick, Generator], Case]
MOST_SHOWN = 64


class KindCounts(BaseModel):
    """``wrong`` are those accepted as another digit than is in it, or though there are none or several."""

    model_config = ConfigDict(extra="forbid")

    pictures: int = 0
    accepted: int = 0
    wrong: int = 0
    review: int = 0
    blank: int = 0

    def add(self, case: Case, answer: Answer) -> None:
        self.pictures += 1
        self.accepted += answer.accepted
        self.wrong += answer.accepted and answer.digit != case.label
        self.blank += answer.digit is None
        self.review += answer.digit is not None and not answer.accepted


class KindsReport(BaseModel):
    """The file that ``--report`` names with ``--kinds``."""

    model_config = ConfigDict(extra="forbid")

    model: str
    normaliser: int
    seed: int
    kinds: dict[str, KindCounts] = {}


def kinds() -> dict[str, Draw]:
    """How each is drawn, by name."""
    return {
        "struck out, level": partial(struck_out, 0.0),
        "struck out, diagonal": partial(struck_out, 1.0),
        "overwritten": overwritten,
        "circled": circled,
        **{f"two digits, margin {margin}": partial(two_digits, margin) for margin in (0, 2, 8)},
        "cut off by 5 to 8 %": partial(cut_off, 0.05, 0.08),
        "cut off by 12 to 18 %": partial(cut_off, 0.12, 0.18),
        "faint, 8 to 25 levels": faint,
        "empty box": empty_box,
        "blank paper": blank_paper,
        "dash": dash,
        "cross": cross,
    }


def measure_kinds(
    digits: Sequence[Digit], reader: Reader, each: int, seed: int, report: KindsReport
) -> dict[str, list[tuple[Case, Answer]]]:
    """Add ``each`` pictures of every kind to ``report``, and give those that should not have been accepted, by kind.

    Raises:
        ValueError: no digit stands apart from the edges of its picture.
    """
    sets = _whole(digits)
    wrong: dict[str, list[tuple[Case, Answer]]] = {}
    for name, draw in kinds().items():
        random = np.random.default_rng((seed, zlib.crc32(name.encode())))
        counts = report.kinds.setdefault(name, KindCounts())
        for case, _, answer in reader.answered(_drawn(draw, sets, each, random)):
            counts.add(case, answer)
            if answer.accepted and not (case.whole and answer.digit == case.label):
                wrong.setdefault(name, []).append((case, answer))
    return wrong


def _whole(digits: Sequence[Digit]) -> list[list[Digit]]:
    """By set, those of which all ink is in the picture, with paper around it."""
    sets: dict[str, list[Digit]] = {}
    for digit in digits:
        if ink_box(digit.picture) is not None:
            sets.setdefault(digit.source, []).append(digit)
    # boxes of forms hold print too, and a whole set of sevens is no mixture
    found = [own for name, own in sets.items() if "forms" not in name and name != "drawn sevens"]
    if not found:
        raise ValueError("no digit stands apart from the edges of its picture")
    return found


def _drawn(draw: Draw, sets: list[list[Digit]], each: int, random: Generator) -> Iterator[tuple[Case, Asked]]:
    def pick() -> Digit:
        own = sets[int(random.integers(len(sets)))]
        return own[int(random.integers(len(own)))]

    for _ in range(each):
        case = draw(pick, random)
        yield case, Asked(case.picture)


def kinds_table(report: KindsReport) -> str:
    lines = [f"{report.model:<24}{'pictures':>9}{'accepted':>10}{'wrong':>9}{'review':>9}{'blank':>9}"]
    for name, each in report.kinds.items():
        shares = (each.accepted, each.wrong, each.review, each.blank)
        accepted, wrong, review, blank = (f"{share / each.pictures:.2%}" for share in shares)
        lines.append(f"{name:<24}{each.pictures:>9,}{accepted:>10}{wrong:>9}{review:>9}{blank:>9}")
    return "\n".join(lines)


def write_kinds(wrong: dict[str, list[tuple[Case, Answer]]], folder: Path) -> None:
    """A sheet for each kind of those that should not have been accepted, the surest first: ``struck_out_level.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, found in wrong.items():
        worst = sorted(found, key=lambda each: -each[1].confidence)[:MOST_SHOWN]
        cells = [
            Cell((case.picture,), (f"read {answer.digit} {answer.confidence:.4f}", f"is {case.label}"))
            for case, answer in worst
        ]
        write_sheet(cells, folder / f"{'_'.join(name.replace(',', '').replace('%', '').split())}.png")
