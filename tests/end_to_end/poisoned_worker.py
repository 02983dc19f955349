"""A worker whose decoder dies of one picture, hangs on another and takes all memory for a third, as faults in a C
library would make it."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import numpy as np

import digitmill.pipeline
from digitmill.imaging.decode import decode
from worker.__main__ import main

DEADLY = b"deadly"
ENDLESS = b"endless"
GREEDY = b"greedy"


def fragile(data: bytes, **arguments: Any) -> Any:
    if data == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    if data == ENDLESS:
        time.sleep(3600)
    if data == GREEDY:
        np.ones(8 << 30, np.uint8)
    return decode(data, **arguments)


if __name__ == "__main__":
    setattr(digitmill.pipeline, "decode", fragile)  # noqa: B010 (mypy holds the name for private)
    sys.exit(main())
