"""Sets: the pages that one filled-in copy of a form of several pages consists of, as a job has them one behind another.

Sets of a form are counted from 1, in the order of the job's rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Order(StrEnum):
    """How the pages of a form come: set by set from the first page to the last or ``reversed``, or ``loose``: nobody
    can tell which belong together, as where all fronts were scanned before all backs."""

    FORWARD = "forward"
    REVERSED = "reversed"
    LOOSE = "loose"


class Scan(NamedTuple):
    """The row of a scan, and its name."""

    row: int
    name: str


class Fault(NamedTuple):
    """What is wrong with a set, or with so many ``sets`` one behind the other.

    ``missing`` and ``doubled`` are numbers of pages. ``first`` and ``last`` are the outermost scans of these sets;
    ``unread`` are scans about there that were not read, so that a missing page may be one of them.
    """

    form: str
    number: int
    sets: int
    missing: tuple[int, ...]
    doubled: tuple[int, ...]
    in_order: bool
    first: Scan
    last: Scan
    unread: tuple[Scan, ...] = ()


class Starts(NamedTuple):
    """So many sets from ``number`` on, of which the first begins at ``row``, and each other one ``step`` rows behind
    the one before."""

    row: int
    step: int
    sets: int
    number: int


@dataclass(frozen=True, slots=True)
class FormSets:
    """The sets of one form in a job.

    Attributes:
        pages: how many scans there are of each page of the form that the job has a template for.
        templates: the number of the page, by the labels of these templates.
        sets, incomplete, missing: how many there are, how many lack pages, and how many pages; 0 where they are loose.
        faulty: sets in which pages are missing, doubled or not in order.
        starts: where they begin; of the last ones it may not be kept.
        kept: so many rows from 0 on are in a set that is known.
    """

    form: str
    pages: Mapping[int, int]
    templates: Mapping[str, int]
    order: Order
    sets: int = 0
    incomplete: int = 0
    missing: int = 0
    faulty: int = 0
    starts: tuple[Starts, ...] = ()
    kept: int = 0

    def set_of(self, row: int) -> int | None:
        """The number of the set to which a page of this form in this row belongs."""
        place = bisect_right(self.starts, row, key=lambda run: run.row) - 1
        if place < 0 or row >= self.kept:
            return None
        run = self.starts[place]
        return run.number + min((row - run.row) // run.step, run.sets - 1)


class Place(NamedTuple):
    """Which page of which form a row shows, and in which set; None where that cannot be told."""

    form: str
    page: int
    number: int | None


@dataclass(frozen=True, slots=True)
class Sets:
    """Those of all forms of several pages in a job, and the first faults."""

    forms: tuple[FormSets, ...] = ()
    faults: tuple[Fault, ...] = ()

    def of(self, row: int, template: str) -> Place | None:
        """Of a page of this template; None where its form has no other page in this job."""
        for each in self.forms:
            if template in each.templates:
                return Place(each.form, each.templates[template], each.set_of(row))
        return None
