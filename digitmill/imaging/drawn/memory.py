"""A wall round the memory of a process that decodes, which holds whatever a decoder allocates."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STATUS = Path("/proc/self/status")


@contextmanager
def bounded_afterwards(more_bytes: int) -> Iterator[None]:
    """Inside, memory is free to grow, for a model is loaded; from then on by ``more_bytes`` and no further.

    Past the wall an allocation fails: Python raises MemoryError, and a C library that minds no failure ends the
    process. RLIMIT_DATA counts private writable memory, which is what pictures take; address space (RLIMIT_AS) would
    count what frameworks only reserve. Linux alone counts so (since 4.7): elsewhere there is no wall.
    """
    if sys.platform != "linux":
        yield
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        yield
    finally:
        wall = private_bytes() + more_bytes
        resource.setrlimit(resource.RLIMIT_DATA, (wall if most == resource.RLIM_INFINITY else min(wall, most), most))


@contextmanager
def bounded(more_bytes: int) -> Iterator[None]:
    """The other way round: inside, the memory of this process grows by ``more_bytes`` and no further."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with bounded_afterwards(more_bytes):
        pass
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def private_bytes() -> int:
    """Private writable memory of this process, as RLIMIT_DATA counts it."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:"))
