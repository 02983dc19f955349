"""What a job of form pages tells of pages that were sent twice, and of those that belong together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Copy:
    """The page in row ``index`` shows what row ``of`` shows: the "picture", or the "writing", is the ``same``."""

    index: int
    of: int
    same: str


@dataclass(frozen=True, slots=True)
class FormSets:
    """The sets of a form of several pages: the pages of one filled-in copy are a set. ``pages`` are numbers of pages,
    and how many scans there are of each. The ``order`` is forward, reversed or loose: then it cannot be told which
    pages belong together, and there are 0 ``sets``. ``missing_pages`` are lacked by the ``incomplete`` ones; of
    ``faulty`` ones a page is missing, there twice, or not in order."""

    name: str
    pages: Mapping[int, int]
    order: str
    sets: int
    incomplete: int
    missing_pages: int
    faulty: int

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            name=document["name"],
            pages={int(each["page"]): int(each["scans"]) for each in document["pages"]},
            order=document["order"],
            sets=int(document["sets"]),
            incomplete=int(document["incomplete"]),
            missing_pages=int(document["missing_pages"]),
            faulty=int(document["faulty"]),
        )


@dataclass(frozen=True, slots=True)
class SetScan:
    """A scan, by the ``index`` and the ``name`` of its row."""

    index: int
    name: str

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(int(document["index"]), document["name"])


@dataclass(frozen=True, slots=True)
class SetFault:
    """What is wrong with set ``number`` of a form, or with so many ``sets`` from it on, which reach from the ``first``
    scan to the ``last``. ``missing`` and ``doubled`` are numbers of pages; ``unread`` scans may be missing pages."""

    form: str
    number: int
    sets: int
    missing: tuple[int, ...]
    doubled: tuple[int, ...]
    in_order: bool
    first: SetScan
    last: SetScan
    unread: tuple[SetScan, ...]

    @classmethod
    def read(cls, document: Document) -> Self:
        return cls(
            form=document["form"],
            number=int(document["set"]),
            sets=int(document["sets"]),
            missing=tuple(document["missing"]),
            doubled=tuple(document["doubled"]),
            in_order=bool(document["in_order"]),
            first=SetScan.read(document["first"]),
            last=SetScan.read(document["last"]),
            unread=tuple(SetScan.read(scan) for scan in document["unread"]),
        )


@dataclass(frozen=True, slots=True)
class Sets:
    """Those of each form of several pages, and the first 50 faults of all of them."""

    forms: tuple[FormSets, ...]
    faults: tuple[SetFault, ...]

    @classmethod
    def read(cls, document: Document) -> Self:
        forms = tuple(FormSets.read(each) for each in document["forms"])
        return cls(forms, tuple(SetFault.read(each) for each in document["faults"]))
