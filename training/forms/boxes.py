"""Boxes of drawn forms as the reader of form pages hands them to a network: what a network for such boxes learns from.

The forms are laid out, filled in and captured as those that fields are measured on, but by other seeds and with digits
that no page to measure or to fit confidences on shows. The very reader cuts the boxes, takes the print out and brings
them to MNIST's form.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.jobs import Options
from digitmill.errors import ItemFailure, TrainingError
from digitmill.forms.registration.reference import Reference
from digitmill.forms.template import DigitsField
from digitmill.imaging.normaliser.normalisers import Normaliser, normalise_with_quality
from digitmill.readers.form import FormReader
from training.drawn.ink import bent
from training.forms.capture import KINDS, captured
from training.forms.filling import Filled, Odd, palest_of, written_on
from training.forms.layout import DPI, Form
from training.forms.measure import form_of
from training.non_digits import Kind, kinds
from training.non_digits.checks import like_a_one
from training.pictures.data import NO_DIGITS, Digits, Source, joined
from training.pictures.kinds import OTHER
from training.strips.hands import cut

Grey = NDArray[np.uint8]

WITHOUT_BLANK = 7
"""Of one form in so many no blank page is known, so that only the lines along its boxes are taken out."""
ODD = 0.05
"""Share of the digits in the place of which something else is drawn."""
DIGITS_A_FORM = 15_000
"""From so many the hands of a form's pages choose theirs: all of them would take longer than to write with them."""
FORMS_SEED, PAGES_SEED, BENT_SEED = 5_000_000, 5, 6
"""Set these forms and pages apart from all that are measured on."""
BOXES_FILE = "boxes.npz"
PARTS = ("learnt", "held")
TWENTY, HELD_OUT = 20, (4, 9)
"""Of twenty forms these are for validation."""
FEWEST_FORMS = HELD_OUT[0] + 1
DRAWN_APART = 2
"""Processes that draw at once."""


@dataclass(frozen=True)
class Seeing:
    """What opening a page has to know of the model that is to be: the normaliser of its pictures."""

    normaliser: Normaliser = normalise_with_quality
    classes: Sequence[str] = ()
    doubtful_cut: float = 1.0
    lattice: None = None
    certainty: None = None
    looks: None = None
    sequence: None = None


@dataclass(frozen=True)
class Boxes:
    """``pictures`` with labels as training/pictures/kinds.py has them; ``doubtful`` bool [n]: ink may be missing."""

    pictures: Digits
    doubtful: NDArray[np.bool_]


def kept_boxes(folder: Path) -> tuple[Boxes, Boxes] | None:
    """Those to learn from and those for validation that a run in this ``folder`` has drawn; None where it drew none."""
    path = folder / BOXES_FILE
    if not path.is_file():
        return None
    with np.load(path) as kept:
        sets = [{name: kept[f"{part}_{name}"] for name in ("images", "labels", "doubtful")} for part in PARTS]
    learnt, held = (Boxes(Digits(each["images"], each["labels"]), each["doubtful"]) for each in sets)
    return learnt, held


def keep_boxes(sources: Sequence[Source], forms: int, seed: int, folder: Path) -> tuple[Boxes, Boxes]:
    """Draw the boxes of so many ``forms``, and keep them in ``folder``: those to learn from, and those for validation.

    The former are filled in with the digits that the ``sources`` train on, the latter with the half of their held-out
    digits with which confidences are fitted.

    Raises:
        TrainingError: there are too few forms for both.
    """
    if forms < FEWEST_FORMS:
        raise TrainingError(f"{forms} forms are too few: some are held out. Draw {FEWEST_FORMS} at least.")
    learnt = joined([source.training.digits for source in sources])
    held = joined([source.validation.digits for source in sources])
    numbers = range(forms)
    found = (
        drawn_boxes(learnt, [each for each in numbers if each % TWENTY not in HELD_OUT], seed),
        drawn_boxes(held[0::2], [each for each in numbers if each % TWENTY in HELD_OUT], seed),
    )
    save_boxes(folder, *found)
    return found


