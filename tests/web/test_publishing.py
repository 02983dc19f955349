"""A model is published over HTTP: as a job that trainers take, whose document has the report."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import structlog
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from digitmill.domain.roles import Role
from digitmill.store.upkeep import WorkerInfo
from digitmill.work.loading import Models
from tests.in_process import take_once
from tests.publishing.files import SOUND, with_layer
from tests.web.conftest import Client, Mill, assert_problem, submit
from tests.web.fakes import WideMeansSeven, one

CARD = {
    "name": "mine",
    "version": "1",
    "data_sets": [{"name": "ours", "licence": "none", "training_images": 9, "validation_images": 1}],
}


@pytest.fixture
def mill(mill: Mill) -> Mill:
    """With a trainer that was heard of."""
    trainer_lives(mill)
    return mill


def trainer_lives(mill: Mill) -> None:
    mill.store.upkeep.beat([WorkerInfo("host/2", "keras", "cpu", "f32", "")], Role.TRAINER)


def test_without_a_trainer_nothing_is_taken(client: Client, mill: Mill) -> None:
    mill.pass_time(60)
    assert_problem(post(client), 503, "no_trainer")


def post(client: Client, content: bytes = SOUND, card: Any = CARD) -> Any:
    text = card if isinstance(card, str) else json.dumps(card)
    # of its own accord the test client puts so large a body into a file, which it leaves open
    boundary, body = encode_multipart({"card": text, "model": FileStorage(io.BytesIO(content), "model.keras")})
    return client.post("/v1/models", data=body, content_type=f"multipart/form-data; boundary={boundary}")


def train(mill: Mill) -> None:
    """Let a trainer do what waits for one."""
    trainer = mill.service.work(Models(lambda _: WideMeansSeven()), role=Role.TRAINER)
    while any(mill.store.chunks.waiting(Role.TRAINER).values()):
        take_once(trainer)


def test_a_model_is_published_by_a_trainer_and_no_other(client: Client, mill: Mill) -> None:
    answer = post(client)
    assert answer.status_code == 202, answer.text
    path = answer.headers["Location"]
    assert (answer.json["kind"], answer.json["state"], answer.json["counts"]["total"]) == ("publish", "queued", 5)
    mill.turn()
    assert client.get(path).json["state"] == "queued"
    train(mill)
    job = client.get(path).json
    assert (job["state"], job["progress"], job["error"]) == ("completed", 1.0, None)
    report = job["report"]
    assert report["model"] == "mine@1"
    assert report["figures"]["reference"]["mnist"]["accuracy"] > 0.99
    assert {each["precision"] for each in report["engines"]} >= {"f32"}
    model = client.get("/v1/models/mine/1").json
    assert model["sha256"] == report["sha256"]
    assert model["data_sets"] == CARD["data_sets"]
    assert model["provenance"]["job"] == job["id"]
    assert submit(client, [("1.png", one())], {"model": "mine"}).json["model"]["version"] == "1"
    trainer_lives(mill)
    assert_problem(post(client), 409, "conflict")
    assert post(client, card=CARD | {"version": "2"}).status_code == 202
    assert_problem(client.get(f"{path}/results"), 404, "not_found")


def test_a_trainer_that_died_before_it_could_say_so_has_published_all_the_same(
    client: Client, mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = post(client).headers["Location"]
    with monkeypatch.context() as patch:
        patch.setattr(mill.store.chunks, "complete_and_take", died)
        patch.setattr(mill.store.chunks, "complete_all", died)
        with pytest.raises(RuntimeError):
            train(mill)
    assert client.get("/v1/models/mine/1").status_code == 200
    mill.pass_time(60)
    mill.service.recovery.sweep()
    train(mill)
    assert client.get(path).json["report"]["model"] == "mine@1"


def died(*_: Any) -> Any:
    raise RuntimeError("killed")


def test_a_file_that_is_unsafe_fails_its_job(client: Client, mill: Mill) -> None:
    path = post(client, with_layer(class_name="Lambda")).headers["Location"]
    train(mill)
    job = client.get(path).json
    assert (job["state"], job["error"]["code"]) == ("failed", "model_unsafe")
    assert job["error"]["type"] == "/docs#errors-model_unsafe"
    assert "report" not in job
    assert_problem(client.get("/v1/models/mine/1"), 404, "model_not_found")


@pytest.mark.parametrize(
    ("card", "field"),
    [
        ("{", "card"),
        ({"name": "mine"}, "card.version"),
        (CARD | {"name": "../mine"}, "card.name"),
        (CARD | {"version": ""}, "card.version"),
        (CARD | {"name": "default"}, "card.name"),
        (CARD | {"normaliser": 1}, "card.normaliser"),
        (CARD | {"temperature": 0}, "card.temperature"),
        (CARD | {"review_below": 1.5}, "card.review_below"),
        (CARD | {"sha256": "0" * 64}, "card.sha256"),
        (CARD | {"data_sets": [{"name": "ours"}]}, "card.data_sets.0.licence"),
    ],
)
def test_a_card_is_refused_by_its_field(client: Client, card: Any, field: str) -> None:
    problem = assert_problem(post(client, card=card), 400, "bad_options")
    assert problem["errors"][0]["field"] == field


def test_both_parts_must_be_there(client: Client) -> None:
    assert_problem(client.post("/v1/models", data={"card": json.dumps(CARD)}, content_type="multipart/form-data"), 400,
                   "bad_options")  # fmt: skip
    assert_problem(post(client, b""), 400, "bad_options")
    assert_problem(client.post("/v1/models", data=SOUND[:1000]), 415, "unsupported_media_type")


@pytest.mark.parametrize("mill", [{"max_model_bytes": 1 << 16}], indirect=True)
def test_a_file_of_too_many_bytes_is_refused_at_once(client: Client) -> None:
    assert_problem(post(client), 413, "upload_too_large")


def test_who_published_is_noted(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        job = post(client).json["id"]
    (line,) = (line for line in lines if line["event"] == "audit")
    assert (line["action"], line["model"], line["job"], line["key"]) == ("publish_model", "mine@1", job, "local")
