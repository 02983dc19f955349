"""The reader of form pages: finds the template on the page, cuts its fields out, and reads each by its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.columns import Columns
from digitmill.domain.form_page import Corners, FormPage
from digitmill.domain.jobs import Options, Polarity
from digitmill.domain.rows import FORM, Reason, RowStatus, Value
from digitmill.errors import FailureCode, FormError, ItemFailure
from digitmill.forms import digits, marks
from digitmill.forms.beyond import has_digit_beyond
from digitmill.forms.boxes import NO_TRACE, Trace, darkness, written
from digitmill.forms.certainty import REVIEW_BELOW, USUAL, needs_second_look
from digitmill.forms.checks import Checks
from digitmill.forms.covered import covered
from digitmill.forms.cutting import cuts_of, outline_of
from digitmill.forms.digits import Box, Rectangle
from digitmill.forms.geometry import Floats, Quad, bounds_of
from digitmill.forms.pictures import is_written
from digitmill.forms.registration.choosing import only_page_of
from digitmill.forms.registration.codes import codes_in
from digitmill.forms.registration.finding import Registration, Scan
from digitmill.forms.registration.reference import Reference
from digitmill.forms.sketch import Sketch, digest_of
from digitmill.forms.stray_marks import has_mark_beside
from digitmill.forms.template import DigitsField, MarkField, NumberField, Template, TemplateField
from digitmill.readers.base import Asked, Opened, Outputs, Reader
from digitmill.readers.number_field import ReadStrip, read_strip, value_of_strip
from digitmill.readers.second_look import Doubt, looked_at_again

Grey = NDArray[np.uint8]

UNREAD = Value(None, RowStatus.REVIEW, reason=Reason.UNREAD)


@dataclass(slots=True)
class OpenedBox:
    """A box on the scan, and the place of its picture among those of its page; None where it is empty. ``beyond``: a
    digit stands beside it where no box is. ``covered``: something lies on it and hides its print."""

    place: Rectangle
    picture: int | None = None
    doubtful: bool = False
    trace: Trace = NO_TRACE
    beyond: bool = False
    covered: bool = False


@dataclass(slots=True)
class OpenedStrip:
    """A strip as it was read, and the place of the picture of its first digit among those of its page."""

    read: ReadStrip
    first: int


Found = Value | list[OpenedBox] | OpenedStrip
"""Of a field before the model is asked: its value, or the boxes or the strip that the model is asked about."""


@dataclass(slots=True)
class OpenedPage(Opened):
    """``found`` are the fields in their order, ``sketch`` is what stands in them."""

    pictures: list[Grey]
    page: FormPage
    registration: Registration
    sketch: Sketch
    found: list[tuple[TemplateField, Found]] = field(default_factory=list)


class FormReader(Reader[OpenedPage]):
    name = FORM
    by_template = True
    review_below = REVIEW_BELOW
    images_a_chunk = 4
    keys = "1234567890"
    pattern = r"\S(.*\S)?"
    longest = 1000
    groups = ()

    def __init__(
        self,
        references: Sequence[Reference] = (),
        alive: Callable[[], None] = lambda: None,
        numbers: Asked | None = None,
    ) -> None:
        """
        Args:
            references: the templates that pages may be of; without them nothing can be opened.
            numbers: the model for fields that hold a number in one strip; without it they are not read.
        """
        self._references = references
        self._alive = alive
        self._numbers = numbers

    def prepared(
        self, options: Options, references: Callable[[Sequence[str]], Sequence[Reference]], alive: Callable[[], None]
    ) -> Self:
        return type(self)(references(options.template), alive, self._numbers)

    def asking(self, second: Asked) -> Self:
        # one without a lattice sees single digits
        return type(self)(self._references, self._alive, second) if second.lattice is not None else self

    def open(self, grey: Grey, options: Options, model: Outputs) -> OpenedPage:
        try:
            page = only_page_of(Scan(grey), self._references, self._alive)
        except FormError as error:
            raise ItemFailure(FailureCode(error.code), error.detail) from error
        fields = page.reference.template.fields
        darknesses = {
            number: [darkness(cut) for cut in cuts_of(page, number)]
            for number, each in enumerate(fields)
            if isinstance(each, MarkField) and page.is_at_its_place(number)
        }
        rest = marks.rest_of([each for some in darknesses.values() for each in some])
        pictures: list[Grey] = []
        opened = OpenedPage(pictures, _page(page), page, sketch=Sketch(page.reference.template))
        for number, each in enumerate(fields):
            self._alive()
            found: Found
            if each.kind == "code":
                found = _code(page, each.quad)
            elif each.kind == "picture":
                found = _picture(page, number)
            elif isinstance(each, NumberField) and self._numbers is None:
                found = UNREAD
            elif not page.is_at_its_place(number):
                found = Value(None, RowStatus.REVIEW, reason=Reason.DISPLACED)
            elif isinstance(each, NumberField) and self._numbers is not None:
                (cut,) = cuts_of(page, number)
                found = OpenedStrip(read_strip(each, cut, self._numbers, options), len(pictures))
                pictures += found.read.pictures
                opened.sketch.add_strip(number, each.quad, cut)
            elif isinstance(each, MarkField):
                found = _marked(page, number, each, dict(zip(each.options, darknesses[number], strict=True)), rest)
            else:
                boxes = _boxes(page, number, opened, model)
                # only who has no box left writes beside them
                boxes[-1].beyond = all(box.picture is not None for box in boxes) and has_digit_beyond(page, number)
                found = boxes
            opened.found.append((each, found))
        opened.page = opened.page._replace(digest=digest_of(grey), sketch=opened.sketch.packed())
        return opened

    def close(
        self, images: Sequence[OpenedPage], probabilities: NDArray[np.float32], options: Options, model: Outputs
    ) -> Columns:
        rows, pages, start = [], {}, 0
        sure_from = 0.0 if options.review_below is None else options.review_below
        for place, image in enumerate(images):
            own = probabilities[start : start + len(image.pictures)]
            values = self._values(image, own, options, model)
            template = image.registration.reference.template
            values, checks = _checked(template, values, sure_from)
            rows.append(_for_two(template, values))
            pages[place] = image.page._replace(checks=checks)
            start += len(image.pictures)
        return Columns.of(rows, pages)

    def _values(
        self, image: OpenedPage, probabilities: NDArray[np.float32], options: Options, model: Outputs
    ) -> dict[str, Value]:
        """By the boxes, and where these alone leave a number in doubt, by the strip that they make, too."""
        values, doubts = dict[str, Value](), list[Doubt]()
        rows = {
            each.name: [box_of(box, probabilities, model) for box in found]
            for each, found in image.found
            if isinstance(found, list)
        }
        dashes = any(
            digits.is_dashed(each, rows[each.name])
            for each, _ in image.found
            if isinstance(each, DigitsField) and each.name in rows
        )
        for number, (each, found) in enumerate(image.found):
            if isinstance(found, OpenedStrip) and isinstance(each, NumberField):
                seen = probabilities[found.first : found.first + len(found.read.pictures)]
                values[each.name] = value_of_strip(each, found.read, seen, options)
                continue
            if not isinstance(found, list) or not isinstance(each, DigitsField):
                values[each.name] = found if isinstance(found, Value) else UNREAD
                continue
            boxes = rows[each.name]
            sure_from = 0.0 if options.review_below is None else options.review_below
            looks = USUAL if model.looks is None else model.looks
            value = digits.value_of(
                each, boxes, sure_from=sure_from, alternatives=options.alternatives, looks=looks, dashes=dashes
            )
            values[each.name] = value
            alone = value.status is RowStatus.RECOGNIZED and not needs_second_look(value.confidence or 0.0, sure_from)
            if value.text is not None and not alone:
                held = [found[place].picture for place in digits.places_of(each, boxes)]
                pictures = [image.pictures[place] for place in held if place is not None]
                before, evidence = digits.unsure_before(each, boxes), digits.evidence(each, boxes)
                doubts.append(Doubt(number, each, evidence, value, pictures, before, looks))
        if self._numbers is not None and doubts:
            values |= looked_at_again(image.registration, doubts, self._numbers, options)
        return values

    def group(self, value: Value) -> str:
        return (value.reason or Reason.UNSURE).value


def box_of(box: OpenedBox, probabilities: NDArray[np.float32], model: Outputs) -> Box:
    if box.picture is None:
        return replace(Box.empty(box.place, box.trace), covered=box.covered)
    worth = model.doubtful_cut if box.doubtful else 1.0
    said = Box.said(box.place, probabilities[box.picture], model.classes, worth, doubtful=box.doubtful, trace=box.trace)
    return replace(said, beyond=True) if box.beyond else said


def _checked(
    template: Template, values: dict[str, Value], sure_from: float
) -> tuple[dict[str, Value], tuple[tuple[str, bool | None], ...]]:
    """The values as the template's checks leave them: surer, or to review with a suggestion; and how each rule did."""
    if not template.checks:
        return values, ()
    said = Checks(template).judge(values)
    found = dict(values)
    for name, confidence in said.confidences.items():
        value = found[name]._replace(confidence=round(confidence, digits.PLACES))
        doubted = value.reason in (Reason.UNSURE, Reason.CUT_OFF)
        if doubted and confidence >= sure_from:
            value = value._replace(status=RowStatus.RECOGNIZED, reason=None)
        found[name] = value
    for name, text in said.suggestions.items():
        found[name] = _in_doubt(found[name], text)
    return found, tuple(zip((check.rule for check in template.checks), said.holds, strict=True))


