"""The readers, by the value of the option ``read``."""

from __future__ import annotations

from typing import Any

from digitmill.readers.base import Reader
from digitmill.readers.digit import DigitReader
from digitmill.readers.form import FormReader
from digitmill.readers.number import NumberReader

READERS: dict[str, Reader[Any]] = {reader.name: reader for reader in (DigitReader(), NumberReader(), FormReader())}


def reader_of(read: str) -> Reader[Any]:
    """Raises KeyError where this release has no such reader."""
    return READERS[read]
