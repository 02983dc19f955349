"""A primary Redis, a replica, and three Sentinels that watch over them, on free ports."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from digitmill.embedded.redis_server import server_binary
from tests.end_to_end.conftest import free_port

NAME, PASSWORD = "mill", "well:kept@secret"
SENTINELS = 3
NO_RETRY = Retry(NoBackoff(), 0)
SECONDS = 60.0
OPTIONS = (
    *("--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction"),
    *("--requirepass", PASSWORD, "--masterauth", PASSWORD, "--repl-diskless-sync-delay", "0"),
)


class Watched:
    """``ports`` are those of the two that take turns as primary."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.ports = (free_port(), free_port())
        self._sentinels = tuple(free_port() for _ in range(SENTINELS))
        hosts = ",".join(f"127.0.0.1:{port}" for port in self._sentinels)
        self.url = f"sentinel://:well%3Akept%40secret@{hosts}/{NAME}"
        first, second = self.ports
        self._start(first)
        self._start(second, "--replicaof", "127.0.0.1", str(first))
        self.wait_for_replica()
        for port in self._sentinels:
            self._watch(port, first)
        # a Sentinel that knows no others elects nobody
        self._wait(lambda: all(self._agree(port) for port in self._sentinels), "the Sentinels to know each other")

    def redis(self, port: int) -> Any:
        return redis.Redis(port=port, password=PASSWORD, retry=NO_RETRY)

    @property
    def primary(self) -> int:
        """The port of the one that most Sentinels name."""
        told = [self._told(port) for port in self._sentinels]
        return max(set(told), key=told.count)

    def kill_primary(self) -> int:
        """SIGKILL it, as a power cut would; return its port when another has taken its place."""
        killed = self.primary
        process = self._processes.pop(killed)
        process.kill()
        process.wait()
        self._wait(lambda: self.primary != killed, "a failover")
        return killed

    def start_again(self, port: int) -> None:
        """Until it is the other's replica."""
        self._start(port)
        self.wait_for_replica()

    def change_places(self) -> None:
        """Let the Sentinels make the replica the primary, while that lives."""
        before = self.primary
        with redis.Redis(port=self._sentinels[0]) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", NAME)
        self._wait(lambda: self.primary != before, "the change")

    def wait_for_replica(self) -> None:
        self._wait(lambda: any(self._followed(port) for port in self.ports), "the replica")

    def close(self) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGKILL)
            process.wait()

    def _start(self, port: int, *options: str) -> None:
        folder = self._folder / str(port)
        folder.mkdir(exist_ok=True)
        self._run(port, "--port", str(port), "--dir", str(folder), *OPTIONS, *options)

    def _watch(self, port: int, primary: int) -> None:
        # a Sentinel writes into its file what it learns
        file = self._folder / f"sentinel-{port}.conf"
        file.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {self._folder}\n"
            f"sentinel monitor {NAME} 127.0.0.1 {primary} 2\nsentinel auth-pass {NAME} {PASSWORD}\n"
            f"sentinel down-after-milliseconds {NAME} 1000\nsentinel failover-timeout {NAME} 5000\n"
        )
        self._run(port, str(file), "--sentinel")

    def _run(self, port: int, *arguments: str) -> None:
        with (self._folder / f"{port}.log").open("ab") as log:
            self._processes[port] = subprocess.Popen([server_binary(), *arguments], stdout=log, stderr=log)

    def _told(self, sentinel: int) -> int:
        with redis.Redis(port=sentinel) as client:
            return int(client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])

    def _agree(self, sentinel: int) -> bool:
        with suppress(redis.ConnectionError), redis.Redis(port=sentinel, retry=NO_RETRY) as client:
            state = client.sentinel_masters()[NAME]
            return int(state["num-other-sentinels"]) == SENTINELS - 1 and int(state["num-slaves"]) == 1
        return False

    def _followed(self, port: int) -> bool:
        with suppress(redis.RedisError), self.redis(port) as client:
            facts = client.info("replication")
            return bool(facts["role"] == "master" and facts.get("slave0", {}).get("state") == "online")
        return False

    def _wait(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"waited {SECONDS:g} s for {what}"
            time.sleep(0.05)


@contextmanager
def watched_redis(folder: Path) -> Iterator[Watched]:
    watched = Watched(folder)
    try:
        yield watched
    finally:
        watched.close()
