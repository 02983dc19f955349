"""The built-in model answers alike in every engine and precision that may be taken without being named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from digitmill.domain.jobs import Polarity
from digitmill.imaging.normaliser.normalise import normalise
from digitmill.models.choice import KERAS, OPENVINO_BF16, OPENVINO_F32, OPENVINO_INT8, Choice
from digitmill.models.engines.openvino import has_bf16
from digitmill.models.manifest import LARGEST_DIFFERENCE
from digitmill.models.registry import Registry
from digitmill.models.runtime import load_model
from digitmill.settings import DeviceName, Settings
from tests.pictures import drawn_digit

DOWNLOADED = Path.home() / ".keras" / "datasets" / "mnist.npz"

Images = NDArray[np.uint8]


def answers(choice: Choice, images: Images) -> NDArray[np.float32]:
    registry = Registry("memory://nothing", Path("unused"))
    engine, precision = choice
    model = load_model(
        registry, registry.default().reference, engine=engine, device=DeviceName.CPU, precision=precision
    )
    assert (model.engine.name, model.engine.precision) == choice
    return model.predict(images)


def assert_alike(choice: Choice, images: Images) -> None:
    if choice == OPENVINO_BF16 and not has_bf16():
        pytest.skip("this CPU has no bf16 arithmetic")
    if choice == OPENVINO_INT8 and not Registry("memory://nothing", Path("unused")).default().artifact(*OPENVINO_INT8):
        pytest.skip("it was published without int8")
    expected, found = answers(KERAS, images), answers(choice, images)
    np.testing.assert_array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    np.testing.assert_allclose(found.max(axis=1), expected.max(axis=1), atol=LARGEST_DIFFERENCE)


def test_its_manifest_lets_openvino_answer_in_both_precisions() -> None:
    manifest = Registry("memory://nothing", Path("unused")).default()
    assert manifest.agrees(*OPENVINO_F32)
    assert manifest.agrees(*OPENVINO_BF16)


@pytest.mark.parametrize("choice", [OPENVINO_F32, OPENVINO_BF16, OPENVINO_INT8], ids="-".join)
def test_printed_digits_are_read_alike(choice: Choice) -> None:
    scans = [drawn_digit(value, side, ink=ink) for value in range(10) for side in (40, 64, 90) for ink in (20, 120)]
    pictures = [picture for scan in scans if (picture := normalise(scan, Polarity.AUTO)) is not None]
    assert len(pictures) > 50
    assert_alike(choice, np.stack(pictures))


@pytest.mark.parametrize("choice", [OPENVINO_F32, OPENVINO_BF16, OPENVINO_INT8], ids="-".join)
def test_the_test_images_of_mnist_are_read_alike(choice: Choice) -> None:
    folder = Settings.load().data
    source = folder / "mnist.npz" if folder else DOWNLOADED
    if not source.is_file():
        pytest.skip("no mnist.npz: set DIGITMILL_DATA, or let `python -m training evaluate` download it once")
    with np.load(source) as arrays:
        images = arrays["x_test"]
    assert len(images) == 10_000
    assert_alike(choice, images)
