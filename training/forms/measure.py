"""How well pages are registered: drawn forms, captured in every way, found by the truth that the captures know."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from digitmill.errors import FormError
from digitmill.forms.registration.choosing import page_of
from digitmill.forms.registration.finding import Registration, Scan
from digitmill.forms.registration.reference import Reference
from training.forms.capture import KINDS, Capture, captured
from training.forms.layout import DPI, Form, filled, laid_out

QUARTER = 0.25
"""Distance of a box's middle from its place, in shorter sides of the box, up to which it counts as found."""
HEADINGS = (
    "capture",
    "pages",
    "all boxes within 1/4",
    "refused",
    "wrong template",
    "boxes within 1/4",
    "boxes read",
    "of these beside",
    "strangers accepted",
    "ms a page",
)


@dataclass
class Counts:
    """Of the pages of one kind of capture.

    Attributes:
        errors: float[boxes] of each page that was registered by its own template.
        read: bool[boxes] of each, whether the box's field is read.
        strangers: for each page of no template, whether it was accepted.
        seconds: time that registration took for each page of a template.
    """

    wrong_template: int = 0
    errors: list[NDArray[np.float64]] = field(default_factory=list)
    read: list[NDArray[np.bool_]] = field(default_factory=list)
    strangers: list[bool] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, other: Counts) -> None:
        self.wrong_template += other.wrong_template
        self.errors += other.errors
        self.read += other.read
        self.strangers += other.strangers
        self.seconds += other.seconds

    def row(self, name: str) -> tuple[str, ...]:
        pages = len(self.seconds)
        good = np.concatenate([*self.errors, np.zeros(0)]) <= QUARTER
        read = np.concatenate([*self.read, np.zeros(0, bool)])
        return (
            name,
            str(pages),
            _share(sum(bool((page <= QUARTER).all()) for page in self.errors), pages),
            str(pages - len(self.errors) - self.wrong_template),
            str(self.wrong_template),
            _share(int(good.sum()), len(good)),
            _share(int(read.sum()), len(read)),
            f"{int((read & ~good).sum())} of {int(read.sum())}",
            f"{sum(self.strangers)} of {len(self.strangers)}",
            f"{1000 * float(np.median(self.seconds)):.0f}" if pages else "",
        )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def form_of(number: int, seed: int) -> Form:
    """A form of a set: by its print alone, hardly any print, corner squares, or a code, in turn."""
    way = number % 4
    random = np.random.default_rng([seed, number])
    return laid_out(random, f"form-{number}", sparse=way == 1, markers=way == 2, code=way == 3)


def measured(pages: Iterable[int], seed: int, templates: int) -> Table:
    """A table of what registration makes of drawn pages, a row for each kind of capture.

    Args:
        pages: numbers of pages of the templates' forms; half as many of other forms come besides.
        templates: how many there are to choose from.
    """
    forms = [form_of(number, seed) for number in range(templates)]
    references = [Reference(form.template, form.blank) for form in forms]
    counts = {kind: Counts() for kind in KINDS}
    for index in pages:
        kind = KINDS[index % len(KINDS)]
        number = index % templates
        _count(_captured(forms[number], kind, [seed, 1, index]), references[number], references, counts[kind])
        if index % 2:
            stranger = _captured(form_of(templates + index, seed), kind, [seed, 2, index])
            counts[kind].strangers.append(_found(stranger, references) is not None)
    table = Table(*HEADINGS)
    everything = Counts()
    for kind in KINDS:
        everything.add(counts[kind])
        table.add_row(*counts[kind].row(kind))
    table.add_row(*everything.row("all"))
    return table


def _captured(form: Form, kind: str, seed: list[int]) -> Capture:
    random = np.random.default_rng(seed)
    return captured(filled(form, random), DPI, kind, random)


def _count(capture: Capture, own: Reference, references: list[Reference], counts: Counts) -> None:
    began = time.process_time()
    found = _found(capture, references)
    counts.seconds.append(time.process_time() - began)
    if found is None:
        return
    if found.reference is not own:
        counts.wrong_template += 1
        return
    fields = own.template.fields
    counts.errors.append(errors_of(found, capture))
    counts.read.append(np.concatenate([[found.is_at_its_place(i)] * len(fields[i].quads) for i in range(len(fields))]))


def _found(capture: Capture, references: list[Reference]) -> Registration | None:
    try:
        return page_of(Scan(capture.picture), references)
    except FormError:
        return None


def errors_of(found: Registration, capture: Capture) -> NDArray[np.float64]:
    """Distances float[boxes] of the boxes' middles from their places, in the shorter sides that they have there."""
    quads = np.array([quad for one in found.reference.template.fields for quad in one.quads])
    seen = found.map(quads.reshape(-1, 2)).reshape(-1, 4, 2)
    true = capture.placed(quads.reshape(-1, 2)).reshape(-1, 4, 2)
    sides = np.linalg.norm(true - np.roll(true, 1, axis=1), axis=2).min(axis=1)
    return np.asarray(np.linalg.norm(seen.mean(axis=1) - true.mean(axis=1), axis=1) / sides)
