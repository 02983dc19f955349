"""Each version of the normaliser makes the same pictures for ever: a model knows only those it was trained with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.imaging.normaliser.normalisers import Normaliser, held_versions, normalise_with_quality, normaliser_of
from digitmill.imaging.normaliser.v3 import normalise as v3

GOLDEN = {
    3: "3f8a218f7ee6c4ba078fdb50d7e99b5c8fcde52f82b1cc8ff35ef3ecae415209",
    4: "27ce3280abd27421eee06fc688ed2981b2e774ee8e8c13620100fc0fd8d0704d",
}
"""The sha256 of what each version makes of the scans below. One that is here once is never changed."""


def scans() -> Iterator[NDArray[np.uint8]]:
    """Drawn here from nothing, so that no change elsewhere moves a golden hash."""
    random = np.random.default_rng(3)
    for number in range(120):
        side = (28, 20, 45, 64, 97, 150, 301)[number % 7]
        paper, ink = 255 - int(random.integers(60)), int(random.integers(120))
        page = np.full((side, side - number % 5), paper, np.uint8)
        scale, thick = side / 34, max(1, side // int(random.integers(8, 20)))
        cv2.putText(page, str(number % 10), (side // 4, 4 * side // 5), cv2.FONT_HERSHEY_SIMPLEX, scale, (ink,), thick)
        if number % 3 == 1:  # a printed box, and a rule
            cv2.rectangle(page, (0, 0), (page.shape[1] - 1, side - 1), (ink // 2,), 1 + side // 60)
            cv2.line(page, (0, side - side // 4), (side, side - side // 4), (ink // 2,), 1)
        if number % 4 == 2:  # a full stop and dirt
            cv2.circle(page, (side - side // 6, 4 * side // 5), max(1, side // 20), (ink,), -1)
            page[side // 8, side // 8] = ink
        if number % 5 != 4:
            noise = random.integers(-6, 7, page.shape)
            page = np.clip(page.astype(np.int16) + noise, 0, 255).astype(np.uint8)
        yield np.invert(page) if number % 6 == 5 else page
    yield np.full((40, 40), 230, np.uint8)
    for number in range(120):
        yield cut_close(number, random)


def cut_close(number: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """A digit cut up to 6 pixels from its ink or into it, some faint, some in light that falls off."""
    page = np.zeros((140, 120), np.uint8)
    thick = int(random.integers(3, 14))
    cv2.putText(page, str(number % 10), (25, 110), cv2.FONT_HERSHEY_SIMPLEX, 3.4, 255, thick, cv2.LINE_AA)
    x, y, width, height = cv2.boundingRect(page)
    margin = int(random.integers(-3, 7))
    inked = page[y - margin : y + height + margin, x - margin : x + width + margin].astype(np.float64) / 255
    contrast = 14 if number % 5 == 3 else 150
    light = np.linspace(1, 0.6, inked.shape[1]) if number % 4 == 1 else 1.0
    scan = (225 - contrast * inked) * light + random.normal(0, 4 if number % 3 else 0, inked.shape)
    return np.clip(np.rint(scan), 0, 255).astype(np.uint8)


def hash_of(normaliser: Normaliser) -> str:
    found = hashlib.sha256()
    for scan in scans():
        for polarity in Polarity:
            picture, _ = normaliser(scan, polarity)
            found.update(b"blank" if picture is None else picture.tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("version", held_versions())
def test_every_version_of_the_normaliser_makes_the_pictures_that_it_always_made(version: int) -> None:
    assert hash_of(normaliser_of(version)) == GOLDEN.get(version)


def test_the_frozen_version_3_is_version_3() -> None:
    assert hash_of(lambda grey, polarity: (v3.normalise(grey, polarity), False)) == GOLDEN[3]


def test_the_newest_version_is_the_one_that_models_are_trained_with() -> None:
    assert held_versions()[-1] == NORMALISER_VERSION
    assert normaliser_of(NORMALISER_VERSION) is normalise_with_quality


def test_a_version_that_is_not_held_is_not_made_up() -> None:
    with pytest.raises(KeyError):
        normaliser_of(NORMALISER_VERSION + 1)
