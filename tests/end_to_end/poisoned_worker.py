"""A worker whose decoder dies of one picture, hangs on another, takes all memory for a third and several leases for a
fourth, as faults in a C library would make it, and large pictures on a slow machine."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import numpy as np

import digitmill.work.kinds.read
from digitmill.imaging.files.decode import decode
from worker.__main__ import main

DEADLY = b"deadly"
ENDLESS = b"endless"
GREEDY = b"greedy"
SLOW = b"slow"
SLOW_SECONDS = 5.0
SAID = "a slow image is read"


def fragile(data: bytes, **arguments: Any) -> Any:
    if data == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    if data == ENDLESS:
        time.sleep(3600)
    if data == GREEDY:
        np.ones(8 << 30, np.uint8)
    if data.endswith(SLOW):
        sys.stderr.write(f"{SAID}\n")
        sys.stderr.flush()
        time.sleep(SLOW_SECONDS)
    return decode(data, **arguments)


if __name__ == "__main__":
    setattr(digitmill.work.kinds.read, "decode", fragile)  # noqa: B010 (mypy holds the name for private)
    sys.exit(main())
