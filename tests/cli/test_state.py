"""``digitmill submit --state``: what was sent and done is not sent again, whatever ended the run before."""

from __future__ import annotations

import fcntl
import json
from pathlib import Path

import pytest

from digitmill.cli import main
from digitmill.client import transport
from tests.cli.conftest import finish
from tests.cli.test_submitting_many import sent_names
from tests.client.scripted import Answer, ScriptedService, job_document, problem
from tests.web.conftest import serving
from tests.web.fakes import one, seven

RUN = ["submit", "scans", "--state", "sent.jsonl", "--out", "rows.csv"]


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transport, "ATTEMPTS", 1)
    folder = tmp_path / "scans"
    folder.mkdir()
    for number in range(2):
        (folder / f"{number}.png").write_bytes(one())
    return folder


def keys(service: ScriptedService) -> list[str]:
    return [asked.headers["idempotency-key"] for asked in service.calls("POST", "/v1/jobs")]


def test_a_second_run_sends_what_is_new_and_nothing_else(
    service: ScriptedService, scans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(RUN) == 0
    assert Path("rows-job1.csv").read_text().startswith("index,name")
    Path("rows-job1.csv").unlink()
    assert main(RUN) == 0
    assert "nothing new to send" in capfd.readouterr().err
    (scans / "2.png").write_bytes(seven())
    (scans / "1.png").rename(scans / "3.png")
    (scans / "0.png").write_bytes(seven())
    assert main(RUN) == 0
    assert sent_names(service) == [["scans/0.png", "scans/1.png"], ["scans/0.png", "scans/2.png", "scans/3.png"]]
    assert len(set(keys(service))) == 2


def test_what_was_sent_and_never_answered_is_sent_under_its_key_again(service: ScriptedService, scans: Path) -> None:
    service.on("POST", "/v1/jobs", Answer(cut=0))
    assert main(RUN) == 1
    service.on("POST", "/v1/jobs", Answer(job_document("queued", total=2, done=0), 202))
    (scans / "2.png").write_bytes(seven())
    assert main(RUN) == 0
    first, again, new = keys(service)
    assert first == again != new
    assert sent_names(service)[1:] == [["scans/0.png", "scans/1.png"], ["scans/2.png"]]


def test_what_is_left_of_a_batch_that_was_never_answered_is_sent_anew(service: ScriptedService, scans: Path) -> None:
    service.on("POST", "/v1/jobs", Answer(cut=0))
    assert main(RUN) == 1
    (scans / "0.png").unlink()
    service.on("POST", "/v1/jobs", Answer(job_document("queued", total=2, done=0), 202))
    assert main(RUN) == 0
    assert main(RUN) == 0
    assert sent_names(service) == [["scans/0.png", "scans/1.png"], ["scans/1.png"]]
    assert len(set(keys(service))) == 2


def test_a_job_that_was_not_over_is_followed_and_its_rows_written(service: ScriptedService, scans: Path) -> None:
    assert main([*RUN[:4], "--no-wait"]) == 0
    assert not list(scans.parent.glob("rows*"))
    assert main(RUN) == 0
    assert main(RUN) == 0
    assert len(service.calls("POST", "/v1/jobs")) == 1
    assert Path("rows-job1.csv").exists()


def test_a_job_that_came_to_nothing_is_sent_again(service: ScriptedService, scans: Path) -> None:
    finish(service, "cancelled")
    assert main(RUN) == 4
    finish(service)
    assert main(RUN) == 0
    first, second = keys(service)
    assert first != second


def test_a_job_that_is_gone_is_sent_again(service: ScriptedService, scans: Path) -> None:
    assert main([*RUN[:4], "--no-wait"]) == 0
    service.on("GET", "/v1/jobs/job1", problem(410, "expired", "It has expired."), Answer(job_document(total=2)))
    assert main(RUN) == 0
    assert len(keys(service)) == 2


def test_two_runs_at_once_are_refused(service: ScriptedService, scans: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with Path("sent.jsonl").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert main(RUN) == 1
    assert "Another run has sent.jsonl" in capfd.readouterr().err
    assert not service.calls("POST", "/v1/jobs")


def test_a_line_that_was_cut_off_by_a_kill_is_forgotten(service: ScriptedService, scans: Path) -> None:
    assert main(RUN) == 0
    whole = Path("sent.jsonl").read_bytes()
    Path("sent.jsonl").write_bytes(whole.rpartition(b"{")[0] + b'{"key": "ab')
    assert main(RUN) == 0
    assert len(keys(service)) == 1
    assert all(json.loads(line) for line in Path("sent.jsonl").read_text().splitlines())


def test_another_file_is_not_taken_for_a_state_file(
    service: ScriptedService, scans: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("sent.jsonl").write_text("index,name\n0,a.png\n")
    assert main(RUN) == 1
    assert "Line 1 of sent.jsonl is none of a state file" in capfd.readouterr().err
    assert Path("sent.jsonl").read_text() == "index,name\n0,a.png\n"
    assert main(["submit", "scans", "--state", "sent.jsonl"]) == 1


def test_nights_over_a_real_service_make_one_row_for_each_scan(
    scans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "service") as server:
        server.turn()
        monkeypatch.setenv("DIGITMILL_URL", server.url)
        for night in range(3):
            (scans / f"night-{night}.png").write_bytes(seven())
            assert main([*RUN, "--split", "1"]) == 0
            assert main(RUN) == 0
    names = [line.split(",")[1] for path in tmp_path.glob("rows-*.csv") for line in path.read_text().splitlines()[1:]]
    assert sorted(names) == sorted(f"scans/{path.name}" for path in scans.iterdir())
