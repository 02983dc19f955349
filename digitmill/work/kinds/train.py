"""Trainings: one long chunk, worked on by a process of its own that brings TensorFlow (``training/job.py``).

What an epoch leaves is stored as two blobs of the job, ``run_blob`` and ``model_blob``, before the epoch is noted. So
whoever takes the chunk up after this process goes on from the last epoch, and what was noted is noted as it was.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from digitmill import programs
from digitmill.domain.jobs import Counts, ModelReference, Problem
from digitmill.domain.roles import Role
from digitmill.domain.rows import WORKED
from digitmill.errors import FailureCode, ModelError, NotFound, TrainingError
from digitmill.models.manifest import MANIFEST_FILE
from digitmill.networks.task import BASE_FILE, TASK_FILE, Task
from digitmill.store.base import Claim, Done
from digitmill.store.blobs import model_blob, run_blob, upload_of
from digitmill.work.kinds.base import Failed, Held, Kind, Outcome

TRAIN = "train"
FOLDER = Path("cache", "trainings")
"""Under VAR: a folder for each training under way."""
LOCK = "lock"
BLOCK_BYTES = 8 << 20
GRACE_SECONDS = 600.0
"""Past the time of a training its process may take so long to measure what it has; then it hangs."""
NOTED, HISTORY, MODEL, CHECKPOINT = "noted.json", "training_history.json", "model.keras", "checkpoint-*.keras"

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "2"}
"""TensorFlow tells of its processor at every start."""


class Train(Kind):
    name = TRAIN
    role = Role.TRAINER

    def run(self, claims: Sequence[Claim], held: Held) -> Iterator[Outcome]:
        for claim in claims:
            try:
                yield self._trained(claim, held)
            except NotFound as error:
                yield Failed(claim, Problem("upload_lost", error.detail))
            except (TrainingError, ModelError) as error:
                yield Failed(claim, Problem(error.code, error.detail))

    def _trained(self, claim: Claim, held: Held) -> Done:
        task = Task.model_validate_json(claim.entries)
        with self._folder() as folder:
            held.begin()
            held.during(lambda: self._lay_out(claim, task, folder))
            finished = _noted(folder)
            held.progress(claim, len(finished), _notes(finished))
            spent = sum(epoch["seconds"] for epoch in finished)
            task = task.model_copy(update={"seconds": task.seconds - spent})
            (folder / TASK_FILE).write_text(task.model_dump_json())
            report = self._followed(claim, held, folder, max(0.0, task.seconds) + GRACE_SECONDS)
        return Done(claim, json.dumps(report).encode(), Counts(task.epochs, Counter({WORKED: task.epochs})))

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        parent = self.tools.settings.var / FOLDER
        parent.mkdir(parents=True, exist_ok=True)
        _clear(parent)
        folder = Path(tempfile.mkdtemp(dir=parent))
        with (folder / LOCK).open("wb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def _lay_out(self, claim: Claim, task: Task, folder: Path) -> None:
        """What the epochs before left, the labelled images that were sent, and the model that is improved."""
        with suppress(NotFound):
            saved = folder / "run.zip"
            _copy(lambda start, end: self.tools.blobs.read(run_blob(claim.job.id), start, end), saved)
            with zipfile.ZipFile(saved) as archive:
                archive.extractall(folder)
            saved.unlink()
        if task.zips:
            read = upload_of(claim.job, self.tools.store, self.tools.blobs)
            for sent, name in zip(task.zips, task.files, strict=True):
                _copy(read, folder / name, sent.start, sent.start + sent.length)
        if task.improves is not None:
            base = ModelReference(**task.improves.model_dump())
            (folder / MANIFEST_FILE).write_text(self.tools.registry.exact(base).to_json())
            shutil.copyfile(self.tools.registry.path(base), folder / BASE_FILE)

    def _followed(self, claim: Claim, held: Held, folder: Path, seconds: float) -> dict[str, Any]:
        """The report of the process that trains, whose epochs are kept and noted as they come.

        Raises:
            Interrupted: the job is over, or this process is to end.
            TrainingError: it cannot be trained, or was not over in time.
        """
        done = 0
        every = self.tools.settings.lease_seconds / 3
        with _Process(folder) as process:
            while (waited := process.waited) < seconds:
                kind, content = process.next(every)
                if kind == "report":
                    if (folder / MODEL).exists():
                        # an improvement may have gone back a part of its way
                        held.during(lambda: self._keep(claim.job.id, folder))
                    return dict(content)
                if kind == "failed":
                    raise TrainingError(content["detail"])
                if kind == "epoch":
                    done = content["epoch"]
                    (folder / NOTED).write_text(json.dumps([*_noted(folder), content]))
                    held.during(lambda: self._keep(claim.job.id, folder))
                    held.progress(claim, done, _notes([content]))
                    held.not_in_vain(claim)
                    process.answer()
                elif kind == "begun":
                    done = content["finished"]
                    held.progress(claim, done)
                else:
                    held.progress(claim, done)
        raise TrainingError(f"The training did not end within {waited:.0f} s. Take fewer images, epochs or weights.")

    def _keep(self, job_id: str, folder: Path) -> None:
        packed = folder / "run.zip"
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted((folder / NOTED, folder / HISTORY, folder / MODEL, *folder.glob(CHECKPOINT))):
                archive.write(path, path.name)
        self.tools.blobs.put(run_blob(job_id), packed)
        copy = folder / "copy.keras"
        shutil.copyfile(folder / MODEL, copy)
        self.tools.blobs.put(model_blob(job_id), copy)

    def given_up(self, claim: Claim) -> Outcome:
        detail = (
            f"Gave up: {claim.attempt - 1} processes in a row ended before they had finished an epoch; the trainer's "
            "log tells of them. It may have too little memory: take fewer weights, or a smaller batch."
        )
        return Failed(claim, Problem(FailureCode.PROCESSING_FAILED, detail))


class _Process:
    """``python -m training.job``; it ends with the block, and with this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: queue.Queue[bytes] = queue.Queue()
        self.waited = 0.0

    def __enter__(self) -> _Process:
        command = [sys.executable, "-P", "-m", "training.job", str(self._folder)]
        self._process = subprocess.Popen(  # noqa: S603 (the command is our own)
            command, env=programs.environment({**QUIET, **os.environ}), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._reader.join()
        # closes its pipes, too
        self._process.__exit__(None, None, None)

    def next(self, seconds: float) -> tuple[str, Any]:
        """What it says next, or ("", None) after so many seconds. Raises RuntimeError where it has died."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            self.waited += seconds
            return "", None
        if not line:
            raise RuntimeError(f"the process that trains ended with exit status {self._process.wait()}")
        ((kind, content),) = json.loads(line).items()
        return kind, content

    def answer(self) -> None:
        """Let it go on."""
        stdin = self._process.stdin
        if stdin is not None:
            with suppress(BrokenPipeError):
                stdin.write(b"\n")
                stdin.flush()

    def _read(self, out: IO[bytes]) -> None:
        for line in out:
            self._lines.put(line)
        self._lines.put(b"")


def _clear(parent: Path) -> None:
    """Remove the folders of trainings whose worker was killed: nobody holds their lock."""
    for lock in parent.glob(f"*/{LOCK}"):
        with suppress(OSError), lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


def _copy(read: Any, target: Path, start: int = 0, end: int | None = None) -> None:
    with target.open("wb") as out:
        while True:
            last = start + BLOCK_BYTES if end is None else min(start + BLOCK_BYTES, end)
            block = read(start, last)
            out.write(block)
            start += len(block)
            if not block or start == end:
                return


def _noted(folder: Path) -> list[dict[str, float]]:
    """The epochs that are finished, as they are told."""
    path = folder / NOTED
    return list(json.loads(path.read_bytes())) if path.exists() else []


def _notes(epochs: Sequence[dict[str, float]]) -> Mapping[str, bytes]:
    """Each by its number, so that one that is noted twice is there once."""
    return {str(epoch["epoch"]): json.dumps(epoch).encode() for epoch in epochs}


def epochs_of(notes: Mapping[str, bytes]) -> list[dict[str, float]]:
    """The finished epochs of a training, in order, by what was noted of it."""
    return [json.loads(notes[name]) for name in sorted(notes, key=int)]
