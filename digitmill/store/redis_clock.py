"""Redis' clock, by which leases end, and what becomes of them when somebody moves it.

    dm:clock    string  how often the clock was moved under the eyes of a worker

Each process that sweeps compares it with a clock of its own that nobody can set. What Redis gave out before the move is
moved along, so that no lease ends hours early or late. Who has nothing to compare with, since it has just begun, or
since a backup was restored, lets what then lies too far ahead come back: nobody saw that move.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import redis

from digitmill.domain.roles import Role
from digitmill.store.connection import Script, storage_errors
from digitmill.store.keys import CALLED, WEBHOOKS_DUE, WORKERS, of_role
from digitmill.store.upkeep import LONGEST_LEASE_SECONDS

CLOCK = "dm:clock"
NOTICED_SECONDS = 2.0
"""Corrections by NTP are smaller; leases last longer."""
MOVED = [
    CLOCK, "dm:leases", "dm:active", WORKERS, of_role(WORKERS, Role.TRAINER), WEBHOOKS_DUE,
    *(of_role(CALLED, role) for role in Role), "dm:lock:sweep", "dm:lock:purge",
]  # fmt: skip


ASK_SECONDS = 10.0


class StoreClock:
    """The clock of Redis, asked now and then; in between, and while Redis does not answer, this process counts on."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client
        self._asked_at: float | None = None
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds since 1970; by this machine's clock as long as Redis has never answered."""
        if self._asked_at is None or time.monotonic() - self._asked_at >= ASK_SECONDS:
            try:
                seconds, microseconds = self._redis.time()
            except redis.RedisError:
                if self._asked_at is None:
                    return time.time()
            else:
                self._asked_at = time.monotonic()
                self._ahead = seconds + microseconds / 1e6 - self._asked_at
        return time.monotonic() + self._ahead


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
            moved = 0.0
            if before is not None and seen.moves == before.moves:
                if max(seen.least - before.most, before.least - seen.most) < NOTICED_SECONDS:
                    self._seen = seen
                    return 0.0
                moved = seen.middle - before.middle
            moves = int(self._shift.run(MOVED, [seen.moves, moved, LONGEST_LEASE_SECONDS]))
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
