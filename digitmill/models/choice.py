"""Which engine and precision answer: what the settings name, and where they say ``auto`` the fastest that is right."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from digitmill.errors import EngineUnavailable
from digitmill.models.engines.openvino import has_bf16
from digitmill.models.manifest import Manifest
from digitmill.settings import DeviceName, EngineName, PrecisionName

Choice = tuple[EngineName, PrecisionName]

DEVICES = Path("/dev")
KERAS = (EngineName.KERAS, PrecisionName.F32)
OPENVINO_F32 = (EngineName.OPENVINO, PrecisionName.F32)
OPENVINO_BF16 = (EngineName.OPENVINO, PrecisionName.BF16)
OPENVINO_INT8 = (EngineName.OPENVINO, PrecisionName.INT8)


def choose(manifest: Manifest, engine: EngineName, device: DeviceName, precision: PrecisionName) -> Choice:
    """The engine and the precision to load, neither of them ``auto``.

    What is named is taken or refused, never replaced. Of what is left open, OpenVINO is taken where it is
    installed, no GPU is at hand and the manifest says that it answers as Keras does; likewise int8 where the model was
    published with it, else bf16 where this CPU computes in it.

    Raises:
        EngineUnavailable: the settings name things that do not go together.
    """
    if engine is EngineName.AUTO:
        engine = _engine(manifest, device, precision)
    if engine is EngineName.KERAS:
        if precision in (PrecisionName.BF16, PrecisionName.INT8):
            raise EngineUnavailable(
                "Keras computes in f32 here. Set DIGITMILL_PRECISION to auto or f32, or DIGITMILL_ENGINE to openvino."
            )
        return KERAS
    if device is DeviceName.GPU:
        raise EngineUnavailable(
            "OpenVINO runs on the CPU here. Set DIGITMILL_DEVICE to cpu or auto, or DIGITMILL_ENGINE to keras."
        )
    if precision is PrecisionName.INT8 and not manifest.artifact(*OPENVINO_INT8):
        raise EngineUnavailable(
            f"{manifest.label} was published without int8. Set DIGITMILL_PRECISION to auto, or publish the model again "
            "with `python -m training publish`."
        )
    return _fastest(manifest) if precision is PrecisionName.AUTO else (engine, precision)


def _fastest(manifest: Manifest) -> Choice:
    if manifest.artifact(*OPENVINO_INT8) and manifest.agrees(*OPENVINO_INT8):
        return OPENVINO_INT8
    if manifest.agrees(*OPENVINO_BF16) and has_bf16():
        return OPENVINO_BF16
    return OPENVINO_F32


def _engine(manifest: Manifest, device: DeviceName, precision: PrecisionName) -> EngineName:
    if device is DeviceName.GPU or (device is DeviceName.AUTO and gpu_at_hand()):
        return EngineName.KERAS
    if precision in (PrecisionName.BF16, PrecisionName.INT8):
        return EngineName.OPENVINO
    if openvino_installed() and manifest.agrees(*OPENVINO_F32):
        return EngineName.OPENVINO
    return EngineName.KERAS


def gpu_at_hand() -> bool:
    """Whether TensorFlow would find an NVIDIA GPU, told without loading it: by the GPU's device file, and by the
    CUDA packages of requirements-gpu.txt. (/proc/driver/nvidia is there in every container of such a host.)
    """
    return find_spec("nvidia") is not None and any(DEVICES.glob("nvidia[0-9]*"))


def openvino_installed() -> bool:
    return find_spec("openvino") is not None
