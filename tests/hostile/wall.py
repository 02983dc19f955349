"""Decode every bomb in this process, behind a wall: ``python -m tests.hostile.wall``. Prints what became of each.

One line of JSON for each: its name, its failure (null for a picture) and the seconds; at last, the peak of memory in
bytes over what the process had before. ``--heavy`` brings a decoder that takes 2 GB for each picture, as a fault in
a library might.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

import digitmill.imaging.files.decode
from digitmill.domain.jobs import Polarity
from digitmill.errors import ItemFailure
from digitmill.imaging.drawn.memory import STATUS, bounded_afterwards
from digitmill.imaging.files.decode import decode
from digitmill.imaging.files.grey import grey_of
from digitmill.imaging.normaliser.normalise import normalise
from digitmill.settings import Settings
from tests.hostile.bombs import BOMBS

WALL = 256 << 20


def heavy(image: Any) -> Any:
    np.ones(2 << 30, np.uint8)
    return grey_of(image)


def failure_of(data: bytes) -> str | None:
    try:
        normalise(decode(data, max_pixels=Settings.model_fields["max_image_pixels"].default), Polarity.AUTO)
    except ItemFailure as failure:
        return failure.failure.value
    return None


def peak() -> int:
    """Resident bytes at most so far. The kernel's ru_maxrss would count those of the process that started this one."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def main() -> None:
    if "--heavy" in sys.argv:
        setattr(digitmill.imaging.files.decode, "grey_of", heavy)  # noqa: B010 (mypy holds the name for private)
    before = peak()
    with bounded_afterwards(WALL):
        pass
    for name, (make, _) in BOMBS.items():
        data = make()
        began = time.process_time()
        answer = {"name": name, "failure": failure_of(data), "seconds": round(time.process_time() - began, 3)}
        sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.write(json.dumps({"peak": peak() - before, "wall": WALL}) + "\n")


if __name__ == "__main__":
    main()
