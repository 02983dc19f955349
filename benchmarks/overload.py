"""More jobs than the service can carry: what becomes of those that it accepts, and how soon it refuses the others."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from pydantic import BaseModel

from benchmarks.load import SECONDS, Spread, spread

CALLERS = 4
"""So many at once keep all workers busy while what can be carried is measured."""
HEADERS = {"Content-Type": "application/zip", "Prefer": "wait=60"}


class Overload(BaseModel):
    """Jobs of ``images`` each, offered at ``times`` the rate that was carried. Milliseconds until they were final."""

    images: int
    carried_images_a_second: float
    times: float
    alone: Spread
    """one after the other, before"""
    accepted: int
    accepted_milliseconds: Spread
    refused: int
    refused_milliseconds: Spread | None
    """until the answer 503"""


def overload(url: str, pile: Path, *, images: int, times: float, seconds: float) -> Overload:
    """Offer the zip as job after job for so long, without waiting for answers, at ``times`` the rate carried before."""
    content = pile.read_bytes()
    with httpx.Client(base_url=url, timeout=SECONDS, limits=httpx.Limits(max_connections=None)) as client:

        def ask() -> tuple[int, float]:
            started = time.perf_counter()
            answer = client.post("/v1/jobs", content=content, headers=HEADERS)
            return answer.status_code, time.perf_counter() - started

        alone = [ask()[1] for _ in range(10)]
        carried = _carried(ask, seconds / 2)
        answers = _offered(ask, times * carried, seconds)
    done = [took for status, took in answers if status == http.client.OK]
    refused = [took for status, took in answers if status == http.client.SERVICE_UNAVAILABLE]
    if len(done) + len(refused) != len(answers):
        raise RuntimeError(f"some were neither read in time nor refused: {sorted({status for status, _ in answers})}")
    return Overload(
        images=images,
        carried_images_a_second=carried * images,
        times=times,
        alone=spread(alone),
        accepted=len(done),
        accepted_milliseconds=spread(done),
        refused=len(refused),
        refused_milliseconds=spread(refused) if refused else None,
    )


def _carried(ask: Callable[[], object], seconds: float) -> float:
    """Jobs a second that a few callers get through, each with one at a time."""
    end, done = time.perf_counter() + seconds, []

    def call() -> None:
        while time.perf_counter() < end:
            done.append(ask())

    started = time.perf_counter()
    _together([threading.Thread(target=call) for _ in range(CALLERS)])
    return len(done) / (time.perf_counter() - started)


def _offered(ask: Callable[[], tuple[int, float]], rate: float, seconds: float) -> list[tuple[int, float]]:
    answers: list[tuple[int, float]] = []
    threads = [threading.Thread(target=lambda: answers.append(ask())) for _ in range(round(rate * seconds))]
    started = time.perf_counter()
    for number, thread in enumerate(threads):
        time.sleep(max(0.0, started + number / rate - time.perf_counter()))
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _together(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
