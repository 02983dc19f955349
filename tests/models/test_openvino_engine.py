from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from digitmill.errors import EngineUnavailable, ModelRejected
from digitmill.models.engines import openvino
from digitmill.models.engines.base import Converted
from digitmill.models.engines.openvino import SURE, OpenVinoEngine
from digitmill.models.engines.quantisation import quantise_apart
from digitmill.settings import PrecisionName
from tests.models.published import random_images

# Loads the built-in model as a worker does and tells what that did to the process.
SCRIPT = """
import json, os, sys, threading
from contextlib import suppress
from pathlib import Path
import numpy as np
import worker.process
from digitmill.models.registry import Registry
from digitmill.models.runtime import load_model
from digitmill.settings import EngineName
calls = []
sys.addaudithook(lambda event, _: calls.append(event) if event.startswith(("socket.", "subprocess.")) else None)
registry = Registry("memory://nothing", Path("unused"))
model = load_model(registry, registry.default().reference, engine=EngineName.OPENVINO)
model.warm_up()
cores, over = set(), threading.Event()
def watch():
    while not over.wait(0.002):
        for thread in os.listdir("/proc/self/task"):
            with suppress(ProcessLookupError):
                cores.add(tuple(sorted(os.sched_getaffinity(int(thread)))))
watcher = threading.Thread(target=watch)
watcher.start()
while not cores:
    model.predict(np.zeros((2000, 28, 28), np.uint8))
over.set()
watcher.join()
print(json.dumps({"modules": sorted(sys.modules), "calls": calls, "engine": model.engine.name, "cores": sorted(cores)}))
"""


def load(files: Converted, *, precision: PrecisionName = PrecisionName.F32, classes: int = 10) -> OpenVinoEngine:
    return OpenVinoEngine(files, classes=classes, precision=precision, threads=1)


def test_a_worker_on_openvino_loads_no_other_framework_calls_nobody_and_stays_on_all_its_cores(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | {"HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False, timeout=120, env=environment
    )
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["engine"] == "openvino"
    assert "openvino" in told["modules"]
    assert not {"tensorflow", "keras", "openvino_telemetry.main"} & set(told["modules"])
    assert told["calls"] == []
    assert list(tmp_path.iterdir()) == []
    assert told["cores"] == [sorted(os.sched_getaffinity(0))], "threads pinned to a core make processes share it"


def test_in_bf16_the_doubtful_rows_are_those_of_f32(converted: Converted) -> None:
    if not openvino.has_bf16():
        pytest.skip("this CPU has no bf16 arithmetic")
    images = random_images(300)
    exact = load(converted).probabilities(images)
    mixed = load(converted, precision=PrecisionName.BF16).probabilities(images)
    sure = mixed.max(axis=1) >= SURE
    np.testing.assert_array_equal(mixed[exact.max(axis=1) < 0.98], exact[exact.max(axis=1) < 0.98])
    assert sure.any()
    assert (mixed[sure] != exact[sure]).any(), "without a difference bf16 was not used"
    np.testing.assert_allclose(mixed, exact, atol=0.005)


def test_in_int8_the_doubtful_rows_are_those_of_f32(converted: Converted, quantised: Converted) -> None:
    images = random_images(300)
    exact = load(converted).probabilities(images)
    engine = OpenVinoEngine(converted, classes=10, precision=PrecisionName.INT8, threads=1, int8=quantised, sure=0.9999)
    mixed = engine.probabilities(images)
    sure = mixed.max(axis=1) >= 0.9999
    assert (mixed[sure] != exact[sure]).any(), "without a difference int8 was not used"
    np.testing.assert_array_equal(mixed[~sure], exact[~sure])


def test_a_row_may_ask_to_be_surer_before_int8_is_trusted(converted: Converted, quantised: Converted) -> None:
    images = random_images(300)
    exact = load(converted).probabilities(images)
    engine = OpenVinoEngine(converted, classes=10, precision=PrecisionName.INT8, threads=1, int8=quantised)
    fast = engine.probabilities(images)
    asked = np.arange(300) < 150
    mixed = engine.probabilities(images, np.where(asked, 1.1, 0.0))
    assert (fast[asked] != exact[asked]).any(), "without a difference int8 was not used"
    np.testing.assert_array_equal(mixed[asked], exact[asked])
    np.testing.assert_array_equal(mixed[~asked], fast[~asked])


def test_int8_without_its_files_is_an_error(converted: Converted) -> None:
    with pytest.raises(EngineUnavailable, match="DIGITMILL_PRECISION"):
        load(converted, precision=PrecisionName.INT8)


def test_a_model_that_cannot_be_quantised_is_an_error(converted: Converted, tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="could not be quantised"):
        quantise_apart(Converted(tmp_path / "no.xml", tmp_path / "no.bin"), converted, random_images(20))


def test_bf16_on_a_cpu_that_lacks_it_is_an_error(converted: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "_computes_bf16", lambda _: False)
    with pytest.raises(EngineUnavailable, match="DIGITMILL_PRECISION"):
        load(converted, precision=PrecisionName.BF16)


def test_a_missing_openvino_is_an_error(converted: Converted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EngineUnavailable, match="DIGITMILL_ENGINE"):
        load(converted)


@pytest.mark.parametrize("content", [b"", b"no graph", b"<?xml version='1.0'?><net/>"], ids=repr)
def test_a_broken_graph_is_refused(converted: Converted, tmp_path: Path, content: bytes) -> None:
    graph = tmp_path / "model.xml"
    graph.write_bytes(content)
    with pytest.raises(ModelRejected, match="Publish the model again"):
        load(Converted(graph, converted.weights))


def test_truncated_weights_are_refused(converted: Converted, tmp_path: Path) -> None:
    weights = tmp_path / "model.bin"
    weights.write_bytes(converted.weights.read_bytes()[:100])
    with pytest.raises(ModelRejected, match="Publish the model again"):
        load(Converted(converted.graph, weights))


def test_another_number_of_classes_is_refused(converted: Converted) -> None:
    with pytest.raises(ModelRejected, match="11"):
        load(converted, classes=11)
