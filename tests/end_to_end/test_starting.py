"""Workers that are hit while they start."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from digitmill.errors import StorageUnavailable
from digitmill.settings import Settings
from tests.end_to_end.conftest import Stack, new_stack
from tests.soak.measures import children
from worker import process
from worker.app import CHILD_START_SECONDS
from worker.process import WorkerProcess

pytestmark = pytest.mark.service


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Nothing runs yet."""
    stack = new_stack(tmp_path, DIGITMILL_WORKER_CONCURRENCY="1")
    try:
        yield stack
    finally:
        stack.close()


def test_a_worker_whose_child_is_killed_while_it_waits_for_redis_starts_another(stack: Stack) -> None:
    stack.start("worker")
    worker = stack.processes["worker"]
    stack.wait_for(lambda: "Cannot connect" in stack.log("worker"), "the worker to miss Redis")
    (child,) = children(worker.pid)
    os.kill(child, signal.SIGKILL)
    stack.start("redis")
    stack.start("web")
    stack.wait_until_ready()
    assert worker.poll() is None


def test_a_worker_that_waits_for_redis_says_so_and_stops_when_it_is_told(stack: Stack) -> None:
    stack.start("worker")
    stack.wait_for(lambda: "worker_waits_for_storage" in stack.log("worker"), "the worker to miss Redis")
    assert stack.stop("worker") == 0
    assert "worker_cannot_start" not in stack.log("worker")


def test_a_worker_whose_redis_is_emptied_as_soon_as_it_works_is_heard_of_again(stack: Stack) -> None:
    for name in ("redis", "web", "worker"):
        stack.start(name)
    stack.wait_until_ready()
    stack.redis.delete("dm:workers")
    stack.wait_until_ready()


def test_a_child_waits_for_its_store_for_minutes_with_pauses_that_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = WorkerProcess(Settings(var=tmp_path / "var", redis_url="redis://127.0.0.1:1/0"), "here")
    clock = [0.0]
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    def away() -> None:
        raise StorageUnavailable("The job store does not answer.")

    monkeypatch.setattr(process, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(child, "_sleep", sleep)
    monkeypatch.setattr(child, "_open", away)
    with pytest.raises(StorageUnavailable):
        child._open_patiently()
    assert pauses[:6] == [1, 2, 4, 8, 16, 30]
    assert sum(pauses) > 600
    assert sum(pauses) < CHILD_START_SECONDS
