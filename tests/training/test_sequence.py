"""What a sequence network learns from, how it is built and converted, and what it weighs."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from digitmill.domain.rows import DIGITS
from digitmill.models.engines.base import Converted
from digitmill.models.engines.sequence import OpenVinoSequence
from digitmill.strips.lattice import DASH, POINT, SIGN
from digitmill.strips.sequence import HEIGHT, MARK, OUTPUTS, WIDTHS
from training.pictures.data import Digits
from training.strips.hands import Hands
from training.strips.sequence import batches, drawn, label_of
from training.strips.sequence_make import Both, weight_of
from training.strips.sequence_network import built, converted, taught
from training.strips.strange import StrangeComposer


@pytest.fixture(scope="module")
def hands() -> Hands:
    """Each digit a block of its own height."""
    images = np.zeros((40, 28, 28), np.uint8)
    for number in range(40):
        images[number, 4:24, 10 : 12 + number % 10] = 200
    return Hands(Digits(images, np.arange(40, dtype=np.uint8) % 10))


def test_points_are_nothing_and_other_marks_a_mark() -> None:
    assert label_of(f"{SIGN}1{POINT}0{DASH}9") == [MARK, 2, 1, MARK, 10]


def test_something_strange_stands_in_each_strip_beside_its_digits(hands: Hands) -> None:
    composer, random = StrangeComposer(hands), np.random.default_rng(3)
    for _ in range(60):
        strip = composer.draw(random)
        assert set(strip.characters) & {SIGN, DASH}
        assert strip.text == "".join(each for each in strip.characters if each in DIGITS)
        assert len(strip.boxes) == len(strip.characters)


def test_a_batch_has_each_strip_with_its_label_and_room_around(hands: Hands) -> None:
    strips = drawn(hands, 40, np.random.default_rng(1))
    assert all(each.shape[0] == HEIGHT and each.shape[1] % WIDTHS == 0 for each in strips.pictures)
    found = list(batches(strips, np.random.default_rng(2)))
    assert sum(len(each.pixels) for each in found) == 40
    rows = [pair for each in found for pair in zip(each.labels.tolist(), each.lengths.tolist(), strict=True)]
    assert sorted(row[:length] for row, length in rows) == sorted(strips.labels)
    assert all(each.pixels.min() >= 0 and each.pixels.max() <= 1 for each in found)


def test_the_network_learns_and_answers_in_openvino_as_in_keras(hands: Hands, tmp_path: Path) -> None:
    network = taught(drawn(hands, 64, np.random.default_rng(1)), 1, 1, 1)
    before = built().get_weights()
    assert [each.shape for each in network.get_weights()] == [each.shape for each in before]
    files = Converted(tmp_path / "sequence.xml", tmp_path / "sequence.bin")
    converted(network, files)
    engine = OpenVinoSequence(files, 1.0, 1)
    for width in (32, 96):
        picture = np.random.default_rng(width).integers(0, 256, (HEIGHT, width), np.uint8)
        expected = keras.ops.log_softmax(network(picture[None, :, :, None].astype(np.float32) / 255))[0]
        found = engine.columns(picture)
        assert found.shape == (width // 4, OUTPUTS)
        assert np.abs(found - np.asarray(expected)).max() < 1e-3


def test_the_network_weighs_more_where_it_is_right_more_often() -> None:
    def strip(right: int) -> Both:
        return Both(np.log([0.6, 0.4]), np.log([0.2, 0.8]), np.arange(2) == right)

    trusted = weight_of([strip(1)] * 9 + [strip(0)])
    doubted = weight_of([strip(1)] * 5 + [strip(0)] * 5)
    assert trusted > doubted
    assert weight_of([Both(np.zeros(2), np.zeros(2), np.zeros(2, bool))]) >= 0
