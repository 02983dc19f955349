"""What people say of images and fields, and when they said it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class VerdictStatus(StrEnum):
    """What a person may say that an image is. ``not_a_digit`` is ink that is no digit: a letter, a smudge."""

    RECOGNIZED = "recognized"
    BLANK = "blank"
    NOT_A_DIGIT = "not_a_digit"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a person says that an image shows: ``prediction`` is the text where it is recognized, else None."""

    status: VerdictStatus
    prediction: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What one of the people who enter a value has said. ``by`` and ``name`` are as in a Revision."""

    verdict: Verdict
    by: str
    at: float
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """One change of a row by a person. ``number`` counts the row's changes from 1; ``verdict`` None takes back what
    was said before; ``by`` is the id of the key that sent it, and ``name`` what that key is called: None where no key
    was asked, or where nobody looked it up."""

    number: int
    verdict: Verdict | None
    by: str
    at: float
    name: str | None = None
    entries: Sequence[Entry] = ()
    """Where two people enter a value: what they have said since it was last settled, and nobody has the last word."""
    hidden: bool = False
    """Somebody has said something, and nobody is told what until another has, too."""
