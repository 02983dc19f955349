"""A process that stops the children of `digitmill up` when `up` itself was killed and cannot.

Its arguments are the children that run already (``rank:pid``). It reads the start (``+ rank pid``) and the end
(``- rank pid``) of every other from a pipe. The pipe ends with ``up``; what is still running then is stopped, highest
rank first. Run as a script: it needs no import of ours.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

STOP_SECONDS = 15.0
"""How long a child may take to stop on SIGTERM before its process group is killed."""


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    running = {(int(rank), int(pid)) for rank, _, pid in (each.partition(":") for each in sys.argv[1:])}
    for line in sys.stdin:
        sign, rank, pid = line.split()
        change = running.add if sign == "+" else running.discard
        change((int(rank), int(pid)))
    for _, pid in sorted(running, reverse=True):
        stop(pid)


def stop(pid: int) -> None:
    """Stop a process that leads its group, and then what is left of the group."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def alive(pid: int) -> bool:
    """Whether the process runs. A dead one that nobody has waited for (some containers have no init) does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return not Path("/proc/self/stat").exists()


if __name__ == "__main__":
    main()
