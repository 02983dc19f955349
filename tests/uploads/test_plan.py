"""Planning: every image of an upload becomes one entry, in order, cut into chunks."""

from __future__ import annotations

import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitmill.domain.planned import Entry, Packing
from digitmill.errors import (
    CorruptArchive,
    EmptyUpload,
    FailureCode,
    FieldError,
    NoImages,
    TooManyImages,
    UploadRefused,
)
from digitmill.imaging.pdf.pages import count_pages
from digitmill.settings import Settings
from digitmill.uploads.entries import OrdinaryMembers
from digitmill.uploads.limits import Limits
from digitmill.uploads.plan import Cutter, Plan, images_a_chunk
from tests.archives import Crafted, craft, overlapping_bomb, unicode_path_extra, zip64_extra, zip_of
from tests.uploads.planning import LIMITS, plan_of, plan_zip, spooled


def refusals(entries: list[Entry]) -> list[FailureCode | None]:
    return [entry.refused.code if entry.refused else None for entry in entries]


def test_loose_files_and_zips_are_planned_in_upload_order(tmp_path: Path) -> None:
    planned = plan_of(
        tmp_path,
        ("z.png", b"loose"),
        ("scans.zip", zip_of({"b.png": b"bb", "a.png": b"aa"})),
        ("y.jpg", b"last"),
    )
    assert planned.names == ["z.png", "b.png", "a.png", "y.jpg"]
    assert [planned.read(entry) for entry in planned.entries] == [b"loose", b"bb", b"aa", b"last"]
    assert planned.entries[0] == Entry("z.png", 0, 5, 5)
    assert (planned.total, planned.skipped) == (4, 0)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_member_of_a_zip_can_be_read_from_its_span(tmp_path: Path, compression: int) -> None:
    files = {f"page/{number}.png": bytes([number]) * number * 50 for number in range(1, 40)}
    planned = plan_zip(tmp_path, zip_of(files, compression=compression))
    assert {entry.name: planned.read(entry) for entry in planned.entries} == files
    expected = Packing.STORED if compression == zipfile.ZIP_STORED else Packing.DEFLATED
    assert {entry.packing for entry in planned.entries} == {expected}


def test_data_descriptors_prefixes_and_odd_names_do_not_hinder_reading(tmp_path: Path) -> None:
    raw = "prüfung.png".encode("cp437")
    data = craft(
        [
            Crafted(name="a.png", data=b"first" * 9, descriptor=True, local_extra=b"\x99\x99\x04\x00abcd"),
            Crafted(name=raw, data=b"second", descriptor=True, deflated=False),
            Crafted(name=b"?.png", data=b"third", extra=unicode_path_extra(b"?.png", "三.png")),
            Crafted(name="../../etc/passwd", data=b"fourth"),
            Crafted(name="C:\\scans\\5.png", data=b"fifth"),
            Crafted(name="../../etc/passwd", data=b"sixth"),
        ],
        prefix=b"MZ self-extractor",
    )
    planned = plan_zip(tmp_path, data)
    assert planned.names == [
        "a.png", "prüfung.png", "三.png", "../../etc/passwd", "C:\\scans\\5.png", "../../etc/passwd"
    ]  # fmt: skip
    contents = [b"first" * 9, b"second", b"third", b"fourth", b"fifth", b"sixth"]
    assert [planned.read(entry) for entry in planned.entries] == contents


def test_folders_and_litter_are_skipped_and_counted(tmp_path: Path) -> None:
    members = {
        "scans/": b"", "scans\\deep\\": b"", "scans/.DS_Store": b"x", "Thumbs.db": b"x", "a\\thumbs.DB": b"x",
        "desktop.ini": b"x", "__MACOSX/._1.png": b"x", "a/__MACOSX/b": b"x", "scans/._2.png": b"x",
        "scans/1.png": b"1", "my__MACOSX/2.png": b"2", "Thumbs.db.png": b"3",
    }  # fmt: skip
    planned = plan_of(tmp_path, ("a.zip", zip_of(members)), ("._a.zip", b"litter"), ("up/.DS_Store", b"litter"))
    assert planned.names == ["scans/1.png", "my__MACOSX/2.png", "Thumbs.db.png"]
    assert planned.skipped == 11


