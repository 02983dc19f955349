"""Entries as a few bytes for the job store: columns of JSON, deflated. Columns of like numbers pack well."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from digitmill.domain.planned import Entry, Packing
from digitmill.domain.rows import Failure
from digitmill.errors import FailureCode

FAST = 1
LETTERS = {Packing.RAW: "r", Packing.STORED: "s", Packing.DEFLATED: "d"}
PACKINGS = {letter: packing for packing, letter in LETTERS.items()}


def pack_plan(entries: Sequence[Entry]) -> bytes:
    """About 15 bytes for an ordinary zip member."""
    gaps, end = [], 0
    for entry in entries:
        gaps.append(entry.offset - end)
        end = entry.offset + entry.span
    columns = {
        "names": [entry.name for entry in entries],
        "gaps": gaps,
        "sizes": [entry.size for entry in entries],
        # what a span has beyond the size is much the same for all: a header, less what packing saved
        "beyond": [entry.span - entry.size for entry in entries],
        "packings": "".join([LETTERS[entry.packing] for entry in entries]),
        "crcs": [entry.crc for entry in entries],
        "pages": {
            position: (entry.page, entry.pages)
            for position, entry in enumerate(entries)
            if entry.page or entry.pages != 1
        },
        "refused": {
            position: (entry.refused.code, entry.refused.detail)
            for position, entry in enumerate(entries)
            if entry.refused is not None
        },
        # latin-1 has a character for each byte
        "sent": {
            position: entry.sent.decode("latin-1") for position, entry in enumerate(entries) if entry.sent is not None
        },
    }
    return zlib.compress(json.dumps(columns, separators=(",", ":")).encode(), FAST)


def unpack_plan(packed: bytes) -> tuple[Entry, ...]:
    """The very entries that were packed. Only for what ``pack_plan`` made: nothing is checked."""
    columns: dict[str, Any] = json.loads(zlib.decompress(packed))
    pages, refused = columns["pages"], columns["refused"]
    # a plan of an earlier release has none
    sent = columns.get("sent", {})
    entries, end = [], 0
    ordinary = zip(
        columns["names"], columns["gaps"], columns["sizes"], columns["beyond"], columns["packings"],
        columns["crcs"], strict=True,
    )  # fmt: skip
    for position, (name, gap, size, beyond, letter, crc) in enumerate(ordinary):
        offset = end + gap
        span = size + beyond
        end = offset + span
        key = str(position)
        page, page_count = pages.get(key, (0, 1))
        failure = Failure(FailureCode(refused[key][0]), refused[key][1]) if key in refused else None
        packing = PACKINGS[letter]
        entries.append(Entry(name, offset, span, size, packing, crc, page, page_count, failure, _bytes(sent.get(key))))
    return tuple(entries)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode("latin-1")


def unpack_names(packed: bytes) -> list[str]:
    """Only the names of the entries."""
    names: list[str] = json.loads(zlib.decompress(packed))["names"]
    return names
