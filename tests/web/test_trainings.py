"""Trainings over HTTP; what a trainer does is told to the store by hand here."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from digitmill.domain.jobs import Counts
from digitmill.domain.roles import Role
from digitmill.domain.rows import WORKED
from digitmill.networks.task import Task
from digitmill.store.base import Done
from digitmill.store.blobs import model_blob
from digitmill.store.orders import Order
from digitmill.store.upkeep import WorkerInfo
from tests.trainings.samples import labelled_zip
from tests.web.conftest import Client, Mill, assert_problem, submitted
from tests.web.fakes import heavy, one

TRAINER = WorkerInfo("a:1/2", "keras", "cpu", "f32", "")
NETWORK = [{"type": "flatten"}, {"type": "dense", "units": 16}]
FIGURES = {"training_loss": 0.5, "training_accuracy": 0.9, "validation_accuracy": 0.8, "learning_rate": 0.004}
REPORT = {
    "measured_on": "test", "in_time": True, "images": 2, "accuracy": 0.5, "calibration_error": 0.1, "temperature": 1.0,
    "review_below": 0.9, "accepted": 0.5, "weights": 12_730, "training_images": 80, "validation_images": 10,
    "confusion": [[0] * 10] * 10, "reliability": [], "mistakes": [
        {"label": "7", "answer": "1", "confidence": 0.9, "png": ""}
    ],
}  # fmt: skip


@dataclass
class Hand:
    """Does a trainer's work at the store."""

    mill: Mill

    def take(self) -> None:
        (self.claim,) = self.mill.store.chunks.take(Order(0, 60, popped=self.popped(), role=Role.TRAINER)).claims

    def popped(self) -> tuple[bytes, float]:
        found = self.mill.store.chunks.wait_for_work(1, Role.TRAINER)
        assert found is not None
        return found

    def epoch(self, number: int, loss: float) -> None:
        told = {"epoch": number, **FIGURES, "validation_loss": loss, "seconds": 1.5}
        assert self.mill.store.chunks.note_progress(self.claim, number, 60, {str(number): json.dumps(told).encode()})
        self.mill.service.blobs.delete(model_blob(self.claim.job.id))
        self.mill.service.blobs.put(model_blob(self.claim.job.id), b"network of epoch %d" % number)

    def end(self) -> None:
        total = self.claim.job.counts.total
        counts = Counts(total, Counter({WORKED: total}))
        self.mill.store.chunks.complete_all([Done(self.claim, json.dumps(REPORT).encode(), counts)])


@pytest.fixture
def hand(mill: Mill) -> Hand:
    mill.store.upkeep.beat([TRAINER], Role.TRAINER)
    return Hand(mill)


def train(client: Client, **wish: Any) -> Any:
    return client.post("/v1/trainings", json=wish)


def test_a_training_is_asked_for_followed_and_taken(client: Client, hand: Hand) -> None:
    answer = train(client, layers=NETWORK, epochs=3, name="mine", metadata={"ward": 7})
    assert answer.status_code == 202, answer.json
    path, begun = answer.headers["Location"], answer.json
    assert (begun["state"], begun["name"], begun["metadata"]) == ("queued", "mine", {"ward": 7})
    assert begun["network"] == {
        "architecture": "layers",
        "description": "flatten, dense 16",
        "layers": [{"type": "flatten"}, {"type": "dense", "units": 16, "activation": "relu"}],
        "weights": 784 * 16 + 16 + 170,
    }
    assert begun["settings"]["mnist"] is True
    hand.take()
    assert_problem(client.get(f"{path}/model.keras"), 404, "not_found")
    for number, loss in ((1, 0.5), (2, 0.3), (3, 0.4)):
        hand.epoch(number, loss)
    running = client.get(path).json
    assert (running["state"], running["progress"], running["best_epoch"]) == ("running", 1.0, 2)
    assert [epoch["epoch"] for epoch in running["epochs"]] == [1, 2, 3]
    hand.end()
    ended = client.get(path).json
    assert (ended["state"], ended["report"]["accuracy"]) == ("completed", 0.5)
    events = client.get(begun["links"]["events"]).text
    assert json.loads(events.partition("data: ")[2].partition("\n")[0])["state"] == "completed"
    model = client.get(begun["links"]["model"])
    assert (model.data, model.headers["Content-Disposition"]) == (
        b"network of epoch 3",
        'attachment; filename="mine.keras"',
    )
    listed = client.get("/v1/trainings").json
    assert (listed["trainers"], listed["next_cursor"]) == (1, None)
    assert listed["trainings"] == [{**ended, "report": {**ended["report"], "mistakes": []}}]
    assert client.delete(f"/v1/jobs/{begun['id']}").status_code == 204
    assert_problem(client.get(path), 404, "not_found")


