"""``digitmill submit --watch``: a folder into which a scanner or a person drops scans. Each is sent once.

A file is sent when it has not changed for some seconds, under an Idempotency-Key made of its name, its bytes, the time
of its last change and the options: whatever ends this program, at whatever instant, the next start sends it again and
gets the same job. When the job is final its rows lie in ``done/`` as CSV, and only then the file is moved beside them;
what is refused goes to ``failed/`` with a text that says why. So what lies in the folder is what is still to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from digitmill.cli.gathering import is_scan
from digitmill.cli.terminal import say, summary
from digitmill.client import Busy, Client, ClientError, Job, Unauthorized, Unreachable
from digitmill.errors import BadOptions
from digitmill.uploads.names import is_litter

LOOK_SECONDS = 2.0
STILL_SECONDS = 5.0
"""A file that has not changed for so long is whole: scanners write page after page."""
AT_ONCE = 50
"""So many files are sent before the first of them is waited for."""

State = tuple[int, int]
"""Size, and time of the last change in ns."""


def watch_drops(client: Client, folder: Path, options: Mapping[str, Any]) -> None:
    """Send what comes into the folder, until interrupted. Raises BadOptions, Unauthorized and OSError."""
    drops = DropFolder(client, folder, options)
    say(f"Watching {folder}. Rows come into {drops.done}, what is refused into {drops.failed}; Ctrl-C ends it.")
    while True:
        drops.look()
        time.sleep(LOOK_SECONDS)


class DropFolder:
    """``now`` tells the seconds by which a file is taken to be whole."""

    def __init__(
        self, client: Client, folder: Path, options: Mapping[str, Any], now: Callable[[], float] = time.monotonic
    ) -> None:
        if not folder.is_dir():
            raise BadOptions(f"There is no folder {folder} to watch.")
        self._client = client
        self._folder = folder
        self._options = {name: value for name, value in options.items() if value is not None}
        self._now = now
        self._seen: dict[str, tuple[State, float]] = {}
        self._litter: set[str] = set()
        self._told: set[str] = set()
        self._unread: set[str] = set()
        """Names of files that could not be read: they come last, so that the others are sent whatever they are."""
        self.done, self.failed = folder / "done", folder / "failed"
        self.done.mkdir(exist_ok=True)
        self.failed.mkdir(exist_ok=True)

    def look(self) -> None:
        """Send what is whole by now, and bring it to its end. A service that does not answer is asked at the next look.

        Raises:
            Unauthorized: the key is not valid.
        """
        sent = [(path, job) for path in self._whole() if (job := self._sent(path)) is not None]
        for path, job in sent:
            try:
                self._finish(path, self._client.wait(job.id))
            except (Busy, Unreachable) as error:
                say(f"{error.detail} {path.name} stays until the service answers.")

    def _whole(self) -> list[Path]:
        """The first files, by name, that have not changed for STILL_SECONDS."""
        seen: dict[str, tuple[State, float]] = {}
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if is_litter(entry.name):
                    self._pass_over(entry.name)
                elif (state := _state_of(entry)) is not None:
                    before = self._seen.get(entry.name)
                    seen[entry.name] = before if before and before[0] == state else (state, self._now())
                elif entry.is_dir():
                    if entry.name not in (self.done.name, self.failed.name):
                        self._tell(f"The folder {entry.name} is not looked into: drop files right into {self._folder}.")
                else:
                    self._tell(f"{entry.name} is no file, or a link to one that is not there: it is not sent.")
        self._seen = seen
        self._unread &= seen.keys()
        still = self._now() - STILL_SECONDS
        whole = [name for name, (_, since) in seen.items() if since <= still]
        for name in whole:
            if not seen[name][0][0]:
                self._tell(f"{name} is empty: it is sent when something is written to it.")
        full = sorted((name in self._unread, name) for name in whole if seen[name][0][0])
        return [self._folder / name for _, name in full[:AT_ONCE]]

    def _tell(self, sentence: str) -> None:
        """Say it once."""
        if sentence not in self._told:
            self._told.add(sentence)
            say(sentence)

    def _pass_over(self, name: str) -> None:
        if name not in self._litter:
            self._litter.add(name)
            say(f"Skipped {name}: hidden and system files are not sent ({len(self._litter):,} so far).")

    def _sent(self, path: Path) -> Job | None:
        try:
            if not is_scan(path):
                self._refuse(path, "This file is no image, and no archive of images.")
                return None
            before = _state(path)
            job = self._client.submit([path], **self._options, idempotency_key=self._key(path, before))
            if _state(path) != before:
                # it grew after all: it is sent again, when it is whole, under another key
                self._client.delete(job.id)
                return None
            return job
        except FileNotFoundError:
            return None  # somebody took it away
        except (Busy, Unreachable) as error:
            say(f"{error.detail} {path.name} stays until the service answers.")
        except Unauthorized:
            raise
        except ClientError as error:
            self._refuse(path, error.detail)
        except OSError as error:
            self._unread.add(path.name)
            self._tell(f"{path.name} cannot be read or moved ({error.strerror}): it stays.")
        return None

    def _key(self, path: Path, state: State) -> str:
        said = hashlib.sha256(json.dumps([path.name, state, self._options], sort_keys=True).encode())
        with path.open("rb") as file:
            said.update(hashlib.file_digest(file, "sha256").digest())
        return said.hexdigest()

    def _finish(self, path: Path, job: Job) -> None:
        say(f"{path.name}: {summary(job)}")
        if job.state != "completed":
            self._refuse(path, job.error.detail if job.error is not None else f"Job {job.id} was {job.state}.")
            return
        place = _free(self.done, path.name)
        # before the file is moved: as long as it lies here, it is not done
        self._client.results_csv(job.id, place.with_name(f"{place.name}.csv"))
        _move(path, place)

    def _refuse(self, path: Path, reason: str) -> None:
        place = _free(self.failed, path.name)
        place.with_name(f"{place.name}.txt").write_text(f"{reason}\n", encoding="utf-8", errors="replace")
        _move(path, place)
        say(f"{path.name} went to failed/: {reason}")


def _state(path: Path) -> State:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _state_of(entry: os.DirEntry[str]) -> State | None:
    """None of what is no file, or no longer there."""
    try:
        return _state(Path(entry.path)) if entry.is_file() else None
    except FileNotFoundError:
        return None


def _free(folder: Path, name: str) -> Path:
    """A path in the folder that no other file has."""
    place, number = folder / name, 1
    while place.exists():
        number += 1
        place = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
    return place


def _move(path: Path, place: Path) -> None:
    try:
        path.rename(place)
    except FileNotFoundError:
        say(f"{path.name} was taken away before it could be moved to {place.parent.name}/.")
