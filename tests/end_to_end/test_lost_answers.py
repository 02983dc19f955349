"""Answers of Redis are lost on their way: the client makes its calls again, and nothing happens twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from digitmill.store.redis import RedisJobStore
from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.cutting_proxy import CuttingProxy, cutting_proxy
from tests.end_to_end.test_service import sample_images

SUBMISSIONS = 300


@pytest.fixture
def cut_stack(tmp_path: Path) -> Iterator[tuple[Stack, CuttingProxy]]:
    """A stack whose web server and worker reach Redis through a proxy."""
    stack = new_stack(tmp_path, DIGITMILL_WORKER_CONCURRENCY="1")
    with cutting_proxy(stack.redis_port) as proxy:
        stack.settings["DIGITMILL_REDIS_URL"] = f"redis://127.0.0.1:{proxy.port}/0"
        try:
            for name in ("redis", "worker", "web"):
                stack.start(name)
            stack.wait_until_ready()
            yield stack, proxy
        finally:
            stack.close()


def test_jobs_whose_answers_were_lost_complete_once_and_stay_so(cut_stack: tuple[Stack, CuttingProxy]) -> None:
    stack, proxy = cut_stack
    image = next(iter(sample_images().values()))

    def submit(_: int) -> str | None:
        answer = httpx.post(f"{stack.url}/v1/jobs", content=image, headers={"Content-Type": "image/png"}, timeout=60)
        assert answer.status_code in (202, 201, 200, 503), answer.text
        return None if answer.status_code == 503 else str(answer.json()["id"])

    proxy.one_in = 12
    with ThreadPoolExecutor(8) as callers:
        accepted = [job_id for job_id in callers.map(submit, range(SUBMISSIONS)) if job_id is not None]
    proxy.one_in = 0
    assert proxy.cuts > 10, "nothing was put to the test"

    def open_jobs() -> int:
        return int(stack.redis.zcard("dm:active"))

    stack.wait_for(lambda: open_jobs() == 0, "all jobs to be over")
    store = RedisJobStore(stack.redis)
    for job_id in accepted:
        job = store.get(job_id)
        assert (job.state.value, job.counts.done, job.counts.total) == ("completed", 1, 1)
    assert store.upkeep.queued_images() == 0
    time.sleep(1.5)  # a sweep
    assert open_jobs() == 0
    assert store.upkeep.audit(mend=False) == {}
    assert store.upkeep.mends() == {}
    store.close()
