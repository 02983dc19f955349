"""Pages of fax code: damage is told, never read as a blank page, and pixels that are no squares are made so."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitmill.errors import FailureCode, ItemFailure
from digitmill.imaging.files.decode import decode
from tests.hostile.bombs import tiff_that_talks
from tests.imaging.tiffs import RATIONAL, SHORT, grey_tags, written
from tests.pictures import Grey, bilevel, drawn_digit, encoded, png, to_be_turned

FILES = Path(__file__).parent / "files"
PLENTY = 1_000_000
PAGE = drawn_digit(4, 200)
# Prints the names, among its arguments, of files about which libtiff complains, as it does to whoever lets it
LISTEN = """
import os, sys, tempfile
from PIL import Image
for name in sys.argv[1:]:
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            Image.open(name).load()
        except OSError:
            pass
        if os.fstat(said.fileno()).st_size:
            print(name)
"""


def fax(grey: Grey, compression: str) -> bytes:
    return encoded(
        Image.fromarray(bilevel(grey)).convert("1", dither=Image.Dither.NONE), "TIFF", compression=compression
    )


def with_a_bit_flipped(data: bytes, seed: int) -> bytes:
    """In the code of the pixels, which lie behind the head."""
    with Image.open(io.BytesIO(data)) as page:
        tags = page.tag_v2  # type: ignore[attr-defined]
        start, length = tags[273][0], sum(tags[279])
    damaged = bytearray(data)
    place = random.Random(seed).randrange(8 * length)
    damaged[start + place // 8] ^= 1 << place % 8
    return bytes(damaged)


def code_of(data: bytes) -> FailureCode | None:
    try:
        decode(data, max_pixels=PLENTY)
    except ItemFailure as failure:
        return failure.failure
    return None


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_what_libtiff_complains_about_is_a_failure_and_nothing_is_written(
    tmp_path: Path, compression: str, capfd: pytest.CaptureFixture[str]
) -> None:
    sound = fax(PAGE, compression)
    files = {tmp_path / f"{seed}.tif": with_a_bit_flipped(sound, seed) for seed in range(300)}
    for path, data in files.items():
        path.write_bytes(data)
    done = subprocess.run([sys.executable, "-c", LISTEN, *map(str, files)], capture_output=True, text=True, check=True)
    complained_about = {Path(line) for line in done.stdout.splitlines()}
    assert 50 < len(complained_about) < len(files)
    codes = {path: code_of(data) for path, data in files.items()}
    assert {codes[path] for path in complained_about} == {FailureCode.TRUNCATED_IMAGE}
    assert set(codes.values()) == {FailureCode.TRUNCATED_IMAGE, None}
    # a sound page is read after all of them
    assert np.array_equal(decode(sound, max_pixels=PLENTY), bilevel(PAGE))
    assert capfd.readouterr().err == ""


def test_a_page_with_one_damaged_bit_that_came_out_blank_fails() -> None:
    with pytest.raises(ItemFailure) as caught:
        decode((FILES / "2_one_bit_flipped_group4_blank.tif").read_bytes(), max_pixels=PLENTY)
    assert caught.value.failure is FailureCode.TRUNCATED_IMAGE


def test_a_talkative_page_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ItemFailure) as caught:
        decode(tiff_that_talks(), max_pixels=50_000_000)
    assert caught.value.failure is FailureCode.TRUNCATED_IMAGE
    assert capfd.readouterr().err == ""


def tiff_of(grey: Grey, across: int, down: int, unit: int) -> bytes:
    tags = {**grey_tags(grey), 282: (RATIONAL, [across, 1]), 283: (RATIONAL, [down, 1]), 296: (SHORT, [unit])}
    return written([(tags, [grey.tobytes()])])


SAVING: dict[str, Callable[[Grey, int, int], bytes]] = {
    "tiff in inches": lambda grey, across, down: tiff_of(grey, across, down, 2),
    "tiff in centimetres": lambda grey, across, down: tiff_of(grey, across, down, 3),
    "tiff without a unit": lambda grey, across, down: tiff_of(grey, across, down, 1),
    "png": lambda grey, across, down: encoded(Image.fromarray(grey), "PNG", dpi=(across, down)),
    "jpeg": lambda grey, across, down: encoded(Image.fromarray(grey), "JPEG", dpi=(across, down), quality=95),
    "bmp": lambda grey, across, down: encoded(Image.fromarray(grey), "BMP", dpi=(across, down)),
}


@pytest.mark.parametrize("save", SAVING.values(), ids=SAVING.keys())
@pytest.mark.parametrize(("across", "down"), [(204, 98), (200, 100), (204, 391), (100, 200), (300, 100), (96, 72)])
def test_pixels_become_squares(save: Callable[[Grey, int, int], bytes], across: int, down: int) -> None:
    coarser, finer = sorted((across, down))
    sides = (200 * coarser // finer, 200) if across < down else (200, 200 * coarser // finer)
    squashed = np.asarray(Image.fromarray(PAGE).resize(sides, Image.Resampling.BOX))
    shown = decode(save(squashed, across, down), max_pixels=PLENTY)
    assert abs(shown.shape[0] - 200) <= 2
    assert abs(shown.shape[1] - 200) <= 2
    rows, columns = min(200, shown.shape[0]), min(200, shown.shape[1])
    assert np.abs(shown[:rows, :columns].astype(int) - PAGE[:rows, :columns]).mean() < 8


@pytest.mark.parametrize("save", SAVING.values(), ids=SAVING.keys())
@pytest.mark.parametrize(("across", "down"), [(204, 196), (300, 300), (72, 72), (1, 1), (1, 300), (600, 1)])
def test_what_is_nearly_square_or_cannot_be_meant_is_left_alone(
    save: Callable[[Grey, int, int], bytes], across: int, down: int
) -> None:
    assert decode(save(PAGE, across, down), max_pixels=PLENTY).shape == PAGE.shape


@pytest.mark.parametrize(("across", "down"), [(0, 0), (0, 300), (300, 0)])
def test_a_resolution_of_nothing_is_none(across: int, down: int) -> None:
    for unit in (1, 2, 3):
        assert decode(tiff_of(PAGE, across, down, unit), max_pixels=PLENTY).shape == PAGE.shape


def test_where_pixels_are_few_the_finer_side_gives_way() -> None:
    squashed = np.asarray(Image.fromarray(PAGE).resize((200, 100), Image.Resampling.BOX))
    assert decode(SAVING["png"](squashed, 200, 100), max_pixels=40_000).shape == (200, 200)
    assert decode(SAVING["png"](squashed, 200, 100), max_pixels=39_999).shape == (100, 100)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("kind", ["TIFF", "PNG"])
def test_a_page_on_its_side_is_stretched_along_its_own_axis(kind: str, orientation: int) -> None:
    """The resolution is that of the pixels as they are stored, before they are turned."""
    squashed = np.asarray(Image.fromarray(PAGE).resize((200, 100), Image.Resampling.BOX))
    assert decode(to_be_turned(squashed, orientation, kind, dpi=(200, 100)), max_pixels=PLENTY).shape == (200, 200)


def test_a_real_fax_is_as_high_as_it_was() -> None:
    assert decode((FILES / "1_fax204x98_small.tif").read_bytes(), max_pixels=PLENTY).shape == (79, 48)
    assert decode((FILES / "7_fax204x98_small.tif").read_bytes(), max_pixels=PLENTY).shape == (79, 60)
    assert decode(png(PAGE), max_pixels=PLENTY).shape == PAGE.shape
