"""What callers say of rows and what they are answered: the documents of the review, strict on the way in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, NotRequired, TypeVar

from flask import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import TypedDict

from digitmill.domain.documents import Row, RowProblem, row_documents
from digitmill.domain.page_documents import Correction as CorrectionDocument
from digitmill.domain.page_documents import Count, Time, VerdictName, correction_document, time_text
from digitmill.domain.verdicts import Revision, Verdict, VerdictStatus
from digitmill.errors import BadOptions, FieldError, UnsupportedMediaType
from digitmill.faults import faults_of
from digitmill.pages.placing import Placed
from digitmill.readers import READERS
from digitmill.review.corrections import Corrected, Correction, Hold
from digitmill.store import reviews
from web.bodies.upload import read_body
from web.documents.options import bad_input, parse_json

MOST_CORRECTIONS = 1000
MOST_BYTES = 1 << 20
JSON = "application/json"
SAID = frozenset({"prediction", "status", "correction"})


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 3.0 is the whole number 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
LONGEST_TEXT = 1000
Prediction = Annotated[
    str,
    Field(
        max_length=LONGEST_TEXT,
        json_schema_extra={"pattern": "|".join(f"^{reader.pattern}$" for reader in READERS.values())},
    ),
]
"""What the job's reader accepts; the core looks whether it does."""
Reviewer = Annotated[
    str, Field(pattern="^[A-Za-z0-9_-]{1,64}$", description="A name of your own, another for each window or program.")
]


def _one_of_three(schema: dict[str, Any]) -> None:
    """Nothing may be left out but two of the three, and the field; what is left out has no default."""
    for described in schema["properties"].values():
        described.pop("default", None)
    schema["oneOf"] = [{"required": [name]} for name in sorted(SAID)]


FieldName = Annotated[
    str,
    Field(pattern="^([A-Za-z][A-Za-z0-9_]{0,63})?$", description="Of a form page the field; else empty, or left out."),
]


class Change(BaseModel):
    """What an image, or a `field` of a form page, shows: a digit or text as `prediction`, or a `status`; `correction:
    null` takes back what was said. One of the three. What the model said, said again, confirms it."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_one_of_three)

    prediction: Prediction = Field(default="", description="The digit that the image shows.")
    status: Literal["blank", "not_a_digit"] = Field(default="blank", description="Why it shows none.")
    correction: None = Field(default=None, description="The model's own answer holds again.")
    field: FieldName = ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Change:
        if len(self.model_fields_set & SAID) != 1:
            raise ValueError("must hold one of prediction, status and correction")
        return self

    def verdict(self) -> Verdict | None:
        if "prediction" in self.model_fields_set:
            return Verdict(VerdictStatus.RECOGNIZED, self.prediction)
        return Verdict(VerdictStatus(self.status)) if "status" in self.model_fields_set else None


class RowChange(Change):
    """A change of one row of many. `revision` is that of the row as you saw it."""

    index: Annotated[int, Field(ge=0, le=999_999_999, description="The row."), WHOLE]
    revision: Annotated[int, Field(ge=0, le=999_999_999, description="The row's revision as you saw it."), WHOLE]

    def corrected(self) -> Correction:
        return Correction(self.index, self.revision, self.verdict(), self.field)


class Changes(BaseModel):
    """Changes of many rows."""

    model_config = ConfigDict(extra="forbid", strict=True)

    corrections: Annotated[list[RowChange], Field(min_length=1, max_length=MOST_CORRECTIONS)]


class ReviewRequest(BaseModel):
    """Which doubtful rows you want, and for how long."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reviewer: Reviewer
    limit: Annotated[int, Field(ge=1, le=100, description="The most rows to hold."), WHOLE] = 20
    prediction: Annotated[Prediction | None, Field(description="Only rows that the model took for this digit.")] = None
    seconds: Annotated[int, Field(ge=5, le=600, description="How long nobody else gets them."), WHOLE] = 60
    take_over: (
        Annotated[
            str,
            Field(
                max_length=LONGEST_TEXT, description="A `holder` who has gone home: what they hold, others get at once."
            ),
        ]
        | None
    ) = None


class RaiseRequest(BaseModel):
    """Accepted rows less sure than this are to wait for a person too."""

    model_config = ConfigDict(extra="forbid", strict=True)

    below: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False, description="Above the job's own `review_below`.")]


Coordinate = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False)]
Side = Annotated[float, Field(ge=1, le=100_000, allow_inf_nan=False)]


class CornersRequest(BaseModel):
    """Where a form page lies: the corners of its template's reference, top left, top right, bottom right, bottom left
    as a reader of the page sees them, in pixels of the scan, or of a picture of it that has the size `of`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    corners: Annotated[
        list[Annotated[list[Coordinate], Field(min_length=2, max_length=2)]], Field(min_length=4, max_length=4)
    ]
    of: Annotated[
        list[Side] | None, Field(min_length=2, max_length=2, description="Width and height; else as it is decoded.")
    ] = None
    template: Annotated[str | None, Field(max_length=130, description="`name@version`, where the job has several.")] = (
        None
    )

    def placed(self) -> Placed:
        of = None if self.of is None else (self.of[0], self.of[1])
        return Placed(tuple((x, y) for x, y in self.corners), of, self.template)


class CheckRequest(BaseModel):
    """How many rows of a sample of the accepted ones somebody has looked at, and how many of these were misread."""

    model_config = ConfigDict(extra="forbid", strict=True)

    seen: Annotated[int, Field(ge=1, le=999_999_999), WHOLE]
    wrong: Annotated[int, Field(ge=0, le=999_999_999), WHOLE]


class Said(TypedDict):
    """A person's answer."""

    prediction: str | None
    status: VerdictName


