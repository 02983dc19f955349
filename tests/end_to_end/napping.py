"""A kind of work that sleeps until a file is there.

``python -m tests.end_to_end.napping`` is a worker that knows it.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from digitmill.domain.jobs import Counts
from digitmill.domain.roles import Role
from digitmill.domain.rows import WORKED
from digitmill.store.base import Claim, Done, PackedChunk
from digitmill.work.kinds import KINDS
from digitmill.work.kinds.base import Held, Kind, Outcome
from worker.__main__ import main


class Nap(Kind):
    """Its job has one chunk of two units: to fall asleep, and to be woken by ``file``."""

    name = "nap"
    units = 2

    @staticmethod
    def plan(file: Path) -> list[PackedChunk]:
        return [PackedChunk(first=0, entries=str(file).encode())]

    def run(self, claims: Sequence[Claim], held: Held) -> Iterator[Outcome]:
        for claim in claims:
            while not Path(claim.entries.decode()).exists():
                held.progress(claim, 1)
                time.sleep(0.05)
            yield Done(claim, b"slept well", Counts(self.units, Counter({WORKED: self.units})))


class TrainersNap(Nap):
    """The same for trainers."""

    name = "trainers nap"
    role = Role.TRAINER


if __name__ == "__main__":
    KINDS.update({kind.name: kind for kind in (Nap, TrainersNap)})
    sys.exit(main())
