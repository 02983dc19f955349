"""What the service takes: published, kept, and told on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digitmill.queue import MemoryQueue
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store.connection import connect
from digitmill.store.redis import RedisJobStore
from tests.core.conftest import publish
from tests.web.conftest import Client, Mill, assert_problem, client_of, submit, submitted
from tests.web.fakes import heavy, one
from web.published import NAMES

OF_WORKERS = {"max_attempts"}
FILES = [("a.png", one())]


@pytest.mark.parametrize("mill", [{"max_images": 17, "rate_limit": 1000}], indirect=True)
def test_the_limits_are_those_of_the_settings(client: Client, mill: Mill) -> None:
    found = client.get("/v1/limits").json
    assert (found["max_images"], found["rate_limit"]) == (17, 1000)
    assert found == {name: getattr(mill.service.settings, name) for name in NAMES}


def test_every_limit_of_the_settings_is_published_and_described(client: Client) -> None:
    limits = {name for name in Settings.model_fields if name.startswith("max_")} - OF_WORKERS
    assert limits < set(NAMES)
    described = client.get("/openapi.json").json["components"]["schemas"]["Limits"]
    assert set(described["properties"]) == set(described["required"]) == set(NAMES)
    for name, schema in described["properties"].items():
        assert schema["description"] == Settings.model_fields[name].description


@pytest.mark.parametrize("mill", [{"max_open_jobs": 2}], indirect=True)
def test_an_owner_with_too_many_open_jobs_waits_until_one_is_done(client: Client, mill: Mill) -> None:
    first = submitted(client, FILES)
    submit(client, FILES, Idempotency_Key="k")
    refused = submit(client, FILES)
    assert_problem(refused, 429, "too_many_jobs")
    assert int(refused.headers["Retry-After"]) > 0
    assert submit(client, FILES, Idempotency_Key="k").status_code == 202
    client.post(f"{first}/cancel")
    assert submit(client, FILES).status_code == 202


@pytest.mark.parametrize("mill", [{"max_open_jobs": 1}], indirect=True)
def test_one_job_too_many_is_refused_before_it_is_read(client: Client, mill: Mill) -> None:
    submitted(client, FILES)
    response = client.post("/v1/jobs", data=b"no image at all", content_type="text/plain")
    assert_problem(response, 429, "too_many_jobs")


def test_submissions_at_the_same_time_fill_the_room_exactly(tmp_path: Path, empty_redis_url: str) -> None:
    settings = Settings(var=tmp_path / "var", redis_url=empty_redis_url, max_open_jobs=5)
    publish(settings.var / "models")
    store = RedisJobStore(connect(empty_redis_url))
    service = Service.assemble(settings, store, MemoryQueue())
    client = client_of(service)

    def post(_: int) -> int:
        return submit(client.application.test_client(), [("a.png", heavy())]).status_code  # type: ignore[arg-type]  # as client_of

    with ThreadPoolExecutor(12) as callers:
        statuses = sorted(callers.map(post, range(24)))
    assert statuses == [202] * 5 + [429] * 19
    assert store.open_jobs("local") == 5
    assert len(list((settings.var / "blobs").iterdir())) == 5


@pytest.mark.parametrize("mill", [{"max_redis_memory_share": 0.5}], indirect=True)
def test_a_redis_that_is_nearly_full_takes_no_more_jobs(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = submitted(client, FILES)
    monkeypatch.setattr(mill.store, "memory_share", lambda: 0.6)
    refused = submit(client, FILES)
    assert_problem(refused, 503, "overloaded")
    assert refused.headers["Retry-After"]
    assert client.get(location).status_code == 200


@pytest.mark.parametrize("mill", [{"rate_limit": 3}], indirect=True)
def test_answers_tell_how_many_requests_are_left(client: Client) -> None:
    answers = [client.get("/v1/models") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 3 + [429] * 2
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
    assert {answer.headers["RateLimit-Limit"] for answer in answers} == {"3"}
    assert all(0 < int(answer.headers["RateLimit-Reset"]) <= 61 for answer in answers)
    assert "RateLimit-Limit" not in client.get("/healthz").headers


@pytest.mark.parametrize("mill", [{"rate_limit": 30}], indirect=True)
def test_the_rate_limit_leaves_other_times_to_come_back_as_they_are(client: Client) -> None:
    response = submit(client, FILES)
    assert response.headers["Retry-After"] == "1"
    assert response.headers["RateLimit-Remaining"] == "29"


def test_without_a_rate_limit_none_is_told(client: Client) -> None:
    assert not [name for name, _ in client.get("/v1/models").headers if name.startswith("RateLimit")]
