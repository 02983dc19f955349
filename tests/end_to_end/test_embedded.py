"""The one-command modes as a user runs them: ``digitmill demo`` and ``digitmill up``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import redis

from digitmill.cli.service import SAMPLES
from digitmill.client import Client
from tests.embedded.conftest import eventually

pytestmark = [
    pytest.mark.service,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are counted by way of /proc"),
]

PROGRAM = "import sys; from digitmill.cli import main; sys.exit(main())"
READY = "Digitmill is ready at "


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", PROGRAM, *arguments]


def environment(folder: Path, **settings: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("DIGITMILL_")}
    return others | {"TMPDIR": str(folder), "DIGITMILL_WORKER_CONCURRENCY": "1", **settings}


def test_the_demo_reads_every_sample_and_leaves_nothing_behind(tmp_path: Path) -> None:
    done = subprocess.run(command("demo"), env=environment(tmp_path), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    *printed, address = done.stdout.splitlines()
    assert address.startswith("Read at http://127.0.0.1:")
    digits = len((SAMPLES / "labels.csv").read_text().splitlines()) - 1
    with zipfile.ZipFile(SAMPLES / "numbers.zip") as archive:
        numbers = len(archive.namelist())
    for count in (digits, numbers):
        header, *rows, verdict = printed[: count + 2]
        assert header.split() == ["index", "status", "value", "confidence", "name"]
        assert [int(row.split()[0]) for row in rows] == list(range(count))
        assert verdict.endswith(f" of {count} rows say what their sample's name says.")
        del printed[: count + 2]
    with zipfile.ZipFile(SAMPLES / "tally-pages.zip") as archive:
        pages = archive.namelist()
    header, *rows, verdict = printed
    fields = header.split()[2:]
    assert header.split()[:2] == ["name", "status"]
    assert fields == ["station", "day", "male", "female", "total", "open", "remark"]
    assert [row.split()[0] for row in rows] == pages
    assert f" of {len(pages) * (len(fields) - 1)} fields say what is written on their page" in verdict
    assert list(tmp_path.iterdir()) == []
    assert processes_with(str(tmp_path)) == []


def processes_with(text: str) -> list[int]:
    """Processes that have ``text`` in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if text.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@contextmanager
def running_up(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``digitmill up`` on ``folder``/var, ready, and its address. It must end well, unless the block killed it."""
    settings = {"DIGITMILL_VAR": str(folder / "var"), "DIGITMILL_PORT": "0"}
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            command("up"),
            env=environment(folder, **settings),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line.startswith(READY), (folder / "errors").read_text()
        yield process, line.removeprefix(READY).strip()
    finally:
        process.terminate()
        rest = process.communicate(timeout=120)[0]
    assert rest == ""
    assert process.returncode in (0, -signal.SIGKILL)
    eventually(lambda: not processes_with(str(folder)), "every process has ended")


def test_the_clients_csv_is_the_services_own(tmp_path: Path) -> None:
    with running_up(tmp_path) as (_, url), Client(url) as client:
        job = client.wait(client.submit([("=1+1.png", SAMPLES / "labels.csv"), SAMPLES / "digits.zip"]).id)
        assert client.image(job.id, 1)[:8] == client.image(job.id, 1, view="normalised")[:8] == b"\x89PNG\r\n\x1a\n"
        for ending, write in (("csv", client.results_csv), ("ndjson", client.results_ndjson)):
            write(job.id, tmp_path / "rows")
            own = httpx.get(f"{url}/v1/jobs/{job.id}/results", params={"format": ending}).content
            assert (tmp_path / "rows").read_bytes() == own
        waited = client.submit([SAMPLES / "digits.zip"], wait=60)
        assert waited.results is not None
        assert [row.index for row in waited.results] == list(range(waited.counts.total))
        assert {job.id, waited.id} == {each.id for each in client.jobs()}
        client.delete(job.id)
        assert [each.id for each in client.jobs()] == [waited.id]


def test_killing_up_in_the_middle_of_a_job_leaves_no_process_and_loses_no_row(tmp_path: Path) -> None:
    with running_up(tmp_path) as (process, url), Client(url) as client:
        job = client.submit([SAMPLES / "digits.zip"] * 40)
        process.kill()
    with running_up(tmp_path) as (_, url), Client(url) as client:
        assert client.wait(job.id, timeout=240).state == "completed"
        assert [row.index for row in client.results(job.id)] == list(range(job.counts.total))


def test_a_job_goes_on_when_the_private_redis_dies_in_the_middle_of_it(tmp_path: Path) -> None:
    with running_up(tmp_path) as (_, url), Client(url) as client:
        job = client.submit([SAMPLES / "digits.zip"] * 40)
        with redis.Redis.from_url((tmp_path / "var" / "redis" / "url").read_text()) as private:
            # once this write is answered, all that came before it is in the file
            private.config_set("appendfsync", "always")
            private.set("settled", 1)
            os.kill(int(private.info("server")["process_id"]), signal.SIGKILL)
        assert client.wait(job.id, timeout=240).state == "completed"
        assert [row.index for row in client.results(job.id)] == list(range(job.counts.total))
