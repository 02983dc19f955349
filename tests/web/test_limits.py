"""What the service takes: published, kept, and told on the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digitmill.domain.access import Quotas, Scope
from digitmill.imaging.files.formats import FORMATS, READ_ARCHIVE_SUFFIXES
from digitmill.settings import Settings
from digitmill.store.connection import connect
from tests.archives import zip_of
from tests.core.conftest import publish
from tests.in_process import in_process
from tests.web.conftest import Answer, Client, Mill, assert_problem, client_of, submit, submitted, wait_until
from tests.web.fakes import heavy, one
from web.access.wrong_keys import WrongKeys
from web.documents.published import NAMES

OF_WORKERS = {"max_attempts"}
FILES = [("a.png", one())]


@pytest.mark.parametrize("mill", [{"max_images": 17, "rate_limit": 1000}], indirect=True)
def test_the_limits_are_those_of_the_settings(client: Client, mill: Mill) -> None:
    found = client.get("/v1/limits").json
    assert (found["max_images"], found["rate_limit"]) == (17, 1000)
    assert {name: found[name] for name in NAMES} == {name: getattr(mill.service.settings, name) for name in NAMES}


def test_every_format_that_is_read_is_published(client: Client) -> None:
    found = client.get("/v1/limits").json
    assert [
        (each["name"], tuple(each["suffixes"]), each["media_type"], each["paged"]) for each in found["formats"]
    ] == [(known.name, known.suffixes, known.media_type, known.paged) for known in FORMATS]
    assert found["archives"] == list(READ_ARCHIVE_SUFFIXES)
    assert found["reads"] == {"digit": 1, "number": 32, "form": 1000}


def test_every_limit_of_the_settings_is_published_and_described(client: Client) -> None:
    limits = {name for name in Settings.model_fields if name.startswith("max_")} - OF_WORKERS
    assert limits < set(NAMES)
    described = client.get("/openapi.json").json["components"]["schemas"]["Limits"]
    assert (
        set(described["properties"])
        == set(described["required"])
        == {
            *NAMES,
            "formats",
            "archives",
            "reads",
            "quotas",
        }
    )
    for name in NAMES:
        assert described["properties"][name]["description"] == Settings.model_fields[name].description


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
    here = in_process(settings, connect(empty_redis_url))
    client = client_of(here.service)

    def post(_: int) -> int:
        return submit(client.application.test_client(), [("a.png", heavy())]).status_code  # type: ignore[arg-type]  # as client_of

    with ThreadPoolExecutor(12) as callers:
        statuses = sorted(callers.map(post, range(24)))
    assert statuses == [202] * 5 + [429] * 19
    assert here.store.upkeep.load("local").open_jobs == 5
    assert len(list((settings.var / "blobs").iterdir())) == 5


@pytest.mark.parametrize("mill", [{"max_redis_memory_share": 0.5}], indirect=True)
def test_a_redis_that_is_nearly_full_takes_no_more_jobs(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = submitted(client, FILES)
    monkeypatch.setattr(mill.store.upkeep, "memory_share", lambda: 0.6)
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
    assert all(0 < int(answer.headers["RateLimit-Reset"]) <= 62 for answer in answers)
    assert "RateLimit-Limit" not in client.get("/healthz").headers


@pytest.mark.parametrize("mill", [{"rate_limit": 30}], indirect=True)
def test_the_rate_limit_leaves_other_times_to_come_back_as_they_are(client: Client) -> None:
    response = submit(client, FILES)
    assert response.headers["Retry-After"] == "1"
    assert response.headers["RateLimit-Remaining"] == "29"


def test_without_a_rate_limit_none_is_told(client: Client) -> None:
    assert not [name for name, _ in client.get("/v1/models").headers if name.startswith("RateLimit")]


def of_key(mill: Mill, quotas: Quotas, *, owner: str = "office") -> dict[str, str]:
    """The header of a new key with these quotas."""
    _, text = mill.service.keys.create("a", [Scope.ADMIN], lifetime=None, owner=owner, quotas=quotas)
    return {"Authorization": f"Bearer {text}"}


def test_a_key_submits_as_many_images_a_day_as_it_may(client: Client, mill: Mill) -> None:
    header = of_key(mill, Quotas(images_a_day=2))
    for _ in range(2):
        assert client.post("/v1/jobs", data=one(), content_type="image/png", headers=header).status_code == 202
    refused = client.post("/v1/jobs", data=b"no image at all", content_type="text/plain", headers=header)
    assert_problem(refused, 429, "quota_used")
    assert 0 < int(refused.headers["Retry-After"]) <= 86400
    quotas = client.get("/v1/limits", headers=header).json["quotas"]
    assert quotas == {
        "images_a_day": 2, "images_today": 2, "open_jobs": None, "requests_a_minute": None, "keep_seconds": None,
    }  # fmt: skip
    assert len(client.get("/v1/jobs", headers=header).json["jobs"]) == 2
    metrics = client.get("/metrics", headers=header).text
    assert 'digitmill_refused_total{reason="quota_used"} 1.0' in metrics


def test_who_waits_until_midnight_finds_the_quota_of_a_day_again(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = of_key(mill, Quotas(images_a_day=3))
    three = zip_of((f"{number}.png", one()) for number in range(3))

    def post() -> Answer:
        return client.post("/v1/jobs", data=three, content_type="application/zip", headers=header)

    assert post().status_code == 202
    refused = post()
    assert_problem(refused, 429, "quota_used")
    mill.pass_time(int(refused.headers["Retry-After"]))
    assert post().status_code == 202


def test_an_upload_that_no_day_has_room_for_is_too_large_and_not_told_to_wait(client: Client, mill: Mill) -> None:
    header = of_key(mill, Quotas(images_a_day=2))
    refused = submit(client, [(f"{number}.png", heavy()) for number in range(3)], Authorization=header["Authorization"])
    problem = assert_problem(refused, 413, "too_many_images")
    assert "2 images a day, and the upload has 3" in problem["detail"]
    assert "Retry-After" not in refused.headers
    assert client.get("/v1/limits", headers=header).json["quotas"]["images_today"] == 0
    assert list((mill.service.settings.var / "blobs").iterdir()) == []


def test_wrong_keys_are_told_to_wait_until_every_process_has_forgotten_them() -> None:
    now = 0.0
    one_process, another = WrongKeys(lambda: now), WrongKeys(lambda: now)
    for _ in range(30):
        assert one_process.note("203.0.113.5") == 0
    now = 10.4
    for _ in range(30):
        assert another.note("203.0.113.5") == 0
    told = one_process.note("203.0.113.5")
    now += told
    assert [one_process.note("203.0.113.5"), another.note("203.0.113.5")] == [0, 0]


def test_who_waits_as_the_rate_limit_says_is_served(tmp_path: Path, empty_redis_url: str) -> None:
    settings = Settings(var=tmp_path / "var", redis_url=empty_redis_url, rate_limit=1)
    redis = connect(empty_redis_url)
    client = client_of(in_process(settings, redis).service)
    assert client.get("/v1/models").status_code == 200
    (counted,) = redis.keys("dm:limits*")
    # Redis tells this as 30 s
    redis.pexpire(counted, 30_499)
    refused = client.get("/v1/models")
    assert_problem(refused, 429, "rate_limited")
    told = int(refused.headers["Retry-After"])
    assert told > 30
    assert int(refused.headers["RateLimit-Reset"]) > 30
    # as if that time had passed
    redis.pexpire(counted, max(1, redis.pttl(counted) - 1000 * told))
    wait_until(lambda: not redis.exists(counted), 10)
    assert client.get("/v1/models").status_code == 200


def test_a_key_has_open_jobs_up_to_its_own_quota(client: Client, mill: Mill) -> None:
    narrow, wide = of_key(mill, Quotas(open_jobs=1)), of_key(mill, Quotas())

    def status(header: dict[str, str]) -> int:
        return client.post("/v1/jobs", data=one(), content_type="image/png", headers=header).status_code

    assert [status(narrow), status(narrow), status(wide), status(narrow)] == [202, 429, 202, 429]


@pytest.mark.parametrize("mill", [{"rate_limit": 2}], indirect=True)
def test_a_key_with_a_quota_of_requests_goes_by_that_one(client: Client, mill: Mill) -> None:
    own, plain = of_key(mill, Quotas(requests_a_minute=4)), of_key(mill, Quotas())

    def ask(header: dict[str, str]) -> list[int]:
        answers = [client.get("/v1/limits", headers=header) for _ in range(5)]
        refused = answers[-1]
        assert int(refused.headers["Retry-After"]) >= int(refused.headers["RateLimit-Reset"]) > 0
        return [answer.status_code for answer in answers]

    assert ask(own) == [200] * 4 + [429]
    assert ask(plain) == [200] * 2 + [429] * 3, "another key of the owner is counted by itself"
