"""``up`` as a process of its own, with stand-ins for the worker and the web server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import redis

from digitmill.embedded.guard import alive

PATIENCE_SECONDS = 120.0


def eventually(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"not so after {PATIENCE_SECONDS:g} s: {what}"
        time.sleep(0.05)


def descendants(pid: int) -> set[int]:
    """Children and their children, from /proc."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


class Up:
    """``behaviour`` is the stand-in worker's; output is collected in VAR/output."""

    def __init__(self, var: Path, *behaviour: str, environment: Mapping[str, str] | None = None) -> None:
        var.mkdir(exist_ok=True)
        self.var = var
        self._output = (var / "output").open("w")
        others = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.embedded.up", *behaviour],
            env=others | {"DIGITMILL_VAR": str(var), "DIGITMILL_PORT": "0"} | dict(environment or {}),
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def output(self) -> str:
        return (self.var / "output").read_text()

    @property
    def url(self) -> str:
        return self.output.partition("ready ")[2].split()[0]

    def until_ready(self) -> Up:
        eventually(lambda: "ready http" in self.output or self.process.poll() is not None, "up is ready")
        assert self.process.poll() is None, self.output
        return self

    def pids(self, role: str) -> list[int]:
        file = self.var / f"{role}.pids"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    def order(self) -> str:
        file = self.var / "order"
        return file.read_text() if file.exists() else ""

    def redis(self) -> redis.Redis:
        return redis.Redis.from_url((self.var / "redis" / "url").read_text(), decode_responses=True)

    def redis_pid(self) -> int:
        with self.redis() as client:
            return int(client.info("server")["process_id"])

    def family(self) -> set[int]:
        """Every process that this one is answerable for, itself included."""
        return {self.process.pid} | descendants(self.process.pid)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(PATIENCE_SECONDS)
        self._output.close()
        return code


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Starts ``up`` on a folder of the test's own; what still runs afterwards is killed, and fails the test."""
    started: list[Up] = []
    seen: set[int] = set()

    def start(*behaviour: str, var: str = "var", **environment: str) -> Up:
        started.append(Up(tmp_path / var, *behaviour, environment=environment))
        return started[-1]

    yield start
    for each in started:
        seen |= each.family()
        if each.process.poll() is None:
            each.stop()
        else:
            each.wait()
    left = {pid for pid in seen if alive(pid)}
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left
