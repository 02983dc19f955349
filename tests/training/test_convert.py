from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import training.convert
from digitmill.models import runtime
from digitmill.models.engines.openvino import OpenVinoEngine, has_bf16
from digitmill.models.manifest import OPENVINO_WEIGHTS, EngineAgreement, Manifest, read_manifest
from digitmill.models.registry import Registry
from digitmill.models.runtime import load_model, open_model
from digitmill.settings import DeviceName, EngineName, PrecisionName
from training.convert import convert_and_compare, pictures_for_ranges, table
from training.pictures.data import Digits, Source, joined


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of a finished run."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture(scope="session")
def held_out(sources: tuple[Source, ...]) -> Digits:
    return joined([source.validation for source in sources])


def agreements(manifest: Manifest) -> dict[str, EngineAgreement]:
    return {each.precision: each for each in manifest.engines}


def test_a_converted_model_is_compared_with_keras_and_can_be_published(
    run: Path, held_out: Digits, tmp_path: Path
) -> None:
    images = held_out.images
    manifest = convert_and_compare(run, held_out, 1)
    assert read_manifest(run) == manifest
    in_f32 = agreements(manifest)["f32"]
    assert (in_f32.engine, in_f32.images, in_f32.same_labels) == ("openvino", len(images), len(images))
    assert in_f32.largest_difference < 1e-4
    assert ("bf16" in agreements(manifest)) == has_bf16()
    assert f"openvino f32: {len(images)} of {len(images)} labels" in table(manifest)

    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    registry.publish(manifest, run)
    model = load_model(registry, manifest.reference, device=DeviceName.CPU, precision=PrecisionName.F32)
    assert model.engine.name == "openvino"
    expected = open_model(manifest, run / "model.keras", threads=1).predict(images)
    np.testing.assert_allclose(model.predict(images), expected, atol=1e-4)


def test_an_engine_that_answers_otherwise_is_found_out(
    run: Path, held_out: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Upset(OpenVinoEngine):
        def probabilities(self, batch: NDArray[np.uint8], sure: object = 0.0) -> NDArray[np.float32]:
            return np.roll(super().probabilities(batch), 1, axis=1)

    monkeypatch.setattr(runtime, "OpenVinoEngine", Upset)
    manifest = convert_and_compare(run, held_out, 1)
    assert agreements(manifest)["f32"].same_labels == 0
    assert not manifest.agrees(EngineName.OPENVINO, PrecisionName.F32)
    assert "does not agree" in table(manifest)


def test_bf16_is_not_compared_on_a_cpu_that_lacks_it(
    run: Path, held_out: Digits, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(training.convert, "has_bf16", lambda: False)
    with caplog.at_level(logging.WARNING, "training.convert"):
        manifest = convert_and_compare(run, held_out, 1)
    assert list(agreements(manifest)) == ["f32", "int8"]
    assert "bf16" in caplog.text


def test_a_published_model_is_read_in_int8_and_hardly_differs(run: Path, held_out: Digits, tmp_path: Path) -> None:
    manifest = convert_and_compare(run, held_out, 1)
    registry = Registry(f"file://{tmp_path}/published", tmp_path / "cache")
    registry.publish(manifest, run)
    model = load_model(registry, manifest.reference, device=DeviceName.CPU, precision=PrecisionName.INT8)
    assert (model.engine.name, model.engine.precision) == ("openvino", "int8")
    expected = open_model(manifest, run / "model.keras", threads=1).predict(held_out.images)
    np.testing.assert_allclose(model.predict(held_out.images), expected, atol=0.05)
    quantised = registry.quantised(manifest.reference)
    assert quantised is not None
    assert quantised.weights.stat().st_size < (run / OPENVINO_WEIGHTS).stat().st_size / 2


def test_the_ranges_of_int8_are_taken_from_the_same_pictures_every_time(held_out: Digits) -> None:
    pictures = pictures_for_ranges(held_out)
    assert pictures.shape[1:] == (28, 28)
    np.testing.assert_array_equal(pictures, pictures_for_ranges(held_out))
