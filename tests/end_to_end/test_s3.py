"""Uploads on S3: read in ranges, removed with their job, and safe from a server that hangs."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from arro3.io import read_parquet

from digitmill.store.webhook_store import RESULTS_EVENT
from tests.archives import zip_of
from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.test_faults import assert_every_row_once, submit_pile
from tests.end_to_end.test_service import sample_images
from tests.s3 import BUCKET, S3, running_s3

pytestmark = pytest.mark.service

IMAGE_SECONDS, ATTEMPTS = 2, 2
IMAGES = 30


@pytest.fixture
def own_s3(tmp_path: Path) -> Iterator[S3]:
    with running_s3(tmp_path / "s3.log") as server:
        yield server


@pytest.fixture
def stack(tmp_path: Path, own_s3: S3) -> Iterator[Stack]:
    """Redis and a web server; a worker is for the test to start."""
    stack = new_stack(
        tmp_path,
        DIGITMILL_WORKER_CONCURRENCY="1",
        DIGITMILL_CHUNK_IMAGES="200",
        DIGITMILL_BLOBS_URL=f"s3://{BUCKET}/here",
        DIGITMILL_LEASE_SECONDS="1",
        DIGITMILL_IMAGE_SECONDS=str(IMAGE_SECONDS),
        DIGITMILL_MAX_ATTEMPTS=str(ATTEMPTS),
        DIGITMILL_SOURCE_PREFIXES=f"s3://{BUCKET}/in",
        DIGITMILL_RESULT_PREFIXES=f"s3://{BUCKET}/out",
        **own_s3.environment,
    )
    try:
        stack.start("redis")
        stack.start("web")
        stack.wait_for_web()
        yield stack
    finally:
        stack.close()


def objects(server: S3) -> str:
    return httpx.get(f"{server.environment['AWS_ENDPOINT_URL']}/{BUCKET}?prefix=here/").text


def test_a_pile_is_read_from_s3_and_goes_with_its_job(stack: Stack, own_s3: S3) -> None:
    stack.start("worker")
    job_id = submit_pile(stack)
    assert job_id in objects(own_s3)
    assert_every_row_once(stack, job_id)
    with stack.client() as client:
        client.delete(job_id)
    assert job_id not in objects(own_s3)


def test_a_server_that_hangs_costs_time_and_no_image(stack: Stack, own_s3: S3) -> None:
    good = next(iter(sample_images().values()))
    with stack.client() as client:
        job_id = client.submit([("pile.zip", io.BytesIO(zip_of({f"{n:02}.png": good for n in range(IMAGES)})))]).id
        own_s3.hang()
        try:
            stack.start("worker")
            stack.wait_for(lambda: client.job(job_id).state == "running", "a worker to claim the chunk")
            # an image that took so long would have failed by now
            time.sleep((ATTEMPTS + 2) * IMAGE_SECONDS)
            job = client.job(job_id)
            assert (job.state, job.counts.done) == ("running", 0)
        finally:
            own_s3.go_on()
        job = client.wait(job_id, timeout=60)
    assert (job.state, job.counts.failed, job.counts.total) == ("completed", 0, IMAGES)
    assert "exited" not in stack.log("worker"), "its process was ended"


def test_images_come_from_a_bucket_and_rows_go_to_one_though_the_worker_that_writes_is_killed(
    stack: Stack, own_s3: S3
) -> None:
    server = f"{own_s3.environment['AWS_ENDPOINT_URL']}/{BUCKET}"
    for number, image in enumerate(sample_images().values()):
        httpx.put(f"{server}/in/day/{number:03}.png", content=image).raise_for_status()
    source = {"source": f"s3://{BUCKET}/in/day", "options": {"results_url": f"s3://{BUCKET}/out/day.parquet"}}
    answer = httpx.post(f"{stack.url}/v1/jobs", json=source, timeout=60)
    assert answer.status_code == 202, answer.text
    job_id, images = answer.json()["id"], answer.json()["counts"]["total"]
    # of its uploads the service reads this one from its own storage; the writing alone meets a server that hangs
    stack.start("worker")
    stack.wait_for(lambda: stack.redis.zscore("dm:webhooks:due", f"{job_id}{RESULTS_EVENT}") is not None, "the end")
    own_s3.hang()
    stack.kill("worker")
    own_s3.go_on()
    # as if the lease of the worker that was killed had ended
    stack.redis.zadd("dm:webhooks:due", {f"{job_id}{RESULTS_EVENT}": time.time()}, xx=True)
    stack.start("worker-2")

    def state() -> str:
        (delivery,) = httpx.get(f"{stack.url}/v1/jobs/{job_id}/deliveries").json()["deliveries"]
        return str(delivery["state"])

    stack.wait_for(lambda: state() == "delivered", "the rows to be written")
    signed = {"Authorization": "AWS anyone:anything"}
    written = httpx.get(f"{server}/out/day.parquet", headers=signed).raise_for_status().content
    table = read_parquet(io.BytesIO(written)).read_all()
    assert table["index"].to_pylist() == list(range(images))
    assert table["name"].to_pylist() == [f"{number:03}.png" for number in range(images)]
