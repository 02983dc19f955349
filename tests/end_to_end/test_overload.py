"""More jobs than the service can carry: it refuses the rest, and answers what it accepted."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests.archives import zip_of
from tests.end_to_end.conftest import Stack, running_stack
from tests.end_to_end.test_service import sample_images

IMAGES = 400
JOBS = 60
CALLERS = 12
ZIP = {"Content-Type": "application/zip"}


def completed(client: httpx.Client, location: str) -> bool:
    return bool(client.get(location).json()["state"] == "completed")


@pytest.fixture
def small_stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack whose queue is full with two jobs."""
    settings = {"DIGITMILL_WORKER_CONCURRENCY": "1", "DIGITMILL_MAX_QUEUED_IMAGES": str(2 * IMAGES)}
    with running_stack(tmp_path, **settings) as stack:
        yield stack


def test_what_is_too_much_is_refused_and_what_was_accepted_is_answered(small_stack: Stack) -> None:
    images = list(sample_images().values())
    pile = zip_of([(f"{number:03}.png", images[number % len(images)]) for number in range(IMAGES)])
    with httpx.Client(base_url=small_stack.url, timeout=120) as client:

        def submit(_: int) -> httpx.Response:
            return client.post("/v1/jobs", content=pile, headers=ZIP)

        with ThreadPoolExecutor(CALLERS) as callers:
            answers = list(callers.map(submit, range(JOBS)))
            assert client.get("/healthz").status_code == 200
        refused = [answer for answer in answers if answer.status_code == 503]
        accepted = [answer.headers["Location"] for answer in answers if answer.status_code == 202]
        assert len(refused) + len(accepted) == JOBS
        assert refused
        assert {answer.json()["code"] for answer in refused} == {"overloaded"}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)
        for location in accepted:
            small_stack.wait_for(partial(completed, client, location), "the accepted job")
            assert client.get(location).json()["counts"]["done"] == IMAGES
        assert client.post("/v1/jobs", content=pile, headers=ZIP).status_code == 202
