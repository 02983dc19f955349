"""The sets of a job's pages as a field of its hash, and back."""

from __future__ import annotations

import json
from typing import Any

from digitmill.domain.sets import Fault, FormSets, Order, Scan, Sets, Starts


def sets_text(sets: Sets) -> str:
    """As JSON: ``[[form, …], [fault, …]]``, each with its parts in their order."""
    forms = [
        [
            each.form,
            dict(each.pages),
            dict(each.templates),
            each.order.value,
            each.sets,
            each.incomplete,
            each.missing,
            each.faulty,
            each.starts,
            each.kept,
        ]
        for each in sets.forms
    ]
    return json.dumps([forms, sets.faults], ensure_ascii=False, separators=(",", ":"))


def sets_in(text: bytes) -> Sets:
    """Of what ``sets_text`` made."""
    forms, faults = json.loads(text)
    return Sets(tuple(map(_form, forms)), tuple(map(_fault, faults)))


def _form(packed: list[Any]) -> FormSets:
    form, pages, templates, order, sets, incomplete, missing, faulty, starts, kept = packed
    counts = {int(page): scans for page, scans in pages.items()}
    runs = tuple(Starts(*run) for run in starts)
    return FormSets(form, counts, templates, Order(order), sets, incomplete, missing, faulty, runs, kept)


def _fault(packed: list[Any]) -> Fault:
    form, number, sets, missing, doubled, in_order, first, last, unread = packed
    scans = tuple(Scan(*scan) for scan in unread)
    return Fault(form, number, sets, tuple(missing), tuple(doubled), in_order, Scan(*first), Scan(*last), scans)
