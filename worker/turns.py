"""One process of a machine at a time: for work that many would only make slower by doing it at once."""

from __future__ import annotations

import fcntl
import time
from pathlib import Path
from typing import IO

import structlog

from digitmill.work.loading import Turn

PAUSE_SECONDS = 0.05

_log = structlog.get_logger(__name__)


class MachineTurn(Turn):
    """A turn among all processes of this machine that ask for the same file; one that dies makes room at once.

    Where no such file can be made it is always free, and says so in the log.
    """

    def __init__(self, lock: Path) -> None:
        self._lock = lock
        self._held: IO[bytes] | None = None

    def take(self, patience: float) -> bool:
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            file = self._lock.open("ab")
        except OSError as error:
            _log.warning("no_turn", lock=str(self._lock), reason=str(error))
            return True
        if not _locked(file, patience):
            file.close()
            return False
        self._held = file
        return True

    def give(self) -> None:
        if self._held is not None:
            # the end of the file's life, or of the process's, gives the lock back
            self._held.close()
            self._held = None


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
