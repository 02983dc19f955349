"""How a trainer gives way to all else on its machine."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def give_way(niceness: int) -> None:
    """Let this process, and those that it starts from now on, have the cores that others leave, as ``nice`` counts it.

    Linux may share cores among sessions first, where a niceness counts within one session alone. So the session is made
    as nice, where it is the worker's own: where others work in it, it is left as it is.
    """
    os.nice(niceness)
    if os.getsid(0) in (os.getpid(), os.getppid()):
        # a kernel that knows no such groups has no such file, or refuses
        with suppress(OSError):
            AUTOGROUP.write_text(str(niceness))
