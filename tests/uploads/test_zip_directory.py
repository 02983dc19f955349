"""Our reader of zip directories against the standard library's, and against zips that lie."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import IO, NamedTuple, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitmill.errors import CorruptArchive, TooManyImages
from digitmill.uploads.zip_directory import ZipDirectory
from tests.archives import Crafted, craft, unicode_path_extra, zip64_extra, zip_of


class Member(NamedTuple):
    """A row of Members' columns."""

    name: str
    offset: int
    span: int
    size: int
    compressed: int
    crc: int
    method: int
    encrypted: bool
    overlaps: bool
    link: bool


def members_of(data: bytes, start: int = 0, max_members: int = 1000) -> list[Member]:
    runs = ZipDirectory(io.BytesIO(data), start, len(data) - start, max_members).members()
    return [
        Member(*row)
        for run in runs
        for row in zip(run.names, *(getattr(run, field.name).tolist() for field in fields(run)[1:]), strict=True)
    ]


@dataclass(frozen=True)
class Written:
    name: str
    data: bytes
    method: int
    zip64: bool
    comment: bytes


class _Unseekable(io.RawIOBase):
    """A stream as a web server has one: zipfile writes data descriptors into it."""

    def __init__(self) -> None:
        self.written = bytearray()

    def write(self, block: bytes) -> int:  # type: ignore[override]
        self.written += block
        return len(block)

    def writable(self) -> bool:
        return True


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
methods = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
writings = st.builds(Written, names, st.binary(max_size=200), methods, st.booleans(), st.binary(max_size=20))


def write_zip(members: Sequence[Written], comment: bytes, *, seekable: bool) -> bytes:
    target = io.BytesIO() if seekable else _Unseekable()
    with warnings.catch_warnings(), zipfile.ZipFile(cast(IO[bytes], target), "w") as archive:
        warnings.simplefilter("ignore", UserWarning)
        for member in members:
            info = zipfile.ZipInfo(member.name)
            info.compress_type, info.comment = member.method, member.comment
            with archive.open(info, "w", force_zip64=member.zip64) as file:
                file.write(member.data)
        archive.comment = comment
    return target.getvalue() if isinstance(target, io.BytesIO) else bytes(target.written)


# zipfile cannot read its own archives when their comment has a signature in it; we can, see below
comments = st.binary(max_size=50).filter(lambda comment: b"PK" not in comment)


@settings(deadline=None)
@given(st.lists(writings, max_size=8), comments, st.booleans(), st.binary(max_size=50))
def test_we_find_what_zipfile_finds(writings: list[Written], comment: bytes, seekable: bool, prefix: bytes) -> None:
    data = b"#!" + prefix + write_zip(writings, comment, seekable=seekable)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        expected = [
            (i.filename, i.header_offset, i.file_size, i.compress_size, i.CRC, i.compress_type)
            for i in archive.infolist()
        ]
    members = members_of(data)
    found = [(m.name, m.offset, m.size, m.compressed, m.crc, m.method) for m in members]
    assert found == expected
    assert not any(member.encrypted or member.overlaps for member in members)
    assert all(member.offset + member.span <= len(data) for member in members)


def test_a_zip_within_a_larger_file_has_offsets_into_that_file() -> None:
    data = zip_of({"a.png": b"a", "b.png": b"b"})
    shifted = [member.offset for member in members_of(b"x" * 77 + data, start=77)]
    assert shifted == [77 + member.offset for member in members_of(data)]


def test_spans_reach_to_the_next_member_and_to_the_directory() -> None:
    data = zip_of({"a.png": b"a" * 100, "b.png": b"b"}, compression=zipfile.ZIP_STORED)
    first, second = members_of(data)
    assert first.offset + first.span == second.offset
    assert second.offset + second.span == data.index(b"PK\x01\x02")


def test_a_long_stretch_of_foreign_bytes_is_left_out_of_the_span() -> None:
    data = craft([Crafted(name="a.png", data=b"a"), Crafted(name="gone.png", data=bytes(500_000), deflated=False)])
    record = data.rindex(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    size, offset = struct.unpack_from("<II", data, end + 12)
    kept = size - (end - record)
    shortened = data[:record] + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, kept, offset, 0)
    (member,) = members_of(shortened)
    assert member.span < 140_000


