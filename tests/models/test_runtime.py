from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from pydantic import ValidationError

from digitmill.domain.rows import DIGITS, KINDS
from digitmill.errors import EngineUnavailable, ModelRejected
from digitmill.imaging.normaliser.normalise import NORMALISER_VERSION
from digitmill.models.engines.base import Batch, Converted, Probabilities
from digitmill.models.manifest import OPENVINO_GRAPH, OPENVINO_WEIGHTS, EngineAgreement
from digitmill.models.registry import Registry
from digitmill.models.runtime import Model, calibrate, load_model, of_digits, open_converted, open_model
from digitmill.settings import DeviceName, EngineName, PrecisionName
from tests.models.published import manifest_of, openvino_of, random_images

TEMPERATURES = st.floats(0.2, 5.0)


@st.composite
def answers(draw: st.DrawFn) -> NDArray[np.float32]:
    """Rows of probabilities, some of them certain."""
    weights = draw(arrays(np.float64, (3, 10), elements=st.one_of(st.just(0.0), st.floats(1e-12, 1.0), st.just(1e6))))
    weights[:, 4] += 1e-6
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


ANSWER = np.array([0.4, 0.3, 0.1, 0, 0, 0, 0, 0, 0, 0, 0.2], np.float32)
"""Of ten digits and a class for what is none."""


class OneAnswer:
    """An engine that says the same of every image."""

    name, device, precision = "one", "cpu", "f32"

    def probabilities(self, batch: Batch, sure: NDArray[np.float64] | float = 0.0) -> Probabilities:
        return np.tile(ANSWER, (len(batch), 1))

    def warm_up(self) -> None:
        return


@given(answers())
def test_a_temperature_of_one_changes_nothing(probabilities: NDArray[np.float32]) -> None:
    np.testing.assert_allclose(calibrate(probabilities, 1.0), probabilities, atol=1e-6)


@given(answers(), TEMPERATURES)
def test_calibrated_rows_are_probabilities(probabilities: NDArray[np.float32], temperature: float) -> None:
    calibrated = calibrate(probabilities, temperature)
    assert calibrated.dtype == np.float32
    assert np.isfinite(calibrated).all()
    assert (calibrated >= 0).all()
    np.testing.assert_allclose(calibrated.sum(axis=1), 1.0, atol=1e-5)


@given(answers(), TEMPERATURES)
def test_the_order_of_classes_is_kept(probabilities: NDArray[np.float32], temperature: float) -> None:
    order = np.argsort(probabilities, axis=1, kind="stable")
    calibrated = np.take_along_axis(calibrate(probabilities, temperature), order, axis=1)
    assert (np.diff(calibrated, axis=1) >= 0).all()


def test_a_temperature_of_two_takes_square_roots() -> None:
    calibrated = calibrate(np.array([[0.64, 0.36]], np.float32), 2.0)
    np.testing.assert_allclose(calibrated, [[0.8 / 1.4, 0.6 / 1.4]], rtol=1e-6)


def test_a_model_answers_with_the_temperature_of_its_manifest() -> None:
    model = Model(manifest_of(b"x", temperature=2.0, classes=(*DIGITS, "none")), OneAnswer())
    expected = np.sqrt(ANSWER) / np.sqrt(ANSWER).sum()
    np.testing.assert_allclose(model.predict(np.zeros((2, 28, 28), np.uint8)), [expected] * 2, rtol=1e-6, atol=1e-12)


def test_what_is_no_digit_is_missing_from_the_sum_of_the_digits() -> None:
    model = Model(manifest_of(b"x", temperature=1.0, classes=(*DIGITS, "none")), OneAnswer())
    predicted = model.predict(np.zeros((1, 28, 28), np.uint8))
    assert predicted.sum() == pytest.approx(1.0)
    assert of_digits(predicted).sum() == pytest.approx(0.8)


def test_no_images_get_no_answers() -> None:
    model = Model(manifest_of(b"x", classes=(*DIGITS, "none")), OneAnswer())
    assert model.predict(np.zeros((0, 28, 28), np.uint8)).shape == (0, 11)


@pytest.mark.parametrize("classes", [("a", "b"), tuple("1234567890"), tuple("012345678")])
def test_the_classes_of_a_model_begin_with_the_digits_in_order(classes: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="must begin with 0 1 2 3 4 5 6 7 8 9, in this order"):
        manifest_of(b"x", classes=classes)


@pytest.mark.parametrize("kinds", [("cross",), KINDS, KINDS[::-1], ("none",), ()])
def test_behind_the_digits_come_the_kinds_in_any_order(kinds: tuple[str, ...]) -> None:
    assert Model(manifest_of(b"x", classes=(*DIGITS, *kinds)), OneAnswer()).classes == (*DIGITS, *kinds)


