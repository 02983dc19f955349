"""The service in containers, as docker-compose.yml describes it: built, started with two workers, removed again."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from digitmill.client import Client
from digitmill.embedded.claims import free_port

ROOT = Path(__file__).resolve().parents[2]
BUILD_SECONDS = 1800
START_SECONDS = 1200


@dataclass(frozen=True)
class Compose:
    """One project of Compose; ``env_file`` stands for the ``.env`` of the folder."""

    command: tuple[str, ...]
    project: str
    env_file: Path

    def run(self, *arguments: str, check: bool = True, seconds: float = 300) -> subprocess.CompletedProcess[str]:
        return run(
            *(*self.command, "--project-name", self.project, "--env-file", str(self.env_file)),
            *("--file", str(ROOT / "docker-compose.yml"), *arguments),
            check=check,
            seconds=seconds,
        )

    def containers(self, service: str) -> list[str]:
        return self.run("ps", "--quiet", service).stdout.split()


@dataclass(frozen=True)
class Stack:
    compose: Compose
    url: str
    key: str

    def client(self) -> Client:
        return Client(self.url, self.key)

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def healthy(self, service: str) -> bool:
        states = [inspect(container, "{{.State.Health.Status}}") for container in self.compose.containers(service)]
        return bool(states) and set(states) == {"healthy"}


@pytest.fixture(scope="session")
def compose(tmp_path_factory: pytest.TempPathFactory) -> Compose:
    if shutil.which("docker") is None or run("docker", "info", check=False).returncode:
        _do_without("there is no Docker engine here")
    return Compose(_command(), f"digitmill-test-{os.getpid()}", tmp_path_factory.mktemp("compose") / "env")


@pytest.fixture(scope="session")
def stack(compose: Compose) -> Iterator[Stack]:
    """Two workers, a web server and Redis, all of them healthy."""
    port, key = free_port("127.0.0.1", 0), secrets.token_hex(32)
    compose.env_file.write_text(f"DIGITMILL_ADMIN_KEY={key}\nDIGITMILL_LOG_LEVEL=debug\nPUBLISH=127.0.0.1:{port}\n")
    stack = Stack(compose, f"http://127.0.0.1:{port}", key)
    try:
        compose.run("build", "web", "worker", seconds=BUILD_SECONDS)
        compose.run("up", "--detach", "--scale", "worker=2")
        eventually(lambda: stack.ready() and stack.healthy("web") and stack.healthy("worker"), START_SECONDS, compose)
        yield stack
    finally:
        compose.run("down", "--volumes", "--timeout", "20")


def run(*command: str, check: bool = True, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    """The command's outcome; with ``check``, a failure shows what it said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False, env=environment)
    if check and done.returncode:
        pytest.fail(f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done


def inspect(container: str, template: str) -> str:
    return run("docker", "inspect", "--format", template, container).stdout.strip()


def eventually(condition: Callable[[], bool], seconds: float, compose: Compose) -> None:
    """Wait for it; where it does not come, fail with what the containers said last."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(compose.run("logs", "--tail", "40", check=False).stdout)
        time.sleep(0.5)


def _command() -> tuple[str, ...]:
    if not run("docker", "compose", "version", check=False).returncode:
        return "docker", "compose"
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    return _do_without("there is no Compose here")


def _do_without(reason: str) -> tuple[str, ...]:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
