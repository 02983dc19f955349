from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from digitmill.errors import EngineUnavailable
from digitmill.models import choice
from digitmill.models.choice import KERAS, OPENVINO_BF16, OPENVINO_F32, OPENVINO_INT8, Choice, choose
from digitmill.models.manifest import Artifacts, EngineAgreement, Manifest
from digitmill.settings import DeviceName, EngineName, PrecisionName
from tests.models.published import manifest_of, openvino_of


@dataclass(frozen=True)
class Machine:
    gpu: bool = False
    openvino: bool = True
    bf16: bool = True


FILES = openvino_of("0" * 64, "1" * 64, PrecisionName.INT8)


def agreeing(*choices: Choice, int8: Artifacts | None = None) -> Manifest:
    return manifest_of(
        b"weights",
        artifacts=int8 or {},
        engines=tuple(
            EngineAgreement(engine=engine, precision=precision, images=9, same_labels=9, largest_difference=0.001)
            for engine, precision in choices
        ),
    )


BOTH = agreeing(OPENVINO_F32, OPENVINO_BF16)
F32_ALONE = agreeing(OPENVINO_F32)
NEITHER = agreeing()
ALL = agreeing(OPENVINO_F32, OPENVINO_BF16, OPENVINO_INT8, int8=FILES)
INT8_DIFFERS = agreeing(OPENVINO_F32, OPENVINO_BF16, int8=FILES)


def chosen(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, manifest: Manifest, engine: str, device: str, precision: str
) -> Choice:
    monkeypatch.setattr(choice, "gpu_at_hand", lambda: machine.gpu)
    monkeypatch.setattr(choice, "openvino_installed", lambda: machine.openvino)
    monkeypatch.setattr(choice, "has_bf16", lambda: machine.bf16)
    return choose(manifest, EngineName(engine), DeviceName(device), PrecisionName(precision))


@pytest.mark.parametrize(
    ("machine", "manifest", "device", "expected"),
    [
        (Machine(), BOTH, "auto", OPENVINO_BF16),
        (Machine(), BOTH, "cpu", OPENVINO_BF16),
        (Machine(bf16=False), BOTH, "auto", OPENVINO_F32),
        (Machine(), ALL, "auto", OPENVINO_INT8),
        (Machine(bf16=False), ALL, "auto", OPENVINO_INT8),
        (Machine(gpu=True), ALL, "auto", KERAS),
        (Machine(), INT8_DIFFERS, "auto", OPENVINO_BF16),
        (Machine(bf16=False), INT8_DIFFERS, "auto", OPENVINO_F32),
        (Machine(), F32_ALONE, "auto", OPENVINO_F32),
        (Machine(), NEITHER, "auto", KERAS),
        (Machine(), agreeing(OPENVINO_BF16), "auto", KERAS),
        (Machine(openvino=False), BOTH, "auto", KERAS),
        (Machine(gpu=True), BOTH, "auto", KERAS),
        (Machine(gpu=True), BOTH, "gpu", KERAS),
        (Machine(gpu=True), BOTH, "cpu", OPENVINO_BF16),
        (Machine(), BOTH, "gpu", KERAS),
    ],
)
def test_auto_takes_the_fastest_that_is_there_and_agrees(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, manifest: Manifest, device: str, expected: Choice
) -> None:
    assert chosen(monkeypatch, machine, manifest, "auto", device, "auto") == expected


@pytest.mark.parametrize("machine", [Machine(), Machine(openvino=False), Machine(gpu=True), Machine(bf16=False)])
@pytest.mark.parametrize("manifest", [BOTH, NEITHER])
@pytest.mark.parametrize(
    ("engine", "precision", "expected"),
    [
        ("keras", "auto", KERAS),
        ("keras", "f32", KERAS),
        ("openvino", "f32", OPENVINO_F32),
        ("openvino", "bf16", OPENVINO_BF16),
    ],
)
def test_what_is_named_is_taken_on_every_machine(
    monkeypatch: pytest.MonkeyPatch,
    machine: Machine,
    manifest: Manifest,
    engine: str,
    precision: str,
    expected: Choice,
) -> None:
    assert chosen(monkeypatch, machine, manifest, engine, "cpu", precision) == expected


@pytest.mark.parametrize("engine", ["auto", "openvino"])
def test_int8_that_is_named_is_taken_where_the_model_has_it(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    assert chosen(monkeypatch, Machine(), INT8_DIFFERS, engine, "cpu", "int8") == OPENVINO_INT8
    with pytest.raises(EngineUnavailable, match="published without int8"):
        chosen(monkeypatch, Machine(), BOTH, engine, "cpu", "int8")


def test_a_named_engine_leaves_the_precision_to_the_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, Machine(), BOTH, "openvino", "auto", "auto") == OPENVINO_BF16
    assert chosen(monkeypatch, Machine(), NEITHER, "openvino", "auto", "auto") == OPENVINO_F32
    assert chosen(monkeypatch, Machine(gpu=True), NEITHER, "openvino", "auto", "auto") == OPENVINO_F32


def test_a_named_precision_leaves_the_engine_to_the_manifest(monkeypatch: pytest.MonkeyPatch) -> None:
    assert chosen(monkeypatch, Machine(), BOTH, "auto", "auto", "f32") == OPENVINO_F32
    assert chosen(monkeypatch, Machine(), NEITHER, "auto", "auto", "f32") == KERAS
    assert chosen(monkeypatch, Machine(), NEITHER, "auto", "auto", "bf16") == OPENVINO_BF16


@pytest.mark.parametrize(
    ("machine", "engine", "device", "precision", "setting"),
    [
        (Machine(), "openvino", "gpu", "auto", "DIGITMILL_DEVICE"),
        (Machine(), "keras", "cpu", "bf16", "DIGITMILL_PRECISION"),
        (Machine(), "keras", "cpu", "int8", "DIGITMILL_PRECISION"),
        (Machine(), "auto", "gpu", "bf16", "DIGITMILL_PRECISION"),
        (Machine(gpu=True), "auto", "auto", "bf16", "DIGITMILL_PRECISION"),
    ],
)
def test_what_does_not_go_together_is_an_error(
    monkeypatch: pytest.MonkeyPatch, machine: Machine, engine: str, device: str, precision: str, setting: str
) -> None:
    with pytest.raises(EngineUnavailable, match=setting):
        chosen(monkeypatch, machine, BOTH, engine, device, precision)


@pytest.mark.parametrize(
    ("files", "packages", "expected"),
    [
        (["nvidia0", "nvidiactl"], {"nvidia"}, True),
        (["nvidia0"], set(), False),
        (["nvidiactl", "null"], {"nvidia"}, False),
    ],
    ids=["a GPU and CUDA", "no CUDA", "no GPU"],
)
def test_a_gpu_is_at_hand_when_tensorflow_could_use_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, files: list[str], packages: set[str], expected: bool
) -> None:
    for name in files:
        (tmp_path / name).touch()
    monkeypatch.setattr(choice, "DEVICES", tmp_path)
    monkeypatch.setattr(choice, "find_spec", lambda name: name if name in packages else None)
    assert choice.gpu_at_hand() is expected


@pytest.mark.parametrize("packages", [{"openvino"}, set()], ids=str)
def test_openvino_is_looked_for_without_loading_it(monkeypatch: pytest.MonkeyPatch, packages: set[str]) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda name: name if name in packages else None)
    assert choice.openvino_installed() is bool(packages)
