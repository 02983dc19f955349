"""A store that an earlier release itself filled is carried over whole, and stays the admin's when the key changes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from tests.archives import zip_of
from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.test_service import sample_images
from tests.receiver import Receiver, receiving

EARLIER = "c11bf03a7f4815d2eb6892272cb69a3097df4c22"
"""The last commit in which the owner of the admin key's jobs was the digest of that key."""
REPOSITORY = Path(__file__).parents[2]
BEFORE, AFTER = "the admin key of before", "the admin key of after"
IMAGES = 400
EXPIRES_IN = 3600
"""Long enough that the job is there when the earlier release ends, however busy the machine is; see ``expire``."""


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """The code of the earlier release."""
    if subprocess.run(["git", "cat-file", "-e", f"{EARLIER}^{{commit}}"], cwd=REPOSITORY, check=False).returncode:
        pytest.skip(f"this clone is without commit {EARLIER[:7]}: the upgrade from the release before is not tested")
    code = subprocess.run(["git", "archive", EARLIER], cwd=REPOSITORY, check=True, capture_output=True).stdout
    with tarfile.open(fileobj=io.BytesIO(code)) as archive:
        archive.extractall(tmp_path / "earlier", filter="data")
    return tmp_path / "earlier"


@pytest.fixture
def stack(tmp_path: Path, earlier: Path) -> Iterator[Stack]:
    """The earlier release is ready."""
    stack = new_stack(
        tmp_path,
        DIGITMILL_WORKER_CONCURRENCY="1",
        DIGITMILL_CHUNK_IMAGES="20",
        DIGITMILL_WEBHOOK_PRIVATE_ADDRESSES="true",
        DIGITMILL_ADMIN_KEY=BEFORE,
        PYTHONPATH=str(earlier),
    )
    try:
        for name in ("redis", "worker", "web"):
            stack.start(name)
        stack.wait_until_ready()
        yield stack
    finally:
        stack.close()


def submit(http: httpx.Client, content: bytes, *, key: str | None = None, **options: str) -> Any:
    headers = {"Content-Type": "application/zip"} | ({} if key is None else {"Idempotency-Key": key})
    answer = http.post("/v1/jobs", content=content, params=options, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()


def job(http: httpx.Client, job_id: str) -> Any:
    return http.get(f"/v1/jobs/{job_id}").raise_for_status().json()


def rows(http: httpx.Client, job_id: str) -> Any:
    return http.get(f"/v1/jobs/{job_id}/results", params={"limit": 1000}).raise_for_status().json()["results"]


def said(row: Any) -> list[Any]:
    """What a row says that either release tells of."""
    correction = row["correction"] and {name: row["correction"][name] for name in ("prediction", "status", "by", "at")}
    return [*(row[name] for name in ("index", "name", "status", "prediction", "revision")), correction]


def expire(stack: Stack, job_id: str) -> None:
    """Let the time of the job be over."""
    now = time.time()
    stack.redis.hset(f"dm:job:{job_id}", "expires_at", str(now))
    stack.redis.zadd("dm:expiry", {job_id: now})


def wait_until_final(stack: Stack, http: httpx.Client, job_id: str) -> None:
    stack.wait_for(lambda: job(http, job_id)["state"] == "completed", f"job {job_id} to be completed", 240)


def wait_until_told(stack: Stack, receiver: Receiver, secret: str, job_id: str) -> None:
    """Until an event tells of the job; the signatures of all are held against the secret."""

    def told() -> bool:
        events = [Webhook(secret).verify(request.body, request.headers) for request in list(receiver.received)]
        return job_id in [event["data"]["id"] for event in events]

    stack.wait_for(told, f"the event of job {job_id}", 240)


def webhook_secret(stack: Stack, code: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "digitmill.cli", "keys", "webhook-secret", "admin"],
        env={**os.environ, **stack.settings},
        cwd=code,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def restart_web(stack: Stack, admin_key: str) -> None:
    """With the code of today."""
    stack.stop("web")
    stack.settings |= {"PYTHONPATH": str(REPOSITORY), "DIGITMILL_ADMIN_KEY": admin_key}
    stack.start("web")
    stack.wait_for_web()


def calls(stack: Stack, key: str) -> httpx.Client:
    return httpx.Client(base_url=stack.url, headers={"Authorization": f"Bearer {key}"}, timeout=60)


@pytest.mark.service
def test_jobs_of_the_release_before_outlive_the_upgrade_and_the_admin_key(stack: Stack, earlier: Path) -> None:
    small = zip_of(sample_images())
    samples = list(sample_images().values())
    large = zip_of({f"{n:04}.png": samples[n % len(samples)] for n in range(IMAGES)})
    secret = webhook_secret(stack, earlier)
    with receiving() as receiver:
        with calls(stack, BEFORE) as http:
            finished = submit(http, small, key="finished", webhook_url=receiver.url)["id"]
            wait_until_final(stack, http, finished)
            wait_until_told(stack, receiver, secret, finished)
            seen = rows(http, finished)
            read = next(row for row in seen if row["status"] == "recognized")
            corrected = f"/v1/jobs/{finished}/results/{read['index']}"
            digit = str((int(read["prediction"]) + 1) % 10)
            http.patch(corrected, json={"prediction": digit}, headers={"If-Match": '"0"'}).raise_for_status()
            seen = rows(http, finished)
            running = submit(http, large)["id"]
            stack.wait_for(lambda: job(http, running)["counts"]["done"] > 0, "the first rows")
            stack.kill("worker")
            queued = submit(http, large, key="queued", webhook_url=receiver.url)["id"]
            stack.start("worker")
            expiring = submit(http, small, expires_in=str(EXPIRES_IN))["id"]
            wait_until_final(stack, http, expiring)
            stack.kill("worker")
        digest = next(iter(stack.redis.scan_iter("dm:jobs:*"))).decode()
        assert digest != "dm:jobs:admin"

        restart_web(stack, BEFORE)
        # no call with the admin key comes between: the start alone carries over
        assert not stack.redis.exists(digest)
        restart_web(stack, AFTER)
        stack.start("worker")
        stack.wait_until_ready()

        with calls(stack, BEFORE) as http:
            assert http.get("/v1/jobs").status_code == 401
        with calls(stack, AFTER) as http:
            listed = [found["id"] for found in http.get("/v1/jobs").raise_for_status().json()["jobs"]]
            assert listed == [expiring, queued, running, finished]
            assert [said(row) for row in rows(http, finished)] == [said(row) for row in seen]
            (change,) = http.get(f"{corrected}/history").raise_for_status().json()["history"]
            assert (change["by"], change["after"]["prediction"]) == ("admin", digit)
            for job_id in (running, queued):
                wait_until_final(stack, http, job_id)
                assert [row["index"] for row in rows(http, job_id)] == list(range(IMAGES))
            wait_until_told(stack, receiver, secret, queued)
            assert submit(http, small, key="finished", webhook_url=receiver.url)["id"] == finished
            assert submit(http, large, key="queued", webhook_url=receiver.url)["id"] == queued
            late = submit(http, small, webhook_url=receiver.url)["id"]
            wait_until_told(stack, receiver, secret, late)
            expire(stack, expiring)
            stack.wait_for(lambda: http.get(f"/v1/jobs/{expiring}").status_code == 410, "the expiry")
            stack.wait_for(lambda: stack.redis.zscore("dm:jobs:admin", expiring) is None, "its clearing away")
    assert not [name for name in stack.redis.scan_iter() if digest.removeprefix("dm:jobs:").encode() in name]
