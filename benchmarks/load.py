"""Requests to a running service, timed."""

from __future__ import annotations

import http.client
import statistics
import threading
import time
import zipfile
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel

SECONDS = 600.0
PAUSE = 0.05
WAIT = {"Content-Type": "image/png", "Prefer": "wait=30"}


class Bulk(BaseModel):
    """One job, from the first byte of its POST."""

    images_a_second: float
    """until its last row was in the client's hands"""
    accepted_milliseconds: float


class Spread(BaseModel):
    """Times in milliseconds."""

    p50: float
    p99: float
    longest: float


class Singles(BaseModel):
    """Single images, each answered within its request."""

    images_a_second: float
    milliseconds: Spread
    """with the repetitions that a 503 asks for"""
    refused: int
    """answers 503, after which the client asks again"""


def bulk(url: str, pile: Path) -> Bulk:
    """Send the zip and read all rows as CSV, which the service streams as they come."""
    with httpx.Client(base_url=url, timeout=SECONDS) as client, pile.open("rb") as content:
        size = str(pile.stat().st_size)
        started = time.perf_counter()
        answer = client.post(
            "/v1/jobs", content=content, headers={"Content-Type": "application/zip", "Content-Length": size}
        )
        answer.raise_for_status()
        accepted = time.perf_counter()
        lines = 0
        with client.stream("GET", f"/v1/jobs/{answer.json()['id']}/results", params={"format": "csv"}) as rows:
            rows.raise_for_status()
            for block in rows.iter_bytes():
                lines += block.count(b"\n")
        seconds = time.perf_counter() - started
    total = answer.json()["counts"]["total"]
    if lines - 1 != total:
        raise RuntimeError(f"{lines - 1} rows came for {total} images")
    return Bulk(images_a_second=total / seconds, accepted_milliseconds=1000 * (accepted - started))


def singles(url: str, pile: Path, *, images: int, at_once: int) -> Singles:
    """So many single images by ``at_once`` clients, each with a connection of its own that it keeps."""
    image, numbers = one_of(pile), count()
    times: list[float] = []
    faults: list[str] = []
    refused: list[int] = []

    def ask() -> None:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS)
        while next(numbers) < images and not faults:
            started = time.perf_counter()
            while (status := _posted(connection, image)) == http.client.SERVICE_UNAVAILABLE:
                refused.append(status)
                time.sleep(PAUSE)
            times.append(time.perf_counter() - started)
            if status != http.client.OK:
                faults.append(f"a single image was answered {status}")
        connection.close()

    clients = [threading.Thread(target=ask) for _ in range(at_once)]
    started = time.perf_counter()
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if faults:
        raise RuntimeError(faults[0])
    rate = len(times) / (time.perf_counter() - started)
    return Singles(images_a_second=rate, milliseconds=spread(times), refused=len(refused))


def beside(url: str, pile: Path, big: Path, *, jobs: int) -> tuple[dict[str, Spread], float]:
    """How long small things take beside large jobs, one after the other, and their rate in images a second."""
    times: dict[str, list[float]] = {"GET /healthz": [], "GET /v1/jobs/{id}": [], "single image, Prefer: wait": []}
    seconds, images, image = 0.0, 0, one_of(pile)
    with httpx.Client(base_url=url, timeout=SECONDS) as client:
        for _ in range(jobs):
            answer = client.post("/v1/jobs", content=big.read_bytes(), headers={"Content-Type": "application/zip"})
            path, started = f"/v1/jobs/{answer.json()['id']}", time.perf_counter()
            while client.get(path).json()["state"] in ("queued", "running"):
                times["GET /healthz"].append(_timed(client, "GET", "/healthz"))
                times["GET /v1/jobs/{id}"].append(_timed(client, "GET", path))
                times["single image, Prefer: wait"].append(
                    _timed(client, "POST", "/v1/jobs", content=image, headers=WAIT)
                )
                time.sleep(PAUSE)
            seconds += time.perf_counter() - started
            images += answer.json()["counts"]["total"]
    return {what: spread(values) for what, values in times.items() if values}, images / seconds


def spread(times: list[float]) -> Spread:
    """Of ``times`` in seconds."""
    ordered = sorted(times)
    return Spread(
        p50=1000 * statistics.median(ordered),
        p99=1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        longest=1000 * ordered[-1],
    )


def one_of(pile: Path) -> bytes:
    with zipfile.ZipFile(pile) as archive:
        return archive.read(archive.namelist()[0])


def _posted(connection: http.client.HTTPConnection, image: bytes) -> int:
    connection.request("POST", "/v1/jobs", body=image, headers=WAIT)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _timed(client: httpx.Client, method: str, path: str, **arguments: object) -> float:
    started = time.perf_counter()
    client.request(method, path, **arguments).raise_for_status()  # type: ignore[arg-type]
    return time.perf_counter() - started
