"""What an administrator wants to know of a Redis and of the service in it. It changes nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import redis

from digitmill.store.connection import storage_errors
from digitmill.store.keys import attempts_key
from digitmill.store.upkeep import WorkerInfo

HEARD_WITHIN = 3600.0
CLOCK_LOOKS = 3


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """Memory in bytes; ``most_memory`` 0: no limit. ``snapshots`` None: it does not tell.

    ``clock_ahead``: seconds by which its clock is ahead of this machine's. ``write_failure``: what last went wrong
    in writing to disk.
    """

    version: str
    used_memory: int
    most_memory: int
    policy: str
    append_only: bool
    snapshots: bool | None
    write_failure: str | None
    clock_ahead: float


@dataclass(frozen=True, slots=True)
class OpenChunk:
    """A chunk that was claimed and is not done. ``lease_left`` in seconds; None: nobody holds it."""

    number: int
    tried: int
    by: str
    lease_left: float | None


class RedisInspection:
    """``client`` must return bytes. All methods raise StorageUnavailable."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client

    def server(self) -> ServerFacts:
        with storage_errors():
            facts = self._redis.info()
            clock_ahead = min((self._clock_ahead() for _ in range(CLOCK_LOOKS)), key=lambda look: look[0])[1]
        return ServerFacts(
            version=str(facts["redis_version"]),
            used_memory=int(facts["used_memory"]),
            most_memory=int(facts.get("maxmemory", 0)),
            policy=str(facts.get("maxmemory_policy", "noeviction")),
            append_only=bool(facts.get("aof_enabled")),
            snapshots=self._snapshots(),
            write_failure=_write_failure(facts),
            clock_ahead=clock_ahead,
        )

    def _clock_ahead(self) -> tuple[float, float]:
        """The seconds that a look took, and those by which the clock is ahead: the quickest look errs least."""
        before = time.time()
        seconds, microseconds = self._redis.time()
        after = time.time()
        return after - before, seconds + microseconds / 1e6 - (before + after) / 2

    def _snapshots(self) -> bool | None:
        with storage_errors():
            try:
                return bool(self._redis.config_get("save").get("save"))
            except redis.ResponseError:
                return None  # hosted ones hide their configuration

    def heard(self) -> Sequence[tuple[WorkerInfo, float]]:
        """Worker processes of the last hour, and the seconds since each was last heard of."""
        with storage_errors():
            now = self._now()
            found = self._redis.zrange("dm:workers", now - HEARD_WITHIN, "+inf", byscore=True, withscores=True)
        return [(WorkerInfo(**json.loads(member)), now - heard) for member, heard in found]

    def chunks(self, job_id: str) -> Sequence[OpenChunk]:
        with storage_errors():
            fields = self._redis.hgetall(attempts_key(job_id))
            numbers = sorted(int(name) for name in fields if name.isdigit())
            if not numbers:
                return []
            ends = self._redis.zmscore("dm:leases", [f"{job_id} {number}" for number in numbers])
            now = self._now()
        return [
            OpenChunk(
                number=number,
                tried=int(fields[str(number).encode()]),
                by=fields.get(f"{number}:by".encode(), b"unknown").decode(),
                lease_left=end - now if end is not None and end > now else None,
            )
            for number, end in zip(numbers, ends, strict=True)
        ]

    def overdue_leases(self, seconds: float) -> int:
        """Claims that ended so long ago, and that no sweep has looked at since."""
        with storage_errors():
            return int(self._redis.zcount("dm:leases", "-inf", self._now() - seconds))

    def _now(self) -> float:
        seconds, microseconds = self._redis.time()
        return float(seconds) + float(microseconds) / 1e6


def _write_failure(facts: Mapping[str, Any]) -> str | None:
    told = {
        "aof_last_write_status": "the last write to the append-only file",
        "aof_last_bgrewrite_status": "the last rewrite of the append-only file",
        "rdb_last_bgsave_status": "the last snapshot",
    }
    return next((what for name, what in told.items() if facts.get(name, "ok") != "ok"), None)
