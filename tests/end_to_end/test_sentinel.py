"""The store and the broker behind Redis Sentinel, and failovers midway: nothing is lost and nothing doubled."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.conftest import TEST_BROKER, Stack, new_stack
from tests.end_to_end.test_faults import assert_every_row_once, submit_pile, wait_until_midway
from tests.end_to_end.test_service import sample_images
from tests.sentinel import Watched, watched_redis

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(os.environ.get(TEST_BROKER) != "sentinel", reason="runs with `make brokers`"),
]

SINGLES = 30


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with watched_redis(tmp_path) as started:
        yield started


@pytest.fixture
def stack(watched: Watched, tmp_path: Path) -> Iterator[Stack]:
    """Store and broker both, and the counts of the rate limit."""
    started = new_stack(
        tmp_path,
        DIGITMILL_REDIS_URL=watched.url,
        DIGITMILL_WORKER_CONCURRENCY="1",
        DIGITMILL_CHUNK_IMAGES="20",
        DIGITMILL_RATE_LIMIT="100000",
    )
    started.settings.pop("DIGITMILL_BROKER_URL", None)
    try:
        for name in ("worker", "web"):
            started.start(name)
        started.wait_until_ready()
        yield started
    finally:
        started.close()


class Caller(threading.Thread):
    """Submits single images one after the other, each until it is accepted."""

    def __init__(self, stack: Stack, name: str) -> None:
        super().__init__(name=name)
        self._stack = stack
        self.accepted: list[str] = []

    def run(self) -> None:
        image = next(iter(sample_images().values()))
        for number in range(SINGLES):
            while True:
                try:
                    headers = {"Idempotency-Key": f"{self.name}-{number}"}
                    files = {"files": (f"{number}.png", image)}
                    answer = httpx.post(f"{self._stack.url}/v1/jobs", files=files, headers=headers, timeout=60)
                except httpx.TransportError:
                    continue
                if answer.status_code != 503:
                    break
            assert answer.status_code in (200, 202), answer.text
            self.accepted.append(answer.json()["id"])


def test_a_failover_midway_loses_and_doubles_nothing(stack: Stack, watched: Watched) -> None:
    job_id = submit_pile(stack)
    wait_until_midway(stack, job_id)
    caller = Caller(stack, "first")
    caller.start()
    watched.start_again(watched.kill_primary())
    caller.join()
    assert_every_row_once(stack, job_id)
    assert_all_completed(stack, caller)

    second = submit_pile(stack)
    wait_until_midway(stack, second)
    again = Caller(stack, "second")
    again.start()
    watched.change_places()
    again.join()
    assert_every_row_once(stack, second)
    assert_all_completed(stack, again)
    with stack.client() as client:
        assert len(list(client.jobs())) == 2 + 2 * SINGLES


def assert_all_completed(stack: Stack, caller: Caller) -> None:
    assert len(set(caller.accepted)) == SINGLES
    with stack.client() as client:
        for job_id in caller.accepted:
            job = client.wait(job_id, timeout=60)
            assert (job.state, job.counts.done) == ("completed", 1)
