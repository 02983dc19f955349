"""What the programs of offices, phones and storage boxes put into zips, and how they cut and end them."""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path

import pytest

from digitmill.domain.jobs import Findings
from digitmill.errors import CorruptArchive, NoImages
from digitmill.uploads.codec import pack_plan, unpack_plan
from digitmill.uploads.names import LITTER, is_litter, plainly_images
from digitmill.uploads.zip_end import CUT_OFF, SPLIT
from tests.archives import END, Crafted, craft, unicode_path_extra, zip_of
from tests.uploads.planning import plan_of, plan_zip

NFD, NFC = "4_カ\u3099キ\u3099_Pru\u0308fung.png", "4_ガギ_Prüfung.png"


def zip_in(page: str, *names: str) -> bytes:
    return craft([Crafted(name=name.encode(page), data=b"x") for name in names])


def test_names_are_read_in_the_code_page_of_each_zip_and_it_is_told(tmp_path: Path) -> None:
    japanese, russian = ("4_用紙表.png", "7_アンケート/解答用紙.png"), ("4_анкета.png", "2_Бланк/лист.png")
    planned = plan_of(tmp_path, ("a.zip", zip_in("cp932", *japanese)), ("b.zip", zip_in("cp866", *russian)))
    assert planned.names == [*japanese, *russian]
    assert planned.findings == Findings(code_pages=("cp932", "cp866"))


def test_a_zip_whose_names_are_plain_or_marked_tells_no_code_page(tmp_path: Path) -> None:
    data = craft(
        [
            Crafted(name="grün.png", data=b"x"),
            Crafted(name=b"gr_n.png", data=b"x", extra=unicode_path_extra(b"gr_n.png", "三.png")),
            Crafted(name=b"plain.png", data=b"x"),
        ]
    )
    planned = plan_zip(tmp_path, data)
    assert planned.names == ["grün.png", "三.png", "plain.png"]
    assert planned.findings == Findings()


def test_a_unicode_name_counts_only_with_the_checksum_of_the_plain_one(tmp_path: Path) -> None:
    raw = "用紙.png".encode("cp932")
    data = craft(
        [
            Crafted(name=raw, data=b"x", extra=unicode_path_extra(raw, "用紙.png")),
            Crafted(name=raw, data=b"x", extra=unicode_path_extra(b"another", "another.png")),
        ]
    )
    assert plan_zip(tmp_path, data).names == ["用紙.png", "用紙.png"]


def test_who_knows_the_code_page_may_say_it(tmp_path: Path) -> None:
    data = zip_in("cp1251", "й.png")
    planned = plan_of(tmp_path, ("a.zip", data), code_page="cp1251")
    assert (planned.names, planned.findings.code_pages) == (["й.png"], ("cp1251",))
    assert plan_of(tmp_path, ("a.zip", data), code_page="utf-8").names == ["\ufffd.png"]


def test_names_of_a_large_directory_are_read_as_those_of_a_small_one(tmp_path: Path) -> None:
    names = [f"{number:06}_用紙表.png" for number in range(20_000)]
    planned = plan_zip(tmp_path, zip_in("cp932", *names))
    assert planned.names == names


def test_names_are_composed_wherever_they_come_from(tmp_path: Path) -> None:
    planned = plan_of(tmp_path, (NFD, b"x"), ("a.zip", zip_of({NFD: b"x"})))
    assert planned.names == [NFC, NFC]


def test_the_bytes_of_a_name_are_kept_where_they_are_not_its_text(tmp_path: Path) -> None:
    zipped = craft([Crafted(name="用.png".encode("cp932"), data=b"x"), Crafted(name="grün.png", data=b"x")])
    planned = plan_of(tmp_path, (NFD, b"x"), ("a.zip", zipped), ("b.png", b"x"))
    sent = [NFD.encode(), "用.png".encode("cp932"), None, None]
    assert [entry.sent for entry in planned.entries] == sent
    assert unpack_plan(pack_plan(planned.entries)) == tuple(planned.entries)


SKIPPED = (
    "__MACOSX/._4_a.png", ".DS_Store", "Thumbs.db", "desktop.ini", "._2_b.png", "Icon\r", ".localized", "ehthumbs.db",
    "ehthumbs_vista.db", "Picasa.ini", ".picasa.ini", ".Spotlight-V100/x", ".fseventsd/0001", ".Trashes/x.png",
    ".TemporaryItems/x", ".apdisk", "@eaDir/4_a.png/SYNOPHOTO_THUMB_M.jpg", "@eaDir/4_a.png@SynoEAStream",
    "scans/@eaDir/4_a.png/SYNOPHOTO_THUMB_M.jpg", ".@__thumb/4_a.png", "$RECYCLE.BIN/1.png", "#recycle/1.png",
    "System Volume Information/IndexerVolumeGuid", ".directory", "Thumbs.db:encryptable", "4_a.png:Zone.Identifier",
    ".nomedia", ".thumbnails/1.jpg", "a\\.thumbnails\\1.jpg", "~$scans.xlsx", ".gitkeep", "BridgeSort", ".BridgeCache",
    "ZbThumbnail.info", ".~lock.a.csv#", "4_a.png.crdownload", ".trashed-1767225600-IMG_1.jpg", "lost+found/1.png",
)  # fmt: skip
KEPT = (
    "a.png", "../../scans/1.png", "./1.png", ".png", "in/.jpg", "Icon", "my@eaDir/1.png", "Thumbs.db.png", "a~$.png",
    "icons/1.png", "recycled/1.png", "part/1.png", "a.b/c.d.png", "..", "2026.01.31/scan.png",
)  # fmt: skip


