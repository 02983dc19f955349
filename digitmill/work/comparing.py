"""What rows tell of two models that are compared: counted chunk by chunk."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.columns import STATUS_CODES
from digitmill.domain.rows import RowStatus
from digitmill.store.base import Claim
from digitmill.store.rows import Answers

MOST_EXAMPLES = 20
"""Of one chunk."""


def counted(answers: Answers) -> dict[str, int]:
    """Of one model: images, and how many of each status."""
    found = {status: number for status, number in answers.counts.statuses.items() if number}
    return {"images": answers.images, "chunks": 1} | found


def sureness(answers: Answers) -> NDArray[np.float32]:
    """The confidences of the best guesses, of the values that have one."""
    values = answers.values
    best: NDArray[np.float32] = values.confidences[values.codes[:, 0] < len(values.texts), 0]
    return best


def compared(claim: Claim, answers: Answers, shadow: Answers) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """How the answers of a shadow differ from those that count, of a chunk of images with one value each, and the rows
    that differ most: where both were sure of different texts, then where the status is another."""
    own, other = _texts(answers), _texts(shadow)
    accepted, accepted_too = _accepted(answers), _accepted(shadow)
    read = np.array([text is not None or also is not None for text, also in zip(own, other, strict=True)], np.bool_)
    differs = np.array([text != also for text, also in zip(own, other, strict=True)], np.bool_)
    both = accepted & accepted_too
    counts = {
        "images": len(own),
        "chunks": 1,
        "read": int(read.sum()),
        "same": int((read & ~differs).sum()),
        "accepted": int(accepted.sum()),
        "shadow_accepted": int(accepted_too.sum()),
        "both_accepted": int(both.sum()),
        "both_accepted_differ": int((both & differs).sum()),
    }
    worst = [
        *np.flatnonzero(both & differs),
        *np.flatnonzero(differs & ~both),
        *np.flatnonzero(accepted ^ accepted_too),
    ]
    places = list(dict.fromkeys(int(place) for place in worst))[:MOST_EXAMPLES]
    return counts, [_example(claim, place, answers, shadow) for place in places]


def _example(claim: Claim, place: int, answers: Answers, shadow: Answers) -> dict[str, Any]:
    return {
        "job": claim.job.id,
        "index": claim.first + place,
        "prediction": _texts(answers)[place],
        "confidence": _confidence(answers, place),
        "shadow_prediction": _texts(shadow)[place],
        "shadow_confidence": _confidence(shadow, place),
    }


def _texts(answers: Answers) -> list[str | None]:
    texts = [*answers.values.texts, None]
    return [texts[code] for code in answers.values.codes[:, 0].tolist()]


def _confidence(answers: Answers, place: int) -> float:
    return round(float(answers.values.confidences[place, 0]), 4)


def _accepted(answers: Answers) -> NDArray[np.bool_]:
    return np.asarray(answers.values.statuses == STATUS_CODES[RowStatus.RECOGNIZED])
