"""Zips of MNIST's test images as PNGs, stored, as people make them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

from PIL import Image

from digitmill.settings import Settings
from training.data import load_sources


def mnist_zip(settings: Settings, path: Path, images: int) -> None:
    """Write ``images`` PNGs of 28x28 to ``path``; beyond the 10,000 of MNIST's test part they begin again."""
    (mnist,) = load_sources(settings.data, seed=1, names=("mnist",))
    if mnist.test is None:
        raise ValueError("MNIST came without its test part")
    pictures = mnist.test.images
    pngs = [_png(Image.fromarray(picture)) for picture in pictures[:images]]
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(images):
            archive.writestr(f"{number:07}.png", pngs[number % len(pngs)])


def _png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
