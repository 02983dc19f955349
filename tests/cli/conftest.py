from collections.abc import Iterator

import pytest

from tests.client.scripted import Answer, ScriptedService, job_document, ndjson, row_document, scripted_service


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedService]:
    """A service that has one completed job, ``job1``, of two images."""
    with scripted_service() as running:
        monkeypatch.setenv("DIGITMILL_URL", running.url)
        monkeypatch.delenv("DIGITMILL_KEY", raising=False)
        running.on("POST", "/v1/jobs", Answer(job_document("queued", total=2, done=0), 202))
        finish(running)
        yield running


def finish(service: ScriptedService, state: str = "completed", failed: int = 0) -> None:
    rows = [row_document(0, prediction="0"), row_document(1)]
    counts = {"recognized": 2 - failed, "failed": failed}
    service.on("GET", "/v1/jobs/job1", Answer(job_document(state, total=2, counts=counts)))
    service.on("GET", "/v1/jobs/job1/results", Answer(ndjson(*rows)))
