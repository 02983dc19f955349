"""What callers do in normal load: office hours of jobs of all sizes, with pauses, streams, webhooks and mistakes."""

from __future__ import annotations

import io
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx

from digitmill.client import Client
from tests.archives import zip_of
from tests.soak.materials import Material, materials, template

DIGITS, NUMBERS, FORMS = materials()
PAUSE_SECONDS = 12.0
"""Between what one caller does, on average."""
BATCH_PAUSE_SECONDS = 240.0
BATCH_IMAGES = 20_000
PATIENCE_SECONDS = 1800.0


class Load:
    """``hook`` is the address that takes the webhooks. ``done`` counts what callers did, ``faults`` what went wrong."""

    def __init__(self, url: str, hook: str, seed: int) -> None:
        self._url = url
        self._hook = hook
        self._seed = seed
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.done: Counter[str] = Counter()
        self.faults: list[str] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """While it lasts, all callers call; at its end each has finished what it began."""
        httpx.post(f"{self._url}/v1/templates", files=template(), timeout=60).raise_for_status()
        with Client(self._url) as client:
            client.add_webhook(self._hook)
        threads = [
            threading.Thread(target=self._call, args=(call, pause, self._seed + number))
            for number, (call, pause) in enumerate(
                [
                    (self._scans, PAUSE_SECONDS),
                    (self._scans, PAUSE_SECONDS),
                    (self._batch, BATCH_PAUSE_SECONDS),
                    (self._one, 1.0),
                    (self._looks, 1.0),
                    (self._mistake, PAUSE_SECONDS),
                ]
            )
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _call(self, call: Callable[[Client, random.Random], None], pause: float, seed: int) -> None:
        chance = random.Random(seed)
        with Client(self._url) as client:
            while not self._over.wait(chance.expovariate(1 / pause)):
                try:
                    call(client, chance)
                except Exception as error:  # noqa: BLE001 (told at the end, whatever it is)
                    with self._lock:
                        self.faults.append(f"{call.__name__}: {error!r}"[:300])

    def _count(self, what: str, times: int = 1) -> None:
        with self._lock:
            self.done[what] += times

    def _scans(self, client: Client, chance: random.Random) -> None:
        """An office's job: submitted, followed by its stream, read, and some of it corrected."""
        material = chance.choices((DIGITS, NUMBERS, FORMS), (6, 2, 1))[0]
        images = chance.randint(1, max(2, 600 // material.costs))
        job = client.submit(
            [("scans.zip", io.BytesIO(_zip(material, images, chance)))],
            read=material.query.get("read"),
            template=material.query.get("template"),
        )
        with httpx.stream("GET", f"{self._url}/v1/jobs/{job.id}/events", timeout=PATIENCE_SECONDS) as stream:
            for _ in stream.iter_lines():
                pass
        rows = list(client.results(job.id))
        doubtful = [row for row in rows if row.status == "review" and material is DIGITS]
        if doubtful:
            client.correct(job.id, doubtful[0].index, prediction="7")
            self._count("corrections")
        self._count("jobs")
        self._count("rows", len(rows))

    def _batch(self, client: Client, chance: random.Random) -> None:
        job = client.submit([("batch.zip", io.BytesIO(_zip(DIGITS, BATCH_IMAGES, chance)))])
        client.wait(job.id, timeout=PATIENCE_SECONDS)
        self._count("batches")
        self._count("rows", sum(1 for _ in client.results(job.id)))
        client.delete(job.id)

    def _one(self, client: Client, chance: random.Random) -> None:
        name, image = chance.choice(list(DIGITS.images.items()))
        client.submit([(name.rpartition("/")[2], io.BytesIO(image))], wait=60)
        self._count("single images")

    def _looks(self, client: Client, chance: random.Random) -> None:
        """Pages that people have open ask for the list, a job, a picture."""
        for job, _ in zip(client.jobs(), range(chance.randint(1, 5)), strict=False):
            client.job(job.id)
            if job.counts.done:
                client.image(job.id, 0)
        self._count("looks")

    def _mistake(self, client: Client, chance: random.Random) -> None:
        """What is refused, as it happens every day."""
        calls = [
            lambda: httpx.get(f"{self._url}/v1/jobs/none", timeout=60),
            lambda: httpx.post(f"{self._url}/v1/jobs", content=b"", timeout=60),
            lambda: httpx.post(f"{self._url}/v1/jobs?threshold=7", files={"files": b"GIF89a"}, timeout=60),
        ]
        answer = chance.choice(calls)()
        self._count(f"refused with {answer.status_code}")


def _zip(material: Material, images: int, chance: random.Random) -> bytes:
    names = chance.choices(list(material.images), k=images)
    return zip_of([(f"{n:05}/{name}", material.images[name]) for n, name in enumerate(names)])
