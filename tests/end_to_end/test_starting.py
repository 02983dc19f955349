"""Workers that are hit while they start."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Stack, new_stack
from tests.soak.measures import children

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


def test_a_worker_whose_redis_is_emptied_as_soon_as_it_works_is_heard_of_again(stack: Stack) -> None:
    for name in ("redis", "web", "worker"):
        stack.start(name)
    stack.wait_until_ready()
    stack.redis.delete("dm:workers")
    stack.wait_until_ready()
