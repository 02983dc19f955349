"""Reading a job's rows: pages, streams, one row, and the pictures behind it.

Rows come in upload order. While a job runs, a page ends before the first chunk that is not done and its cursor
stays there, so a reader who follows cursors sees every row once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from digitmill.domain import Entry, Job, Revision, Row, RowStatus
from digitmill.errors import BadOptions, FieldError, NotFound
from digitmill.imaging.drawing import Picture, View
from digitmill.jobs import Jobs
from digitmill.models.manifest import normaliser_for
from digitmill.models.registry import Registry
from digitmill.settings import Settings
from digitmill.store.base import JobStore, Opening
from digitmill.store.blobs import BlobStore, upload_of
from digitmill.store.rows import Answers, Line
from digitmill.uploads.codec import unpack_names, unpack_plan
from digitmill.uploads.members import read_member

CHUNKS_A_READ = 8
CHUNKS_A_PAGE = 64
"""A page with a filter that few rows pass looks at no more chunks than this; its cursor leads on."""


Some = TypeVar("Some")
ReadChunks = Callable[[Job, Sequence[int], range], Iterator[list[Some] | None]]
"""What of these chunks of the job, given the number of each chunk's first row; None for one that is still to come."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Rows to show. Confidence bounds are inclusive and leave out rows that have none; ``corrected`` rows are those
    on which a person has the last word. Statuses and confidences are the model's own."""

    statuses: frozenset[RowStatus] = frozenset(RowStatus)
    min_confidence: float | None = None
    max_confidence: float | None = None
    corrected: bool | None = None

    def keeps(self, row: Row) -> bool:
        if row.status not in self.statuses or self.corrected not in (None, row.verdict is not None):
            return False
        if self.min_confidence is None and self.max_confidence is None:
            return True
        if row.confidence is None:
            return False
        low = 0.0 if self.min_confidence is None else self.min_confidence
        high = 1.0 if self.max_confidence is None else self.max_confidence
        return low <= row.confidence <= high


EVERY_ROW = RowFilter()


@dataclass(frozen=True, slots=True)
class Page:
    """``next_cursor`` is None only when the job is final and no rows are left."""

    job: Job
    rows: Sequence[Row]
    next_cursor: str | None


