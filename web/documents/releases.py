"""What callers send about which models jobs get, and the document that they are answered."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from digitmill.desk.releasing import Releasing
from digitmill.domain.page_documents import Count
from digitmill.models.releases import DefaultChange, Trial

Label = Annotated[
    str, Field(max_length=129, pattern="^[a-z0-9][a-z0-9-]*@[0-9A-Za-z][0-9A-Za-z.-]*$", description="`name@version`.")
]
Reads = Annotated[Literal["digit", "number"], Field(description="Of the models that read this.")]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class DefaultRequest(_Request):
    """The model that jobs are to get which name none."""

    model: Label


class RollBackRequest(_Request):
    """Which default is to become again what it was before."""

    reads: Reads = "digit"


class TrialRequest(_Request):
    """The model to try, and the share of the jobs that name no model on which it is tried."""

    model: Label
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]


class Counted(TypedDict):
    """Rows of one side of a trial, and how many of them have each status; a status that none has is missing."""

    images: Count
    chunks: Count
    recognized: NotRequired[Count]
    review: NotRequired[Count]
    blank: NotRequired[Count]
    failed: NotRequired[Count]


class CanaryReport(Trial):
    """`canary` are the rows of jobs that got it, `default` of those that did not, since it began."""

    canary: Counted | None
    default: Counted | None


class Compared(TypedDict):
    """Rows that were answered twice. `read` have a text in one answer at least, `same` of them the same in both;
    `both_accepted_differ` are those of which both models were sure, and not of the same."""

    images: Count
    chunks: Count
    read: Count
    same: Count
    accepted: Count
    shadow_accepted: Count
    both_accepted: Count
    both_accepted_differ: Count


class Difference(TypedDict):
    """A row that two models read differently; `prediction` counts."""

    job: str
    index: Count
    prediction: str | None
    confidence: float
    shadow_prediction: str | None
    shadow_confidence: float


class ShadowReport(Trial):
    """`differences` are the latest, at most 100."""

    compared: Compared | None
    differences: list[Difference]


class Releases(TypedDict):
    """Which models jobs get, by what they read; `history` has the latest change first."""

    defaults: dict[str, str]
    canaries: dict[str, CanaryReport]
    shadows: dict[str, ShadowReport]
    retired: list[str]
    history: list[DefaultChange]


def releases_document(releasing: Releasing) -> dict[str, Any]:
    present = releasing.present()
    return {
        "defaults": dict(releasing.defaults()),
        "canaries": {
            reads: {
                **trial.model_dump(mode="json"),
                **{side: releasing.tally(trial.tally(side)) or None for side in ("canary", "default")},
            }
            for reads, trial in present.canaries.items()
        },
        "shadows": {
            reads: {
                **trial.model_dump(mode="json"),
                "compared": releasing.tally(trial.tally("shadow")) or None,
                "differences": releasing.differences(trial.tally("shadow")),
            }
            for reads, trial in present.shadows.items()
        },
        "retired": list(present.retired),
        "history": [change.model_dump(mode="json") for change in reversed(present.history)],
    }
