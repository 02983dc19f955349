"""Submit, poll and read over HTTP against the real processes."""

from __future__ import annotations

import csv
import io
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from digitmill.domain.jobs import Polarity
from digitmill.imaging.files.decode import decode
from digitmill.models.registry import Registry
from digitmill.models.runtime import load_model, of_digits
from digitmill.settings import Settings
from tests.archives import bad_members, zip_of
from tests.end_to_end.conftest import Stack

SAMPLES = Path(__file__).parents[2] / "samples"


def sample_images() -> dict[str, bytes]:
    with zipfile.ZipFile(SAMPLES / "digits.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_zip_becomes_a_csv_with_curl_like_calls_alone(shared_stack: Stack) -> None:
    archive = zip_of({f"{n}.png": data for n, data in enumerate(sample_images().values())})
    with httpx.Client(base_url=shared_stack.url) as http:
        accepted = http.post("/v1/jobs", content=archive, headers={"Content-Type": "application/zip"})
        assert accepted.status_code == 202
        location = accepted.headers["Location"]
        while (job := http.get(location).json())["state"] not in ("completed", "failed", "cancelled"):
            time.sleep(0.1)
        assert job["state"] == "completed"
        text = http.get(f"{location}/results", params={"format": "csv"}).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == [f"{n}.png" for n in range(len(sample_images()))]


def test_bad_members_fail_alone_among_a_hundred_good_ones(shared_stack: Stack) -> None:
    good = next(data for name, data in sample_images().items() if name.startswith("7"))
    bad, expected = bad_members(good)
    files = [(f"good-{n:03}.png", io.BytesIO(good)) for n in range(100)]
    with shared_stack.client() as client:
        job = client.submit([*files[:50], ("bad.zip", io.BytesIO(bad)), *files[50:]])
        job = client.wait(job.id, timeout=60)
        rows = list(client.results(job.id))
    assert [row.index for row in rows] == list(range(100 + len(expected)))
    answers = {row.name: row for row in rows}
    assert all(answers[f"good-{n:03}.png"].prediction == "7" for n in range(100))
    for name, failure in expected.items():
        error = answers[name].error
        assert (error.code if error else None) == failure
    assert job.counts.failed == sum(failure is not None for failure in expected.values())


def test_a_single_image_is_answered_within_its_request(shared_stack: Stack) -> None:
    name, data = next(iter(sample_images().items()))
    answer = httpx.post(
        f"{shared_stack.url}/v1/jobs",
        files={"files": (name, data)},
        headers={"Prefer": "wait=30"},
        timeout=40,
    )
    assert answer.status_code == 200
    (row,) = answer.json()["results"]
    assert (row["index"], row["name"]) == (0, name)


def test_a_small_job_does_not_wait_behind_a_large_one(shared_stack: Stack) -> None:
    image = next(iter(sample_images().values()))
    pile = zip_of(((f"{n:06}.png", image) for n in range(50_000)), compression=zipfile.ZIP_STORED)
    with shared_stack.client() as client:
        large = client.submit([("pile.zip", io.BytesIO(pile))])
        small = client.submit([("one.png", io.BytesIO(image))], wait=60)
        beside = client.job(large.id)
        assert small.state == "completed"
        assert beside.state in ("queued", "running"), "the large job was over too soon to show anything"
        done = client.wait(large.id, timeout=300)
        assert done.counts.done == 50_000


def test_the_service_answers_as_the_model_does_in_process(shared_stack: Stack, tmp_path: Path) -> None:
    """What `python -m training evaluate` measures is what callers get."""
    settings = Settings.load(shared_stack.settings, env_file=None)
    registry = Registry(settings.published_models, tmp_path)
    model = load_model(registry, registry.default().reference)
    images = [data for name, data in sample_images().items() if not name.startswith("broken")]
    grey = [decode(data, max_pixels=10**7) for data in images]
    found = [model.normaliser(scan, Polarity.AUTO) for scan in grey]
    inked = [(picture, doubtful) for picture, doubtful in found if picture is not None]
    archive = zip_of({f"{n}.png": as_png(scan) for n, scan in enumerate(grey)})
    worth = [[model.doubtful_cut if doubtful else 1.0] for _, doubtful in inked]
    expected = of_digits(model.predict(np.stack([picture for picture, _ in inked]))) * np.array(worth)
    with shared_stack.client() as client:
        job = client.wait(client.submit([("a.zip", io.BytesIO(archive))]).id, timeout=60)
        rows = [row for row in client.results(job.id) if row.status != "blank"]
    assert [row.prediction for row in rows] == [str(digit) for digit in expected.argmax(axis=1)]
    assert [row.confidence for row in rows] == pytest.approx(expected.max(axis=1).tolist(), abs=1e-4)


def as_png(picture: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "PNG")
    return out.getvalue()


def test_single_images_that_come_together_get_each_its_own_answer(shared_stack: Stack) -> None:
    images = list(sample_images().values())[:12] * 4

    def ask(image: bytes) -> tuple[str, str | None]:
        answer = httpx.post(
            f"{shared_stack.url}/v1/jobs",
            content=image,
            headers={"Content-Type": "image/png", "Prefer": "wait=30"},
            timeout=60,
        )
        assert answer.status_code == 200
        (row,) = answer.json()["results"]
        return row["status"], row["prediction"]

    alone = {image: ask(image) for image in images[:12]}
    with ThreadPoolExecutor(len(images)) as pool:
        assert list(pool.map(ask, images)) == [alone[image] for image in images]
    shared_stack.wait_for(lambda: shared_stack.redis.zcard("dm:leases") == 0, "no lease to be left")
    assert shared_stack.redis.zcard("dm:waiting") == 0


def test_a_single_image_takes_redis_no_more_than_a_dozen_round_trips(shared_stack: Stack) -> None:
    image, jobs = next(iter(sample_images().values())), 30

    def requests_read() -> int:
        return int(shared_stack.redis.info("stats")["total_reads_processed"])

    with httpx.Client(base_url=shared_stack.url, timeout=60) as http:
        headers = {"Content-Type": "image/png", "Prefer": "wait=30"}
        http.post("/v1/jobs", content=image, headers=headers)
        taken = []
        for _ in range(jobs):
            before = requests_read()
            http.post("/v1/jobs", content=image, headers=headers).raise_for_status()
            taken.append(requests_read() - before)
    # beats and sweeps go on meanwhile, more of them the slower the machine is: they are not in every job
    assert min(taken) < 13
