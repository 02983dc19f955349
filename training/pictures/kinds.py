"""The kinds of pictures that are not one digit, and the labels that name them.

A label, uint8, is 0 to 9 for a digit, 10 for what is no digit and has no kind of its own (``other``), ``KIND`` + k for
kind k, and ``INSIDE`` + 10 k + d for kind k about the digit d. Classes are numbered without gaps: digits, then kinds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS

KINDS = ("blank", "cross", "dash", "struck_out", "several", "circled", "other")
OTHER = len(DIGITS)
KIND, INSIDE = 20, 32
SEEN_INSIDE = 0.1
"""What the digit within a struck out or circled picture is given: it becomes the guess, and is never accepted."""


def label_of(kind: str, inside: int | None = None) -> int:
    """The label of ``kind``, with the digit ``inside`` where one can be seen."""
    number = KINDS.index(kind)
    if inside is not None:
        return INSIDE + 10 * number + inside
    return OTHER if kind == "other" else KIND + number


def _table() -> NDArray[np.float32]:
    targets = np.zeros((256, len(DIGITS) + len(KINDS)), np.float32)
    targets[np.arange(len(DIGITS)), np.arange(len(DIGITS))] = 1
    for number, kind in enumerate(KINDS):
        column = len(DIGITS) + number
        targets[label_of(kind), column] = 1
        for digit in range(len(DIGITS)):
            label = label_of(kind, digit)
            targets[label, column], targets[label, digit] = 1 - SEEN_INSIDE, SEEN_INSIDE
    return targets


_TARGETS = _table()


def targets(labels: NDArray[np.uint8], classes: int) -> NDArray[np.float32]:
    """What a network of so many ``classes`` shall answer: float32 [n, classes].

    A network that knows one class beside the digits has all kinds in it.
    """
    wanted = _TARGETS[labels]
    if classes == len(DIGITS) + 1:
        wanted = np.hstack((wanted[:, : len(DIGITS)], wanted[:, len(DIGITS) :].sum(axis=1, keepdims=True)))
    return wanted[:, :classes]


def classes_of_labels(labels: NDArray[np.uint8], classes: int = len(DIGITS) + len(KINDS)) -> NDArray[np.intp]:
    """The number of the class of each label: [n]."""
    own: NDArray[np.intp] = _TARGETS[labels].argmax(axis=1)
    return np.minimum(own, len(DIGITS), dtype=np.intp) if classes <= len(DIGITS) + 1 else own
