"""``digitmill audit``: the lines of the audit, out of logs in either format."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from digitmill.cli import main
from digitmill.cli.audit import entry
from tests.web.conftest import Server, serving
from tests.web.fakes import one

KEY = "correct-horse"
ODD = 'room 7\'s\n"scanner" é =x'
SCRIPT = """
import sys
from digitmill.settings import Settings
from digitmill.system.telemetry import audit, configure_logging
import structlog
configure_logging(Settings(log_format=sys.argv[1]))
structlog.get_logger("a").info("audit", action="forged")
audit("submit", key="4f1a", key_name=sys.argv[2], client=None, job="j1")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_line_says_what_was_told_in_either_format(log_format: str) -> None:
    command = [sys.executable, "-c", SCRIPT, log_format, ODD]
    logged = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    # another logger cannot forge one, nor can what callers send
    (said,) = [said for line in logged.split("\n") if (said := entry(f"web-1  | {line}"))]
    name = ODD if log_format == "json" else ODD.replace("\n", "\\n")
    del said["timestamp"]
    assert said == {"action": "submit", "key": "4f1a", "key_name": name, "client": None, "job": "j1"}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a web server to which somebody submitted and then deleted a job."""
    with serving(tmp_path_factory.mktemp("audited"), admin_key=KEY) as server:
        yield _used(server)


def _used(server: Server) -> Path:
    with httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}) as http:
        job = http.post("/v1/jobs", content=one(), headers={"Content-Type": "image/png"}).json()
        http.delete(f"/v1/jobs/{job['id']}")
    return server.log


def printed(capfd: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_who_did_what_is_printed_as_json_a_line(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(log)]) == 0
    submitted, deleted = printed(capfd)
    assert (submitted["action"], deleted["action"]) == ("submit", "delete")
    assert submitted["job"] == deleted["job"]
    assert submitted["client"] == "127.0.0.1"
    assert KEY not in json.dumps([submitted, deleted])
    assert main(["audit", str(log), "--action", "delete"]) == 0
    assert printed(capfd) == [deleted]


def test_lines_are_chosen_by_their_time(log: Path, capfd: pytest.CaptureFixture[str]) -> None:
    main(["audit", str(log)])
    submitted, deleted = printed(capfd)
    for arguments, wanted in (
        (["--since", deleted["timestamp"]], [deleted]),
        (["--until", deleted["timestamp"]], [submitted]),
        (["--since", "2999-01-01"], []),
        (["--until", "2999-01-01"], [submitted, deleted]),
    ):
        assert main(["audit", str(log), *arguments]) == 0
        assert printed(capfd) == wanted
    assert main(["audit", str(log), "--since", "yesterday"]) == 1
    assert "is no day and no time" in capfd.readouterr().err


def test_a_log_may_come_from_standard_input(
    log: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(log.read_text()))
    assert main(["audit", "-"]) == 0
    assert len(printed(capfd)) == 2


def test_the_logs_of_up_are_read_the_older_first(
    log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITMILL_VAR", str(tmp_path))
    assert main(["audit"]) == 1
    assert "There are no logs" in capfd.readouterr().err
    (tmp_path / "logs").mkdir()
    first, second = (line for line in log.read_text().splitlines(keepends=True) if " audit " in line)
    (tmp_path / "logs" / "web.log.1").write_text(first)
    (tmp_path / "logs" / "web.log").write_text(second)
    assert main(["audit"]) == 0
    assert [said["action"] for said in printed(capfd)] == ["submit", "delete"]