class Results:
    """All methods raise NotFound for another owner's job, and Expired."""

    def __init__(self, settings: Settings, store: JobStore, blobs: BlobStore, registry: Registry, jobs: Jobs) -> None:
        self._settings = settings
        self._store = store
        self._blobs = blobs
        self._registry = registry
        self._jobs = jobs

    def page(
        self,
        owner: str,
        job_id: str,
        *,
        rows: RowFilter,
        limit: int,
        cursor: str | None,
        opening: Opening | None = None,
    ) -> Page:
        """Up to ``limit`` rows from ``cursor`` on; possibly fewer although more follow: go by the cursor.

        ``opening`` is that of the job, where the caller has it already.

        Raises:
            BadOptions: the cursor was not made by this method.
        """
        opening = opening or self._store.open(job_id)
        job, starts = opening.job, opening.starts
        if job.owner != owner:
            raise NotFound("There is no such job.")
        start = _start(cursor, job)
        found: list[Row] = []
        chunk = first = bisect_right(starts, start) - 1
        while chunk < len(starts) and chunk - first < CHUNKS_A_PAGE:
            if chunk == 0:
                batch = self._unpacked(job, starts, range(1), [(opening.entries, opening.rows)])
            else:
                batch = self._read(
                    job, starts, range(chunk, min(chunk + CHUNKS_A_READ, first + CHUNKS_A_PAGE, len(starts)))
                )
            for chunk_rows in batch:
                if chunk_rows is None:
                    return Page(job, found, str(max(start, starts[chunk])))
                for row in chunk_rows:
                    if row.index >= start and rows.keeps(row):
                        if len(found) == limit:
                            return Page(job, found, str(row.index))
                        found.append(row)
                chunk += 1
        done = chunk >= len(starts)
        return Page(job, found, None if done and job.state.final else str(job.counts.total if done else starts[chunk]))

    def stream(self, owner: str, job_id: str, *, rows: RowFilter, alternatives: bool = True) -> Iterator[list[Row]]:
        """All rows, chunk by chunk; while the job runs it waits for the next, until the job is final.

        Rows without ``alternatives`` take half the time.

        While it waits, an empty list comes about every second, so that the caller can look whether anybody
        still listens.
        """

        def read(job: Job, starts: Sequence[int], chunks: range) -> Iterator[list[Row] | None]:
            for found in self._read(job, starts, chunks, alternatives=alternatives):
                yield found if found is None or rows == EVERY_ROW else [row for row in found if rows.keeps(row)]

        return self._followed(owner, job_id, read)

    def table(self, owner: str, job_id: str) -> Iterator[list[Line]]:
        """As ``stream`` of every row, for CSV in half the time: what the model said, without what people changed."""

        def read(job: Job, starts: Sequence[int], chunks: range) -> Iterator[list[Line] | None]:
            for chunk, (entries, rows) in zip(chunks, self._store.read(job.id, chunks), strict=True):
                if rows is not None:
                    yield Answers.unpacked(rows).lines(starts[chunk], unpack_names(entries))
                else:
                    yield [] if job.state.final else None

        return self._followed(owner, job_id, read)

    def row(self, owner: str, job_id: str, index: int) -> Row:
        """Raises NotFound when there is no such row, or not yet."""
        job = self._jobs.get(owner, job_id)
        _in_range(job, index)
        rows = self.rows_at(job, [index])
        if not rows:
            raise NotFound("This image has no row yet; ask again when the job has gone on.")
        return rows[0]

    def rows_at(self, job: Job, indices: Sequence[int]) -> list[Row]:
        """The rows with these indices, in this order, without those that are not there yet."""
        starts = self._store.starts(job.id)
        places: dict[int, list[int]] = {}
        for index in indices:
            chunk = bisect_right(starts, index) - 1
            places.setdefault(chunk, []).append(index - starts[chunk])
        found: dict[int, Row] = {}
        for chunk, (entries, rows) in zip(places, self._store.read(job.id, list(places)), strict=True):
            if rows is not None:
                some = Answers.unpacked(rows).rows(starts[chunk], unpack_names(entries), places[chunk])
                found |= {row.index: row for row in some}
        revisions = self._last_revisions(job, list(found))
        return [_revised(found[index], revisions) for index in indices if index in found]

    def image(self, owner: str, job_id: str, index: int) -> tuple[str, bytes]:
        """Name and bytes of one image as uploaded (of a TIFF page: the whole file).

        Raises:
            ItemFailure: its bytes cannot be taken out of the upload.
        """
        entry, data = self._entry(owner, job_id, index)
        return entry.name, read_member(data, entry, self._settings.max_member_bytes)

    def name_as_sent(self, owner: str, job_id: str, index: int) -> bytes:
        """The bytes of the name under which the image came, at most 4,096 where they are not its row's name in UTF-8;
        of a page the name of its file."""
        entry = self._planned(self._jobs.get(owner, job_id), index)
        if entry.sent is not None:
            return entry.sent
        return (entry.name.removesuffix(f"#{entry.page + 1}") if entry.pages > 1 else entry.name).encode()

    def picture(self, owner: str, job_id: str, index: int, view: View) -> Picture:
        """What is needed to draw one image.

        Raises:
            ItemFailure: the image cannot be read.
            ModelNotFound, ModelRejected: the view is of a model that is gone, or of a normaliser that is.
        """
        job = self._jobs.get(owner, job_id)
        entry, data = self._entry(owner, job_id, index)
        member = read_member(data, entry, self._settings.max_member_bytes)
        picture = Picture(member, entry.page, entry.pages, job.options.polarity)
        if view is not View.NORMALISED:
            return picture
        manifest = self._registry.resolve(job.model.label)
        normaliser_for(manifest)
        return replace(picture, normaliser=manifest.normaliser)

    def _entry(self, owner: str, job_id: str, index: int) -> tuple[Entry, memoryview]:
        job = self._jobs.get(owner, job_id)
        entry = self._planned(job, index)
        # what was refused by the plan has no bytes that anybody would read
        end = entry.offset + (entry.span if entry.refused is None else 0)
        read = upload_of(job, self._store, self._blobs)
        return entry, memoryview(read(entry.offset, end) if end > entry.offset else b"")

    def _planned(self, job: Job, index: int) -> Entry:
        starts, chunk = self._chunk_of(job, index)
        ((entries, _),) = self._store.read(job.id, [chunk])
        return unpack_plan(entries)[index - starts[chunk]]

    def _followed(self, owner: str, job_id: str, read: ReadChunks[Some]) -> Iterator[list[Some]]:
        """What ``read`` has of chunk after chunk; an empty list about every second while there is nothing to read."""
        job = self._jobs.get(owner, job_id)
        starts = self._store.starts(job_id)
        chunk = 0
        for state in self._states(owner, job):
            waiting = False
            while chunk < len(starts) and not waiting:
                for found in read(state, starts, range(chunk, min(chunk + CHUNKS_A_READ, len(starts)))):
                    waiting = found is None
                    if found is None:
                        break
                    yield found
                    chunk += 1
            if waiting:
                yield []

    def _chunk_of(self, job: Job, index: int) -> tuple[Sequence[int], int]:
        _in_range(job, index)
        starts = self._store.starts(job.id)
        return starts, bisect_right(starts, index) - 1

    def _read(
        self, job: Job, starts: Sequence[int], chunks: range, *, alternatives: bool = True
    ) -> Iterator[list[Row] | None]:
        """Rows of each chunk; None for one that is still to come, none at all for one that never will."""
        return self._unpacked(job, starts, chunks, self._store.read(job.id, chunks), alternatives=alternatives)

    def _unpacked(
        self,
        job: Job,
        starts: Sequence[int],
        chunks: range,
        packed: Sequence[tuple[bytes, bytes | None]],
        *,
        alternatives: bool = True,
    ) -> Iterator[list[Row] | None]:
        revisions: Mapping[int, Revision] = {}
        if job.revised and chunks:
            end = starts[chunks.stop] if chunks.stop < len(starts) else job.counts.total
            revisions = self._store.reviews.revisions_between(job.id, starts[chunks.start], end)
        for chunk, (entries, rows) in zip(chunks, packed, strict=True):
            if rows is not None:
                found = Answers.unpacked(rows).rows(starts[chunk], unpack_names(entries), alternatives=alternatives)
                yield [_revised(row, revisions) for row in found] if revisions else found
            else:
                yield [] if job.state.final else None

    def _last_revisions(self, job: Job, indices: Sequence[int]) -> dict[int, Revision]:
        if not job.revised:
            return {}
        found = zip(indices, self._store.reviews.revisions(job.id, indices), strict=True)
        return {index: revision for index, revision in found if revision is not None}

    def _states(self, owner: str, job: Job) -> Iterator[Job]:
        if job.state.final:
            yield job
        else:
            yield from self._jobs.watch(owner, job.id, seconds=float("inf"), quiet=1.0)


def _in_range(job: Job, index: int) -> None:
    if not 0 <= index < job.counts.total:
        raise NotFound(f"This job has rows 0 to {job.counts.total - 1}.")


def _revised(row: Row, revisions: Mapping[int, Revision]) -> Row:
    return row._replace(revision=revisions[row.index]) if row.index in revisions else row


def _start(cursor: str | None, job: Job) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 12 or int(cursor) > job.counts.total:
        message = "must be the next_cursor of a page of this job"
        raise BadOptions(f"cursor {message}.", errors=(FieldError("cursor", message),))
    return int(cursor)
