"""What the processes of a running service have cost: seconds of processor, bytes of memory, commands of Redis."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import redis

from digitmill.embedded.redis_server import running_url
from digitmill.settings import Settings

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


class Costs:
    """Counters of the service that this process has started in ``settings.var``; Linux only."""

    def __init__(self, settings: Settings) -> None:
        url = running_url(settings.var / "redis")
        if url is None:
            raise RuntimeError("the service has no Redis of its own")
        self._redis: Any = redis.Redis.from_url(url)

    def seconds(self) -> dict[str, float]:
        """Processor seconds so far, by kind of process: redis, web, worker."""
        found: dict[str, float] = {}
        for kind, pid in _service():
            fields = _text(pid, "stat").rpartition(")")[2].split()
            found[kind] = found.get(kind, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS
        return found

    def memory(self) -> dict[str, list[float]]:
        """Most resident megabytes of each process so far, by kind, and Redis' own count of what it holds."""
        found: dict[str, list[float]] = {}
        for kind, pid in _service():
            lines = dict(line.split(":", 1) for line in _text(pid, "status").splitlines() if ":" in line)
            if "VmHWM" in lines:
                found.setdefault(kind, []).append(int(lines["VmHWM"].split()[0]) / 1024)
        found["redis data, at most"] = [self._redis.info("memory")["used_memory_peak"] / 2**20]
        return found

    def bytes_of(self, key: str) -> int:
        """Memory that Redis takes for one key."""
        return int(self._redis.memory_usage(key, samples=0) or 0)

    def operations(self) -> dict[str, float]:
        """Commands that Redis has run and requests it has read (round trips) so far."""
        stats: Mapping[str, Any] = self._redis.info("stats")
        return {
            "commands": float(stats["total_commands_processed"]),
            "round trips": float(stats.get("total_reads_processed", 0)),
        }


def per_image(before: Mapping[str, float], after: Mapping[str, float], images: int) -> dict[str, float]:
    return {name: (after[name] - before.get(name, 0.0)) / images for name in after}


def _service() -> Iterator[tuple[str, int]]:
    """Kind and id of the processes below this one."""
    parents = {int(path.name): _parent(int(path.name)) for path in PROC.iterdir() if path.name.isdigit()}
    for pid in parents:
        above = pid
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid() and pid != above:
            words = _text(pid, "cmdline").split("\0")
            kind: str | None = next((kind for kind in ("web", "worker") if kind in words), None)
            if kind is None and any("redis" in word or "valkey" in word for word in words):
                kind = "redis"
            if kind is not None:
                yield kind, pid


def _parent(pid: int) -> int:
    fields = _text(pid, "stat").rpartition(")")[2].split()
    return int(fields[1]) if fields else 0


def _text(pid: int, file: str) -> str:
    try:
        return (PROC / str(pid) / file).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
