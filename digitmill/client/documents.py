"""The service's JSON documents as frozen types. Fields that this version does not know are ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

from digitmill.client.errors import UnexpectedAnswer
from digitmill.client.page_sets import Copy, Sets

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
    rows of any status on which a person has the last word, ``unanswered`` the rows to review on which nobody has."""

    total: int
    done: int
    recognized: int
    review: int
    blank: int
    failed: int
    skipped: int
    corrected: int = 0
    unanswered: int = 0

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
class Training:
    """``epochs`` are those that are finished, with losses and accuracies by name. ``report`` is there when it is
    completed, or ``improvement`` where a model was improved. ``document`` is everything that the service says of it."""

    id: str
    name: str
    state: str
    epochs: list[Mapping[str, float]]
    best_epoch: int | None
    report: Document | None
    error: Problem | None
    document: Document
    improvement: Document | None = None

    @classmethod
    def read(cls, document: Document) -> Self:
        error = document["error"]
        return cls(
            document["id"],
            document["name"],
            document["state"],
            list(document["epochs"]),
            document["best_epoch"],
            document["report"],
            None if error is None else Problem.read(error),
            document,
            document.get("improvement"),
        )


@dataclass(frozen=True, slots=True)
class Template:
    """A published template of form pages. ``document`` is everything that the service says of it."""

    name: str
    version: str
    title: str
    document: Document

    @property
    def label(self) -> str:
        return f"{self.name}@{self.version}"

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(document["name"], document["version"], document["title"], document)


@dataclass(frozen=True, slots=True)
class Guess:
    """``confidence`` is a probability, 0.0 to 1.0."""

    prediction: str
    confidence: float

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(document["prediction"], float(document["confidence"]))


@dataclass(frozen=True, slots=True)
class Character:
    """One character of a number: ``box`` is left, top, right and bottom in pixels of the image, ``guesses`` what it may
    be, that of the prediction first."""

    box: tuple[int, int, int, int]
    guesses: tuple[Guess, ...]

    @classmethod
    def read(cls, document: Document) -> Self:
        left, top, right, bottom = map(int, document["box"])
        return cls((left, top, right, bottom), tuple(Guess.read(guess) for guess in document["guesses"]))


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person has said of the image: ``status`` is recognized, blank or not_a_digit, ``by`` the id of a key,
    ``by_name`` its name; None where no key is asked, and from a service of an earlier release."""

    prediction: str | None
    status: str
    by: str
    at: datetime
    by_name: str | None = None

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            document["prediction"],
            document["status"],
            document["by"],
            datetime.fromisoformat(document["at"]),
            document.get("by_name"),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """What one of the people who enter a critical field has said. ``status`` and ``prediction`` are None as long as
    nobody else has."""

    prediction: str | None
    status: str | None
    by: str
    at: datetime
    by_name: str | None

    @classmethod
    def read(cls, document: Document) -> Self:
        at = datetime.fromisoformat(document["at"])
        return cls(document["prediction"], document["status"], document["by"], at, document["by_name"])


@dataclass(frozen=True, slots=True)
class Field:
    """What stands in one field of a form page; its parts are as those of a row. ``place`` are the corners of the field
    and a little around it in pixels of the scan, TL TR BR BL; a service of an earlier release tells none.
    ``entries`` are what people have entered of a critical field that nobody has settled."""

    status: str
    value: str | None
    confidence: float | None
    reason: str | None
    alternatives: tuple[Guess, ...]
    correction: Correction | None
    revision: int
    place: tuple[tuple[float, float], ...] | None = None
    entries: tuple[Entry, ...] = ()

    @classmethod
    def read(cls, document: Document) -> Self:
        correction, place = document["correction"], document.get("place")
        return cls(
            status=document["status"],
            value=document["value"],
            confidence=document["confidence"],
            reason=document["reason"],
            alternatives=tuple(Guess.read(each) for each in document["alternatives"]),
            correction=Correction.read(correction) if correction else None,
            revision=int(document["revision"]),
            place=None if place is None else tuple((float(x), float(y)) for x, y in place),
            entries=tuple(Entry.read(each) for each in document.get("entries", ())),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """The answer for one image. ``status`` is recognized, review, blank or failed.

    All is the model's own answer but ``correction``, whose changes ``revision`` counts. ``reason`` says why a row is to
    review: unsure, cut_off, cross, dash, struck_out, several, circled, other or blank. It is None in other rows, and
    from a service that tells none. ``characters`` are those of a number.

    A form page has its values in ``fields``, by name; ``template`` is the label of the one that it was read by, and
    ``checks`` are the rules of that and whether each holds. Both are None for other images, as where a page failed.
    Once the job is completed, ``copy_of`` is the index of an earlier row of it that shows the same page, and ``form``,
    ``form_page`` and ``form_set`` say which page of a form of several pages it is, and of which set, from 1.
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
    characters: tuple[Character, ...] = ()
    template: str | None = None
    fields: Mapping[str, Field] | None = None
    checks: tuple[tuple[str, bool | None], ...] = ()
    copy_of: int | None = None
    form: str | None = None
    form_page: int | None = None
    form_set: int | None = None

    @classmethod
    def read(cls, document: Document) -> Self:
        correction, form = document.get("correction"), document.get("form") or {}
        template, fields = document.get("template"), document.get("fields")
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
            characters=tuple(Character.read(each) for each in document.get("characters") or ()),
            template=f"{template['name']}@{template['version']}" if template else None,
            fields=None if fields is None else {name: Field.read(field) for name, field in fields.items()},
            checks=tuple((check["rule"], check["holds"]) for check in document.get("checks") or ()),
            copy_of=int(document["copy_of"]["index"]) if document.get("copy_of") else None,
            form=form.get("name"),
            form_page=form.get("page"),
            form_set=form.get("set"),
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
    chosen or told by the names; ``skipped`` are the names of the first files that are no scans. ``report`` is what a
    job of the kind "publish" found of its model. ``copied_pages`` were sent before in it; the first 50 are ``copies``.
    ``sets`` are the pages that belong together, where the job has templates of several pages of a form.
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
    kind: str = "read"
    report: Document | None = None
    copied_pages: int = 0
    copies: tuple[Copy, ...] = ()
    sets: Sets | None = None

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES

    @classmethod
    def read(cls, document: Document) -> Self:
        rows = document.get("results")
        upload, copies = document.get("upload", {}), document.get("copies", {})
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
            kind=document.get("kind", "read"),
            report=document.get("report"),
            copied_pages=int(copies.get("pages", 0)),
            copies=tuple(Copy(each["index"], each["of"], each["same"]) for each in copies.get("first", ())),
            sets=Sets.read(document["sets"]) if document.get("sets") else None,
        )


@dataclass(frozen=True, slots=True)
class JobPage:
    jobs: tuple[Job, ...]
    next_cursor: str | None

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(tuple(Job.read(job) for job in document["jobs"]), document["next_cursor"])


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
