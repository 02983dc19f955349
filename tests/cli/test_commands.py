import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from digitmill.cli import main
from digitmill.cli.app import app
from tests.cli.conftest import finish
from tests.client.scripted import Answer, ScriptedService, job_document, ndjson, problem, row_document
from tests.client.test_submit import parts_of

CSV = (
    "index,name,status,prediction,confidence,error,reason,answered_by,answered_by_name\r\n"
    "0,0.png,recognized,0,0.9987,,,model,\r\n1,1.png,recognized,7,0.9987,,,model,\r\n"
)


@pytest.fixture
def image(tmp_path: Path) -> str:
    path = tmp_path / "7.png"
    path.write_bytes(b"an image")
    return str(path)


def run(*arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error of the command as a process of its own."""
    command = [sys.executable, "-c", "import sys; from digitmill.cli import main; sys.exit(main())", *arguments]
    done = subprocess.run(command, capture_output=True, timeout=240)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_submit_in_a_pipe_writes_csv_alone_to_standard_output(service: ScriptedService, image: str) -> None:
    code, out, err = run("submit", image)
    assert (code, out) == (0, CSV)
    assert err.splitlines() == [
        "Job job1 has 2 images.",
        "Job job1 is completed: 2 of 2 images read, 2 recognized, 0 to review, 0 blank, 0 failed.",
    ]


def test_submit_writes_to_a_file_in_the_format_of_its_ending(
    service: ScriptedService, image: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", image, "--out", str(tmp_path / "rows.ndjson")]) == 0
    assert [json.loads(line)["index"] for line in (tmp_path / "rows.ndjson").read_text().splitlines()] == [0, 1]
    assert main(["submit", image, "--out", str(tmp_path / "rows.csv")]) == 0
    assert (tmp_path / "rows.csv").read_bytes().decode() == CSV
    assert capfd.readouterr().out == ""


def test_options_reach_the_service(service: ScriptedService, image: str) -> None:
    options = [
        "--calibration",
        "forms",
        "--model",
        "digits@1",
        "--polarity",
        "light_on_dark",
        "--review-below",
        "0.5",
        "--alternatives",
        "0",
    ]
    more = ["--expires-in", "60", "--metadata", "batch=March", "--metadata", "note=a=b", "--key", "secret"]
    more += ["--webhook-url", "https://hooks.example/", "--webhook-drift"]
    assert main(["submit", image, "--no-wait", *options, *more]) == 0
    (asked,) = service.asked
    assert asked.headers["authorization"] == "Bearer secret"
    assert json.loads(parts_of(asked)[0][2]) == {
        "model": "digits@1",
        "polarity": "light_on_dark",
        "review_below": 0.5,
        "calibration": "forms",
        "alternatives": 0,
        "expires_in": 60,
        "webhook_url": "https://hooks.example/",
        "webhook_drift": True,
        "metadata": {"batch": "March", "note": "a=b"},
    }


def test_submit_without_waiting_prints_the_id_alone(
    service: ScriptedService, image: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["submit", image, "--no-wait"]) == 0
    assert capfd.readouterr().out == "job1\n"


def test_submit_tells_what_is_skipped_and_the_code_page_of_names(
    service: ScriptedService, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("scans/a.png", "scans/@eaDir/a.jpg", "scans/.b.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    told = {"upload": {"code_pages": ["cp932"], "skipped": ["Thumbs.db"]}}
    document = job_document("completed", total=2)
    service.on("POST", "/v1/jobs", Answer(document | told))
    counts = document["counts"] | {"skipped": 4}
    service.on("GET", "/v1/jobs/job1", Answer(document | told | {"counts": counts}))
    assert main(["submit", str(tmp_path / "scans"), "--names", "cp932"]) == 0
    assert json.loads(parts_of(service.asked[0])[0][2]) == {"names": "cp932"}
    told_to_people = capfd.readouterr().err
    assert "Skipped 2 hidden files, thumbnails and system files: .b.png, a.jpg\n" in told_to_people
    assert "Names in zips were read as cp932." in told_to_people
    assert "4 files skipped (Thumbs.db" in told_to_people


@pytest.mark.parametrize(
    ("state", "failed", "code"), [("completed", 0, 0), ("completed", 1, 3), ("cancelled", 0, 4), ("failed", 0, 4)]
)
def test_the_exit_status_says_how_the_job_ended(
    service: ScriptedService, image: str, state: str, failed: int, code: int
) -> None:
    finish(service, state, failed)
    assert main(["submit", image]) == code
    assert main(["watch", "job1"]) == code
    assert main(["results", "job1"]) == code


def test_a_job_that_failed_as_a_whole_says_why(
    service: ScriptedService, image: str, capfd: pytest.CaptureFixture[str]
) -> None:
    error = {"code": "storage_unavailable", "detail": "Its upload has vanished."}
    service.on("GET", "/v1/jobs/job1", Answer(job_document("failed", total=2, done=0, error=error)))
    assert main(["submit", image]) == 4
    out, err = capfd.readouterr()
    assert out == ""
    assert err.endswith("Job job1 failed: Its upload has vanished.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["submit"],
        ["submit", "nowhere.png"],
        ["submit", __file__, "--polarity", "sideways"],
        ["submit", __file__, "--metadata", "no-equals-sign"],
        ["submit", __file__, "--out", "/no/such/folder/rows.csv"],
        ["frobnicate"],
        ["watch", "unknown"],
        ["jobs", "--url", "localhost"],
    ],
)
def test_a_wrong_call_is_one_sentence_and_exit_status_1(
    service: ScriptedService, arguments: Sequence[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    if arguments:
        assert out == ""
        assert len(err.splitlines()) == 1


def test_a_wrong_setting_is_one_sentence(
    service: ScriptedService, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGITMILL_PROT", "8001")
    assert main(["jobs"]) == 1
    assert "DIGITMILL_PROT is not a setting" in capfd.readouterr().err


def test_a_refusal_of_the_service_is_told_in_its_own_words(
    service: ScriptedService, image: str, capfd: pytest.CaptureFixture[str]
) -> None:
    service.on("POST", "/v1/jobs", problem(422, "corrupt_archive", "The zip is damaged; make it again."))
    assert main(["submit", image]) == 1
    assert capfd.readouterr().err == "The zip is damaged; make it again.\n"


def test_a_missing_key_is_told_with_where_to_put_it(
    service: ScriptedService, capfd: pytest.CaptureFixture[str]
) -> None:
    service.on("GET", "/v1/models", problem(401, "unauthorized", "Send a valid key."))
    assert main(["models"]) == 1
    assert capfd.readouterr().err == "Send a valid key. Here that is DIGITMILL_KEY, or --key.\n"


def test_a_busy_service_is_waited_for_and_the_user_is_told(
    service: ScriptedService, image: str, capfd: pytest.CaptureFixture[str]
) -> None:
    full = problem(503, "overloaded", "Too many images wait.")
    full.headers = {"Retry-After": "0"}
    service.on("POST", "/v1/jobs", full, Answer(job_document("queued", total=2, done=0), 202))
    assert main(["submit", image, "--no-wait"]) == 0
    assert "Too many images wait. Trying again in 0.0 s." in capfd.readouterr().err


def test_a_table_is_aligned_and_free_of_control_characters(
    service: ScriptedService, capfd: pytest.CaptureFixture[str]
) -> None:
    error = {"code": "not_an_image", "detail": "This is no image."}
    bad = row_document(1, name="\x1b[31mred.png", status="failed", prediction=None, confidence=None, error=error)
    doubtful = row_document(2, status="review", confidence=0.25, reason="several")
    unsure = row_document(3, status="review", confidence=0.25, reason="unsure")
    rows = ndjson(row_document(0, name="[bold]x.png"), bad, doubtful, unsure)
    service.on("GET", "/v1/jobs/job1", Answer(job_document(total=4)))
    service.on("GET", "/v1/jobs/job1/results", Answer(rows))
    assert main(["results", "job1", "--format", "table"]) == 0
    assert capfd.readouterr().out.splitlines() == [
        "  index  status      value  confidence  name",
        "      0  recognized  7      0.9987      [bold]x.png",
        "      1  failed                         \ufffd[31mred.png: This is no image.",
        "      2  review      7      0.2500      2.png: looks like several digits",
        "      3  review      7      0.2500      3.png",
    ]


def test_results_can_be_of_one_status(service: ScriptedService) -> None:
    assert main(["results", "job1", "--status", "review"]) == 0
    assert service.calls("GET", "/v1/jobs/job1/results")[0].query == {"status": ["review"]}


def test_a_retry_writes_the_rows_of_the_new_job(service: ScriptedService, capfd: pytest.CaptureFixture[str]) -> None:
    service.on("POST", "/v1/jobs/old/retry", Answer(job_document("queued", total=2, done=0), 202))
    assert main(["retry", "old", "--format", "csv"]) == 0
    out, err = capfd.readouterr()
    assert out == CSV
    assert "Job job1 has the 2 failed images of old." in err
    assert main(["retry", "old", "--no-wait"]) == 0
    assert capfd.readouterr().out == "job1\n"


def test_broken_results_exit_with_1_and_leave_no_file(
    service: ScriptedService, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    service.on("GET", "/v1/jobs/job1/results", Answer(ndjson(row_document(0))))
    assert main(["results", "job1", "--out", str(tmp_path / "rows.csv")]) == 1
    assert "broke off after 1" in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_jobs_and_models_are_listed_a_line_each(service: ScriptedService, capfd: pytest.CaptureFixture[str]) -> None:
    service.on("GET", "/v1/jobs", Answer({"jobs": [job_document(id="a"), job_document(id="b")], "next_cursor": "c"}))
    models = [{"name": "digits", "version": "1"}, {"name": "digits", "version": "2", "default": True}]
    service.on("GET", "/v1/models", Answer({"models": models}))
    assert main(["jobs", "--limit", "3", "--state", "completed"]) == 0
    assert [line.split()[:2] for line in capfd.readouterr().out.splitlines()] == [
        ["a", "completed"],
        ["b", "completed"],
        ["a", "completed"],
    ]
    assert main(["models"]) == 0
    assert capfd.readouterr().out == "  digits@1\n* digits@2\n"


def test_cancel_and_delete_say_what_became_of_the_job(
    service: ScriptedService, capfd: pytest.CaptureFixture[str]
) -> None:
    service.on("POST", "/v1/jobs/job1/cancel", Answer(job_document("cancelled", done=1)))
    service.on("DELETE", "/v1/jobs/job1", Answer(b"", 204))
    assert main(["cancel", "job1"]) == 0
    assert main(["delete", "job1"]) == 0
    assert capfd.readouterr().out == "Job job1 is cancelled.\nJob job1 is deleted.\n"


def test_ctrl_c_leaves_the_job_running_and_says_how_to_go_on(service: ScriptedService, image: str) -> None:
    service.on("GET", "/v1/jobs/job1", Answer(job_document("running", total=2, done=1)))
    command = [sys.executable, "-c", "import sys; from digitmill.cli import main; sys.exit(main())", "submit", image]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while not service.calls("GET", "/v1/jobs/job1") and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"digitmill watch job1" in err
    assert b"Traceback" not in err


def test_a_reader_that_has_had_enough_is_no_traceback(service: ScriptedService) -> None:
    rows = [row_document(index) for index in range(20_000)]
    service.on("GET", "/v1/jobs/job1", Answer(job_document(total=len(rows))))
    service.on("GET", "/v1/jobs/job1/results", Answer(ndjson(*rows)))
    command = (
        f"{sys.executable} -c 'import sys; from digitmill.cli import main; sys.exit(main())' results job1 | head -1"
    )
    done = subprocess.run(command, shell=True, capture_output=True, timeout=240)
    assert done.stdout.startswith(b"index,")
    assert done.stderr == b""


@pytest.mark.parametrize("command", ["submit", "watch", "results"])
def test_help_names_the_exit_statuses(command: str) -> None:
    shown = " ".join(CliRunner().invoke(app, [command, "--help"]).output.split())
    assert "0 every image has its row; 3 some images failed" in shown


def test_the_client_commands_load_neither_frameworks_nor_the_embedded_mode() -> None:
    code = "import sys, digitmill.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "redis", "celery", "flask", "numpy"} & set(loaded)


@pytest.mark.parametrize("command", ["demo", "up", "doctor"])
def test_a_command_of_the_service_says_what_to_install_where_it_is_missing(
    command: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith("digitmill.embedded")]:
        monkeypatch.delitem(sys.modules, name)
    # a module that is None counts as not installed
    monkeypatch.setitem(sys.modules, "redis", None)
    monkeypatch.delenv("DIGITMILL_REDIS_URL", raising=False)
    assert main([command]) == 1
    assert "pip install 'digitmill[service]'" in capfd.readouterr().err


def test_pages_that_were_sent_twice_are_told_behind_the_rows(
    service: ScriptedService, image: str, capfd: pytest.CaptureFixture[str]
) -> None:
    first = [{"index": index, "of": 3, "same": "picture"} for index in range(5, 17)]
    for copies, told in (
        ({}, ""),
        ({"pages": 1, "first": first[:1]}, "1 page was sent before in this job: row 5 (as 3). Leave it out by"),
        (
            {"pages": 12, "first": first},
            "12 pages were sent before in this job: rows 5 (as 3), 6 (as 3), 7 (as 3), 8 (as 3), 9 (as 3), 10 (as 3), "
            "11 (as 3), 12 (as 3), 13 (as 3), 14 (as 3), …. Leave them out by",
        ),
    ):
        more: dict[str, Any] = {"copies": copies} if copies else {}
        job = job_document("completed", total=2, options={"read": "form"}, **more)
        service.on("GET", "/v1/jobs/job1", Answer(job))
        assert main(["submit", image, "--template", "tally@1"]) == 0
        err = capfd.readouterr().err
        assert told in err
        assert ("sent before" in err) == bool(copies)
