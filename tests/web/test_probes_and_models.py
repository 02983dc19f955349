"""Health, readiness, metrics and the list of models."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.connection import connect
from digitmill.store.upkeep import WorkerInfo
from digitmill.work.loading import Models
from tests.built_in import PLACE
from tests.core.conftest import add_calibration, publish
from tests.in_process import in_process
from tests.web.conftest import Client, Mill, assert_problem, client_of, submit, submitted
from tests.web.fakes import WideMeansSeven, one

WORKER = WorkerInfo("host/1", "keras", "cpu", "f32", "digits@1")
NOBODY = "redis://127.0.0.1:1/0"


def test_alive_needs_nothing_else(tmp_path: Path) -> None:
    client = client_of(Service.open(Settings(var=tmp_path, redis_url=NOBODY)))
    response = client.get("/healthz")
    assert (response.status_code, response.json) == (200, {"status": "alive"})


def test_ready_needs_a_worker_heard_of_lately(client: Client, mill: Mill) -> None:
    response = client.get("/readyz")
    assert "worker" in assert_problem(response, 503, "no_worker")["detail"]
    assert response.headers["Retry-After"]
    mill.store.upkeep.beat([WORKER])
    assert client.get("/readyz").json == {"status": "ready"}
    mill.pass_time(14)
    assert client.get("/readyz").status_code == 200
    mill.pass_time(2)
    assert client.get("/readyz").status_code == 503


def test_ready_needs_redis(tmp_path: Path) -> None:
    client = client_of(Service.open(Settings(var=tmp_path, redis_url=NOBODY)))
    assert_problem(client.get("/readyz"), 503, "storage_unavailable")
    assert_problem(client.get("/v1/jobs"), 503, "storage_unavailable")


def metrics(client: Client) -> dict[tuple[str, str], float]:
    response = client.get("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, ",".join(sample.labels.get(label, "") for label in ("method", "route", "status"))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_metrics_count_requests_by_route_and_tell_the_load(client: Client, mill: Mill) -> None:
    mill.store.upkeep.beat([WORKER])
    location = submitted(client, [("a.png", one()), ("b.png", one())])
    for path in (location, location, "/nope", f"{location}/nope"):
        client.get(path)
    client.open("/v1/jobs", method="BREW")
    found = metrics(client)
    assert found["digitmill_http_requests_total", "POST,/v1/jobs,202"] == 1
    assert found["digitmill_http_requests_total", "GET,/v1/jobs/<job_id>,200"] == 2
    assert found["digitmill_http_requests_total", "GET,none,404"] == 2
    assert found["digitmill_http_requests_total", "other,none,405"] == 1
    assert found["digitmill_http_request_seconds_count", "GET,/v1/jobs/<job_id>,"] == 2
    assert found["digitmill_queued_images", ",,"] == 2
    assert found["digitmill_workers", ",,"] == 1
    assert found["digitmill_store_up", ",,"] == 1
    mill.turn()
    assert metrics(client)["digitmill_queued_images", ",,"] == 0


def test_metrics_tell_what_answers_in_the_workers(client: Client, mill: Mill) -> None:
    def workers() -> dict[tuple[str, ...], float]:
        return {
            tuple(sample.labels[label] for label in ("engine", "precision", "device")): sample.value
            for family in text_string_to_metric_families(client.get("/metrics").text)
            for sample in family.samples
            if sample.name == "digitmill_workers"
        }

    assert workers() == {("", "", ""): 0}
    fast = [WorkerInfo(f"host/{pid}", "openvino", "cpu", "bf16", "digits@1") for pid in (2, 3)]
    mill.store.upkeep.beat([WORKER, *fast])
    assert workers() == {("keras", "f32", "cpu"): 1, ("openvino", "bf16", "cpu"): 2}


def test_metrics_tell_what_had_to_be_mended(client: Client, mill: Mill) -> None:
    def mends() -> dict[str, float]:
        return {
            sample.labels["what"]: sample.value
            for family in text_string_to_metric_families(client.get("/metrics").text)
            for sample in family.samples
            if sample.name == "digitmill_store_mends_total"
        }

    assert set(mends().values()) == {0}
    mill.store.upkeep.note_mends({"queued": 2})
    assert mends()["queued"] == 2


def test_metrics_can_be_had_while_the_store_is_away(tmp_path: Path) -> None:
    client = client_of(Service.open(Settings(var=tmp_path, redis_url=NOBODY)))
    found = metrics(client)
    assert found["digitmill_store_up", ",,"] == 0
    assert ("digitmill_workers", ",,") not in found


def test_models_are_listed_with_their_manifests_and_the_default_is_marked(client: Client, mill: Mill) -> None:
    publish(mill.service.settings.var / "models", "digits", "2", review_below=0.9)
    listed = [model for model in client.get("/v1/models").json["models"] if model["name"] == "digits"]
    published = [model for model in listed if model["version"] in ("1", "2") and model["seed"] == 1]
    assert [(model["version"], model["default"]) for model in published][-1:] == [("2", True)]
    one = client.get("/v1/models/digits/2").json
    assert one == published[-1]
    assert one["review_below"] == 0.9
    assert_problem(client.get("/v1/models/digits/99"), 404, "model_not_found")
    assert_problem(client.get("/v1/models/..%2f..%2fetc/passwd"), 404, "not_found")
    assert client.get("/v1/models/..%5c/1").status_code == 404


def test_a_job_may_name_a_calibration_that_its_model_lists(client: Client, mill: Mill) -> None:
    manifest = mill.service.registry.default()
    assert client.get(f"/v1/models/{manifest.name}/{manifest.version}").json["calibrations"] == []
    response = submit(client, [("a.png", one())], {"calibration": "mine"})
    assert assert_problem(response, 400, "bad_options")["errors"][0]["field"] == "calibration"

    made = add_calibration(mill.service.registry, temperature=4.0, review_below=0.9)
    (listed,) = client.get(f"/v1/models/{manifest.name}/{manifest.version}").json["calibrations"]
    assert listed == made.model_dump(mode="json")
    calibrated = submitted(client, [("a.png", one())], {"calibration": "mine"})
    raw = client.post("/v1/jobs?calibration=mine&review_below=0.5", data=one(), content_type="image/png")
    plain = submitted(client, [("a.png", one())])
    told = [client.get(each).json["options"] for each in (calibrated, raw.headers["Location"], plain)]
    numbers = [(each.get("calibration"), each.get("temperature"), each["review_below"]) for each in told]
    assert numbers == [("mine", 4.0, 0.9), ("mine", 4.0, 0.5), (None, None, manifest.review_below)]
    assert "calibration" not in told[-1]
    mill.turn()
    (row,), (other,) = (client.get(f"{each}/results").json["results"] for each in (calibrated, plain))
    assert (row["status"], other["status"]) == ("review", "recognized")
    assert row["prediction"] == other["prediction"]
    assert row["confidence"] < 0.9 < other["confidence"]


def test_retired_models_are_listed_when_asked_for(client: Client) -> None:
    listed, every = (client.get(f"/v1/models{query}").json["models"] for query in ("", "?retired=true"))
    assert [model for model in every if not model["retired"]] == listed
    retired = [model for model in every if model["retired"]]
    assert retired
    one = client.get(f"/v1/models/{retired[0]['name']}/{retired[0]['version']}").json
    assert one == retired[0]
    assert_problem(client.get("/v1/models?retired=maybe"), 400, "bad_options")


def test_the_pictures_of_a_model_can_be_had_and_nothing_else(client: Client) -> None:
    pictures = client.get(f"/v1/models/{PLACE}").json["pictures"]
    assert {"coverage.png", "reliability.png", "confusion_matrix.png"} <= pictures.keys()
    for name, sha256 in pictures.items():
        response = client.get(f"/v1/models/{PLACE}/pictures/{name}")
        assert response.content_type == "image/png"
        assert hashlib.sha256(response.data).hexdigest() == sha256
    for other in ("model.keras", "manifest.json", "..%2fmanifest.json"):
        assert client.get(f"/v1/models/{PLACE}/pictures/{other}").status_code == 404


def test_a_default_that_is_not_there_does_not_hide_the_models(client: Client, mill: Mill) -> None:
    (mill.service.settings.var / "models" / "default").write_text("gone@1")
    models = client.get("/v1/models").json["models"]
    assert models
    assert not any(model["default"] for model in models)
    response = submit(client, [("a.png", one())])
    assert assert_problem(response, 400, "bad_options")["errors"][0]["field"] == "model"


@pytest.mark.service
def test_a_job_goes_its_whole_way_over_a_real_redis(tmp_path: Path, empty_redis_url: str) -> None:
    settings = Settings(var=tmp_path / "var", redis_url=empty_redis_url, chunk_images=2)
    publish(settings.var / "models")
    service = in_process(settings, connect(empty_redis_url)).service
    client = client_of(service)
    location = submitted(client, [(f"{number}.png", one()) for number in range(5)], {"metadata": {"ä": [1]}})
    etag = client.get(location).headers["ETag"]
    worker = service.work(Models(lambda _: WideMeansSeven()))
    while any(service.store.chunks.waiting().values()):
        worker.run()
    job = client.get(location, headers={"If-None-Match": etag}).json
    assert (job["state"], job["counts"]["recognized"], job["metadata"]) == ("completed", 5, {"ä": [1]})
    assert job["created_at"] <= job["started_at"] <= job["finished_at"]
    assert abs(time.time() - service.jobs.get("local", job["id"]).created_at) < 60
    assert [row["index"] for row in client.get(f"{location}/results").json["results"]] == list(range(5))
    assert b"event: done" in client.get(f"{location}/events").data
    assert client.delete(location).status_code == 204
    assert_problem(client.get(f"{location}/results"), 404, "not_found")