def test_one_that_is_cancelled_keeps_its_best_so_far(client: Client, hand: Hand) -> None:
    path = train(client, architecture="lenet5").headers["Location"]
    hand.take()
    hand.epoch(1, 0.5)
    cancelled = client.post(f"{path}/cancel").json
    assert (cancelled["state"], cancelled["best_epoch"], cancelled["report"]) == ("cancelled", 1, None)
    assert client.get(f"{path}/model.keras").data == b"network of epoch 1"


def test_labelled_images_come_as_files_and_from_jobs(client: Client, hand: Hand) -> None:
    job = submitted(client, [("seven.png", one())])
    hand.mill.turn()
    wish = {"layers": NETWORK, "jobs": [job.rpartition("/")[2]]}
    data = {"training": json.dumps(wish), "data": [(io.BytesIO(labelled_zip(2)), "a.zip")]}
    answer = client.post("/v1/trainings", data=data)
    assert answer.status_code == 202, answer.json
    assert answer.json["settings"]["mnist"] is False
    assert (answer.json["settings"]["files"], answer.json["settings"]["jobs"]) == (1, wish["jobs"])
    hand.take()
    task = Task.model_validate_json(hand.claim.entries)
    first, second = task.zips
    read = hand.mill.service.blobs.read
    assert read(answer.json["id"], first.start, first.start + first.length) == labelled_zip(2)
    assert read(answer.json["id"], second.start, second.start + 4) == b"PK\x03\x04"


def answered(client: Client, mill: Mill, image: bytes | None = None) -> str:
    """The id of a job of which a row was corrected."""
    job = submitted(client, [("seven.png", one() if image is None else image)])
    mill.turn()
    said = {"corrections": [{"index": 0, "revision": 0, "prediction": "1"}]}
    assert client.open(f"{job}/results", method="PATCH", json=said).status_code == 200
    return job.rpartition("/")[2]


def test_the_default_model_is_improved_by_what_people_answered(client: Client, hand: Hand) -> None:
    jobs = [answered(client, hand.mill)]
    accepted = train(client, improve=True, jobs=jobs)
    assert accepted.status_code == 202, accepted.json
    begun = accepted.json
    default = hand.mill.service.registry.default()
    assert (begun["improves"], begun["name"], begun["settings"]["jobs"]) == (default.label, default.name, jobs)
    assert default.label in begun["network"]["description"]
    hand.take()
    task = Task.model_validate_json(hand.claim.entries)
    assert task.improves is not None
    assert (task.improves.sha256, len(task.zips)) == (default.sha256, 1)
    hand.epoch(1, 0.3)
    hand.epoch(2, 0.4)
    path = accepted.headers["Location"]
    # all epochs go on from the one before: the last is the model, though its loss is not the least
    assert client.get(path).json["best_epoch"] == 2
    hand.end()
    ended = client.get(path).json
    assert (ended["report"], ended["improvement"]["accuracy"]) == (None, 0.5)
    # nothing is published by itself
    assert hand.mill.service.registry.default().label == default.label


def test_an_improvement_that_cannot_be_is_refused_with_its_place(client: Client, hand: Hand) -> None:
    def fields(**wish: Any) -> tuple[list[str], str]:
        problem = assert_problem(train(client, improve=True, **wish), 400, "bad_options")
        return [fault["field"] for fault in problem["errors"]], problem["detail"]

    untouched = submitted(client, [("seven.png", one())])
    hand.mill.turn()
    assert fields()[0] == ["jobs"]
    assert fields(jobs=[answered(client, hand.mill)], architecture="lenet5")[0] == ["architecture"]
    assert fields(jobs=[answered(client, hand.mill)], epochs=3)[0] == ["epochs"]
    place, said = fields(jobs=[answered(client, hand.mill), untouched.rpartition("/")[2]])
    assert (place, "nobody has answered" in said) == (["jobs.1"], True)
    assert client.get("/v1/trainings").json["trainings"] == []


