"""A kind of work is added by one file and one line of registration: the rest of the service takes it as it is."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from digitmill.domain.jobs import ModelReference, Options
from digitmill.service import Service
from digitmill.settings import Settings
from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.napping import Nap, TrainersNap
from tests.end_to_end.test_service import sample_images
from tests.receiver import Receiver

pytestmark = pytest.mark.service

BED = ModelReference("bed", "1", "")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """The web server knows nothing of the new kind."""
    started = new_stack(tmp_path, DIGITMILL_WEBHOOK_PRIVATE_ADDRESSES="true", DIGITMILL_WORKER_CONCURRENCY="1")
    try:
        for name in ("redis", "web"):
            started.start(name)
        start_worker(started)
        started.wait_until_ready()
        yield started
    finally:
        started.close()


def start_worker(stack: Stack) -> None:
    stack.start("worker", "-m", "tests.end_to_end.napping")


def begin(stack: Stack, file: Path, receiver: Receiver, kind: type[Nap] = Nap) -> str:
    """The path of the job."""
    service = Service.open(Settings.load(stack.settings, env_file=None))
    service.webhooks.secrets.renew("local", overlap=0)
    options = Options(webhook_url=receiver.url)
    job = service.beginning.begin(
        "local", kind.name, kind.plan(file), options, total=kind.units, model=BED, role=kind.role
    )
    return f"{stack.url}/v1/jobs/{job.id}"


def events(stack: Stack, path: str) -> Iterator[tuple[str, Any]]:
    with httpx.stream("GET", f"{path}/events", timeout=60) as answer:
        kind = ""
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            kind = value if name == "event" else kind
            if name == "data":
                yield kind, json.loads(value)


def test_it_survives_its_workers_and_tells_of_progress_and_end(
    stack: Stack, tmp_path: Path, receiver: Receiver
) -> None:
    file = tmp_path / "morning"
    path = begin(stack, file, receiver)
    told = events(stack, path)
    assert next(job["progress"] for _, job in told if job["progress"]) == 0.5
    stack.kill("worker")
    start_worker(stack)
    stack.wait_for(lambda: attempts(stack, path) == 2, "the sweep to give it to another worker")
    # a worker that is to stop does not wait until the work is done, and the attempt does not count
    assert stack.stop("worker") == 0
    assert attempts(stack, path) == 1
    start_worker(stack)
    stack.wait_for(lambda: attempts(stack, path) == 2, "the next worker")
    file.touch()
    kind, job = list(told)[-1]
    assert (kind, job["state"], job["kind"], job["progress"]) == ("done", "completed", "nap", 1.0)
    assert (job["counts"]["done"], job["counts"]["failed"], job["model"]["name"]) == (2, 0, "bed")
    stack.wait_for(lambda: bool(receiver.received), "the webhook")
    event = json.loads(receiver.received[0].body)
    assert (event["type"], event["data"]["kind"]) == ("job.completed", "nap")
    rows = httpx.get(f"{path}/results")
    assert (rows.status_code, rows.json()["code"]) == (404, "not_found")
    assert httpx.delete(path).is_success
    assert httpx.get(path).status_code == 404


def test_a_worker_whose_redis_was_killed_while_it_worked_goes_on(
    stack: Stack, tmp_path: Path, receiver: Receiver
) -> None:
    # with one process it would listen to no further message, and miss no connection
    stack.stop("worker")
    stack.settings["DIGITMILL_WORKER_CONCURRENCY"] = "2"
    start_worker(stack)
    worker = stack.processes["worker"]
    for name in ("morning", "noon"):
        path = begin(stack, tmp_path / name, receiver)
        stack.wait_for(partial(_naps_and_listens, stack, path), "it to begin")
        connected = stack.log("worker").count("Connected to")
        stack.kill("redis")
        stack.start("redis")
        stack.wait_for(partial(_is_back, stack, connected), "the worker to be back")
        (tmp_path / name).touch()
        stack.wait_for(lambda: worker.poll() is not None or not stack.redis.exists("dm:active"), "its end")
    assert worker.poll() is None, stack.log("worker")[-3000:]


def _naps_and_listens(stack: Stack, path: str) -> bool:
    listeners: Any = stack.redis.client_list()
    return httpx.get(path).json()["progress"] == 0.5 and any("b" in listener["flags"] for listener in listeners)


def _is_back(stack: Stack, connected: int) -> bool:
    return stack.log("worker").count("Connected to") > connected


def test_one_that_is_cancelled_frees_its_worker(stack: Stack, tmp_path: Path, receiver: Receiver) -> None:
    path = begin(stack, tmp_path / "never", receiver)
    stack.wait_for(lambda: httpx.get(path).json()["progress"] == 0.5, "it to begin")
    assert httpx.post(f"{path}/cancel").json()["state"] == "cancelled"
    with stack.client() as client:
        job = client.submit([(name, io.BytesIO(data)) for name, data in sample_images().items()])
        job = client.wait(job.id, timeout=60)
    assert job.state == "completed"
    assert [job["kind"] for job in httpx.get(f"{stack.url}/v1/jobs").json()["jobs"]] == ["read", "nap"]
    stack.wait_for(lambda: bool(receiver.received), "the webhook")
    assert json.loads(receiver.received[0].body)["type"] == "job.cancelled"
    assert stack.redis.get("dm:queued") == b"0"


def test_what_needs_a_trainer_waits_for_one(stack: Stack, tmp_path: Path, receiver: Receiver) -> None:
    file = tmp_path / "morning"
    file.touch()
    path = begin(stack, file, receiver, TrainersNap)
    # the reader that runs has taken whatever it is given
    with stack.client() as client:
        job = client.submit([(name, io.BytesIO(data)) for name, data in sample_images().items()])
        assert client.wait(job.id, timeout=60).state == "completed"
    assert httpx.get(path).json()["state"] == "queued"
    stack.settings["DIGITMILL_WORKER_ROLE"] = "trainer"
    stack.start("trainer", "-m", "tests.end_to_end.napping")
    stack.wait_for(lambda: httpx.get(path).json()["state"] == "completed", "the trainer")
    assert len(stack.redis.zrange("dm:workers", 0, -1)) == 1
    assert httpx.get(f"{stack.url}/readyz").is_success


def attempts(stack: Stack, path: str) -> int:
    counted = stack.redis.hget(f"dm:job:{path.rpartition('/')[2]}:attempts", "0")
    return int(counted or 0)
