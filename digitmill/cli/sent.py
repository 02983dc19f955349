"""``digitmill submit --state FILE``: what was sent before, and done, is not sent again. For nightly runs.

The file has one JSON document a line, each true from then on:

    {"key": K, "options": {…}, "files": [[SHA-256, name], …]}    these are about to be sent as one job, under this
                                                                  Idempotency-Key
    {"key": K, "job": ID}                                        they were accepted
    {"key": K, "over": true}                                     their rows are written, and they are not sent again
    {"key": K, "over": false}                                    the job came to nothing, and they are to be sent again

A run that is killed at whatever instant leaves the next one enough to go on: what was about to be sent is sent under
its key again, which gives the same job for a day, and what was accepted is followed. A file is known by its name and
its content, so that one that is sent under another name has a row of that name.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from digitmill.cli.gathering import Files
from digitmill.errors import BadOptions

Known = tuple[str, str]
"""SHA-256 of a file, in hex, and its name."""


@dataclass
class Batch:
    """Files that are one job; ``job`` is its id once it was accepted."""

    key: str
    options: Mapping[str, Any]
    files: tuple[Known, ...]
    job: str | None = None
    over: bool | None = None
    paths: dict[Known, Path] = field(default_factory=dict)
    """Where those lie that were met in this run."""

    @property
    def found(self) -> Files:
        return [(each[1], self.paths[each]) for each in self.files if each in self.paths]


class Sent:
    """What the state file tells. One run at a time has it: see ``opened``."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._batches: dict[str, Batch] = {}
        self._digests: dict[tuple[str, Path], str] = {}
        self._read(path)

    def accepted(self) -> list[Batch]:
        """Batches whose jobs are not over, in the order in which they were sent."""
        return [batch for batch in self._batches.values() if batch.job is not None and batch.over is None]

    def new(self, options: Mapping[str, Any], files: Iterable[tuple[str, Path]]) -> list[tuple[str, Path]]:
        """Those of the files that no run has sent; what one was about to send with these options is ``unsent``."""
        new = list(self._unknown(options, files))
        for batch in self._batches.values():
            # some of it is gone, or was changed: what is left is sent anew
            if batch.paths and batch.job is None and batch.over is None and set(batch.paths) != set(batch.files):
                self.note_over(batch, done=False)
                new += batch.found
        return new

    def _unknown(self, options: Mapping[str, Any], files: Iterable[tuple[str, Path]]) -> Iterator[tuple[str, Path]]:
        known = {each: batch for batch in self._batches.values() if batch.over is not False for each in batch.files}
        options = _plain(options)
        for name, path in files:
            each = (_digest(path), name)
            self._digests[name, path] = each[0]
            batch = known.get(each)
            if batch is not None and (batch.job is not None or batch.options == options):
                batch.paths[each] = path
                continue
            yield name, path

    def unsent(self) -> list[Batch]:
        """What a run was about to send, and is all still there."""
        return [batch for batch in self._batches.values() if batch.paths and batch.job is None and batch.over is None]

    def begin(self, options: Mapping[str, Any], files: Files) -> Batch:
        """Note that these files, which are ``new``, are about to be sent."""
        paths = {(self._digests[name, path], name): path for name, path in files}
        batch = Batch(uuid.uuid4().hex, _plain(options), tuple(paths), paths=paths)
        self._write({"key": batch.key, "options": batch.options, "files": batch.files})
        self._batches[batch.key] = batch
        return batch

    def note_job(self, batch: Batch, job_id: str) -> None:
        batch.job = job_id
        self._write({"key": batch.key, "job": job_id})

    def note_over(self, batch: Batch, *, done: bool) -> None:
        batch.over = done
        self._write({"key": batch.key, "over": done})

    def _read(self, path: Path) -> None:
        *lines, rest = self._file.read().split(b"\n")
        for number, line in enumerate(lines, start=1):
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise BadOptions(
                    f"Line {number} of {path} is none of a state file: give another as --state."
                ) from error
        # a run that was killed while it wrote: of what it wrote nothing was true yet
        if rest:
            self._file.seek(-len(rest), os.SEEK_END)
            self._file.truncate()

    def _take(self, said: Mapping[str, Any]) -> None:
        if "files" in said:
            files = tuple((digest, name) for digest, name in said["files"])
            self._batches[said["key"]] = Batch(said["key"], said["options"], files)
        elif "job" in said:
            self._batches[said["key"]].job = said["job"]
        else:
            self._batches[said["key"]].over = bool(said["over"])

    def _write(self, said: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(said, separators=(",", ":")).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def opened(path: Path) -> Iterator[Sent]:
    """
    Raises:
        BadOptions: another run has the file, or it is no state file.
        OSError: it cannot be read or written.
    """
    # Windows has none, and runs the other commands
    import fcntl  # noqa: PLC0415

    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadOptions(f"Another run has {path}: wait for it, or give another file as --state.") from error
        file.seek(0)
        yield Sent(file, path)


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """As they come back from the file."""
    given: dict[str, Any] = json.loads(
        json.dumps({name: value for name, value in options.items() if value is not None})
    )
    return given


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
