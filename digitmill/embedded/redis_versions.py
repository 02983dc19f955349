"""Which Redis made the data of a folder, and which of this machine's can read it.

Redis reads what an earlier version wrote, and not what a later one did; before 7.0 it does not even find that, and
starts empty. Valkey reads what Redis up to 7.2 wrote, and Redis nothing of Valkey's.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from digitmill.errors import CannotStart

LAST_REDIS_FOR_VALKEY = (7, 2)
HEAD_BYTES = 256
_WRITTEN_BY = re.compile(rb"(valkey|redis)-ver[\x00-\x3f](\d+)\.(\d+)")
_ANSWER = re.compile(r"(Valkey|Redis) server v=(\d+)\.(\d+)")


class Version(NamedTuple):
    """``number`` is (major, minor)."""

    name: str
    number: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.name.title()} {self.number[0]}.{self.number[1]}"

    def reads(self, made_by: Version) -> bool:
        if self.name == made_by.name:
            return self.number >= made_by.number
        return self.name == "valkey" and made_by.number <= LAST_REDIS_FOR_VALKEY


def fitting(folder: Path, binaries: Sequence[str]) -> tuple[str, str | None]:
    """The first program that can read the data in ``folder``, and what to say where it is not the first of all.

    Raises:
        CannotStart: none can.
    """
    made_by = maker(folder)
    if made_by is None:
        return binaries[0], None
    versions = [(binary, version_of(binary)) for binary in binaries]
    usual = versions[0][1]
    for binary, version in versions:
        # what does not tell its version is left to find out by itself
        if version is None or version.reads(made_by):
            told = (
                f"The data in {folder} was made by {made_by}, which {usual} cannot read; {version or binary} is used."
            )
            return binary, None if binary == binaries[0] else told
    there = ", ".join(str(version) for _, version in versions)
    raise CannotStart(
        f"The data in {folder} was made by {made_by}, which no Redis of this machine can read ({there}). Install "
        f"{made_by} or a later one, or set DIGITMILL_VAR to another folder to begin again."
    )


def maker(folder: Path) -> Version | None:
    """What wrote the data in ``folder`` last as a whole; None where there is none, or any version can read it."""
    bases = sorted((folder / "appendonlydir").glob("*.base.rdb"), key=lambda path: path.stat().st_mtime)
    files = bases or [path for path in [folder / "appendonly.aof"] if path.exists()]
    if not files:
        return None
    with files[-1].open("rb") as file:
        found = _WRITTEN_BY.search(file.read(HEAD_BYTES))
    return None if found is None else Version(found[1].decode(), (int(found[2]), int(found[3])))


def version_of(binary: str) -> Version | None:
    """None where it does not tell."""
    command = [binary, "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 (found on PATH)
    found = _ANSWER.search(answer.stdout)
    return None if found is None else Version(found[1].lower(), (int(found[2]), int(found[3])))
