"""Webhooks from a real worker: signed with the secret that the command line made, and none lost on the way."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.test_service import sample_images
from tests.receiver import Received, Receiver, receiving

pytestmark = pytest.mark.service


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A Redis and a web server; the worker is the test's to start."""
    started = new_stack(tmp_path, DIGITMILL_WEBHOOK_PRIVATE_ADDRESSES="true", DIGITMILL_WORKER_CONCURRENCY="1")
    try:
        for name in ("redis", "web"):
            started.start(name)
        started.wait_for_web()
        yield started
    finally:
        started.close()


def secret(stack: Stack) -> str:
    return digitmill(stack, "keys", "webhook-secret")


def digitmill(stack: Stack, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "digitmill.cli", *arguments],
        env={**os.environ, **stack.settings, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=stack.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def key_of(stack: Stack, name: str) -> str:
    """The key of a new owner, whose webhooks can be signed."""
    key = digitmill(stack, "keys", "create", "--name", name, "--scopes", "submit,read")
    digitmill(stack, "keys", "webhook-secret", key.split("_")[1])
    return key


def submit(stack: Stack, receiver: Receiver, key: str = "") -> str:
    files = [("files", (name, io.BytesIO(data))) for name, data in sample_images().items()]
    options = f'{{"webhook_url": "{receiver.url}"}}'
    named = {"Authorization": f"Bearer {key}"} if key else {}
    answer = httpx.post(f"{stack.url}/v1/jobs", files=files, data={"options": options}, headers=named)
    assert answer.status_code == 202, answer.text
    job_id: str = answer.json()["id"]
    return job_id


def test_no_event_is_lost_while_workers_and_messages_are(stack: Stack) -> None:
    signing = secret(stack)
    with receiving() as receiver:
        receiver.statuses = [503, 204]
        cancelled, completed = submit(stack, receiver), submit(stack, receiver)
        httpx.post(f"{stack.url}/v1/jobs/{cancelled}/cancel").raise_for_status()
        assert stack.redis.delete("webhooks") == 1, "no worker lives, so the message waits"
        stack.start("worker")
        stack.wait_for(lambda: len(receiver.received) >= 3, "both events, one of them twice")
        told = [Webhook(signing).verify(request.body, request.headers) for request in receiver.received]
        assert {(event["type"], event["data"]["id"]) for event in told} == {
            ("job.cancelled", cancelled), ("job.completed", completed),
        }  # fmt: skip
        for job_id in (cancelled, completed):
            stack.wait_for(lambda job_id=job_id: _state(stack, job_id) == "delivered", "the log")  # type: ignore[misc]
    assert len({request.headers["webhook-id"] for request in receiver.received}) == 2
    assert len(receiver.received) == 3
    assert stack.redis.zcard("dm:webhooks:due") == 0
    assert all(signing not in stack.log(name) for name in ("web", "worker"))


def test_a_worker_killed_while_it_sends_leaves_the_event_to_another(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    signing = secret(stack)
    begun, over = threading.Event(), threading.Event()
    with receiving() as receiver:
        take = receiver.take

        def hold_the_first(request: Received) -> int:
            status = take(request)
            if len(receiver.received) == 1:
                begun.set()
                over.wait(60)
            return status

        monkeypatch.setattr(receiver, "take", hold_the_first)
        stack.start("worker")
        job_id = submit(stack, receiver)
        stack.wait_for(begun.is_set, "the first attempt")
        stack.kill("worker")
        over.set()
        assert _state(stack, job_id) == "pending"
        # as if the two minutes of the lease had passed
        stack.redis.zadd("dm:webhooks:due", {job_id: time.time()}, xx=True)
        stack.start("worker-2")
        stack.wait_for(lambda: _state(stack, job_id) == "delivered", "the second attempt")
    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert Webhook(signing).verify(second.body, second.headers) == Webhook(signing).verify(first.body, first.headers)


def test_a_receiver_that_takes_long_holds_up_no_other_owners_events(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = key_of(stack, "mine"), key_of(stack, "other")
    over = threading.Event()
    with receiving() as slow, receiving() as quick:
        take = slow.take

        def take_long(request: Received) -> int:
            status = take(request)
            # less than what is cut off, so that it is not let be
            over.wait(10)
            return status

        monkeypatch.setattr(slow, "take", take_long)
        jobs = [submit(stack, slow, mine) for _ in range(40)]
        stack.start("worker")
        stack.wait_for(lambda: len(slow.received) >= 4, "what the slow receiver is told at a time")
        submit(stack, quick, other)
        stack.wait_for(lambda: len(quick.received) == 1, "the other owner's event")
        told = len(slow.received)
        over.set()
        assert told < len(jobs)
        stack.wait_for(lambda: len(slow.received) >= len(jobs), "the rest")


def _state(stack: Stack, job_id: str) -> str:
    (delivery,) = httpx.get(f"{stack.url}/v1/jobs/{job_id}/deliveries").json()["deliveries"]
    return str(delivery["state"])
