"""The words of Digitmill as frozen types, and the moves a job may make between states.

Times are seconds since 1970 in UTC (float). Probabilities are floats from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from digitmill.errors import FailureCode

DIGITS = "0123456789"
"""What an image may be read as. Every model's classes begin with them, in this order; what follows is a kind."""

KINDS = ("blank", "cross", "dash", "struck_out", "several", "circled", "other")
"""What else a picture may be: a model has any of these classes behind the digits."""


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        return not LEGAL_MOVES[self]


LEGAL_MOVES: Mapping[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.COMPLETED, JobState.CANCELLED, JobState.FAILED}),
    JobState.COMPLETED: frozenset(),
    JobState.CANCELLED: frozenset(),
    JobState.FAILED: frozenset(),
}


class RowStatus(StrEnum):
    """``review`` is a digit whose confidence lies below the job's threshold."""

    RECOGNIZED = "recognized"
    REVIEW = "review"
    BLANK = "blank"
    FAILED = "failed"


class Reason(StrEnum):
    """Why a row is to review. All but the first two are ``KINDS``: what the model takes the picture for."""

    UNSURE = "unsure"
    """a digit under the threshold"""
    CUT_OFF = "cut_off"
    """a digit under the threshold whose picture may lack a part of it, or which ink was taken out of"""
    CROSS = "cross"
    DASH = "dash"
    STRUCK_OUT = "struck_out"
    SEVERAL = "several"
    """more than one digit"""
    CIRCLED = "circled"
    OTHER = "other"
    """a letter, a scribble, a stamp"""
    BLANK = "blank"
    """nothing, but not surely"""


class VerdictStatus(StrEnum):
    """What a person may say that an image is. ``not_a_digit`` is ink that is no digit: a letter, a smudge."""

    RECOGNIZED = "recognized"
    BLANK = "blank"
    NOT_A_DIGIT = "not_a_digit"


class Polarity(StrEnum):
    AUTO = "auto"
    DARK_ON_LIGHT = "dark_on_light"
    LIGHT_ON_DARK = "light_on_dark"


class QueueName(StrEnum):
    """Interactive work (a few images, somebody waits) never stands behind bulk work."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


class Scope(StrEnum):
    """What a key lets its holder do; ``admin`` holds the other three."""

    SUBMIT = "submit"
    READ = "read"
    REVIEW = "review"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret of a key, as the SHA-256 of its text in hex. ``expires_at`` None: it does not end by itself."""

    sha256: str
    expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key to the HTTP interface. Jobs belong to its ``owner``, who may have other keys too.

    ``secrets`` begin with the one in force; the others live on for a while after a rotation. ``lifetime`` are the
    seconds that each new secret is given, None for no end.
    """

    id: str
    name: str
    owner: str
    scopes: frozenset[Scope]
    created_at: float
    lifetime: float | None
    secrets: tuple[Secret, ...]
    revoked_at: float | None = None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the key that was sent, and whose jobs it opens."""

    key_id: str
    key_name: str
    owner: str
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        return scope in self.scopes or Scope.ADMIN in self.scopes


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
    the code page of names in zips which do not say it, None to have it told by the names."""

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

    @property
    def rule(self) -> Rule | None:
        """What the job's rows are calibrated and accepted by where it names a calibration, once that is resolved."""
        if self.temperature is None or self.review_below is None:
            return None
        return Rule(self.temperature, self.review_below)

    @property
    def announced(self) -> int:
        """1 where a webhook is to tell of the job's end, else 0."""
        return int(self.webhook_url is not None)


@dataclass(frozen=True, slots=True)
class Counts:
    """Images of one job. ``done`` is the sum of the four statuses; ``skipped`` are no images at all.

    ``corrected`` are rows of whatever status on which a person has the last word.
    """

    total: int
    recognized: int = 0
    review: int = 0
    blank: int = 0
    failed: int = 0
    skipped: int = 0
    corrected: int = 0

    @property
    def done(self) -> int:
        return self.recognized + self.review + self.blank + self.failed


@dataclass(frozen=True, slots=True)
class Findings:
    """What was noticed when the upload was planned: the ``code_pages`` of names in zips that do not say it, each once,
    and the names of the first files that were ``skipped`` as litter."""

    code_pages: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one image got no answer, in a code and in a sentence."""

    code: FailureCode
    detail: str


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
    does. ``computed_by`` are the ways in which chunks were answered so far, each once.

    ``expires_at`` is None until the job is final; afterwards its rows and its upload live until then.
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

    @property
    def progress(self) -> float:
        """Share of the images that have their row, 0.0 to 1.0."""
        return self.counts.done / self.counts.total if self.counts.total else 1.0


class Packing(StrEnum):
    """How an entry's bytes lie in the upload."""

    RAW = "raw"
    """a loose file: the span is the image itself"""
    STORED = "stored"
    """a zip member without compression, behind its local header"""
    DEFLATED = "deflated"
    """a deflated zip member, behind its local header"""


class Entry(NamedTuple):
    """One image of an upload: where its bytes lie in the job's blob, decided when the upload was planned.

    A tuple, as there may be a million of them: a frozen dataclass takes three times as long to make.

    ``span`` bytes from ``offset`` hold the member, its local header included; ``size`` and ``crc`` are what
    the zip's directory promises of the unpacked bytes (``crc`` is None for a loose file). ``page`` counts
    from 0 within a TIFF of ``pages``. ``refused`` names a member that is answered without being read. ``sent`` are
    the bytes of the name as they came, where they are not those of ``name`` in UTF-8.
    """

    name: str
    offset: int
    span: int
    size: int
    packing: Packing = Packing.RAW
    crc: int | None = None
    page: int = 0
    pages: int = 1
    refused: Failure | None = None
    sent: bytes | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Contiguous images of one job: the unit of work. ``first`` is the row index of ``entries[0]``."""

    number: int
    first: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Guess:
    prediction: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person says that an image shows: ``prediction`` is a digit where it is recognized, else None."""

    status: VerdictStatus
    prediction: str | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of a row by a person. ``number`` counts the row's changes from 1; ``verdict`` None takes back what
    was said before; ``by`` is the id of the key that sent it."""

    number: int
    verdict: Verdict | None
    by: str
    at: float


class Row(NamedTuple):
    """The answer for one image. Exactly one exists for every accepted image of a completed job.

    A tuple for the same reason as an Entry.

    All but ``revision`` is the model's own answer and never changes; ``revision`` is the last change by a person.
    ``reason`` belongs to rows to review; it is None in those stored before there were reasons.
    """

    index: int  # type: ignore[assignment]  # a tuple's method of that name is not needed here
    name: str
    status: RowStatus
    prediction: str | None = None
    confidence: float | None = None
    alternatives: tuple[Guess, ...] = ()
    failure: Failure | None = None
    revision: Revision | None = None
    reason: Reason | None = None

    @property
    def verdict(self) -> Verdict | None:
        """What a person has the last word with, if anybody has."""
        return self.revision.verdict if self.revision is not None else None
