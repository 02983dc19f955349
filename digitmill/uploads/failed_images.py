"""The failed images of a job as the upload of another: their bytes alone, as they lie in the old upload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from digitmill.domain.jobs import Findings
from digitmill.domain.planned import Chunk, Entry
from digitmill.uploads.limits import Limits
from digitmill.uploads.plan import Cutter
from digitmill.uploads.ranges import Range, ranges
from digitmill.uploads.spool import Spool

BLOCK_BYTES = 4 << 20

Read = Callable[[int, int], bytes]
"""Bytes of the old upload from start to end (exclusive)."""


class FailedImages:
    """The plan of the entries in ``failed``, each list of them of one chunk of the old job, in upload order.

    Making it copies what they need into ``spool``: a member with its header, a loose file, a TIFF once for all its
    pages. What was refused when the old upload was planned is refused again, and needs no bytes. ``expected`` is how
    many there are; ``total`` counts the images that ``chunks`` came by so far.
    """

    def __init__(
        self, failed: Iterator[Sequence[Entry]], read: Read, spool: Spool, limits: Limits, *, expected: int
    ) -> None:
        self._failed = failed
        self._expected = expected
        self._read = read
        self._spool = spool
        self._limits = limits
        self._last_copied = (-1, -1)
        self.total = 0
        self.skipped = 0
        self.findings = Findings()

    def chunks(self) -> Iterator[Chunk]:
        """The chunks, in order; to be called once. Memory: one chunk's entries and BLOCK_BYTES.

        Raises what ``read`` and the spool raise.
        """
        cutter = Cutter(self._limits, expected=self._expected)
        self._spool.begin("failed images")
        for entries in self._failed:
            copied = self._copied(entries)
            self.total += len(copied)
            yield from cutter.add_all(copied)
        self._spool.end()
        yield cutter.close()

    def _copied(self, entries: Sequence[Entry]) -> list[Entry]:
        """The entries, at the places in the spool to which their bytes have been copied."""
        old, new = self._last_copied
        # the pages of one file may lie in two chunks
        fresh = [entry for entry in entries if entry.refused is None and entry.offset != old]
        places = {old: new}
        for span in ranges(fresh):
            shift = self._spool.length - span.start
            self._copy(span)
            for position in span.positions:
                offset = fresh[position].offset
                places[offset] = offset + shift
        if fresh:
            self._last_copied = fresh[-1].offset, places[fresh[-1].offset]
        return [
            entry._replace(offset=places[entry.offset])
            if entry.refused is None
            else entry._replace(offset=self._spool.length, span=0)
            for entry in entries
        ]

    def _copy(self, span: Range) -> None:
        for start in range(span.start, span.end, BLOCK_BYTES):
            self._spool.write(self._read(start, min(start + BLOCK_BYTES, span.end)))
