from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from digitmill.errors import EngineUnavailable, ModelRejected
from digitmill.models.engines import conversion
from digitmill.models.engines.base import Converted
from digitmill.models.engines.conversion import convert_apart
from tests.models.published import save_network


def test_weights_stay_as_precise_as_they_were(network: Path, converted: Converted) -> None:
    import keras

    weights = [weight for weight in keras.saving.load_model(network).get_weights() if weight.ndim == 2]
    assert len(weights) == 1
    assert np.float32(weights[0]).tobytes() in converted.weights.read_bytes()


def test_two_processes_may_convert_at_once_and_none_after_them(
    network: Path, converted: Converted, tmp_path: Path
) -> None:
    folder = tmp_path / "cache" / "small.openvino"
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda _: convert_apart(network, folder, 10), range(2)))
    for files in (*found, convert_apart(tmp_path / "gone.keras", folder, 10)):
        assert files.weights.read_bytes() == converted.weights.read_bytes()
        assert files.graph.is_file()
    assert [path.name for path in folder.parent.iterdir()] == ["small.openvino"]


def test_a_network_of_another_shape_is_refused_with_the_reason(tmp_path: Path) -> None:
    path = save_network(tmp_path / "model.keras", side=32)
    with pytest.raises(ModelRejected, match="28, 28"):
        convert_apart(path, tmp_path / "converted", 10)
    assert not (tmp_path / "converted").exists()


def test_without_tensorflow_there_is_no_conversion(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ModuleNotFoundError('No module named tensorflow')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="TensorFlow is not installed"):
        convert_apart(network, tmp_path / "converted", 10)


def test_a_conversion_that_takes_too_long_is_given_up(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "SECONDS", 0.01)
    with pytest.raises(EngineUnavailable, match="Publish the model again"):
        convert_apart(network, tmp_path / "converted", 10)


def test_a_conversion_that_dies_says_how(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('out of luck')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(EngineUnavailable, match="status 1: out of luck"):
        convert_apart(network, tmp_path / "converted", 10)