@pytest.mark.parametrize(
    ("raw", "flags", "extra", "expected"),
    [
        (b"plain.png", 0, b"", "plain.png"),
        ("grün/é.png".encode("cp437"), 0, b"", "grün/é.png"),
        ("grün.png".encode(), 1 << 11, b"", "grün.png"),
        ("grün.png".encode(), 0, b"", "grün.png"),
        (b"bad\xff.png", 1 << 11, b"", "bad\ufffd.png"),
        (b"gr_n.png", 0, unicode_path_extra(b"gr_n.png", "grün.png"), "grün.png"),
        (b"renamed.png", 0, unicode_path_extra(b"gr_n.png", "grün.png"), "renamed.png"),
        (b"gr_n.png", 0, b"\x99\x99\x02\x00ab" + unicode_path_extra(b"gr_n.png", "ü.png"), "ü.png"),
        (b"..\\..\\etc/passwd", 0, b"", "..\\..\\etc/passwd"),
    ],
)
def test_names_are_read_as_their_writer_meant_them(raw: bytes, flags: int, extra: bytes, expected: str) -> None:
    assert members_of(craft([Crafted(name=raw, flags=flags, extra=extra)]))[0].name == expected


def test_zip64_numbers_stand_in_for_those_that_do_not_fit() -> None:
    elsewhere = 0xFFFFFFFF
    data = craft(
        [
            Crafted(name="a", data=b"first"),
            Crafted(name="b", size=elsewhere, extra=zip64_extra(10 << 30)),
            Crafted(name="c", size=elsewhere, compressed=elsewhere, offset=elsewhere, extra=zip64_extra(7, 5, 36)),
        ]
    )
    _, second, third = members_of(data)
    assert second.size == 10 << 30
    assert (third.size, third.compressed, third.offset) == (7, 5, 36)


def test_a_zip64_field_that_is_too_short_is_corrupt() -> None:
    with pytest.raises(CorruptArchive, match="entry 1"):
        members_of(craft([Crafted(name="a", size=0xFFFFFFFF, extra=zip64_extra())]))


def test_more_than_65535_members_are_read() -> None:
    plain = craft([Crafted(name=str(number), deflated=False) for number in range(70_000)])
    assert len(members_of(plain, max_members=70_000)) == 70_000  # the count is written modulo 65,536


@pytest.fixture(scope="module")
def zip64_of_70000() -> bytes:
    return zip_of({str(number): b"" for number in range(70_000)}, compression=zipfile.ZIP_STORED)


def test_a_zip64_directory_of_70000_members_is_read(zip64_of_70000: bytes) -> None:
    assert b"PK\x06\x06" in zip64_of_70000
    for prefix in (b"", b"MZ program"):
        members = members_of(prefix + zip64_of_70000, max_members=70_000)
        assert [member.name for member in members] == [str(number) for number in range(70_000)]
        assert members[1].offset == len(prefix) + 31


@pytest.mark.parametrize("before", [b"", b"#!/bin/sh\n"])
def test_an_end_record_that_does_not_say_where_the_directory_is_has_it_before_it(before: bytes) -> None:
    """As Info-ZIP ends a zip that it writes into a pipe with ``-fz``, without a zip64 end record."""
    data = bytearray(zip_of({"a.png": b"one", "b.png": b"two"}))
    struct.pack_into("<I", data, data.rfind(b"PK\x05\x06") + 16, 0xFFFFFFFF)
    directory = ZipDirectory(io.BytesIO(before + data), len(before), len(data), 10)
    assert [name for members in directory.members() for name in members.names] == ["a.png", "b.png"]


def test_the_order_is_that_of_the_directory_not_of_the_bytes() -> None:
    straight = craft([Crafted(name="a", data=b"1"), Crafted(name="b", data=b"2"), Crafted(name="c", data=b"3")])
    offsets = [member.offset for member in members_of(straight)]
    swapped = craft(
        [
            Crafted(name=name, data=data, offset=offset)
            for name, data, offset in zip("abc", (b"1", b"2", b"3"), reversed(offsets), strict=True)
        ]
    )
    members = members_of(swapped)
    assert [member.offset for member in members] == offsets[::-1]
    assert not any(member.overlaps for member in members)


