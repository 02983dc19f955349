"""Web and workers as processes send the spans of one job as one trace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end.conftest import running_stack
from tests.receiver import Receiver, receiving
from tests.web.conftest import ROOT, wait_until

pytestmark = pytest.mark.service


def traces(collector: Receiver) -> dict[tuple[str, str], set[str]]:
    """The ids of traces by program and name of the span."""
    found: dict[tuple[str, str], set[str]] = {}
    for request in list(collector.received):
        (resource,) = json.loads(request.body)["resourceSpans"]
        program = resource["resource"]["attributes"][0]["value"]["stringValue"]
        for span in resource["scopeSpans"][0]["spans"]:
            found.setdefault((program, span["name"]), set()).add(span["traceId"])
    return found


def test_a_job_is_one_trace_in_all_processes(tmp_path: Path) -> None:
    sent, read = ("digitmill-web", "POST /v1/jobs"), ("digitmill-worker", "read a chunk")
    with receiving() as collector:
        address = f"http://127.0.0.1:{collector.port}"
        with running_stack(tmp_path, DIGITMILL_TRACES_URL=address) as stack, stack.client() as client:
            client.wait(client.submit([ROOT / "samples" / "digits.zip"]).id, timeout=120)
            wait_until(lambda: {sent, read} <= set(traces(collector)))
        found = traces(collector)
    assert found[sent] == found[read]
    assert len(found[sent]) == 1
