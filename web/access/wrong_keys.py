"""Wrong keys by address: whoever sends many is told to wait, and fills neither the log nor the job store's time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from web.server.addresses import prefix_of

MOST_A_MINUTE = 30
MINUTE_SECONDS = 60
MOST_ADDRESSES = 10_000
"""Those that began longest ago are forgotten first."""


class WrongKeys:
    """What one process counts. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, tuple[float, int]] = {}

    def note(self, address: str | None) -> int:
        """Count one more; return the seconds that the address must wait, 0 where it need not.

        That is the whole minute: another process may be asked next, whose count began later, at this moment at the
        latest.
        """
        of, now = prefix_of(address or ""), self._clock()
        with self._lock:
            began, count = self._seen.get(of, (now, 0))
            if now - began >= MINUTE_SECONDS:
                began, count = now, 0
                del self._seen[of]
            self._seen[of] = began, count + 1
            if len(self._seen) > MOST_ADDRESSES:
                del self._seen[next(iter(self._seen))]
        return 0 if count < MOST_A_MINUTE else MINUTE_SECONDS
