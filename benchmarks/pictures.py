"""Zips of MNIST's test images, as people make them: small PNGs, and scans of 200x300 as PNG and JPEG."""

from __future__ import annotations

import io
import zipfile
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digitmill.settings import Settings
from training.pictures.data import load_sources

DIFFERENT_SCANS = 500
"""Scans are drawn so many times and then begin again: to draw more would take longer than to read them."""
SCAN = (300, 200)
DIGIT_SIDE = 112


class Kind(StrEnum):
    """What the images of a pile are."""

    SMALL = "28x28 PNG"
    SCAN = "200x300 PNG"
    JPEG = "200x300 JPEG"


def pile(settings: Settings, path: Path, images: int, kind: Kind = Kind.SMALL) -> None:
    """Write a zip of so many images to ``path``; beyond the 10,000 of MNIST's test part they begin again."""
    (mnist,) = load_sources(settings.data, seed=1, names=("mnist",))
    if mnist.test is None:
        raise ValueError("MNIST came without its test part")
    pictures = mnist.test.images[:images]
    if kind is Kind.SMALL:
        files = [_file(Image.fromarray(picture), "PNG") for picture in pictures]
    else:
        random = np.random.default_rng(1)
        form = "PNG" if kind is Kind.SCAN else "JPEG"
        files = [_file(_scan(picture, random), form) for picture in pictures[:DIFFERENT_SCANS]]
    ending = "jpg" if kind is Kind.JPEG else "png"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(images):
            archive.writestr(f"{number:07}.{ending}", files[number % len(files)])


def _scan(digit: NDArray[np.uint8], random: np.random.Generator) -> Image.Image:
    """The digit in dark ink somewhere on a page of 200x300, with the grain of a scanner."""
    ink = np.asarray(Image.fromarray(digit).resize((DIGIT_SIDE, DIGIT_SIDE), Image.Resampling.BICUBIC), np.float32)
    page = random.normal(235, 4, SCAN).astype(np.float32)
    top, left = (int(random.integers(0, side - DIGIT_SIDE)) for side in SCAN)
    page[top : top + DIGIT_SIDE, left : left + DIGIT_SIDE] -= 0.8 * ink
    return Image.fromarray(np.clip(page, 0, 255).astype(np.uint8))


def _file(image: Image.Image, form: str) -> bytes:
    file = io.BytesIO()
    image.save(file, form)
    return file.getvalue()
