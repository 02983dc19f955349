"""Each answer belongs to its own image, wherever in the upload that lies."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from digitmill.domain.jobs import Options
from digitmill.work.pipeline import answer_chunk
from tests.archives import zip_of
from tests.core.conftest import DarkMeansSeven
from tests.pictures import drawn_digit, png
from tests.uploads.planning import plan_of

SEVEN = png(np.pad(np.zeros((40, 40), np.uint8), 20, constant_values=255))
ONE = png(drawn_digit(1))


def two(first: bytes, second: bytes) -> dict[str, bytes]:
    return {"a.png": first, "b.png": second}


def tar_gz(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue())


def with_directory_turned(data: bytes) -> bytes:
    """The zip of two members with their records in the directory the other way round."""
    start, second, end = data.index(b"PK\1\2"), data.rindex(b"PK\1\2"), data.rindex(b"PK\5\6")
    return data[:start] + data[second:end] + data[start:second] + data[end:]


UPLOADS = {
    "an archive in a zip, before an image": [("a.zip", zip_of({"in.zip": zip_of(two(SEVEN, SEVEN)), "1.png": ONE}))],
    "a packed tar before an image": [("a.tgz", tar_gz(two(SEVEN, SEVEN))), ("1.png", ONE)],
    "a packed tar before a zip": [("a.tgz", tar_gz(two(SEVEN, ONE))), ("b.zip", zip_of(two(ONE, SEVEN)))],
    "a directory of another order than its files": [("a.zip", with_directory_turned(zip_of(two(ONE, SEVEN))))],
}
ANSWERS = {
    "an archive in a zip, before an image": ["7", "7", "1"],
    "a packed tar before an image": ["7", "7", "1"],
    "a packed tar before a zip": ["7", "1", "1", "7"],
    "a directory of another order than its files": ["7", "1"],
}


@pytest.mark.parametrize("what", UPLOADS)
@pytest.mark.parametrize("broken", [False, True])
def test_answers_belong_to_their_images_wherever_these_lie(tmp_path: Path, what: str, broken: bool) -> None:
    more = [("broken.png", b"no image")] if broken else []
    planned = plan_of(tmp_path, *UPLOADS[what], *more)
    (chunk,) = planned.chunks
    answers = answer_chunk(
        chunk.entries,
        lambda start, end: planned.blob[start:end],
        DarkMeansSeven(),
        Options(review_below=0.0),
        max_member_bytes=1 << 20,
        max_pixels=1 << 20,
    )
    rows = answers.rows(0, [entry.name for entry in chunk.entries])
    assert [row.prediction for row in rows] == [*ANSWERS[what], *([None] if broken else [])]
