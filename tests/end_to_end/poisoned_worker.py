"""A worker whose decoder dies of one picture and hangs on another, as a fault in a C library would make it."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

import digitmill.pipeline
from digitmill.imaging.decode import decode
from worker.__main__ import main

DEADLY = b"deadly"
ENDLESS = b"endless"


def fragile(data: bytes, **arguments: Any) -> Any:
    if data == DEADLY:
        os.kill(os.getpid(), signal.SIGKILL)
    if data == ENDLESS:
        time.sleep(3600)
    return decode(data, **arguments)


if __name__ == "__main__":
    setattr(digitmill.pipeline, "decode", fragile)  # noqa: B010 (mypy holds the name for private)
    sys.exit(main())
