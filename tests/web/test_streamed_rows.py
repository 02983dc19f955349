"""Rows that are streamed while their job runs, by a real server."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.web.conftest import Server
from tests.web.test_server import new_job

pytestmark = pytest.mark.service


def test_a_job_that_is_deleted_under_a_reader_breaks_its_stream_off(server: Server) -> None:
    location = new_job(server, 5)
    with httpx.stream("GET", f"{server.url}{location}/results?format=ndjson", timeout=30) as response:
        lines = response.iter_lines()
        server.turn_once()
        next(lines)
        httpx.delete(f"{server.url}{location}")
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)
    assert "Traceback" not in server.log.read_text(), server.log.read_text()


def test_rows_are_streamed_while_the_job_runs(server: Server) -> None:
    location = new_job(server, 5)
    with httpx.stream("GET", f"{server.url}{location}/results?format=ndjson", timeout=30) as response:
        lines = response.iter_lines()
        seen: list[int] = []
        for expected in (2, 4, 5):
            server.turn_once()
            while len(seen) < expected:
                seen.append(json.loads(next(lines))["index"])
        assert list(lines) == []
    assert seen == [0, 1, 2, 3, 4]
    assert httpx.get(f"{server.url}{location}").json()["state"] == "completed"
    httpx.delete(f"{server.url}{location}")
