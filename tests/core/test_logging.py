"""What callers send cannot forge log lines, nor reach the terminal of whoever reads them; secrets stay out."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache

import pytest

SENT = "/v1/jobs\n2026-01-01T00:00:00Z [info     ] audit action=delete\r\x1b[2J\u2028\x85end"
SECRET = "correct-horse"
SCRIPT = """
import logging, sys
import structlog
from digitmill.settings import Settings
from digitmill.telemetry import configure_logging
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
