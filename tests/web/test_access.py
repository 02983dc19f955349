"""Keys, owners and rate limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic import SecretStr

from digitmill.errors import SettingsError
from digitmill.service import Service
from digitmill.settings import Settings
from tests.in_process import in_process
from tests.web.conftest import Client, Mill, assert_problem, client_of, submit, submitted
from tests.web.fakes import one
from web.app import create_app

KEY = "correct-horse"
WITH_KEY = pytest.mark.parametrize("mill", [{"admin_key": SecretStr(KEY)}], indirect=True)
OPEN = ["/healthz", "/sign-in", "/docs", "/openapi.json", "/static/style.css"]
CLOSED = ["/v1/jobs", "/v1/jobs/x", "/v1/jobs/x/events", "/v1/models", "/v1/nothing", "/metrics", "/metrics/"]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@WITH_KEY
@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize(
    "headers",
    [{}, bearer("wrong"), bearer(""), bearer(KEY + "x"), {"Authorization": f"Basic {KEY}"}, {"Authorization": KEY},
     bearer("schlüssel")],
)  # fmt: skip
def test_without_the_key_nothing_is_told(client: Client, path: str, headers: dict[str, str]) -> None:
    response = client.get(path, headers=headers)
    assert_problem(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


@WITH_KEY
def test_with_the_key_every_call_works(client: Client) -> None:
    response = submit(client, [("a.png", one())], Authorization=f"Bearer {KEY}")
    assert response.status_code == 202
    assert client.get(response.headers["Location"], headers={"Authorization": f"bearer  {KEY}"}).status_code == 200
    assert client.get("/metrics", headers=bearer(KEY)).status_code == 200


@WITH_KEY
@pytest.mark.parametrize("path", OPEN)
def test_pages_and_probes_are_for_everybody(client: Client, path: str) -> None:
    assert client.get(path, buffered=True).status_code == 200


@WITH_KEY
def test_a_job_belongs_to_its_key_which_is_not_stored(client: Client, mill: Mill) -> None:
    submit(client, [("a.png", one())], Authorization=f"Bearer {KEY}")
    (job,) = mill.store.jobs_of("admin", before=None, limit=10)
    assert KEY not in repr(job)


@WITH_KEY
def test_an_upload_without_the_key_is_refused_before_it_is_read(client: Client, mill: Mill) -> None:
    assert_problem(submit(client, [("a.png", one())]), 401, "unauthorized")
    assert not mill.service.settings.spool.exists()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com"])
def test_a_server_that_others_can_reach_does_not_start_without_a_key(tmp_path: Path, host: str) -> None:
    def app(**settings: Any) -> object:
        return create_app(in_process(Settings(var=tmp_path, host=host, **settings)).service)

    with pytest.raises(SettingsError, match="DIGITMILL_ADMIN_KEY"):
        app()
    assert app(admin_key=SecretStr(KEY))


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "127.1.2.3:80", "[::1]:8000"])
def test_without_a_key_this_machine_is_answered(client: Client, host: str) -> None:
    headers = {"Host": host, "Sec-Fetch-Site": "same-origin", "Origin": f"http://{host}"}
    assert client.get("/v1/jobs", headers=headers).status_code == 200
    assert client.post("/v1/jobs", data=one(), headers=headers | {"Content-Type": "image/png"}).status_code == 202


@pytest.mark.parametrize(
    "host", ["rebound.example", "rebound.example:80", "127.0.0.1.example", "10.0.0.7", "[::2]", "[::", ""]
)
def test_without_a_key_a_name_that_was_made_to_lead_here_is_refused(client: Client, host: str) -> None:
    assert_problem(client.get("/v1/jobs", headers={"Host": host}), 403, "forbidden")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://elsewhere.example"},
        {"Origin": "null"},
    ],
)
def test_without_a_key_a_page_of_another_site_submits_nothing(client: Client, headers: dict[str, str]) -> None:
    sent = client.post("/v1/jobs", data=one(), headers=headers | {"Content-Type": "image/png"})
    assert_problem(sent, 403, "forbidden")
    assert client.get("/v1/jobs").json["jobs"] == []


@pytest.mark.parametrize("mill", [{"rate_limit": 3}], indirect=True)
def test_a_caller_who_asks_too_often_is_told_when_to_come_back(client: Client) -> None:
    assert [client.get("/v1/jobs").status_code for _ in range(3)] == [200, 200, 200]
    response = client.get("/v1/models")
    assert_problem(response, 429, "rate_limited")
    assert 1 <= int(response.headers["Retry-After"]) <= 62
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 200


def test_without_a_limit_nothing_is_counted(client: Client) -> None:
    assert {client.get("/v1/jobs").status_code for _ in range(50)} == {200}


def test_requests_are_counted_in_redis_for_all_processes_together(tmp_path: Path, empty_redis_url: str) -> None:
    settings = Settings(var=tmp_path, redis_url=empty_redis_url, rate_limit=2)
    clients = [client_of(Service.open(settings)) for _ in range(2)]
    assert [client.get("/v1/jobs").status_code for client in clients] == [200, 200]
    assert_problem(clients[0].get("/v1/jobs"), 429, "rate_limited")
    with redis.Redis.from_url(empty_redis_url) as server:
        found = server.keys("*")
        assert isinstance(found, list)
        keys = [key for key in found if key != b"dm:store"]  # the id of the store stays
        assert keys
        assert all(key.startswith(b"dm:limits:") for key in keys)
        assert all(0 < server.ttl(key) <= 61 for key in keys)


def test_a_limit_that_cannot_be_counted_is_an_unavailable_storage(tmp_path: Path) -> None:
    settings = Settings(var=tmp_path, redis_url="redis://127.0.0.1:1/0", rate_limit=2)
    client = client_of(Service.open(settings))
    response = client.get("/v1/jobs")
    assert_problem(response, 503, "storage_unavailable")
    assert response.headers["Retry-After"]


def test_jobs_without_a_key_are_those_of_the_local_owner(client: Client, mill: Mill) -> None:
    submitted(client, [("a.png", one())])
    assert len(mill.store.jobs_of("local", before=None, limit=10)) == 1
