"""Small data sets: printed digits, and digits as pen strokes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import normalise
from training.pictures.data import Digits, Source, split

Written = list[list[tuple[int, int]]]
"""Strokes of points (x, y), y upwards."""


def digits_of(each: int, *, seed: int = 1) -> Digits:
    """``each`` pictures of every digit, printed in several sizes and weights, in MNIST's form."""
    random = np.random.default_rng(seed)
    images = []
    for label in np.repeat(np.arange(10), each):
        sheet = np.zeros((60, 60), np.uint8)
        size, weight = random.uniform(1.2, 1.8), int(random.integers(2, 6))
        font = int(random.choice((cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX)))
        cv2.putText(sheet, str(label), (12, 48), font, size, 255, weight, cv2.LINE_AA)
        image = normalise(sheet, Polarity.LIGHT_ON_DARK)
        assert image is not None
        images.append(image)
    return Digits(np.stack(images), np.repeat(np.arange(10, dtype=np.uint8), each))


def source_of(name: str, each: int, test: Digits | None = None) -> Source:
    training, validation = split(digits_of(each), 5, seed=1)
    return Source(name, "CC0", training, validation, test)


def segment(label: str, strokes: Written) -> str:
    """A digit in the format UNIPEN, as UCI's pendigits has it."""
    lines = [f'.SEGMENT DIGIT    0 ? "{label}"', ".COMMENT 8 12  224"]
    for stroke in strokes:
        lines += [".PEN_DOWN", *(f" {x}  {y}" for x, y in stroke), ".PEN_UP", ".DT 100"]
    return "\n".join(lines) + "\n"


def release(folder: Path, file: str, writer: str, characters: Sequence[tuple[str, Written]]) -> Path:
    """One file of segments and one of strokes, as UNIPEN's release has them; the pen's way in the air counts too."""
    strokes, segments = [f".WRITER_ID {writer}", ".INCLUDE ../../site.doc"], [f".INCLUDE {file}"]
    parts = 0
    for label, written in characters:
        last = parts + 2 * len(written) - 2
        segments.append(f'.SEGMENT CHARACTER {parts if last == parts else f"{parts}-{last}"} OK "{label}"')
        for stroke in written:
            # time as a third number; a pen that is lifted and leaves no point is no part
            strokes += [".PEN_DOWN", *(f"\t{x} {y} 17" for x, y in stroke), ".PEN_UP", " 5 5 18", ".PEN_UP"]
            parts += 2
    paths = folder / "include" / file, folder / "data" / ("1a" if characters[0][0].isdigit() else "1c") / file
    for path, lines in zip(paths, (strokes, segments), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    return paths[1]
