"""Redis' clock, by which leases end, and what becomes of them when somebody moves it.

    dm:clock    string  how often the clock was moved under the eyes of a worker

Each process that sweeps compares it with a clock of its own that nobody can set. What Redis gave out before the move is
moved along, so that no lease ends hours early or late. What no process has seen, since all of them were stopped, the
audit finds as leases that are too long.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import redis

from digitmill.store.connection import Script, storage_errors
from digitmill.store.keys import WEBHOOKS_DUE

CLOCK = "dm:clock"
NOTICED_SECONDS = 2.0
"""Corrections by NTP are smaller; leases last longer."""
MOVED = [CLOCK, "dm:leases", "dm:active", "dm:workers", WEBHOOKS_DUE, "dm:bell", "dm:lock:sweep", "dm:lock:clearing"]


@dataclass(frozen=True, slots=True)
class Seen:
    """Redis' clock less this process's, in seconds, between two bounds, after so many moves."""

    moves: int
    least: float
    most: float

    @property
    def middle(self) -> float:
        return (self.least + self.most) / 2


class RedisClock:
    """``client`` must return bytes."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._shift = Script(client, "shift_clock")
        self._seen: Seen | None = None

    def heed(self) -> float:
        """Seconds by which the clock was moved since the last call, 0.0 where it was not; its leases moved with it.

        Raises StorageUnavailable.
        """
        with storage_errors():
            seen, before = self._look(), self._seen
            self._seen = seen
            if before is None or seen.moves != before.moves:
                return 0.0
            if max(seen.least - before.most, before.least - seen.most) < NOTICED_SECONDS:
                return 0.0
            moved = seen.middle - before.middle
            try:
                moves = int(self._shift.run(MOVED, [before.moves, moved]))
            except redis.RedisError:
                self._seen = before
                raise
            self._seen = Seen(moves, seen.least, seen.most)
            return moved

    def _look(self) -> Seen:
        asked = time.monotonic()
        pipe = self._redis.pipeline(transaction=False)
        pipe.time()
        pipe.get(CLOCK)
        (seconds, microseconds), moves = pipe.execute()
        now = seconds + microseconds / 1e6
        return Seen(int(moves or 0), now - time.monotonic(), now - asked)
