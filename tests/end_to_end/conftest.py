"""The real thing: a Redis with an append-only file, worker processes and a web server, on free ports."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import redis

from digitmill.client import Client
from digitmill.embedded.redis_server import server_binary
from tests.rabbitmq import RabbitMQ, running_rabbitmq

START_SECONDS = 240
STOP_SECONDS = 240


TEST_BROKER = "TEST_BROKER"
"""``rabbitmq`` lets all stacks have that for a broker, ``sentinel`` runs the tests of failovers; without it the store's
Redis is the broker of all stacks."""
_rabbitmq: list[RabbitMQ] = []


@pytest.fixture(scope="session", autouse=True)
def chosen_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    if os.environ.get(TEST_BROKER) != "rabbitmq":
        yield
        return
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as rabbitmq:
        _rabbitmq.append(rabbitmq)
        yield
        _rabbitmq.clear()


@dataclass
class Stack:
    """Processes by name; ``folder`` holds their data and logs. ``redis_environment`` is for Redis alone."""

    folder: Path
    redis_port: int
    web_port: int
    settings: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    redis_environment: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def redis(self) -> redis.Redis:
        return redis.Redis(port=self.redis_port)

    def client(self) -> Client:
        return Client(self.url)

    def start(self, name: str, *arguments: str) -> None:
        """Start ``redis``, ``web`` or a worker (any other name); ``arguments`` for Python start another program."""
        if name == "redis":
            # with "everysec" Redis holds back up to two seconds of what it has answered while a slow disk is being
            # synced, and a killed one loses them
            command = [
                *(server_binary(), "--bind", "127.0.0.1", "--port", str(self.redis_port), "--dir", str(self.folder)),
                *("--save", "", "--appendonly", "yes", "--appendfsync", "no", "--maxmemory-policy", "noeviction"),
            ]
        else:
            command = [sys.executable, *(arguments or ("-m", "web" if name == "web" else "worker"))]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        environment |= self.redis_environment if name == "redis" else self.settings
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.folder,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """SIGKILL the process and its children, as a power cut would."""
        process = self.processes.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self, name: str) -> int:
        """SIGTERM, and wait; the exit status."""
        process = self.processes.pop(name)
        process.terminate()
        return process.wait(STOP_SECONDS)

    def wait_until_ready(self) -> None:
        def ready() -> bool:
            try:
                return httpx.get(f"{self.url}/readyz").status_code == 200
            except httpx.TransportError:
                return False

        self.wait_for(ready, "the service to be ready")

    def wait_for_web(self) -> None:
        """Until the web server answers, whether or not there is a worker."""

        def alive() -> bool:
            try:
                return httpx.get(f"{self.url}/healthz").is_success
            except httpx.TransportError:
                return False

        self.wait_for(alive, "the web server")

    def wait_for(self, condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log"))
                pytest.fail(f"waited {seconds} s for {what}\n{logs}")
            time.sleep(0.05)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def close(self) -> None:
        for name in list(self.processes):
            self.kill(name)


def new_stack(folder: Path, **settings: str) -> Stack:
    redis_port, web_port = free_port(), free_port()
    return Stack(
        folder,
        redis_port,
        web_port,
        {
            "DIGITMILL_REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
            "DIGITMILL_PORT": str(web_port),
            "DIGITMILL_VAR": str(folder / "var"),
            "DIGITMILL_LEASE_SECONDS": "3",
            "DIGITMILL_SWEEP_SECONDS": "1",
            **({"DIGITMILL_BROKER_URL": _rabbitmq[0].new_url()} if _rabbitmq else {}),
            **settings,
        },
    )


@contextmanager
def running_stack(folder: Path, **settings: str) -> Iterator[Stack]:
    """Redis, a worker and a web server, ready; killed at the end."""
    stack = new_stack(folder, **settings)
    try:
        for name in ("redis", "worker", "web"):
            stack.start(name)
        stack.wait_until_ready()
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="package")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for the tests that leave it as they found it."""
    with running_stack(tmp_path_factory.mktemp("stack"), DIGITMILL_WORKER_CONCURRENCY="2") as stack:
        yield stack


@pytest.fixture
def own_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack to break, with small chunks, so that a job takes a while."""
    with running_stack(tmp_path, DIGITMILL_WORKER_CONCURRENCY="1", DIGITMILL_CHUNK_IMAGES="20") as stack:
        yield stack


def free_port() -> int:
    """Below those that the kernel gives to outgoing connections: one of them may take such a port before it is used."""
    while True:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(15_000, 32_000)))
            return int(probe.getsockname()[1])