class HistoryEntry(TypedDict):
    """One change of a row. `before` null: the model's own answer held; `after` null: it holds again, or, where it is
    `hidden`, somebody has entered a value of a critical field, and is told of when another person has, too."""

    revision: Count
    before: Said | None
    after: Said | None
    by: str
    at: Time
    by_name: str | None
    hidden: NotRequired[Literal[True]]


class History(TypedDict):
    """Every change of a row, oldest first."""

    job_id: str
    index: Count
    history: list[HistoryEntry]


class ChangedRow(TypedDict):
    """What became of one change: the row's revision and correction as they now are. `error` null: it is done."""

    index: Count
    revision: Count
    correction: CorrectionDocument | None
    error: RowProblem | None
    field: NotRequired[str]


class ChangedRows(TypedDict):
    """What became of each change, in the order of the request."""

    job_id: str
    results: list[ChangedRow]


class Review(TypedDict):
    """Rows that are yours until `held_until`. `waiting` counts all doubtful rows that nobody has answered, held or
    not, by the digit that the model took them for."""

    job_id: str
    results: list[Row]
    held_until: Time
    waiting: dict[str, Count]
    held_fields: NotRequired[list[HeldField]]


class HeldField(TypedDict):
    """A doubtful field of a form page that is yours."""

    index: Count
    field: str


class Holder(TypedDict):
    """Somebody who holds `rows` of a job until then. `by` is the id of their key; `holder` is for `take_over`."""

    holder: str
    by: str
    rows: Count
    held_until: Time


class Holders(TypedDict):
    """Who looks at rows of a job now."""

    job_id: str
    holders: list[Holder]


Model = TypeVar("Model", bound=BaseModel)


def read_json(request: Request, model: type[Model]) -> Model:
    """The request's body, held to ``model``.

    Raises:
        UnsupportedMediaType: it is not sent as JSON.
        UploadTooLarge: it has more than MOST_BYTES.
        BadOptions: it is no JSON, or does not fit the model.
    """
    if request.mimetype != JSON or request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType(f"Send {JSON}, without a Content-Encoding.")
    try:
        return model.model_validate(parse_json(read_body(request, MOST_BYTES)))
    except ValidationError as error:
        raise bad_body(error) from error
    except ValueError as error:
        raise BadOptions("The body is not JSON.", errors=(FieldError("body", "must be JSON"),)) from error


def bad_body(error: ValidationError) -> BadOptions:
    """As for options, with the whole way to each faulty field, such as corrections.3.prediction."""
    places = (".".join(map(str, fault["loc"])) or "body" for fault in faults_of(error))
    faults = tuple(replace(fault, field=place) for fault, place in zip(bad_input(error).errors, places, strict=True))
    return BadOptions(" ".join(f"{fault.field} {fault.message}." for fault in faults), errors=faults)


def changed_document(job_id: str, changed: Sequence[Corrected]) -> ChangedRows:
    return {"job_id": job_id, "results": [_changed_row(row) for row in changed]}


def _changed_row(row: Corrected) -> ChangedRow:
    changed: ChangedRow = {
        "index": row.index,
        "revision": row.revision.number if row.revision is not None else 0,
        "correction": correction_document(row.revision),
        "error": None if row.error is None else {"code": row.error.code, "detail": row.error.detail},
    }
    if row.field:
        changed["field"] = row.field
    return changed


def history_document(job_id: str, index: int, revisions: Sequence[Revision]) -> History:
    befores = [None, *(revision.verdict for revision in revisions)]
    entries: list[HistoryEntry] = [
        {
            "revision": revision.number,
            "before": _said(before),
            "after": _said(revision.verdict),
            "by": revision.by,
            "at": time_text(revision.at),
            "by_name": revision.name,
        }
        for before, revision in zip(befores, revisions, strict=False)
    ]
    for entry, revision in zip(entries, revisions, strict=True):
        if revision.hidden:
            entry["hidden"] = True
    return {"job_id": job_id, "index": index, "history": entries}


def _said(verdict: Verdict | None) -> Said | None:
    return None if verdict is None else {"prediction": verdict.prediction, "status": verdict.status.value}


def holders_document(job_id: str, holders: Sequence[reviews.Holder]) -> Holders:
    return {"job_id": job_id, "holders": [holder_document(holder) for holder in holders]}


def holder_document(holder: reviews.Holder) -> Holder:
    by, _, _ = holder.reviewer.partition("/")
    return {
        "holder": holder.reviewer,
        "by": by,
        "rows": holder.values,
        "held_until": time_text(holder.until),
    }


def review_document(hold: Hold) -> Review:
    document: Review = {
        "job_id": hold.job.id,
        "results": row_documents(hold.rows),
        "held_until": time_text(hold.until),
        "waiting": dict(hold.waiting),
    }
    if any(value.field for value in hold.values):
        document["held_fields"] = [{"index": value.image, "field": value.field} for value in hold.values]
    return document
