"""What a scanner and its program do to a sheet: size, focus, noise, tones, black and white, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from training.scans.papers import Sheet
from training.scans.tables import noises, piece

Picture = NDArray[np.uint8]
Grey = NDArray[np.float32]

SMALLEST, USUAL, LARGEST = 8, 26, 80
"""Pixels of a digit's height: of a coarse scan, of 150 to 200 dots per inch, and of a fine one."""
LARGEST_SIDE = 130
"""Pixels of the longest side of a picture: more would only cost time."""
UNFOCUSED = 0.35
"""Copies of copies, telephones and thick books."""
NOISY = 0.5
"""Office scanners are quiet, telephones and cheap sensors are not."""
TONED = 0.25
"""Programs that stretch the contrast or brighten the paper."""
SPECKLED = 0.1
"""Dust on the glass, and fax lines."""
LEAST_FOR_COARSE_JPEG = 45.0
"""Mean grey levels of ink that survive the coarsest quality; paler ink is stored with 50 or more."""
COMPRESSED = 0.3
"""Scans kept as JPEG of a quality from 20 to 90."""

_GAMMAS = np.rint(255 * np.linspace(0, 1, 256) ** np.exp(np.linspace(-0.5, 0.5, 17))[:, None]).astype(np.uint8)


def resolution(height: int, side: int, random: Generator, *, bilevel: bool) -> float:
    """By how much to scale a picture of ``side`` pixels whose digit is ``height`` pixels high."""
    smallest = 16 if bilevel else SMALLEST
    target = min(max(USUAL * np.exp(random.normal(0, 0.5)), smallest), LARGEST)
    return float(min(target / height, LARGEST_SIDE / side))


def resized(ink: Picture, scale: float) -> Picture:
    """``ink`` scaled."""
    height, width = ink.shape
    size = (max(3, round(width * scale)), max(3, round(height * scale)))
    return np.asarray(cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR), np.uint8)


def digitised(sheet: Sheet, height: float, random: Generator, *, bilevel: bool) -> Picture:
    """The sheet as the scanner's program stores it.

    Args:
        height: pixels of the digit's height.
    """
    grey = sheet.grey
    if random.random() < UNFOCUSED:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.3 + height * random.uniform(0, 0.028)), np.float32)
    if random.random() < NOISY:
        grey = _noisy(grey, min(sheet.contrast * random.uniform(0.01, 0.15), 22), random)
    if bilevel:
        picture = _bilevel(grey, sheet, random)
    else:
        picture = np.asarray(cv2.convertScaleAbs(grey), np.uint8)
        if random.random() < TONED:
            picture = _toned(picture, random)
    if random.random() < SPECKLED:
        _speckle(picture, random)
    if random.random() < COMPRESSED and not bilevel:
        quality = int(random.integers(20 if sheet.contrast > LEAST_FOR_COARSE_JPEG else 50, 91))
        stored = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE), np.uint8)
    return picture


def _noisy(grey: Grey, deviation: float, random: Generator) -> Grey:
    noise = piece(noises(), grey.shape, random)
    noisy = cv2.addWeighted(grey, 1, noise, deviation / 32, -128 / 32 * deviation, dtype=cv2.CV_32F)
    return np.asarray(noisy, np.float32)


def _bilevel(grey: Grey, sheet: Sheet, random: Generator) -> Picture:
    """Black and white, sometimes from a threshold too dark or too light."""
    part = random.uniform(0.3, 0.62) if random.random() < 0.75 else random.uniform(0.2, 0.75)
    picture = cv2.threshold(grey, sheet.paper - part * sheet.contrast, 255, cv2.THRESH_BINARY)[1]
    return np.asarray(picture, np.uint8)


def _toned(picture: Picture, random: Generator) -> Picture:
    """Another gamma, and less or more contrast."""
    draws = random.random(3).tolist()
    low, high = 50 * draws[0], 215 + 50 * draws[1]
    curved = cv2.LUT(picture, _GAMMAS[int(draws[2] * len(_GAMMAS))])
    return np.asarray(cv2.convertScaleAbs(curved, alpha=(high - low) / 255, beta=low), np.uint8)


def _speckle(picture: Picture, random: Generator) -> None:
    """Black and white pixels on up to two in a hundred, in place."""
    count = 1 + int(random.random() ** 2 * 0.02 * picture.size)
    places = random.integers(0, picture.size, count)
    picture.ravel()[places] = np.where(random.random(count) < 0.6, 0, 255)
