"""Each link between the processes is cut for a while in the middle of a job: nothing is lost, and nothing doubled."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from digitmill.client import Client
from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.links import Link, link
from tests.end_to_end.test_faults import IMAGES, assert_every_row_once, done, submit_pile, wait_until_midway
from tests.s3 import BUCKET, S3

pytestmark = pytest.mark.service

CUT_SECONDS = 8
"""More than twice a lease, so that the sweep gives out again what is held behind the cut."""
CUTS = pytest.mark.parametrize("cut", ["silence", "hang_up"])
PATIENT = {"DIGITMILL_WORKER_CONCURRENCY": "1", "DIGITMILL_CHUNK_IMAGES": "20"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A Redis that runs, and nothing else yet."""
    stack = new_stack(tmp_path, **PATIENT)
    try:
        stack.start("redis")
        yield stack
    finally:
        stack.close()


def behind(stack: Stack, name: str, **settings: str) -> None:
    """Start a process with settings of its own."""
    before = dict(stack.settings)
    stack.settings |= settings
    stack.start(name)
    stack.settings = before


def cut_for_a_while(stack: Stack, cut: Link, how: str) -> None:
    getattr(cut, how)()
    time.sleep(CUT_SECONDS)
    cut.mend()


@CUTS
def test_a_worker_that_is_cut_off_from_redis_loses_nothing(stack: Stack, cut: str) -> None:
    with link(stack.redis_port) as between:
        behind(stack, "worker", DIGITMILL_REDIS_URL=f"redis://127.0.0.1:{between.port}/0")
        stack.start("web")
        stack.wait_until_ready()
        job_id = submit_pile(stack)
        wait_until_midway(stack, job_id)
        cut_for_a_while(stack, between, cut)
        assert between.held > 0, "nothing was on its way"
        assert done(stack, job_id) < IMAGES, "the job went on without the link"
        assert_every_row_once(stack, job_id)


@CUTS
def test_what_another_worker_reads_meanwhile_is_read_once(stack: Stack, cut: str) -> None:
    with link(stack.redis_port) as between:
        behind(stack, "worker", DIGITMILL_REDIS_URL=f"redis://127.0.0.1:{between.port}/0")
        stack.start("web")
        stack.wait_until_ready()
        job_id = submit_pile(stack)
        wait_until_midway(stack, job_id)
        getattr(between, cut)()
        stack.start("worker-2")
        assert_every_row_once(stack, job_id)
        between.mend()
        # what the first had at hand comes too late
        stack.wait_for(lambda: stack.redis.zcard("dm:leases") == 0, "no leases")
        assert_every_row_once(stack, job_id)


@CUTS
def test_a_web_server_that_is_cut_off_from_redis_says_so_and_comes_back(stack: Stack, cut: str) -> None:
    with link(stack.redis_port) as between:
        stack.start("worker")
        behind(stack, "web", DIGITMILL_REDIS_URL=f"redis://127.0.0.1:{between.port}/0")
        stack.wait_until_ready()
        job_id = submit_pile(stack)
        getattr(between, cut)()
        answer = httpx.get(f"{stack.url}/v1/jobs/{job_id}", timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        time.sleep(CUT_SECONDS)
        between.mend()
        assert_every_row_once(stack, job_id)


@CUTS
def test_a_client_whose_way_to_the_web_server_is_cut_gets_all_rows(stack: Stack, cut: str) -> None:
    stack.start("worker")
    stack.start("web")
    stack.wait_until_ready()
    job_id = submit_pile(stack)
    with link(stack.web_port) as between, Client(f"http://127.0.0.1:{between.port}", timeout=2.0) as client:
        names: list[str] = []
        reader = threading.Thread(target=lambda: names.extend(row.name for row in client.results(job_id)))
        reader.start()
        stack.wait_for(lambda: done(stack, job_id) > 0, "the first rows")
        cut_for_a_while(stack, between, cut)
        reader.join(timeout=240)
    assert names == [f"{n:05}.png" for n in range(IMAGES)]


@CUTS
def test_a_worker_that_is_cut_off_from_the_uploads_loses_nothing(tmp_path: Path, s3: S3, cut: str) -> None:
    address = httpx.URL(s3.environment["AWS_ENDPOINT_URL"])
    stack = new_stack(tmp_path, **PATIENT, DIGITMILL_BLOBS_URL=f"s3://{BUCKET}/{cut}", **s3.environment)
    with link(address.port or 80) as between:
        try:
            stack.start("redis")
            behind(stack, "worker", AWS_ENDPOINT_URL=f"http://127.0.0.1:{between.port}")
            stack.start("web")
            stack.wait_until_ready()
            job_id = submit_pile(stack)
            wait_until_midway(stack, job_id)
            cut_for_a_while(stack, between, cut)
            assert between.held > 0, "nothing was on its way"
            assert_every_row_once(stack, job_id)
        finally:
            stack.close()


@CUTS
def test_a_web_server_that_is_cut_off_from_the_uploads_accepts_nothing_by_halves(
    tmp_path: Path, s3: S3, cut: str
) -> None:
    address = httpx.URL(s3.environment["AWS_ENDPOINT_URL"])
    stack = new_stack(tmp_path, **PATIENT, DIGITMILL_BLOBS_URL=f"s3://{BUCKET}/web-{cut}", **s3.environment)
    with link(address.port or 80) as between:
        try:
            stack.start("redis")
            stack.start("worker")
            behind(stack, "web", AWS_ENDPOINT_URL=f"http://127.0.0.1:{between.port}")
            stack.wait_until_ready()
            job_id = submit_pile(stack)
            wait_until_midway(stack, job_id)
            sent: list[str] = []
            sender = threading.Thread(target=lambda: sent.append(submit_pile(stack)))
            getattr(between, cut)()
            sender.start()
            time.sleep(CUT_SECONDS)
            assert httpx.get(f"{stack.url}/v1/jobs/{job_id}", timeout=10).is_success
            between.mend()
            sender.join(timeout=240)
            # the client sends it again for as long as the service asks it to
            assert len(sent) == 1
            for each in (job_id, *sent):
                assert_every_row_once(stack, each)
            assert len(httpx.get(f"{stack.url}/v1/jobs").json()["jobs"]) == 1 + len(sent)
        finally:
            stack.close()
