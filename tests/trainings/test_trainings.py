"""Trainings as jobs: what is asked for, what a trainer makes of it, what is told of it; TensorFlow runs for real."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digitmill.desk.trainings import Training, Wish
from digitmill.domain.jobs import JobState, Options
from digitmill.domain.roles import Role
from digitmill.errors import BadOptions, NotFound, NoTrainer
from digitmill.settings import Settings
from digitmill.store.blobs import blobs_of
from digitmill.store.upkeep import WorkerInfo
from digitmill.uploads.spool import Spool
from digitmill.work.loading import Models
from digitmill.work.taking import Work
from tests.in_process import InProcess, in_process, take_once
from tests.trainings.samples import labelled_zip

DENSE = [{"type": "flatten"}, {"type": "dense", "units": 16}]
TRAINER = WorkerInfo("a:1/2", "keras", "cpu", "f32", "")


@pytest.fixture
def here(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[InProcess]:
    settings = Settings(var=tmp_path / "var", **getattr(request, "param", {}))
    started = in_process(settings)
    started.store.upkeep.beat([TRAINER], Role.TRAINER)
    yield started
    started.store.close()


def trainer(here: InProcess) -> Work:
    def refuse(_: Any) -> Any:
        raise AssertionError("a trainer needs no model")

    return here.service.work(Models(refuse), role=Role.TRAINER)


def begin(here: InProcess, wish: Wish, *zips: bytes) -> Training:
    settings = here.service.settings
    with Spool(settings.spool, settings.max_upload_bytes) as spool:
        for number, content in enumerate(zips):
            spool.add(f"{number}.zip", io.BytesIO(content))
        return here.service.trainings.begin("ann", wish, spool, Options(), sent_by=None)


def test_a_training_ends_with_a_model_its_history_and_a_report(here: InProcess) -> None:
    begun = begin(here, Wish(layers=DENSE, epochs=3, batch_size=16), labelled_zip())
    assert take_once(trainer(here)) == 1
    ended = here.service.trainings.get("ann", begun.job.id)
    assert ended.job.state is JobState.COMPLETED, ended.job.error
    assert [epoch["epoch"] for epoch in ended.epochs] == [1, 2, 3]
    assert ended.epochs[-1]["training_loss"] < ended.epochs[0]["training_loss"]
    assert ended.best_epoch in (1, 2, 3)
    report = ended.report
    assert report is not None
    assert (report["measured_on"], report["in_time"], report["weights"]) == ("test", True, 784 * 16 + 16 + 16 * 10 + 10)
    assert sum(map(sum, report["confusion"])) == report["images"] > 0
    wrong = report["images"] - sum(report["confusion"][digit][digit] for digit in range(10))
    assert report["accuracy"] == pytest.approx(1 - wrong / report["images"], abs=1e-6)
    assert len(report["mistakes"]) == min(24, wrong)
    with zipfile.ZipFile(io.BytesIO(here.service.trainings.model("ann", begun.job.id))) as archive:
        assert {"config.json", "metadata.json", "model.weights.h5"} <= set(archive.namelist())
    here.service.jobs.delete("ann", begun.job.id)
    for name in blobs_of(begun.job.id, Role.TRAINER):
        with pytest.raises(NotFound):
            here.service.blobs.read(name, 0, 1)


def test_with_few_answered_rows_the_default_model_is_calibrated_alone_and_told_of(here: InProcess) -> None:
    begun = begin(here, Wish(improve=True), labelled_zip())
    take_once(trainer(here))
    ended = here.service.trainings.get("ann", begun.job.id)
    assert ended.job.state is JobState.COMPLETED, ended.job.error
    report = ended.report
    assert report is not None
    assert (report["method"], report["model"], report["mnist"]) == (
        "calibrated",
        here.service.registry.default().label,
        None,
    )
    # the folder of a digit is the scan that its images are of
    assert (report["scans"], report["rows"], report["learnt"] + report["held_out"]) == (10, 120, 120)
    assert report["own"]["before"]["images"] == report["own"]["calibrated"]["images"] == report["held_out"] > 0
    assert report["reference"]["before"]["right"] > 0.98
    assert report["suggestion"] in ("calibrate", "keep")
    with pytest.raises(NotFound, match="no model yet"):
        here.service.trainings.model("ann", begun.job.id)


def test_one_that_cannot_be_trained_fails_with_what_to_do(here: InProcess) -> None:
    few = begin(here, Wish(layers=DENSE), labelled_zip(each=2))
    few_to_improve = begin(here, Wish(improve=True), labelled_zip(each=2))
    damaged = begin(here, Wish(layers=DENSE), b"no zip at all")
    nowhere = begin(here, Wish(layers=DENSE, mnist=True))
    trained = trainer(here)
    for _ in range(4):
        take_once(trained)
    begun = few, damaged, nowhere, few_to_improve
    errors = [here.service.trainings.get("ann", each.job.id).job.error for each in begun]
    assert [error and error.code for error in errors] == ["training_error"] * 4
    assert "50 are needed" in str(errors[3])
    assert "Send at least 50" in str(errors[0])
    assert "labelled-1.zip" in str(errors[1])
    assert "DIGITMILL_DATA" in str(errors[2])


def test_an_epoch_that_takes_too_long_is_given_up_and_the_best_so_far_is_kept(here: InProcess) -> None:
    begun = begin(here, Wish(layers=DENSE, epochs=2, batch_size=16), labelled_zip())
    job, task = begun.job, begun.task.model_copy(update={"seconds": 0.0})
    here.client.hset(f"dm:job:{job.id}:plan", "0", task.model_dump_json())
    take_once(trainer(here))
    error = here.service.trainings.get("ann", job.id).job.error
    assert error is not None
    assert "Not one epoch was finished" in error.detail


@pytest.mark.parametrize("here", [{"training_weights": 20_000, "training_epochs": 5}], indirect=True)
@pytest.mark.parametrize(
    ("wish", "field", "said"),
    [
        (Wish(), "architecture", "must be given"),
        (Wish(architecture="lenet5", layers=DENSE), "architecture", "must be given"),
        (Wish(architecture="alexnet"), "architecture", "must be one of"),
        (Wish(architecture="dense-128"), "architecture", "at most 20,000 weights, and has 101,770"),
        (Wish(layers=[DENSE[0], {"type": "dense", "units": 100}]), "layers.1", "78,500 of them in layer 2"),
        (Wish(layers=[{"type": "dense", "units": 9}]), "layers.0", "flatten"),
        (Wish(layers=[DENSE[0], {"type": "dense", "units": 0}]), "layers.1.units", "out of range"),
        (Wish(layers=[]), "layers", "list of layers"),
        (Wish(layers=DENSE, epochs=6), "epochs", "at most 5"),
        (Wish(layers=DENSE, epochs=1, mnist=False), "mnist", "must be true"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_with_its_place(
    here: InProcess, wish: Wish, field: str, said: str
) -> None:
    with pytest.raises(BadOptions, match=said) as refused:
        begin(here, wish)
    assert [fault.field for fault in refused.value.errors] == [field]
    assert here.service.trainings.list("ann", before=None, limit=10) == []


def test_nobody_waits_for_a_trainer_that_is_not_there(tmp_path: Path) -> None:
    started = in_process(Settings(var=tmp_path / "var"))
    with pytest.raises(NoTrainer, match="digitmill\\[train\\]"):
        begin(started, Wish(layers=DENSE))
    started.store.close()
