"""What the plan of an upload is made of: its images, and where their bytes lie."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from digitmill.domain.rows import Failure


class Packing(StrEnum):
    """How an entry's bytes lie in the upload."""

    RAW = "raw"
    """a loose file: the span is the image itself"""
    STORED = "stored"
    """a zip member without compression, behind its local header"""
    DEFLATED = "deflated"
    """a deflated zip member, behind its local header"""


class Entry(NamedTuple):
    """One image of an upload: where its bytes lie in the job's blob, decided when the upload was planned.

    A tuple, as there may be a million of them: a frozen dataclass takes three times as long to make.

    ``span`` bytes from ``offset`` hold the member, its local header included; ``size`` and ``crc`` are what
    the zip's directory promises of the unpacked bytes (``crc`` is None for a loose file). ``page`` counts
    from 0 within a TIFF of ``pages``. ``refused`` names a member that is answered without being read. ``sent`` are
    the bytes of the name as they came, where they are not those of ``name`` in UTF-8.
    """

    name: str
    offset: int
    span: int
    size: int
    packing: Packing = Packing.RAW
    crc: int | None = None
    page: int = 0
    pages: int = 1
    refused: Failure | None = None
    sent: bytes | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Contiguous images of one job: the unit of work. ``first`` is the row index of ``entries[0]``."""

    number: int
    first: int
    entries: tuple[Entry, ...]
