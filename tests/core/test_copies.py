"""Pages that were sent twice are told, and no others."""

from __future__ import annotations

import numpy as np
import pytest

from digitmill.domain.form_page import FormPage
from digitmill.domain.jobs import Copies, Copy
from digitmill.domain.rows import Row, RowStatus, Value
from digitmill.forms.sketch import LEAST_CELLS
from digitmill.jobs import copies
from digitmill.jobs.copies import PICTURE, WRITING, copies_in

CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
BYTES = 60


def sketch(seed: int, cells: int = 2 * LEAST_CELLS, changed: int = 0) -> bytes:
    """So many cells with ink, drawn by chance, of which some lie elsewhere than in that of the same seed."""
    order = np.random.default_rng(seed).permutation(8 * BYTES)
    bits = np.zeros(8 * BYTES, np.uint8)
    bits[order[changed : cells + changed]] = 1
    return np.packbits(bits).tobytes()


def page(
    index: int, digest: str, drawn: bytes, value: Value | None = None, template: str = "tally@1", **fields: Value
) -> Row:
    said = {"male": value or Value("17", RowStatus.RECOGNIZED, 0.99), **fields}
    found = FormPage(template, "print", 1.0, CORNERS, {}, (), digest, drawn)
    return Row(index, f"{index}.png", RowStatus.RECOGNIZED, fields=said, page=found)


def told(*rows: Row) -> list[Copy]:
    return list(copies_in(rows).runs)


def test_the_same_picture_and_another_picture_of_a_sheet_are_copies_of_the_first() -> None:
    rows = [
        page(0, "a", sketch(1)),
        page(1, "b", sketch(2)),
        page(2, "c", sketch(1, changed=5)),
        page(3, "b", sketch(2)),
        page(4, "c", sketch(1, changed=5)),
        page(5, "d", sketch(3)),
    ]
    assert told(*rows) == [Copy(2, 0, 1, WRITING), Copy(3, 1, 2, PICTURE)]


def test_a_batch_that_was_sent_twice_is_one_run() -> None:
    batch = [page(index, str(index % 30), sketch(index % 30)) for index in range(60)]
    found = copies_in(batch)
    assert found == Copies(30, (Copy(30, 0, 30, PICTURE),))
    assert [found.of(index) for index in (0, 29, 30, 59, 60)] == [None, None, (0, PICTURE), (29, PICTURE), None]


def test_all_copies_are_counted_and_the_first_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST_RUNS", 2)
    rows = [page(index, str(index), sketch(index)) for index in range(4)]
    again = [page(4 + place, str(of), sketch(of)) for place, of in enumerate((3, 1, 2, 0))]
    found = copies_in([*rows, *again])
    assert (found.pages, found.runs) == (4, (Copy(4, 3, 1, PICTURE), Copy(5, 1, 2, PICTURE)))


UNSURE = Value("71", RowStatus.REVIEW, 0.5)
OTHER = Value("71", RowStatus.RECOGNIZED, 0.99)


@pytest.mark.parametrize(
    "other",
    [
        page(1, "b", sketch(1, changed=40)),
        page(1, "b", sketch(1), OTHER),
        page(1, "b", sketch(1), Value(None, RowStatus.BLANK)),
        page(1, "b", sketch(1), template="tally@2"),
        page(1, "", sketch(1)),
    ],
    ids=["other ink", "another sure value", "surely empty", "another template", "from before there were sketches"],
)
def test_other_pages_are_no_copies(other: Row) -> None:
    assert told(page(0, "a", sketch(1)), other) == []


def test_a_value_that_is_not_sure_on_one_of_them_says_nothing() -> None:
    assert told(page(0, "a", sketch(1)), page(1, "b", sketch(1), UNSURE)) == [Copy(1, 0, 1, WRITING)]


def test_too_little_ink_tells_nothing_but_the_same_picture_does() -> None:
    little = sketch(1, LEAST_CELLS - 1)
    assert told(page(0, "a", little), page(1, "b", little), page(2, "a", little)) == [Copy(2, 0, 1, PICTURE)]


def test_writing_is_compared_with_so_many_pages_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "MOST_COMPARED", 100)
    between = [page(index, str(index), sketch(index)) for index in range(1, 101)]
    assert told(page(0, "0", sketch(0)), *between, page(101, "x", sketch(0))) == []
    assert told(page(0, "0", sketch(0)), *between[:99], page(100, "x", sketch(0))) == [Copy(100, 0, 1, WRITING)]
