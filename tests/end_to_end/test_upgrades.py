"""The model changes under open jobs: they end by the one that they began with. And models that take long to load."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from digitmill.domain.jobs import Polarity
from digitmill.imaging.files.decode import decode
from digitmill.models.registry import BUILT_IN, Registry
from digitmill.models.repository import version_order
from digitmill.models.runtime import Model, load_model, of_digits
from tests.archives import zip_of
from tests.end_to_end.conftest import Stack, new_stack
from tests.end_to_end.odd_process import SLOW_FILE
from tests.end_to_end.test_service import sample_images
from tests.soak.measures import children

IMAGES = 3000
VERSIONS = sorted((folder.name for folder in BUILT_IN.glob("digits/*")), key=version_order)
NEWEST = VERSIONS[-1]
SLOW_SECONDS = 5.0
"""Longer than a lease of these tests, which is over after three."""
GIVEN_UP = {"processing_failed", "poison_image"}
KEY = {"Idempotency-Key": "before-the-upgrade"}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Not started yet."""
    stack = new_stack(tmp_path, DIGITMILL_WORKER_CONCURRENCY="2", DIGITMILL_CHUNK_IMAGES="20")
    try:
        stack.start("redis")
        yield stack
    finally:
        stack.close()


def start(stack: Stack, *surroundings: str) -> None:
    for name in ("worker", "web"):
        if surroundings:
            stack.start(name, "-m", "tests.end_to_end.odd_process", name, *surroundings)
        else:
            stack.start(name)
    stack.wait_until_ready()


def pile(images: int = IMAGES) -> bytes:
    samples = list(sample_images().values())
    return zip_of({f"{n:05}.png": samples[n % len(samples)] for n in range(images)})


def submit(stack: Stack, content: bytes, query: str = "", headers: dict[str, str] | None = None) -> Any:
    headers = {"Content-Type": "application/zip", **(headers or {})}
    answer = httpx.post(f"{stack.url}/v1/jobs{query}", content=content, headers=headers, timeout=60)
    assert answer.status_code == 202, answer.text
    return answer.json()


def done(stack: Stack, job_id: str) -> int:
    return int(httpx.get(f"{stack.url}/v1/jobs/{job_id}").json()["counts"]["done"])


def finished(stack: Stack, job_id: str) -> tuple[Any, list[Any]]:
    with stack.client() as client:
        job = client.wait(job_id, timeout=240)
        return job, list(client.results(job_id))


def answer_of(model: Model, image: bytes) -> tuple[str, str | None]:
    picture, _ = model.normaliser(decode(image, max_pixels=10**7), Polarity.AUTO)
    if picture is None:
        return "blank", None
    probabilities = of_digits(model.predict(picture[None]))[0]
    sure = float(probabilities.max()) >= model.manifest.review_below
    return "recognized" if sure else "review", str(probabilities.argmax())


def truth(tmp_path: Path, version: str) -> list[tuple[str, str | None]]:
    """Status and prediction of each sample by this model; failed ones as such."""
    registry = Registry(f"file://{tmp_path}/none", tmp_path / "cache")
    model = load_model(registry, registry.get("digits", version).reference)
    answers = []
    for name, image in sample_images().items():
        answers.append(("failed", None) if "broken" in name else answer_of(model, image))
    return answers


@pytest.mark.service
@pytest.mark.parametrize("version", VERSIONS[:-1])
def test_a_job_that_is_open_at_an_upgrade_ends_by_the_model_that_it_began_with(
    stack: Stack, tmp_path: Path, version: str
) -> None:
    start(stack, f"release={version}")
    content = pile()
    job = submit(stack, content, headers=KEY)
    assert job["model"]["version"] == version
    stack.wait_for(lambda: done(stack, job["id"]) > 0, "the first rows")
    stack.kill("worker")
    stack.kill("web")
    start(stack)
    assert done(stack, job["id"]) < IMAGES, "the job was over before the upgrade"
    again = submit(stack, content, headers=KEY)
    assert (again["id"], again["model"]) == (job["id"], job["model"])
    assert submit(stack, pile(1))["model"]["version"] == NEWEST
    ended, rows = finished(stack, job["id"])
    assert (ended.state, ended.model.version) == ("completed", version)
    assert [(row.index, row.name) for row in rows] == [(n, f"{n:05}.png") for n in range(IMAGES)]
    expected = truth(tmp_path, version)
    assert [(row.status, row.prediction) for row in rows] == [expected[n % len(expected)] for n in range(IMAGES)]


def loads(stack: Stack) -> list[list[float]]:
    """Process, begin and end of the loads that are over."""
    noted = stack.folder / "loads"
    lines = noted.read_text().splitlines() if noted.exists() else []
    return [[float(word) for word in line.split()] for line in lines]


def loading(stack: Stack, times: int) -> bool:
    """Whether so many loads have begun."""
    return len(loads(stack)) >= times


@pytest.mark.service
def test_a_model_that_takes_longer_to_load_than_a_lease_costs_no_image_and_loads_in_one_process_at_a_time(
    stack: Stack,
) -> None:
    stack.settings |= {"DIGITMILL_WORKER_CONCURRENCY": "4", "DIGITMILL_MAX_ATTEMPTS": "1"}
    (stack.folder / SLOW_FILE).write_text(str(SLOW_SECONDS))
    start(stack, "slow-model")
    ended, rows = finished(stack, submit(stack, pile(200), f"?model=digits@{VERSIONS[0]}")["id"])
    assert ended.state == "completed"
    assert not {row.error.code for row in rows if row.error} & GIVEN_UP
    assert len(rows) == 200
    over = sorted((begin, end) for _, begin, *ends in loads(stack) for end in ends)
    assert len(over) > 1
    assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(over))


@pytest.mark.service
def test_a_process_that_dies_while_it_loads_a_model_has_not_tried_an_image(stack: Stack) -> None:
    stack.settings |= {"DIGITMILL_WORKER_CONCURRENCY": "1", "DIGITMILL_MAX_ATTEMPTS": "1"}
    start(stack, "slow-model")
    (stack.folder / SLOW_FILE).write_text(str(SLOW_SECONDS))
    job = submit(stack, pile(60), f"?model=digits@{VERSIONS[0]}")
    for times in range(1, 4):
        stack.wait_for(partial(loading, stack, times), "a model to be loaded")
        for pid in children(stack.processes["worker"].pid):
            os.kill(pid, signal.SIGKILL)
    ended, rows = finished(stack, job["id"])
    assert ended.state == "completed"
    assert not {row.error.code for row in rows if row.error} & GIVEN_UP
    assert len(rows) == 60
