"""How well fields are read: drawn forms, filled in with digits of real writers and captured in every way."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rich.table import Table

from digitmill.domain.jobs import Options
from digitmill.domain.rows import NUMBER, Reason, Row, RowStatus
from digitmill.errors import ItemFailure
from digitmill.forms.certainty import REVIEW_BELOW
from digitmill.forms.registration.reference import Reference
from digitmill.models.registry import BOX, Registry
from digitmill.models.runtime import Model
from digitmill.readers.form import FormReader
from digitmill.settings import Settings
from digitmill.store.rows import Answers
from training.forms.capture import KINDS, captured
from training.forms.filling import palest_of, written_on
from training.forms.layout import DPI
from training.forms.measure import form_of
from training.measuring.predict import chosen
from training.pictures.data import Digits, joined, load_sources

SPLIT_SEED = 1
"""That of the shipped model's run, so that no digit it was trained on is among these."""
KINDS_READ = ("digits", "number", "mark")
HEADINGS = ("capture", "pages", "failed", "fields", "exact", "accepted", "wrong accepted", "marks wrong", "s a page")


@dataclass
class Tally:
    """Of the pages of one kind of capture: fields of numbers and marks, and those wrong among the accepted."""

    pages: int = 0
    failed: int = 0
    fields: int = 0
    exact: int = 0
    accepted: int = 0
    wrong: int = 0
    wrong_marks: int = 0
    seconds: list[float] = field(default_factory=list)
    reasons: dict[Reason, int] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        for name in ("pages", "failed", "fields", "exact", "accepted", "wrong", "wrong_marks"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.seconds += other.seconds
        for reason, many in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + many

    def row(self, name: str) -> tuple[str, ...]:
        numbers = [self.pages, self.failed, self.fields]
        whole = max(self.fields, 1)
        return (
            name,
            *map(str, numbers),
            f"{self.exact / whole:.1%}",
            f"{self.accepted / whole:.1%}",
            f"{self.wrong} ({self.wrong / max(self.accepted, 1):.2%})",
            str(self.wrong_marks),
            f"{np.median(self.seconds or [0.0]):.2f}",
        )


@dataclass(frozen=True)
class Models:
    """What a worker has for form pages."""

    digits: Model
    numbers: Model


def models(name: str | None, settings: Settings) -> Models:
    """The named model of digits, or the default for boxes, and the default of numbers. Raises ModelError."""
    registry = Registry(settings.published_models, settings.var / "cache" / "models")
    numbers = registry.default(NUMBER).label
    boxes = registry.default(BOX).label if name is None else name
    return Models(chosen(boxes, registry, settings, 1), chosen(numbers, registry, settings, 1))


def measuring_digits(data: Path | None) -> Digits:
    """The half of the validation digits that pages to measure on are filled in with."""
    return _half(data, 1)


def fitting_digits(data: Path | None) -> Digits:
    """The half that confidences are fitted with."""
    return _half(data, 0)


def _half(data: Path | None, rest: int) -> Digits:
    kept = joined([source.validation.digits for source in load_sources(data, SPLIT_SEED)])
    rows = np.arange(len(kept))
    return kept[rows[rows % 2 == rest]]


def measured(pages: Iterable[int], seed: int, models: Models, digits: Digits, templates: int) -> Table:
    """A table of what becomes of the fields of drawn pages, a row for each kind of capture."""
    forms = [form_of(number, seed) for number in range(templates)]
    references = [Reference(form.template, form.blank) for form in forms]
    model = models.digits
    options = Options(review_below=REVIEW_BELOW)
    tallies = {kind: Tally() for kind in KINDS}
    for index in pages:
        kind, number = KINDS[index % len(KINDS)], index % templates
        random = np.random.default_rng([seed, 3, index])
        filled = written_on(forms[number], digits, random, palest_of(kind))
        picture = captured(filled.page, DPI, kind, random).picture
        tally = tallies[kind]
        began = time.process_time()
        row = read_page(picture, FormReader([references[number]], numbers=models.numbers), model, options)
        tally.seconds.append(time.process_time() - began)
        _count(tally, row, filled.truth, {each.name: each.kind for each in forms[number].template.fields})
    table = Table(*HEADINGS)
    everything = Tally()
    for kind in KINDS:
        everything.add(tallies[kind])
        table.add_row(*tallies[kind].row(kind))
    table.add_row(*everything.row("all"))
    table.caption = ", ".join(f"{reason}: {many}" for reason, many in everything.reasons.items())
    return table


def read_page(picture: np.ndarray, reader: FormReader, model: Model, options: Options) -> Row | None:
    """The row of one page; None where it fails."""
    try:
        opened = reader.open(picture, options, model)
    except ItemFailure:
        return None
    probabilities = model.predict(np.stack(opened.pictures)) if len(opened.pictures) else np.empty((0, 0), np.float32)
    return Answers(reader.close([opened], probabilities, options, model), {}).rows(0, ["page"])[0]


def _count(tally: Tally, row: Row | None, truth: dict[str, str | None], kinds: dict[str, str]) -> None:
    tally.pages += 1
    if row is None or row.fields is None:
        tally.failed += 1
        return
    for name, value in row.fields.items():
        if kinds[name] not in KINDS_READ:
            continue
        right = value.text == truth[name]
        accepted = value.status in (RowStatus.RECOGNIZED, RowStatus.BLANK)
        tally.fields += 1
        tally.exact += right
        tally.accepted += accepted
        tally.wrong += accepted and not right
        tally.wrong_marks += accepted and not right and kinds[name] == "mark"
        if value.reason is not None:
            tally.reasons[value.reason] = tally.reasons.get(value.reason, 0) + 1
