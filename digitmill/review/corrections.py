"""What people do with a job's rows: correct them, look at who said what, and share the doubtful ones.

A correction says what the image shows; saying what the model said confirms it. The model's own answer stays. Who
changes a row names the revision that was on the screen, and nobody overwrites what was never seen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from digitmill.domain.jobs import Job
from digitmill.domain.rows import PLAIN, Address, Row, RowStatus
from digitmill.domain.verdicts import Revision, Verdict
from digitmill.errors import (
    BadOptions,
    Conflict,
    DigitmillError,
    FieldError,
    JobNotFinal,
    NoRowYet,
    NotFound,
    RateLimited,
    RowChanged,
)
from digitmill.forms.answers import accepts, holds
from digitmill.forms.template import Template, TemplateField
from digitmill.jobs.jobs import Jobs
from digitmill.readers import reader_of
from digitmill.readers.base import Reader
from digitmill.results.rows import Results
from digitmill.store.base import JobStore
from digitmill.store.reviews import MOST_REVIEWERS, Change, Doubt, Holder, Outcome, Taken
from digitmill.store.rows import Answers
from digitmill.templates import Templates

KEPT_SECONDS = 3600
"""A job whose rows somebody holds expires no sooner than so long after they asked for them."""
CHUNKS_AN_INDEXING = 64
"""Chunks whose doubts are read and noted in one go."""


@dataclass(frozen=True, slots=True)
class Correction:
    """``verdict`` None takes back what was said before. ``seen`` is the number of the row's revision that the
    person looked at, 0 for a row as the model left it."""

    index: int
    seen: int
    verdict: Verdict | None
    field: str = PLAIN


@dataclass(frozen=True, slots=True)
class Corrected:
    """What became of one correction: the last revision of the row or its field, and why it is not the one that was
    sent."""

    index: int
    revision: Revision | None
    error: DigitmillError | None
    field: str = PLAIN


@dataclass(frozen=True, slots=True)
class Hold:
    """``rows`` are one reviewer's ``until`` then (seconds since 1970): those of the ``values`` that were given.
    ``waiting`` are the doubtful rows that nobody has answered, held or not, by their group: what the model took them
    for."""

    job: Job
    rows: Sequence[Row]
    values: Sequence[Address]
    until: float
    waiting: Mapping[str, int]


class Review:
    """All methods raise NotFound for another owner's job, and Expired."""

    def __init__(self, store: JobStore, jobs: Jobs, results: Results, templates: Templates) -> None:
        self._store = store
        self._jobs = jobs
        self._results = results
        self._templates = templates

    def correct(self, owner: str, job_id: str, correction: Correction, *, by: str) -> Row:
        """Let a person have the last word on a row, and return it. ``by`` is the id of the person's key.

        What the row says already may be sent again, whatever was seen: it changes nothing.

        Raises:
            BadOptions: the job's reader does not accept the text.
            RowChanged: the row has another revision than the one that was seen.
            NoRowYet: the image is still to be read.
            NotFound: there is no such row, or there never will be.
        """
        (corrected,) = self._correct(owner, job_id, [correction], ["prediction"], by=by)
        if corrected.error is not None:
            raise corrected.error
        return self._results.row(owner, job_id, correction.index)

    def correct_many(self, owner: str, job_id: str, corrections: Sequence[Correction], *, by: str) -> list[Corrected]:
        """The same for many rows in four round trips. Each answers for itself; none stops the others.

        Raises:
            BadOptions: a text that the job's reader does not accept; then nothing is changed.
        """
        names = [f"corrections.{number}.prediction" for number in range(len(corrections))]
        return self._correct(owner, job_id, corrections, names, by=by)

    def _correct(
        self, owner: str, job_id: str, corrections: Sequence[Correction], names: Sequence[str], *, by: str
    ) -> list[Corrected]:
        """``names`` are what the caller calls the texts."""
        job = self._jobs.get_read(owner, job_id)
        reader = reader_of(job.options.read)
        pairs = zip(names, corrections, strict=True)
        wrong = [name for name, correction in pairs if not _accepted(reader, correction.verdict)]
        if wrong:
            raise _not_accepted(reader, wrong)
        pages = self._pages(job, corrections) if reader.by_template else {}
        fields = self._fields_of(pages)
        _check_fields(fields, zip(names, corrections, strict=True))
        starts = self._store.chunks.starts(job_id)
        refused = {number: _refused(job, one, pages) for number, one in enumerate(corrections)}
        changes = [
            Change(
                one.index,
                bisect_right(starts, one.index) - 1,
                one.seen,
                one.verdict,
                one.field,
                by_two=one.field in fields.get(one.index, {}) and fields[one.index][one.field].by_two,
            )
            for number, one in enumerate(corrections)
            if refused[number] is None
        ]
        changes = self._with_doubts(job, starts, changes)
        found = dict(enumerate(self._store.reviews.correct(job_id, changes, by)))
        last = {place: outcome.revision for place, outcome in found.items() if outcome.revision is not None}
        named = self._results.named(job, last)
        outcomes = (replace(outcome, revision=named.get(place)) for place, outcome in found.items())
        return [
            _corrected(job, one, next(outcomes))
            if refused[number] is None
            else Corrected(one.index, None, refused[number], one.field)
            for number, one in enumerate(corrections)
        ]

    def _with_doubts(self, job: Job, starts: Sequence[int], changes: Sequence[Change]) -> list[Change]:
        """The same changes, each with the fields of its row that are to review."""
        chunks = list(dict.fromkeys(change.chunk for change in changes))
        found = zip(chunks, self._store.chunks.read(job.id, chunks), strict=True)
        doubted: dict[int, list[str]] = defaultdict(list)
        for chunk, (_, rows) in found:
            for image, field in Answers.unpacked(rows).doubted(_below(job)) if rows is not None else ():
                doubted[starts[chunk] + image].append(field)
        return [replace(change, doubted=doubted[change.index]) for change in changes]

    def _pages(self, job: Job, corrections: Sequence[Correction]) -> dict[int, Row]:
        indices = {one.index for one in corrections if _has(job, one.index)}
        return {row.index: row for row in self._results.rows_at(job, sorted(indices))}

    def _fields_of(self, pages: Mapping[int, Row]) -> dict[int, Mapping[str, TemplateField]]:
        """For each row that is a page what its template says of its fields, by their names."""
        labels = {index: row.page.template for index, row in pages.items() if row.page is not None}
        templates = {label: Template.parsed(self._templates.text(label)) for label in set(labels.values())}
        fields = {label: {field.name: field for field in each.fields} for label, each in templates.items()}
        return {index: fields[label] for index, label in labels.items()}

    def history(self, owner: str, job_id: str, index: int, field: str = PLAIN) -> list[Revision]:
        """Every change of a row, or of this field of it, oldest first; ``hidden`` where one of two has entered it.
        Raises NotFound when there is none, or not yet."""
        row = self._results.row(owner, job_id, index)
        if field != PLAIN and field not in (row.fields or ()):
            raise _no_such_field(field)
        revisions = dict(enumerate(self._store.reviews.history(job_id, index, field)))
        last = row.revision if field == PLAIN else row.revisions.get(field)
        entries = () if last is None else last.entries
        told = list(self._results.named(self._jobs.get_read(owner, job_id), revisions).values())
        return _without_the_only(entries[0].by, told) if len(entries) == 1 else told

    def hold(
        self, owner: str, job_id: str, reviewer: str, *, limit: int, prediction: str | None, seconds: float
    ) -> Hold:
        """Give a reviewer up to ``limit`` rows with the status ``review`` that nobody has answered.

        Rows that the reviewer holds already come first, for ``seconds`` from now; then the least sure that no other
        reviewer holds. With ``prediction`` only those of this group: what the model took them for. What the reviewer
        held and is not in the answer, others may get. A job that is about to expire is kept a little longer.

        Raises:
            BadOptions: the reader has no such group.
            RateLimited: too many reviewers hold rows of this job.
        """
        job = self._jobs.get_read(owner, job_id)
        reader = reader_of(job.options.read)
        if prediction is not None and prediction not in reader.groups and not reader.accepts(prediction):
            raise _not_accepted(reader, ["prediction"])
        kept = min(KEPT_SECONDS, self._jobs.retention.left(job))
        if job.expires_at is not None and job.expires_at - self._store.now() < kept:
            self._store.keep(job_id, kept, at_least=True)
        self._index(job, reader)
        holding = self._store.reviews.hold(
            job_id, reviewer, groups=reader.groups, group=prediction, limit=limit, seconds=seconds
        )
        if holding is None:
            detail = f"{MOST_REVIEWERS} reviewers hold rows of this job; wait until one has given them back."
            raise RateLimited(detail, retry_after=10)
        rows = self._results.rows_at(job, list(dict.fromkeys(value.image for value in holding.values)))
        return Hold(job, rows, holding.values, holding.until, holding.waiting)

    def holders(self, jobs: Sequence[Job]) -> list[Sequence[Holder]]:
        """For each job who holds rows of it now."""
        return self._store.reviews.holders([job.id for job in jobs])

    def release(self, owner: str, job_id: str, reviewer: str) -> None:
        """Give back what the reviewer holds; who holds nothing is fine."""
        self._jobs.get_read(owner, job_id)
        self._store.reviews.release(job_id, reviewer)

    def raise_threshold(self, owner: str, job_id: str, below: float, *, by: str) -> Job:
        """Let accepted rows that are less sure than this wait for a person too. Returns the job as it then is.

        Raises:
            JobNotFinal: its rows are still being read.
            BadOptions: the threshold is not above the one that the job was read with.
        """
        job = self._jobs.get(owner, job_id)
        if not job.state.final:
            raise JobNotFinal("This job is still worked on; raise its threshold when it is done.")
        own = job.options.review_below or 0.0
        if below <= own:
            message = f"must be above {own}, with which the job was read"
            raise BadOptions(f"below {message}.", errors=(FieldError("below", message),))
        noted = False
        while not noted:
            changes = self._store.reviews.changes(job_id)
            raised, answered = self._counted(job, below)
            noted = self._store.reviews.raise_threshold(
                job_id, below, by, changes=changes, raised=raised, answered=answered
            )
            # raises where the job is gone
            job = self._jobs.get(owner, job_id)
        return job

    def note_check(self, owner: str, job_id: str, *, seen: int, wrong: int, by: str) -> Job:
        """Note that somebody has looked at so many accepted rows of a sample, and found so many misread.

        Raises:
            BadOptions: there are not so many rows.
        """
        job = self._jobs.get(owner, job_id)
        population = job.counts.statuses[RowStatus.RECOGNIZED]
        for name, value, most in (("seen", seen, population), ("wrong", wrong, seen)):
            if value > most:
                message = f"must be at most {most}"
                raise BadOptions(f"{name} {message}.", errors=(FieldError(name, message),))
        self._store.reviews.note_check(job_id, seen=seen, wrong=wrong, population=population, by=by)
        return self._jobs.get(owner, job_id)

    def answered_by(self, job: Job) -> Mapping[str, int]:
        """On how many rows each person has the last word, by the id of their key."""
        return self._store.reviews.answered_by(job.id)

    def _counted(self, job: Job, below: float) -> tuple[int, int]:
        """Accepted rows below this threshold, and how many of all rows that are to review then are answered."""
        starts = self._store.chunks.starts(job.id)
        to_review = answered = 0
        for first in range(0, len(starts), CHUNKS_AN_INDEXING):
            chunks = range(first, min(first + CHUNKS_AN_INDEXING, len(starts)))
            for chunk, (_, rows) in zip(chunks, self._store.chunks.read(job.id, chunks), strict=True):
                if rows is None:
                    continue
                doubted = Answers.unpacked(rows).doubted(below)
                values = [Address(starts[chunk] + image, field) for image, field in doubted]
                revisions = self._store.reviews.revisions_of(job.id, values)
                said = {value for value, revision in revisions.items() if revision.verdict is not None}
                images = {value.image for value in values}
                to_review += len(images)
                # a page is answered once each of its doubtful fields is
                answered += len(images - {value.image for value in values if value not in said})
        return to_review - job.counts.statuses[RowStatus.REVIEW], answered

    def _index(self, job: Job, reader: Reader[Any]) -> None:
        job_id = job.id
        chunks = self._store.reviews.unindexed(job_id)
        starts = self._store.chunks.starts(job_id) if chunks else []
        for first in range(0, len(chunks), CHUNKS_AN_INDEXING):
            some = chunks[first : first + CHUNKS_AN_INDEXING]
            doubts = list(self._doubts(job, reader, starts, some))
            self._store.reviews.index(job_id, doubts, reader.groups)

    def _doubts(
        self, job: Job, reader: Reader[Any], starts: Sequence[int], chunks: Sequence[int]
    ) -> Iterator[tuple[int, Sequence[Doubt]]]:
        for chunk, (_, rows) in zip(chunks, self._store.chunks.read(job.id, chunks), strict=True):
            if rows is not None:
                yield chunk, Answers.unpacked(rows).doubts(starts[chunk], reader.group, _below(job))


