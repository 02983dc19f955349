from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from digitmill.errors import EngineUnavailable, ModelRejected
from digitmill.models.engines.keras import BATCH_SIZES, KerasEngine
from digitmill.settings import DeviceName
from tests.models.published import save_network


def load(path: Path, *, threads: int = 1) -> KerasEngine:
    return KerasEngine(path, classes=10, device=DeviceName.CPU, threads=threads)


@pytest.fixture(scope="module")
def engine(network: Path) -> KerasEngine:
    return load(network)


def test_warming_up_compiles_nothing_new(engine: KerasEngine) -> None:
    engine.warm_up()
    assert set(engine._functions) == set(BATCH_SIZES)


def test_another_number_of_threads_is_refused_once_tensorflow_runs(engine: KerasEngine, network: Path) -> None:
    engine.warm_up()
    with pytest.raises(EngineUnavailable, match="same device and number of threads"):
        load(network, threads=2)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes(b"no model")
    with pytest.raises(ModelRejected, match=r"not a \.keras file"):
        load(path)


def test_the_old_h5_format_is_refused(network: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(network.read_bytes())
    with pytest.raises(ModelRejected, match=r"not a \.keras file"):
        load(path)


def test_an_archive_without_a_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "no model")
    with pytest.raises(ModelRejected, match="cannot load"):
        load(path)


def test_a_truncated_model_is_refused(network: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(network) as whole, zipfile.ZipFile(path, "w") as cut:
        for name in whole.namelist():
            content = whole.read(name)
            cut.writestr(name, content[: len(content) // 2] if name.endswith(".h5") else content)
    with pytest.raises(ModelRejected, match="cannot load"):
        load(path)


def test_a_model_that_brings_code_is_refused(network: Path, tmp_path: Path) -> None:
    import keras

    marker = tmp_path / "code-ran"
    code = eval(f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]")
    pixels = keras.Input((28, 28, 1))
    hidden = keras.layers.Lambda(code, output_shape=(28, 28, 1))(pixels)
    answer = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(hidden))
    path = tmp_path / "model.keras"
    keras.Model(pixels, answer).save(path)
    marker.unlink(missing_ok=True)
    with pytest.raises(ModelRejected, match="no Lambda"):
        load(path)
    assert not marker.exists()


@pytest.mark.parametrize(("side", "classes"), [(32, 10), (28, 11)])
def test_a_network_of_another_shape_is_refused(tmp_path: Path, side: int, classes: int) -> None:
    path = save_network(tmp_path / "model.keras", side=side, classes=classes)
    with pytest.raises(ModelRejected, match="28, 28"):
        load(path)


def test_a_missing_tensorflow_is_an_error(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(EngineUnavailable, match=r"digitmill\[train\]"):
        load(network)


def test_naming_the_engines_loads_no_framework() -> None:
    code = "import sys, digitmill.models.runtime; print({'tensorflow', 'keras', 'openvino'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout == "set()\n"
