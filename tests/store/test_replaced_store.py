"""A store that was emptied since a process last made sure of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import redis

from digitmill.domain.access import Scope
from digitmill.domain.jobs import Job, Options
from digitmill.errors import NotFound, StorageUnavailable, StoreReplaced
from digitmill.keys import LOCAL
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.store import redis_mark
from digitmill.store.connection import connect
from digitmill.store.redis_mark import StoreMark
from digitmill.uploads.spool import Spool
from tests.core.conftest import publish
from tests.end_to_end.conftest import free_port
from tests.forms.made import submission
from tests.web.conftest import client_of
from tests.web.fakes import heavy, one
from web.access.auth import looked_into


@pytest.fixture
def service(tmp_path: Path, empty_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Service:
    """One that looked once, and goes by that for ever."""
    monkeypatch.setattr(redis_mark, "GOOD_SECONDS", 3600.0)
    settings = Settings(var=tmp_path / "var", redis_url=empty_redis_url)
    publish(settings.var / "models")
    return Service.open(settings)


@pytest.mark.parametrize("path", ["/v1/jobs/{id}", "/v1/jobs/{id}/results", "/jobs/{id}"])
@pytest.mark.parametrize("admin_key", [None, "chief"])
def test_what_a_store_that_was_just_emptied_lacks_is_not_called_missing(
    service: Service, empty_redis_url: str, path: str, admin_key: str | None
) -> None:
    service = Service.open(Settings(var=service.settings.var, redis_url=empty_redis_url, admin_key=admin_key))
    known = submit(service, one(), LOCAL.owner)
    headers = {}
    if admin_key is not None:
        _, key = service.keys.create("reader", [Scope.READ], lifetime=None, owner=LOCAL.owner)
        headers = {"Authorization": f"Bearer {key}"}
    client = client_of(service)
    assert client.get(path.format(id=known), headers=headers).status_code == 200
    with redis.Redis.from_url(empty_redis_url) as server:
        server.flushall()
    answer = client.get(path.format(id=known), headers=headers)
    assert answer.status_code == 503
    assert "came up empty" in answer.text


def test_no_list_is_answered_out_of_a_store_that_was_just_emptied(service: Service, empty_redis_url: str) -> None:
    submit(service, one(), LOCAL.owner)
    client = client_of(service)
    # probes tell of the service, and files of pages are none of its records
    rules = [rule.rule for rule in client.application.url_map.iter_rules() if "GET" in (rule.methods or ())]
    paths = [path for path in rules if "<" not in path and path not in ("/healthz", "/metrics", "/readyz")]
    # some ask for what is not given here
    answered = [path for path in paths if client.get(path).status_code == 200]
    assert {"/v1/jobs", "/v1/templates", "/v1/webhooks", "/v1/deliveries", "/v1/trainings", "/jobs"} <= {*answered}
    for path in answered:
        with redis.Redis.from_url(empty_redis_url) as server:
            volume = emptied(server)
            answer = client.get(path)
            bring_back(server, volume)
        assert answer.status_code == 503, path
        assert "came up empty" in answer.text


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/jobs"), ("DELETE", "/v1/jobs?state=completed")])
def test_a_store_that_is_emptied_midway_has_no_list(
    service: Service, empty_redis_url: str, method: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(service, one(), LOCAL.owner)
    jobs_of = service.store.jobs_of

    def emptied_before(*values: Any, **more: Any) -> Any:
        with redis.Redis.from_url(empty_redis_url) as server:
            server.flushall()
        return jobs_of(*values, **more)

    monkeypatch.setattr(service.store, "jobs_of", emptied_before)
    answer = client_of(service).open(path, method=method)
    assert answer.status_code == 503
    assert "came up empty" in answer.text


def test_no_webhook_passes_for_registered_in_a_store_that_was_emptied(service: Service, empty_redis_url: str) -> None:
    client = client_of(service)
    hook = {"url": "https://hooks.example/a"}
    assert client.post("/v1/webhooks", json=hook).status_code == 201
    with redis.Redis.from_url(empty_redis_url) as server:
        server.flushall()
    assert client.post("/v1/webhooks", json=hook).status_code == 503


@pytest.mark.parametrize("content", [one(), heavy(100_000)], ids=["tiny", "large"])
def test_a_delete_does_not_pass_for_done_in_a_store_that_was_emptied_meanwhile(
    service: Service, empty_redis_url: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = submit(service, content, LOCAL.owner)
    blobs = service.settings.var / "blobs"
    kept = sorted(blobs.iterdir())
    get = service.jobs.get

    def emptied_after(owner: str, job_id: str) -> Job:
        job = get(owner, job_id)
        with redis.Redis.from_url(empty_redis_url) as server:
            server.flushall()
        return job

    monkeypatch.setattr(service.jobs, "get", emptied_after)
    answer = client_of(service).delete(f"/v1/jobs/{known}")
    assert answer.status_code == 503, answer.text
    assert "came up empty" in answer.text
    assert sorted(blobs.iterdir()) == kept, "the job may come back, and wants its upload then"


@pytest.mark.parametrize(("method", "of_it"), [("GET", ""), ("GET", "/results"), ("DELETE", "")])
def test_a_job_is_not_called_missing_that_is_back_before_the_store_is_looked_at_again(
    service: Service, empty_redis_url: str, method: str, of_it: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"/v1/jobs/{submit(service, one(), LOCAL.owner)}{of_it}"
    client = client_of(service)
    assert client.get(address).status_code == 200
    with redis.Redis.from_url(empty_redis_url) as server:
        volume = emptied(server)
        mark = service.mark
        assert mark is not None
        check = mark.check

        def with_its_volume_again(*, now: bool = False) -> None:
            if now:
                bring_back(server, volume)
            check(now=now)

        monkeypatch.setattr(mark, "check", with_its_volume_again)
        answer = client.open(address, method=method)
        assert answer.status_code == 503, answer.text
        assert "came up empty" in answer.text
        bring_back(server, volume)
    assert client.get(address).status_code == 200


def test_a_job_that_is_back_is_deleted_by_the_call_that_met_an_empty_store(
    service: Service, empty_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = submit(service, heavy(100_000), LOCAL.owner)
    blobs = service.settings.var / "blobs"
    assert list(blobs.glob("[0-9a-z]*"))
    delete = service.store.delete
    answers: list[bool] = []

    def empty_the_first_time(job_id: str) -> bool:
        volume = [] if answers else emptied(server)
        answers.append(delete(job_id))
        bring_back(server, volume)
        return answers[-1]

    monkeypatch.setattr(service.store, "delete", empty_the_first_time)
    with redis.Redis.from_url(empty_redis_url) as server:
        assert client_of(service).delete(f"/v1/jobs/{known}").status_code == 204
        assert answers == [False, True]
        assert server.hkeys(f"dm:job:{known}") == [b"deleted"]
    assert not list(blobs.glob("[0-9a-z]*"))


Volume = list[tuple[bytes, bytes]]


def emptied(server: redis.Redis) -> Volume:
    """What ``server`` held until now."""
    store: Any = server
    volume = [(key, store.dump(key)) for key in store.keys("*")]
    store.flushall()
    return volume


def bring_back(server: redis.Redis, volume: Volume) -> None:
    for key, held in volume:
        server.restore(key, 0, held, replace=True)


def test_what_a_store_lacked_that_is_gone_now_is_not_called_missing(service: Service) -> None:
    nobody = StoreMark(connect(f"redis://127.0.0.1:{free_port()}", patient=False), service.blobs)
    error = looked_into(NotFound("There is no such job."), nobody)
    assert isinstance(error, StorageUnavailable)


def test_a_template_that_was_just_emptied_away_is_not_called_unknown(service: Service, empty_redis_url: str) -> None:
    client = client_of(service)
    pages = submission([("a.png", one())], {"read": "form", "template": "claim@1"})
    assert client.post("/v1/jobs", **pages).status_code == 400
    submit(service, one())
    with redis.Redis.from_url(empty_redis_url) as server:
        server.flushall()
    for answer in (
        client.post("/v1/jobs", **submission([("a.png", one())], {"read": "form", "template": "claim@1"})),
        client.get("/v1/templates/claim/1"),
    ):
        assert answer.status_code == 503, answer.text
        assert "came up empty" in answer.text


def submit(service: Service, content: bytes, owner: str = "ann") -> str:
    settings = service.settings
    with Spool(settings.spool, settings.max_upload_bytes) as spool:
        spool.add("1.png", io.BytesIO(content))
        return service.jobs.submit(owner, spool, Options()).job.id


@pytest.mark.parametrize("content", [one(), heavy(100_000)], ids=["tiny", "large"])
@pytest.mark.parametrize("found", ["", "restoring", "another"])
def test_no_job_is_accepted_into_a_store_that_was_replaced_since_the_last_look(
    service: Service, empty_redis_url: str, content: bytes, found: str
) -> None:
    known = submit(service, content)
    blobs = service.settings.var / "blobs"
    kept = sorted(blobs.iterdir())
    with redis.Redis.from_url(empty_redis_url) as client:
        held = client.hgetall(f"dm:job:{known}")
        mark = client.get("dm:store")
        client.flushall()
        if found:
            client.set("dm:store", found)
        with pytest.raises(StoreReplaced):
            submit(service, content)
        assert set(client.keys("dm:*")) == ({b"dm:store"} if found else set())
        assert sorted(blobs.iterdir()) == kept, "nothing of it stays beside the uploads"
        client.set("dm:store", mark)
        client.hset(f"dm:job:{known}", mapping=held)
        assert service.store.get(submit(service, content))
