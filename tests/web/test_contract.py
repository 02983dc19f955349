"""The description and the code agree: whatever is asked, every answer is one that the description names.

Schemathesis makes valid and invalid requests of the OpenAPI document, single ones and chains in which one call
uses what another answered, and applies all its checks: no server error, no status, media type, header or document
that is not described, bad input refused, good input taken, no call without the key, nothing left after a delete.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from tests.web.conftest import Server, serving
from tests.web.fakes import blank, one

KEY = "correct-horse"
HEADERS = {"Authorization": f"Bearer {KEY}"}
BY_MEANING = (
    "GET /v1/jobs/{job_id}/results",
    "GET /v1/jobs/{job_id}/results/{index}/image",
    "PATCH /v1/jobs/{job_id}/results",
    "PATCH /v1/jobs/{job_id}/results/{index}",
    "GET /v1/jobs/{job_id}/results.csv",
    "GET /v1/jobs",
    "PATCH /v1/jobs/{job_id}",
    "POST /v1/jobs/{job_id}/review",
    "PATCH /v1/jobs/{job_id}/review",
    "PUT /v1/jobs/{job_id}/check",
    "POST /v1/templates",
    "POST /v1/templates/draft",
    "POST /v1/templates/picture",
    "POST /v1/templates/try",
    "PUT /v1/jobs/{job_id}/results/{index}/corners",
    "POST /v1/templates/{name}/{version}/try",
    "POST /v1/trainings",
    "POST /v1/models",
    "PUT /v1/models/canary",
    "PUT /v1/models/shadow",
    "DELETE /v1/jobs",
    "POST /v1/webhooks",
    "PATCH /v1/webhooks/{webhook_id}",
)
"""Calls of which requests that fit the schema may be refused, beside POST /v1/jobs, whose model may not exist: the
cursor is of another job, a bound lies above the other, the image of this row is damaged, the row was changed, its
reader does not accept the text, a number
of seconds is written with a decimal point, a template has no fields, a page is no picture, rows of nobody are taken
over, a threshold is no higher than the job's own, more rows were looked at than are accepted, no trainer
is there, a model is the default already, no filter says which jobs are to be deleted, an address leads nowhere."""

REVIEW = "/v1/jobs/{job_id}/review"

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that asks for a key, and whose worker works."""
    with serving(tmp_path_factory.mktemp("keyed"), admin_key=KEY) as started:
        started.turn()
        yield started


def complaints(server: Server, *, left_out: Sequence[Mapping[str, Any]] = (), **settings: Any) -> list[str]:
    """What Schemathesis finds wrong, each with the command that shows it. Of what is ``left_out`` nothing is asked."""
    accepting = {"positive_data_acceptance": {"enabled": False}}
    # whatever bytes a body holds, they are an image that may turn out to be none: its row will say so
    any_bytes = {
        "include-name": "POST /v1/jobs",
        "checks": {**accepting, "negative_data_rejection": {"enabled": False}},
    }
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "headers": HEADERS,
            "generation": {"max-examples": 10, "database": "none"},
            "operations": [
                any_bytes,
                *({"include-name": name, "checks": accepting} for name in BY_MEANING),
                *({**calls, "enabled": False} for calls in left_out),
            ],
            **settings,
        }
    )
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json", config=config)
    found, requests = [], 0
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError):
            found.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            found.append(repr(event.exception))
        elif isinstance(event, events.ScenarioFinished):
            requests += len(event.recorder.interactions)
            found += _failed_checks(event.recorder)
    assert requests > 100, "hardly anything was asked"
    return found


def _failed_checks(recorder: ScenarioRecorder) -> Iterator[str]:
    for case_id, checks in recorder.checks.items():
        for check in checks:
            # an address that sent many wrong keys is told to wait, which the description names, instead of 401
            waits = check.name == "ignored_auth" and "got `429 Too Many Requests`" in str(check.failure_info)
            # no trainer lives here, and calls that need one say so
            response = recorder.interactions[case_id].response
            no_trainer = response is not None and b'"no_trainer"' in (response.content or b"")
            waits |= check.name == "not_a_server_error" and no_trainer
            # a line of more than 8,190 bytes is refused by the server, whatever it asks for
            waits |= response is not None and response.status_code in (414, 431)
            # DELETE gives back what one person holds for review: the review itself is still there
            held = check.name == "use_after_free" and recorder.cases[case_id].value.path == REVIEW
            if check.failure_info is not None and not waits and not held:
                command = recorder.cases[case_id].value.as_curl_command()
                yield f"{check.name}: {check.failure_info.failure}\n{command}"


def test_any_request_gets_an_answer_that_is_described(keyed: Server) -> None:
    assert complaints(keyed) == []


def test_any_request_for_a_finished_job_gets_an_answer_that_is_described(keyed: Server) -> None:
    files = [("files", (name, data)) for name, data in (("a.png", one()), ("b.png", blank()), ("c.png", b"text"))]
    job = httpx.post(f"{keyed.url}/v1/jobs", files=files, headers={**HEADERS, "Prefer": "wait=30"}).json()
    assert job["state"] == "completed"
    # deleted, or kept for a second, the job would be missed by whatever is asked next
    ending = ("DELETE /v1/jobs/{job_id}", "PATCH /v1/jobs/{job_id}")
    # calls that name no job are asked the same as without one
    left_out = [{"exclude-path-regex": r"\{job_id\}"}, *({"include-name": name} for name in ending)]
    assert complaints(keyed, left_out=left_out, parameters={"path.job_id": job["id"], "path.index": 0}) == []
