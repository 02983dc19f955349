"""What documents of rows are made of, and what people and form pages add to them: corrections, and fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from digitmill.domain import form_page, rows
from digitmill.domain.verdicts import Revision

Probability = Annotated[float, Field(ge=0, le=1)]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]
Status = Literal["recognized", "review", "blank", "failed"]
Reason = Literal[
    "unsure",
    "cut_off",
    "cross",
    "dash",
    "struck_out",
    "several",
    "circled",
    "other",
    "blank",
    "length",
    "gap",
    "displaced",
    "unread",
    "check",
    "critical",
]
VerdictName = Literal["recognized", "blank", "not_a_digit"]


class Correction(TypedDict):
    """What a person has said of the image. `by` is the id of the key that was sent, `by_name` what it is called, null
    where no key is asked."""

    prediction: str | None
    status: VerdictName
    by: str
    at: Time
    by_name: str | None


class Entry(TypedDict):
    """What one person has entered in a field that two people enter, which nobody has settled. `prediction` and `status`
    are null as long as it is the only one."""

    prediction: str | None
    status: VerdictName | None
    by: str
    at: Time
    by_name: str | None


Point = Annotated[list[float], Field(min_length=2, max_length=2)]
Corners = Annotated[list[Point], Field(min_length=4, max_length=4)]


class Guess(TypedDict):
    """A less likely answer and its probability."""

    prediction: str
    confidence: Probability


class Character(TypedDict):
    """One character of a number or a field: its `box` in pixels of the image as it is decoded, left, top, right and
    bottom, the last two exclusive, and the digits that it may be, that of the `prediction` first."""

    box: Annotated[list[int], Field(min_length=4, max_length=4)]
    guesses: list[Guess]


class PageField(TypedDict):
    """What stands in one field of a form page. All is the model's own answer but `correction`; `revision` counts its
    changes, and is what `If-Match` names. `entries` are what people have said of a critical field that is not settled,
    where there is anything. `place` are the corners of the field and a little around it, TL TR BR BL, in
    pixels of the scan."""

    status: Status
    value: str | None
    confidence: Probability | None
    reason: Reason | None
    alternatives: list[Guess]
    characters: list[Character]
    correction: Correction | None
    revision: Count
    place: Corners | None
    entries: NotRequired[list[Entry]]


class TemplateReference(TypedDict):
    """The template of a page."""

    name: str
    version: str


class Registration(TypedDict):
    """Where a page was found on its scan, how well, and by what. `corners` are those of the template's reference, TL TR
    BR BL, in pixels of the scan."""

    score: Probability
    method: str
    corners: Corners


class Check(TypedDict):
    """A rule of the template; `holds` null: a value that it asks for is not there."""

    rule: str
    holds: bool | None


class CopyOf(TypedDict):
    """The row of the same job, by its `index`, that shows the same page, and what is the `same` of both: the "picture",
    or the "writing", on another picture of the same sheet."""

    index: Count
    same: Literal["picture", "writing"]


class FormPlace(TypedDict):
    """Which `page` of a form of several pages this is, and the number of the `set` that it belongs to, from 1: of the
    pages of one filled-in copy. Null where that cannot be told."""

    name: str
    page: Annotated[int, Field(ge=1)]
    set: Annotated[int, Field(ge=1)] | None


class PageDocument(TypedDict):
    """What the row of a form page has besides. One that failed has neither template nor fields. Once the job is
    completed `copy_of` is there in the later row of two, and `form` where the job has templates of several pages of it.
    """

    template: TemplateReference | None
    registration: Registration | None
    fields: dict[str, PageField]
    checks: list[Check]
    revision: Count
    copy_of: NotRequired[CopyOf]
    form: NotRequired[FormPlace]


def page_of_row(row: rows.Row, fields: Mapping[str, rows.Value]) -> PageDocument:
    document: PageDocument = {
        "template": None,
        "registration": None,
        "fields": {
            field: _field(value, row.revisions.get(field), None if row.page is None else row.page.places.get(field))
            for field, value in fields.items()
        },
        "checks": [],
        "revision": sum(revision.number for revision in row.revisions.values()),
    }
    if (page := row.page) is not None:
        name, _, version = page.template.partition("@")
        document["template"] = {"name": name, "version": version}
        corners = [[x, y] for x, y in page.corners]
        document["registration"] = {"score": page.score, "method": page.method, "corners": corners}
        document["checks"] = [{"rule": rule, "holds": holds} for rule, holds in page.checks]
    if row.copy_of is not None:
        document["copy_of"] = copy_document(*row.copy_of)
    if row.place is not None:
        document["form"] = {"name": row.place.form, "page": row.place.page, "set": row.place.number}
    return document


def copy_document(of: int, same: str) -> CopyOf:
    return {"index": of, "same": "picture" if same == "picture" else "writing"}


def _field(value: rows.Value, revision: Revision | None, place: form_page.Corners | None) -> PageField:
    document: PageField = {
        "status": value.status.value,
        "value": value.text,
        "confidence": value.confidence,
        "reason": None if value.reason is None else value.reason.value,
        "alternatives": guess_documents(value.alternatives),
        "characters": character_documents(value.parts),
        "correction": correction_document(revision),
        "revision": 0 if revision is None else revision.number,
        "place": None if place is None else [[x, y] for x, y in place],
    }
    if revision is not None and revision.entries:
        document["entries"] = _entries(revision)
    return document


def _entries(revision: Revision) -> list[Entry]:
    shown = len(revision.entries) > 1
    return [
        {
            "prediction": entry.verdict.prediction if shown else None,
            "status": entry.verdict.status.value if shown else None,
            "by": entry.by,
            "at": time_text(entry.at),
            "by_name": entry.name,
        }
        for entry in revision.entries
    ]


def guess_documents(guesses: Sequence[rows.Guess]) -> list[Guess]:
    return [{"prediction": guess.prediction, "confidence": guess.confidence} for guess in guesses]


def character_documents(parts: Sequence[rows.Part]) -> list[Character]:
    return [{"box": list(part.box), "guesses": guess_documents(part.guesses)} for part in parts]


def correction_document(revision: Revision | None) -> Correction | None:
    """What a person said last, unless it was taken back."""
    if revision is None or revision.verdict is None:
        return None
    said = revision.verdict
    return {
        "prediction": said.prediction,
        "status": said.status.value,
        "by": revision.by,
        "at": time_text(revision.at),
        "by_name": revision.name,
    }


def time_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
