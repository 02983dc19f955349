"""What the containers promise. Run by ``make compose-test``."""

from __future__ import annotations

import io
import itertools
import re
import zipfile

import cv2
import httpx
import numpy as np
import pytest

from digitmill.client import Job
from tests.compose.conftest import ROOT, Compose, Stack, eventually, inspect, run
from web.pages.layout import LANGUAGES

pytestmark = pytest.mark.compose

IMAGES = 20_000
JOB_SECONDS = 300


def test_compose_refuses_to_start_without_a_key(compose: Compose, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = tmp_path_factory.mktemp("empty") / "env"
    empty.write_text("")
    refused = Compose(compose.command, compose.project, empty).run("config", check=False)
    assert refused.returncode
    assert "DIGITMILL_ADMIN_KEY" in refused.stderr


def test_the_web_image_holds_no_deep_learning_framework_nor_a_model(stack: Stack) -> None:
    listed = "from importlib.metadata import distributions; print(*(one.name.lower() for one in distributions()))"
    said = run("docker", "run", "--rm", "digitmill-web", "python", "-c", listed).stdout.split()
    assert "flask" in said
    assert not {"tensorflow", "keras", "torch", "openvino", "pip"} & set(said)
    models = "find digitmill/models/builtin -type f | sed 's/.*[.]//' | sort -u"
    assert run("docker", "run", "--rm", "digitmill-web", "sh", "-c", models).stdout.split() == ["json", "png"]


@pytest.mark.parametrize(("image", "most"), [("digitmill-web", 350), ("digitmill-worker", 580)])
def test_an_image_adds_no_more_to_its_base_than_the_documents_say(stack: Stack, image: str, most: int) -> None:
    """In megabytes, as ``docker images`` counts them."""
    (base,) = re.findall(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    whole, below = (int(inspect(name, "{{.Size}}")) for name in (image, base))
    assert whole - below < most * 1_000_000


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_the_web_image_speaks_every_language_of_the_pages(stack: Stack, language: str) -> None:
    page = httpx.get(f"{stack.url}/sign-in", headers={"Accept-Language": language})
    assert page.status_code == 200
    assert f'lang="{language}"' in page.text


@pytest.mark.parametrize("image", ["digitmill-web", "digitmill-worker"])
def test_an_image_runs_without_root_and_holds_no_compiler(stack: Stack, image: str) -> None:
    said = run("docker", "run", "--rm", image, "sh", "-c", "id -u; command -v gcc cc make || echo none").stdout
    assert said.split() == ["10001", "none"]


@pytest.mark.parametrize("service", ["web", "worker", "redis"])
def test_a_container_cannot_change_itself_nor_gain_rights(stack: Stack, service: str) -> None:
    for container in stack.compose.containers(service):
        assert inspect(container, "{{.HostConfig.ReadonlyRootfs}}") == "true"
        assert inspect(container, "{{.HostConfig.CapDrop}}") == "[ALL]"
        assert "no-new-privileges" in inspect(container, "{{.HostConfig.SecurityOpt}}")
        assert inspect(container, "{{.HostConfig.Privileged}}") == "false"


def test_only_web_can_be_reached_from_outside(stack: Stack) -> None:
    published = "{{range .NetworkSettings.Ports}}{{range .}}{{.HostIp}} {{end}}{{end}}"
    assert {inspect(container, published) for container in stack.compose.containers("web")} == {"127.0.0.1"}
    for service in ("worker", "redis"):
        assert {inspect(container, published) for container in stack.compose.containers(service)} == {""}


def test_a_caller_without_the_key_is_turned_away(stack: Stack) -> None:
    assert httpx.get(f"{stack.url}/v1/jobs").status_code == 401


def test_a_job_of_twenty_thousand_loses_no_row_when_a_worker_is_killed(stack: Stack) -> None:
    victim = stack.compose.containers("worker")[0]
    with stack.client() as client:
        job = client.submit([("scans.zip", io.BytesIO(zip_of_digits(IMAGES)))])
        eventually(lambda: client.job(job.id).counts.done > 0, JOB_SECONDS, stack.compose)
        run("docker", "kill", victim)
        assert client.job(job.id).state == "running", "the job was over before the worker was killed"
        done = client.wait(job.id, timeout=JOB_SECONDS)
        rows = list(client.results(job.id))
    run("docker", "start", victim)
    assert (done.state, done.counts.total, done.counts.done) == ("completed", IMAGES, IMAGES)
    assert [row.index for row in rows] == list(range(IMAGES))
    assert [row.name for row in rows] == [name_of(index) for index in range(IMAGES)]
    assert [row.prediction for row in rows] == [digit_of(index) for index in range(IMAGES)]


def test_rows_are_there_after_redis_was_killed(stack: Stack) -> None:
    with stack.client() as client:
        job = client.wait(client.submit([("scans.zip", io.BytesIO(zip_of_digits(100)))]).id, timeout=JOB_SECONDS)
        before = list(client.results(job.id))
        (redis,) = stack.compose.containers("redis")
        run("docker", "kill", redis)
        run("docker", "start", redis)
        eventually(stack.ready, JOB_SECONDS, stack.compose)
        assert list(client.results(job.id)) == before
        assert _answers(client.submit([("scans.zip", io.BytesIO(zip_of_digits(100)))]), stack)


def test_web_and_workers_stop_in_order_when_they_are_told(stack: Stack) -> None:
    stack.compose.run("stop", "web", "worker")
    try:
        stopped = stack.compose.run("ps", "--all", "--quiet", "web", "worker").stdout.split()
        assert {inspect(container, "{{.State.ExitCode}}") for container in stopped} == {"0"}
    finally:
        stack.compose.run("start", "web", "worker")
        eventually(stack.ready, JOB_SECONDS, stack.compose)


def _answers(job: Job, stack: Stack) -> bool:
    with stack.client() as client:
        return client.wait(job.id, timeout=JOB_SECONDS).state == "completed"


def zip_of_digits(images: int) -> bytes:
    """PNGs of 28x28, dark on light: a thousand pictures, over and over."""
    pictures = [_picture(index) for index in range(1000)]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for index, picture in zip(range(images), itertools.cycle(pictures), strict=False):
            archive.writestr(name_of(index), picture)
    return packed.getvalue()


def name_of(index: int) -> str:
    return f"scans/{index:05}.png"


def digit_of(index: int) -> str:
    return str(index % 10)


def _picture(index: int) -> bytes:
    paper = np.full((28, 28), 255, np.uint8)
    place = index // 10
    left, bottom = 3 + place % 10 // 2, 20 + place // 20
    cv2.putText(paper, digit_of(index), (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 0, 2)
    return cv2.imencode(".png", paper)[1].tobytes()
