"""Which models jobs get: the default, what it was before, canaries, shadows, and models that are retired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from numpy.typing import NDArray

from digitmill.domain.jobs import ModelReference
from digitmill.errors import ModelNotFound
from digitmill.work.loading import Models
from tests.core.conftest import publish
from tests.web.conftest import Client, Mill, assert_problem, client_of, submit, submitted
from tests.web.fakes import WideMeansSeven, one, seven

FILES = [("1.png", one()), ("7.png", seven())]


class SaysThree(WideMeansSeven):
    """Sure of a 3, whatever it sees."""

    def predict(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        answers = np.full((len(batch), 10), 0.001, np.float32)
        answers[:, 3] = 0.991
        return answers


@pytest.fixture
def mill(mill: Mill) -> Mill:
    """With the published models digits@1, the default, and digits@2 and digits@3, of which the last says 3 always."""
    folder = mill.service.settings.var / "models"
    for version in ("2", "3"):
        publish(folder, "digits", version)
    (folder / "default").write_text("digits@1")
    loaded = {"1": WideMeansSeven(), "2": WideMeansSeven(), "3": SaysThree()}
    mill.worker = mill.service.work(Models(lambda reference: model_of(loaded, reference)))
    return mill


def model_of(loaded: dict[str, WideMeansSeven], reference: ModelReference) -> WideMeansSeven:
    if reference.version not in loaded:
        raise ModelNotFound("It is not here.")
    return loaded[reference.version]


def sent(client: Client, method: str, path: str, **body: Any) -> Any:
    return client.open(f"/v1/models/{path}", method=method, json=body)


def defaults(client: Client) -> Any:
    return client.get("/v1/models/releases").json["defaults"]["digit"]


def model_of_a_job(client: Client, options: dict[str, Any] | None = None) -> str:
    model = submit(client, FILES, options).json["model"]
    return f"{model['name']}@{model['version']}"


def test_the_default_is_changed_and_jobs_under_way_keep_theirs(client: Client, mill: Mill) -> None:
    under_way = submitted(client, FILES)
    answer = sent(client, "PUT", "default", model="digits@3")
    assert answer.status_code == 200
    assert answer.json["defaults"]["digit"] == "digits@3" == defaults(client)
    assert answer.json["defaults"]["number"].startswith("numbers@")
    later = submitted(client, FILES)
    mill.turn()
    texts = [
        [row["prediction"] for row in client.get(f"{path}/results").json["results"]] for path in (under_way, later)
    ]
    assert texts == [["1", "7"], ["3", "3"]]
    assert client.get("/v1/models/digits/3").json["default"]


def test_the_history_tells_who_made_what_the_default(client: Client) -> None:
    for model in ("digits@2", "digits@2", "digits@3"):
        sent(client, "PUT", "default", model=model)
    history = client.get("/v1/models/releases").json["history"]
    told = [(each["model"], each["before"], each["action"], each["by"]) for each in history]
    assert told == [("digits@3", "digits@2", "default", "local"), ("digits@2", "digits@1", "default", "local")]


def test_it_is_rolled_back_step_by_step(client: Client) -> None:
    sent(client, "PUT", "default", model="digits@2")
    sent(client, "PUT", "default", model="digits@3")
    assert sent(client, "POST", "rollback").json["defaults"]["digit"] == "digits@2"
    assert sent(client, "POST", "rollback", reads="digit").json["defaults"]["digit"] == "digits@1"
    assert_problem(sent(client, "POST", "rollback"), 409, "nothing_before")
    assert_problem(sent(client, "POST", "rollback", reads="number"), 409, "nothing_before")
    assert defaults(client) == "digits@1"
    assert [each["action"] for each in client.get("/v1/models/releases").json["history"]][:2] == ["roll_back"] * 2


def test_a_default_that_was_set_by_hand_is_rolled_back_to(client: Client, mill: Mill) -> None:
    (mill.service.settings.var / "models" / "default").write_text("digits@2\n")
    sent(client, "PUT", "default", model="digits@3")
    assert sent(client, "POST", "rollback").json["defaults"]["digit"] == "digits@2"


@pytest.mark.parametrize("path", ["default", "canary", "shadow"])
@pytest.mark.parametrize(
    ("model", "status", "code"),
    [("digits@99", 404, "model_not_found"), ("digits", 400, "bad_options"), ("../x@1", 400, "bad_options"),
     (7, 400, "bad_options")],
)  # fmt: skip
def test_what_is_no_model_is_refused(client: Client, path: str, model: Any, status: int, code: str) -> None:
    more = {} if path == "default" else {"share": 0.5}
    assert_problem(sent(client, "PUT", path, model=model, **more), status, code)


@pytest.mark.parametrize("share", [0, -1, 1.5, "0.5", None])
def test_a_share_lies_above_0_and_up_to_1(client: Client, share: Any) -> None:
    problem = assert_problem(sent(client, "PUT", "canary", model="digits@2", share=share), 400, "bad_options")
    assert problem["errors"][0]["field"] == "share"


@pytest.mark.parametrize("path", ["canary", "shadow"])
def test_the_default_cannot_be_on_trial(client: Client, path: str) -> None:
    problem = assert_problem(sent(client, "PUT", path, model="digits@1", share=0.5), 400, "bad_options")
    assert problem["errors"][0]["field"] == "model"


def test_a_canary_is_given_to_jobs_that_name_no_model(client: Client, mill: Mill) -> None:
    assert sent(client, "PUT", "canary", model="digits@3", share=1.0).status_code == 200
    assert model_of_a_job(client) == "digits@3"
    assert model_of_a_job(client, {"model": "digits@1"}) == "digits@1"
    mill.turn()
    (canary,) = client.get("/v1/models/releases").json["canaries"].values()
    assert (canary["model"], canary["against"], canary["share"]) == ("digits@3", "digits@1", 1.0)
    assert canary["canary"] == {"images": 2, "chunks": 1, "recognized": 2}
    assert canary["default"] is None
    assert client.delete("/v1/models/canary").json["canaries"] == {}
    assert client.delete("/v1/models/canary").status_code == 200
    assert model_of_a_job(client) == "digits@1"


def test_of_a_canary_a_share_of_the_jobs_alone_is_given(client: Client, mill: Mill) -> None:
    sent(client, "PUT", "canary", model="digits@3", share=0.5)
    given = [model_of_a_job(client) for _ in range(60)]
    # less likely otherwise than one in a million
    assert 10 < given.count("digits@3") < 50
    mill.turn()
    (canary,) = client.get("/v1/models/releases").json["canaries"].values()
    assert canary["canary"]["images"] == 2 * given.count("digits@3")
    assert canary["default"]["images"] == 2 * given.count("digits@1")


def test_a_canary_that_is_gone_fails_no_job(client: Client, mill: Mill) -> None:
    sent(client, "PUT", "canary", model="digits@3", share=1.0)
    (mill.service.settings.var / "models" / "digits" / "3" / "manifest.json").unlink()
    assert model_of_a_job(client) == "digits@1"


def test_a_canary_that_becomes_the_default_is_on_trial_no_more(client: Client) -> None:
    sent(client, "PUT", "canary", model="digits@3", share=0.5)
    answer = sent(client, "PUT", "default", model="digits@3").json
    assert (answer["canaries"], answer["defaults"]["digit"]) == ({}, "digits@3")


def test_a_shadow_answers_too_and_does_not_count(client: Client, mill: Mill) -> None:
    sent(client, "PUT", "shadow", model="digits@3", share=1.0)
    path = submitted(client, FILES)
    mill.turn()
    job = client.get(path).json
    assert (job["state"], job["model"]["version"]) == ("completed", "1")
    assert [row["prediction"] for row in client.get(f"{path}/results").json["results"]] == ["1", "7"]
    (shadow,) = client.get("/v1/models/releases").json["shadows"].values()
    assert shadow["compared"] == {
        "images": 2, "chunks": 1, "read": 2, "same": 0, "accepted": 2, "shadow_accepted": 2, "both_accepted": 2,
        "both_accepted_differ": 2,
    }  # fmt: skip
    told = [
        (each["job"], each["index"], each["prediction"], each["shadow_prediction"]) for each in shadow["differences"]
    ]
    assert sorted(told) == [(job["id"], 0, "1", "3"), (job["id"], 1, "7", "3")]
    assert client.delete("/v1/models/shadow").json["shadows"] == {}


def test_a_shadow_that_cannot_be_loaded_fails_no_job(client: Client, mill: Mill) -> None:
    publish(mill.service.settings.var / "models", "digits", "4")
    (mill.service.settings.var / "models" / "default").write_text("digits@1")
    sent(client, "PUT", "shadow", model="digits@4", share=1.0)
    path = submitted(client, FILES)
    mill.turn()
    assert client.get(path).json["state"] == "completed"
    (shadow,) = client.get("/v1/models/releases").json["shadows"].values()
    assert (shadow["compared"], shadow["differences"]) == (None, [])


def test_a_shadow_must_see_the_same_pictures(client: Client, mill: Mill) -> None:
    publish(mill.service.settings.var / "models", "digits", "4", normaliser=3)
    (mill.service.settings.var / "models" / "default").write_text("digits@1")
    problem = assert_problem(sent(client, "PUT", "shadow", model="digits@4", share=0.5), 400, "bad_options")
    assert "normaliser" in problem["detail"]


def test_a_model_is_retired_when_nothing_uses_it_and_brought_back(client: Client, mill: Mill) -> None:
    assert_problem(sent(client, "PUT", "digits/1/retired"), 409, "model_in_use")
    sent(client, "PUT", "canary", model="digits@3", share=0.5)
    assert_problem(sent(client, "PUT", "digits/3/retired"), 409, "model_in_use")
    client.delete("/v1/models/canary")
    path = submitted(client, FILES, {"model": "digits@3"})
    detail = assert_problem(sent(client, "PUT", "digits/3/retired"), 409, "model_in_use")["detail"]
    assert path.rpartition("/")[2] in detail
    assert model_of_a_job(client, {"model": "digits@3"}) == "digits@3"
    mill.turn()
    assert sent(client, "PUT", "digits/3/retired").json["retired"] == ["digits@3"]
    assert sent(client, "PUT", "digits/3/retired").status_code == 200
    assert_problem(submit(client, FILES, {"model": "digits@3"}), 400, "bad_options")
    offered = client.get("/v1/models").json["models"]
    assert ("digits", "3") not in [(model["name"], model["version"]) for model in offered]
    assert client.get("/v1/models/digits/3").json["retired"]
    assert client.get(f"{path}/results/1/image?view=normalised").status_code == 200
    assert sent(client, "DELETE", "digits/3/retired").json["retired"] == []
    assert model_of_a_job(client, {"model": "digits@3"}) == "digits@3"
    assert_problem(sent(client, "PUT", "digits/99/retired"), 404, "model_not_found")


def test_a_name_without_a_version_is_the_newest_that_is_not_retired(client: Client, mill: Mill) -> None:
    folder = mill.service.settings.var / "models"
    for version in ("1", "2"):
        publish(folder, "mine", version)
    (folder / "default").write_text("digits@1")
    assert model_of_a_job(client, {"model": "mine"}) == "mine@2"
    mill.turn()
    sent(client, "PUT", "mine/2/retired")
    mill.pass_time(2)
    assert model_of_a_job(client, {"model": "mine"}) == "mine@1"
    mill.turn()
    sent(client, "PUT", "mine/1/retired")
    mill.pass_time(2)
    assert_problem(submit(client, FILES, {"model": "mine"}), 400, "bad_options")


def test_a_retired_model_that_becomes_the_default_is_so_no_more(client: Client) -> None:
    sent(client, "PUT", "digits/3/retired")
    assert sent(client, "PUT", "default", model="digits@3").json["retired"] == []


def test_another_web_process_sees_it_within_a_second(client: Client, mill: Mill) -> None:
    other = client_of(mill.service)
    assert model_of_a_job(other) == "digits@1"
    sent(client, "PUT", "default", model="digits@2")
    mill.pass_time(1)
    assert model_of_a_job(other) == "digits@2"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"retired": 7}', b"\xff"])
def test_a_broken_file_stops_no_job_and_is_not_written_over(client: Client, mill: Mill, content: bytes) -> None:
    file = Path(mill.service.settings.var / "models" / "releases.json")
    file.write_bytes(content)
    assert submit(client, FILES).status_code == 202
    assert client.get("/v1/models/releases").json["history"] == []
    assert sent(client, "PUT", "default", model="digits@2").status_code == 500
    assert file.read_bytes() == content
    assert defaults(client) == "digits@1"


def test_the_file_is_json_that_people_can_read(client: Client, mill: Mill) -> None:
    sent(client, "PUT", "canary", model="digits@3", share=0.25)
    written = json.loads((mill.service.settings.var / "models" / "releases.json").read_text())
    assert written["canaries"]["digit"]["share"] == 0.25


def test_each_change_leaves_an_audit_line(client: Client) -> None:
    with structlog.testing.capture_logs() as lines:
        sent(client, "PUT", "default", model="digits@2")
        sent(client, "POST", "rollback")
        sent(client, "PUT", "canary", model="digits@3", share=0.5)
        client.delete("/v1/models/canary")
        sent(client, "PUT", "shadow", model="digits@3", share=0.5)
        client.delete("/v1/models/shadow")
        sent(client, "PUT", "digits/2/retired")
        sent(client, "DELETE", "digits/2/retired")
    told = [(line["action"], line["model"]) for line in lines if line["event"] == "audit"]
    assert told == [
        ("set_default", "digits@2"), ("roll_back", "digits@1"), ("start_canary", "digits@3"), ("end_canary", "digit"),
        ("start_shadow", "digits@3"), ("end_shadow", "digit"), ("retire_model", "digits@2"),
        ("bring_back_model", "digits@2"),
    ]  # fmt: skip
