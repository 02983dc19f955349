"""Programs whose clock can be moved, by libfaketime, where it is installed."""

from __future__ import annotations

import os
from pathlib import Path

PLACES = [Path(os.environ.get("LIBFAKETIME", "")), *Path("/usr/lib").glob("*/faketime/libfaketime.so.1")]
LIBRARY = next((path for path in PLACES if path.is_file()), None)
MISSING = "libfaketime is not installed, and LIBFAKETIME does not name it"


def movable(told: Path) -> dict[str, str]:
    """What the environment of a program needs so that ``set_clock`` moves its clock. It must be set before the program
    starts."""
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(told),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def set_clock(told: Path, seconds: float) -> None:
    """Let the clock of the programs that go by ``told`` be ahead by so much of the machine's."""
    beside = told.with_name(f"{told.name}.new")
    beside.write_text(f"{seconds:+f}")
    beside.replace(told)


def clock_of(told: Path) -> float:
    """How far it is ahead."""
    return float(told.read_text())