def _for_two(template: Template, values: dict[str, Value]) -> dict[str, Value]:
    """The same, with all that two people are to enter to review, however sure the model is."""
    return {
        each.name: values[each.name]._replace(
            status=RowStatus.REVIEW, reason=values[each.name].reason or Reason.CRITICAL
        )
        if each.by_two
        else values[each.name]
        for each in template.fields
    }


def _in_doubt(value: Value, suggestion: str | None) -> Value:
    """To review, with what a check would have there as the first of the alternatives."""
    first = [guess for guess in value.alternatives if guess.prediction == suggestion]
    others = [guess for guess in value.alternatives if guess.prediction != suggestion]
    return value._replace(status=RowStatus.REVIEW, alternatives=(*first, *others), reason=value.reason or Reason.CHECK)


def _boxes(page: Registration, number: int, opened: OpenedPage, model: Outputs) -> list[OpenedBox]:
    """The boxes of a number; those with ink leave their picture for the model in ``opened``, and their sketch."""
    quads, pictures = page.reference.template.fields[number].quads, opened.pictures
    corners = page.map(np.array(quads).reshape(-1, 2)).reshape(-1, 4, 2)
    cuts, boxes = cuts_of(page, number), list[OpenedBox]()
    for place, cut in enumerate(cuts):
        found = written(cut)
        # where no blank page tells what is print, remains of it are all about, which says nothing of the writer
        trace = found.trace if page.reference.template.page.blank else Trace(tall=found.trace.tall)
        box = OpenedBox(bounds_of(corners[place]), trace=trace)
        if found.picture is not None:
            opened.sketch.add(number, place, cut)
            picture, doubtful = model.normaliser(found.picture, Polarity.DARK_ON_LIGHT)
            if picture is not None:
                box.picture, box.doubtful = len(pictures), doubtful or found.doubtful
                pictures.append(picture)
        boxes.append(box)
    # what was written over the cover is read as any digit is
    if any(box.picture is None for box in boxes):
        for box, is_covered in zip(boxes, covered(cuts), strict=True):
            box.covered = is_covered and box.picture is None
    return boxes


