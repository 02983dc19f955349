"""Which models are given to jobs: the history of defaults, canaries, shadows, and the models that are retired.

All of it is one file beside the published models; which model is the default says the file ``default``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Annotated, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from digitmill.errors import ModelRejected

FILE = "releases.json"
MOST_CHANGES = 1000
"""Of the history; the oldest go."""
FRESH_SECONDS = 1.0

_log = logging.getLogger(__name__)

Share = Annotated[float, Field(gt=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DefaultChange(_Frozen):
    """That jobs which name no model get another one. ``before`` is the label of the default until then, ``by`` the id
    of the key; None where it was not done through the service."""

    reads: str
    model: str
    before: str | None
    action: Literal["default", "roll_back"]
    at: AwareDatetime
    by: str | None = None


class Trial(_Frozen):
    """A model on trial: of the jobs that name no model a ``share`` gets it as a canary, or has it as a shadow, whose
    answers do not count. ``against`` is the label of the default when it began."""

    model: str
    against: str
    share: Share
    at: AwareDatetime
    by: str | None = None

    def tally(self, side: Literal["canary", "default", "shadow"]) -> str:
        """The name of the counts of its jobs on this side; another trial of the same models has others."""
        return f"{side}:{self.model}:{self.against}:{int(self.at.timestamp())}"


class Releases(_Frozen):
    """``canaries`` and ``shadows`` by what the models read; ``retired`` are labels; ``history`` is oldest first."""

    history: tuple[DefaultChange, ...] = ()
    canaries: dict[str, Trial] = Field(default_factory=dict)
    shadows: dict[str, Trial] = Field(default_factory=dict)
    retired: tuple[str, ...] = ()

    def before(self, reads: str, default: str) -> str | None:
        """The label of what was the default before ``default`` became it; None where that is not known."""
        for change in reversed(self.history):
            if change.reads == reads and change.model == default and change.action == "default":
                return change.before
        return None


class Files(Protocol):
    def read(self, path: str) -> bytes | None: ...

    def write(self, path: str, content: bytes) -> None: ...


class ReleaseFile:
    def __init__(self, files: Files) -> None:
        self._files = files
        self._read: tuple[Releases, float] | None = None

    def read(self, *, now: bool = False) -> Releases:
        """As of the last second, or of ``now``. A broken file is logged, and counts as none: jobs go on."""
        if self._read is not None and not now and time.monotonic() - self._read[1] < FRESH_SECONDS:
            return self._read[0]
        try:
            found = self._present()
        except ModelRejected as error:
            _log.warning("%s", error.detail)
            found = Releases()
        self._read = found, time.monotonic()
        return found

    def change(self, change: Callable[[Releases], Releases]) -> Releases:
        """Write what ``change`` makes of the present one; one caller at a time. Raises ModelRejected where the file is
        broken."""
        changed = change(self._present())
        changed = changed.model_copy(update={"history": changed.history[-MOST_CHANGES:]})
        self._files.write(FILE, f"{changed.model_dump_json(indent=1)}\n".encode())
        self._read = changed, time.monotonic()
        return changed

    def _present(self) -> Releases:
        content = self._files.read(FILE)
        try:
            return Releases() if content is None else Releases.model_validate_json(content)
        except ValidationError as error:
            raise ModelRejected(
                f"The file {FILE} beside the published models is broken. Restore it, or remove it: then there is no "
                "canary, no shadow, no retired model and no history."
            ) from error