def test_a_job_whose_pictures_are_gone_is_named(client: Client, hand: Hand) -> None:
    def said(*jobs: str) -> str:
        return str(assert_problem(train(client, improve=True, jobs=jobs), 410, "expired")["detail"])

    kept, lost = answered(client, hand.mill), answered(client, hand.mill, heavy())
    hand.mill.service.blobs.delete(lost)
    assert (lost in said(kept, lost), kept in said(kept, lost)) == (True, False)
    assert "expires_in" in said(kept, lost)
    hand.mill.pass_time(hand.mill.service.settings.expires_in + 1)
    hand.mill.store.upkeep.beat([TRAINER], Role.TRAINER)
    assert kept in said(kept)


def test_what_is_wrong_is_said_with_its_place_and_nothing_is_stored(client: Client, hand: Hand) -> None:
    def fields(**wish: Any) -> list[str]:
        problem = assert_problem(train(client, **wish), 400, "bad_options")
        return [fault["field"] for fault in problem["errors"]]

    assert fields(layers=[*NETWORK, {"type": "conv", "filters": 3, "kernel_size": 3}]) == ["layers.2"]
    assert fields(layers=[{"type": "flatten"}, {"type": "dense", "units": 1.5}]) == ["layers.1.units"]
    assert fields(architecture="lenet5", epochs=0) == ["epochs"]
    assert fields(architecture="lenet5", momentum=1) == ["momentum"]
    assert fields(architecture="lenet5", jobs=["x"]) == ["jobs.0"]
    nowhere = train(client, architecture="lenet5", jobs=["0" * 26])
    assert_problem(nowhere, 404, "not_found")
    broken = client.post("/v1/trainings", data={"training": "{"}, content_type="multipart/form-data")
    assert_problem(broken, 400, "bad_options")
    assert_problem(client.post("/v1/trainings", data=b"x", content_type="text/plain"), 415, "unsupported_media_type")
    assert client.get("/v1/trainings").json["trainings"] == []


def test_without_a_trainer_nothing_is_accepted(client: Client) -> None:
    problem = assert_problem(train(client, architecture="lenet5"), 503, "no_trainer")
    assert "pip install 'digitmill[train]'" in problem["detail"]


def test_a_job_of_another_kind_is_no_training_and_a_training_is_a_job(client: Client, hand: Hand) -> None:
    job = submitted(client, [("seven.png", one())]).rpartition("/")[2]
    assert_problem(client.get(f"/v1/trainings/{job}"), 404, "not_found")
    training = train(client, architecture="lenet5").json["id"]
    assert client.get(f"/v1/jobs/{training}").json["kind"] == "train"
    assert_problem(client.get(f"/v1/jobs/{training}/results"), 404, "not_found")


def test_lists_of_layers_are_outlined_also_unfinished_ones(client: Client) -> None:
    def outline(*layers: Any) -> Any:
        return client.post("/v1/networks/outline", json={"layers": list(layers)}).json

    whole = outline(*NETWORK)
    assert [(each["shape"], each["weights"]) for each in (*whole["layers"], whole["answer"])] == [
        ([784], 0), ([16], 12_560), ([10], 170),
    ]  # fmt: skip
    assert (whole["weights"], whole["error"], whole["layer"]) == (12_730, None, None)
    broken = outline(NETWORK[0], {"type": "dense", "units": 0}, NETWORK[1])
    assert (broken["layer"], broken["layers"][1]["field"], broken["layers"][1]["shape"]) == (1, "units", None)
    assert outline()["error"]
    assert outline(7)["layer"] == 0


def test_networks_to_begin_with_can_be_sent_as_they_are(client: Client, hand: Hand) -> None:
    for network in client.get("/v1/networks").json["networks"]:
        settings = {name: network[name] for name in ("epochs", "optimizer", "learning_rate", "batch_size")}
        wish = {"layers": network["layers"]} if network["layers"] else {"architecture": network["name"]}
        answer = train(client, **wish, **settings, augmentation=network["augmentation"])
        assert answer.status_code == 202, answer.json
        assert answer.json["network"]["weights"] == network["weights"]


def test_the_page_offers_jobs_that_people_answered_to_learn_from(client: Client, hand: Hand) -> None:
    untouched = submitted(client, [("seven.png", one())]).rpartition("/")[2]
    page = client.get("/train").text
    assert "There is no job of digits or forms with corrected or confirmed rows yet." in page
    job = answered(client, hand.mill)
    page = client.get("/train").text
    assert f'value="{job}"' in page
    assert "1 answered row<" in page
    assert untouched not in page
    assert hand.mill.service.registry.default().label in page
    begun = train(client, improve=True, jobs=[job]).json["id"]
    assert client.get(f"/train/{begun}").status_code == 200
    assert f"/train/{begun}" in client.get("/train").text