def save_boxes(folder: Path, learnt: Boxes, held: Boxes) -> None:
    """Where ``kept_boxes`` finds them."""
    beside = folder / f"new-{BOXES_FILE}"
    np.savez_compressed(
        beside,
        learnt_images=learnt.pictures.images,
        learnt_labels=learnt.pictures.labels,
        learnt_doubtful=learnt.doubtful,
        held_images=held.pictures.images,
        held_labels=held.pictures.labels,
        held_doubtful=held.doubtful,
    )
    beside.replace(folder / BOXES_FILE)


def bent_boxes(boxes: Boxes, seed: int, epoch: int) -> Digits:
    """The same once more for an epoch, each bent a little, lest what is drawn but once is learnt by heart."""
    random = np.random.default_rng([seed, PAGES_SEED, BENT_SEED, epoch])
    return Digits(np.stack([bent(image, random) for image in boxes.pictures.images]), boxes.pictures.labels)


def drawn_boxes(digits: Digits, numbers: Iterable[int], seed: int) -> Boxes:
    """The boxes with ink of the forms of these numbers, filled in with these ``digits``."""
    draw = partial(boxes_of_form, seed=seed, digits=digits)
    with ProcessPoolExecutor(DRAWN_APART, get_context("spawn"), cv2.setNumThreads, (1,)) as pool:
        return _together(list(pool.map(draw, numbers)))


def _together(parts: Sequence[Boxes]) -> Boxes:
    pictures = joined([NO_DIGITS, *(part.pictures for part in parts)])
    return Boxes(pictures, np.concatenate([np.zeros(0, bool), *(part.doubtful for part in parts)]))


def boxes_of_form(number: int, seed: int, digits: Digits) -> Boxes:
    """Those of the pages of the form of this number, one of each kind of capture."""
    form = form_of(number, FORMS_SEED + seed)
    some = np.random.default_rng([seed, PAGES_SEED, number]).choice(len(digits), min(DIGITS_A_FORM, len(digits)), False)
    digits = digits[some]
    if number % WITHOUT_BLANK == 0:
        page = form.template.page.model_copy(update={"blank": False})
        form = Form(form.template.model_copy(update={"page": page}), form.blank)
    reader = FormReader([Reference(form.template, form.blank)])
    table = [kind for kind in kinds(digits) if not kind.scanned]
    pages = []
    for kind in KINDS:
        random = np.random.default_rng([seed, PAGES_SEED, number, KINDS.index(kind)])
        filled = written_on(form, digits, random, palest_of(kind), partial(_maybe_odd, table, random))
        picture = captured(filled.page, DPI, kind, random).picture
        pages.append(_boxes(reader, picture, filled))
    return _together(pages)


def _boxes(reader: FormReader, picture: Grey, filled: Filled) -> Boxes:
    """Those of one page; none where it is not found."""
    try:
        page = reader.open(picture, Options(), Seeing())
    except ItemFailure:
        return _together(())
    held = [
        (page.pictures[box.picture], label, box.doubtful)
        for field, found in page.found
        if isinstance(field, DigitsField) and isinstance(found, list)
        for box, label in zip(found, filled.boxes[field.name], strict=True)
        if box.picture is not None
    ]
    # a stroke that is left of something else, and may be taken for a 1, teaches nothing
    held = [(shown, label, doubt) for shown, label, doubt in held if label != OTHER or not like_a_one(shown)]
    if not held:
        return _together(())
    shown, labels, doubts = zip(*held, strict=True)
    return Boxes(Digits(np.stack(shown), np.array(labels, np.uint8)), np.array(doubts, bool))


def _maybe_odd(table: Sequence[Kind], random: Generator) -> Odd | None:
    if random.random() >= ODD:
        return None
    limits = list(accumulate(kind.share for kind in table))
    kind = table[int(np.searchsorted(limits, random.uniform(0, limits[-1]), side="right"))]
    return Odd(cut(kind.draw(random)), kind.label)