def test_a_zip_is_known_by_its_content_and_its_name_is_held_to_it(tmp_path: Path) -> None:
    assert plan_of(tmp_path, ("upload", zip_of({"a.png": b"a"}))).names == ["a.png"]
    assert plan_of(tmp_path, ("", b"a loose image")).names == [""]
    with pytest.raises(CorruptArchive, match=r"named \.zip and is none"):
        plan_of(tmp_path, ("a.ZIP", b"an image"))


def test_a_refusal_names_the_file_when_there_are_several(tmp_path: Path) -> None:
    good, bad = zip_of({"a.png": b"a"}), zip_of({"b.png": b"b"})[:-1]
    with pytest.raises(CorruptArchive) as alone:
        plan_of(tmp_path, ("b.zip", bad))
    assert alone.value.errors == ()
    with pytest.raises(CorruptArchive) as among:
        plan_of(tmp_path, ("a.zip", good), ("c.png", b"c"), ("b.zip", bad))
    assert among.value.errors == (FieldError("files[2]", alone.value.detail),)
    assert among.value.detail == f"b.zip: {alone.value.detail}"


def test_an_upload_without_a_byte_is_empty(tmp_path: Path) -> None:
    for files in ([], [("a.png", b"")], [("a.png", b""), ("b.zip", b"")]):
        with pytest.raises(EmptyUpload):
            plan_of(tmp_path, *files)


def test_an_empty_file_among_others_costs_its_own_row(tmp_path: Path) -> None:
    zipped = zip_of({"c.png": b"", "d.png": b"d"})
    planned = plan_of(tmp_path, ("a.png", b""), ("b.png", b"b"), ("c.zip", zipped))
    empty = FailureCode.NOT_AN_IMAGE
    assert refusals(planned.entries) == [empty, None, empty, None]


@pytest.mark.parametrize("members", [{"a/": b"", "a/b/": b""}, {"__MACOSX/._a.png": b"x"}])
def test_a_zip_of_nothing_but_folders_and_litter_holds_no_images(tmp_path: Path, members: dict[str, bytes]) -> None:
    with pytest.raises(NoImages, match=f"{len(members)} folders"):
        plan_zip(tmp_path, zip_of(members))


@pytest.mark.parametrize("number", [1, 2])
def test_a_zip_with_nothing_in_it_is_called_empty(tmp_path: Path, number: int) -> None:
    with pytest.raises(NoImages, match="There is nothing in the zip") as refusal:
        plan_of(tmp_path, *((f"{place}.zip", zip_of({})) for place in range(number)))
    assert "folders" not in refusal.value.detail


def test_just_the_allowed_number_of_images_is_planned_and_one_more_refused(tmp_path: Path) -> None:
    limits = replace(LIMITS, max_images=3)
    files = [(f"{number}.png", b"x") for number in range(2)]
    zipped = zip_of({"folder/": b"", "a.png": b"a", "b.png": b"b"})
    assert plan_of(tmp_path, files[0], ("a.zip", zipped), limits=limits).total == 3
    with pytest.raises(TooManyImages, match="more than 3 images"):
        plan_of(tmp_path, *files, ("a.zip", zipped), limits=limits)


