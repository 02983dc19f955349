"""Rows as a worker hands them to the store."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digitmill.domain import Row
from digitmill.store.rows import NO_DIGIT, NO_REASON, REASON_CODES, STATUS_CODES, Answers


def answers_of(rows: Sequence[Row]) -> Answers:
    guesses = max((1 + len(row.alternatives) for row in rows), default=1)
    digits = np.full((len(rows), guesses), NO_DIGIT, np.uint8)
    confidences = np.zeros((len(rows), guesses), np.float32)
    for place, row in enumerate(rows):
        if row.prediction is not None and row.confidence is not None:
            digits[place, 0], confidences[place, 0] = int(row.prediction), row.confidence
            for rank, guess in enumerate(row.alternatives, 1):
                digits[place, rank], confidences[place, rank] = int(guess.prediction), guess.confidence
    failures = {place: row.failure for place, row in enumerate(rows) if row.failure is not None}
    statuses = np.array([STATUS_CODES[row.status] for row in rows], np.uint8)
    reasons = np.array([NO_REASON if row.reason is None else REASON_CODES[row.reason] for row in rows], np.uint8)
    return Answers(statuses, digits, confidences, failures, reasons)
