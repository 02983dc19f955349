"""The pages of a form are parted into sets, and what is wrong with these is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from digitmill.domain.form_page import FormPage
from digitmill.domain.rows import Row, RowStatus
from digitmill.domain.sets import Fault, FormSets, Order, Scan, Sets
from digitmill.jobs import sets
from digitmill.jobs.sets import PageOf, Piles
from digitmill.store.set_records import sets_in, sets_text

CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
UNREAD, OTHER = "x", "o"
"""A scan that was not read, and a page of a form of one page."""


def rows_of(batch: str) -> Iterator[Row]:
    """``1 2a`` is page 1 of the form, and page 2 of the form a."""
    for index, word in enumerate(batch.split()):
        page = FormPage(f"{word[1:] or 'tally'}-{word[0]}@1", "print", 1.0, CORNERS, {})
        failed = word == UNREAD
        status = RowStatus.FAILED if failed else RowStatus.RECOGNIZED
        yield Row(index, f"{index}.png", status, page=None if failed else page)


def told(batch: str, pages: int = 2, copies: tuple[int, ...] = (), other: int = 0) -> Sets:
    forms = {"tally": pages, **({"a": other} if other else {})}
    templates = {
        f"{form}-{number}@1": PageOf(form, of, number) for form, of in forms.items() for number in range(1, of + 1)
    }
    piles = Piles(templates)
    list(piles.watched(rows_of(batch)))
    piles.mark_copies(lambda row: row in copies)
    return piles.sets(lambda rows: {row: f"{row}.png" for row in rows})


def scan(row: int) -> Scan:
    return Scan(row, f"{row}.png")


def fault(number: int, first: int, last: int, **more: object) -> Fault:
    usual = {"sets": 1, "missing": (), "doubled": (), "in_order": True, "unread": (), "form": "tally"}
    return Fault(number=number, first=scan(first), last=scan(last), **{**usual, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("batch", "pages", "expected"),
    [
        ("1 2 1 2 1 2", 2, []),
        ("1 2 1 1 2", 2, [fault(2, 2, 2, missing=(2,))]),
        ("1 2 2 1 2", 2, [fault(2, 2, 2, missing=(1,))]),
        ("1 2 1 2 1", 2, [fault(3, 4, 4, missing=(2,))]),
        ("2 1 2 1 2", 2, [fault(1, 0, 0, missing=(1,))]),
        ("1 2 2 1 1 2", 2, [fault(2, 2, 3, in_order=False)]),
        ("1 2 3 1 3 1 2 3", 3, [fault(2, 3, 4, missing=(2,))]),
        ("1 2 3 2 3 1 2 3", 3, [fault(2, 3, 4, missing=(1,))]),
        ("1 2 3 1 1 2 3", 3, [fault(2, 3, 3, missing=(2, 3))]),
        ("1 2 3 1 3 2 1 2 3", 3, [fault(2, 3, 5, in_order=False)]),
        ("1 2 2 3 1 2 3", 3, [fault(1, 0, 3, doubled=(2,))]),
        ("1 2 1 1 1 2 1 2 1 2 1 2", 2, [fault(2, 2, 3, sets=2, missing=(2,))]),
        ("1 2 o 1 o 2 o", 2, []),
    ],
)
def test_what_is_wrong_with_a_set_is_told_with_its_scans(batch: str, pages: int, expected: list[Fault]) -> None:
    found = told(batch, pages)
    assert list(found.faults) == expected
    (form,) = found.forms
    assert form.order is Order.FORWARD
    assert (form.incomplete, form.missing) == (
        sum(each.sets for each in expected if each.missing),
        sum(each.sets * len(each.missing) for each in expected),
    )


@pytest.mark.parametrize(
    ("batch", "unread"),
    [
        ("1 2 1 x 1 2", (3,)),
        ("1 2 x 2 1 2", (2,)),
        ("1 2 1 2 1 x x", (5, 6)),
        ("x 2 1 2", (0,)),
        ("1 x 2 x 1 x x 1 x 2 x 1 2", (5, 6)),
        ("1 x 2 x 2 x 1 x 2 x 1 2", (3,)),
        ("1 3 x 1 x 3 x 1 2 3", (4,)),
        ("2 1 " * 6 + "x 1 x 2 1", (12,)),
        ("x 3 1 x 1 2 3", (0, 3)),
        ("x 1 2 1 1 2 x", ()),
    ],
)
def test_a_missing_page_may_be_a_scan_about_there_that_was_not_read(batch: str, unread: tuple[int, ...]) -> None:
    only = told(batch, int(max(batch.replace(UNREAD, "")))).faults[-1]
    assert only.unread == tuple(map(scan, unread))


@pytest.mark.parametrize("batch", ["1 x 2 x 1 x 2 x", "1 2 x x 1 2", "x x"])
def test_scans_that_were_not_read_between_whole_sets_are_no_fault(batch: str) -> None:
    assert told(batch).faults == ()


@pytest.mark.parametrize(
    "batch",
    [
        "1 1 1 1 1 2 2 2 2 2",
        "1 1 1 1 1 2 2 2 2",
        "1 1 2 2",
        "1 1 1 2 2",
        "2 2 2 1 1 1",
        "1 1 1 1 1 1 2",
        "1 3 1 3 1 3 2 4 2 4 2 4",
        "1 3 1 3 1 3 4 2 4 2 4 2",
    ],
)
def test_pages_that_do_not_come_set_by_set_are_told_of_once(batch: str) -> None:
    found = told(batch, int(max(batch)))
    (form,) = found.forms
    assert (form.order, form.sets, form.missing, found.faults) == (Order.LOOSE, 0, 0, ())
    assert form.pages == {number: batch.count(str(number)) for number in form.pages}
    assert found.of(0, "tally-1@1") == ("tally", 1, None)


def test_the_same_page_missing_in_all_sets_is_one_fault() -> None:
    assert told("1 1 1 1 1").faults == (fault(1, 0, 4, sets=5, missing=(2,)),)


def test_a_pile_from_behind_is_told_of_by_its_order() -> None:
    found = told("2 1 " * 6 + "2 " + "2 1 " * 6)
    (form,) = found.forms
    assert (form.order, form.sets) == (Order.REVERSED, 13)
    assert found.faults == (fault(7, 12, 12, missing=(1,)),)


def test_pages_of_two_forms_may_be_mixed() -> None:
    found = told("1 1a 2 2a 1 3a 1a 2 2a 1 2", other=3)
    assert [(form.form, form.sets, form.missing) for form in found.forms] == [("tally", 3, 0), ("a", 2, 1)]
    assert found.faults == (fault(2, 6, 8, missing=(3,), form="a"),)
    assert [found.of(row, "tally-2@1") for row in (2, 7, 10)] == [("tally", 2, number) for number in (1, 2, 3)]
    assert found.of(5, "a-3@1") == ("a", 3, 1)
    assert found.of(5, "other@1") is None


def test_forms_with_one_template_in_the_job_are_not_told_of() -> None:
    piles = Piles({"tally-1@1": PageOf("tally", 2, 1), "a-2@1": PageOf("a", 3, 2)})
    assert not piles


def test_a_page_that_is_told_as_a_copy_is_no_fault() -> None:
    assert told("1 1 2 1 2", copies=(1,)).faults == ()
    # an empty second page, the same in all sets, is needed in each of them
    found = told("1 2 1 2 1 2 1 2", copies=(3, 5, 7))
    assert (found.faults, found.forms[0].sets) == ((), 4)


def numbers_of(found: Sets, rows: int) -> list[int | None]:
    return [place and place.number for place in (found.of(row, "tally-1@1") for row in range(rows))]


def test_each_page_of_a_job_belongs_to_the_set_that_is_told() -> None:
    found = told("1 2 x 1 2 1 1 2 2 1 2", copies=(8,))
    assert numbers_of(found, 11) == [1, 1, 1, 2, 2, 3, 4, 4, 4, 5, 5]


def test_sets_are_counted_where_their_beginnings_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sets, "MOST_RUNS", 2)
    monkeypatch.setattr(sets, "MOST_FAULTS", 1)
    found = told("1 2 1 1 2 1 2 1 1 2 1 2 1 2")
    assert numbers_of(found, 14) == [1, 1, 2, 3, 3, 4, 4, 5, *[None] * 6]
    assert (found.forms[0].sets, found.forms[0].missing, len(found.faults)) == (8, 2, 1)


def test_what_is_kept_of_sets_comes_back() -> None:
    found = told("1 2 x 1 1 2 2 1 1a 3a", other=3)
    assert sets_in(sets_text(found).encode()) == found
    assert sets_in(sets_text(Sets()).encode()) == Sets()
    assert isinstance(found.forms[0], FormSets)
