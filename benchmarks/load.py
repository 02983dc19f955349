"""Requests to a running service, timed."""

from __future__ import annotations

import statistics
import time
import zipfile
from pathlib import Path

import httpx
from pydantic import BaseModel

SECONDS = 600.0
SINGLES = 200
PAUSE = 0.05
WAIT = {"Content-Type": "image/png", "Prefer": "wait=30"}


class Bulk(BaseModel):
    """One job, from the first byte of its POST."""

    images_a_second: float
    """until its last row was in the client's hands"""
    accepted_milliseconds: float


def bulk(url: str, pile: Path) -> Bulk:
    """Send the zip and read all rows as CSV, which the service streams as they come."""
    content = pile.read_bytes()
    with httpx.Client(base_url=url, timeout=SECONDS) as http:
        started = time.perf_counter()
        answer = http.post("/v1/jobs", content=content, headers={"Content-Type": "application/zip"})
        answer.raise_for_status()
        accepted = time.perf_counter()
        rows = http.get(f"/v1/jobs/{answer.json()['id']}/results", params={"format": "csv"})
        seconds = time.perf_counter() - started
    lines = rows.raise_for_status().text.count("\n") - 1
    total = answer.json()["counts"]["total"]
    if lines != total:
        raise RuntimeError(f"{lines} rows came for {total} images")
    return Bulk(images_a_second=total / seconds, accepted_milliseconds=1000 * (accepted - started))


def single(url: str, pile: Path) -> dict[str, float]:
    """One image after the other, each answered within its request, and stored like any job."""
    with httpx.Client(base_url=url, timeout=SECONDS) as http:
        image = _one_of(pile)
        times = [_timed(http, "POST", "/v1/jobs", content=image, headers=WAIT) for _ in range(SINGLES + 10)]
    return spread(times[10:])


def under_load(url: str, pile: Path, big: Path) -> tuple[dict[str, dict[str, float]], float]:
    """How long small things take beside one large job, and the large job's rate in images a second."""
    times: dict[str, list[float]] = {"GET /healthz": [], "GET /v1/jobs/{id}": [], "single image, Prefer: wait": []}
    with httpx.Client(base_url=url, timeout=SECONDS) as http:
        image = _one_of(pile)
        job = http.post("/v1/jobs", content=big.read_bytes(), headers={"Content-Type": "application/zip"}).json()
        path, started = f"/v1/jobs/{job['id']}", time.perf_counter()
        while http.get(path).json()["state"] in ("queued", "running"):
            times["GET /healthz"].append(_timed(http, "GET", "/healthz"))
            times["GET /v1/jobs/{id}"].append(_timed(http, "GET", path))
            times["single image, Prefer: wait"].append(_timed(http, "POST", "/v1/jobs", content=image, headers=WAIT))
            time.sleep(PAUSE)
        seconds = time.perf_counter() - started
    return {what: spread(values) for what, values in times.items()}, job["counts"]["total"] / seconds


def spread(times: list[float]) -> dict[str, float]:
    """p50, p99 and the longest of ``times`` in seconds, as milliseconds."""
    ordered = sorted(times)
    return {
        "p50": 1000 * statistics.median(ordered),
        "p99": 1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        "max": 1000 * ordered[-1],
    }


def _timed(http: httpx.Client, method: str, path: str, **arguments: object) -> float:
    started = time.perf_counter()
    http.request(method, path, **arguments).raise_for_status()  # type: ignore[arg-type]
    return time.perf_counter() - started


def _one_of(pile: Path) -> bytes:
    with zipfile.ZipFile(pile) as archive:
        return archive.read(archive.namelist()[0])
