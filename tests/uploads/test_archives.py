"""Tars, compressed ones, and archives within archives: images under both names, and bombs that cost their own row."""

from __future__ import annotations

import gzip
import io
import random
import subprocess
import tarfile
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digitmill.errors import CorruptArchive, FailureCode, NoImages, TooManyImages, UploadRefused, UploadTooLarge
from digitmill.uploads.plan import Plan
from digitmill.uploads.spool import Spool
from tests.archives import Crafted, craft, zip_of
from tests.imaging.test_pdf import WHOLE
from tests.pdfs import pdf, written
from tests.pictures import drawn_digit, png, tiff
from tests.uploads.planning import LIMITS, Planned, plan_of, plan_zip

PNG = png(drawn_digit(side=40))
PAGES = tiff([drawn_digit(side=30)] * 3)
MODES = {"a.tar": "w", "a.tar.gz": "w:gz", "a.tgz": "w:gz"}
SPARSE = ("0.0", "0.1", "1.0")
FORMATS = (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)


def tar_of(files: dict[str, bytes], mode: str = "w", layout: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=layout) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_with(*infos: tarfile.TarInfo) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for info in infos:
            archive.addfile(info, io.BytesIO(bytes(info.size)))
    return out.getvalue()


def read_all(planned: Planned) -> dict[str, bytes]:
    return {entry.name: planned.read(entry) for entry in planned.entries if entry.refused is None}


def refusals(planned: Planned) -> dict[str, FailureCode]:
    return {entry.name: entry.refused.code for entry in planned.entries if entry.refused is not None}


@pytest.mark.parametrize("layout", FORMATS)
@pytest.mark.parametrize("name", MODES)
def test_a_tar_is_read_like_a_zip(tmp_path: Path, name: str, layout: int) -> None:
    files = {"scans/1.png": PNG, "scans/2.png": PNG + b"2", "用紙.png": b"x", "scans/.DS_Store": b"x"}
    planned = plan_of(tmp_path, (name, tar_of(files, MODES[name], layout)))
    assert read_all(planned) == {name: content for name, content in files.items() if "DS_Store" not in name}
    assert planned.skipped == 1


@pytest.mark.parametrize("name", ["scans", "scans.bin"])
def test_a_tar_is_told_by_its_content(tmp_path: Path, name: str) -> None:
    for mode in ("w", "w:gz"):
        assert plan_of(tmp_path, (name, tar_of({"a.png": PNG}, mode))).names == ["a.png"]


def test_long_names_and_pages_in_a_tar_are_read(tmp_path: Path) -> None:
    long = "f/" * 150 + "a.png"
    for layout in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        planned = plan_of(tmp_path, ("a.tar", tar_of({long: PNG, "b.tif": PAGES, "c.pdf": WHOLE}, layout=layout)))
        assert planned.names == [long, "b.tif#1", "b.tif#2", "b.tif#3", "c.pdf"]


