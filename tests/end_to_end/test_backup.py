"""A Redis that comes up empty, and a backup brought back into it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from digitmill.cli.service import SAMPLES
from digitmill.client import Client, Row
from tests.end_to_end.conftest import Stack

pytestmark = pytest.mark.service

DIGITS = SAMPLES / "digits.zip"
PAGES = SAMPLES / "tally-pages.zip"


def digitmill(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
    return subprocess.run(
        [sys.executable, "-m", "digitmill.cli", *arguments],
        env=others | stack.settings,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["code"])


def age(blobs: Path) -> None:
    """Let every upload have been written long ago."""
    for path in blobs.iterdir():
        os.utime(path, (time.time() - 7200,) * 2)


def until_cleared(stack: Stack) -> None:
    """Until uploads without a record have been looked for in an empty Redis, or that was refused."""
    stack.wait_for(
        lambda: "purge_failed" in stack.log("worker") or bool(stack.redis.exists("dm:lock:orphans")), "the clearing"
    )
    # what is under way has its time, too
    time.sleep(2)


def test_an_empty_redis_answers_nobody_removes_nothing_and_takes_a_backup_back(
    own_stack: Stack, tmp_path: Path
) -> None:
    stack, blobs = own_stack, tmp_path / "var" / "blobs"
    key = digitmill(stack, "keys", "create", "--name", "room 7", "--scopes", "submit,read,review").stdout.strip()
    with Client(stack.url, key) as client:
        done = client.wait(client.submit([DIGITS]).id, timeout=240)
        corrected = client.correct(done.id, 0, prediction="7")
        stack.stop("worker")
        opened = client.submit([DIGITS] * 3)
        rows = list(client.results(done.id))
    kept = {path.name: path.read_bytes() for path in blobs.iterdir()}
    assert len(kept) >= 3  # two uploads and the mark of the store
    taken = digitmill(stack, "backup", str(tmp_path))
    assert taken.returncode == 0, taken.stderr
    backup = Path(taken.stdout.strip())
    assert backup.stat().st_mode & 0o077 == 0

    stack.redis.flushall()
    # what web and workers may still note before they see it
    stack.redis.set("dm:clock", 7)
    stack.redis.hset("dm:job:unrecorded:plan", "starts", b"")
    age(blobs)
    stack.start("worker")
    until_cleared(stack)
    assert {path.name: path.read_bytes() for path in blobs.iterdir()} == kept
    for web in ("as it was", "started again"):
        if web == "started again":
            stack.kill("web")
            stack.start("web")
            stack.wait_for_web()
        stranger = httpx.get(f"{stack.url}/v1/jobs")
        known = httpx.get(f"{stack.url}/v1/jobs", headers={"Authorization": f"Bearer {key}"})
        sent = httpx.post(f"{stack.url}/v1/jobs", files={"file": ("1.png", b"no picture")})
        for answer in (stranger, known, sent, httpx.get(f"{stack.url}/readyz")):
            assert (answer.status_code, code_of(answer)) == (503, "store_replaced"), web
        assert httpx.get(f"{stack.url}/sign-in").status_code == 503
    told = digitmill(stack, "doctor", "--json")
    assert told.returncode == 1
    assert "store_replaced" in [finding["code"] for finding in json.loads(told.stdout)["findings"]]
    assert "is not the one" in digitmill(stack, "keys", "create", "--name", "x", "--scopes", "read").stderr
    assert "is not the one" in digitmill(stack, "backup", str(tmp_path / "of an empty one.zip")).stderr

    for path in blobs.iterdir():
        if path.name != ".store":
            path.unlink()
    restored = digitmill(stack, "restore", str(backup))
    assert restored.returncode == 0, restored.stderr
    stack.wait_until_ready()
    assert not stack.redis.exists("dm:job:unrecorded:plan")
    assert httpx.get(f"{stack.url}/v1/jobs").status_code == 401
    with Client(stack.url, key) as client:
        assert list(client.results(done.id)) == rows
        assert client.row(done.id, 0).correction == corrected.correction
        again = client.wait(opened.id, timeout=240)
        assert (again.state, again.counts.total) == ("completed", 3 * done.counts.total)
        assert [row.index for row in client.results(opened.id)] == list(range(again.counts.total))
        assert client.image(done.id, 1)
    repeated = digitmill(stack, "restore", str(backup))
    assert (repeated.returncode, "was restored already" in repeated.stderr) == (0, True)


def test_templates_pages_and_reviews_of_forms_come_back(own_stack: Stack, tmp_path: Path) -> None:
    stack, blobs = own_stack, tmp_path / "var" / "blobs"
    with stack.client() as client:
        label = client.publish_template(SAMPLES / "tally.json", SAMPLES / "tally.png").label
        done = client.wait(client.submit([PAGES], read="form", template=label).id, timeout=240)
        fields = {0: ("station", "4092817"), 2: ("total", "87")}
        for index, (field, text) in fields.items():
            client.correct(done.id, index, field=field, prediction=text)
        client.take_back(done.id, 2, field="total", revision=1)
        rows = list(client.results(done.id))
        history = client.history(done.id, 2, field="total")
        held = client.hold(done.id, "desk").rows
        template = client.template(*label.split("@")).document
        pictures = [client.image(done.id, index, "marked") for index in range(len(rows))]
        backup = Path(digitmill(stack, "backup", str(tmp_path)).stdout.strip())
        stack.kill("worker")
        stack.redis.flushall()
        for path in blobs.iterdir():
            if path.name != ".store":
                path.unlink()
        assert digitmill(stack, "restore", str(backup)).returncode == 0
        stack.start("worker")
        stack.wait_until_ready()
        assert client.template(*label.split("@")).document == template
        assert list(client.results(done.id)) == rows
        assert client.history(done.id, 2, field="total") == history
        assert [row.index for row in client.hold(done.id, "desk").rows] == [row.index for row in held]
        assert [client.image(done.id, index, "marked") for index in range(len(rows))] == pictures
        # the template still reads, and what is answered still counts
        again = client.wait(client.submit([PAGES], read="form", template=label).id, timeout=240)
        assert [_read(row) for row in client.results(again.id)] == [_read(row) for row in rows]
        assert client.correct(done.id, 0, field="station", prediction="4092818", revision=1).revision == 2
        assert wrong_with(stack) == []


def wrong_with(stack: Stack) -> list[dict[str, str]]:
    """What the doctor finds wrong; how full the disk of this machine is does not count."""
    findings = json.loads(digitmill(stack, "doctor", "--json").stdout)["findings"]
    return [each for each in findings if each["wrong"] and each["code"] != "disk_nearly_full"]


def _read(row: Row) -> dict[str, str | None]:
    return {name: field.value for name, field in (row.fields or {}).items()}


def test_a_backup_while_jobs_are_under_way_is_of_one_instant_and_they_go_on(own_stack: Stack, tmp_path: Path) -> None:
    stack = own_stack
    with stack.client() as client:
        # so many that they are not done before the program of the backup has started
        job = client.submit([DIGITS] * 100)
        stack.wait_for(lambda: client.job(job.id).counts.done > 0, "the first rows")
        file = Path(digitmill(stack, "backup", str(tmp_path / "half.zip")).stdout.strip())
        assert client.wait(job.id, timeout=240).state == "completed"
        rows = list(client.results(job.id))
        stack.kill("worker")
        stack.redis.flushall()
        assert digitmill(stack, "restore", str(file)).returncode == 0
        stack.wait_for(lambda: httpx.get(f"{stack.url}/v1/jobs").is_success, "the restored store")
        half = client.job(job.id)
        stored = stack.redis.hgetall(f"dm:job:{job.id}:rows")
        assert 0 < half.counts.done < half.counts.total
        assert int(stack.redis.get("dm:queued") or 0) == half.counts.total - half.counts.done
        assert len(stored) == half.counts.done // 20
        stack.start("worker")
        assert client.wait(job.id, timeout=240).state == "completed"
        assert list(client.results(job.id)) == rows


def test_a_store_that_is_accepted_begins_anew_and_asks_for_keys_as_before(own_stack: Stack) -> None:
    stack = own_stack
    assert "nothing to accept" in digitmill(stack, "accept-empty-store").stderr
    digitmill(stack, "keys", "create", "--name", "room 7", "--scopes", "submit,read")
    stack.wait_for(lambda: httpx.get(f"{stack.url}/v1/jobs").status_code == 401, "keys to be asked")
    stack.redis.flushall()
    stack.wait_for(lambda: httpx.get(f"{stack.url}/v1/jobs").status_code == 503, "calls to be refused")
    accepted = digitmill(stack, "accept-empty-store")
    assert accepted.returncode == 0, accepted.stderr
    assert "The keys are gone" in accepted.stderr
    for _ in range(2):
        stack.wait_for(lambda: httpx.get(f"{stack.url}/v1/jobs").status_code == 401, "keys to be asked again")
        stack.kill("web")
        stack.start("web")
        stack.wait_for_web()
    key = digitmill(stack, "keys", "create", "--name", "room 7", "--scopes", "submit,read").stdout.strip()
    with Client(stack.url, key) as client:
        assert client.wait(client.submit([DIGITS]).id, timeout=240).state == "completed"


def test_a_backup_that_is_cut_off_or_damaged_changes_nothing(own_stack: Stack, tmp_path: Path) -> None:
    stack = own_stack
    with stack.client() as client:
        client.wait(client.submit([DIGITS]).id, timeout=240)
    file = tmp_path / "whole.zip"
    assert digitmill(stack, "backup", str(file)).returncode == 0
    assert "already" in digitmill(stack, "backup", str(file)).stderr
    content = file.read_bytes()
    (tmp_path / "half.zip").write_bytes(content[: len(content) // 2])
    middle = len(content) // 2
    (tmp_path / "bit.zip").write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.png", b"")
    stack.redis.flushall()
    for name in ("half.zip", "bit.zip", "other.zip"):
        refused = digitmill(stack, "restore", str(tmp_path / name))
        assert refused.returncode == 1
        assert "take another" in refused.stderr
        found: Any = stack.redis.keys("dm:*")
        # what workers that live say of themselves
        own = (b"dm:lock", b"dm:workers", b"dm:tally:measures")
        assert [name for name in found if not name.startswith(own)] == []
    # a restore that was cut off midway leaves the service closed, and is done again
    stack.redis.set("dm:store", "restoring")
    stack.redis.hset("dm:job:half", "owner", "nobody")
    stack.wait_for(lambda: httpx.get(f"{stack.url}/v1/jobs").status_code == 503, "calls to be refused")
    assert digitmill(stack, "restore", str(file)).returncode == 0
    stack.wait_until_ready()
