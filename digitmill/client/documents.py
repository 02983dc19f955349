"""The service's JSON documents as frozen types. Fields that this version does not know are ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

from digitmill.client.errors import UnexpectedAnswer

FINAL_STATES = frozenset({"completed", "cancelled", "failed"})

Document = Mapping[str, Any]
Parsed = TypeVar("Parsed")


def parse(reader: Callable[[Any], Parsed], document: Any) -> Parsed:
    """``reader(document)``, with its complaints as one of ours.

    Raises:
        UnexpectedAnswer: a field is missing or holds something else.
    """
    try:
        return reader(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedAnswer(
            f"The answer is not one that this client knows ({error!r}); "
            "check the address, and that client and service are of the same version."
        ) from error


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an image or a whole job failed."""

    code: str
    detail: str

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(document["code"], document["detail"])


@dataclass(frozen=True, slots=True)
class Counts:
    """Images of a job. ``done`` is the sum of the four statuses; ``skipped`` files are no images; ``corrected`` are
    rows of any status on which a person has the last word."""

    total: int
    done: int
    recognized: int
    review: int
    blank: int
    failed: int
    skipped: int
    corrected: int = 0

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(**{name: int(document[name]) for name in cls.__slots__ if name in document})


@dataclass(frozen=True, slots=True)
class Computation:
    """How workers answered: by which engine, in which precision, on which device."""

    engine: str
    precision: str
    device: str


@dataclass(frozen=True, slots=True)
class ModelReference:
    name: str
    version: str
    sha256: str

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(document["name"], document["version"], document["sha256"])


@dataclass(frozen=True, slots=True)
class Model:
    """A published model. ``manifest`` is everything that the service says of it."""

    name: str
    version: str
    default: bool
    manifest: Document

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(document["name"], document["version"], bool(document.get("default", False)), document)


@dataclass(frozen=True, slots=True)
class Guess:
    """``confidence`` is a probability, 0.0 to 1.0."""

    prediction: str
    confidence: float

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(document["prediction"], float(document["confidence"]))


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person has said of the image: ``status`` is recognized, blank or not_a_digit, ``by`` the id of a key."""

    prediction: str | None
    status: str
    by: str
    at: datetime

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(document["prediction"], document["status"], document["by"], datetime.fromisoformat(document["at"]))


@dataclass(frozen=True, slots=True)
class Row:
    """The answer for one image. ``status`` is recognized, review, blank or failed.

    All is the model's own answer but ``correction``, whose changes ``revision`` counts. ``reason`` says why a row is to
    review: unsure, cut_off, cross, dash, struck_out, several, circled, other or blank. It is None in other rows, and
    from a service that tells none.
    """

    index: int
    name: str
    status: str
    prediction: str | None
    confidence: float | None
    alternatives: tuple[Guess, ...]
    error: Problem | None
    correction: Correction | None
    revision: int = 0
    reason: str | None = None

    @classmethod
    def read(cls, document: Document) -> Self:
        correction = document.get("correction")
        return cls(
            index=int(document["index"]),
            name=document["name"],
            status=document["status"],
            prediction=document["prediction"],
            confidence=document["confidence"],
            alternatives=tuple(Guess.read(guess) for guess in document.get("alternatives") or ()),
            error=Problem.read(document["error"]) if document.get("error") else None,
            correction=Correction.read(correction) if correction else None,
            revision=int(document.get("revision", 0)),
            reason=document.get("reason"),
        )


@dataclass(frozen=True, slots=True)
class Page:
    """A page of rows; ``next_cursor`` is None on the last."""

    job_id: str
    state: str
    results: tuple[Row, ...]
    next_cursor: str | None

    @classmethod
    def read(cls, document: Document) -> Self:
        rows = tuple(Row.read(row) for row in document["results"])
        return cls(document["job_id"], document["state"], rows, document["next_cursor"])


@dataclass(frozen=True, slots=True)
class Job:
    """One submission. ``state`` is queued, running, completed, cancelled or failed.

    ``results`` is set where ``submit`` waited and the job was final in time; it holds the first 1,000 rows at most,
    and ``Client.results`` all of them. ``code_pages`` are those of names in zips that do not say it, as they were
    chosen or told by the names; ``skipped`` are the names of the first files that are no scans.
    """

    id: str
    state: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    counts: Counts
    progress: float
    model: ModelReference
    computed_by: tuple[Computation, ...]
    options: Document
    metadata: Document
    error: Problem | None
    links: Mapping[str, str]
    results: tuple[Row, ...] | None = None
    code_pages: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES

    @classmethod
    def read(cls, document: Document) -> Self:
        rows = document.get("results")
        upload = document.get("upload", {})
        return cls(
            id=document["id"],
            state=document["state"],
            created_at=datetime.fromisoformat(document["created_at"]),
            started_at=_time(document["started_at"]),
            finished_at=_time(document["finished_at"]),
            expires_at=_time(document["expires_at"]),
            counts=Counts.read(document["counts"]),
            progress=float(document["progress"]),
            model=ModelReference.read(document["model"]),
            computed_by=tuple(Computation(**way) for way in document.get("computed_by", ())),
            options=document["options"],
            metadata=document["metadata"],
            error=Problem.read(document["error"]) if document["error"] else None,
            links=document["links"],
            results=None if rows is None else tuple(Row.read(row) for row in rows),
            code_pages=tuple(upload.get("code_pages", ())),
            skipped=tuple(upload.get("skipped", ())),
        )


@dataclass(frozen=True, slots=True)
class JobPage:
    jobs: tuple[Job, ...]
    next_cursor: str | None

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(tuple(Job.read(job) for job in document["jobs"]), document["next_cursor"])


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to deliver a webhook: a ``status``, or the ``error`` that kept the receiver from answering."""

    at: datetime
    seconds: float
    status: int | None
    error: str | None

    @classmethod
    def read(cls, document: Document) -> Self:
        at = datetime.fromisoformat(document["at"])
        return cls(at, float(document["seconds"]), document["status"], document["error"])


@dataclass(frozen=True, slots=True)
class Delivery:
    """The way of one webhook to its receiver. ``state`` is pending, delivered, gone or failed."""

    id: str
    event: str
    url: str
    state: str
    attempts: tuple[Attempt, ...]
    next_attempt_at: datetime | None

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            id=document["id"],
            event=document["event"],
            url=document["url"],
            state=document["state"],
            attempts=tuple(Attempt.read(attempt) for attempt in document["attempts"]),
            next_attempt_at=_time(document["next_attempt_at"]),
        )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
