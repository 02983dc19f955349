"""Trainings over the whole service, whose trainer is killed again and again."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.conftest import Stack, new_stack
from tests.trainings.samples import labelled_zip

pytestmark = pytest.mark.service

KILLS = 3
NICENESS = 1
"""On a busy machine a training that gives way to all others waits for ever."""
EPOCHS = 8
COMMAND = "import sys; from digitmill.cli import main; sys.exit(main())"
NETWORK = [
    {"type": "dropout", "rate": 0.2},
    {"type": "flatten"},
    {"type": "dense", "units": 32},
]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Without readers: a trainer needs none."""
    started = new_stack(tmp_path, DIGITMILL_TRAINING_THREADS="1", DIGITMILL_TRAINING_NICENESS=str(NICENESS))
    try:
        started.start("redis")
        started.start("web")
        start_trainer(started)
        started.wait_for_web()
        started.wait_for(lambda: trainings(started)["trainers"] == 1, "the trainer")
        yield started
    finally:
        started.close()


def start_trainer(stack: Stack) -> None:
    stack.settings["DIGITMILL_WORKER_ROLE"] = "trainer"
    stack.start("trainer")


def trainings(stack: Stack) -> Any:
    return httpx.get(f"{stack.url}/v1/trainings").json()


def begin(stack: Stack, **wish: Any) -> str:
    """The address of a new training."""
    data = {"training": (None, json.dumps({"layers": NETWORK, "batch_size": 16, **wish}), "application/json")}
    answer = httpx.post(f"{stack.url}/v1/trainings", files={**data, "data": ("digits.zip", labelled_zip(each=30))})
    assert answer.status_code == 202, answer.text
    return stack.url + answer.headers["Location"]


def train_by_command(stack: Stack) -> None:
    """One epoch by the command line, which waits for it and saves the network."""
    network, data, out = (stack.folder / name for name in ("network.json", "digits.zip", "mine.keras"))
    network.write_text(json.dumps(NETWORK))
    data.write_bytes(labelled_zip(each=30))
    told = subprocess.check_output(
        [
            *(sys.executable, "-c", COMMAND, "training", "start", str(network), "--data", str(data)),
            *("--epochs", "1", "--name", "mine", "--out", str(out), "--url", stack.url),
        ],
        text=True,
        timeout=240,
    )
    assert "test images are read right" in told
    assert "model.weights.h5" in zipfile.ZipFile(out).namelist()


def finished(path: str) -> list[int]:
    return [epoch["epoch"] for epoch in httpx.get(path).json()["epochs"]]


def training_process(stack: Stack) -> int:
    """The process that trains now."""
    folder = os.fsencode(stack.folder / "var")
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            arguments = path.read_bytes()
            if b"training.job" in arguments and folder in arguments:
                return int(path.parent.name)
    raise AssertionError("no process trains")


def test_a_training_whose_trainers_are_killed_goes_on_and_has_every_epoch_once(stack: Stack) -> None:
    path = begin(stack, epochs=EPOCHS)
    for kill in range(KILLS):
        wanted = len(finished(path)) + min(kill, 1)
        stack.wait_for(lambda wanted=wanted: len(finished(path)) > wanted, "some epochs")  # type: ignore[misc]
        stack.kill("trainer")
        told = finished(path)
        assert told == list(range(1, len(told) + 1))
        start_trainer(stack)
    stack.wait_for(lambda: httpx.get(path).json()["state"] != "running", "the end")
    ended = httpx.get(path).json()
    assert ended["state"] == "completed", ended["error"]
    assert [epoch["epoch"] for epoch in ended["epochs"]] == list(range(1, EPOCHS + 1))
    assert ended["report"]["accuracy"] > 0.5
    model = httpx.get(f"{path}/model.keras")
    assert "model.weights.h5" in zipfile.ZipFile(io.BytesIO(model.content)).namelist()
    assert list((stack.folder / "var" / "cache" / "trainings").iterdir()) == []


def test_one_that_is_cancelled_frees_its_trainer_and_goes_on_later(stack: Stack) -> None:
    path = begin(stack, epochs=EPOCHS)
    stack.wait_for(lambda: len(finished(path)) >= 1, "an epoch")
    assert httpx.post(f"{path}/cancel").json()["state"] == "cancelled"
    kept = finished(path)
    assert httpx.get(f"{path}/model.keras").is_success
    train_by_command(stack)
    job = path.rpartition("/")[2]
    assert httpx.post(f"{stack.url}/v1/jobs/{job}/resume").is_success
    stack.wait_for(lambda: httpx.get(path).json()["state"] == "completed", "the first one")
    assert finished(path) == list(range(1, EPOCHS + 1))
    assert finished(path)[: len(kept)] == kept


def test_a_trainer_that_is_told_to_stop_does_not_wait_for_the_end(stack: Stack) -> None:
    path = begin(stack, epochs=150)
    stack.wait_for(lambda: len(finished(path)) >= 1, "an epoch")
    assert os.getpriority(os.PRIO_PROCESS, training_process(stack)) == os.nice(0) + NICENESS
    assert stack.stop("trainer") == 0
    assert httpx.get(path).json()["state"] == "running"
    assert len(finished(path)) < 150
