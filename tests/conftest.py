"""What several test folders share: a real Redis of the test session's own, and properties tried without a clock."""

from __future__ import annotations

import gc
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import redis
from hypothesis import settings

from digitmill.embedded.redis_server import answers, prepare
from digitmill.errors import CannotStart
from tests.receiver import Receiver, receiving
from tests.s3 import S3, running_s3

if TYPE_CHECKING:
    from tests.web.conftest import Server

settings.register_profile("without a clock", deadline=None)
settings.register_profile("fuzz", deadline=None, max_examples=int(os.environ.get("FUZZ", "10000")))
settings.load_profile("without a clock")
# hundreds of processes are started: none is to compile anew what the one before it compiled
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

START_SECONDS = 120.0
FIRST = ("end_to_end", "browser", "embedded", "trainings", "cli", "publishing", "training", "web", "forms")
"""Folders whose files take longest: begun last, one would be under way when nothing is left to do beside it."""
TEST_REDIS = "TEST_REDIS"
"""Names the program of a Redis or Valkey, of whatever version, that all tests are to run over."""


def pytest_configure() -> None:
    """What is imported and collected stays until the end: to look through it for garbage doubles the time."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folders = {folder: place for place, folder in enumerate(FIRST)}
    items.sort(key=lambda item: folders.get(item.path.parent.name, len(FIRST)))


@pytest.fixture(scope="session", autouse=True)
def heeded_interrupts() -> None:
    """A shell that runs the tests in the background has SIGINT ignored, and the programs under test inherit it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def chosen_redis(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The program that TEST_REDIS names is the first on PATH, for these tests and for every process that they start."""
    if chosen := os.environ.get(TEST_REDIS):
        folder = tmp_path_factory.mktemp("chosen")
        (folder / "redis-server").symlink_to(Path(chosen).resolve(strict=True))
        os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session", autouse=True)
def certificates_read_once() -> Iterator[None]:
    """httpx reads those of all authorities for each call without a client, and for each client: 20 ms of CPU, twenty
    times a second where a test waits for a process, which then has to wait for the test."""
    read: Any = httpx.create_ssl_context
    contexts: dict[bool, ssl.SSLContext] = {}

    def create(verify: Any = True, cert: Any = None, trust_env: bool = True) -> Any:
        if verify is not True or cert is not None:
            return read(verify, cert, trust_env)
        if trust_env not in contexts:
            contexts[trust_env] = read(trust_env=trust_env)
        return contexts[trust_env]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("httpx._transports.default.create_ssl_context", create)
        yield


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory, chosen_redis: None) -> Iterator[str]:
    """A Redis on a free loopback port, for the whole session. See ``empty_redis_url``."""
    folder = tmp_path_factory.mktemp("redis")
    command, url = _prepare(folder)
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(url):
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the Redis for the tests did not start:\n{(folder / 'server.log').read_text()}")
            time.sleep(0.02)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=START_SECONDS)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """A server of S3's protocol on a free loopback port, for the whole session."""
    with running_s3(tmp_path_factory.mktemp("s3") / "server.log") as server:
        yield server


@pytest.fixture
def empty_redis_url(redis_url: str) -> str:
    """The session's Redis, with nothing in it."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    return redis_url


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes the webhooks that are sent to it."""
    with receiving() as started:
        yield started


@pytest.fixture(scope="module")
def telling(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that sends webhooks to this machine, for the tests of a module that leave no webhook there."""
    # most tests need no web server
    from tests.telling import running_teller

    with running_teller(tmp_path_factory.mktemp("telling")) as server:
        yield server


def _prepare(folder: Path) -> tuple[list[str], str]:
    try:
        return prepare(folder)
    except CannotStart as error:
        if os.environ.get("CI") == "true":
            pytest.fail(error.detail)
        pytest.skip(error.detail)
