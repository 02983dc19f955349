"""The folder in which the processes of one web server count together, for as long as the server lives.

The parent process holds a lock in it, which ends with the last of its processes, however that ends. A folder whose lock
is free was left by a server that was killed, and is removed by the next that starts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from web.server.in_memory import folder_in_memory

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where prometheus-client finds the folder, by the variable that it reads when it is imported."""
PREFIX, NEW_LOCK, LOCK = "digitmill-metrics-", "new-lock", "lock"


def share_metrics() -> None:
    """Make the folder, name it in the environment, and remove those that killed servers left.

    Files there are mapped into memory: a process that writes to one while its disk is full is ended by the kernel, so
    they lie in memory where there is room for them.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=folder_in_memory()))
    # stays open, here and in the processes that are forked, until they end
    held = os.open(folder / NEW_LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    # under this name nobody sees it free: of two servers that start at once, one might remove the other's folder
    (folder / NEW_LOCK).rename(folder / LOCK)
    os.environ[VARIABLE] = str(folder)
    for other in folder.parent.glob(f"{PREFIX}*"):
        if other != folder:
            _remove_if_left(other)


def _remove_if_left(folder: Path) -> None:
    try:
        lock = os.open(folder / LOCK, os.O_RDWR)
    except OSError:
        # of another user, or just being made
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        # its server lives, or this file system has no such locks
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)


def remove_shared_metrics() -> None:
    """At the end of the parent process."""
    if VARIABLE in os.environ:
        shutil.rmtree(os.environ[VARIABLE], ignore_errors=True)
