"""The roles of workers."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """Which workers take a job. A trainer has TensorFlow, and takes nothing else than what needs a trainer."""

    READER = "reader"
    TRAINER = "trainer"