@pytest.mark.parametrize("name", SKIPPED)
def test_what_nobody_means_to_send_is_skipped_by_its_name(name: str) -> None:
    assert is_litter(name.replace("\\", "/"))
    assert not plainly_images([name])


@pytest.mark.parametrize("name", KEPT)
def test_what_may_be_a_scan_is_not_skipped(name: str) -> None:
    assert not is_litter(name)


def test_the_pattern_means_the_same_to_a_browser() -> None:
    # no construct that only one of the two knows, and no line break, which HTML would change
    assert not re.search(r"\(\?(?!!)|\\[AZzbB]|[\r\n\"]", LITTER)


def test_what_was_skipped_is_told_by_name(tmp_path: Path) -> None:
    members = {"scans/": b"", "scans/1.png": b"x", **dict.fromkeys(SKIPPED, b"x")}
    planned = plan_zip(tmp_path, zip_of(members))
    assert planned.names == ["scans/1.png"]
    assert planned.skipped == len(SKIPPED) + 1
    assert planned.findings.skipped == SKIPPED


def test_of_very_many_skipped_files_the_first_are_told(tmp_path: Path) -> None:
    members = {"1.png": b"x", **{f"__MACOSX/{'a' * 300}{number}": b"x" for number in range(200)}}
    planned = plan_zip(tmp_path, zip_of(members))
    assert planned.skipped == 200
    assert [len(name) for name in planned.findings.skipped] == [200] * 50


def test_an_upload_of_litter_alone_is_refused_with_a_name(tmp_path: Path) -> None:
    with pytest.raises(NoImages, match=r"1 folders and system files were skipped, such as @eaDir/1\.png\)"):
        plan_zip(tmp_path, zip_of({"@eaDir/1.png": b"x"}))


@pytest.mark.parametrize("behind", [b"\n", b"\r\n", b"\0" * 512, b"-----------------------------7ea--\r\n"])
@pytest.mark.parametrize("comment", [b"", b"of the copier"])
def test_bytes_behind_the_end_of_a_zip_are_passed_over(tmp_path: Path, behind: bytes, comment: bytes) -> None:
    assert plan_zip(tmp_path, zip_of({"a.png": b"a"}, comment=comment) + behind).names == ["a.png"]


def test_a_zip_that_was_cut_off_within_another_is_not_taken_for_that(tmp_path: Path) -> None:
    inner = zip_of({"inner.png": b"x"})
    outer = zip_of({"inner.zip": inner, "b.png": b"y" * 1000}, compression=zipfile.ZIP_STORED)
    end_of_inner = outer.index(inner) + len(inner)
    for behind in (0, 5, 40, 600):
        with pytest.raises(CorruptArchive):
            plan_zip(tmp_path, outer[: end_of_inner + behind])


def test_the_beginning_of_a_second_zip_is_not_passed_over(tmp_path: Path) -> None:
    with pytest.raises(CorruptArchive, match=re.escape(CUT_OFF)):
        plan_zip(tmp_path, zip_of({"a.png": b"a"}) + zip_of({"b.png": b"b"})[:-30])


def test_the_parts_of_a_split_zip_are_told_as_such(tmp_path: Path) -> None:
    whole = zip_of({"a.png": b"a" * 50, "b.png": b"b" * 50})
    last = whole[40:-22] + END.pack(b"PK\x05\x06", 2, 2, 2, 2, 50, 10, 0)
    parts = {
        "scans.zip": last, "scans.z01": b"PK\x07\x08" + whole[:60], "scans.z02": whole[60:90],
        "scans.zip.001": whole[:60], "scans.zip.002": whole[60:90], "scans.7z.002": b"\1\2\3",
        "unnamed": b"PK\x07\x08" + whole[:60],
    }  # fmt: skip
    for name, part in parts.items():
        with pytest.raises(CorruptArchive, match=re.escape(SPLIT)):
            plan_of(tmp_path, (name, part))


def test_a_zip_that_was_meant_to_be_split_and_was_not_is_read(tmp_path: Path) -> None:
    marked = b"PK\x07\x08" + zip_of({"a.png": b"a"})
    assert plan_zip(tmp_path, marked).names == ["a.png"]


def test_a_zip_of_deflate64_is_refused_at_once_with_the_cause(tmp_path: Path) -> None:
    packed = [Crafted(name=f"{number}.png", data=b"x", method=9) for number in range(3)]
    with pytest.raises(CorruptArchive, match="Deflate64, as Windows Explorer"):
        plan_zip(tmp_path, craft([Crafted(name="in/", deflated=False), *packed]))
    mixed = plan_zip(tmp_path, craft([*packed, *[Crafted(name=f"{number}.jpg", data=b"x") for number in range(3)]]))
    details = [entry.refused.detail if entry.refused else "" for entry in mixed.entries]
    assert ["Windows Explorer" in detail for detail in details] == [True] * 3 + [False] * 3


def test_a_zip64_with_bytes_behind_it_is_read(tmp_path: Path) -> None:
    data = zip_of({"a.png": b"a"})
    *_, count, size, start, _ = END.unpack(data[-22:])
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(data) - 22, 1)
    assert plan_zip(tmp_path, data[:-22] + end64 + locator + data[-22:] + b"\r\n").names == ["a.png"]