def test_names_that_are_no_utf_8_are_read_in_the_code_page_that_is_said(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", encoding="cp932", format=tarfile.GNU_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("用紙.png"), io.BytesIO())
    planned = plan_of(tmp_path, ("a.tar", out.getvalue()), code_page="cp932")
    assert planned.names == ["用紙.png"]
    assert planned.entries[0].sent == "用紙.png".encode("cp932")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_fail_alone(tmp_path: Path, kind: bytes) -> None:
    odd, plain = tarfile.TarInfo("odd.png"), tarfile.TarInfo("plain.png")
    odd.type, odd.linkname, plain.size = kind, "/etc/passwd", 5
    planned = plan_of(tmp_path, ("a.tar", tar_with(odd, plain)))
    assert refusals(planned) == {"odd.png": FailureCode.UNSUPPORTED_FORMAT}
    assert read_all(planned) == {"plain.png": bytes(5)}


@pytest.mark.parametrize("how", ["--format=gnu", "--format=oldgnu", *(f"--sparse-version={v}" for v in SPARSE)])
def test_a_file_with_holes_fails_alone(tmp_path: Path, how: str) -> None:
    holes = tmp_path / "holes.png"
    with holes.open("wb") as file:
        for place in range(0, 40 << 20, 1 << 20):
            file.seek(place)
            file.write(PNG)
        file.truncate(64 << 20)
    (tmp_path / "plain.png").write_bytes(PNG)
    layout = how if how.startswith("--format") else "--format=posix"
    call = ["tar", "-c", "-S", layout, *[how] * (how != layout), "-f", "-", "holes.png", "plain.png"]
    planned = plan_of(tmp_path, ("a.tar", subprocess.run(call, cwd=tmp_path, capture_output=True, check=True).stdout))
    assert planned.names == ["holes.png", "plain.png"]
    assert refusals(planned) == {"holes.png": FailureCode.UNSUPPORTED_FORMAT}
    assert read_all(planned) == {"plain.png": PNG}


def test_a_list_of_holes_is_not_held_without_end(tmp_path: Path) -> None:
    first = tarfile.TarInfo("x")
    first.type = tarfile.GNUTYPE_SPARSE
    head = bytearray(first.tobuf(tarfile.GNU_FORMAT))
    head[482] = 1  # a list follows, and each says that another does
    head[148:156] = b"%06o\0 " % (sum(head[:148]) + 8 * 32 + sum(head[156:]))
    lists = (b"%011o\0" % 1) * 42 + b"\1" + bytes(7)
    tracemalloc.start()
    with pytest.raises(CorruptArchive):
        plan_of(tmp_path, ("a.tar", bytes(head) + lists * 20_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20


def test_the_name_of_a_tars_volume_is_no_image(tmp_path: Path) -> None:
    volume, plain = tarfile.TarInfo("scans of May"), tarfile.TarInfo("plain.png")
    volume.type, plain.size = b"V", 5
    planned = plan_of(tmp_path, ("a.tar", tar_with(volume, plain)))
    assert (planned.names, planned.skipped) == (["plain.png"], 1)


@pytest.mark.parametrize("name", MODES)
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_tar_that_breaks_off_is_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    members = {f"{number}.png": random.Random(number).randbytes(700) for number in range(9)}
    whole = tar_of(members, MODES[name])
    # behind its last member a tar is filled up with zeros
    end = len(tar_of(members).rstrip(b"\0")) if name == "a.tar" else len(whole) - 1
    with pytest.raises(CorruptArchive):
        plan_of(tmp_path, (name, whole[: data.draw(st.integers(2000, end))]))


def test_a_gzip_of_no_tar_is_one_failed_image_for_the_worker(tmp_path: Path) -> None:
    assert plan_of(tmp_path, ("a.png.gz", gzip.compress(PNG))).names == ["a.png.gz"]


def test_a_gzip_of_several_parts_is_one(tmp_path: Path) -> None:
    whole = tar_of({"a.png": PNG, "b.png": PNG})
    data = gzip.compress(whole[:1000]) + gzip.compress(whole[1000:]) + bytes(512)
    assert plan_of(tmp_path, ("a.tgz", data)).names == ["a.png", "b.png"]


@pytest.mark.parametrize("name", ["in.zip", "in.tar", "in.tgz"])
@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_in_a_zip_is_read_under_both_names(tmp_path: Path, name: str, packed: int) -> None:
    files = {"0001.png": PNG, "p/0002.tif": PAGES, "0003.pdf": pdf([written("1"), written("2")])}
    inner = zip_of(files) if name == "in.zip" else tar_of(files, "w:gz" if name == "in.tgz" else "w")
    planned = plan_zip(
        tmp_path, zip_of({"first.png": b"1", f"box/{name}": inner, "last.png": b"2"}, compression=packed)
    )
    found = [*["0001.png"], *[f"p/0002.tif#{page}" for page in (1, 2, 3)], "0003.pdf#1", "0003.pdf#2"]
    assert planned.names == ["first.png", *[f"box/{name}/{each}" for each in found], "last.png"]
    contents = read_all(planned)
    assert contents[f"box/{name}/0001.png"] == PNG
    assert contents[f"box/{name}/p/0002.tif#2"] == PAGES
    assert (contents["first.png"], contents["last.png"]) == (b"1", b"2")


def test_a_zip_in_a_tar_is_read_under_both_names(tmp_path: Path) -> None:
    planned = plan_of(tmp_path, ("a.tgz", tar_of({"in.zip": zip_of({"1.png": PNG})}, "w:gz")))
    assert read_all(planned) == {"in.zip/1.png": PNG}


def test_images_of_one_name_in_several_archives_are_told_apart(tmp_path: Path) -> None:
    both, more = {"a.png": PNG, "p.tif": PAGES}, {"b.png": PNG, "a.png": PNG}
    parts = [("1.zip", zip_of(both)), ("2.tar", tar_of(more)), ("2.tar", tar_of({"in.zip": zip_of(more), **more}))]
    planned = plan_of(tmp_path, *parts, ("a.png", PNG))
    assert planned.names == [
        *("a.png", "p.tif#1", "p.tif#2", "p.tif#3"), *("b.png", "2.tar/a.png"),
        *("in.zip/b.png", "in.zip/a.png", "2.tar-2/b.png", "2.tar-2/a.png"), "a.png",
    ]  # fmt: skip


def test_images_of_one_name_in_one_archive_keep_it(tmp_path: Path) -> None:
    twice = craft([Crafted(name="a.png", data=b"x")] * 2)
    assert plan_of(tmp_path, ("1.zip", twice), ("b.png", PNG)).names == ["a.png", "a.png", "b.png"]


def test_the_bytes_of_a_name_that_was_told_apart_are_kept(tmp_path: Path) -> None:
    data = craft([Crafted(name="用.png".encode("cp932"), data=b"x")])
    first, second = plan_of(tmp_path, ("1.zip", data), ("2.zip", data)).entries
    assert (first.name, second.name) == ("用.png", "2.zip/用.png")
    assert second.sent == b"2.zip/" + "用.png".encode("cp932")


def test_names_of_many_archives_are_told_apart(tmp_path: Path) -> None:
    zips = [(f"{n}.zip", zip_of({f"{m}.png": b"x" for m in range(n % 5, 9)})) for n in range(40)]
    names = plan_of(tmp_path, *zips).names
    assert len(set(names)) == len(names)
    assert names[:9] == [f"{m}.png" for m in range(9)]


def test_a_link_in_a_zip_fails_with_the_reason(tmp_path: Path) -> None:
    link = Crafted(name="link.png", data=b"../a.png", mode=0o120777)
    large = Crafted(name="large.png", data=bytes(5000), mode=0o120777)
    planned = plan_zip(tmp_path, craft([link, large, Crafted(name="a.png", data=b"x", mode=0o100644)]))
    assert refusals(planned) == {"link.png": FailureCode.UNSUPPORTED_FORMAT}


@pytest.mark.parametrize("mode", MODES.values())
def test_a_tar_that_is_named_zip_is_read(tmp_path: Path, mode: str) -> None:
    assert plan_zip(tmp_path, tar_of({"a.png": PNG}, mode)).names == ["a.png"]


def test_an_archive_two_deep_is_told_and_not_opened(tmp_path: Path) -> None:
    deep = zip_of({"deep.png": PNG})
    planned = plan_zip(
        tmp_path, zip_of({"a.zip": zip_of({"b.zip": deep, "c.tar": tar_of({"d.png": b"d"}), "e.png": b"e"})})
    )
    assert refusals(planned) == dict.fromkeys(("a.zip/b.zip", "a.zip/c.tar"), FailureCode.NESTED_ARCHIVE)
    assert read_all(planned) == {"a.zip/e.png": b"e"}


def test_names_of_both_archives_are_kept_as_they_were_sent(tmp_path: Path) -> None:
    inner = craft([Crafted(name="用紙表.png".encode("cp932"), data=b"x"), Crafted(name=b"plain.png", data=b"y")])
    planned = plan_zip(tmp_path, zip_of({"Pru\u0308fung.zip": inner}))
    assert planned.names == ["Prüfung.zip/用紙表.png", "Prüfung.zip/plain.png"]
    outer = "Pru\u0308fung.zip/".encode()
    assert [entry.sent for entry in planned.entries] == [outer + "用紙表.png".encode("cp932"), outer + b"plain.png"]
    assert planned.findings.code_pages == ("cp932",)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("in.zip", zip_of({"a.png": PNG})[:-30], FailureCode.CORRUPT_MEMBER),
        ("in.zip", b"no zip at all", FailureCode.CORRUPT_MEMBER),
        ("in.tar", b"no tar at all", FailureCode.NESTED_ARCHIVE),
        ("in.tgz", tar_of({"a.png": PNG}, "w:gz")[:-40], FailureCode.CORRUPT_MEMBER),
        ("in.7z", b"7z\xbc\xaf\x27\x1c", FailureCode.NESTED_ARCHIVE),
        ("in.rar", b"Rar!\x1a\x07\x01\x00", FailureCode.NESTED_ARCHIVE),
        ("in.tar.xz", b"\xfd7zXZ\x00", FailureCode.NESTED_ARCHIVE),
    ],
)
def test_an_archive_within_that_cannot_be_read_costs_its_own_row(
    tmp_path: Path, name: str, content: bytes, code: FailureCode
) -> None:
    planned = plan_zip(tmp_path, zip_of({"a.png": b"a", name: content, "b.png": b"b"}))
    assert refusals(planned) == {name: code}
    assert read_all(planned) == {"a.png": b"a", "b.png": b"b"}


def test_an_inner_tar_that_breaks_off_keeps_what_came_before(tmp_path: Path) -> None:
    inner = tar_of({"a.png": bytes(600), "b.png": bytes(600)})[:2200]
    planned = plan_zip(tmp_path, zip_of({"in.tar": inner}))
    assert planned.names == ["in.tar/a.png", "in.tar"]
    assert refusals(planned) == {"in.tar": FailureCode.CORRUPT_MEMBER}


def test_an_encrypted_archive_within_is_not_opened(tmp_path: Path) -> None:
    planned = plan_zip(tmp_path, craft([Crafted(name="in.zip", data=zip_of({"a.png": PNG}), flags=1)]))
    assert refusals(planned) == {"in.zip": FailureCode.ENCRYPTED_MEMBER}


def test_an_archive_that_unpacks_to_far_more_is_not_unpacked_to_its_end(tmp_path: Path) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    zeros = tar_of({"a.bmp": b""})[:512] + b""
    block = bytes(1 << 20)
    packed = bomb.compress(zeros) + b"".join([bomb.compress(block) for _ in range(200)]) + bomb.flush()
    with pytest.raises(CorruptArchive, match="unpacks to far more"):
        plan_of(tmp_path, ("a.tgz", packed))
    planned = plan_zip(tmp_path, zip_of({"in.tgz": packed, "b.png": b"b"}))
    assert refusals(planned) == {"in.tgz": FailureCode.CORRUPT_MEMBER}
    assert len(planned.blob) < 80 << 20


def test_what_is_unpacked_counts_towards_the_bytes_of_the_upload(tmp_path: Path) -> None:
    data = tar_of({f"{number}.bmp": bytes(100_000) for number in range(20)}, "w:gz")
    with Spool(tmp_path, 1 << 20) as spool:
        spool.add("a.tgz", io.BytesIO(data))
        with pytest.raises(UploadTooLarge):
            list(Plan(spool, LIMITS, len).chunks())


def test_a_long_header_of_a_tar_is_not_held(tmp_path: Path) -> None:
    long = tarfile.TarInfo("x")
    long.type, long.size = tarfile.GNUTYPE_LONGNAME, 64 << 20
    data = long.tobuf(tarfile.GNU_FORMAT) + bytes(64 << 20)
    tracemalloc.start()
    with pytest.raises(CorruptArchive):
        plan_of(tmp_path, ("a.tar", data))
    tracemalloc.stop()


def test_memory_does_not_grow_with_the_members_of_a_tar(tmp_path: Path) -> None:
    data = tar_of({f"{number:05}.png": b"" for number in range(8000)}, layout=tarfile.USTAR_FORMAT)
    with Spool(tmp_path, 1 << 30) as spool:
        spool.add("a.tar", io.BytesIO(data))
        plan = Plan(spool, LIMITS, len)
        tracemalloc.start()
        total = sum(len(chunk.entries) for chunk in plan.chunks())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert total == 8000
    assert peak < 2 << 20


def test_too_many_members_and_too_many_images_are_refused(tmp_path: Path) -> None:
    files = {f"{number}.png": b"x" for number in range(30)}
    for name, mode in MODES.items():
        with pytest.raises(TooManyImages):
            plan_of(tmp_path, (name, tar_of(files, mode)), limits=replace(LIMITS, max_images=20))
    with pytest.raises(TooManyImages):
        plan_zip(tmp_path, zip_of({"in.zip": zip_of(files)}), replace(LIMITS, max_images=20))


def test_an_empty_tar_holds_no_image(tmp_path: Path) -> None:
    with pytest.raises((NoImages, UploadRefused)):
        plan_of(tmp_path, ("a.tar", tar_with(tarfile.TarInfo(".DS_Store"))))


names = st.sampled_from(("a.png", "b.tif", "c/d.jpg", "in.zip", "in.tar", "in.tgz", ".DS_Store", "e.pdf"))


@settings(max_examples=60)
@given(st.dictionaries(names, st.binary(max_size=40), min_size=1), st.sampled_from(("zip", "tar", "tgz")), st.data())
def test_damaged_archives_in_archives_are_refused_or_planned(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], kind: str, data: st.DataObject
) -> None:
    def packed(members: dict[str, bytes]) -> bytes:
        return zip_of(members) if kind == "zip" else tar_of(members, "w:gz" if kind == "tgz" else "w")

    inner = bytearray(packed(files))
    for _ in range(data.draw(st.integers(0, 3))):
        inner[data.draw(st.integers(0, len(inner) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    upload = packed({f"in.{kind}": bytes(inner), "z.png": b"z"})
    try:
        planned = plan_of(tmp_path_factory.mktemp("in"), (f"a.{kind}", upload))
    except UploadRefused:
        return
    assert "z.png" in planned.names
    for entry in planned.entries:
        assert entry.refused is not None or entry.offset + entry.span <= len(planned.blob)


@pytest.mark.parametrize("name", ["letter.docx", "letter", "letter.zip"])
def test_a_document_that_is_a_zip_of_its_parts_is_one_row_and_not_one_of_each_part(tmp_path: Path, name: str) -> None:
    data = zip_of({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<document/>", "word/media/1.png": PNG})
    (entry,) = plan_of(tmp_path, (name, data)).entries
    assert (entry.name, entry.refused) == (name, None)
