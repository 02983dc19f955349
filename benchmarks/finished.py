"""What is asked of a job when it is done: its first and its last page, all of it as CSV, the end of it."""

from __future__ import annotations

import time

import httpx
from pydantic import BaseModel

from benchmarks.load import SECONDS
from benchmarks.processes import Costs
from digitmill.store.keys import plan_key, rows_key

PAGE = 1000


class Finished(BaseModel):
    """A job by its size. Redis holds ``rows_bytes`` an image, and ``plan_bytes`` for names and where images lie."""

    rows_bytes: float
    plan_bytes: float
    first_page_milliseconds: float
    last_page_milliseconds: float
    csv_rows_a_second: float
    delete_milliseconds: float


def finished(url: str, costs: Costs, images: int) -> Finished:
    """Measure the newest job of the service, which has so many images and is done, and delete it."""
    with httpx.Client(base_url=url, timeout=SECONDS) as client:
        job = client.get("/v1/jobs", params={"limit": 1}).json()["jobs"][0]["id"]
        path = f"/v1/jobs/{job}"
        first = _milliseconds(client, "GET", f"{path}/results?limit={PAGE}")
        last = _milliseconds(client, "GET", f"{path}/results?limit={PAGE}&cursor={max(0, images - PAGE)}")
        csv = _milliseconds(client, "GET", f"{path}/results?format=csv")
        kept = [costs.bytes_of(key(job)) / images for key in (rows_key, plan_key)]
        delete = _milliseconds(client, "DELETE", path)
    return Finished(
        rows_bytes=kept[0],
        plan_bytes=kept[1],
        first_page_milliseconds=first,
        last_page_milliseconds=last,
        csv_rows_a_second=1000 * images / csv,
        delete_milliseconds=delete,
    )


def _milliseconds(client: httpx.Client, method: str, path: str) -> float:
    """Until the last byte of the answer, which is not kept."""
    started = time.perf_counter()
    with client.stream(method, path) as answer:
        answer.raise_for_status()
        for _ in answer.iter_raw():
            pass
    return 1000 * (time.perf_counter() - started)
