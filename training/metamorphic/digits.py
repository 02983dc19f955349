"""The digits at hand as raw grey pictures at the size of scans, with paper around them.

Small pictures are enlarged smoothly. Where there is no data folder the repository's samples take their place.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from digitmill.domain.rows import DIGITS
from digitmill.errors import TrainingError
from digitmill.imaging.files.decode import decode
from training.metamorphic.pictures import Grey, grey, pen_width
from training.pictures.boxes import BOXES_FILE, boxes_of
from training.pictures.data import NATURAL_WIDTH
from training.pictures.mislabelled import mislabelled
from training.pictures.pen_sources import UNIPEN_FOLDER, UNSOUND
from training.pictures.unipen import drawn, read_release

LEAST_SIDE, MOST_SIDE = 64, 110
"""Pixels of the longer side of a digit's picture once it is enlarged, before paper is laid around it."""
PAPER_AROUND = 14
"""Pixels of paper laid around what is enlarged: more than the widest cut leaves."""
NOISE = 4.0
"""Most grey levels of the grain of paper; half of the pictures have none."""
SMALL_SETS = {"usps": "usps_train.npz", "optdigits": "optdigits32.npz", "semeion": "semeion.npz"}
STRETCHED = "semeion"
SAMPLES = Path(__file__).parents[2] / "samples" / "digits.zip"
LARGEST_SAMPLE = 1_000_000
"""Pixels."""
DRAWN_SEVENS, THICK = 400, 2000


@dataclass(frozen=True)
class Digit:
    """``picture`` uint8 [height, width], dark ink on light paper; ``label`` 0 to 9; ``name`` tells it from others."""

    source: str
    name: str
    label: int
    picture: Grey


def digits_of(data: Path | None, most: int, random: Generator) -> list[Digit]:
    """Up to ``most`` digits of every set in the folder ``data``, or the samples where it is None, and drawn sevens.

    Raises:
        TrainingError: a set is there and cannot be read, or the folder has none.
    """
    found = list(sample_digits(random) if data is None else _of_folder(data, most, random))
    if not found:
        raise TrainingError(f"{data} holds no set of digits. Point DIGITMILL_DATA at a folder with mnist.npz.")
    found += list(thick(found[: min(most, THICK)], random))
    return [*found, *two_stroke_sevens(min(most, DRAWN_SEVENS), random)]


def _of_folder(data: Path, most: int, random: Generator) -> Iterator[Digit]:
    if (data / "mnist.npz").is_file():
        images, labels = _arrays(data / "mnist.npz", "x_test", "y_test")
        yield from _enlarged_all("mnist", images, labels, most, random)
    for name, file in SMALL_SETS.items():
        path = data / "digits" / file
        if path.is_file():
            images, labels = _arrays(path, "images", "labels")
            yield from _enlarged_all(name, images, labels, most, random)
    if (data / UNIPEN_FOLDER).is_dir():
        yield from _pens(data / UNIPEN_FOLDER, most, random)
    for folder in sorted(path.parent for path in (data / "forms").glob(f"*/{BOXES_FILE}")):
        for number, box in enumerate(boxes_of(folder)):
            if box.label in DIGITS:
                yield Digit(f"forms/{folder.name}", f"{folder.name} {number}", int(box.label), box.crop)


