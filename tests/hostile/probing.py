"""Asks /healthz ten times a second until it is ended: ``python -m tests.hostile.probing PORT``.

Prints the seconds of each answer, or "inf" where none came. A process of its own, so that it waits for nobody else.
"""

from __future__ import annotations

import http.client
import math
import sys
import time
from http import HTTPStatus

PAUSE_SECONDS = 0.1
MOST_SECONDS = 10.0


def alive(port: int) -> bool:
    """On a connection of its own, as probes ask."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=MOST_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main(port: int) -> None:
    while True:
        began = time.monotonic()
        answered = alive(port)
        seconds = time.monotonic() - began if answered else math.inf
        sys.stdout.write(f"{seconds}\n")
        sys.stdout.flush()
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main(int(sys.argv[1]))
