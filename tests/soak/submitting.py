"""Callers who submit jobs, retry whatever fails, and check every row of what they get."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.archives import zip_of
from tests.end_to_end.test_service import sample_images

STUCK_SECONDS = 420.0
"""A job that is not final after so long counts as stuck. A lost message of a job whose queue is never empty is missed
after 300 s alone."""
PAGE = 1000

Answer = tuple[str, str | None, str | None]
"""Status, prediction and failure code of a row. Confidences may differ in the last digit with the size of the batch."""


Answers = dict[tuple[str, str], Answer]


class Unserved(Exception):
    """The service did not come back, or refused what it should have taken."""


@dataclass
class Ledger:
    """What came of all jobs together."""

    jobs: int = 0
    rows: int = 0
    retries: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, fault: str, number: int, detail: str) -> None:
        with self.lock:
            self.faults[fault] += number
            self.details.append(detail)

    @property
    def sound(self) -> bool:
        return self.jobs > 0 and not self.faults.total()

    def report(self, say: Callable[[str], None]) -> None:
        say(f"{self.jobs:,} jobs, {self.rows:,} rows, {self.retries:,} requests that had to be repeated")
        kinds = ("lost", "doubled", "wrong", "stuck")
        say(", ".join(f"{self.faults[kind]} {'jobs' if kind == 'stuck' else 'rows'} {kind}" for kind in kinds))
        for detail in self.details[:20]:
            say(f"  {detail}")


class Submitter:
    """``most`` images in a job. ``answers`` tell the true answer of each model for each sample, by its version and the
    sample's name, learned while all is well."""

    def __init__(
        self, url: str, chance: random.Random, ledger: Ledger, most: int, answers: Answers | None = None
    ) -> None:
        self._url = url
        self._chance = chance
        self._ledger = ledger
        self._most = most
        self._images = sample_images()
        self.answers: Answers = answers or {}

    def learn(self, versions: Sequence[str]) -> None:
        for version in versions:
            _, rows = self._outcome(self._submit(list(self._images), f"?model=digits@{version}"))
            for row in rows:
                self.answers[version, row["name"].partition("/")[2]] = _answer(row)

    def run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                names = self._chance.choices(list(self._images), k=self._chance.randint(1, self._most))
                self._check(names, self._submit(names))
        except Unserved as error:
            self._ledger.note("stuck", 1, str(error))

    def probe(self) -> None:
        """One image, from upload to row."""
        names = [self._chance.choice(list(self._images))]
        self._check(names, self._submit(names))

    def begin(self) -> str:
        """The address of a new job."""
        return self._submit(self._chance.choices(list(self._images), k=self._most))

    def attempt(self, method: str, path: str) -> None:
        """Ask once, whatever comes of it."""
        with suppress(httpx.TransportError):
            httpx.request(method, f"{self._url}{path}", timeout=60)

    def delete(self, address: str) -> None:
        self._ask("DELETE", address)

    def _submit(self, names: list[str], query: str = "") -> str:
        """The address of a new job with these samples, whose members are numbered in order."""
        upload = zip_of([(f"{n:05}/{name}", self._images[name]) for n, name in enumerate(names)])
        headers = {"Content-Type": "application/zip", "Idempotency-Key": uuid.uuid4().hex}
        return str(self._ask("POST", f"/v1/jobs{query}", content=upload, headers=headers).headers["Location"])

    def _check(self, names: list[str], address: str) -> None:
        version, rows = self._outcome(address)
        if not version:
            return
        wanted = [f"{n:05}/{name}" for n, name in enumerate(names)]
        times = Counter(row["name"] for row in rows)
        note = self._ledger.note
        if lost := [name for name in wanted if not times[name]]:
            note("lost", len(lost), f"{address} lost {lost[:3]}")
        if doubled := [name for name in times if times[name] > 1]:
            note("doubled", len(doubled), f"{address} doubled {doubled[:3]}")
        places = [(row["index"], row["name"]) for row in rows] == list(enumerate(wanted))
        odd = [row for row in rows if _answer(row) != self.answers[version, row["name"].partition("/")[2]]]
        if odd or not places:
            note("wrong", max(1, len(odd)), f"{address} is wrong in {[(row['name'], _answer(row)) for row in odd[:3]]}")
        with self._ledger.lock:
            self._ledger.jobs += 1
            self._ledger.rows += len(rows)

    def _outcome(self, address: str) -> tuple[str, list[Any]]:
        """Version of the model and all rows once the job is final, and the job deleted; "" where it stays open."""
        deadline = time.monotonic() + STUCK_SECONDS
        while not (job := self._ask("GET", address).json())["finished_at"]:
            if time.monotonic() > deadline:
                self._ledger.note("stuck", 1, f"{address} is {job['state']}, {job['counts']}")
                return "", []
            time.sleep(0.2)
        rows: list[Any] = []
        cursor = ""
        while cursor is not None:
            page = self._ask("GET", f"{address}/results?limit={PAGE}" + (f"&cursor={cursor}" if cursor else "")).json()
            rows += page["results"]
            cursor = page["next_cursor"]
        self._ask("DELETE", address)
        return str(job["model"]["version"]), rows

    def _ask(self, method: str, path: str, **parts: Any) -> httpx.Response:
        """The answer, repeating the request while the service cannot be reached or says that it cannot serve it.

        Raises Unserved.
        """
        deadline = time.monotonic() + STUCK_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = httpx.request(method, f"{self._url}{path}", timeout=60, **parts)
            except httpx.TransportError:
                pass
            else:
                gone = method == "DELETE" and answer.status_code == 404
                if answer.is_success or gone:
                    return answer
                if answer.status_code != 503:
                    raise Unserved(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            with self._ledger.lock:
                self._ledger.retries += 1
            time.sleep(0.3)
        raise Unserved(f"{method} {path}: not served for {STUCK_SECONDS:.0f} s")


def _answer(row: dict[str, Any]) -> Answer:
    return row["status"], row["prediction"], row["error"] and row["error"]["code"]
