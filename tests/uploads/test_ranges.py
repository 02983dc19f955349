"""The ranges of a blob that a chunk's entries need."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from digitmill.domain.planned import Entry
from digitmill.domain.rows import Failure
from digitmill.errors import FailureCode
from digitmill.uploads.ranges import LARGEST_GAP, Range, ranges
from tests.archives import zip_of
from tests.uploads.planning import plan_of


def at(offset: int, span: int) -> Entry:
    return Entry("a.png", offset, span, span)


def test_a_chunk_of_an_ordinary_zip_is_one_range(tmp_path: Path) -> None:
    members = {"folder/": b"", "__MACOSX/._a": bytes(4000)} | {f"{number}.png": b"x" for number in range(100)}
    planned = plan_of(tmp_path, ("a.zip", zip_of(members)), ("b.png", b"b"))
    (found,) = ranges(planned.entries)
    assert found.positions == tuple(range(101))


def test_far_apart_entries_are_read_apart() -> None:
    entries = [at(0, 10), at(10 + LARGEST_GAP, 10), at(21 + 2 * LARGEST_GAP, 10)]
    assert ranges(entries) == [
        Range(0, LARGEST_GAP + 20, (0, 1)),
        Range(2 * LARGEST_GAP + 21, 2 * LARGEST_GAP + 31, (2,)),
    ]


def test_refused_entries_are_not_read() -> None:
    refused = Entry("a.zip", 50, 10, 10, refused=Failure(FailureCode.NESTED_ARCHIVE, ""))
    assert ranges([refused]) == []
    assert ranges([at(0, 10), refused]) == [Range(0, 10, (0,))]


def test_pages_of_one_file_share_its_range() -> None:
    assert ranges([at(5, 10), at(5, 10)]) == [Range(5, 15, (0, 1))]


@settings(deadline=None)
@given(st.lists(st.builds(at, st.integers(0, 10**6), st.integers(1, 10**5)), max_size=50))
def test_every_entry_lies_in_one_range_and_little_is_read_for_nothing(entries: list[Entry]) -> None:
    found = ranges(entries)
    assert sorted(position for one in found for position in one.positions) == list(range(len(entries)))
    for one in found:
        for position in one.positions:
            assert one.start <= entries[position].offset
            assert entries[position].offset + entries[position].span <= one.end
    assert all(before.end < after.start for before, after in pairwise(found))
    allowed = sum(entry.span + LARGEST_GAP for entry in entries)
    assert sum(one.end - one.start for one in found) <= allowed