def _marked(page: Registration, number: int, field: MarkField, darknesses: Mapping[str, float], rest: float) -> Value:
    """Which options are marked, to review where their print or a mark is not at its place."""
    found = marks.value_of(field, darknesses, rest)
    if found.status is RowStatus.REVIEW:
        return found
    if not page.is_at_its_place(number, marks.AT_ITS_PLACE):
        return found._replace(status=RowStatus.REVIEW, reason=Reason.DISPLACED)
    if has_mark_beside(page, number, marks.marked(darknesses, rest)):
        return marks.with_mark_beside(field, found)
    return found


def _code(page: Registration, quad: Quad) -> Value:
    """The only code in this part of the page."""
    left, top, right, bottom = bounds_of(page.seen(np.array(outline_of((quad,)))))
    part = page.scan.picture[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    texts = {read.text for read in codes_in(np.ascontiguousarray(part))} if part.size else set()
    if len(texts) == 1:
        return Value(texts.pop(), RowStatus.RECOGNIZED, 1.0)
    return Value(None, RowStatus.REVIEW, reason=Reason.SEVERAL if texts else Reason.UNSURE)


def _picture(page: Registration, number: int) -> Value:
    """Whether somebody wrote or drew there: what it is, people see in the cut-out."""
    return Value(None, RowStatus.RECOGNIZED if is_written(page, number) else RowStatus.BLANK)


def _page(page: Registration) -> FormPage:
    template = page.reference.template
    places = {each.name: _corners(page.map(np.array(outline_of(each.quads)))) for each in template.fields}
    score = round(min(page.score, 1.0), 4)
    return FormPage(template.label, page.method, score, _corners(page.corners), places)


def _corners(points: Floats) -> Corners:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in points)
