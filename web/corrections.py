"""What callers say of rows and what they are answered: the documents of the review, strict on the way in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeVar

from flask import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from typing_extensions import TypedDict

from digitmill import domain
from digitmill.documents import Count, Time, time_text
from digitmill.domain import Verdict, VerdictStatus
from digitmill.errors import BadOptions, FieldError, UnsupportedMediaType
from digitmill.review import Corrected, Correction, Hold
from web.options import bad_input, parse_json
from web.schemas import Correction as CorrectionDocument
from web.schemas import Row, RowProblem, VerdictName, correction_document, row_documents
from web.upload import read_body

MOST_CORRECTIONS = 1000
MOST_BYTES = 1 << 20
JSON = "application/json"
SAID = frozenset({"prediction", "status", "correction"})


def _whole(value: Any) -> Any:
    """JSON knows one kind of number: 3.0 is the whole number 3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
Prediction = Annotated[str, Field(pattern="^[0-9]$")]
Reviewer = Annotated[
    str, Field(pattern="^[A-Za-z0-9_-]{1,64}$", description="A name of your own, another for each window or program.")
]


def _one_of_three(schema: dict[str, Any]) -> None:
    """Nothing may be left out but two of the three, and what is left out has no default."""
    for described in schema["properties"].values():
        described.pop("default", None)
    schema["minProperties"] = schema["maxProperties"] = 1 + len(schema.get("required", ()))


class Change(BaseModel):
    """What an image shows: a digit as `prediction`, or a `status`; `correction: null` takes back what was said. One of
    the three. What the model said, said again, confirms it."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra=_one_of_three)

    prediction: Prediction = Field(default="", description="The digit that the image shows.")
    status: Literal["blank", "not_a_digit"] = Field(default="blank", description="Why it shows none.")
    correction: None = Field(default=None, description="The model's own answer holds again.")

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
        return Correction(self.index, self.revision, self.verdict())


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


class Said(TypedDict):
    """A person's answer."""

    prediction: str | None
    status: VerdictName


class HistoryEntry(TypedDict):
    """One change of a row. `before` null: the model's own answer held; `after` null: it holds again."""

    revision: Count
    before: Said | None
    after: Said | None
    by: str
    at: Time


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
        raise _bad_body(error) from error
    except ValueError as error:
        raise BadOptions("The body is not JSON.", errors=(FieldError("body", "must be JSON"),)) from error


def _bad_body(error: ValidationError) -> BadOptions:
    """As for options, with the whole way to each faulty field, such as corrections.3.prediction."""
    places = (".".join(map(str, fault["loc"])) or "body" for fault in error.errors(include_url=False))
    faults = tuple(replace(fault, field=place) for fault, place in zip(bad_input(error).errors, places, strict=True))
    return BadOptions(" ".join(f"{fault.field} {fault.message}." for fault in faults), errors=faults)


def changed_document(job_id: str, changed: Sequence[Corrected]) -> ChangedRows:
    return {"job_id": job_id, "results": [_changed_row(row) for row in changed]}


def _changed_row(row: Corrected) -> ChangedRow:
    return {
        "index": row.index,
        "revision": row.revision.number if row.revision is not None else 0,
        "correction": correction_document(row.revision),
        "error": None if row.error is None else {"code": row.error.code, "detail": row.error.detail},
    }


def history_document(job_id: str, index: int, revisions: Sequence[domain.Revision]) -> History:
    befores = [None, *(revision.verdict for revision in revisions)]
    entries: list[HistoryEntry] = [
        {
            "revision": revision.number,
            "before": _said(before),
            "after": _said(revision.verdict),
            "by": revision.by,
            "at": time_text(revision.at),
        }
        for before, revision in zip(befores, revisions, strict=False)
    ]
    return {"job_id": job_id, "index": index, "history": entries}


def _said(verdict: Verdict | None) -> Said | None:
    return None if verdict is None else {"prediction": verdict.prediction, "status": verdict.status.value}


def review_document(hold: Hold) -> Review:
    return {
        "job_id": hold.job.id,
        "results": row_documents(hold.rows),
        "held_until": time_text(hold.until),
        "waiting": {str(digit): rows for digit, rows in enumerate(hold.waiting)},
    }
