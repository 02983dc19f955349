"""What processes run on goes wrong: Redis, storage, clock, scheduler. Nothing is lost and nothing doubled."""

from __future__ import annotations

import io
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from digitmill.jobs.jobs import TINY_BYTES
from digitmill.queue import Queue, celery_app
from tests.archives import zip_of
from tests.built_in import FOLDER, MANIFEST
from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.test_faults import assert_every_row_once, done, submit_pile, wait_until_midway
from tests.end_to_end.test_service import sample_images

ODD = ("-m", "tests.end_to_end.odd_process")
MINUTES = pytest.mark.soak


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for all faults that go by. Its storage and its disk can be made to fail."""
    folder = tmp_path_factory.mktemp("surroundings")
    stack = new_stack(
        folder,
        DIGITMILL_WORKER_CONCURRENCY="1",
        DIGITMILL_CHUNK_IMAGES="20",
        DIGITMILL_MAX_ATTEMPTS="3",
        DIGITMILL_BLOBS_URL=f"faulty://{folder}/uploads",
    )
    try:
        stack.start("redis")
        stack.start("worker", *ODD, "worker", "faulty-storage")
        stack.start("web", *ODD, "web", "faulty-storage", "small-disk")
        stack.wait_until_ready()
        yield stack
    finally:
        stack.close()


def fault(stack: Stack) -> Path:
    return stack.folder / "uploads.fault"


def freeze(stack: Stack, name: str) -> None:
    os.killpg(stack.processes[name].pid, signal.SIGSTOP)


def thaw(stack: Stack, name: str) -> None:
    os.killpg(stack.processes[name].pid, signal.SIGCONT)


def submission(stack: Stack, content: bytes) -> httpx.Response:
    return httpx.post(f"{stack.url}/v1/jobs", content=content, headers={"Content-Type": "application/zip"}, timeout=60)


def stored(images: Mapping[str, bytes]) -> bytes:
    """A zip of them and of what makes it too large to lie in Redis."""
    return zip_of({**images, "more.bin": os.urandom(TINY_BYTES)})


def assert_refused(answer: httpx.Response, *codes: str) -> None:
    assert (answer.status_code, answer.json()["code"] in codes) == (503, True), answer.text
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize("seconds", [6, pytest.param(30, marks=MINUTES)])
def test_a_redis_that_stands_still_for_a_while_loses_nothing(stack: Stack, seconds: float) -> None:
    job_id = submit_pile(stack)
    wait_until_midway(stack, job_id)
    freeze(stack, "redis")
    time.sleep(seconds)
    thaw(stack, "redis")
    assert_every_row_once(stack, job_id)


def test_a_full_redis_refuses_what_is_new_and_loses_nothing(stack: Stack) -> None:
    job_id = submit_pile(stack)
    wait_until_midway(stack, job_id)
    server = stack.redis
    # far below: what clients and scripts take for a moment comes and goes
    server.config_set("maxmemory", int(server.info("memory")["used_memory"]) // 2)
    try:
        image = next(iter(sample_images().values()))
        stack.wait_for(lambda: submission(stack, zip_of({"1.png": image})).status_code == 503, "a refusal")
        assert_refused(submission(stack, zip_of({"1.png": image})), "overloaded", "storage_unavailable")
        reached = done(stack, job_id)
        time.sleep(3)
        assert done(stack, job_id) <= reached + 20, "the chunk at hand, at the most"
    finally:
        server.config_set("maxmemory", 0)
    assert_every_row_once(stack, job_id)
    assert stack.processes["worker"].poll() is None


def test_a_storage_that_is_down_for_longer_than_all_attempts_take_fails_no_image(stack: Stack) -> None:
    job_id = submit_pile(stack)
    wait_until_midway(stack, job_id)
    before = len(stack.log("worker"))
    fault(stack).write_text("down")
    given_back = stack.log("worker").count("chunk_given_back")
    stack.wait_for(lambda: stack.log("worker").count("chunk_given_back") > given_back + 5, "some attempts")
    fault(stack).unlink()
    assert_every_row_once(stack, job_id)
    told = stack.log("worker")[before:]
    assert "storage_failed_midway" in told
    assert "raised unexpected" not in told, "a line is enough for what is known to happen"
    with stack.client() as client:
        # one of the samples is damaged
        assert {row.error.code for row in client.results(job_id) if row.error} == {"truncated_image"}


@MINUTES
def test_a_storage_slower_than_the_lease_loses_nothing(stack: Stack) -> None:
    image = next(iter(sample_images().values()))
    fault(stack).write_text("slow 4")
    try:
        with stack.client() as client:
            job_id = submission(stack, stored({"1.png": image, "2.png": image})).json()["id"]
            job = client.wait(job_id, timeout=240)
            assert (job.state, job.counts.recognized, job.counts.failed) == ("completed", 2, 1)
    finally:
        fault(stack).unlink()


def test_a_full_storage_refuses_an_upload_and_keeps_nothing_of_it(stack: Stack) -> None:
    before = sorted((stack.folder / "uploads").glob("*"))
    fault(stack).write_text("full")
    try:
        image = next(iter(sample_images().values()))
        assert_refused(submission(stack, stored({"1.png": image})), "storage_unavailable")
    finally:
        fault(stack).unlink()
    assert sorted((stack.folder / "uploads").glob("*")) == before
    assert list((stack.folder / "var" / "spool").glob("*")) == []


def test_a_full_disk_under_the_web_server_refuses_an_upload_and_serves_the_next(stack: Stack) -> None:
    assert_refused(submission(stack, bytes(6 << 20)), "storage_unavailable")
    assert list((stack.folder / "var" / "spool").glob("*")) == []
    image = next(iter(sample_images().values()))
    answer = submission(stack, zip_of({"1.png": image}))
    assert answer.status_code == 202
    with stack.client() as client:
        assert client.wait(answer.json()["id"], timeout=60).state == "completed"


def test_wakeups_that_come_five_hundred_times_change_nothing(stack: Stack) -> None:
    job_id = submit_pile(stack)
    queue = Queue(celery_app(stack.settings["DIGITMILL_REDIS_URL"]))
    for _ in range(500):
        queue.wake()
    assert_every_row_once(stack, job_id)


def freeze_with_a_chunk(stack: Stack) -> None:
    """Freeze the worker in a moment at which it holds a chunk."""

    def caught() -> bool:
        freeze(stack, "worker")
        if stack.redis.zcard("dm:leases") == 1:
            return True
        thaw(stack, "worker")
        return False

    stack.wait_for(caught, "a moment at which the worker holds a chunk")


def test_a_worker_that_slept_past_its_lease_changes_nothing_when_it_wakes(stack: Stack) -> None:
    job_id = submit_pile(stack)
    wait_until_midway(stack, job_id)
    freeze_with_a_chunk(stack)
    stack.start("worker-2", *ODD, "worker", "faulty-storage", "ahead")
    try:
        assert_every_row_once(stack, job_id)
        with stack.client() as client:
            rows, job = list(client.results(job_id)), client.job(job_id)
    finally:
        stack.stop("worker-2")
    thaw(stack, "worker")
    # once the worker answers the next job it is done with what it held
    assert_every_row_once(stack, submit_pile(stack))
    with stack.client() as client:
        assert list(client.results(job_id)) == rows
        assert client.job(job_id) == job
    # the clock of worker-2 is two hours ahead, and nothing shows it
    assert job.finished_at is not None
    assert job.started_at is not None
    assert 0 <= (job.finished_at - job.created_at).total_seconds() < 600
    assert "work_lost" not in stack.log("worker-2")


@MINUTES
def test_web_and_worker_told_to_stop_under_load_keep_what_they_accepted(stack: Stack) -> None:
    image = next(iter(sample_images().values()))
    small = zip_of({f"{n}.png": image for n in range(30)})
    accepted: list[str] = []
    stopped = threading.Event()

    def submit_again_and_again() -> None:
        while not stopped.is_set():
            try:
                answer = submission(stack, small)
            except httpx.TransportError:
                # nobody listens: nothing was accepted
                stopped.wait(0.1)
            else:
                assert answer.status_code == 202, answer.text
                accepted.append(answer.json()["id"])

    with ThreadPoolExecutor(3) as pool:
        submitters = [pool.submit(submit_again_and_again) for _ in range(3)]
        stack.wait_for(lambda: len(accepted) > 10, "some jobs")
        assert [stack.stop("web"), stack.stop("worker")] == [0, 0]
        before = len(accepted)
        stack.start("worker", *ODD, "worker", "faulty-storage")
        stack.start("web", *ODD, "web", "faulty-storage", "small-disk")
        stack.wait_for(lambda: len(accepted) > before + 5, "more jobs")
        stopped.set()
        for submitter in submitters:
            submitter.result()
    with stack.client() as client:
        for job_id in accepted:
            job = client.wait(job_id, timeout=240)
            assert (job.state, job.counts.done) == ("completed", 30)


@MINUTES
def test_a_worker_that_lacks_the_model_leaves_the_job_to_one_that_has_it(stack: Stack) -> None:
    publish_copy(stack.folder / "var" / "models", name="other")
    stack.stop("worker")
    usual = dict(stack.settings)
    stack.settings |= {"DIGITMILL_MODELS_URL": f"file://{stack.folder}/no-models", "DIGITMILL_MAX_ATTEMPTS": "100"}
    stack.start("worker-without", *ODD, "worker", "faulty-storage")
    stack.settings = usual
    image = next(iter(sample_images().values()))
    with stack.client() as client:
        job_id = client.submit([("1.png", io.BytesIO(image))], model="other@1").id
        stack.wait_for(lambda: "chunk_sent_on" in stack.log("worker-without"), "the model to be missed")
        stack.start("worker", *ODD, "worker", "faulty-storage")
        job = client.wait(job_id, timeout=240)
    assert (job.state, job.model.name, job.counts.done) == ("completed", "other", 1)
    stack.stop("worker-without")


def publish_copy(folder: Path, *, name: str) -> None:
    """The built-in model once more, under another name."""
    place = folder / name / "1"
    shutil.copytree(FOLDER, place)
    (place / "manifest.json").write_text(MANIFEST.model_copy(update={"name": name, "version": "1"}).to_json())
