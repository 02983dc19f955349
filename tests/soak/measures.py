"""Memory of the processes and keys of Redis, over time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from digitmill.errors import StorageUnavailable
from digitmill.store.redis import RedisJobStore
from digitmill.store.redis_mark import RESTORED
from tests.end_to_end.conftest import Stack

YOUNG_SECONDS = 10.0
"""Memory of a process grows while it starts; only later does growth tell of a leak."""
SETTLE_SECONDS = 15.0
AUDITS = 20
FOR_EVER = -1
"""What Redis says of a key that does not end by itself."""
JOB_COLONS = 2
"""In the key of a job's record."""

Sample = tuple[float, float]
"""Seconds, and MiB."""


class Memory:
    """Resident memory of web, worker and Redis, each with its children."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._born: dict[int, float] = {}
        self._samples: dict[str, dict[int, list[Sample]]] = defaultdict(lambda: defaultdict(list))

    def sample(self) -> None:
        now = time.monotonic()
        for name, process in self._stack.processes.items():
            for pid in (process.pid, *children(process.pid)):
                born = self._born.setdefault(pid, now)
                size = _resident(pid)
                if size is not None and now - born > YOUNG_SECONDS:
                    self._samples[name][pid].append((now, size))

    def report(self, say: Callable[[str], None]) -> None:
        for name, lives in sorted(self._samples.items()):
            largest = max(size for samples in lives.values() for _, size in samples)
            slope = slope_within(list(lives.values()))
            told = "lived too short for a slope" if slope is None else f"{slope * 3600:+.1f} MiB an hour"
            say(f"memory of a process of {name}: at most {largest:.0f} MiB, {told}")


def slope_within(lives: list[list[Sample]]) -> float | None:
    """The least-squares slope, in MiB a second, common to all processes, each about its own mean."""
    shared = spread = 0.0
    for samples in lives:
        middle = sum(at for at, _ in samples) / len(samples)
        mean = sum(size for _, size in samples) / len(samples)
        shared += sum((at - middle) * (size - mean) for at, size in samples)
        spread += sum((at - middle) ** 2 for at, _ in samples)
    return shared / spread if spread else None


def key_names(stack: Stack) -> set[str]:
    """Names of all keys, once the service has come to rest, but those that end by themselves.

    These are counts of tallies, locks, moves of the clock, idempotency keys, stubs of deleted jobs, plans of jobs whose
    web server was killed before it recorded them, the name of a backup that was restored, and the broker's notes of
    messages whose worker was killed.
    """
    time.sleep(SETTLE_SECONDS)
    names = {key.decode() for key in stack.redis.scan_iter(count=1000)}
    # one that has ended since it was seen, or has less than a second, ends by itself too
    names -= {name for name in names if name.endswith(":plan") and stack.redis.ttl(name) != FOR_EVER}
    jobs = {name for name in names if name.startswith("dm:job:") and name.count(":") == JOB_COLONS}
    stubs = {name for name in jobs if stack.redis.hkeys(name) in ([], [b"deleted"])}
    names -= {name for name in stubs if stack.redis.ttl(name) != FOR_EVER}
    tallies = {name for name in names if name.startswith("dm:tally:")}
    names -= {name for name in tallies if stack.redis.ttl(name) != FOR_EVER}
    passing = ("_kombu.", "unacked", "dm:lock:", "dm:idempotency:", "dm:clock", "dm:turn", "dm:called", "dm:taken:")
    return {name for name in names if not name.startswith((*passing, RESTORED))}


def leftovers(stack: Stack) -> list[str]:
    """What the store still counts once all jobs were deleted."""
    return [
        f"{name}: {value}"
        for name, value in (
            ("dm:queued", int(stack.redis.get("dm:queued") or 0)),
            ("dm:leases", stack.redis.zcard("dm:leases")),
            ("dm:active", stack.redis.zcard("dm:active")),
        )
        if value
    ]


def to_mend(stack: Stack) -> dict[str, int]:
    """What an audit finds wrong, and still does once the sweep had time to see a move of the clock; besides what audits
    have mended before, apart from uploads that a killed web server left."""
    store = RedisJobStore(stack.redis)
    try:
        found: dict[str, int] = {}
        for _ in range(AUDITS):
            with suppress(StorageUnavailable):
                found = {what: times for what, times in store.upkeep.mends().items() if what != "blobs"}
                found |= store.upkeep.audit(mend=False)
                if not found:
                    break
            time.sleep(1)
        return found
    finally:
        store.close()


def stray_uploads(stack: Stack) -> int:
    """Files of requests whose web server was killed before it recorded their job. The purge takes them in time."""
    return len(list((stack.folder / "var" / "blobs").glob("[0-9a-z]*")))


def children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _resident(pid: int) -> float | None:
    """None for a process that is no more."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), None)
