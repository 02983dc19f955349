"""How callers of a job store learn that a job has changed, or ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from digitmill.domain.jobs import Job


@dataclass(frozen=True, slots=True)
class FirstChunk:
    """A job, the row index of each chunk's first image, and the packed entries and rows (or None) of chunk 0."""

    job: Job
    starts: Sequence[int]
    entries: bytes
    rows: bytes | None


class CompletionWaiter(ABC):
    """Wakes a caller when a job ends. It may come late, or not at all after a failure: look at the job as well."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Sleep until the job ends, or ``seconds`` have passed; True when it has probably ended."""

    @abstractmethod
    def first_chunk(self) -> FirstChunk | None:
        """The job as it ended, where the news of that brought it along; else open the job."""

    @abstractmethod
    def close(self) -> None:
        """Nobody waits any more."""


class Subscription(ABC):
    """Wakes a caller when a job changes."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Sleep until the job changes, or ``seconds`` have passed; True when it changed."""

    @abstractmethod
    def close(self) -> None:
        """Nobody waits any more."""
