"""Processes that die while they work: nothing is lost and nothing doubled."""

from __future__ import annotations

import io
import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.archives import zip_of
from tests.end_to_end.conftest import STOP_SECONDS, Stack, new_stack
from tests.end_to_end.poisoned_worker import DEADLY, ENDLESS, GREEDY, SAID, SLOW
from tests.end_to_end.test_service import sample_images

IMAGES = 2000


def submit_pile(stack: Stack) -> str:
    images = list(sample_images().values())
    pile = zip_of({f"{n:05}.png": images[n % len(images)] for n in range(IMAGES)})
    with stack.client() as client:
        return client.submit([("pile.zip", io.BytesIO(pile))]).id


def done(stack: Stack, job_id: str) -> int:
    try:
        return int(httpx.get(f"{stack.url}/v1/jobs/{job_id}").json()["counts"]["done"])
    except (httpx.TransportError, KeyError):
        return 0


def wait_until_midway(stack: Stack, job_id: str) -> None:
    stack.wait_for(lambda: done(stack, job_id) > 0, "the first rows")
    assert done(stack, job_id) < IMAGES, "the job was over before anything could be broken"


def assert_every_row_once(stack: Stack, job_id: str) -> None:
    stack.wait_for(lambda: done(stack, job_id) == IMAGES, "all rows")
    with stack.client() as client:
        assert client.job(job_id).state == "completed"
        rows = list(client.results(job_id))
    assert [(row.index, row.name) for row in rows] == [(n, f"{n:05}.png") for n in range(IMAGES)]


def test_a_killed_worker_process_costs_nothing(own_stack: Stack) -> None:
    job_id = submit_pile(own_stack)
    wait_until_midway(own_stack, job_id)
    parent = own_stack.processes["worker"].pid
    children = subprocess.run(["pgrep", "-P", str(parent)], capture_output=True, text=True, check=True).stdout.split()
    os.kill(int(children[-1]), signal.SIGKILL)
    assert_every_row_once(own_stack, job_id)


def test_a_killed_worker_costs_nothing(own_stack: Stack) -> None:
    job_id = submit_pile(own_stack)
    wait_until_midway(own_stack, job_id)
    own_stack.kill("worker")
    own_stack.start("worker-2")
    assert_every_row_once(own_stack, job_id)


def test_a_worker_told_to_stop_finishes_its_chunk_and_hands_back_the_rest(own_stack: Stack) -> None:
    job_id = submit_pile(own_stack)
    wait_until_midway(own_stack, job_id)
    assert own_stack.stop("worker") == 0
    stopped_at = done(own_stack, job_id)
    assert own_stack.redis.zcard("dm:leases") == 0
    assert 0 < stopped_at < IMAGES
    own_stack.start("worker-2")
    assert_every_row_once(own_stack, job_id)


def test_a_killed_redis_comes_back_with_its_jobs(own_stack: Stack) -> None:
    job_id = submit_pile(own_stack)
    wait_until_midway(own_stack, job_id)
    own_stack.kill("redis")
    answer = httpx.get(f"{own_stack.url}/v1/jobs/{job_id}", timeout=30)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    own_stack.start("redis")
    assert_every_row_once(own_stack, job_id)


def test_a_killed_web_server_comes_back_with_its_jobs(own_stack: Stack) -> None:
    job_id = submit_pile(own_stack)
    own_stack.kill("web")
    own_stack.start("web")
    own_stack.wait_until_ready()
    assert_every_row_once(own_stack, job_id)


def test_a_worker_without_a_model_it_can_run_stops_and_says_why(own_stack: Stack) -> None:
    own_stack.stop("worker")
    own_stack.settings["DIGITMILL_DEVICE"] = "gpu"
    own_stack.start("worker-gpu")
    process = own_stack.processes["worker-gpu"]
    if process.wait(STOP_SECONDS) == 0:
        pytest.fail("the worker ended as if all were well")
    assert "gpu" in own_stack.log("worker-gpu").lower()


