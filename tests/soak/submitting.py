"""Callers who submit jobs, retry whatever fails, and check every row of what they get."""

from __future__ import annotations

import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import httpx

from digitmill.errors import StoreReplaced
from tests.archives import zip_of
from tests.soak.gate import Gate
from tests.soak.materials import Material, answer, materials, template

STUCK_SECONDS = 420.0
"""A job that is not final after so long counts as stuck. A lost message of a job whose queue is never empty is missed
after 300 s alone."""
PAGE = 1000

Answers = dict[tuple[str, str, str], str]
"""By the material, the version of the model and the name of a sample."""


class Unserved(Exception):
    """The service did not come back, or refused what it should have taken."""


@dataclass
class Ledger:
    """What came of all jobs together."""

    jobs: int = 0
    rows: int = 0
    models: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    replaced: int = 0
    """Calls that were refused because Redis was empty."""
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
        say(f"{self.replaced:,} of them were refused since Redis was empty")
        models = ", ".join(f"{n} x {v}" for v, n in sorted(self.models.items()))
        say(f"jobs by what they read and the version of its model: {models}")
        kinds = ("lost", "doubled", "wrong", "stuck")
        say(", ".join(f"{self.faults[kind]} {'jobs' if kind == 'stuck' else 'rows'} {kind}" for kind in kinds))
        say(f"{self.faults['to mend']} counters or lists that an audit would have to mend")
        for detail in self.details[:20]:
            say(f"  {detail}")


class Submitter:
    """``most`` single digits in a job, or what takes as long. ``answers`` are what each model says of each sample,
    learned while all is well."""

    def __init__(
        self, url: str, gate: Gate, chance: random.Random, ledger: Ledger, most: int, answers: Answers | None = None
    ) -> None:
        self._url = url
        self._gate = gate
        self._chance = chance
        self._ledger = ledger
        self._most = most
        self.answers: Answers = answers or {}

    def learn(self, versions: Sequence[str]) -> None:
        self._ask("POST", "/v1/templates", files=template())
        for material in materials():
            # where the newest is the default, boxes of pages are read by a model of their own
            for model in [*(f"digits@{version}" for version in versions if material.upgraded), None]:
                address = self._submit(material, list(material.images), {"model": model} if model else {})
                version, rows = self._outcome(address)
                for row in rows:
                    self.answers[material.name, version, row["name"].partition("/")[2]] = answer(row)

    def run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                material = self._chance.choices(materials(), [material.weight for material in materials()])[0]
                most = max(1, self._most // material.costs)
                self._try(material, self._chance.randint(1, most))
        except Unserved as error:
            self._ledger.note("stuck", 1, str(error))

    def probe(self) -> None:
        """One image, from upload to row."""
        self._try(materials()[0], 1)

    def begin(self) -> str:
        """The address of a new job."""
        digits = materials()[0]
        return self._submit(digits, self._chance.choices(list(digits.images), k=self._most))

    def _try(self, material: Material, images: int) -> None:
        names = self._chance.choices(list(material.images), k=images)
        self._check(material, names, self._submit(material, names))

    def attempt(self, method: str, path: str) -> None:
        """Ask once, whatever comes of it."""
        with suppress(httpx.TransportError), self._gate.passing():
            httpx.request(method, f"{self._url}{path}", timeout=60)

    def delete(self, address: str) -> None:
        self._ask("DELETE", address)

    def _submit(self, material: Material, names: list[str], query: Mapping[str, str] = MappingProxyType({})) -> str:
        """The address of a new job with these samples, whose members are numbered in order."""
        upload = zip_of([(f"{n:05}/{name}", material.images[name]) for n, name in enumerate(names)])
        headers = {"Content-Type": "application/zip", "Idempotency-Key": uuid.uuid4().hex}
        asked = {**material.query, **query}
        return str(self._ask("POST", "/v1/jobs", params=asked, content=upload, headers=headers).headers["Location"])

    def _check(self, material: Material, names: list[str], address: str) -> None:
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
        told = [(row["name"], answer(row)) for row in rows]
        odd = [(name, a) for name, a in told if a != self.answers[material.name, version, name.partition("/")[2]]]
        if odd or not places:
            note("wrong", max(1, len(odd)), f"{address} is wrong in {odd[:3]}")
        with self._ledger.lock:
            self._ledger.jobs += 1
            self._ledger.models[f"{material.name}@{version}"] += 1
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
                with self._gate.passing():
                    answer = httpx.request(method, f"{self._url}{path}", timeout=60, **parts)
            except httpx.TransportError:
                pass
            else:
                gone = method == "DELETE" and answer.status_code == 404
                if answer.is_success or gone:
                    return answer
                if answer.status_code != 503:
                    raise Unserved(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
                self._ledger.replaced += answer.json()["code"] == StoreReplaced.code
            with self._ledger.lock:
                self._ledger.retries += 1
            time.sleep(0.3)
        raise Unserved(f"{method} {path}: not served for {STUCK_SECONDS:.0f} s")