def test_a_comment_may_quote_another_end_record() -> None:
    fake = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0, 0, 0, 0, 0)
    data = craft([Crafted(name="real.png", data=b"x")], comment=b"see " + fake)
    assert [member.name for member in members_of(data)] == ["real.png"]


def test_members_that_share_bytes_are_named_overlapping() -> None:
    data = craft([Crafted(name="a", data=b"1"), Crafted(name="b", data=b"2", offset=0)])
    assert [member.overlaps for member in members_of(data)] == [True, True]
    data = craft([Crafted(name="a", data=b"1", compressed=4), Crafted(name="b", data=b"2")])
    assert [member.overlaps for member in members_of(data)] == [True, False]


ONE = Crafted(name="a.png", data=b"image")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "cut off", id="nothing"),
        pytest.param(b"PK\x03\x04 and no more", "cut off", id="only a beginning"),
        pytest.param(craft([ONE])[:-1], "cut off", id="last byte gone"),
        pytest.param(craft([ONE]) + craft([ONE])[:-1], "cut off", id="a second zip that is cut off"),
        pytest.param(craft([ONE], prefix=b"#!") + b"\n", "cut off", id="bytes before and behind"),
        pytest.param(craft([ONE], count=2), "lists 1 entries where its end record says 2", id="count"),
        pytest.param(craft([ONE], directory_size=5000), "does not fit", id="size beyond the file"),
        pytest.param(craft([ONE], directory_size=10), "does not cover", id="size too small"),
        pytest.param(craft([ONE], directory_size=60), "does not fit", id="size too large"),
        pytest.param(craft([ONE], directory_offset=5000), "does not fit", id="offset beyond the file"),
        pytest.param(craft([ONE], directory_offset=1), "does not cover", id="offset too small"),
        pytest.param(craft([Crafted(name="a", offset=5000)]), "entry 1", id="member beyond the directory"),
        pytest.param(craft([ONE], disk=1), "split archive", id="a volume of several"),
        pytest.param(craft([ONE]) + craft([ONE]), "two zips", id="two in one file"),
        pytest.param(
            craft([ONE]).replace(b"\x05\x00\x00\x00\x00\x00\x00\x00", b"\x05\x00\x00\x00\x01\x00\x00\x00"),
            "entry 1",
            id="comment beyond the directory",
        ),
        pytest.param(craft([ONE, ONE]).replace(b"PK\x01\x02", b"PK\x01\x03"), "entry 1", id="signature"),
    ],
)
def test_a_damaged_directory_is_refused_with_advice(data: bytes, sentence: str) -> None:
    with pytest.raises(CorruptArchive, match=sentence) as caught:
        members_of(data)
    assert "upload" in caught.value.detail.lower()


def test_every_truncation_of_a_zip_is_refused() -> None:
    data = zip_of({"a.png": b"one", "b.png": b"two"}, comment=b"a comment")
    for length in range(len(data)):
        with pytest.raises(CorruptArchive):
            members_of(data[:length])


def test_a_zip_cut_off_behind_a_stored_zip_does_not_pass_for_that_one() -> None:
    inner = zip_of({"inner.png": b"x"})
    outer = craft([Crafted(name="a.png", data=b"y"), Crafted(name="inner.zip", data=inner, deflated=False)])
    end_of_inner = outer.index(inner) + len(inner)
    for cut in range(end_of_inner, len(outer)):
        with pytest.raises(CorruptArchive):
            members_of(outer[:cut])


def test_a_zip64_archive_of_several_volumes_is_refused(zip64_of_70000: bytes) -> None:
    data = bytearray(zip64_of_70000)
    locator = data.rindex(b"PK\x06\x07")
    data[locator + 16 : locator + 20] = (2).to_bytes(4, "little")
    with pytest.raises(CorruptArchive, match="split archive"):
        members_of(bytes(data))


def test_no_more_members_than_allowed_are_held() -> None:
    data = craft([Crafted(name=str(number)) for number in range(11)])
    assert len(members_of(data, max_members=11)) == 11
    with pytest.raises(TooManyImages, match="more than 10"):
        members_of(data, max_members=10)
