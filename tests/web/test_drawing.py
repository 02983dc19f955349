"""Pictures for browsers, asked of a real server: its own process stays as small as it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.hostile.bombs import tiff_that_talks
from tests.pictures import encoded, png_declaring
from tests.web.conftest import Server, assert_problem, peak_rss, serving

MEGABYTE = 1 << 20
MOST_LOG_BYTES = 20_000
"""What a server may write of its start, and of a few requests."""


def huge(kind: str) -> bytes:
    """25 million pixels in a few kilobytes."""
    options = {"lossless": True} if kind == "WEBP" else {}
    return encoded(Image.fromarray(np.full((5000, 5000), 250, np.uint8)).convert("RGB"), kind, **options)


def submitted(server: Server, name: str, content: bytes) -> str:
    response = httpx.post(f"{server.url}/v1/jobs", files={"files": (name, content)}, trust_env=False)
    assert response.status_code == 202, response.text
    return f"{server.url}{response.headers['Location']}/results/0/image"


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=120)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_twelve_thumbnails_of_a_huge_picture_at_once_leave_the_server_small(tmp_path: Path, kind: str) -> None:
    with serving(tmp_path / "var", web_threads=24) as server:
        url = submitted(server, f"a.{kind.lower()}", huge(kind))
        assert get(f"{url}?view=original").status_code == 200
        before = peak_rss(server.worker_pid())
        with ThreadPoolExecutor(12) as threads:
            answers = list(threads.map(lambda _: get(f"{url}?view=thumbnail"), range(12)))
        after = peak_rss(server.worker_pid())
    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) < len(answers)
    for answer in refused:
        assert_problem(answer, 503, "overloaded")
        assert int(answer.headers["Retry-After"]) > 0
    assert after - before < 40 * MEGABYTE


def test_what_libraries_say_of_a_damaged_picture_fills_no_log(tmp_path: Path) -> None:
    with serving(tmp_path / "var") as server:
        talks = submitted(server, "a.tif", tiff_that_talks())
        cut = submitted(server, "a.png", png_declaring(28, 28))
        for view in ("thumbnail", "png", "normalised"):
            assert_problem(get(f"{talks}?view={view}"), 422, "truncated_image")
            assert_problem(get(f"{cut}?view={view}"), 422, "truncated_image")
        # the worker of this server is one of its threads
        server.turn_once()
        row = get(talks.removesuffix("/image")).json()
        assert (row["status"], row["error"]["code"]) == ("failed", "truncated_image")
        assert server.log.stat().st_size < MOST_LOG_BYTES