def _check_fields(
    fields: Mapping[int, Mapping[str, TemplateField]], corrections: Iterable[tuple[str, Correction]]
) -> None:
    """Raises BadOptions for a text that its field cannot hold."""
    faults = []
    for name, one in corrections:
        field = fields.get(one.index, {}).get(one.field)
        if field is None or one.verdict is None or one.verdict.prediction is None:
            continue
        if not accepts(field, one.verdict.prediction):
            faults.append(FieldError(name, f"must be what the field {one.field} can hold: {holds(field)}"))
    if faults:
        raise BadOptions(" ".join(f"{fault.field} {fault.message}." for fault in faults), errors=tuple(faults))


def _without_the_only(by: str, revisions: Sequence[Revision]) -> list[Revision]:
    """The same, but for what the only person of two who has entered a value has said of it."""
    first = next((place for place in range(len(revisions), 0, -1) if revisions[place - 1].by != by), 0)
    return [*revisions[:first], *(replace(each, verdict=None, hidden=True) for each in revisions[first:])]


def _below(job: Job) -> float | None:
    return None if job.raised is None else job.raised.below


def _accepted(reader: Reader[Any], verdict: Verdict | None) -> bool:
    return verdict is None or verdict.prediction is None or reader.accepts(verdict.prediction)


