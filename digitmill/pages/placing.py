"""A form page that was not found on its scan, read again where a person says that it lies."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from digitmill.domain.form_page import Corners, FormPage
from digitmill.domain.jobs import Job
from digitmill.domain.rows import Part, Row, RowStatus, Value
from digitmill.errors import (
    BadOptions,
    Conflict,
    FailureCode,
    FieldError,
    ItemFailure,
    JobNotFinal,
    NoRowYet,
    RowChanged,
)
from digitmill.forms.geometry import Floats, is_convex, mapped, quad_of
from digitmill.forms.template import Template
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.imaging.drawn.drawing import View
from digitmill.jobs.jobs import Jobs
from digitmill.pages.trying import Trying, Wait
from digitmill.results.rows import Results
from digitmill.store.base import JobStore
from digitmill.store.rows import Answers
from digitmill.templates import Templates
from digitmill.uploads.codec import unpack_names

NOT_FOUND = (FailureCode.PAGE_NOT_REGISTERED, FailureCode.NO_TEMPLATE)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a page lies: the ``corners`` of its template's reference, TL TR BR BL, in pixels of the scan drawn ``of``
    this width and height; None: as it is decoded. ``template`` may be left out where the job has one only."""

    corners: Corners
    of: tuple[float, float] | None = None
    template: str | None = None


class Placing:
    """Raises NotFound for another owner's job, and Expired."""

    def __init__(
        self, store: JobStore, jobs: Jobs, results: Results, templates: Templates, drawers: Drawers, trying: Trying
    ) -> None:
        self._store = store
        self._jobs = jobs
        self._results = results
        self._templates = templates
        self._drawers = drawers
        self._trying = trying

    def place(self, owner: str, job_id: str, index: int, placed: Placed, *, wait: Wait, by: str | None) -> Row:
        """Read the page again, and put what was read in the place of its row, which is returned.

        Raises:
            BadOptions: the corners are none, or the job has no such template.
            JobNotFinal, NoRowYet: it is still worked on.
            Conflict: the page was found already, or this is no page.
            RowChanged: somebody else has placed a page meanwhile.
            ItemFailure: it is not read there either.
            NoWorker, Overloaded, TooManyJobs, ServiceUnavailable: as ``Trying.row``.
        """
        job = self._jobs.get_read(owner, job_id)
        label = _template_of(job, placed)
        if not is_convex(quad_of(placed.corners)):
            message = "must go round the page: top left, top right, bottom right, bottom left"
            raise BadOptions(f"corners {message}.", errors=(FieldError("corners", message),))
        if not job.state.final:
            raise JobNotFinal("This job is still worked on; say where its pages lie when it is done.")
        failure = self._results.row(owner, job_id, index).failure
        if failure is None or failure.code not in NOT_FOUND:
            raise Conflict("Only a page that was not found on its scan can be told where it lies.")
        template = Template.parsed(self._templates.text(label))
        flat, back = self._drawers.flattened(
            lambda: self._results.picture(owner, job_id, index, View.PNG),
            placed.corners,
            placed.of,
            (template.page.width, template.page.height),
        )
        reference = self._templates.picture(self._templates.get(label))
        row = self._trying.row(template, reference, flat, 1, wait=wait, sent_by=by)
        if row.failure is not None or row.page is None or row.fields is None:
            detail = "" if row.failure is None else f" {row.failure.detail}"
            raise ItemFailure(FailureCode.PAGE_NOT_REGISTERED, f"The page does not fit its template there.{detail}")
        fields = {name: _moved_value(value, back) for name, value in row.fields.items()}
        self._put(job, index, fields, _moved_page(row.page, back))
        return self._results.row(owner, job_id, index)

    def _put(self, job: Job, index: int, fields: Mapping[str, Value], page: FormPage) -> None:
        starts = self._store.chunks.starts(job.id)
        chunk = bisect_right(starts, index) - 1
        ((entries, before),) = self._store.chunks.read(job.id, [chunk])
        if before is None:
            raise NoRowYet("This page is still to be read.")
        place = index - starts[chunk]
        known = Answers.unpacked(before)
        after = with_page(known, unpack_names(entries), place, fields, page)
        now = RowStatus(tuple(RowStatus)[int(after.statuses[place])])
        if place not in known.failures or not self._store.reviews.replace(
            job.id, chunk, before, after.packed(), left=RowStatus.FAILED, now=now
        ):
            raise RowChanged("Somebody else has told where this page lies, or one beside it. Look at it again.")


def with_page(
    answers: Answers, names: Sequence[str], place: int, fields: Mapping[str, Value], page: FormPage
) -> Answers:
    """The same answers, but for the failed image at ``place``, which has been read after all."""
    found = {
        row.index: (row.fields or {}, row.page) for row in answers.rows(0, names) if row.index not in answers.failures
    }
    found = dict(sorted({**found, place: (fields, page)}.items()))
    pages = {at: one for at, (_, one) in enumerate(found.values()) if one is not None}
    values = type(answers.values).of([some for some, _ in found.values()], pages)
    failures = {at: failure for at, failure in answers.failures.items() if at != place}
    return Answers(values.among(answers.images, list(found)), failures)


def _template_of(job: Job, placed: Placed) -> str:
    label = placed.template or (job.options.template[0] if len(job.options.template) == 1 else None)
    if label not in job.options.template:
        message = f"must be one of those of the job: {', '.join(job.options.template) or 'it has none'}"
        raise BadOptions(f"template {message}.", errors=(FieldError("template", message),))
    return str(label)


def _moved_page(page: FormPage, back: Floats) -> FormPage:
    places = {name: _moved(corners, back) for name, corners in page.places.items()}
    return page._replace(corners=_moved(page.corners, back), places=places)


def _moved_value(value: Value, back: Floats) -> Value:
    return value._replace(parts=tuple(_moved_part(part, back) for part in value.parts))


def _moved_part(part: Part, back: Floats) -> Part:
    left, top, right, bottom = part.box
    points = mapped(back, np.array([(left, top), (right, top), (right, bottom), (left, bottom)], float))
    (low_x, low_y), (high_x, high_y) = np.floor(points.min(axis=0)), np.ceil(points.max(axis=0))
    return replace(part, box=(int(low_x), int(low_y), int(high_x), int(high_y)))


def _moved(corners: Corners, back: Floats) -> Corners:
    return tuple((round(float(x), 1), round(float(y), 1)) for x, y in mapped(back, np.array(corners)))
