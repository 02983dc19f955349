"""One process of a machine at a time: for work that many would only make slower by doing it at once."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog

PAUSE_SECONDS = 0.05

_log = structlog.get_logger(__name__)


@contextmanager
def in_turn(lock: Path, patience: float) -> Iterator[None]:
    """Inside, no other process that asks for the same ``lock`` is inside; one that dies makes room at once.

    After ``patience`` seconds, or where no such file can be made, it goes on without its turn, and says so in the log.
    """
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("ab")
    except OSError as error:
        _log.warning("no_turn", lock=str(lock), reason=str(error))
        yield
        return
    with file:
        if not _locked(file, patience):
            _log.warning("no_turn", lock=str(lock), reason=f"others took {patience:g} s")
        # the end of the file's life, or of the process's, gives the lock back
        yield


def _locked(file: IO[bytes], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE_SECONDS)
        else:
            return True
