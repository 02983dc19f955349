"""Where answers are written: to a path, whole or not at all, or to an open file."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TypeAlias

Output: TypeAlias = str | os.PathLike[str] | BinaryIO


@contextmanager
def opened(out: Output) -> Iterator[BinaryIO]:
    """A path gets its file in one move, when the ``with`` block ends well."""
    if not isinstance(out, (str, os.PathLike)):
        yield out
        return
    path = Path(out)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
