"""What a process that looks at a stranger's model is told, and what it tells: files in a folder of its own."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from digitmill.publishing.card import Card, Examined

UPLOADED, REQUEST, FOUND, STEP = "uploaded.keras", "request.json", "found.json", "step"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Known(_Strict):
    """A model that is published: its files for OpenVINO, and how its answers are read."""

    graph: str
    weights: str
    classes: int
    temperature: float
    review_below: float


class Request(_Strict):
    """``default`` is measured too, on the same pictures. ``seconds`` are those that it may compute; ``most_weights``
    bytes of the weights, ``file_bytes`` of any file that it writes."""

    card: Card
    default: Known | None
    most_weights: int
    memory_bytes: int
    seconds: int
    file_bytes: int


class Refused(_Strict):
    """``code`` is that of the error."""

    code: str
    detail: str


class Found(_Strict):
    """One of the two."""

    examined: Examined | None = None
    refused: Refused | None = None
