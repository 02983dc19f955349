"""TIFF files of several pages: one entry for each page."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitmill.errors import FailureCode, TooManyImages
from digitmill.imaging.pdf.pages import count_pages
from digitmill.uploads.plan import Plan
from tests.archives import Crafted, craft, zip_of
from tests.pictures import encoded, heic_of
from tests.uploads.planning import LIMITS, plan_of, plan_zip, spooled


def tiff_of(pages: int) -> bytes:
    first, *others = [Image.new("L", (20, 20), shade) for shade in range(pages)]
    buffer = io.BytesIO()
    first.save(buffer, "TIFF", save_all=True, append_images=others)
    return buffer.getvalue()


def test_each_page_of_a_tiff_is_an_entry_of_the_same_bytes(tmp_path: Path) -> None:
    tiff = tiff_of(3)
    planned = plan_of(tmp_path, ("loose.tif", tiff), ("scans.zip", zip_of({"a.TIFF": tiff, "b.png": b"b"})))
    assert planned.names == ["loose.tif#1", "loose.tif#2", "loose.tif#3", "a.TIFF#1", "a.TIFF#2", "a.TIFF#3", "b.png"]
    assert [(entry.page, entry.pages) for entry in planned.entries[3:]] == [(0, 3), (1, 3), (2, 3), (0, 1)]
    assert all(planned.read(entry) == tiff for entry in planned.entries[:6])


def test_each_picture_of_a_pgm_or_heic_is_an_entry_of_the_same_bytes(tmp_path: Path) -> None:
    shades = [np.full((20, 20), shade, np.uint8) for shade in (0, 99, 200)]
    pgm = b"".join(encoded(Image.fromarray(shade), "PPM") for shade in shades)
    heic = heic_of([np.full((64, 64), 99, np.uint8)] * 2)
    planned = plan_of(tmp_path, ("a.pgm", pgm), ("scans.zip", zip_of({"b.HEIC": heic, "c": pgm, "d.pgm": pgm[:400]})))
    names = ["a.pgm#1", "a.pgm#2", "a.pgm#3", "b.HEIC#1", "b.HEIC#2", "c#1", "c#2", "c#3", "d.pgm"]
    assert planned.names == names
    assert [(entry.page, entry.pages) for entry in planned.entries[3:5]] == [(0, 2), (1, 2)]
    assert planned.read(planned.entries[4]) == heic


def test_more_pictures_than_pages_are_allowed_refuse_the_file(tmp_path: Path) -> None:
    pgm = encoded(Image.new("L", (20, 20)), "PPM") * 4
    planned = plan_of(tmp_path, ("a.pgm", pgm), limits=replace(LIMITS, max_pages=3))
    assert planned.names == ["a.pgm"]
    refused = planned.entries[0].refused
    assert refused is not None
    assert refused.code is FailureCode.IMAGE_TOO_LARGE


def test_a_tiff_of_one_page_keeps_its_name(tmp_path: Path) -> None:
    assert plan_of(tmp_path, ("a.tif", tiff_of(1))).names == ["a.tif"]


@pytest.mark.parametrize("name", ["a", "a.scan", "folder.v2/a"])
def test_a_tiff_without_its_ending_is_known_by_its_first_bytes(tmp_path: Path, name: str) -> None:
    planned = plan_of(tmp_path, ("scans.zip", zip_of({name: tiff_of(2)})), (name, tiff_of(2)))
    assert planned.names == [f"{name}#1", f"{name}#2"] * 2


def test_as_many_pages_as_allowed_are_planned_and_one_more_refuses_the_file(tmp_path: Path) -> None:
    limits = replace(LIMITS, max_pages=3)
    assert plan_of(tmp_path, ("a.tif", tiff_of(3)), limits=limits).total == 3
    planned = plan_of(tmp_path, ("a.tif", tiff_of(4)), ("b.png", b"b"), limits=limits)
    assert planned.names == ["a.tif", "b.png"]
    refused = planned.entries[0].refused
    assert refused is not None
    assert refused.code is FailureCode.IMAGE_TOO_LARGE


def test_pages_count_as_images(tmp_path: Path) -> None:
    with pytest.raises(TooManyImages):
        plan_of(tmp_path, ("a.tif", tiff_of(4)), limits=replace(LIMITS, max_images=3))


@pytest.mark.parametrize("member", [
    Crafted(name="a.tif", data=tiff_of(3)[:50]),
    Crafted(name="a.tif", data=tiff_of(3), crc=1),
    Crafted(name="a.tif", data=tiff_of(3), packed=b"\xff\xff"),
    Crafted(name="a.tif", data=b"no TIFF at all"),
    Crafted(name="a", data=tiff_of(3), packed=b"\xff\xff"),
])  # fmt: skip
def test_a_damaged_tiff_is_one_entry_for_the_worker_to_judge(tmp_path: Path, member: Crafted) -> None:
    planned = plan_zip(tmp_path, craft([member, Crafted(name="b.png", data=b"b")]))
    assert planned.names == [member.name, "b.png"]
    assert planned.entries[0].refused is None


def test_pages_of_one_file_count_its_bytes_once_in_a_chunk(tmp_path: Path) -> None:
    tiff = tiff_of(4)
    planned = plan_of(tmp_path, ("a.tif", tiff), limits=replace(LIMITS, chunk_bytes=len(tiff) + 10))
    assert [len(chunk.entries) for chunk in planned.chunks] == [4]


def test_pages_of_many_files_are_not_all_held_before_the_first_chunk_is_given(tmp_path: Path) -> None:
    tiff = tiff_of(4)
    data = zip_of({f"{number}.tif": tiff for number in range(100)})
    limits = replace(LIMITS, chunk_images=4)
    plan = Plan(spooled(tmp_path, ("scans.zip", data)), limits, count_pages)
    chunks = plan.chunks()
    assert len(next(chunks).entries) == 4
    assert plan.total <= 8
    assert sum(len(chunk.entries) for chunk in chunks) == 396
