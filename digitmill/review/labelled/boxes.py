"""Boxes and strips of form pages with what stands in them: cut out and freed of print as the model saw them; and boxes
of marks."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from digitmill.domain.jobs import Job
from digitmill.domain.rows import Row, RowStatus, Value
from digitmill.errors import ItemFailure, Overloaded
from digitmill.forms.boxes import written
from digitmill.forms.cutting import Cut, cuts_within
from digitmill.forms.marks import SEPARATOR
from digitmill.forms.registration.reference import Prints
from digitmill.forms.template import DigitsField, MarkField, NumberField, Template
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.imaging.drawn.drawing import View
from digitmill.imaging.files.decode import decode
from digitmill.results.rows import Results
from digitmill.review.labelled.paths import path_of
from digitmill.templates import MOST_PIXELS, Templates

Grey = NDArray[np.uint8]

ROWS_A_READ = 20
_PAGE = re.compile(r"#(\d+)$")
"""Pages of one file are by as many hands: told as in a folder, they count as scans of their own."""
MARKED, UNMARKED = "marked", "unmarked"
TURNS, PAUSE_SECONDS = 6, 2.0
"""So often a zip that has begun waits for its turn to have a page opened."""


@dataclass(frozen=True)
class _Printed:
    """A template with its picture, uint8 [height, width]."""

    template: Template
    picture: Grey
    prints: Prints = field(default_factory=Prints)


@dataclass(frozen=True, slots=True)
class Box:
    """``name`` of its file in the zip, its ``label``, the name under which its ``page`` came, and a PNG.

    The label of a box is "0" to "9", that of a strip its whole number, that of a box of marks MARKED or UNMARKED.
    """

    name: str
    label: str
    page: str
    picture: bytes


class Boxes:
    def __init__(self, results: Results, templates: Templates, drawers: Drawers) -> None:
        self._results = results
        self._templates = templates
        self._drawers = drawers

    def of(self, owner: str, job: Job, *, accepted: bool) -> Iterator[Box]:
        """Each box with a digit, strip with a number and box of a mark of the fields that a person has answered, and
        with ``accepted`` of those too that the model was sure of.

        A field is left out where it cannot be told which of its boxes hold the digits, and a page that cannot be opened
        any more.

        Raises:
            TemplateNotFound: a template of the job, or its picture, is gone.
        """
        held: OrderedDict[str, _Printed] = OrderedDict()
        for first in range(0, job.counts.total, ROWS_A_READ):
            for row in self._results.rows_at(job, range(first, min(first + ROWS_A_READ, job.counts.total))):
                texts = _texts_of(row, accepted=accepted)
                if row.page is None or not texts:
                    continue
                reference = self._printed(row.page.template, held)
                page = self._opened(owner, job, row)
                if page is not None:
                    yield from _boxes(row, texts, page, reference)

    def _printed(self, label: str, held: OrderedDict[str, _Printed]) -> _Printed:
        if label not in held:
            template = Template.parsed(self._templates.text(label))
            picture = decode(self._templates.picture(self._templates.get(label)), max_pixels=MOST_PIXELS)
            held[label] = _Printed(template, picture)
        held.move_to_end(label)
        while sum(one.picture.size for one in held.values()) > MOST_PIXELS and len(held) > 1:
            held.popitem(last=False)
        return held[label]

    def _opened(self, owner: str, job: Job, row: Row) -> Grey | None:
        """The decoded scan; it waits its turn, since a zip that has begun cannot be refused any more."""
        for turn in range(TURNS):
            try:
                picture = self._results.picture(owner, job.id, row.index, View.PNG)
                return self._drawers.grey(picture.data, picture.page, picture.pages)
            except ItemFailure:
                return None
            except Overloaded:
                if turn == TURNS - 1:
                    raise
                time.sleep(PAUSE_SECONDS)
        return None


def _texts_of(row: Row, *, accepted: bool) -> dict[str, str]:
    """What stands in each field that is wanted, by its name."""
    found = {}
    for name, value in (row.fields or {}).items():
        revision = row.revisions.get(name)
        verdict = None if revision is None else revision.verdict
        text = verdict.prediction if verdict is not None else None
        if verdict is None and accepted and value.status is RowStatus.RECOGNIZED:
            text = value.text
        if text is not None:
            found[name] = text
    return found


def _boxes(row: Row, texts: dict[str, str], page: Grey, reference: _Printed) -> Iterator[Box]:
    places = row.page.places if row.page is not None else {}
    values = row.fields or {}
    for number, each in enumerate(reference.template.fields):
        if each.name not in texts or each.name not in places:
            continue
        cuts = cuts_within(page, reference, number, np.array(places[each.name], float))
        text = texts[each.name]
        found: Iterator[tuple[int, str, Grey]] = iter(())
        if isinstance(each, DigitsField) and text.isascii() and text.isdecimal():
            found = _digits(values[each.name], text, cuts)
        elif isinstance(each, NumberField):
            found = ((place, text, picture) for place, picture in enumerate(map(_freed, cuts)) if picture is not None)
        elif isinstance(each, MarkField):
            found = _marks(each, text, cuts)
        for place, label, picture in found:
            name = path_of(row.index, row.name, f"-{each.name}-{place + 1}.png")
            yield Box(name, label, _PAGE.sub(r"/\1", row.name), bytes(cv2.imencode(".png", picture)[1]))


def _freed(cut: Cut) -> Grey | None:
    """What somebody wrote there, without print; None where nothing is."""
    return written(cut).picture


def _digits(value: Value, text: str, cuts: Sequence[Cut]) -> Iterator[tuple[int, str, Grey]]:
    """The place, the label and the picture of each box with a digit."""
    pictures = [_freed(cut) for cut in cuts]
    chosen = _with_digits(value, text, cuts, pictures)
    for label, place in zip(text, chosen, strict=True) if chosen else ():
        if (picture := pictures[place]) is not None:
            yield place, label, picture


def _marks(field: MarkField, text: str, cuts: Sequence[Cut]) -> Iterator[tuple[int, str, Grey]]:
    """The same of each option's box, with its print: marks are told by how dark a box is."""
    names = {text} if text in field.options else set(text.split(SEPARATOR))
    for place, (option, cut) in enumerate(zip(field.options, cuts, strict=True)):
        yield place, MARKED if option in names else UNMARKED, cut.picture


def _with_digits(value: Value, text: str, cuts: Sequence[Cut], pictures: Sequence[Grey | None]) -> list[int]:
    """The boxes that hold the digits of the text, from left to right: those that the model took for its digits, or all
    with ink, if there are as many; else none."""
    if len(value.parts) == len(text):
        middles = np.array([cut.corners.mean(axis=0) for cut in cuts])
        boxes = np.array([part.box for part in value.parts], float).reshape(-1, 2, 2).mean(axis=1)
        found = [int(np.linalg.norm(middles - box, axis=1).argmin()) for box in boxes]
        return found if len(set(found)) == len(found) else []
    inked = [place for place, picture in enumerate(pictures) if picture is not None]
    return inked if len(inked) == len(text) else []
