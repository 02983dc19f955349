"""Pages of models as HTML: compared, published by a job, and a job that is unlike those before."""

from __future__ import annotations

import io
import json

import pytest

from digitmill.domain.roles import Role
from digitmill.store.upkeep import WorkerInfo
from tests.core.conftest import publish
from tests.core.test_drift import pile
from tests.web.conftest import Client, Mill, submitted


def test_two_models_are_compared_on_what_both_were_measured_on(client: Client, mill: Mill) -> None:
    publish(mill.service.settings.var / "models", "digits", "2")
    page = client.get("/models/compare?a=digits@2&b=digits@9").text
    assert "digits@2 and digits@9" in page
    assert "CC BY-SA 3.0" in page
    assert "They were not measured on the same pictures." in page
    same = client.get("/models/compare?a=digits@8&b=digits@9").text
    assert "They were not measured" not in same


@pytest.mark.parametrize("query", ["", "?a=digits@9", "?a=digits@9&b=nothing", "?a=digits@9&b=digits@99", "?a=x&b=<b>"])
def test_what_cannot_be_compared_is_told_as_a_page(client: Client, query: str) -> None:
    answer = client.get(f"/models/compare{query}")
    assert answer.status_code == 404
    assert answer.content_type.startswith("text/html")
    assert "<b>" not in answer.text


def test_the_page_of_a_publication_tells_how_it_goes(client: Client, mill: Mill) -> None:
    mill.store.upkeep.beat([WorkerInfo("host/2", "keras", "cpu", "f32", "")], Role.TRAINER)
    card = json.dumps({"name": "mine", "version": "1"})
    job = client.post("/v1/models", data={"card": card, "model": (io.BytesIO(b"PK"), "m.keras")}).json["id"]
    page = client.get(f"/jobs/{job}").text
    assert "Publishing mine@1" in page
    assert "publication.js" in page
    client.post(f"/v1/jobs/{job}/cancel")
    assert "publication.js" not in client.get(f"/jobs/{job}").text


def test_the_page_of_a_job_says_how_it_is_unlike_those_before(client: Client, mill: Mill) -> None:
    usual = submitted(client, list(pile(120, 0).items()))
    mill.turn()
    faint = submitted(client, list(pile(40, 150).items()))
    mill.turn()
    assert 'id="drift"' not in client.get(usual.removeprefix("/v1")).text
    page = client.get(faint.removeprefix("/v1")).text
    assert "fainter ink;" in page
    assert "to review instead of" in page


def test_metrics_count_the_jobs_that_drift(client: Client, mill: Mill) -> None:
    for ink in (0, 150):
        submitted(client, list(pile(120, ink).items()))
        mill.turn()
    lines = client.get("/metrics").text.splitlines()
    assert {"digitmill_compared_jobs_total 2.0", "digitmill_drifting_jobs_total 1.0"} <= set(lines)
