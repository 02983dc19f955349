"""The calls of the review: corrections, their history, doubtful rows to answer, and images to train with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, NotRequired, Self, TypedDict

from digitmill.client.documents import Correction, Document, Problem, Row
from digitmill.client.outputs import Output, opened
from digitmill.client.streams import require_framing
from digitmill.client.transport import Transport, job_path

MOST_CORRECTIONS = 1000
"""What the service takes in one request."""
PAGE_SECONDS = 120.0
"""Between two boxes pages may lie that have none to give."""


@dataclass(frozen=True, slots=True)
class Said:
    """A person's answer. ``status`` is recognized, blank or not_a_digit."""

    prediction: str | None
    status: str

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(document["prediction"], document["status"])


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One change of a row. ``before`` None: the model's own answer held; ``after`` None: it holds again. ``by_name`` is
    what the key ``by`` is called; None where no key is asked, and from a service of an earlier release.
    ``hidden``: one of two people has entered a critical field, and what is told when the other has, too."""

    revision: int
    before: Said | None
    after: Said | None
    by: str
    at: datetime
    by_name: str | None = None
    hidden: bool = False

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            revision=int(document["revision"]),
            before=Said.read(document["before"]) if document["before"] else None,
            after=Said.read(document["after"]) if document["after"] else None,
            by=document["by"],
            at=datetime.fromisoformat(document["at"]),
            by_name=document.get("by_name"),
            hidden=bool(document.get("hidden")),
        )


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """What became of one change: the row's ``revision`` and ``correction`` as they now are. ``error`` None: done."""

    index: int
    revision: int
    correction: Correction | None
    error: Problem | None

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            index=int(document["index"]),
            revision=int(document["revision"]),
            correction=Correction.read(document["correction"]) if document["correction"] else None,
            error=Problem.read(document["error"]) if document["error"] else None,
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """Rows that are one reviewer's ``until`` then; ``waiting`` counts the rows that nobody has answered, by the digit
    that the model took them for."""

    rows: Sequence[Row]
    until: datetime
    waiting: Mapping[str, int]

    @classmethod
    def read(cls, document: Document) -> Self:
        rows = tuple(Row.read(row) for row in document["results"])
        return cls(rows, datetime.fromisoformat(document["held_until"]), document["waiting"])


class Change(TypedDict):
    """A change of one row of many: where, the revision that was seen, one of the next three, and of a form page the
    field."""

    index: int
    revision: int
    prediction: NotRequired[str]
    status: NotRequired[str]
    correction: NotRequired[None]
    field: NotRequired[str]


class ReviewCalls:
    """A part of ``Client``."""

    _transport: Transport

    def correct(
        self,
        job_id: str,
        index: int,
        *,
        prediction: str | None = None,
        status: str | None = None,
        field: str | None = None,
        revision: int = 0,
    ) -> Row:
        """Say what an image shows: a digit as ``prediction``, or ``status`` "blank" or "not_a_digit".

        Args:
            field: of a form page the field.
            revision: that of the row, or of the field, as you saw it.

        Raises:
            Conflict: somebody changed the row meanwhile (``code`` row_changed), or it is not there yet.
        """
        said = {"prediction": prediction, "status": status, "field": field}
        return self._change(job_id, index, {name: value for name, value in said.items() if value is not None}, revision)

    def take_back(self, job_id: str, index: int, *, revision: int, field: str | None = None) -> Row:
        """Let the model's own answer hold again; the history keeps what was said. Raises as ``correct``."""
        said = {"correction": None} if field is None else {"correction": None, "field": field}
        return self._change(job_id, index, said, revision)

    def correct_many(self, job_id: str, changes: Iterable[Change]) -> Iterator[ChangedRow]:
        """Say what many images show, a thousand at a time, as the answers are taken. Each answers for itself."""
        source = iter(changes)
        while some := list(islice(source, MOST_CORRECTIONS)):
            yield from self._transport.read(
                lambda answer: [ChangedRow.read(row) for row in answer["results"]],
                "PATCH",
                f"{job_path(job_id)}/results",
                json={"corrections": some},
            )

    def history(self, job_id: str, index: int, *, field: str | None = None) -> list[HistoryEntry]:
        """Every change of a row, or of this field of it, oldest first."""
        return self._transport.read(
            lambda answer: [HistoryEntry.read(entry) for entry in answer["history"]],
            "GET",
            f"{job_path(job_id)}/results/{index}/history",
            params={} if field is None else {"field": field},
        )

    def hold(
        self,
        job_id: str,
        reviewer: str,
        *,
        limit: int | None = None,
        prediction: str | None = None,
        seconds: int | None = None,
    ) -> Hold:
        """Get doubtful rows to answer, the least sure first, which nobody else gets meanwhile.

        Ask again to keep what you have not answered, and to get as many more.

        Args:
            reviewer: a name of your own, another for each window or program.
            limit: the most rows to hold.
            prediction: only rows that the model took for this digit.
            seconds: how long they are yours.
        """
        asked = {"reviewer": reviewer, "limit": limit, "prediction": prediction, "seconds": seconds}
        given = {name: value for name, value in asked.items() if value is not None}
        return self._transport.read(Hold.read, "POST", f"{job_path(job_id)}/review", json=given)

    def release(self, job_id: str, reviewer: str) -> None:
        """Give back what the reviewer holds."""
        self._transport.request("DELETE", f"{job_path(job_id)}/review", params={"reviewer": reviewer})

    def labelled(self, job_id: str, out: Output, *, accepted: bool = False) -> None:
        """Write a zip of the answered images, or of boxes of form pages, and their ``labels.csv``, food for training.

        Args:
            out: a path, which gets the file only when it is whole, or a file opened for writing bytes.
            accepted: of form pages also the boxes of fields that the model was sure of and nobody has answered.

        Raises:
            Unreachable: the connection broke off; ask again.
            OSError: the file cannot be written.
        """
        path, asked = f"{job_path(job_id)}/labelled.zip", {"accepted": "true"} if accepted else {}
        stream = self._transport.stream(path, params=asked, accept="application/zip", read_timeout=PAGE_SECONDS)
        with opened(out) as file, stream as response:
            require_framing(response)
            for piece in response.iter_bytes():
                file.write(piece)

    def _change(self, job_id: str, index: int, body: Mapping[str, Any], revision: int) -> Row:
        path = f"{job_path(job_id)}/results/{index}"
        return self._transport.read(Row.read, "PATCH", path, json=body, headers={"If-Match": f'"{revision}"'})