def test_members_that_cannot_be_read_are_refused_one_by_one(tmp_path: Path) -> None:
    data = craft(
        [
            Crafted(name="a.png", data=b"a"),
            Crafted(name="b.png", data=b"b", flags=1),
            Crafted(name="c.png", data=b"c", size=LIMITS.max_member_bytes + 1),
            Crafted(name="d.png", data=b"d", size=0xFFFFFFFF, extra=zip64_extra(10 << 30)),
            Crafted(name="e.png", data=b"e", compressed=LIMITS.max_member_bytes + 1),
            Crafted(name="f.png", data=b"f", method=9),
            *[Crafted(name=name, data=b"PK") for name in ("g.zip", "g.7z", "g.RAR", "g.tar.gz", "g.tgz", "g.xz")],
            Crafted(name="h.png", data=b"h"),
            Crafted(name="i.zip", data=b"PK", flags=1),
            Crafted(name="j.png", method=9, flags=1),
            Crafted(name="k.png", method=9),
        ]
    )
    planned = plan_zip(tmp_path, data)
    assert refusals(planned.entries) == [
        None,
        FailureCode.ENCRYPTED_MEMBER,
        FailureCode.MEMBER_TOO_LARGE,
        FailureCode.MEMBER_TOO_LARGE,
        FailureCode.CORRUPT_MEMBER,
        FailureCode.UNSUPPORTED_FORMAT,
        FailureCode.CORRUPT_MEMBER,
        *[FailureCode.NESTED_ARCHIVE] * 5,
        None,
        FailureCode.ENCRYPTED_MEMBER,
        FailureCode.ENCRYPTED_MEMBER,
        FailureCode.UNSUPPORTED_FORMAT,
    ]
    assert planned.entries[3].size == 10 << 30


def test_a_member_packed_in_more_bytes_than_are_allowed_is_refused(tmp_path: Path) -> None:
    packed = b"\x00\x00\x00\xff\xff" * 300_000  # empty deflate blocks: many bytes that unpack to none
    data = craft([Crafted(name="a.png", data=b"a", packed=packed), Crafted(name="b.png", data=b"b")])
    assert refusals(plan_zip(tmp_path, data).entries) == [FailureCode.MEMBER_TOO_LARGE, None]


def test_of_members_that_overlap_no_byte_is_read_twice(tmp_path: Path) -> None:
    planned = plan_zip(tmp_path, overlapping_bomb(members=20))
    assert refusals(planned.entries) == [FailureCode.CORRUPT_MEMBER] * 19 + [None]
    shared = craft([Crafted(name=f"{number}.png", data=b"x", offset=0) for number in range(5)])
    assert refusals(plan_zip(tmp_path, shared).entries) == [FailureCode.CORRUPT_MEMBER] * 5


def test_a_loose_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    planned = plan_of(tmp_path, ("a.png", bytes(LIMITS.max_member_bytes + 1)), ("b.png", b"b"))
    assert refusals(planned.entries) == [FailureCode.MEMBER_TOO_LARGE, None]


def test_names_are_cut_and_always_writable_but_otherwise_kept(tmp_path: Path) -> None:
    planned = plan_of(tmp_path, ("n" * 2000, b"x"), ("lone \ud800 half", b"x"), ("line\nbreak\t.png", b"x"))
    assert planned.names == ["n" * 1024, "lone ? half", "line\nbreak\t.png"]


def test_chunks_are_contiguous_and_numbered(tmp_path: Path) -> None:
    data = zip_of({f"{number}.png": b"x" for number in range(10)})
    planned = plan_zip(tmp_path, data, replace(LIMITS, chunk_images=4))
    assert [(chunk.number, chunk.first, len(chunk.entries)) for chunk in planned.chunks] == [
        (0, 0, 4), (1, 4, 4), (2, 8, 2)
    ]  # fmt: skip
    assert planned.names == [f"{number}.png" for number in range(10)]


@pytest.mark.parametrize(
    ("images", "chunks"),
    [
        (1, [1]),
        (256, [256]),
        (300, [256, 44]),
        (1000, [256, 256, 256, 232]),
        (5000, [1000, 1000, 750, 563, 422, 317, 256, 256, 256, 180]),
    ],
)
def test_a_small_job_is_cut_for_several_workers_and_the_last_chunks_of_a_large_one_are_smaller(
    tmp_path: Path, images: int, chunks: list[int]
) -> None:
    limits = replace(LIMITS, chunk_images=1000)
    zipped = plan_zip(tmp_path, zip_of({f"{number}.png": b"x" for number in range(images)}), limits)
    assert [len(chunk.entries) for chunk in zipped.chunks] == chunks
    loose = plan_of(tmp_path, *[(f"{number}.png", b"x") for number in range(images)], limits=limits)
    assert [len(chunk.entries) for chunk in loose.chunks] == chunks