def _not_accepted(reader: Reader[Any], names: Sequence[str]) -> BadOptions:
    errors = tuple(FieldError(name, f"must match pattern '^{reader.pattern}$'") for name in names)
    return BadOptions(" ".join(f"{error.field} {error.message}." for error in errors), errors=errors)


def _has(job: Job, index: int) -> bool:
    return 0 <= index < job.counts.total


def _refused(job: Job, correction: Correction, pages: Mapping[int, Row]) -> NotFound | None:
    """Why the correction is of nothing that is there. Whether the row is there yet, the store knows."""
    if not _has(job, correction.index):
        return NotFound(f"This job has rows 0 to {job.counts.total - 1}.")
    page = pages.get(correction.index)
    if correction.field == PLAIN and page is None:
        return None
    if page is not None and correction.field in (page.fields or ()):
        return None
    return _no_such_field(correction.field)


def _no_such_field(field: str) -> NotFound:
    if field == PLAIN:
        return NotFound("This row is a form page: name the field of it.")
    return NotFound(f"This row has no field {field!r}.")


def _corrected(job: Job, correction: Correction, outcome: Outcome) -> Corrected:
    error: DigitmillError | None = None
    if outcome.taken is Taken.NO_ROW:
        error = (
            NotFound("This image has no row: the job ended before it was read.")
            if job.state.final
            else NoRowYet("This image has no row yet; correct it when the job has gone on.")
        )
    elif outcome.taken is Taken.FOR_ANOTHER:
        error = Conflict(
            "Two people enter this field, each with a key of their own, and a third decides where they differ. "
            "Leave it to somebody who has not entered it yet."
        )
    elif outcome.taken is Taken.CHANGED_MEANWHILE:
        number = 0 if outcome.revision is None else outcome.revision.number
        error = RowChanged(
            f"This row has been changed meanwhile, and is now at revision {number}. Look at it again, and name that "
            "revision if you still want your change."
        )
    return Corrected(correction.index, outcome.revision, error, correction.field)
