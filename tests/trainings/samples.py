"""Labelled images by the dozen, which a network learns in seconds."""

from __future__ import annotations

import io
import zipfile

import cv2
import numpy as np

SIDE = 48


def written(digit: int, random: np.random.Generator) -> bytes:
    """A digit as some pen might write it, as a PNG."""
    page = np.full((SIDE, SIDE), 245, np.uint8)
    place = int(random.integers(8, 16)), int(random.integers(34, 42))
    scale, thickness = float(random.uniform(0.9, 1.2)), int(random.integers(2, 4))
    cv2.putText(page, str(digit), place, cv2.FONT_HERSHEY_SIMPLEX, scale, (30,), thickness)
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), float(random.uniform(-12, 12)), float(random.uniform(0.8, 1)))
    return bytes(cv2.imencode(".png", cv2.warpAffine(page, turn, (SIDE, SIDE), borderValue=(245,)))[1])


def labelled_zip(each: int = 12, seed: int = 1) -> bytes:
    """So many images of each digit, in a folder for each digit."""
    random, content = np.random.default_rng(seed), io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for digit in range(10):
            for number in range(each):
                archive.writestr(f"{digit}/{number}.png", written(digit, random))
    return content.getvalue()