@given(coming=st.integers(-100, 3_000_000), most=st.integers(1, 65_535))
def test_no_chunk_has_more_images_than_are_allowed_nor_fewer_than_are_worth_one(coming: int, most: int) -> None:
    assert min(most, 256) <= images_a_chunk(coming, most) <= most


def test_a_chunk_closes_before_its_spans_pass_the_limit(tmp_path: Path) -> None:
    files = [(f"{number}.png", bytes(400)) for number in range(5)]
    planned = plan_of(tmp_path, *files, limits=replace(LIMITS, chunk_bytes=1000))
    assert [len(chunk.entries) for chunk in planned.chunks] == [2, 2, 1]


def test_a_chunk_closes_before_its_unpacked_sizes_pass_the_limit(tmp_path: Path) -> None:
    data = zip_of({f"{number}.png": bytes(40_000) for number in range(5)})
    assert len(data) < 1000
    planned = plan_zip(tmp_path, data, replace(LIMITS, chunk_bytes=100_000))
    assert [len(chunk.entries) for chunk in planned.chunks] == [2, 2, 1]


def test_a_file_larger_than_a_chunk_gets_its_own_and_a_refused_one_counts_nothing(tmp_path: Path) -> None:
    files = [("a.png", b"a"), ("b.png", bytes(5000)), ("c.png", b"c"), ("d.png", bytes(20_000)), ("e.png", b"e")]
    planned = plan_of(tmp_path, *files, limits=replace(LIMITS, chunk_bytes=1000, max_member_bytes=10_000))
    assert [[entry.name for entry in chunk.entries] for chunk in planned.chunks] == [
        ["a.png"], ["b.png"], ["c.png", "d.png", "e.png"]
    ]  # fmt: skip


def test_limits_come_from_the_settings() -> None:
    limits = Limits.from_settings(Settings(max_images=7, chunk_images=3))
    assert (limits.max_images, limits.chunk_images, limits.max_pages) == (7, 3, 1000)


def test_memory_stays_flat_however_many_members_there_are(tmp_path: Path) -> None:
    data = craft([Crafted(name=f"{number:06}.png", data=b"x", deflated=False) for number in range(50_000)])
    plan = Plan(spooled(tmp_path, ("many.zip", data)), LIMITS, count_pages)
    tracemalloc.start()
    for chunk in plan.chunks():
        assert chunk.entries
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert plan.total == 50_000
    assert peak < 3 << 20  # the directory alone has 2.8 MB, and zipfile takes 25 MB for it


def test_a_directory_of_endless_litter_is_refused(tmp_path: Path) -> None:
    data = craft([Crafted(name="d/", deflated=False)] * 10_010)
    with pytest.raises(TooManyImages):
        plan_zip(tmp_path, data, replace(LIMITS, max_images=2))


def test_every_refusal_of_planning_is_an_upload_refused() -> None:
    assert all(issubclass(kind, UploadRefused) for kind in (CorruptArchive, EmptyUpload, NoImages, TooManyImages))


SIZES = st.integers(1, 40)


@given(st.lists(st.tuples(SIZES, SIZES), max_size=60), st.integers(1, 9), st.integers(1, 100), st.data())
def test_members_are_cut_together_as_they_are_one_by_one(
    sizes: list[tuple[int, int]], images: int, most_bytes: int, data: st.DataObject
) -> None:
    members = [Entry(f"{number}.png", 100 * number, span, size) for number, (span, size) in enumerate(sizes)]
    limits = replace(LIMITS, chunk_images=images, chunk_bytes=most_bytes)
    together, one_by_one = (Cutter(limits, expected=len(members)) for _ in range(2))
    first = data.draw(st.integers(0, len(members)))
    runs = [OrdinaryMembers(members[:first]), OrdinaryMembers(members[first:])]
    found = [chunk for run in runs for chunk in together.add_members(run)]
    assert found == list(one_by_one.add_all(members))
    assert together.close() == one_by_one.close()
