"""Pages of form jobs with what was read drawn over them: as a picture each, or as one PDF."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Literal

from digitmill.domain.form_page import Corners
from digitmill.domain.jobs import Job
from digitmill.domain.rows import Row, RowStatus, Value
from digitmill.domain.verdicts import Verdict, VerdictStatus
from digitmill.errors import BadOptions, FailureCode, FieldError, ItemFailure, JobNotFinal, NotFound, Overloaded
from digitmill.imaging.drawn.drawers import Drawers
from digitmill.imaging.drawn.drawing import View
from digitmill.imaging.drawn.marking import Look, Mark, Marking
from digitmill.imaging.pdf.writing import pdf_of
from digitmill.jobs.jobs import Jobs
from digitmill.readers import reader_of
from digitmill.results.rows import Results

MOST_PAGES = 500
"""Of one PDF."""
ROWS_A_READ = 20
TURNS = 6
"""So often a PDF waits for its turn to have a page drawn: a minute."""
PAUSE_SECONDS = 2.0

_SEEN = frozenset({FailureCode.PAGE_NOT_REGISTERED, FailureCode.NO_TEMPLATE, FailureCode.SEVERAL_PAGES})
"""A page that failed so can be opened."""
_LOOKS: Mapping[RowStatus, Look] = {
    RowStatus.RECOGNIZED: Look.ACCEPTED,
    RowStatus.REVIEW: Look.REVIEW,
    RowStatus.BLANK: Look.BLANK,
    RowStatus.FAILED: Look.FAILED,
}
_WORDS = {VerdictStatus.BLANK: "blank", VerdictStatus.NOT_A_DIGIT: "none"}


class Marked:
    """All methods raise NotFound for another owner's job, or one of no form pages, and Expired."""

    def __init__(self, jobs: Jobs, results: Results, drawers: Drawers) -> None:
        self._jobs = jobs
        self._results = results
        self._drawers = drawers

    def page(self, owner: str, job_id: str, index: int) -> bytes:
        """A PNG in colour of one page; of a page that failed, what there is of it, with the sentence of its row.

        Raises:
            NotFound: there is no such row, or not yet.
            Overloaded: too many pictures are drawn.
        """
        _of_pages(self._jobs.get_read(owner, job_id))
        return self._drawn(owner, job_id, self._results.row(owner, job_id, index), "PNG")

    def pdf(self, owner: str, job_id: str, first: int, limit: int) -> Iterator[bytes]:
        """A PDF, piece by piece, of up to ``limit`` pages from that row on. Pages that have no row are left out.

        Raises:
            JobNotFinal: it is still read.
            BadOptions: there is no such row.
            Overloaded: too many pictures are drawn.
        """
        job = _of_pages(self._jobs.get_read(owner, job_id))
        if not job.state.final:
            raise JobNotFinal("This job is still worked on; ask for its pages when it is done, or for single ones.")
        if not 0 <= first < max(job.counts.total, 1):
            message = f"must be 0 to {job.counts.total - 1}, a row of this job"
            raise BadOptions(f"first {message}.", errors=(FieldError("first", message),))
        pages = self._pages(owner, job, range(first, min(first + min(limit, MOST_PAGES), job.counts.total)))
        # what can go wrong at once is told as a problem, not by a broken stream
        if (one := next(pages, None)) is None:
            raise NotFound("None of these pages was read before the job ended.")
        return pdf_of(chain((one,), pages))

    def _pages(self, owner: str, job: Job, indices: range) -> Iterator[bytes]:
        for start in range(indices.start, indices.stop, ROWS_A_READ):
            for row in self._results.rows_at(job, indices[start - indices.start :][:ROWS_A_READ]):
                yield self._in_turn(owner, job.id, row)

    def _in_turn(self, owner: str, job_id: str, row: Row) -> bytes:
        """A page of a PDF that has begun waits where a single one would be refused."""
        for _ in range(TURNS):
            try:
                return self._drawn(owner, job_id, row, "JPEG")
            except Overloaded:
                time.sleep(PAUSE_SECONDS)
        return self._drawn(owner, job_id, row, "JPEG")

    def _drawn(self, owner: str, job_id: str, row: Row, kind: Literal["PNG", "JPEG"]) -> bytes:
        what = marking_of(row)
        if row.page is None and (row.failure is None or row.failure.code not in _SEEN):
            return self._drawers.marked(lambda: None, what, kind)
        read = partial(self._results.picture, owner, job_id, row.index, View.PNG)
        try:
            return self._drawers.marked(read, what, kind)
        except ItemFailure as failure:
            # the row was read, and its picture cannot be had any more
            gone = Marking(what.title, sentence=failure.detail)
            return self._drawers.marked(lambda: None, gone, kind)


def marking_of(row: Row) -> Marking:
    """What to draw over the page of this row."""
    template = "" if row.page is None else f" - {row.page.template}"
    title = f"{row.name}{template}"
    if row.page is None:
        said = "This page was not read." if row.failure is None else row.failure.detail
        return Marking(title, sentence=said)
    verdicts = {name: revision.verdict for name, revision in row.revisions.items()}
    marks = tuple(
        _mark(value, verdicts.get(name), row.page.places[name])
        for name, value in (row.fields or {}).items()
        if name in row.page.places
    )
    return Marking(title, row.page.corners, marks)


def _mark(value: Value, verdict: Verdict | None, corners: Corners) -> Mark:
    if verdict is not None:
        return Mark(corners, Look.CORRECTED, verdict.prediction or _WORDS[verdict.status])
    return Mark(corners, _LOOKS[value.status], value.text or "")


def _of_pages(job: Job) -> Job:
    if not reader_of(job.options.read).by_template:
        raise NotFound("The images of this job are no form pages: look at them by their rows.")
    return job
