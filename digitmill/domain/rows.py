"""Rows, the answers for images, and the values in them, as frozen types.

Probabilities are floats from 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from digitmill.domain.form_page import FormPage
from digitmill.domain.sets import Place
from digitmill.domain.verdicts import Revision, Verdict
from digitmill.errors import FailureCode

DIGITS = "0123456789"
"""What an image may be read as. Every model's classes begin with them, in this order; what follows is a kind."""

WORKED = "worked"
"""What a unit of work counts as that is no image: kinds of work that read none have such units."""

DIGIT, NUMBER, FORM = "digit", "number", "form"
"""The readers of images that show one digit each, of strips that show a number each, and of form pages."""

PLAIN = ""
"""The name of the one field of an image that has no named fields."""

KINDS = ("blank", "cross", "dash", "struck_out", "several", "circled", "other")
"""What else a picture may be: a model has any of these classes behind the digits."""


class RowStatus(StrEnum):
    """``review`` is a value whose confidence lies below the job's threshold.

    Packed rows name a status by its place here, so a new one comes last.
    """

    RECOGNIZED = "recognized"
    REVIEW = "review"
    BLANK = "blank"
    FAILED = "failed"


COUNTED: tuple[str, ...] = (*RowStatus, WORKED)
"""The names under which a job's units are counted when they are done."""


class Reason(StrEnum):
    """Why a row, or a field of a form page, is to review. From ``cross`` to ``blank`` they are ``KINDS``: what the
    model takes the picture for. Those after them belong to fields. Packed rows name a reason by its place here, so a
    new one comes last."""

    UNSURE = "unsure"
    """a digit under the threshold"""
    CUT_OFF = "cut_off"
    """a digit under the threshold whose picture may lack a part of it, or which ink was taken out of"""
    CROSS = "cross"
    DASH = "dash"
    STRUCK_OUT = "struck_out"
    SEVERAL = "several"
    """more than one digit"""
    CIRCLED = "circled"
    OTHER = "other"
    """a letter, a scribble, a stamp"""
    BLANK = "blank"
    """nothing, but not surely"""
    LENGTH = "length"
    """more digits than the template allows, or fewer, or a digit beside its boxes"""
    GAP = "gap"
    """a box without a digit between others, or on the side where none may be left out"""
    DISPLACED = "displaced"
    """the field's print is not where the page's is"""
    UNREAD = "unread"
    """no reader here reads this kind of field"""
    CHECK = "check"
    """a check of the template does not hold"""
    CRITICAL = "critical"
    """the template has two people enter it, however sure the model is"""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one image got no answer, in a code and in a sentence."""

    code: FailureCode
    detail: str


@dataclass(frozen=True, slots=True)
class Guess:
    prediction: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Part:
    """One character of a value: ``box`` is left, top, right and bottom in pixels of the decoded image, right and bottom
    exclusive; ``guesses`` come best first."""

    box: tuple[int, int, int, int]
    guesses: tuple[Guess, ...]


class Value(NamedTuple):
    """What was read at one place: in an image without named fields, or in one field.

    ``text`` None: nothing was read. ``confidence`` is the probability, 0.0 to 1.0, that ``text`` is right. ``reason``
    belongs to values to review.
    """

    text: str | None
    status: RowStatus
    confidence: float | None = None
    alternatives: tuple[Guess, ...] = ()
    reason: Reason | None = None
    parts: tuple[Part, ...] = ()


class Address(NamedTuple):
    """Where a value lies in a job: the index of the image's row, and the field."""

    image: int
    field: str = PLAIN


class Row(NamedTuple):
    """The answer for one image. Exactly one exists for every accepted image of a completed job.

    A tuple for the same reason as an Entry. All but ``revision`` is the model's own answer and never changes;
    ``revision`` is the last change by a person. ``reason`` belongs to rows to review; it is None in those stored before
    there were reasons. ``parts`` are the characters of the text, where the reader tells them. An image with named
    fields has its values in ``fields``, by their names in their order, and no ``prediction`` of its own; ``revisions``
    are the last changes of these by a person. ``page`` is that of a form that was registered; ``copy_of`` the row of
    this job that shows the same page, and what is the same of them, as a Copy has it; ``place`` which page of a form of
    several pages it is.
    """

    index: int  # type: ignore[assignment]  # a tuple's method of that name is not needed here
    name: str
    status: RowStatus
    prediction: str | None = None
    confidence: float | None = None
    alternatives: tuple[Guess, ...] = ()
    failure: Failure | None = None
    revision: Revision | None = None
    reason: Reason | None = None
    parts: tuple[Part, ...] = ()
    fields: Mapping[str, Value] | None = None
    revisions: Mapping[str, Revision] = MappingProxyType({})
    page: FormPage | None = None
    copy_of: tuple[int, str] | None = None
    place: Place | None = None

    @property
    def verdict(self) -> Verdict | None:
        """What a person has the last word with, if anybody has."""
        return self.revision.verdict if self.revision is not None else None

    @property
    def corrected(self) -> bool:
        """Whether a person has the last word on it, or on one of its fields."""
        return self.verdict is not None or any(last.verdict is not None for last in self.revisions.values())
