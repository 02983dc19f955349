"""Images that a person has answered, as a zip to train with: the files as uploaded, or the boxes of form pages, and a
``labels.csv``.

The zip is written as it is sent: in memory lie READ_BYTES of the upload or one image, whichever is more, however many
there are.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO, cast

from digitmill.domain.jobs import Job
from digitmill.domain.planned import Entry
from digitmill.domain.verdicts import Verdict, VerdictStatus
from digitmill.errors import ItemFailure
from digitmill.jobs.jobs import Jobs
from digitmill.readers import reader_of
from digitmill.review.labelled.boxes import Boxes
from digitmill.review.labelled.paths import path_of
from digitmill.settings import Settings
from digitmill.store.base import JobStore
from digitmill.store.blobs import BlobStore, upload_of
from digitmill.uploads.codec import unpack_plan
from digitmill.uploads.members import read_member
from digitmill.uploads.ranges import ranges
from digitmill.uploads.zip_stream import ZipStream

LABELS_FILE = "labels.csv"
WORDS = {VerdictStatus.BLANK: "blank", VerdictStatus.NOT_A_DIGIT: "none"}
"""Labels of what is no digit."""
READ_BYTES = 4 << 20
CHUNKS_A_READ = 8
LABELS_IN_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class _Answered:
    """A row of which a person has said something, and where its image lies. ``first`` is False for a page of the file
    that the answered row before it is of, too."""

    index: int
    entry: Entry
    verdict: Verdict
    first: bool

    @property
    def path(self) -> str:
        """The name of its file in the zip, which no other has: of letters, digits, ``.``, ``_`` and ``-``."""
        name = self.entry.name.rpartition("#")[0] if self.entry.pages > 1 else self.entry.name
        return path_of(self.index, name)

    @property
    def label(self) -> str:
        return self.verdict.prediction or WORDS[self.verdict.status]


class Labelled:
    def __init__(self, settings: Settings, store: JobStore, blobs: BlobStore, jobs: Jobs, boxes: Boxes) -> None:
        self._settings = settings
        self._boxes = boxes
        self._store = store
        self._blobs = blobs
        self._jobs = jobs

    def pack(self, owner: str, job_id: str, *, accepted: bool = False) -> Iterator[bytes]:
        """The zip in pieces: each image once, in the order of the rows, then ``labels.csv`` (name, label, uploaded).

        Of form pages it has the boxes, strips and marks that a person has answered (``boxes.py``), and with
        ``accepted`` also those of the fields that the model was sure of. With other images it changes nothing.

        A label is "0" to "9", "blank", or "none" for what is no digit. A page of a TIFF is labelled as
        ``file#page`` beside the whole file; ``uploaded`` is the name under which the image came. One that cannot be
        taken out of the upload has a label and no file.

        Raises:
            NotFound: another owner's job, or its upload is no longer stored.
            Expired: the job is over and its rows are gone.
        """
        job = self._jobs.get_read(owner, job_id)
        with closing(ZipStream()) as archive, tempfile.SpooledTemporaryFile(LABELS_IN_MEMORY) as labels:
            labels.write(b"name,label,uploaded\r\n")
            if reader_of(job.options.read).by_template:
                for box in self._boxes.of(owner, job, accepted=accepted):
                    labels.write(f"{box.name},{quoted(box.label)},{quoted(box.page)}\r\n".encode())
                    yield from archive.add(box.name, box.picture)
            path = ""
            for answered, content in self._images(job):
                entry = answered.entry
                path = answered.path if answered.first else path
                name = f"{path}#{entry.page + 1}" if entry.pages > 1 else path
                labels.write(f"{name},{answered.label},{quoted(entry.name)}\r\n".encode())
                if content is not None:
                    yield from archive.add(path, content)
            yield from archive.add(LABELS_FILE, cast(IO[bytes], labels))
            yield from archive.end()

    def _images(self, job: Job) -> Iterator[tuple[_Answered, bytes | None]]:
        """Every answered row with the bytes of its file; None where they came before, or cannot be had."""
        read = upload_of(job, self._store, self._blobs)
        for some in _parts(self._answered(job), READ_BYTES):
            files = [answered for answered in some if answered.first]
            found: dict[int, bytes | None] = {}
            for span in ranges([answered.entry for answered in files]):
                data = memoryview(read(span.start, span.end))
                for position in span.positions:
                    entry = files[position].entry
                    start = entry.offset - span.start
                    found[files[position].index] = self._member(data[start : start + entry.span], entry)
            for answered in some:
                yield answered, found.pop(answered.index, None)

    def _member(self, data: memoryview, entry: Entry) -> bytes | None:
        try:
            return read_member(data, entry, self._settings.max_member_bytes)
        except ItemFailure:
            # the row says why
            return None

    def _answered(self, job: Job) -> Iterator[_Answered]:
        if reader_of(job.options.read).by_template:
            return
        starts = self._store.chunks.starts(job.id)
        before = -1
        for first in range(0, len(starts) if job.revised else 0, CHUNKS_A_READ):
            chunks = range(first, min(first + CHUNKS_A_READ, len(starts)))
            end = starts[chunks.stop] if chunks.stop < len(starts) else job.counts.total
            revisions = self._store.reviews.revisions_between(job.id, starts[first], end)
            verdicts = {index: last.verdict for index, last in revisions.items() if last.verdict is not None}
            for chunk in chunks if verdicts else ():
                ((entries, _),) = self._store.chunks.read(job.id, [chunk])
                for index, entry in enumerate(unpack_plan(entries), starts[chunk]):
                    if index in verdicts:
                        first_page = entry.pages == 1 or entry.offset != before
                        before = entry.offset
                        yield _Answered(index, entry, verdicts[index], first_page)


def quoted(text: str) -> str:
    """As a field of CSV."""
    return '"' + text.replace('"', '""') + '"' if re.search('[",\r\n]', text) else text


def _parts(rows: Iterator[_Answered], most_bytes: int) -> Iterator[list[_Answered]]:
    """The rows in runs whose files take together no more than so many bytes, packed or not, or of one row alone."""
    part: list[_Answered] = []
    size = 0
    for row in rows:
        more = max(row.entry.span, row.entry.size) if row.first else 0
        if part and size + more > most_bytes:
            yield part
            part, size = [], 0
        part.append(row)
        size += more
    if part:
        yield part
