"""Rows as a worker hands them to the store."""

from __future__ import annotations

from collections.abc import Sequence

from digitmill.domain.columns import Columns
from digitmill.domain.rows import PLAIN, Row, Value
from digitmill.store.rows import Answers


def answers_of(rows: Sequence[Row]) -> Answers:
    images = [{PLAIN: _value(row)} if row.fields is None else row.fields for row in rows]
    failures = {place: row.failure for place, row in enumerate(rows) if row.failure is not None}
    return Answers(Columns.of(images), failures)


def _value(row: Row) -> Value:
    return Value(row.prediction, row.status, row.confidence, row.alternatives, row.reason, row.parts)
