"""Names of files in a zip to train with."""

from __future__ import annotations

LONGEST_NAME = 60


def path_of(index: int, name: str, more: str = "") -> str:
    """Of the image of this row: no other row has it, and it has letters, digits, ``.``, ``_`` and ``-`` alone. ``more``
    stands at its end."""
    base = name.replace("\\", "/").rpartition("/")[2]
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in base)
    return f"images/{index:06d}-{safe[-LONGEST_NAME:].strip('.')}{more}"