@pytest.mark.parametrize("kinds", [("letter",), ("cross", "cross"), ("none", "cross"), ("1",)])
def test_a_class_that_no_row_could_name_is_refused(kinds: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="behind the alphabet may come"):
        manifest_of(b"x", classes=(*DIGITS, *kinds))


@pytest.mark.parametrize("doubtful_cut", [-0.1, 1.1])
def test_a_doubtful_cut_makes_nothing_surer(doubtful_cut: float) -> None:
    assert manifest_of(b"x").doubtful_cut == 1.0
    with pytest.raises(ValidationError, match="doubtful_cut"):
        manifest_of(b"x", doubtful_cut=doubtful_cut)


def test_a_published_model_is_loaded_by_its_reference(network: Path, tmp_path: Path) -> None:
    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    manifest = manifest_of(network.read_bytes())
    registry.publish(manifest, network.parent)
    model = load_model(registry, manifest.reference, device=DeviceName.CPU)
    assert model.manifest == manifest
    assert (model.engine.name, model.engine.device, model.engine.precision) == ("keras", "cpu", "f32")


def test_what_was_converted_when_it_was_published_answers_as_it_is(
    network: Path, converted: Converted, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    (folder / "openvino").mkdir(parents=True)
    sources = (network, converted.graph, converted.weights)
    contents = [path.read_bytes() for path in sources]
    for file, content in zip(("model.keras", OPENVINO_GRAPH, OPENVINO_WEIGHTS), contents, strict=True):
        (folder / file).write_bytes(content)
    sha256 = [hashlib.sha256(content).hexdigest() for content in contents]
    agreement = EngineAgreement(
        engine=EngineName.OPENVINO, precision=PrecisionName.F32, images=9, same_labels=9, largest_difference=0.0
    )
    artifacts = openvino_of(sha256[1], sha256[2])
    manifest = manifest_of(contents[0], artifacts=artifacts, engines=(agreement,))
    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    registry.publish(manifest, folder)
    model = load_model(registry, manifest.reference, device=DeviceName.CPU)
    assert (model.engine.name, model.engine.device, model.engine.precision) == ("openvino", "cpu", "f32")
    images = random_images(20)
    expected = open_model(manifest, network, threads=1).predict(images)
    np.testing.assert_allclose(model.predict(images), expected, atol=1e-5)
    assert not list((tmp_path / "cache").glob("*.openvino")), "nothing is converted twice"


def test_a_model_published_without_a_conversion_is_converted_at_first_use(network: Path, tmp_path: Path) -> None:
    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    manifest = manifest_of(network.read_bytes())
    registry.publish(manifest, network.parent)
    model = load_model(registry, manifest.reference, engine=EngineName.OPENVINO, device=DeviceName.CPU)
    images = random_images(20)
    expected = open_model(manifest, network, threads=1).predict(images)
    np.testing.assert_allclose(model.predict(images), expected, atol=1e-5)
    folder = tmp_path / "cache" / f"{manifest.sha256}.openvino"
    assert sorted(path.name for path in folder.iterdir()) == ["model.bin", "model.xml"]


def test_a_model_of_another_normaliser_is_refused(network: Path, tmp_path: Path) -> None:
    manifest = manifest_of(network.read_bytes(), normaliser=NORMALISER_VERSION + 1)
    with pytest.raises(ModelRejected, match="normaliser"):
        open_model(manifest, network, threads=1)
    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    registry.publish(manifest, network.parent)
    with pytest.raises(ModelRejected, match="normaliser"):
        load_model(registry, manifest.reference, engine=EngineName.OPENVINO)


def test_a_gpu_that_is_not_there_is_an_error(network: Path, tmp_path: Path) -> None:
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    manifest = manifest_of(network.read_bytes())
    registry.publish(manifest, network.parent)
    with pytest.raises(EngineUnavailable, match="DIGITMILL_DEVICE"):
        load_model(registry, manifest.reference, device=DeviceName.GPU)


@pytest.mark.parametrize("doubtful_cut", [1.0, 0.98])
@pytest.mark.parametrize("temperature", [0.8, 1.0, 1.5])
def test_a_fast_precision_puts_no_row_on_the_other_side_of_the_review_threshold(
    network: Path, converted: Converted, quantised: Converted, temperature: float, doubtful_cut: float
) -> None:
    manifest = manifest_of(network.read_bytes(), temperature=temperature, review_below=0.97, doubtful_cut=doubtful_cut)
    images = random_images(2000)
    exact, fast = (
        open_converted(manifest, converted, quantised, precision=precision, threads=1).predict(images).max(axis=1)
        for precision in (PrecisionName.F32, PrecisionName.INT8)
    )
    assert (exact != fast).any()
    for least in (0.97, 0.97 / doubtful_cut):
        np.testing.assert_array_equal(exact >= least, fast >= least)
