"""What every engine must do, in every precision."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from digitmill.models.choice import KERAS, OPENVINO_BF16, OPENVINO_F32, OPENVINO_INT8, Choice
from digitmill.models.engines.base import Converted, Engine
from digitmill.models.engines.keras import KerasEngine
from digitmill.models.engines.openvino import OpenVinoEngine, has_bf16
from digitmill.settings import DeviceName
from tests.models.published import random_images


@pytest.fixture(scope="module", params=[KERAS, OPENVINO_F32, OPENVINO_BF16, OPENVINO_INT8], ids="-".join)
def choice(request: pytest.FixtureRequest) -> Choice:
    chosen: Choice = request.param
    if chosen == OPENVINO_BF16 and not has_bf16():
        pytest.skip("this CPU has no bf16 arithmetic")
    return chosen


@pytest.fixture(scope="module")
def engine(choice: Choice, network: Path, converted: Converted, quantised: Converted) -> Engine:
    if choice == KERAS:
        return KerasEngine(network, classes=10, device=DeviceName.CPU, threads=1)
    return OpenVinoEngine(converted, classes=10, precision=choice[1], threads=1, int8=quantised)


def test_an_engine_says_what_it_is(engine: Engine, choice: Choice) -> None:
    assert (engine.name, engine.precision) == choice
    assert engine.device == "cpu"


@pytest.mark.parametrize("count", [0, 1, 2, 9, 16, 130, 511, 512, 513, 1025])
def test_every_row_gets_its_probabilities(engine: Engine, count: int) -> None:
    answer = engine.probabilities(random_images(count))
    assert answer.shape == (count, 10)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer.sum(axis=1), 1.0, atol=1e-5)


@pytest.mark.parametrize("count", [2, 7, 9, 17, 31, 32, 33, 100, 129, 300, 511, 513])
def test_an_answer_does_not_depend_on_its_neighbours(engine: Engine, count: int) -> None:
    images = random_images(count)
    alone = np.concatenate([engine.probabilities(images[row : row + 1]) for row in range(count)])
    assert alone.std(axis=0).max() > 1e-2, "the rows must differ, or the next line shows nothing"
    np.testing.assert_allclose(engine.probabilities(images), alone, atol=1e-5)


def test_a_view_that_is_not_contiguous_is_read_right(engine: Engine) -> None:
    images = random_images(40)
    np.testing.assert_allclose(engine.probabilities(images[::-2]), engine.probabilities(images)[::-2], atol=1e-5)


def test_pixels_that_must_not_be_written_are_read_right(engine: Engine) -> None:
    images = random_images(40)
    frozen = np.frombuffer(images.tobytes(), np.uint8).reshape(images.shape)
    np.testing.assert_allclose(engine.probabilities(frozen), engine.probabilities(images), atol=1e-5)


def test_an_answer_stays_as_it_is_when_the_next_is_given(engine: Engine) -> None:
    first = engine.probabilities(random_images(5))
    before = first.copy()
    engine.probabilities(random_images(5, seed=4))
    np.testing.assert_array_equal(first, before)


def test_warming_up_changes_no_answer(engine: Engine) -> None:
    before = engine.probabilities(random_images(40))
    engine.warm_up()
    np.testing.assert_array_equal(engine.probabilities(random_images(40)), before)


def test_several_threads_may_ask_at_once(engine: Engine) -> None:
    batches = [random_images(50, seed) for seed in range(8)]
    expected = [engine.probabilities(batch) for batch in batches]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(engine.probabilities, batches * 5))
    for place, answer in enumerate(answers):
        np.testing.assert_allclose(answer, expected[place % 8], atol=1e-5)


def test_pixels_reach_the_network_as_shares_of_white(engine: Engine, choice: Choice, network: Path) -> None:
    import keras

    images = random_images(300)
    expected = keras.saving.load_model(network)(images[..., None].astype(np.float32) / 255)
    fast = choice in (OPENVINO_BF16, OPENVINO_INT8)
    np.testing.assert_allclose(engine.probabilities(images), expected, atol=0.005 if fast else 1e-5)
