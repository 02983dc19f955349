"""What of a job decides when it is worked on."""

from __future__ import annotations

from enum import StrEnum


class Priority(StrEnum):
    """Which of one owner's jobs come first. Owners have the same share, whatever the priorities of their jobs."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"
    """nobody waits for it: it is bulk work, however few images it has"""


class QueueName(StrEnum):
    """Interactive work (a few images, somebody waits) never stands behind bulk work."""

    INTERACTIVE = "interactive"
    BULK = "bulk"
