"""Makes the sample of form pages again: ``python samples/pages.py DATA``, with mnist.npz below DATA.

A form is printed from ``tally-fields.csv``, as ``digitmill forms new`` does, filled in with digits of MNIST's test
part, and captured as scanners and phones take pages. ``tally-values.csv`` tells what is
written on them.
"""

from __future__ import annotations

import csv
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.forms.printed import DPI, PrintedPage, as_png, printed, wanted_of
from digitmill.forms.template import MarkField
from training.forms.capture import captured

HERE = Path(__file__).parent
A_ZIP_DATE = (2026, 1, 1, 0, 0, 0)
CHECKS = ("male + female == total", 'is_date(day, "DDMMYYYY")')
FIELDS = ("station", "day", "male", "female", "total", "open")
PAGES = (
    ("flatbed", "station-17.jpg", ("4092817", "14062026", "12", "45", "57", "yes")),
    ("phone", "station-18.jpg", ("4092818", "14062026", "208", "193", "401", "yes")),
    ("flatbed", "station-19.jpg", ("4092819", "15062026", "36", "51", "77", "no")),
    ("curled", "station-20.jpg", ("4092820", "15062026", "5", "9", "14", "no")),
)
"""How each page is captured, its name, and what is written in FIELDS: the sum of the third is wrong."""
MOST_SIDE, QUALITY = 1700, 70
"""Pixels of the longer side of a picture, and its quality as a JPEG: the sample is to be small."""
SEED = 11

Grey = NDArray[np.uint8]


def form() -> PrintedPage:
    with (HERE / "tally-fields.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    (page,) = printed(wanted_of(rows), "tally", title="Tally of a station", checks=CHECKS)
    return page


def filled_in(
    page: PrintedPage, values: Mapping[str, str], digits: Mapping[str, list[Grey]], random: Generator
) -> Grey:
    """The form with these values, numbers at the right of their boxes, by a pen of one thickness."""
    paper, tone = page.picture.copy(), int(random.integers(20, 90))
    for field in page.template.fields:
        if (value := values.get(field.name)) is None:
            continue
        if isinstance(field, MarkField):
            corners = np.array(field.options[value])
            (left, top), (right, bottom) = corners.min(axis=0).astype(int), corners.max(axis=0).astype(int)
            points = [(left, (top + bottom) // 2), ((left + right) // 2, bottom - 6), (right + 12, top - 12)]
            cv2.polylines(paper, [np.array(points, np.int32)], False, tone, 7, cv2.LINE_AA)
            continue
        for quad, letter in zip(field.quads[-len(value) :], value, strict=True):
            picture = digits[letter][int(random.integers(len(digits[letter])))]
            (left, top), (right, bottom) = np.array(quad).min(axis=0), np.array(quad).max(axis=0)
            side = round((bottom - top) * float(random.uniform(1.02, 1.12)))
            x = round((left + right - side) / 2 + float(random.uniform(-4, 4)))
            y = round((top + bottom - side) / 2 + float(random.uniform(-4, 4)))
            ink = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
            part = paper[y : y + side, x : x + side]
            np.minimum(part, (255 - (255 - tone) * np.clip(1.3 * ink, 0, 1)).astype(np.uint8), out=part)
    return paper


def as_jpeg(picture: Grey) -> bytes:
    scale = min(1.0, MOST_SIDE / max(picture.shape))
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return bytes(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])


def main() -> None:
    with np.load(Path(sys.argv[1]) / "mnist.npz") as arrays:
        images, labels = arrays["x_test"], arrays["y_test"]
    # the later half of MNIST's test part was written by hands of the harder kind
    digits = {str(digit): list(images[:5000][labels[:5000] == digit][:30]) for digit in range(10)}
    page, random = form(), np.random.default_rng(SEED)
    (HERE / "tally.json").write_text(page.template.as_json() + "\n")
    (HERE / "tally.png").write_bytes(as_png(np.asarray(page.picture)))
    with zipfile.ZipFile(HERE / "tally-pages.zip", "w") as archive:
        for kind, name, values in PAGES:
            filled = filled_in(page, dict(zip(FIELDS, values, strict=True)), digits, random)
            picture = captured(filled, DPI, kind, random).picture
            archive.writestr(zipfile.ZipInfo(name, A_ZIP_DATE), as_jpeg(picture))
    with (HERE / "tally-values.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("name", *FIELDS))
        writer.writerows((name, *values) for _, name, values in PAGES)


if __name__ == "__main__":
    main()
