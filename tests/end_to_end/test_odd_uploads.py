"""What offices, phones and programs send, each file as an upload of its own, through the whole service."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import httpx
import numpy as np
import pytest

from digitmill.client import ClientError
from tests.end_to_end.conftest import Stack
from tests.pdfs import dct, pdf, scan, written
from tests.pictures import drawn_digit

pytestmark = pytest.mark.service

FILES = Path(__file__).parents[1] / "imaging" / "files"
EXPECTED: dict[str, dict[str, str]] = {
    "7_white_strokes_on_transparent_canvas.png": {"": "7"},
    "4_bmp_v5_a0.bmp": {"": "4"},
    "4_bmp_32_v4_alphamask_alpha0.bmp": {"": "4"},
    "4_tiff_rgba_unassoc_a0.tif": {"": "4"},
    "4_thumb2nd.tif": {"": "4"},
    "4_pyramid.tif": {"": "4"},
    "4_mask2nd.tif": {"": "4"},
    "1_fax204x98_small.tif": {"": "1"},
    "7_fax204x98_small.tif": {"": "7"},
    "sjis.zip": {"4_用紙表.png": "4", "2_ソ能十.png": "2", "7_アンケート/解答用紙.png": "7"},
    "cp866.zip": {"4_анкета.png": "4", "2_Бланк/лист.png": "2"},
    "litter.zip": {"4_a.png": "4"},
    "trailing_newline.zip": {"4_a.png": "4", "2_b.png": "2"},
    "nfd_mac.zip": {"4_ガギグ_Prüfung.png": "4"},
    "scans.tar.gz": {"4_a.png": "4", "2_b.png": "2"},
    "4_img2pdf.pdf": {"": "4"},
    "4_iphone.heic": {"": "4"},
    "4.avif": {"": "4"},
    "4.jp2": {"": "4"},
    "4.jbg": {"": "unsupported_format"},
    "4_jpg_12bit.jpg": {"": "unsupported_format"},
    "4_rgb_webp.tif": {"": "unsupported_format"},
    "4_ojpeg_gray.tif": {"": "4"},
    "4_rgb_big_be.tif": {"": "4"},
    "4_jpg_no_eoi.jpg": {"": "4"},
    "2_one_bit_flipped_group4_blank.tif": {"": "truncated_image"},
    "a.7z": {"": "nested_archive"},
}
"""The answer, or the code of the failure, by the name of the row; "" is that of the file."""
REFUSED = {"7z_deflate64.zip": "Windows Explorer", "split.zip": "one volume of a split archive"}


def content(name: str) -> bytes:
    if (FILES / name).exists():
        return (FILES / name).read_bytes()
    with zipfile.ZipFile(FILES / "uploads.zip") as archive:
        return archive.read(name)


def answers(stack: Stack, name: str, data: bytes) -> dict[str, str | None]:
    with stack.client() as client:
        job = client.wait(client.submit([(name, io.BytesIO(data))]).id)
        rows = list(client.results(job.id))
    return {row.name: row.prediction or (row.error.code if row.error else row.status) for row in rows}


@pytest.mark.parametrize("name", EXPECTED)
def test_a_file_by_itself_comes_out_right(shared_stack: Stack, name: str) -> None:
    expected = {row or name: answer for row, answer in EXPECTED[name].items()}
    found = answers(shared_stack, name, content(name))
    assert found == expected


@pytest.mark.parametrize("name", REFUSED)
def test_an_upload_that_is_not_read_is_refused_with_the_cause(shared_stack: Stack, name: str) -> None:
    with shared_stack.client() as client, pytest.raises(ClientError, match=REFUSED[name]):
        client.submit([(name, io.BytesIO(content(name)))])


def test_a_large_pdf_is_read_page_by_page_and_each_page_is_shown(shared_stack: Stack) -> None:
    """A damaged page among them costs itself alone."""
    paper = np.full((1754, 1240), 235, np.uint8)
    paper[400:1000, 300:900] = np.minimum(drawn_digit(side=600), 235)
    page = dct(paper)
    pages = [scan(page, 150) for _ in range(40)]
    pages[17] = scan(type(page)(page.entries, page.data[:3000], page.size), 150)
    pages[23] = written("7")
    with shared_stack.client() as client:
        job = client.wait(client.submit([("copier.pdf", io.BytesIO(pdf(pages)))]).id)
        rows = list(client.results(job.id))
    assert [row.name for row in rows] == [f"copier.pdf#{number}" for number in range(1, 41)]
    assert rows[17].error is not None
    assert rows[17].error.code == "truncated_image"
    sound = [row for place, row in enumerate(rows) if place not in (17, 23)]
    assert len({(row.prediction, row.confidence) for row in sound}) == 1
    for index in (0, 23, 39):
        for view in ("thumbnail", "png", "original"):
            address = f"{shared_stack.url}/v1/jobs/{job.id}/results/{index}/image?view={view}"
            assert httpx.get(address, timeout=120).status_code == 200
