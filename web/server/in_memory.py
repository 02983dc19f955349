"""A folder whose files are never written to a disk, for what web processes share by memory."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path("/dev/shm")  # noqa: S108 (what is made there has a name that nobody can foretell)


def folder_in_memory() -> str | None:
    """Where Linux has it; None elsewhere, and where it may not be written, for the usual folder of temporary files."""
    return str(FOLDER) if FOLDER.is_dir() and os.access(FOLDER, os.W_OK | os.X_OK) else None
