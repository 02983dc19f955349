"""Files that offices, phones and programs send, through the whole service to their answers."""

from __future__ import annotations

import io
from pathlib import Path

import httpx
import pytest

from tests.archives import zip_of
from tests.end_to_end.conftest import Stack
from tests.hostile.bombs import tiff_that_talks

pytestmark = pytest.mark.service

FILES = Path(__file__).parents[1] / "imaging" / "files"
EXPECTED = {
    "1_fax204x98_small.tif": "1",
    "7_fax204x98_small.tif": "7",
    "2_one_bit_flipped_group4_blank.tif": "truncated_image",
    "4.avif": "4",
    "4.jbg": "unsupported_format",
    "4.jp2": "4",
    "4_iphone.heic": "4",
    "4_jpg_12bit.jpg": "unsupported_format",
    "4_jpg_no_eoi.jpg": "4",
    "4_ojpeg_gray.tif": "4",
    "4_pyramid.tif": "4",
    "4_rgb_webp.tif": "unsupported_format",
    "7_white_strokes_on_transparent_canvas.png": "7",
    "base_4.png": "4",
    "talks.tif": "truncated_image",
}
MOST_LOG_BYTES = 50_000


def test_odd_files_come_out_right_and_fill_no_log(shared_stack: Stack) -> None:
    files = {name: (FILES / name).read_bytes() for name in EXPECTED if name != "talks.tif"}
    files["talks.tif"] = tiff_that_talks()
    before = {name: len(shared_stack.log(name)) for name in ("worker", "web")}
    with shared_stack.client() as client:
        job = client.wait(client.submit([("odd.zip", io.BytesIO(zip_of(files)))]).id)
        rows = list(client.results(job.id))
    assert {row.name: row.prediction or (row.error and row.error.code) for row in rows} == EXPECTED
    for row in rows:
        answer = httpx.get(f"{shared_stack.url}/v1/jobs/{job.id}/results/{row.index}/image?view=thumbnail", timeout=60)
        assert answer.status_code == (422 if row.error else 200)
    for name, length in before.items():
        assert len(shared_stack.log(name)) - length < MOST_LOG_BYTES
