"""What callers send cannot forge log lines, nor reach the terminal of whoever reads them; secrets stay out."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from functools import cache

import pytest

from digitmill.system.telemetry import MOST_OF_KIND, SAMPLE_SECONDS, Sampler

SENT = "/v1/jobs\n2026-01-01T00:00:00Z [info     ] audit action=delete\r\x1b[2J\u2028\x85end"
SECRET = "correct-horse"
SCRIPT = """
import logging, sys
import structlog
from digitmill.settings import Settings
from digitmill.system.telemetry import configure_logging
configure_logging(Settings(log_format=sys.argv[1]))
sent, secret = sys.argv[2:]
structlog.get_logger("a").info("request", path=sent)
logging.getLogger("a.library").warning("no HTTP request: %s", sent)
def fail(local):
    raise ValueError(sent)
try:
    fail(secret)
except ValueError:
    structlog.get_logger("a").exception("request_failed")
"""


@cache
def logged(log_format: str) -> str:
    command = [sys.executable, "-c", SCRIPT, log_format, SENT, SECRET]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stderr


def test_a_json_line_is_one_line_whatever_is_in_it() -> None:
    # not splitlines, which takes more for the end of a line than readers of logs do
    lines = [json.loads(line) for line in logged("json").split("\n") if line]
    assert [line["event"] for line in lines] == ["request", f"no HTTP request: {SENT}", "request_failed"]
    assert lines[0]["path"] == SENT


def test_a_text_line_is_one_line_whatever_is_in_it() -> None:
    text = logged("text")
    assert not any(sign in text for sign in ("\r", "\x1b", "\u2028", "\x85"))
    beginnings = [line for line in text.splitlines() if not line.startswith("    ")]
    assert len(beginnings) == 3
    assert all("[a" in line for line in beginnings)
    assert "audit action=delete" in beginnings[0]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_shows_no_local_variables(log_format: str) -> None:
    text = logged(log_format)
    assert "ValueError" in text
    assert SECRET not in text


FLOOD = """
import logging, sys
import structlog
from digitmill.settings import Settings
from digitmill.system.telemetry import audit, configure_logging
configure_logging(Settings(log_format=sys.argv[1]))
log = structlog.get_logger("a")
for number in range(2000):
    log.warning("flood", sent="\\x01" * 8000)
    audit("refused", key=None, key_name=None, client="127.0.0.1", reason="no key")
    audit("submit", key="k", key_name="n", client="127.0.0.1", job=str(number))
try:
    raise ValueError("x" * 10**6)
except ValueError:
    log.exception("request_failed")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_strangers_cause_is_sampled_and_short_and_what_callers_do_is_told_in_full(log_format: str) -> None:
    done = subprocess.run([sys.executable, "-c", FLOOD, log_format], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.split("\n") if line]
    assert sum("submit" in line for line in lines) == 2000
    assert 0 < sum("flood" in line for line in lines) < 1000
    assert 0 < sum("refused" in line for line in lines) < 1000
    assert any("request_failed" in line for line in lines)
    assert max(map(len, lines)) < 50_000


def test_a_line_says_how_many_of_its_kind_were_left_out_before_it() -> None:
    now = [0.0]
    sampler = Sampler(lambda: now[0])

    def admitted(event: str) -> list[dict[str, object]]:
        records = [logging.LogRecord("a", logging.WARNING, "", 0, {"event": event}, None, None) for _ in range(200)]
        return [record.msg for record in records if sampler.admits(record)]  # type: ignore[misc]

    assert len(admitted("one")) == len(admitted("another")) == MOST_OF_KIND
    now[0] = SAMPLE_SECONDS
    assert admitted("one")[0] == {"event": "one", "left_out": 200 - MOST_OF_KIND}