def test_an_image_that_kills_hangs_or_fills_the_process_costs_its_own_row(own_stack: Stack) -> None:
    own_stack.stop("worker")
    own_stack.settings["DIGITMILL_LEASE_SECONDS"] = "2"
    own_stack.settings["DIGITMILL_IMAGE_SECONDS"] = "3"
    own_stack.start("worker-poisoned", "-m", "tests.end_to_end.poisoned_worker")
    good = next(iter(sample_images().values()))
    members = {f"{n:02}.png": good for n in range(20)} | {"07.png": DEADLY, "10.png": GREEDY, "13.png": ENDLESS}
    with own_stack.client() as client:
        job_id = client.submit([("pile.zip", io.BytesIO(zip_of(members)))]).id
        job = client.wait(job_id, timeout=240)
        rows = list(client.results(job_id))
    assert job.state == "completed"
    assert [row.name for row in rows if row.error and row.error.code == "poison_image"] == ["07.png", "13.png"]
    assert [row.name for row in rows if row.error and row.error.code == "image_too_large"] == ["10.png"]
    assert sum(row.status in ("recognized", "review") for row in rows) == 17


def test_an_image_that_takes_longer_than_a_lease_is_read_once(own_stack: Stack) -> None:
    own_stack.stop("worker")
    own_stack.settings |= {"DIGITMILL_LEASE_SECONDS": "1", "DIGITMILL_WORKER_CONCURRENCY": "2"}
    own_stack.start("worker-slow", "-m", "tests.end_to_end.poisoned_worker")
    name, good = next(iter(sample_images().items()))
    with own_stack.client() as client:
        job = client.wait(client.submit([(name, io.BytesIO(good + SLOW))]).id, timeout=240)
    assert (job.state, job.counts.failed) == ("completed", 0)
    assert own_stack.log("worker-slow").count(SAID) == 1


def test_a_worker_that_is_started_before_redis_waits_for_it(tmp_path: Path) -> None:
    stack = new_stack(tmp_path, DIGITMILL_WORKER_CONCURRENCY="1")
    try:
        stack.start("worker")
        stack.wait_for(lambda: "worker_waits_for_storage" in stack.log("worker"), "the worker to miss Redis")
        stack.start("redis")
        stack.start("web")
        stack.wait_until_ready()
        assert stack.processes["worker"].poll() is None
    finally:
        stack.close()


def test_a_worker_that_hears_of_no_message_ends_itself_to_be_started_again(own_stack: Stack) -> None:
    own_stack.stop("worker")
    job_id = submit_pile(own_stack)
    own_stack.start("worker-deaf", "-m", "tests.end_to_end.odd_process", "worker", "deaf", "impatient")
    assert own_stack.processes["worker-deaf"].wait(STOP_SECONDS) != 0
    assert "consumer_is_stuck" in own_stack.log("worker-deaf")
    own_stack.start("worker-2")
    assert_every_row_once(own_stack, job_id)


def test_a_worker_whose_parent_is_stuck_is_killed_by_its_children(own_stack: Stack) -> None:
    own_stack.stop("worker")
    own_stack.start("worker-stuck", "-m", "tests.end_to_end.odd_process", "worker", "impatient")
    own_stack.wait_for(lambda: "worker_process_ready" in own_stack.log("worker-stuck"), "the worker")
    parent = own_stack.processes["worker-stuck"]
    os.kill(parent.pid, signal.SIGSTOP)
    job_id = submit_pile(own_stack)
    assert parent.wait(STOP_SECONDS) == -signal.SIGKILL
    own_stack.start("worker-2")
    assert_every_row_once(own_stack, job_id)


def test_a_worker_killed_among_small_jobs_costs_no_single_image(own_stack: Stack) -> None:
    image = next(iter(sample_images().values()))
    with httpx.Client(base_url=own_stack.url) as http:

        def submit() -> str:
            return str(http.post("/v1/jobs", content=image, headers={"Content-Type": "image/png"}).json()["id"])

        job_ids = [submit() for _ in range(20)]
        own_stack.kill("worker")
        job_ids += [submit() for _ in range(20)]
        own_stack.start("worker-2")

        def completed() -> bool:
            jobs = [http.get(f"/v1/jobs/{job_id}").json() for job_id in job_ids]
            return all(job["state"] == "completed" and job["counts"]["done"] == 1 for job in jobs)

        own_stack.wait_for(completed, "all images to have their row")
