"""Words and progress for people go to standard error; standard output carries data alone."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from digitmill.client import Job

SKIPPED_SHOWN = 3


def say(sentence: str) -> None:
    """One line for the user, free of the control characters that a file's name may bring."""
    sys.stderr.write("\n".join(printable(line) for line in sentence.split("\n")) + "\n")
    sys.stderr.flush()


def printable(text: str) -> str:
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


class ProgressBar:
    """A bar for the upload, then one for the rows; nothing where standard error is no terminal."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}% {task.fields[detail]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._upload: TaskID | None = None
        self._rows: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def upload(self, sent: int, total: int) -> None:
        if self._upload is None:
            self._upload = self._progress.add_task("Uploading", detail="")
        detail = f"of {total / 1e6:,.1f} MB"
        self._progress.update(self._upload, completed=sent, total=total, detail=detail)

    def job(self, job: Job) -> None:
        if self._rows is None:
            self._rows = self._progress.add_task("Reading", detail="")
        detail = f"{job.counts.done:,} of {job.counts.total:,} images, {job.state}"
        self._progress.update(self._rows, completed=job.counts.done, total=job.counts.total, detail=detail)


def summary(job: Job) -> str:
    """A finished job in a sentence."""
    counts = job.counts
    if job.state == "failed" and job.error is not None:
        return f"Job {job.id} failed: {job.error.detail}"
    such = f" ({', '.join(job.skipped[:SKIPPED_SHOWN])}{'…' if counts.skipped > SKIPPED_SHOWN else ''})"
    skipped = f", {counts.skipped:,} files skipped{such if job.skipped else ''}" if counts.skipped else ""
    return (
        f"Job {job.id} is {job.state}: {counts.done:,} of {counts.total:,} images read, {counts.recognized:,} "
        f"recognized, {counts.review:,} to review, {counts.blank:,} blank, {counts.failed:,} failed{skipped}."
    )
