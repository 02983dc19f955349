"""A Redis of its own, and what each operation costs it by its own account."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from benchmarks.scaling.costs import Operation
from digitmill.embedded.redis_server import answers, prepare

START_SECONDS = 20.0


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """The address of a Redis that is set up as the embedded one: append-only file, written out every second."""
    command, url = prepare(folder)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + START_SECONDS
            while not answers(url):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the Redis to measure did not start")
                time.sleep(0.02)
            yield url
        finally:
            server.terminate()


class Meter:
    """Reads the counters of a Redis. Its processor seconds hold on a busy machine, which wall time does not."""

    def __init__(self, url: str) -> None:
        self._redis: Any = redis.Redis.from_url(url)

    def cost(self, times: int, do: Callable[[], object]) -> Operation:
        """What one of ``times`` operations that ``do`` makes costs, the reading of the counters itself left out."""
        idle = self._during(lambda: None)
        spent = self._during(do)
        return Operation(
            **{
                name: max(0.0, round((spent[name] - idle[name]) / times, 1))
                for name in ("microseconds", "bytes_in", "bytes_out")
            }
        )

    def microseconds(self, do: Callable[[], object]) -> float:
        """Of Redis' main thread while ``do`` runs."""
        return self._during(do)["microseconds"]

    def memory(self) -> int:
        return int(self._redis.info("memory")["used_memory"])

    def name(self) -> str:
        facts = self._redis.info("server")
        return f"{facts.get('server_name', 'redis')} {facts.get('valkey_version', facts['redis_version'])}"

    def _during(self, do: Callable[[], object]) -> dict[str, float]:
        before = self._counters()
        do()
        after = self._counters()
        return {name: after[name] - before[name] for name in after}

    def _counters(self) -> dict[str, float]:
        cpu, stats = self._redis.info("cpu"), self._redis.info("stats")
        return {
            # the main thread runs every command: it is what one Redis has one of
            "microseconds": 1e6 * (cpu["used_cpu_user_main_thread"] + cpu["used_cpu_sys_main_thread"]),
            "bytes_in": stats["total_net_input_bytes"],
            "bytes_out": stats["total_net_output_bytes"],
        }
