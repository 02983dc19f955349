"""Planning and reading an upload as the web and a worker do."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from digitmill.domain.jobs import Findings
from digitmill.domain.planned import Chunk, Entry
from digitmill.imaging.pdf.pages import count_pages
from digitmill.uploads.entries import CountPages
from digitmill.uploads.limits import Limits
from digitmill.uploads.members import read_member
from digitmill.uploads.plan import Plan
from digitmill.uploads.spool import Spool

MOST_BYTES = 256 << 20
LIMITS = Limits(max_images=200_000, max_member_bytes=1 << 20, max_pages=50, chunk_images=512, chunk_bytes=64 << 20)


@dataclass(frozen=True)
class Planned:
    chunks: list[Chunk]
    total: int
    skipped: int
    findings: Findings
    blob: bytes

    @property
    def entries(self) -> list[Entry]:
        return [entry for chunk in self.chunks for entry in chunk.entries]

    @property
    def names(self) -> list[str]:
        return [entry.name for entry in self.entries]

    def read(self, entry: Entry) -> bytes:
        """The entry's file, from its span alone."""
        span = memoryview(self.blob)[entry.offset : entry.offset + entry.span]
        return read_member(span, entry, LIMITS.max_member_bytes)


def plan_of(
    folder: Path,
    *files: tuple[str, bytes],
    limits: Limits = LIMITS,
    code_page: str | None = None,
    count_pages: CountPages = count_pages,
) -> Planned:
    """Plan an upload of these files (name and content)."""
    with spooled(folder, *files) as spool:
        plan = Plan(spool, limits, count_pages, code_page=code_page)
        chunks = list(plan.chunks())
        return Planned(chunks, plan.total, plan.skipped, plan.findings, spool.read(0, spool.length))


def spooled(folder: Path, *files: tuple[str, bytes]) -> Spool:
    spool = Spool(folder, MOST_BYTES)
    for name, content in files:
        spool.add(name, io.BytesIO(content))
    return spool


def plan_zip(folder: Path, data: bytes, limits: Limits = LIMITS) -> Planned:
    return plan_of(folder, ("scans.zip", data), limits=limits)
