"""What a run of `up` left behind when it was killed together with its guard: found at the next start, and stopped.

Each child, and what it forks, holds a lock on a file of its own, VAR/running/<rank>, in which its process number
stands. Where the lock is held, that number is still the child's, or its group's, and no stranger's.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digitmill.embedded.guard import stop


@contextmanager
def held(file: Path) -> Iterator[int]:
    """A descriptor for a child to inherit, which holds the lock on ``file``. This process gives it up at the end."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.unlink(missing_ok=True)
    lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def stop_leftovers(folder: Path) -> int:
    """Stop the children of an earlier run, highest rank first, and return how many there were.

    To be called by who holds the claim on VAR: then the earlier run itself is over.
    """
    files = sorted(folder.glob("[0-9]*"), key=lambda file: int(file.name), reverse=True)
    return sum(map(_stop, files))


def _stop(file: Path) -> bool:
    lock = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.read(lock, 20).strip()
        if pid.isdigit():
            stop(int(pid))
        return pid.isdigit()
    finally:
        os.close(lock)
    return False