def _arrays(path: Path, images: str, labels: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return archive[images], archive[labels]
    except (ValueError, OSError, EOFError, KeyError) as error:
        raise TrainingError(f"{path} has no arrays {images} and {labels}: {error}. Put the set there again.") from error


def _enlarged_all(
    source: str, images: NDArray[np.uint8], labels: NDArray[np.uint8], most: int, random: Generator
) -> Iterator[Digit]:
    # the list of those of MNIST is about its training part
    wrong = mislabelled(source, labels) if source != "mnist" else np.zeros(len(labels), bool)
    rows = random.permutation(np.flatnonzero(~wrong))[:most]
    for row in rows.tolist():
        light = images[row]
        if source == STRETCHED:
            side = light.shape[0]
            light = grey(cv2.resize(light, (round(side * NATURAL_WIDTH * 3), side * 3)))
        yield Digit(source, f"{source} {row}", int(labels[row]), enlarged(light, random))


def _pens(folder: Path, most: int, random: Generator) -> Iterator[Digit]:
    """Digits of UNIPEN from files in random order, so that any number of them has many writers."""
    files = [path for path in sorted((folder / "data" / "1a").rglob("*.dat")) if UNSOUND not in path.parts]
    left = most
    for place in random.permutation(len(files)).tolist():
        characters = read_release(folder, files[place], DIGITS)[:left]
        left -= len(characters)
        for number, each in enumerate(characters):
            name = f"unipen {files[place].parent.name}/{files[place].stem} {number}"
            yield Digit("unipen", name, int(each.label), enlarged(drawn(each, random), random))
        if not left:
            return


def sample_digits(random: Generator) -> Iterator[Digit]:
    """Those of the repository's samples; the pages' boxes as they were scanned, MNIST's enlarged."""
    with zipfile.ZipFile(SAMPLES) as archive:
        for name in sorted(archive.namelist()):
            label, source, *_ = name.split("_")
            if label not in DIGITS:
                continue
            picture = decode(archive.read(name), max_pixels=LARGEST_SAMPLE)
            # MNIST's are of light ink
            shown = enlarged(picture, random) if np.median(picture) < 128 else picture
            yield Digit(f"samples/{source}", name, int(label), shown)


def enlarged(light: Grey, random: Generator) -> Grey:
    """A small picture of light ink on 0, as a scan of dark ink on light paper with paper around it."""
    side = int(random.integers(LEAST_SIDE, MOST_SIDE + 1))
    factor = side / max(light.shape)
    # a rim of paper, so that strokes at the edge become round there too
    smooth = cv2.resize(np.pad(light, 2), None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    paper, ink = int(random.integers(215, 256)), int(random.integers(10, 80))
    return on_paper(np.asarray(smooth, np.float64) / 255, paper, ink, random)


def on_paper(ink_share: NDArray[np.float64], paper: int, ink: int, random: Generator) -> Grey:
    """``ink_share`` [height, width] from 0 to 1, in grey levels, with paper around it and in half of them its grain."""
    values = np.pad(paper - ink_share * (paper - ink), PAPER_AROUND, constant_values=paper)
    if random.random() < 0.5:
        values = values + random.normal(0, random.uniform(0, NOISE), values.shape)
    return grey(values)


def thick(digits: Iterable[Digit], random: Generator) -> Iterator[Digit]:
    """``digits`` that are dark on even paper, in thick black strokes on white."""
    for digit in digits:
        if min(digit.picture.shape) < LEAST_SIDE // 2:
            continue
        wide = max(2, round(pen_width(digit.picture) * random.uniform(0.1, 0.4)))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (wide, wide))
        thicker = cv2.erode(np.pad(digit.picture, wide, mode="edge"), kernel)
        level = (int(thicker.min()) + int(np.percentile(thicker, 90))) / 2
        clean = cv2.GaussianBlur(grey(255 * (thicker > level)), (3, 3), 0)
        yield Digit("thick on white", f"thick {digit.name}", digit.label, grey(clean))


def two_stroke_sevens(count: int, random: Generator) -> Iterator[Digit]:
    """Sevens of two straight strokes, a bar and a slanted stem, such as cropping scripts cut from forms."""
    for number in range(count):
        height = int(random.integers(60, 121))
        width = round(height * random.uniform(0.45, 0.8))
        pen = max(2, round(height * random.uniform(0.05, 0.12)))
        rise = round(height * random.uniform(-0.04, 0.04))
        foot = round(width * random.uniform(0.1, 0.55))
        room = pen + abs(rise)
        canvas = np.zeros((height + 2 * room, width + 2 * room), np.uint8)
        corner = (room + width, room + rise)
        cv2.line(canvas, (room, room), corner, 255, pen, cv2.LINE_AA)
        cv2.line(canvas, corner, (room + foot, room + height), 255, pen, cv2.LINE_AA)
        share = cv2.GaussianBlur(canvas, (0, 0), random.uniform(0.4, 1.2)) / 255
        paper, ink = int(random.integers(225, 256)), int(random.integers(20, 70))
        yield Digit("drawn sevens", f"seven {number}", 7, on_paper(share, paper, ink, random))
