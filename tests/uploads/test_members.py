"""Reading one entry: the promised bytes exactly, or a failure that says why."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from digitmill.domain.planned import Entry, Packing
from digitmill.domain.rows import Failure
from digitmill.errors import FailureCode, ItemFailure
from digitmill.uploads.members import read_member
from tests.archives import Crafted, bad_members, craft, lying_bomb
from tests.uploads.planning import Planned, plan_zip


def failure_of(planned: Planned, entry: Entry) -> FailureCode | None:
    try:
        planned.read(entry)
    except ItemFailure as failure:
        return failure.failure
    return None


def test_bad_members_cost_their_own_row_only(tmp_path: Path) -> None:
    data, expected = bad_members(b"image bytes, many of them: " * 20)
    planned = plan_zip(tmp_path, data)
    assert planned.names == list(expected)
    found = {entry.name: failure_of(planned, entry) for entry in planned.entries}
    for_the_decoder = {"words.png", "hidden.png"}
    assert found == {name: None if name in for_the_decoder else code for name, code in expected.items()}


@pytest.mark.parametrize(
    ("member", "sentence"),
    [
        (Crafted(name="a.png", data=b"abc", crc=5), "checksum"),
        (Crafted(name="a.png", data=b"abc", deflated=False, crc=5), "checksum"),
        (Crafted(name="a.png", data=b"abc", size=2), "more bytes"),
        (Crafted(name="a.png", data=b"abc", size=4), "fewer bytes"),
        (Crafted(name="a.png", data=b"abc", deflated=False, size=400), "fewer bytes"),
        (Crafted(name="a.png", data=b"abc", packed=b"\xff\xff\xff"), "cannot be unpacked"),
        (Crafted(name="a.png", data=b"abc", packed=b"\x00\x03\x00\xfc\xffabc"), "end is missing"),
        (Crafted(name="a.png", data=b"abc", method=0), "different compressions"),
    ],
)
def test_damage_is_told_in_words(tmp_path: Path, member: Crafted, sentence: str) -> None:
    planned = plan_zip(tmp_path, craft([member]))
    with pytest.raises(ItemFailure, match=sentence) as caught:
        planned.read(planned.entries[0])
    assert caught.value.failure is FailureCode.CORRUPT_MEMBER


def test_an_encrypted_member_is_found_by_its_local_header_too(tmp_path: Path) -> None:
    data = bytearray(craft([Crafted(name="a.png", data=b"abc")]))
    data[6] |= 1
    planned = plan_zip(tmp_path, bytes(data))
    assert failure_of(planned, planned.entries[0]) is FailureCode.ENCRYPTED_MEMBER


def test_a_header_that_is_not_there_is_corrupt() -> None:
    entry = Entry("a.png", 0, 40, 3, Packing.STORED, 0)
    for data in (b"", b"PK\x03\x04", bytes(40)):
        with pytest.raises(ItemFailure, match="header"):
            read_member(memoryview(data), entry, 100)


def test_a_bomb_whose_directory_lies_unpacks_one_byte_more_than_promised(tmp_path: Path) -> None:
    planned = plan_zip(tmp_path, lying_bomb(unpacked=100_000_000, promised=1000))
    (entry,) = planned.entries
    assert entry.size == 1000
    tracemalloc.start()
    with pytest.raises(ItemFailure, match="more bytes than the 1,000 promised"):
        planned.read(entry)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 500_000  # the packed bytes are 97 kB


def test_no_more_than_the_readers_limit_is_unpacked() -> None:
    entry = Entry("a.png", 0, 3, 3)
    assert read_member(memoryview(b"abc"), entry, 3) == b"abc"
    with pytest.raises(ItemFailure) as caught:
        read_member(memoryview(b"abc"), entry, 2)
    assert caught.value.failure is FailureCode.MEMBER_TOO_LARGE


def test_a_loose_file_cut_short_in_the_store_is_corrupt() -> None:
    with pytest.raises(ItemFailure, match="fewer bytes"):
        read_member(memoryview(b"ab"), Entry("a.png", 0, 3, 3), 10)


def test_a_refused_entry_is_answered_without_a_look_at_its_bytes() -> None:
    refused = Failure(FailureCode.NESTED_ARCHIVE, "Unpack it.")
    with pytest.raises(ItemFailure, match="Unpack it") as caught:
        read_member(memoryview(b""), Entry("a.zip", 0, 3, 3, refused=refused), 10)
    assert caught.value.failure is FailureCode.NESTED_ARCHIVE
