"""The document of the sets of a job: which pages of a form belong together, and what is wrong with them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from digitmill.domain import sets
from digitmill.domain.page_documents import Count

Number = Annotated[int, Field(ge=1)]


class PageScans(TypedDict):
    """How many `scans` there are of a `page` of a form."""

    page: Number
    scans: Count


class FormSets(TypedDict):
    """The sets of one form. `pages` are those that the job has templates for. The pages of a set come from the first to
    the last (`forward`) or the other way round (`reversed`); where they are `loose`, it cannot be told which belong
    together, and there are 0 sets. `missing_pages` are lacked by `incomplete` sets; of `faulty` ones a page is missing,
    there twice, or not in order."""

    name: str
    pages: list[PageScans]
    order: Literal["forward", "reversed", "loose"]
    sets: Count
    incomplete: Count
    missing_pages: Count
    faulty: Count


class SetScan(TypedDict):
    """A scan, by the `index` and the `name` of its row."""

    index: Count
    name: str


class SetFault(TypedDict):
    """What is wrong with the set of this number, or with so many `sets` from it on: pages that are `missing` or
    `doubled`, by their numbers, or not `in_order`. The sets reach from the `first` scan to the `last`; `unread` are the
    first 3 scans about there that were not read, any of which may be a missing page."""

    form: str
    set: Number
    sets: Number
    missing: list[Number]
    doubled: list[Number]
    in_order: bool
    first: SetScan
    last: SetScan
    unread: list[SetScan]


class Sets(TypedDict):
    """Of a completed job with templates of several pages of a form: the sets that its pages make, and their first 50
    `faults`."""

    forms: list[FormSets]
    faults: list[SetFault]


def sets_document(found: sets.Sets) -> Sets:
    return {
        "forms": [
            {
                "name": each.form,
                "pages": [{"page": page, "scans": scans} for page, scans in each.pages.items()],
                "order": each.order.value,
                "sets": each.sets,
                "incomplete": each.incomplete,
                "missing_pages": each.missing,
                "faulty": each.faulty,
            }
            for each in found.forms
        ],
        "faults": [
            {
                "form": fault.form,
                "set": fault.number,
                "sets": fault.sets,
                "missing": list(fault.missing),
                "doubled": list(fault.doubled),
                "in_order": fault.in_order,
                "first": _scan(fault.first),
                "last": _scan(fault.last),
                "unread": [_scan(scan) for scan in fault.unread],
            }
            for fault in found.faults
        ],
    }


def _scan(scan: sets.Scan) -> SetScan:
    return {"index": scan.row, "name": scan.name}
