"""Images of the same name in several archives of one upload, told apart by the names of their archives."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.planned import Entry
from digitmill.uploads.names import label

LONGEST_SENT = 4096


class Namesakes:
    """The archives of one upload in their order. An image whose name one of an earlier archive has gets the name of its
    own archive before it; all others keep theirs. Memory: 8 bytes for each image in an archive."""

    def __init__(self) -> None:
        self._earlier: list[NDArray[np.int64]] = []
        """Hashes of names, sorted. Each array is far longer than the next: so there are few, and merging is rare."""
        self._present = array("q")
        self._archives: Counter[str] = Counter()
        self._prefix = ""

    def begin(self, archive: str) -> None:
        """What follows is in an archive of this name; the second of one name is ``name-2``."""
        if self._present:
            names = np.unique(np.frombuffer(self._present, np.int64))
            while self._earlier and len(self._earlier[-1]) <= 2 * len(names):
                names = np.union1d(self._earlier.pop(), names)
            self._earlier.append(names)
            self._present = array("q")
        self._archives[archive] += 1
        number = self._archives[archive]
        self._prefix = archive if number == 1 else f"{archive}-{number}"

    def told_apart(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        """The entries, some under other names, in a list of the same type."""
        hashes = np.fromiter((hash(entry.name) for entry in entries), np.int64, len(entries))
        self._present.frombytes(hashes.tobytes())
        taken = np.zeros(len(hashes), np.bool)
        for names in self._earlier:
            places = np.minimum(np.searchsorted(names, hashes), len(names) - 1)
            taken |= names[places] == hashes
        if not taken.any():
            return entries
        pairs = zip(entries, taken.tolist(), strict=True)
        return type(entries)(self._within(entry) if found else entry for entry, found in pairs)  # type: ignore[call-arg]

    def _within(self, entry: Entry) -> Entry:
        sent = entry.sent and (self._prefix.encode("utf-8", "replace") + b"/" + entry.sent)[:LONGEST_SENT]
        return entry._replace(name=label(f"{self._prefix}/{entry.name}"), sent=sent)
