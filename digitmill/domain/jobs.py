"""Jobs as frozen types: what was asked for, the record of it, and what it counts.

Times are seconds since 1970 in UTC (float). Probabilities are floats from 0 to 1.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from digitmill.domain.precedence import Priority, QueueName
from digitmill.domain.roles import Role
from digitmill.domain.rows import DIGIT, RowStatus
from digitmill.domain.sets import Sets
from digitmill.errors import NotFound

_ID_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"

READ, TRIAL, PUBLISH = "read", "trial", "publish"
"""The kinds of work: reading the images of an upload; a page by a template that comes with it; publishing a model."""

RETRY_OF = "retry_of"
"""The name under which a job's metadata tells whose failed images it holds."""


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nobody works on the job. One that was cancelled may be told to go on."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class Polarity(StrEnum):
    AUTO = "auto"
    DARK_ON_LIGHT = "dark_on_light"
    LIGHT_ON_DARK = "light_on_dark"


@dataclass(frozen=True, slots=True)
class ModelReference:
    """One exact set of weights."""

    name: str
    version: str
    sha256: str

    @property
    def label(self) -> str:
        """``name@version``, as callers write it."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True)
class Computation:
    """How answers were worked out: the engine, the precision that it computes in, and the device."""

    engine: str
    precision: str
    device: str

    def __str__(self) -> str:
        return f"{self.engine}/{self.precision}/{self.device}"

    @classmethod
    def parse(cls, text: str) -> Computation:
        """Of what ``str`` made."""
        return cls(*text.split("/"))


class Rule(NamedTuple):
    """The temperature that makes a model's outputs probabilities, and the threshold from which a row is accepted."""

    temperature: float
    review_below: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the caller may choose for a job. ``review_below`` None means the threshold of the calibration, or the
    model's own. ``temperature`` is what the ``calibration`` was resolved to; None means the model's own. ``names`` is
    the code page of names in zips which do not say it, None to have it told by the names. ``read`` names the reader.
    ``results_url`` is where the rows of the final job are to be written. ``template`` are the labels of those that
    pages are read by. ``webhook_drift``: the webhook is told too when the job is unlike those before."""

    model: str | None = None
    polarity: Polarity = Polarity.AUTO
    review_below: float | None = None
    alternatives: int = 2
    expires_in: int | None = None
    webhook_url: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    names: str | None = None
    calibration: str | None = None
    temperature: float | None = None
    read: str = DIGIT
    results_url: str | None = None
    template: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL
    webhook_drift: bool = False

    @property
    def rule(self) -> Rule | None:
        """What the job's rows are calibrated and accepted by where it names a calibration, once that is resolved."""
        if self.temperature is None or self.review_below is None:
            return None
        return Rule(self.temperature, self.review_below)


@dataclass(frozen=True, slots=True)
class Raised:
    """A threshold raised by the holder of this key: accepted ``rows`` below it wait for a person too."""

    below: float
    by: str
    at: float
    rows: int


@dataclass(frozen=True, slots=True)
class Check:
    """Of a ``population`` of accepted rows ``seen`` were looked at, by chance; ``wrong`` of these were misread."""

    seen: int
    wrong: int
    population: int
    by: str
    at: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Images, or other units, of one job: ``total``, and how many are done, by the names in COUNTED.

    ``skipped`` are no images at all. ``corrected`` are rows of whatever status on which a person has the last word,
    ``answered`` those of them that are to review, and ``raised`` accepted rows that are to review by Job.raised.
    """

    total: int
    statuses: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    corrected: int = 0
    answered: int = 0
    raised: int = 0

    @property
    def done(self) -> int:
        return self.statuses.total()

    @property
    def unanswered(self) -> int:
        """Rows to review that wait for a person."""
        return max(0, self.statuses[RowStatus.REVIEW] + self.raised - self.answered)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was noticed when the upload was planned: the ``code_pages`` of names in zips that do not say it, each once,
    and the names of the first files that were ``skipped`` as litter."""

    code_pages: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


class Copy(NamedTuple):
    """Of ``pages`` of a job, one behind the other from row ``index`` on, each shows what that shows which stands as far
    behind row ``of``: in the same "picture", or in another picture of the same "writing"."""

    index: int  # type: ignore[assignment]  # as of a Row
    of: int
    pages: int
    same: str


@dataclass(frozen=True, slots=True)
class Copies:
    """The ``pages`` of a job that were sent before in it, and the first of them, by their rows."""

    pages: int = 0
    runs: tuple[Copy, ...] = ()

    def of(self, index: int) -> tuple[int, str] | None:
        """Of which row this one is a copy, and what is the same of them; None where it is none."""
        place = bisect_right(self.runs, index, key=lambda run: run.index) - 1
        if place < 0 or index >= self.runs[place].index + self.runs[place].pages:
            return None
        return self.runs[place].of + index - self.runs[place].index, self.runs[place].same


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a job as a whole ended in ``failed``."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The record of one submission. ``options`` hold the resolved values that workers go by. ``revised`` says that
    a person has changed rows, if only to undo it. ``sent_by`` is the id of the key that submitted it, None where that
    is not known. ``blob`` is the upload's name in the blob storage, None where it lies with the plan, as a tiny one
    does. ``computed_by`` are the ways in which chunks were answered so far, each once. ``kind`` names the handler that
    workers have for it. ``model`` reads the images; of another kind of work it is the one that this is about.
    ``under_way`` are units that are done of its only chunk, where the handler says so. ``role`` is that of the workers
    that take it. ``number_model`` reads strips of pages; None where the images are no pages. ``shadow`` reads the
    images too, and does not count; ``tally`` names the counts that rows are added to, where models are compared.
    ``expires_at`` is None until the job is final; rows and upload live until then. ``resumed`` counts resumptions.
    ``copies`` and ``sets`` are looked for when pages are completed, and None before.
    """

    id: str
    owner: str
    state: JobState
    queue: QueueName
    created_at: float
    counts: Counts
    chunks: int
    model: ModelReference
    options: Options
    blob: str | None
    started_at: float | None = None
    finished_at: float | None = None
    expires_at: float | None = None
    error: Problem | None = None
    revised: bool = False
    sent_by: str | None = None
    computed_by: tuple[Computation, ...] = ()
    findings: Findings = Findings()
    resumed: int = 0
    raised: Raised | None = None
    check: Check | None = None
    kind: str = READ
    under_way: int = 0
    role: Role = Role.READER
    number_model: ModelReference | None = None
    shadow: ModelReference | None = None
    tally: str | None = None
    drift: Mapping[str, Any] | None = None
    copies: Copies | None = None
    sets: Sets | None = None
    trace: str | None = None
    """the ``traceparent`` of the request that sent it"""

    @property
    def done(self) -> int:
        """Images, or other units, that are done."""
        return min(self.counts.total, self.counts.done + self.under_way)

    @property
    def progress(self) -> float:
        """Share of them, 0.0 to 1.0."""
        return self.done / self.counts.total if self.counts.total else 1.0


def with_rows(job: Job) -> Job:
    """``job``, if it reads images; else raises NotFound."""
    if job.kind not in (READ, TRIAL):
        raise NotFound(f"This job has no rows: it reads no images, its kind is {job.kind}.")
    return job


def new_job_id(now: float | None = None, random: bytes | None = None) -> str:
    """26 characters that sort by time: 48 bits of milliseconds and 80 random bits, as a ULID. ``now`` unless by this
    machine's clock, ``random`` unless these."""
    number = int((time.time() if now is None else now) * 1000) << 80 | int.from_bytes(random or os.urandom(10), "big")
    return "".join(_ID_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
