"""Idempotency-Key: the same request twice is one job."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.web.conftest import Client, Mill, assert_problem, client_of, submit
from tests.web.fakes import heavy, one, seven


def test_the_same_key_with_the_same_body_gives_the_first_job(client: Client, mill: Mill) -> None:
    first = submit(client, [("a.png", heavy())], {"alternatives": 1}, Idempotency_Key="k1")
    mill.turn()
    second = submit(client, [("a.png", heavy())], {"alternatives": 1}, Idempotency_Key="k1")
    assert second.status_code == 202
    assert second.json["id"] == first.json["id"]
    assert second.headers["Location"] == first.headers["Location"]
    assert second.json["state"] == "completed"
    assert len(client.get("/v1/jobs").json["jobs"]) == 1
    assert list(mill.service.settings.spool.iterdir()) == []


def test_another_body_other_options_or_another_name_conflict(client: Client) -> None:
    submit(client, [("a.png", one())], Idempotency_Key="k1")
    for files, options in (
        ([("a.png", seven())], None),
        ([("a.png", one())], {"alternatives": 9}),
        ([("b.png", one())], None),
        ([("a.png", one()), ("a.png", one())], None),
    ):
        assert_problem(submit(client, files, options, Idempotency_Key="k1"), 409, "idempotency_conflict")
    assert len(client.get("/v1/jobs").json["jobs"]) == 1


def test_another_key_is_another_job(client: Client) -> None:
    ids = {submit(client, [("a.png", one())], Idempotency_Key=key).json["id"] for key in ("k1", "k2", "~" * 255)}
    assert len(ids) == 3


def test_the_same_key_at_the_same_time_makes_one_job(client: Client, mill: Mill) -> None:
    def post(own: Client) -> str:
        response = submit(own, [("a.png", heavy())], Idempotency_Key="k1")
        assert response.status_code == 202
        return str(response.json["id"])

    clients = [client_of(mill.service) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(post, clients))
    assert len(ids) == 1
    assert len(client.get("/v1/jobs").json["jobs"]) == 1
    assert len(list((mill.service.settings.var / "blobs").iterdir())) == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "tab\tbed", "caf\xe9"])
def test_a_key_of_other_than_1_to_255_visible_characters_is_refused(client: Client, key: str) -> None:
    problem = assert_problem(submit(client, [("a.png", one())], Idempotency_Key=key), 400, "bad_options")
    assert problem["errors"][0]["field"] == "Idempotency-Key"
