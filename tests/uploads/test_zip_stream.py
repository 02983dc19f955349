"""Zips that are written as they are sent, read by the standard library."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from digitmill.uploads.zip_stream import ZipStream

names = st.text(st.characters(codec="utf-8", exclude_characters="\0/\\"), min_size=1, max_size=30)


def zipped(members: Iterable[tuple[str, bytes]]) -> bytes:
    stream = ZipStream()
    pieces = [piece for name, content in members for piece in stream.add(name, content)]
    return b"".join([*pieces, *stream.end()])


@given(st.dictionaries(names, st.binary(max_size=300), max_size=10))
def test_what_is_written_reads_back(members: dict[str, bytes]) -> None:
    archive = zipfile.ZipFile(io.BytesIO(zipped(members.items())))
    assert archive.testzip() is None
    assert {info.filename: archive.read(info) for info in archive.infolist()} == members
    assert archive.namelist() == list(members)


def test_a_member_may_be_a_file() -> None:
    content = bytes(range(256)) * 3000
    file = io.BytesIO(content)
    file.seek(100)
    stream = ZipStream()
    data = b"".join([*stream.add("a", file), *stream.end()])
    assert zipfile.ZipFile(io.BytesIO(data)).read("a") == content


def test_the_same_members_make_the_same_zip() -> None:
    assert zipped([("a", b"1"), ("b", b"2")]) == zipped([("a", b"1"), ("b", b"2")])


def test_more_members_than_an_old_zip_holds_can_be_read() -> None:
    for count in (65_534, 65_535, 65_536):
        archive = zipfile.ZipFile(io.BytesIO(zipped((str(n), b"") for n in range(count))))
        assert len(archive.namelist()) == count
        assert archive.read(str(count - 1)) == b""


def test_a_member_behind_four_gigabytes_can_be_read(tmp_path: Path) -> None:
    stream = ZipStream()
    before = (1 << 32) + 5
    with (tmp_path / "large.zip").open("wb") as file:
        file.writelines(stream.add("near", b"first"))
        # as if so many bytes had been sent: a hole in the file takes no space
        stream._offset = before
        file.seek(before)
        file.writelines(stream.add("far", b"second"))
        file.writelines(stream.end())
    with zipfile.ZipFile(tmp_path / "large.zip") as archive:
        assert (archive.read("near"), archive.read("far")) == (b"first", b"second")


def test_memory_does_not_grow_with_the_members() -> None:
    stream = ZipStream()
    tracemalloc.start()
    try:
        for number in range(60_000):
            for _ in stream.add(f"images/{number:06d}-a-name-of-some-length.png", b"x" * 300):
                pass
        for _ in stream.end():
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 << 20
