"""Jobs of images that lie elsewhere, over HTTP: what is taken, under which names, and what is refused, and how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from digitmill.errors import SettingsError, SourceFailed
from digitmill.outside.places import read_place
from digitmill.service import Service
from digitmill.settings import Settings
from digitmill.sources import copying
from digitmill.sources import s3 as s3_module
from digitmill.sources.s3 import objects_of
from digitmill.sources.submitting import SETTING, Sources
from tests.archives import zip_of
from tests.files_elsewhere import HOST, Answered, Bucket, FileServer, file_server, reached
from tests.s3 import S3
from tests.web.conftest import Answer, Client, Mill, assert_problem, client_of, mill, turning
from tests.web.fakes import one, seven

__all__ = ["mill", "turning"]

BUCKET = "scans-submitted"
PORT = 8443
ALLOWED = f"s3://{BUCKET}/in, s3://{BUCKET}-none/in, https://{HOST}"


@pytest.fixture
def bucket(s3: S3) -> Iterator[Bucket]:
    with reached(s3, BUCKET) as found:
        found.make()
        yield found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FileServer]:
    with file_server(tmp_path_factory.mktemp("tls")) as started:
        yield started


@pytest.fixture
def client(mill: Mill, server: FileServer) -> Client:
    server.asked.clear()
    return client_of(fetching(mill.service, server))


def fetching(service: Service, server: FileServer, **caller: Any) -> Service:
    """The service, allowed what the test is about, and led to the server by every name."""
    settings = service.settings.model_copy(
        update={"source_prefixes": f"{ALLOWED}:{server.port}/open, https://{HOST}:{server.port}/also"}
    )
    sources = Sources(settings, service.jobs, service.drawers, server.caller(**caller))
    return replace(service, sources=sources)


def submit(client: Client, source: Any, options: dict[str, Any] | None = None, **headers: str) -> Answer:
    body = {"source": source} | ({"options": options} if options else {})
    return client.post("/v1/jobs", json=body, headers={name.replace("_", "-"): text for name, text in headers.items()})


def rows(client: Client, mill: Mill, answer: Answer) -> list[tuple[str, str | None]]:
    """Names and predictions."""
    assert answer.status_code == 202, answer.text
    mill.turn()
    found = client.get(f"{answer.headers['Location']}/results").json["results"]
    assert [row["index"] for row in found] == list(range(len(found)))
    return [(row["name"], row["prediction"]) for row in found]


def assert_nothing_left(client: Client, mill: Mill) -> None:
    assert client.get("/v1/jobs").json["jobs"] == []
    spool = mill.service.settings.spool
    assert not spool.is_dir() or list(spool.iterdir()) == []


def test_what_lies_below_a_folder_of_a_bucket_is_a_job_that_needs_the_bucket_no_more(
    client: Client, mill: Mill, bucket: Bucket
) -> None:
    odd = "in/day 1/\N{SNOWMAN}+%20&?.png"
    content = {"in/day 1/": b"", "in/day 1/b.png": seven(), odd: one(), "in/day 1/a/c.png": one(), "in/day 10/x": one()}
    content["in/day 1/z.zip"] = zip_of({"1.png": one(), "7.png": seven()})
    content["in/day 1/.DS_Store"] = b"litter"
    for key, data in content.items():
        bucket.put(key, data)
    answer = submit(client, f"s3://{BUCKET}/in/day 1")
    for key in content:
        bucket.delete(key)
    assert rows(client, mill, answer) == [
        ("a/c.png", "1"), ("b.png", "7"), ("1.png", "1"), ("7.png", "7"), ("\N{SNOWMAN}+%20&?.png", "1"),
    ]  # fmt: skip
    assert client.get(answer.headers["Location"]).json["counts"]["skipped"] == 1


def test_one_object_is_a_source_and_so_is_a_list_of_any(
    client: Client, mill: Mill, bucket: Bucket, server: FileServer
) -> None:
    bucket.put("in/7.png", seven())
    bucket.put("in/7.png.old/1.png", one())
    signed = server.put("open/%E4%B8%83.png?X-Signature=secret", seven())
    source = [f"s3://{BUCKET}/in/7.png", signed, f"s3://{BUCKET}/in/7.png.old/", server.put("also/1.png", one())]
    options = {"metadata": {"from": "elsewhere"}}
    answer = submit(client, source, options)
    assert rows(client, mill, answer) == [("7.png", "7"), ("七.png", "7"), ("1.png", "1"), ("1.png", "1")]
    assert client.get(answer.headers["Location"]).json["metadata"] == options["metadata"]
    assert "/open/%E4%B8%83.png?X-Signature=secret" in server.asked
    for key in ("in/7.png", "in/7.png.old/1.png"):
        bucket.delete(key)


@pytest.mark.parametrize(
    "source",
    [
        f"s3://{BUCKET}/inner/a.png", f"s3://{BUCKET}", f"s3://{BUCKET}/in/../out/a.png", "s3://other/in/a.png",
        f"s3://{BUCKET}/in/a.png?versionId=1", "s3:///in/a", "file:///etc/passwd", "memory://in/a", "a.png", "",
        f"http://{HOST}:PORT/open/a", f"https://{HOST}/open/a", f"https://{HOST}:PORT/opener/a",
        f"https://{HOST}:PORT/open/%2e%2e/a", f"https://{HOST}:PORT/open/..;/a", f"https://{HOST}:PORT/open/x%2f..%5Ca",
        f"https://{HOST}:PORT@evil.example/open/a", "https://127.0.0.1:PORT/open/a",
    ],
)  # fmt: skip
def test_what_is_no_address_or_is_not_allowed_is_refused_before_anybody_is_asked(
    client: Client, mill: Mill, server: FileServer, source: str
) -> None:
    wrong = source.replace("PORT", str(server.port))
    problem = assert_problem(submit(client, [server.url("open/a.png"), wrong]), 400, "bad_options")
    assert [fault["field"] for fault in problem["errors"]] == ["source[1]"]
    assert server.asked == []
    assert_nothing_left(client, mill)


def test_without_the_setting_nothing_is_fetched(mill: Mill) -> None:
    problem = assert_problem(submit(client_of(mill.service), f"s3://{BUCKET}/in"), 400, "bad_options")
    assert SETTING in problem["detail"]


@pytest.mark.parametrize(
    "value", ["scans", "file:///srv", "https://a.example/x?y=1", f"s3://{BUCKET}/in,", "http://a.example", "s3://"]
)
def test_a_setting_that_is_no_list_of_addresses_stops_the_process(mill: Mill, value: str) -> None:
    service = mill.service
    with pytest.raises(SettingsError, match=SETTING):
        Sources(Settings(source_prefixes=value), service.jobs, service.drawers)


@pytest.mark.parametrize("body", [{}, {"source": []}, {"source": 7}, {"source": ["x", 1]}, {"source": None}])
def test_a_body_has_files_or_a_source(client: Client, body: dict[str, Any]) -> None:
    assert_problem(client.post("/v1/jobs", json=body), 400, "bad_options")
    file = {"name": "a.png", "data": ""}
    assert_problem(client.post("/v1/jobs", json={"files": [file], "source": "s3://a/b"}), 400, "bad_options")


@pytest.mark.parametrize(
    ("place", "said"), [(f"s3://{BUCKET}/in/nowhere", "nothing here"), (f"s3://{BUCKET}-none/in", "no such bucket")]
)
@pytest.mark.usefixtures("bucket")
def test_an_empty_place_and_a_bucket_that_is_not_there_are_told(
    client: Client, mill: Mill, place: str, said: str
) -> None:
    problem = assert_problem(submit(client, place), 422, "source_failed")
    assert said in problem["detail"]
    assert problem["errors"][0]["field"] == "source"
    assert_nothing_left(client, mill)


@pytest.mark.parametrize(
    ("answers", "status", "code", "said"),
    [
        ([Answered(status=404)], 422, "source_failed", "answers 404"),
        ([Answered(status=302, headers={"Location": "/also/1.png"})], 422, "source_failed", "leads elsewhere"),
        ([Answered(status=503)], 503, "source_unavailable", "answers 503"),
        ([Answered(b"cut", told=100)], 503, "source_unavailable", "broke off"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_had_refuses_all_and_is_named_without_its_query(
    client: Client,
    mill: Mill,
    server: FileServer,
    monkeypatch: pytest.MonkeyPatch,
    answers: list[Answered],
    status: int,
    code: str,
    said: str,
) -> None:
    monkeypatch.setattr(copying, "PAUSES", (0.01, 0.01))
    good = [server.put(f"open/{number}.png", one()) for number in range(20)]
    bad = server.put("open/bad.png?signature=secret", *answers)
    problem = assert_problem(submit(client, [*good[:7], bad, *good[7:]]), status, code)
    assert said in problem["detail"]
    assert "secret" not in str(problem)
    assert [fault["field"] for fault in problem["errors"]] == ["source[7]"]
    assert_nothing_left(client, mill)


@pytest.mark.parametrize(("told", "seconds"), [("120", "120"), ("0", "5"), ("soon", "5"), (None, "5")])
def test_who_is_told_to_come_again_is_told_no_sooner_than_the_server_of_the_source_said(
    client: Client, server: FileServer, monkeypatch: pytest.MonkeyPatch, told: str | None, seconds: str
) -> None:
    monkeypatch.setattr(copying, "PAUSES", ())
    headers = {} if told is None else {"Retry-After": told}
    response = submit(client, server.put("open/a.png", Answered(status=503, headers=headers)))
    assert_problem(response, 503, "source_unavailable")
    assert response.headers["Retry-After"] == seconds


def test_a_file_that_could_not_be_had_at_first_is_asked_for_again(
    client: Client, mill: Mill, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PAUSES", (0.01, 0.01))
    url = server.put("open/7.png", Answered(status=500), Answered(seven()[:90], told=len(seven())), seven())
    assert rows(client, mill, submit(client, url)) == [("7.png", "7")]


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["10.1.2.3"], ["169.254.169.254"], ["::1"]])
def test_a_name_that_leads_inside_is_not_called(mill: Mill, server: FileServer, addresses: list[str]) -> None:
    inside = client_of(fetching(mill.service, server, addresses=addresses, private_addresses=False))
    problem = assert_problem(submit(inside, server.put("open/inside.png", seven())), 422, "source_failed")
    assert "private" in problem["detail"]
    assert "/open/inside.png" not in server.asked


@pytest.mark.parametrize("mill", [{"max_files": 3, "max_upload_bytes": 100_000}], indirect=True)
def test_files_and_bytes_are_limited(client: Client, mill: Mill, bucket: Bucket, server: FileServer) -> None:
    for number in range(4):
        bucket.put(f"in/many/{number}.png", one())
    bucket.put("in/large/a.bin", bytes(100_001))
    assert_problem(submit(client, f"s3://{BUCKET}/in/many"), 413, "too_many_images")
    assert_problem(submit(client, f"s3://{BUCKET}/in/large"), 413, "upload_too_large")
    assert_problem(submit(client, server.put("open/large", bytes(100_001))), 413, "upload_too_large")
    assert_problem(submit(client, [server.put("open/7.png", seven())] * 4), 413, "too_many_images")
    assert_nothing_left(client, mill)


def test_a_repeated_request_with_its_key_is_answered_without_fetching_again(
    client: Client, mill: Mill, server: FileServer
) -> None:
    url = server.put("open/repeated.png", seven())
    first, again = (submit(client, url, Idempotency_Key="batch") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json["id"] == again.json["id"]
    assert server.asked.count("/open/repeated.png") == 1
    other = submit(client, server.put("open/other.png", one()), Idempotency_Key="batch")
    assert_problem(other, 409, "idempotency_conflict")
    assert "/open/other.png" not in server.asked
    assert rows(client, mill, first) == [("repeated.png", "7")]


@pytest.mark.usefixtures("turning")
def test_the_rows_can_be_waited_for(client: Client, server: FileServer) -> None:
    answer = submit(client, server.put("open/7.png", seven()), Prefer="wait=20")
    assert (answer.status_code, answer.json["results"][0]["prediction"]) == (200, "7")


def test_an_object_that_changes_while_it_is_read_is_told(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_module, "BLOCK_BYTES", 4)
    bucket.put("in/changing", b"12345678")
    (found,) = objects_of(read_place(f"s3://{BUCKET}/in/changing"), "source", SETTING)
    for other in (b"abcdefgh", b"1234"):
        bucket.put("in/changing", b"12345678")
        with pytest.raises(SourceFailed, match="changed while"):
            found.fetch(lambda _, other=other: bucket.put("in/changing", other), 10)  # type: ignore[misc]
    bucket.delete("in/changing")
