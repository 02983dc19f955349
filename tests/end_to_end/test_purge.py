"""Expired jobs are cleared away by a running worker, and a storage that is stuck holds up nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from digitmill.jobs.jobs import TINY_BYTES
from tests.archives import zip_of
from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.test_faults import assert_every_row_once, submit_pile, wait_until_midway
from tests.end_to_end.test_service import sample_images

pytestmark = pytest.mark.service

ODD = ("-m", "tests.end_to_end.odd_process")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = new_stack(
        tmp_path,
        DIGITMILL_WORKER_CONCURRENCY="1",
        DIGITMILL_CHUNK_IMAGES="20",
        DIGITMILL_BLOBS_URL=f"faulty://{tmp_path}/uploads",
    )
    try:
        stack.start("redis")
        stack.start("worker", *ODD, "worker", "faulty-storage")
        stack.start("web", *ODD, "web", "faulty-storage")
        stack.wait_until_ready()
        yield stack
    finally:
        stack.close()


def submit(stack: Stack, expires_in: int) -> str:
    # what is tiny would lie in Redis
    archive = zip_of({"1.png": next(iter(sample_images().values())), "2.bin": os.urandom(TINY_BYTES)})
    answer = httpx.post(
        f"{stack.url}/v1/jobs",
        params={"expires_in": expires_in},
        content=archive,
        headers={"Content-Type": "application/zip"},
        timeout=60,
    )
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def uploads(stack: Stack) -> set[str]:
    return {path.name for path in (stack.folder / "uploads").iterdir() if not path.name.startswith(".")}


def test_uploads_of_expired_jobs_go_and_others_stay(stack: Stack) -> None:
    expiring = [submit(stack, 1) for _ in range(3)]
    kept = submit(stack, 3600)
    stack.wait_for(lambda: uploads(stack) == {kept}, "three uploads to go")
    stack.wait_for(lambda: stack.redis.zcard("dm:expiry") == 1, "three jobs to be purged")
    for job_id in expiring:
        assert httpx.get(f"{stack.url}/v1/jobs/{job_id}").status_code == 410
        assert stack.redis.keys(f"dm:job:{job_id}*") == [f"dm:job:{job_id}".encode()]
    assert httpx.get(f"{stack.url}/v1/jobs/{kept}/results").status_code == 200


def test_a_storage_that_is_stuck_removing_uploads_holds_up_no_work_and_no_sweep(stack: Stack) -> None:
    (stack.folder / "uploads.fault").write_text("stuck")
    stuck = submit(stack, 1)

    def taken() -> bool:
        until = stack.redis.zscore("dm:expiry", stuck)
        return until is not None and until > stack.redis.time()[0] + 60

    stack.wait_for(taken, "the upload to be removed")
    job_id = submit_pile(stack)
    wait_until_midway(stack, job_id)
    assert stack.redis.zrem("dm:waiting:of:local", job_id) == 1, "only a sweep lets the job wait again"
    assert_every_row_once(stack, job_id)
    assert stuck in uploads(stack)
